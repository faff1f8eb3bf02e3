"""Names of run folders: what they say, and what they can never be."""

from __future__ import annotations

import pytest

from harness.record import RunName, slug


def test_a_name_says_block_position_attempt_and_configuration() -> None:
    name = RunName(3, 2, 1, "float32")
    assert "b03-2-a1-float32" == str(name)
    assert name == RunName.parse("b03-2-a1-float32")


@pytest.mark.parametrize("ending", [".partial", ".interrupted", ".interrupted-2", ".damaged"])
def test_what_was_set_aside_is_no_settled_run(ending: str) -> None:
    assert RunName.parse(f"b03-2-a1-float32{ending}") is None


@pytest.mark.parametrize("level", ["x.partial", "x.interrupted", "x.interrupted-3", "x.damaged"])
def test_no_configuration_is_called_like_something_set_aside(level: str) -> None:
    name = RunName(1, 1, 1, slug(level))
    assert name == RunName.parse(str(name))


@pytest.mark.parametrize("level", ["../../etc", "/", "a b", "ä", "a" * 100, "", "..", "width=1,precision=float32"])
def test_a_slug_is_a_plain_name_whatever_the_level(level: str) -> None:
    name = slug(level)
    assert name
    assert len(name) <= 60
    assert "/" not in name
    assert not name.startswith(".")
    assert RunName(1, 1, 1, name) == RunName.parse(str(RunName(1, 1, 1, name)))


def test_different_levels_have_different_slugs() -> None:
    levels = ["a b", "a-b", "a/b", "a" * 61, "a" * 62, "x.partial", "x"]
    assert len(levels) == len({slug(level) for level in levels})
