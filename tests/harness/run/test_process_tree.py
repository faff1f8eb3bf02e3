"""Who is found, and that nobody else is: what is found here is going to be ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.process_tree import descendants, members, name_of, signal_all


@pytest.fixture
def sleeper():
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={"TOKEN": str(os.getpid())}, start_new_session=True
    )
    yield process
    process.kill()
    process.wait()


def test_a_process_is_found_by_what_it_was_given(sleeper, wait_for):
    assert [sleeper.pid] == wait_for(lambda: members(f"TOKEN={os.getpid()}".encode()))


def test_a_process_is_found_by_its_session(sleeper, wait_for):
    assert [sleeper.pid] == wait_for(lambda: members(b"TOKEN=of somebody else", sleeper.pid))


def test_who_asks_is_never_found():
    of_this_process = Path("/proc/self/environ").read_bytes().split(b"\0")[0]
    assert os.getpid() not in members(of_this_process)


@pytest.mark.parametrize(("environment", "session"), [(b"A=1", 0), (b"A=1", 1), (b"A=", None), (b"", None), (b"A", 7)])
def test_what_would_name_the_processes_of_others_is_refused(environment, session):
    with pytest.raises(ValueError, match="would name processes of others"):
        members(environment, session)


def test_children_of_children_descend_from_this_process_and_nobody_else(wait_for):
    code = "import os, time; child = os.fork(); child and print(child, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        two = {child.pid, int(child.stdout.readline())}
        found = descendants()
        signal_all(sorted(two), 9)
    assert two <= {*found}
    assert not {os.getpid(), os.getppid(), 1} & {*found}
    wait_for(lambda: not two & {*descendants()})


def test_a_process_is_named_for_people(sleeper, wait_for):
    assert wait_for(lambda: name_of(sleeper.pid).startswith(f"{sleeper.pid} python"))
    assert "999999999" == name_of(999999999)
