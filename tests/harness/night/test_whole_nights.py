"""Whole nights of real processes, in seconds: interrupted, killed, resumed, refused."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import folder as folders
from harness.record import NightFolder, RunName, read_json, write_json

PROTOCOL = """
title = "Which length?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--phases", "setup:0.02,train:{length}", "--seed", "{seed}",
           "--accuracy", "0.8"]
window = "train"
timeout_s = 60
grace_s = 0.5
[factors]
length = [0.1, 0.15]
[design]
blocks = 3
seed = 3
[sensors.simulated]
"""
PATIENCE_S = 60.0


@dataclass
class Session:
    """One nightwatt process at work."""

    process: subprocess.Popen[str]
    out: Path

    @property
    def folder(self) -> NightFolder:
        """The only night in the results folder, once it is there."""
        night = wait_for(lambda: next((path for path in self.out.glob("[0-9]*")), None))
        return NightFolder(night)

    def end(self) -> tuple[int, str]:
        """Its exit code and what it told, when it has ended by itself."""
        _, told = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, told


def wait_for(look: Callable[[], Any]) -> Any:
    """What ``look`` finds, as soon as it finds something."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < give_up_s, "it never came"
        time.sleep(0.01)
    return found


def start(folder: Path, *words: str) -> Session:
    """Start ``nightwatt COMMAND …`` in ``folder``, the results below it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nightwatt", *words],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"NIGHTWATT_RUNTIME_DIR": str(folder / "locks")}, start_new_session=True,
    )  # fmt: skip
    return Session(process, folder / "results")


@pytest.fixture
def nightwatt(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Start ``nightwatt COMMAND …`` in ``tmp_path``; what is still there at the end is killed."""
    started: list[Session] = []

    def remembered(*words: str) -> Session:
        started.append(start(tmp_path, *words))
        return started[-1]

    yield remembered
    for session in started:
        if session.process.poll() is None:
            session.process.kill()
        session.process.communicate()


@dataclass(frozen=True)
class Finished:
    """A night that is over, and what it told."""

    folder: NightFolder
    code: int
    told: str


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A night that nothing happened to; not to be changed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "lengths.toml").write_text(PROTOCOL)
    session = start(folder, "run", "lengths.toml", "--no-report")
    code, told = session.end()
    return Finished(session.folder, code, told)


@pytest.fixture
def finished(undisturbed: Finished, tmp_path: Path) -> NightFolder:
    """A copy of the night that is over."""
    return NightFolder(shutil.copytree(undisturbed.folder.root, tmp_path / "results" / undisturbed.folder.root.name))


Start = Callable[..., Session]


@pytest.fixture
def run(nightwatt: Start, tmp_path: Path) -> Start:
    """Begin a night of the protocol, changed as given by ``--set``."""

    def begun(*overrides: str, protocol: str = PROTOCOL) -> Session:
        (tmp_path / "lengths.toml").write_text(protocol)
        words = [word for override in overrides for word in ("--set", override)]
        return nightwatt("run", "lengths.toml", "--no-report", *words)

    return begun


@pytest.fixture
def resume(nightwatt: Start) -> Callable[..., Session]:
    return lambda folder, *words: nightwatt("resume", str(folder.root), "--no-report", *words)


def settled(folder: NightFolder) -> dict[str, dict[str, Any]]:
    """The records of the settled runs, by their folders' names."""
    return {str(name): read_json(path / "run.json") for name, path in folder.settled().items()}


def planned(folder: NightFolder) -> list[str]:
    """The names of the runs of an undisturbed night, in the plan's order."""
    return [
        str(RunName(slot.block, slot.position, 1, slot.configuration))
        for slot in folders.read_head(folder.root).plan.slots
    ]


def journal(folder: NightFolder) -> list[dict[str, Any]]:
    return [
        json.loads(line) for path in sorted(folder.journal.glob("*.jsonl")) for line in path.read_text().splitlines()
    ]


def assert_whole(folder: NightFolder) -> None:
    """Each slot has exactly one valid, completed run, and what the runs measured is what an undisturbed night gives."""
    runs = settled(folder)
    assert sorted(name.rpartition("-a")[0] for name in planned(folder)) == sorted(
        f"b{body['block']:02d}-{body['position']}" for body in runs.values() if body["validity"] == "valid"
    )
    assert {"completed"} == {body["status"] for body in runs.values()}
    for body in runs.values():
        window_s = (body["window"]["end_ns"] - body["window"]["begin_ns"]) / 1e9
        assert body["levels"]["length"] == window_s


def marked(folder: NightFolder, pattern: str) -> bool:
    """Whether the workload of a run in progress whose name fits has left a mark."""
    return any(path.stat().st_size for path in folder.runs.glob(f"{pattern}.partial/marks.jsonl"))


def no_process_knows(folder: NightFolder) -> bool:
    """Whether no process has this night's path in its command line or its environment, as all that it started have."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder.root) in words:
            return False
    return True


def test_a_night_executes_its_plan_and_tells_it_in_order(undisturbed: Finished) -> None:
    folder = undisturbed.folder
    assert 0 == undisturbed.code, undisturbed.told
    assert_whole(folder)
    order = [line["run"] for line in journal(folder) if line["event"] == "RunSettled"]
    assert planned(folder) == order
    expected = ["Session", "NightStarted"]
    for _block in range(3):
        expected += [*["RunStarted", "StageStarted", "StageStarted", "RunSettled"] * 2, "BlockSettled"]
    assert [*expected, "Ending", "NightEnded"] == [line["event"] for line in journal(folder)]
    lines = undisturbed.told.splitlines()
    assert "Which length?: the night begins in" in lines[0]
    assert all("ok" in line for line in lines[1:7])
    assert f"          nightwatt report {Path('results') / folder.root.name}" == lines[-1]


def test_each_block_has_its_own_seed_and_the_results_follow_from_it(undisturbed: Finished) -> None:
    runs = settled(undisturbed.folder).values()
    assert 3 == len({(body["block"], body["seed"]) for body in runs})
    assert 3 == len({(body["seed"], body["metrics"]["accuracy"]) for body in runs})


@pytest.mark.parametrize(
    "moment",
    [
        "workload",
        pytest.param("before", marks=pytest.mark.slow),
        pytest.param("cooldown", marks=pytest.mark.slow),
        pytest.param("between", marks=pytest.mark.slow),
    ],
)
def test_a_killed_night_is_resumed_as_if_nothing_had_happened(
    run: Start, resume: Callable[..., Session], moment: str
) -> None:
    session = run("cooldown.minimum_s=0.2", "design.blocks=2")
    folder = session.folder
    if moment == "cooldown":
        wait_for(lambda: len(settled(folder)) == 2 and any(folder.runs.glob("*.partial")))
    elif moment == "workload":
        wait_for(lambda: marked(folder, "b01-2-*"))
    elif moment == "between":
        wait_for(lambda: len(settled(folder)) == 3)
    session.process.kill()
    session.process.wait()
    before = settled(folder)
    wait_for(lambda: no_process_knows(folder))

    code, told = resume(folder).end()
    assert 0 == code, told
    assert_whole(folder)
    assert before.items() <= settled(folder).items()
    assert not list(folder.runs.glob("*.partial"))


@pytest.mark.slow
def test_a_night_killed_again_and_again_ends_all_the_same(run: Start, resume: Callable[..., Session]) -> None:
    session = run()
    folder = session.folder
    for _ in range(4):
        wait_for(lambda: list(folder.runs.glob("*.partial")) or len(settled(folder)) == 6)
        session.process.kill()
        session.process.wait()
        session = resume(folder)
    code, told = session.end()
    assert 0 == code, told
    assert_whole(folder)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_ends_the_night_in_order_and_names_the_way_back(
    run: Start, resume: Callable[..., Session], number: int, code: int
) -> None:
    session = run("factors.length=[0.1,30.0]")
    folder = session.folder
    wait_for(lambda: marked(folder, "*30.0"))
    session.process.send_signal(number)
    ended, told = session.end()
    assert code == ended
    assert told.splitlines()[-1].endswith(f"nightwatt resume {Path('results') / folder.root.name}")
    assert no_process_knows(folder)
    (interrupted,) = folder.runs.glob("*.interrupted")
    body = read_json(interrupted / "run.json")
    assert ("interrupted", "invalid") == (body["status"], body["validity"])


def test_a_second_signal_leaves_no_grace_and_still_a_record(run: Start) -> None:
    stubborn = PROTOCOL.replace('"--seed"', '"--ignore-sigterm", "--hang", "--seed"').replace("0.5", "50.0")
    session = run(protocol=stubborn)
    folder = session.folder
    wait_for(lambda: marked(folder, "*"))
    session.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert session.process.poll() is None
    session.process.send_signal(signal.SIGINT)
    begin_s = time.monotonic()
    code, _ = session.end()
    assert 130 == code
    assert time.monotonic() - begin_s < 40.0
    (interrupted,) = folder.runs.glob("*.interrupted")
    assert "interrupted" == read_json(interrupted / "run.json")["status"]
    assert no_process_knows(folder)


@pytest.mark.slow
def test_a_hang_up_moves_the_output_and_the_night_goes_on(run: Start) -> None:
    session = run("factors.length=[0.1,0.5]")
    folder = session.folder
    wait_for(lambda: settled(folder))
    session.process.send_signal(signal.SIGHUP)
    code, _ = session.end()
    assert 0 == code
    assert_whole(folder)
    assert "the night is over: 6 of 6 runs are valid" in (folder.root / "console.log").read_text()


def test_a_closed_terminal_does_not_end_the_night(tmp_path: Path) -> None:
    """The kernel's own hang-up: the process leads a session whose controlling terminal goes away."""
    (tmp_path / "lengths.toml").write_text(PROTOCOL.replace("0.15", "0.5").replace("blocks = 3", "blocks = 2"))
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "nightwatt", "run", "lengths.toml", "--no-report"],
        cwd=tmp_path, stdin=inner, stdout=inner, stderr=inner, env=os.environ | {"TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(inner)
    folder = Session(process, tmp_path / "results").folder  # type: ignore[arg-type]  # its streams are not read
    try:
        wait_for(lambda: settled(folder))
        assert "REHEARSAL" not in os.read(outer, 4096).decode()
        os.close(outer)
        assert 0 == process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert_whole(folder)
    told = (folder.root / "console.log").read_text()
    assert "the night is over: 4 of 4 runs are valid" in told
    assert chr(27) not in told


def test_a_night_that_somebody_executes_is_not_executed_twice(run: Start, resume: Callable[..., Session]) -> None:
    session = run("factors.length=[0.1,30.0]")
    folder = session.folder
    wait_for(lambda: any(folder.runs.glob("*.partial")))
    code, told = resume(folder).end()
    assert 3 == code
    assert "another nightwatt is using this night" in told
    assert f"process {session.process.pid} since" in told
    session.process.send_signal(signal.SIGTERM)
    session.end()


def test_a_changed_script_is_refused_with_the_difference(
    run: Start, resume: Callable[..., Session], tmp_path: Path
) -> None:
    script = tmp_path / "work.sh"
    script.write_text("sleep 0.05\n")
    protocol = re.sub(r"command = .*?\]\n", 'command = ["sh", "work.sh", "{length}"]\n', PROTOCOL, flags=re.DOTALL)
    session = run("design.blocks=2", protocol=protocol.replace('window = "train"', ""))
    folder = session.folder
    wait_for(lambda: settled(folder))
    session.process.send_signal(signal.SIGTERM)
    session.end()
    before = settled(folder)
    script.write_text("sleep 0.06\n")
    code, told = resume(folder).end()
    assert 3 == code
    assert "source work.sh: was " in told
    assert before == settled(folder)
    script.write_text("sleep 0.05\n")
    code, told = resume(folder).end()
    assert 0 == code, told


def test_a_changed_package_is_refused_with_the_difference(
    finished: NightFolder, resume: Callable[..., Session]
) -> None:
    host = read_json(finished.host)
    write_json(finished.host, host | {"packages": host["packages"] | {"numpy": "1.2.3"}})
    code, told = resume(finished).end()
    assert 3 == code
    assert "package numpy: was 1.2.3, is now" in told


def test_a_protocol_whose_comments_changed_asks_for_the_same_and_says_so(
    finished: NightFolder, resume: Callable[..., Session]
) -> None:
    finished.protocol.write_text(finished.protocol.read_text() + "# changed\n")
    code, told = resume(finished).end()
    assert 0 == code
    assert "was edited; it still asks for the same" in told


def test_a_changed_protocol_is_refused_with_the_difference_key_by_key(
    finished: NightFolder, resume: Callable[..., Session]
) -> None:
    finished.protocol.write_text(finished.protocol.read_text().replace("timeout_s = 60", "timeout_s = 70"))
    code, told = resume(finished).end()
    assert 3 == code
    assert "protocol workload.timeout_s: was 60.0, is now 70.0" in told
    assert f"nightwatt resume {finished.root} --accept-change" in told


FLEE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        environment = os.environ if sys.argv[1].startswith("kept") else {"PATH": "/usr/bin:/bin"}
        os.execve("/bin/sh", ["sh", "-c", "sleep 300; :", sys.argv[1]], environment)
    os._exit(0)
time.sleep(300)
"""
"""A workload whose daemon leaves its parent, its group, its session, and, unless told otherwise, its environment."""


def named(*words: str) -> list[int]:
    """The processes that have all of these words in their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if all(any(word in part for part in said) for word in words):
            found.append(int(process.name))
    return found


@pytest.fixture
def fleeing(run: Start, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Session, str]]:
    """A night whose workload has let a daemon flee, and the word by which that is known."""
    (tmp_path / "flee.py").write_text(FLEE)
    token = f"{getattr(request, 'param', 'cleared')}-{os.getpid()}-{tmp_path.name}"
    command = f'command = ["{{python}}", "flee.py", "{token}", "{{length}}"]\n'
    protocol = re.sub(r"command = .*?\]\n", command, PROTOCOL, flags=re.DOTALL).replace('window = "train"', "")
    session = run("design.blocks=1", "factors.length=[1]", "night.attempts=1", protocol=protocol)
    wait_for(lambda: named("sleep 300", token))
    yield session, token
    for pid in named("sleep 300", token):
        os.killpg(os.getpgid(pid), signal.SIGKILL)  # with what it has started itself


def test_a_killed_keeper_leaves_not_even_a_daemon_that_has_cleared_its_environment(
    fleeing: tuple[Session, str],
) -> None:
    session, token = fleeing
    (keeper,) = wait_for(lambda: named("harness.keeper", str(session.folder.root / "runs")))
    os.kill(keeper, signal.SIGKILL)
    code, told = session.end()
    assert 1 == code, told
    assert [] == named(token)
    (body,) = settled(session.folder).values()
    assert ("invalid", "keeper_lost") == (body["validity"], body["verdicts"][0]["name"])


def test_a_killed_nightwatt_leaves_not_even_a_daemon_that_has_cleared_its_environment(
    fleeing: tuple[Session, str],
) -> None:
    session, token = fleeing
    session.process.kill()
    wait_for(lambda: not named(token))
    wait_for(lambda: no_process_knows(session.folder))


@pytest.mark.parametrize("fleeing", ["kept"], indirect=True)
def test_what_outlives_a_killed_nightwatt_and_its_killed_keeper_is_named_at_the_next_start(
    fleeing: tuple[Session, str], resume: Callable[..., Session]
) -> None:
    """With both killed nobody was left to end it; what has kept its environment is known again."""
    session, token = fleeing

    def daemons() -> list[int]:
        """The daemon alone: what it forks has its command line until it is something else."""
        found = [pid for pid in named("sleep 300", token) if (Path("/proc") / str(pid) / "cwd").readlink() == Path("/")]
        return found if len(found) == 1 else []

    (daemon,) = wait_for(daemons)
    (keeper,) = named("harness.keeper", str(session.folder.root / "runs"))
    session.process.send_signal(signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    session.process.kill()
    session.process.wait()
    again = resume(session.folder)

    def said() -> list[dict[str, Any]]:
        return [line for line in journal(session.folder) if line["event"] == "Trouble" and str(daemon) in line["what"]]

    (trouble,) = wait_for(said)
    assert f"{daemon} sh" in trouble["what"]
    assert f"kill {daemon}" in trouble["remedy"]
    assert daemon in named(token)
    again.process.send_signal(signal.SIGTERM)
    again.end()


@pytest.fixture
def half_done(finished: NightFolder) -> NightFolder:
    """A night that was left in the middle of its last block."""
    (last,) = (path for name, path in finished.settled().items() if name.slot == "b03-2")
    shutil.rmtree(last)
    return finished


def test_an_accepted_change_makes_a_cohort_and_begins_the_block_in_its_middle_anew(
    half_done: NightFolder, resume: Callable[..., Session]
) -> None:
    host = read_json(half_done.host)
    write_json(half_done.host, host | {"packages": host["packages"] | {"numpy": "1.2.3"}})
    code, told = resume(half_done, "--accept-change").end()
    assert 0 == code, told
    assert "accepted: the runs from now on are cohort 2 of this night" in told
    assert "in the middle of block 3: it is begun anew" in told
    runs = settled(half_done)
    assert {(1, 1): 2, (2, 1): 2, (3, 1): 1, (3, 2): 2} == {
        key: sum((body["block"], body["cohort"]) == key for body in runs.values())
        for key in {(body["block"], body["cohort"]) for body in runs.values()}
    }
    assert ["superseded"] == [body["validity"] for body in runs.values() if (body["block"], body["cohort"]) == (3, 1)]
    (cohort,) = read_json(half_done.cohorts)["cohorts"]
    assert 2 == cohort["cohort"]
    assert any(change.startswith("package numpy: was 1.2.3, is now ") for change in cohort["changes"])


def test_a_change_is_accepted_once_and_what_is_put_back_belongs_to_its_old_cohort(
    half_done: NightFolder, resume: Callable[..., Session]
) -> None:
    before = read_json(half_done.host)
    write_json(half_done.host, before | {"packages": before["packages"] | {"numpy": "1.2.3"}})
    assert 0 == resume(half_done, "--accept-change").end()[0]
    assert 0 == resume(half_done).end()[0]  # the same cohort: nothing is asked again
    (last,) = (path for name, path in half_done.settled().items() if str(name).startswith("b03-2-a1"))
    shutil.rmtree(last)
    (half_done.runs / f"{last.name}.interrupted").mkdir()
    write_json(half_done.host, before)
    body = read_json(half_done.cohorts)
    body["cohorts"][0]["host"]["packages"]["numpy"] = "1.2.3"
    write_json(half_done.cohorts, body)  # now it is cohort 2 that had another package
    code, told = resume(half_done).end()
    assert 0 == code, told
    assert {1} == {body["cohort"] for name, body in settled(half_done).items() if name.startswith("b03-2")}


def test_a_changed_protocol_can_be_accepted_unless_it_is_another_question(
    half_done: NightFolder, resume: Callable[..., Session]
) -> None:
    text = half_done.protocol.read_text()
    half_done.protocol.write_text(text.replace("blocks = 3", "blocks = 4"))
    code, told = resume(half_done, "--accept-change").end()
    assert 3 == code
    assert "protocol design.blocks: was 3, is now 4" in told
    assert "the question of a night cannot be changed" in told
    half_done.protocol.write_text(text.replace("timeout_s = 60", "timeout_s = 61"))
    code, told = resume(half_done, "--accept-change").end()
    assert 0 == code, told
    (cohort,) = read_json(half_done.cohorts)["cohorts"]
    assert ["protocol workload.timeout_s: was 60.0, is now 61.0"] == cohort["changes"]
    assert 61.0 == cohort["protocol"]["workload"]["timeout_s"]


def test_a_protocol_that_was_edited_where_it_came_from_is_said_and_not_taken(
    run: Start, resume: Callable[..., Session], tmp_path: Path
) -> None:
    session = run("design.blocks=1")
    folder = session.folder
    assert 0 == session.end()[0]
    (tmp_path / "lengths.toml").write_text(PROTOCOL.replace("seed = 3", "seed = 4"))
    code, told = resume(folder).end()
    assert 0 == code
    assert "was edited since the night began; the night goes on with its own copy" in told


def test_a_truncated_record_is_one_error_and_its_slot_is_executed_again_when_set_aside(
    finished: NightFolder, resume: Callable[..., Session]
) -> None:
    path = next(iter(finished.settled().values()))
    (path / "run.json").write_bytes((path / "run.json").read_bytes()[:200])
    code, told = resume(finished).end()
    assert 2 == code
    assert f"where:  {path / 'run.json'}" in told
    path.rename(path.with_name(path.name + ".damaged"))
    code, told = resume(finished).end()
    assert 0 == code, told
    assert_whole(finished)
    assert path.with_name(path.name + ".damaged").is_dir()
    assert path.with_name(path.name.replace("-a1-", "-a2-")).is_dir()


def test_a_foreign_file_is_one_error_and_stays(finished: NightFolder, resume: Callable[..., Session]) -> None:
    (finished.runs / "holiday.jpg").write_text("sun")
    code, told = resume(finished).end()
    assert 2 == code
    assert "something foreign lies in this night" in told
    assert "Traceback" not in told
    assert "sun" == (finished.runs / "holiday.jpg").read_text()


def test_results_that_cannot_be_written_are_one_error(nightwatt: Start, tmp_path: Path) -> None:
    (tmp_path / "lengths.toml").write_text(PROTOCOL)
    (tmp_path / "blocked").write_text("")
    code, told = nightwatt("run", "lengths.toml", "--out", "blocked/results").end()
    assert 2 == code
    assert "no night can be begun there" in told
    assert "--out" in told


def test_a_missing_sensor_is_refused_before_anything_is_made(run: Start, tmp_path: Path) -> None:
    session = run("sensors.rapl={}", "sensors.required=['rapl']", "sensors.simulated={}")
    code, told = session.end()
    if code == 0:
        pytest.skip("this machine has RAPL")
    assert 3 == code
    assert "sensor rapl:" in told
    assert "remedy:" in told
    assert not (tmp_path / "results").exists()


def test_an_energy_domain_that_no_channel_covers_is_refused(run: Start, tmp_path: Path) -> None:
    code, told = run("analysis.energy=['wall']").end()
    assert 3 == code
    assert "analysis.energy asks for wall, which no channel covers (covered: gpu0)" in told
    assert not (tmp_path / "results").exists()


def test_the_warm_up_is_ended_at_its_time_and_repeated_in_the_next_session(
    run: Start, resume: Callable[..., Session]
) -> None:
    warm = 'command = ["{python}", "{workloads}/fake.py", "--phases", "", "--daemon", "--hang"]'
    session = run("design.blocks=1", protocol=f"{PROTOCOL}\n[warmup]\n{warm}\nduration_s = 0.4\nruns = 1\n")
    folder = session.folder
    wait_for(lambda: any(name.startswith("b01-1") for name in settled(folder)))
    session.process.send_signal(signal.SIGTERM)
    session.end()
    code, told = resume(folder).end()
    assert 0 == code, told
    assert 2 == len(list(folder.journal.glob("warmup-*")))
    discarded = {name for name, body in settled(folder).items() if body["validity"] == "discarded"}
    assert {"b00-1-a1-0.1", "b00-2-a1-0.15", "b00-1-a2-0.1", "b00-2-a2-0.15"} == discarded
    assert not [line for line in journal(folder) if line["event"] == "Trouble" and "warm-up" in line["what"]]


def test_a_stop_during_the_warm_up_ends_it_and_the_night(run: Start) -> None:
    warm = 'command = ["{python}", "{workloads}/fake.py", "--phases", "", "--daemon", "--hang"]'
    session = run(protocol=f"{PROTOCOL}\n[warmup]\n{warm}\nduration_s = 300\n")
    folder = session.folder
    wait_for(lambda: list(folder.journal.glob("warmup-*/stdout.log")))
    session.process.send_signal(signal.SIGTERM)
    code, told = session.end()
    assert 143 == code
    assert "0 of 6 runs are valid" in told
    assert [] == list(folder.runs.iterdir())
    assert wait_for(lambda: no_process_knows(folder))


def test_a_warm_up_that_cannot_be_started_is_told_and_the_night_goes_on(run: Start) -> None:
    protocol = f'{PROTOCOL}\n[warmup]\ncommand = ["{{python}}", "-c", "raise SystemExit(3)"]\nduration_s = 5\n'
    session = run("design.blocks=1", protocol=protocol)
    code, told = session.end()
    assert 0 == code
    assert "the warm-up did not go as asked: it ended by itself" in told


def test_a_rehearsal_goes_through_a_whole_night_and_says_that_it_is_one(nightwatt: Start, tmp_path: Path) -> None:
    protocol = PROTOCOL.replace("timeout_s = 60", "timeout_s = 600").replace("[sensors.simulated]", "[sensors.nvml]")
    (tmp_path / "lengths.toml").write_text(f"{protocol}\n[cooldown]\nminimum_s = 120\n")
    session = nightwatt("rehearse", "lengths.toml", "--set", "design.blocks=1", "--no-report")
    code, told = session.end()
    assert 0 == code, told
    assert "REHEARSAL: Which length?: the night begins" in told
    folder = session.folder
    assert "-lengths-rehearsal-" in folder.root.name
    assert read_json(folder.plan)["rehearsal"] is True
    assert [True, True] == [body["rehearsal"] for body in settled(folder).values()]


def test_the_status_of_a_night_is_told_as_json_while_it_runs(run: Start, nightwatt: Start) -> None:
    session = run("factors.length=[0.1,30.0]")
    folder = session.folder
    wait_for(lambda: marked(folder, "*30.0"))
    told = subprocess.run(
        [sys.executable, "-m", "nightwatt", "status", str(folder.root), "--json"],
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    body = json.loads(told.stdout)
    assert (True, 6) == (body["running"], body["slots"])
    assert "workload" == body["current"]["stage"]
    words = subprocess.run(
        [sys.executable, "-m", "nightwatt", "status", str(folder.root)],
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert f"running (process {session.process.pid} since" in words.stdout
    session.process.send_signal(signal.SIGTERM)
    session.end()


def test_people_are_told_at_the_start_and_at_the_end_and_a_page_says_how_it_stands(run: Start, tmp_path: Path) -> None:
    session = run(
        "design.blocks=1",
        """night.notify=['cat > "told-$NIGHTWATT_EVENT.json"', 'false']""",
        "night.starts_at='00:00:00'", "night.ends_at='23:59:59'",
    )  # fmt: skip
    code, told = session.end()
    assert 0 == code, told
    begun, ended = (json.loads((tmp_path / f"told-{event}.json").read_text()) for event in ("start", "end"))
    assert ("start", 2, 0, "blocks") == (begun["event"], begun["planned"], begun["valid"], begun["order"])
    assert ("end", 2, 2, 0) == (ended["event"], ended["planned"], ended["valid"], ended["exit_code"])
    assert "the night is over: 2 of 2 runs are valid" in ended["text"]
    assert "nobody was told (start): 'false' ended with exit code 1" in told
    assert "2 of 2 valid, 0 left" in session.folder.status_page.read_text()
    hours = read_json(session.folder.plan)["protocol"]["night"]
    assert re.fullmatch(r"23:59:59 \S+", hours["ends_at"]), "the zone is recorded"


def test_a_night_waits_until_it_may_begin_and_a_signal_ends_the_wait(
    run: Start, resume: Callable[..., Session], nightwatt: Start
) -> None:
    later = time.strftime("%H:%M:00", time.localtime(time.time() + 6 * 3600))
    session = run("design.blocks=1", f"night.starts_at='{later}'")
    folder = session.folder
    wait_for(lambda: any(line["event"] == "WaitStarted" for line in journal(folder)))
    code, said = nightwatt("status", str(folder.root)).end()
    assert 0 == code, said
    assert "waiting until" in wait_for(lambda: folder.status_page.exists() and folder.status_page.read_text())
    session.process.send_signal(signal.SIGINT)
    code, told = session.end()
    assert 130 == code
    assert "Ctrl-C ends the wait, nothing is lost" in told
    assert {} == settled(folder)
    code, told = resume(folder, "--now").end()
    assert 0 == code, told
    assert 2 == len(settled(folder))
