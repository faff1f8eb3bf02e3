"""What Slurm's commands print, as they were seen to print it (22.05), and what is said when they do not answer."""

import pytest

from harness.engines import slurm as slurms
from harness.engines.accounting import parse_account
from harness.engines.slurm import (
    Printed,
    Slurm,
    parse_configuration,
    parse_indices,
    parse_nodes,
    parse_partitions,
    parse_queue,
)
from harness.errors import RefusedError

CONFIGURATION = """\
Configuration data as of 2026-11-21T16:43:00
AccountingStorageType   = accounting_storage/none
AcctGatherEnergyType    = acct_gather_energy/none
JobAcctGatherType       = jobacct_gather/linux
KillWait                = 30 sec
MaxArraySize            = 1001
MaxJobCount             = 10000
SLURM_VERSION           = 22.05.8
"""


def test_the_configuration_is_read():
    found = parse_configuration(CONFIGURATION)
    assert ("22.05.8", 1001, 10_000, 30.0, False, False) == (
        found.version, found.max_array_size, found.max_jobs, found.kill_wait_s, found.accounting, found.energy
    )  # fmt: skip
    kept = CONFIGURATION.replace("accounting_storage/none", "accounting_storage/slurmdbd").replace(
        "acct_gather_energy/none", "acct_gather_energy/rapl"
    )
    assert (True, True) == (parse_configuration(kept).accounting, parse_configuration(kept).energy)
    assert "rapl" == parse_configuration(kept).energy_plugin
    idle = kept.replace("jobacct_gather/linux", "jobacct_gather/none")
    assert not parse_configuration(idle).energy


def test_partitions_are_read_with_their_limits():
    found = parse_partitions("energy*|up|2:00:00\nlong|up|infinite\nold|down|1-00:00:00\nquick|up|30:00\n")
    assert [("energy", True, True, 7200.0), ("long", False, True, None), ("old", False, False, 86_400.0),
            ("quick", False, True, 1800.0)] == [(p.name, p.default, p.up, p.limit_s) for p in found]  # fmt: skip


def test_nodes_are_read_once_each_with_what_can_be_done_on_them():
    found = parse_nodes(
        "n1|idle|a100,nvme\nn1|idle|a100,nvme\nn2|alloc|(null)\nn3|down*|a100\nn4|drain|a100\nn5|idle~|x\n"
    )
    assert [
        ("n1", True, True),
        ("n2", False, True),
        ("n3", False, False),
        ("n4", False, False),
        ("n5", True, True),
    ] == [(node.name, node.idle, node.usable) for node in found]
    assert {"a100", "nvme"} == found[0].features


def test_the_queue_is_read_with_the_indices_that_wait_together():
    found = parse_queue(
        "nightwatt-n@0|17|3|RUNNING|node2|None\nnightwatt-n@0|17|4-6,9%3|PENDING||JobArrayTaskLimit\n"
        "nightwatt-look-n|18|N/A|PENDING||Priority\n"
    )
    assert [(3,), (4, 5, 6, 9), ()] == [task.indices for task in found]
    assert ("RUNNING", "node2", 17) == (found[0].state, found[0].node, found[0].job)
    assert [0, 5, 10] == list(parse_indices("0-10:5%3"))


def test_what_slurm_says_against_a_night_is_passed_on_without_its_prefixes():
    said = "sbatch: error: invalid account\nsbatch: error: Batch job submission failed: Unspecified error"
    slurm = Slurm(lambda command, env, timeout_s: Printed(1, "", said))
    with pytest.raises(RefusedError, match="invalid account; Batch job submission failed: Unspecified error"):
        slurm.submit(slurms.Path("x.sh"))


def test_what_a_user_sets_for_slurm_s_commands_neither_filters_nor_overrides(monkeypatch):
    seen = {}

    def run(command, env, timeout_s):
        seen.update(env)
        return Printed(0, "")

    monkeypatch.setenv("SQUEUE_STATES", "RUNNING")
    monkeypatch.setenv("SBATCH_PARTITION", "elsewhere")
    monkeypatch.setenv("SBATCH_ACCOUNT", "mine")
    Slurm(run).queue(["nightwatt-n@0"])
    assert {"SQUEUE_STATES", "SBATCH_PARTITION"}.isdisjoint(seen)
    assert ("mine", "0") == (seen["SBATCH_ACCOUNT"], seen["SLURM_BITSTR_LEN"])


def test_without_slurm_the_commands_that_are_absent_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefusedError, match="there is no Slurm on this machine: sbatch, squeue"):
        Slurm().configuration()


def test_the_accounting_is_read_task_by_task_with_its_batch_step_s_energy_and_a_zero_is_no_reading():
    text = (
        "nightwatt-n@0|6|4_1|COMPLETED|0:0|61|\nbatch|6.batch|4_1.batch|COMPLETED|0:0|61|31500\n"
        "extern|6.extern|4_1.extern|COMPLETED|0:0|61|31502\n"
        "nightwatt-n@0|7|4_2|CANCELLED by 0|0:15|12|\nbatch|7.batch|4_2.batch|CANCELLED|0:15|12|0\n"
        "nightwatt-n@0|7|4_2|COMPLETED|0:0|60|\nbatch|7.batch|4_2.batch|COMPLETED|0:0|60|18446744073709551614\n"
        "nightwatt-look-n|8|5|COMPLETED|0:0|2|\nbatch|8.batch|5.batch|COMPLETED|0:0|2|100\n"
    )
    found = list(parse_account(text, energy=True))
    assert [(1, "COMPLETED", 61.0, 31_500.0), (2, "CANCELLED", 12.0, None), (2, "COMPLETED", 60.0, None)] == [
        (item.block, item.state, item.elapsed_s, item.consumed_J) for item in found
    ]
    assert [None, None, None] == [item.consumed_J for item in parse_account(text, energy=False)]
