"""Others' load: everything that the processors did, less what nightwatt's own tree did."""

import os
from pathlib import Path

import pytest

from harness.gates.load import HZ, LoadGate, busy_ticks, others, scanned_ticks, tree_ticks
from harness.protocol_gates import LoadLimit

OURS, KEEPER, WORKLOAD, THEIRS = 100, 101, 102, 200


@pytest.fixture
def busy(machine):
    """Ours with a keeper and a workload below it; somebody else's process beside them."""
    machine.process(1, 0, 0)
    machine.process(OURS, 1, 10)
    machine.process(KEEPER, OURS, 5, waited_for=20)
    machine.process(WORKLOAD, KEEPER, 30)
    machine.process(THEIRS, 1, 7, name="back (up)")
    machine.children(1, OURS, THEIRS)
    machine.children(OURS, KEEPER)
    machine.children(KEEPER, WORKLOAD)
    return machine


def gate(machine, cores=0.5):
    return LoadGate(LoadLimit(cores=cores), 0.0, machine.root, OURS)


def test_our_own_tree_is_no_load_of_others(busy):
    keeper = gate(busy)
    busy.work(user=10 * HZ)
    busy.process(WORKLOAD, KEEPER, 30 + 10 * HZ)
    assert (True, 0.0) == (keeper.look(1.0).open, keeper.look(1.0).figure)


def test_what_is_not_ours_is(busy):
    keeper = gate(busy)
    busy.work(user=2 * HZ)
    busy.process(WORKLOAD, KEEPER, 30 + HZ)
    look = keeper.look(1.0)
    assert (False, 1.0, 0.5, "cores") == (look.open, look.figure, look.limit, look.unit)


def test_a_process_of_ours_that_ended_meanwhile_is_still_ours(busy):
    keeper = gate(busy)
    busy.work(user=HZ)
    busy.process(KEEPER, OURS, 5, waited_for=20 + 30 + HZ)
    busy.children(KEEPER)
    assert keeper.look(1.0).open


def test_the_load_of_the_last_second_counts_not_that_of_long_ago(busy):
    keeper = gate(busy)
    busy.work(user=100 * HZ)
    for now_s in (58.0, 59.0, 60.0):
        keeper.watch(now_s)
    assert keeper.look(60.5).open


def test_who_the_others_are_is_said_once_they_hold_a_run_up(busy):
    keeper = gate(busy)
    busy.work(user=HZ)
    assert "others use 1.00 cores, more than 0.5" == keeper.look(1.0).why
    busy.work(user=2 * HZ)
    busy.process(THEIRS, 1, 7 + HZ, name="back (up)")
    assert f"others use 1.00 cores, more than 0.5: back (up) 1.00 (pid {THEIRS})" == keeper.look(2.0).why


def test_where_the_kernel_lists_no_children_every_process_is_looked_at(busy):
    for pid in (1, OURS, KEEPER, WORKLOAD, THEIRS):
        (busy.root / f"proc/{pid}/task/{pid}/children").unlink()
    keeper = gate(busy)
    busy.work(user=2 * HZ)
    busy.process(WORKLOAD, KEEPER, 30 + 2 * HZ)
    (busy.root / f"proc/{WORKLOAD}/task/{WORKLOAD}/children").unlink()
    assert keeper.look(1.0).open


def test_too_short_a_time_is_waited_for_not_guessed(busy):
    look = gate(busy).look(0.01)
    assert (False, "the load of others is being measured") == (look.open, look.why)
    assert look.again_s < 0.1


def test_a_machine_without_proc_cannot_tell(tmp_path):
    assert LoadGate(LoadLimit(), 0.0, tmp_path, OURS).look(1.0).open is None


def test_both_ways_to_find_our_tree_agree_on_this_machine():
    proc = Path("/proc")
    ours = os.getpid()
    assert abs(sum(tree_ticks(proc, ours)) - sum(scanned_ticks(proc, ours))) <= 0.2 * HZ
    assert ours not in dict(others(proc, ours))
    assert busy_ticks(proc) > 0
