"""Attempts that are no settled runs: named in a table of their own, with what is in them and why nothing else is."""

from __future__ import annotations

import json

from analysis.joined import join
from analysis.listings import attempts
from analysis.load import load
from analysis.tables import render


def leave(runs, name, **files):
    """A folder that was set aside, with these files."""
    folder = runs / name
    folder.mkdir()
    for file, content in files.items():
        (folder / file.replace("_", ".")).write_text(content)


def test_an_attempt_whose_sealing_failed_is_named_with_what_is_in_it_and_why_nothing_else_is(simulate):
    made = simulate(blocks=2)
    runs = made.path / "runs"
    name = made.folder("b01-1").name
    configuration = next(run.configuration for run in made.runs if run.slot == "b01-1")
    leave(runs, f"{name}.interrupted", samples_csv="1,gpu0.power_W,2\n", marks_jsonl="", why_json='{"why": "no space"}')
    leave(runs, f"{name}.interrupted-2", run_json=json.dumps({"status": "interrupted", "reason": "it was stopped"}))
    leave(runs, "b07-1-a1-foreign.interrupted")
    leave(runs, "b02-1-a9-x.partial", samples_csv="1")
    leave(runs, "b02-1-a8-x.damaged", run_json="{")
    leave(runs, "notes.interrupted")
    night = load(made.path)
    found = {item.entry: (item.status, item.why, item.holds) for item in night.set_aside}
    no_record = "it was cut short before its record was written"
    assert {
        f"{name}.interrupted": ("no record", "no space", "samples.csv (17 B), why.json (19 B)"),
        f"{name}.interrupted-2": ("interrupted", "it was stopped", "run.json (53 B)"),
        "b07-1-a1-foreign.interrupted": ("no record", no_record, ""),
        "b02-1-a9-x.partial": (
            "no record",
            f"it is in progress, or was left when nightwatt was ended; {no_record}",
            "samples.csv (1 B)",
        ),
        "b02-1-a8-x.damaged": (
            "no record",
            "a person called it damaged; its run.json cannot be read",
            "run.json (1 B)",
        ),
    } == found
    frame = attempts.by_configuration(night).frame
    counts = dict(zip(frame.configuration, frame.set_aside, strict=True))
    assert 4 == sum(counts.values())
    assert counts[configuration] >= 2
    table = render(attempts.set_aside(night))["md"].decode()
    assert "of no slot of this night" in table
    assert "nothing but empty files" in table
    assert "has a settled run" in table
    assert 4 == len(night.runs)


def test_a_night_in_which_nothing_was_set_aside_has_no_such_column(simulate_once):
    night = load(simulate_once(blocks=2).path)
    assert () == night.set_aside
    assert "set aside" not in [column.head for column in attempts.by_configuration(night).columns]


def test_of_several_nights_what_was_set_aside_is_named_with_its_night_and_its_block_of_the_whole(simulate):
    first, second = (simulate(blocks=2, seed=seed) for seed in (1, 2))
    leave(second.path / "runs", "b01-1-a9-x.interrupted")
    [item] = join([first.path, second.path]).set_aside
    assert 3 == item.block
    assert item.entry.endswith("/b01-1-a9-x.interrupted")
