"""Commands that are told: with facts on their standard input, limited in time, and never worth a night."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from pathlib import Path

from harness.notify import notify
from harness.process_tree import members
from harness.stop import Stop

FACTS = {"event": "start", "subject": "it begins", "text": 'at "22:00" $(touch pwned)', "planned": 6}


def test_the_facts_come_as_json_on_standard_input(tmp_path: Path) -> None:
    assert [] == notify(["cat > facts.json"], FACTS, cwd=tmp_path)
    assert FACTS == json.loads((tmp_path / "facts.json").read_text())


def test_a_sentence_is_in_the_environment_and_is_nothing_to_be_executed(tmp_path: Path) -> None:
    command = 'printf %s "$NIGHTWATT_EVENT|$NIGHTWATT_SUBJECT|$NIGHTWATT_TEXT" > told'
    assert [] == notify([command], FACTS, cwd=tmp_path)
    assert 'start|it begins|at "22:00" $(touch pwned)' == (tmp_path / "told").read_text()
    assert ["told"] == [path.name for path in tmp_path.iterdir()]


def test_a_command_that_fails_is_a_word_with_its_last_line_and_the_others_are_told(tmp_path: Path) -> None:
    commands = ["echo no such server >&2; exit 7", "touch told"]
    (trouble,) = notify(commands, FACTS, cwd=tmp_path)
    assert trouble.what.startswith("nobody was told (start): 'echo no such server >&2; exit 7'")
    assert trouble.what.endswith("ended with exit code 7: no such server")
    assert (tmp_path / "told").exists()


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    (trouble,) = notify(["NIGHTWATT_TEST_TOLD=1 setsid sleep 60 & sleep 60"], FACTS, cwd=tmp_path, limit_s=0.3)
    assert trouble.what.endswith("was ended at its limit of 0.3 s")
    assert [] == members(b"NIGHTWATT_TEST_TOLD=1")


def test_a_command_that_leaves_a_process_behind_leaves_none(tmp_path: Path) -> None:
    assert [] == notify(["NIGHTWATT_TEST_TOLD=2 setsid sleep 60 & exit 0"], FACTS, cwd=tmp_path)
    assert [] == members(b"NIGHTWATT_TEST_TOLD=2")


def test_a_stop_is_not_kept_waiting(tmp_path: Path) -> None:
    with closing(Stop()) as stop:
        begin_s = time.monotonic()

        def ask() -> None:
            while not (tmp_path / "begun").exists():
                time.sleep(0.01)
            stop.request()

        asking = threading.Thread(target=ask)
        asking.start()
        (trouble,) = notify(["touch begun; sleep 60"], FACTS, cwd=tmp_path, stop=stop, limit_s=50.0)
        asking.join()
        assert time.monotonic() - begin_s < 45.0
    assert trouble.what.endswith("was ended with the night")


def test_a_folder_that_is_no_more_is_no_reason_not_to_tell(tmp_path: Path) -> None:
    assert [] == notify(["true"], FACTS, cwd=tmp_path / "gone")
