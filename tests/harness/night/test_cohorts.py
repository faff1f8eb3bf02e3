"""Accepted changes: written whole, read back, and never two states in one block."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harness import folder as folders
from harness.cohorts import Cohort, accept, protocol_differences, read_cohorts
from harness.errors import NightFolderError
from harness.events import Event, RunSettled, Trouble
from harness.folder import OpenNight
from harness.host import Host
from harness.night import night
from harness.protocol_model import Protocol
from harness.record import NightFolder, Validity, read_json, write_json
from harness.stop import Stop

Begin = Callable[..., NightFolder]


@pytest.fixture
def opened(begin: Begin) -> OpenNight:
    return folders.read(begin().root)


def second(opened: OpenNight, **changes: Any) -> Cohort:
    first = opened.cohorts[0]
    host = dataclasses.replace(first.host, packages={"numpy": "2.1"})
    return Cohort(2, 5, host, first.protocol, first.protocol_sha256, first.sources, ("numpy: was 2.0, is now 2.1",))


def test_a_night_begins_with_one_cohort(opened: OpenNight) -> None:
    (first,) = opened.cohorts
    assert (1, (), opened.host, opened.protocol) == (first.number, first.changes, first.host, first.protocol)


def test_an_accepted_cohort_reads_back_as_it_was(opened: OpenNight) -> None:
    new = second(opened)
    accept(opened.folder, opened.cohorts, new)
    assert (*opened.cohorts, new) == folders.read(opened.folder.root).cohorts
    assert ("package numpy: was 2.0, is now 2.1",) == opened.cohorts[0].differences(new.protocol, new.host)
    assert () == new.differences(new.protocol, new.host)


def test_a_script_that_changed_is_copied_beside_the_old_one(opened: OpenNight, tmp_path: Path, host: Host) -> None:
    script = tmp_path / "work.py"
    script.write_text("print(2)\n")
    changed = dataclasses.replace(host, sources={"work.py": "0123"})
    new = dataclasses.replace(second(opened), host=changed, sources={"work.py": script})
    accept(opened.folder, opened.cohorts, new)
    assert "print(2)\n" == (opened.folder.sources / "cohort-2" / "work.py").read_text()


def test_a_change_that_cannot_be_written_is_one_error_and_no_cohort(
    opened: OpenNight, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.cohorts.write_json", full)
    with pytest.raises(NightFolderError, match="No space left"):
        accept(opened.folder, opened.cohorts, second(opened))
    assert not opened.folder.cohorts.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"cohorts": [{}]}', '{"cohorts": [{"cohort": 3}]}', '{"cohorts": 1}'])
def test_a_damaged_file_of_cohorts_is_named(opened: OpenNight, content: str) -> None:
    opened.folder.cohorts.write_text(content)
    with pytest.raises(NightFolderError, match=r"cohorts\.json cannot be read") as caught:
        read_cohorts(opened.folder, opened.cohorts[0])
    assert str(opened.folder.cohorts) == caught.value.where


def test_a_cohort_that_is_missing_is_damage(opened: OpenNight) -> None:
    accept(opened.folder, opened.cohorts, second(opened))
    body = read_json(opened.folder.cohorts)
    body["cohorts"][0]["cohort"] = 3
    write_json(opened.folder.cohorts, body)
    with pytest.raises(NightFolderError, match="numbered from 2"):
        folders.read(opened.folder.root)


def test_protocols_differ_key_by_key(protocol_body: dict[str, Any]) -> None:
    before = Protocol.model_validate(protocol_body)
    body = {**protocol_body, "night": {"attempts": 3}, "cooldown": {"minimum_s": 5.0}}
    found = protocol_differences(before, Protocol.model_validate(body))
    assert "protocol night.attempts: was 2, is now 3" in found
    assert "protocol cooldown.minimum_s: was not there when the night began, is now 5.0" in found
    assert () == protocol_differences(before, before)


def in_cohort(folder: NightFolder, number: int) -> OpenNight:
    return dataclasses.replace(folders.read(folder.root), cohort=number)


def walk(opened: OpenNight, script: Any) -> list[Event]:
    with closing(Stop()) as stop:
        return list(night(opened, stop, resumed=True, execute=script))


def test_a_block_that_would_hold_two_cohorts_is_begun_anew(begin: Begin, script: Any) -> None:
    folder = begin()
    script.stop_after = 4
    walk(in_cohort(folder, 1), script)
    script.stop_after = None
    events = walk(in_cohort(folder, 2), script)
    assert any(isinstance(event, Trouble) and "in the middle of block 2" in event.what for event in events)
    assert [2] * 4 == [event.record.cohort for event in events if isinstance(event, RunSettled)]
    superseded = [
        record
        for path in folder.settled().values()
        if (record := folders.record_of(path)).validity is Validity.SUPERSEDED
    ]
    assert [(2, 1)] == [(record.block, record.cohort) for record in superseded]
    assert "something changed, and was accepted" in superseded[0].verdicts[-1].evidence


def test_whole_blocks_of_another_cohort_stay(begin: Begin, script: Any) -> None:
    folder = begin()
    script.stop_after = 5
    walk(in_cohort(folder, 1), script)
    script.stop_after = None
    events = walk(in_cohort(folder, 2), script)
    assert 2 == sum(isinstance(event, RunSettled) for event in events)


def test_an_order_without_blocks_goes_on_in_the_new_cohort(begin: Begin, script: Any) -> None:
    folder = begin(design={"blocks": 3, "seed": 1, "order": "shuffle"})
    script.stop_after = 3
    walk(in_cohort(folder, 1), script)
    script.stop_after = None
    events = walk(in_cohort(folder, 2), script)
    assert [2] * 4 == [event.record.cohort for event in events if isinstance(event, RunSettled)]


def test_a_run_that_cannot_be_superseded_stops_the_night_with_the_remedy(
    begin: Begin, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = begin()
    script.stop_after = 2
    walk(in_cohort(folder, 1), script)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.folder.write_json", full)
    with pytest.raises(NightFolderError, match="No space left on device") as caught:
        walk(in_cohort(folder, 2), script)
    assert "make room" in caught.value.remedy
