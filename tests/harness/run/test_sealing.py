"""The sealer: one child for many folders, replaced when it has died."""

import contextlib
import os
import signal
import time

import pytest

from harness.errors import RunFault
from harness.sealing import Sealer

ROWS = "1000,gpu0.power_W,100.0\n1020,gpu0.power_W,101.0\n"


@pytest.fixture
def sealer(tmp_path):
    with contextlib.closing(Sealer(tmp_path / "journal" / "sealer.stderr.log")) as made:
        yield made


def folder_of(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "samples.csv").write_text(ROWS)
    return folder


def wait_for(condition):
    end_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return True


def answered(sealer):
    def look():
        sealer.listen()
        return sealer.answered()

    return wait_for(look)


def sealed_rows(sealer, folder):
    sealer.order(folder, None, None)
    answered(sealer)
    return sealer.summary()["rows"]


def test_one_child_seals_folder_after_folder(tmp_path, sealer):
    sealer.start()
    wait_for(sealer.ready)
    pid = sealer.child.pid
    rows = [sealed_rows(sealer, folder_of(tmp_path, name)) for name in ("one", "two")]
    assert [2, 2] == rows
    assert pid == sealer.child.pid


def test_a_folder_that_cannot_be_sealed_is_a_fault_of_its_run_alone(tmp_path, sealer):
    with pytest.raises(RunFault, match="could not be sealed"):
        sealed_rows(sealer, tmp_path / "absent")
    assert 2 == sealed_rows(sealer, folder_of(tmp_path, "one"))


def test_a_child_that_died_is_a_fault_and_is_replaced(tmp_path, sealer):
    sealer.start()
    wait_for(sealer.ready)
    os.kill(sealer.child.pid, signal.SIGSTOP)
    folder = folder_of(tmp_path, "one")
    sealer.order(folder, None, None)
    os.kill(sealer.child.pid, signal.SIGKILL)
    answered(sealer)
    with pytest.raises(RunFault, match="the child died"):
        sealer.summary()
    assert (folder / "samples.csv").exists()
    assert 2 == sealed_rows(sealer, folder_of(tmp_path, "two"))


def test_the_answer_about_a_folder_given_up_is_not_taken_for_the_next_one(tmp_path, sealer):
    given_up, wanted = folder_of(tmp_path, "one"), folder_of(tmp_path, "two")
    (wanted / "samples.csv").write_text(ROWS * 2)
    sealer.order(given_up, None, None)
    assert 4 == sealed_rows(sealer, wanted)


def test_a_sealer_that_is_closed_has_gone(sealer):
    sealer.start()
    child = sealer.child
    sealer.close()
    assert child.exit_code is not None
