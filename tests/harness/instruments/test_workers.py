"""Which device keeps a domain busy, and for how long."""

import pytest

from harness.instruments.workers import Workers

S = 1_000_000_000


@pytest.fixture
def workers(tmp_path):
    return Workers(tmp_path, 2)


def test_two_cards_at_work_together_count_once_for_what_they_stand_in(workers):
    cards, wall = [workers.card("gpu0"), workers.card("gpu1")], workers.of("wall")
    for second in range(5):
        for card in cards:
            card.take(second * S + S // 2, 90.0)
    cards[1].take(5 * S, 90.0)
    assert [4.0, 4.5] == [card.loaded_ns / S for card in cards]
    assert 4.5 == wall.loaded_ns / S
    assert ("gpu1", 90.0) == (wall.whose, wall.percent)


def test_what_was_between_two_readings_far_apart_nobody_knows(workers):
    card, wall = workers.card("gpu0"), workers.of("wall")
    card.take(S, 90.0)
    card.take(61 * S, 90.0)
    assert 5.0 == card.loaded_ns / S == wall.loaded_ns / S


def test_each_domain_has_its_own_workers(workers):
    card = workers.card("gpu0")
    assert card is workers.of("gpu0") is workers.of("gpu0-memory")
    assert workers.of("gpu1") is None is workers.of("amdgpu-ppt")
    assert workers.of("package-0") is workers.of("dram-1") is workers.of("core-0-die-1") is not workers.of("psys")
    assert workers.of("psys") is workers.of("wall-2") is workers.of("node")
    assert workers.of("wall", simulated=True) is None
