"""Night folders: made whole or not at all; what is foreign or damaged is named and left alone."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import folder as folders
from harness.errors import ExitCode, NightFolderError, UsageError
from harness.host import Host
from harness.plan import make_plan
from harness.protocol_model import Protocol
from harness.record import NightFolder, RunRecord, Validity, read_json, write_json

Begin = Callable[..., NightFolder]
Record = Callable[..., RunRecord]


def settle(folder: NightFolder, record: RunRecord) -> Path:
    path = folder.runs / f"{record.slot}-a{record.attempt}-{record.configuration}"
    path.mkdir()
    write_json(path / "run.json", record.to_json())
    return path


@pytest.fixture
def begun(begin: Begin) -> NightFolder:
    return begin()


@pytest.fixture
def first(begun: NightFolder, record: Record) -> RunRecord:
    """A record that fits the plan's first slot."""
    slot = folders.read(begun.root).plan.slots[0]
    return record(slot.key, configuration=slot.configuration)


def test_a_begun_night_reads_back_as_it_was_planned(begun: NightFolder, host: Host) -> None:
    opened = folders.read(begun.root)
    assert host == opened.host
    assert make_plan(opened.protocol) == opened.plan
    assert () == opened.outcomes == opened.used == opened.partial
    assert not opened.rehearsal


def test_its_name_holds_date_file_and_four_digits(begun: NightFolder) -> None:
    import re

    assert re.fullmatch(r"\d{4}-\d\d-\d\d-arms-[0-9a-f]{4}", begun.root.name)
    assert [begun.root.name] == [path.name for path in begun.root.parent.iterdir()]


def test_the_protocol_is_copied_byte_by_byte(begun: NightFolder, tmp_path: Path) -> None:
    assert (tmp_path / "arms.toml").read_bytes() == begun.protocol.read_bytes()


def test_the_scripts_of_every_configuration_are_copied(tmp_path: Path, host: Host) -> None:
    for name in ("a", "b", "heat"):
        (tmp_path / f"{name}.sh").write_text(f"# {name}\n")
    file = tmp_path / "arms.toml"
    file.write_text("")
    protocol = Protocol.model_validate(
        {
            "title": "Which?",
            "workload": {"command": ("sh", "{arm}.sh")},
            "factors": {"arm": ("a", "b")},
            "warmup": {"command": ("sh", "heat.sh"), "duration_s": 1.0},
        }
    )
    plan = make_plan(protocol)
    sources = folders.script_sources(protocol, plan, file)
    night = folders.begin(file, protocol, plan, host, out=tmp_path / "out", sources=sources)
    assert ["a.sh", "b.sh", "heat.sh"] == sorted(path.name for path in night.sources.iterdir())
    assert {"a.sh", "b.sh", "heat.sh"} == set(folders.read(night.root).sources)


def test_a_results_folder_that_cannot_be_written_is_one_clear_error(
    tmp_path: Path, protocol_body: dict[str, Any], host: Host
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    (tmp_path / "arms.toml").write_text("")
    protocol = Protocol.model_validate(protocol_body)
    with pytest.raises(UsageError, match="no night can be begun there") as caught:
        folders.begin(tmp_path / "arms.toml", protocol, make_plan(protocol), host, out=blocked / "results")
    assert ExitCode.USAGE == caught.value.exit_code
    assert str(blocked) in caught.value.where
    assert "--out" in caught.value.remedy


def test_a_night_that_cannot_be_made_whole_leaves_nothing(
    tmp_path: Path, protocol_body: dict[str, Any], host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "arms.toml").write_text("")
    protocol = Protocol.model_validate(protocol_body)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "write_json", full)
    with pytest.raises(UsageError, match="No space left"):
        folders.begin(tmp_path / "arms.toml", protocol, make_plan(protocol), host, out=tmp_path / "results")
    assert [] == list((tmp_path / "results").iterdir())


@pytest.mark.parametrize("name", ["plan.json", "host.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null", '"text"'])
def test_a_truncated_or_foreign_file_of_the_night_is_named(begun: NightFolder, name: str, content: str) -> None:
    (begun.root / name).write_text(content)
    with pytest.raises(NightFolderError) as caught:
        folders.read(begun.root)
    assert str(begun.root / name) == caught.value.where


def test_a_folder_that_is_no_night_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NightFolderError, match="holds no plan"):
        folders.read(tmp_path)
    with pytest.raises(NightFolderError, match="no such folder"):
        folders.read(tmp_path / "absent")


def test_a_night_of_a_newer_nightwatt_is_refused(begun: NightFolder) -> None:
    write_json(begun.plan, {**read_json(begun.plan), "schema": 99})
    with pytest.raises(NightFolderError, match="schema 99"):
        folders.read(begun.root)


def test_a_night_without_its_protocol_is_refused(begun: NightFolder) -> None:
    begun.protocol.unlink()
    with pytest.raises(NightFolderError, match="lost its protocol"):
        folders.read(begun.root)


def test_a_run_copied_in_from_another_night_of_the_same_protocol_is_foreign(
    begun: NightFolder, first: RunRecord
) -> None:
    settle(begun, dataclasses.replace(first, night=begun.root.name))
    folders.read(begun.root)
    other = dataclasses.replace(first, slot="b01-2", position=2, configuration="b", night="2026-11-19-arms-0000")
    slots = {slot.key: slot.configuration for slot in folders.read(begun.root).plan.slots}
    path = settle(begun, dataclasses.replace(other, configuration=slots["b01-2"]))
    with pytest.raises(NightFolderError, match="it is a run of the night 2026-11-19-arms-0000") as caught:
        folders.read(begun.root)
    assert str(path) == caught.value.where


def test_a_truncated_record_is_named_and_the_run_stays_as_it_is(begun: NightFolder, first: RunRecord) -> None:
    path = settle(begun, first)
    file = path / "run.json"
    file.write_bytes(file.read_bytes()[:100])
    before = file.read_bytes()
    with pytest.raises(NightFolderError, match="record is damaged") as caught:
        folders.read(begun.root)
    assert str(file) == caught.value.where
    assert f"mv {path} {path}.damaged" in caught.value.remedy
    assert before == file.read_bytes()


def test_a_run_set_aside_as_damaged_is_passed_over_and_its_attempt_stays_used(
    begun: NightFolder, first: RunRecord
) -> None:
    path = settle(begun, first)
    (path / "run.json").write_text("{")
    path.rename(path.with_name(path.name + ".damaged"))
    opened = folders.read(begun.root)
    assert () == opened.outcomes
    assert ((first.slot, 1),) == opened.used


def test_what_interruptions_left_is_known_by_its_name(begun: NightFolder, first: RunRecord) -> None:
    stem = f"{first.slot}-a1-{first.configuration}"
    for ending in (".interrupted", ".interrupted-2", ".partial"):
        (begun.runs / f"{stem}{ending}").mkdir()
    opened = folders.read(begun.root)
    assert (begun.runs / f"{stem}.partial",) == opened.partial


@pytest.mark.parametrize("name", ["notes.txt", "runs/holiday", "runs/b01-1-a1-a.copy", "runs/b77-1-a1-a"])
def test_something_foreign_is_named_and_left_where_it_is(begun: NightFolder, name: str) -> None:
    (begun.root / name).mkdir()
    with pytest.raises(NightFolderError, match="foreign") as caught:
        folders.read(begun.root)
    assert str(begun.root / name) == caught.value.where
    assert (begun.root / name).is_dir()


def test_hidden_files_and_the_nights_own_are_not_foreign(begun: NightFolder) -> None:
    for name in (".DS_Store", "lock", "console.log", "plan.json.aside"):
        (begun.root / name).write_text("")
    begun.report.mkdir()
    folders.read(begun.root)


def test_a_record_of_another_slot_is_foreign(begun: NightFolder, first: RunRecord) -> None:
    path = settle(begun, first)
    body = read_json(path / "run.json")
    write_json(path / "run.json", {**body, "slot": "b03-1"})
    with pytest.raises(NightFolderError, match="record of b03-1"):
        folders.read(begun.root)


@pytest.mark.parametrize(
    ("key", "value"),
    [("block", "1"), ("attempt", [1]), ("started_ns", None), ("reason", 5), ("slot", {}), ("exit_code", "0"),
     ("start_temperature_C", 40), ("gap_s", "long"), ("window", {"name": "train", "begin_ns": "0", "end_ns": 1})],
)  # fmt: skip
def test_a_record_with_a_value_of_another_type_is_damaged(
    begun: NightFolder, first: RunRecord, key: str, value: object
) -> None:
    path = settle(begun, first)
    write_json(path / "run.json", {**read_json(path / "run.json"), key: value})
    with pytest.raises(NightFolderError, match="record is damaged") as caught:
        folders.read(begun.root)
    assert str(path / "run.json") == caught.value.where


@pytest.mark.parametrize("content", [None, b"", b"PAR1", b"PAR1 cut sho", b"t_ns,channel,value\n"])
def test_samples_that_are_cut_short_or_gone_are_named(
    begun: NightFolder, first: RunRecord, content: bytes | None
) -> None:
    path = settle(begun, dataclasses.replace(first, rows=3))
    if content is not None:
        (path / "samples.parquet").write_bytes(content)
    with pytest.raises(NightFolderError, match="this run's samples") as caught:
        folders.read(begun.root)
    assert str(path / "samples.parquet") == caught.value.where
    assert f"mv {path} {path}.damaged" in caught.value.remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [("block", "../../x"), ("position", None), ("configuration", 5), ("configuration", "none of it"), ("baseline", 1)],
)
def test_a_slot_that_is_none_makes_the_plan_unreadable(begun: NightFolder, key: str, value: object) -> None:
    body = read_json(begun.plan)
    body["slots"][0][key] = value
    write_json(begun.plan, body)
    with pytest.raises(NightFolderError, match=r"it is not a plan .*slot 1") as caught:
        folders.read(begun.root)
    assert str(begun.plan) == caught.value.where


@pytest.mark.parametrize(("key", "value"), [("title", None), ("order", 3), ("seed", "x")])
def test_a_plan_with_a_value_of_another_type_is_unreadable(begun: NightFolder, key: str, value: object) -> None:
    write_json(begun.plan, {**read_json(begun.plan), key: value})
    with pytest.raises(NightFolderError, match=f"its {key} is no {key}"):
        folders.read(begun.root)


def test_a_link_out_of_the_night_is_foreign(begun: NightFolder, first: RunRecord, tmp_path: Path) -> None:
    path = settle(begun, first)
    shutil.move(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NightFolderError, match="foreign"):
        folders.read(begun.root)


def test_superseding_keeps_everything_that_the_record_said(begun: NightFolder, first: RunRecord) -> None:
    path = settle(begun, first)
    folders.supersede(path, "its block stood still", 7200.0, 1800.0)
    after = folders.record_of(path)
    assert Validity.SUPERSEDED is after.validity
    assert (first.status, first.started_ns, first.levels) == (after.status, after.started_ns, after.levels)
    (verdict,) = after.verdicts
    assert ("superseded", 7200.0, 1800.0, "s") == (verdict.name, verdict.figure, verdict.limit, verdict.unit)
