"""Nights on several nodes: pairs within nodes, nodes that agree or differ, unlike nodes that nobody declared."""

import json
import shutil

import pytest

from analysis.load import load
from analysis.report import write_report
from analysis.study import study
from harness.record import RUN_JSON, NightFolder

SMALL = {"epochs": 0, "train_s": 1.0, "context": False, "accuracy": {}}
HOST = {"cpu": "Some CPU", "threads": 8, "memory_B": 1 << 34, "kernel": "6.1", "python": "CPython 3.11", "gpus": [],
        "packages": {"numpy": "2.0"}}  # fmt: skip


@pytest.fixture
def spread(simulate_once, tmp_path):
    """A night whose blocks lie on ``count`` nodes in turn; ``change`` may alter a node's host."""

    def make(count=3, *, change=None, slurm=None, blocks=12, **settings):
        engine = {"engine": {"slurm": slurm or {}}}
        made = simulate_once(**{**SMALL, "seed": 31, "blocks": blocks, "protocol": engine, **settings})
        folder = NightFolder(shutil.copytree(made.path, tmp_path / "night"))
        for path in folder.settled().values():
            body = json.loads((path / RUN_JSON).read_text())
            body["node"] = f"node000{(body['block'] - 1) % count}"
            (path / RUN_JSON).write_text(json.dumps(body))
        for number in range(count):
            host = {**HOST, **((change or {}).get(number, {}))}
            (folder.nodes / f"node000{number}").mkdir(parents=True)
            (folder.nodes / f"node000{number}" / "host.json").write_text(json.dumps(host))
        return folder

    return make


def codes(found):
    return {caution.code for caution in found.cautions}


def test_each_node_stands_by_itself_its_interaction_is_tested_and_the_headline_is_that_of_the_pairs(spread):
    folder = spread()
    found = study(load(folder.root))
    assert ["node0000", "node0001", "node0002"] == [item.node for item in found.nodes]
    assert [4, 4, 4] == [item.ratio.n for item in found.nodes]
    assert 12 == found.comparisons[0].pairs
    assert "3 nodes or levels of nodes" in found.methods
    names = {test.name for test in found.omnibus}
    assert {"node × lean against base", "paired t over nodes, lean against base"} <= names
    assert "nodes-fixed" in codes(found)
    assert codes(found).isdisjoint({"nodes-differ", "nodes-unlike", "nodes-sampled"})
    assert [(4, 8, "Some CPU", 16)] * 3 == [(i.blocks, i.runs, i.processor, i.memory_GiB) for i in found.machines]


def test_the_answer_is_that_of_the_same_runs_on_one_machine(spread, simulate_once):
    folder = spread()
    alone = simulate_once(**{**SMALL, "seed": 31, "blocks": 12, "protocol": {"engine": {"slurm": {}}}})
    found, same = study(load(folder.root)), study(load(alone.path))
    assert same.headline == found.headline
    assert same.comparisons == found.comparisons
    assert ((), ()) == (same.nodes, same.machines)


def test_six_nodes_are_a_sample_of_nodes(spread):
    found = study(load(spread(6).root))
    assert ("nodes-sampled" in codes(found), "nodes-fixed" in codes(found)) == (True, False)


def test_nodes_of_another_kind_get_no_pooled_answer_unless_it_is_declared(spread, tmp_path):
    change = {2: {"cpu": "Another CPU"}}
    found = study(load(spread(change=change).root))
    assert found.headline.startswith("No pooled answer")
    assert "Another CPU, 8 threads on node0002" in found.headline
    assert "" == found.headline_all
    assert "nodes-unlike" in codes(found)
    shutil.rmtree(tmp_path / "night")
    declared = study(load(spread(change=change, slurm={"mixed": True}).root))
    assert not declared.headline.startswith("No pooled answer")
    assert "nodes-unlike" in codes(declared)


def test_named_levels_are_the_strata_and_may_differ(spread):
    levels = {"old": "nodelist=n1", "new": "nodelist=n2"}
    found = study(load(spread(2, change={1: {"cpu": "Another CPU"}}, slurm={"nodes": levels}).root))
    assert ["old", "new"] == [item.node for item in found.nodes]
    assert [6, 6] == [item.ratio.n for item in found.nodes]
    assert ["old", "new"] == [item.level for item in found.machines]
    assert not found.headline.startswith("No pooled answer")
    assert "nodes-unlike" not in codes(found)


def test_what_ran_before_a_run_is_what_ran_before_it_on_its_node(spread):
    night = load(spread(2, blocks=4).root)
    from analysis.drift import _previous

    runs = night.runs.assign(order=range(1, len(night.runs) + 1))
    before = dict(zip(runs.run, _previous(runs, runs), strict=True))
    of = dict(zip(runs.run, runs.configuration, strict=True))
    rows = {node: list(group.sort_values("order").run) for node, group in runs.groupby("node")}
    for names in rows.values():
        assert "" == before[names[0]]
        assert [of[name] for name in names[:-1]] == [before[name] for name in names[1:]]


@pytest.mark.usefixtures("unrendered")
def test_the_page_has_the_tables_of_the_nodes_and_of_slurm_s_account(spread):
    folder = spread()
    folder.cluster.mkdir()
    tasks = [
        {"block": 1, "task": "4_1", "state": "COMPLETED", "exit_code": "0:0", "elapsed_s": 61.0, "consumed_J": 31500.0},
        {"block": 2, "task": "4_2", "state": "NODE_FAIL", "exit_code": "0:0", "elapsed_s": 12.0, "consumed_J": None},
    ]
    (folder.cluster / "states.json").write_text(json.dumps({"energy": "", "tasks": tasks}))
    paths = write_report(folder.root)
    page = paths.index.read_text()
    assert [] == [words for words in ("Each node by itself", "The nodes", "NODE_FAIL") if words not in page]
    found = paths.findings
    assert [(1, 31_500.0, 2), (2, None, 2)] == [(item.block, item.consumed_J, item.valid) for item in found.tasks]
    assert found.tasks[0].windows_J == pytest.approx(390, rel=0.2)


def test_a_night_on_one_machine_has_nothing_of_nodes(simulate_once):
    found = study(load(simulate_once(**SMALL, seed=31, blocks=6).path))
    assert ((), (), ()) == (found.nodes, found.machines, found.tasks)
    assert not any("node" in code for code in codes(found))
