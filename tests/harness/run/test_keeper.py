"""The keeper, with real processes: whatever a workload does, nothing of it is left."""

import json
import os
import signal
from pathlib import Path

import pytest

FLEE = """
import os, time
def flee():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
        os._exit(0)
    os.wait()
"""
DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def printed(tmp_path, wait_for):
    """Wait until the workload has printed a text."""
    log = tmp_path / "stdout.log"
    return lambda text: wait_for(lambda: log.exists() and text in log.read_text())


def test_the_exit_code_and_the_streams_of_a_workload_are_kept(keep, python, tmp_path):
    report = keep(python("print('out'); print('err', file=sys.stderr); sys.exit(7)")).report()
    assert ("exited", 7, None) == (report["why"], report["exit_code"], report["signal"])
    assert "out\n" == (tmp_path / "stdout.log").read_text()
    assert "err\n" == (tmp_path / "stderr.log").read_text()
    assert report["launched_ns"] < report["exited_ns"] <= report["tree_gone_ns"]


def test_a_signal_is_told_apart_from_an_exit_code(keep, python):
    report = keep(python("os.kill(os.getpid(), 11)")).report()
    assert (None, 11) == (report["exit_code"], report["signal"])


def test_a_command_that_cannot_be_executed_is_named(keep, tmp_path):
    report = keep((str(tmp_path / "absent"),)).report()
    assert "not_launched" == report["why"]
    assert "FileNotFoundError" in report["launch_error"]
    assert report["exit_code"] is None


def test_standard_input_is_empty(keep, python):
    assert 0 == keep(python("sys.exit(len(sys.stdin.read()))")).report()["exit_code"]


def test_a_workload_starts_in_a_session_of_its_own_with_every_signal_as_usual(keep, python, tmp_path):
    report = keep(
        python(
            "import signal\n"
            "usual = {signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}\n"
            "assert all(signal.getsignal(n) is signal.SIG_DFL for n in usual)\n"
            "assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
            "assert os.getsid(0) == os.getpid()\n"
            "os.write(1, b'%d' % len(os.listdir('/proc/self/fd')))"
        )
    ).report()
    assert 0 == report["exit_code"], (tmp_path / "stderr.log").read_text()
    assert "4" == (tmp_path / "stdout.log").read_text(), "0, 1, 2 and the listing itself: nothing of the keeper's"


def test_output_without_end_fills_no_pipe(keep, python, tmp_path):
    assert 0 == keep(python("print('x' * 3_000_000)")).report()["exit_code"]
    assert 3_000_001 == (tmp_path / "stdout.log").stat().st_size


def test_a_workload_that_hangs_is_ended_at_its_time_limit(keep, python, processes):
    report = keep(python("time.sleep(60)"), timeout_s=0.2).report()
    assert ("timed_out", int(signal.SIGTERM)) == (report["why"], report["signal"])
    assert [] == processes.pids()


def test_a_workload_that_ignores_sigterm_is_killed_after_the_grace(keep, python, processes, printed):
    kept = keep(python(DEAF), grace_s=0.2)
    printed("ready")
    kept.tell(b"s")
    report = kept.report()
    assert ("told", int(signal.SIGKILL)) == (report["why"], report["signal"])
    assert [] == processes.pids()


def test_a_daemon_that_forked_twice_is_ended_when_the_workload_has_gone(keep, python, processes):
    report = keep(python(FLEE + "flee()")).report()
    assert ("exited", 0) == (report["why"], report["exit_code"])
    assert 1 == len(report["leftovers"])
    assert [] == processes.pids()


def test_a_grandchild_in_a_session_of_its_own_is_ended_at_the_time_limit(keep, python, processes):
    report = keep(python(FLEE + "flee(); time.sleep(60)"), timeout_s=0.5).report()
    assert "timed_out" == report["why"]
    assert [] == processes.pids()


def test_children_that_end_just_after_their_parent_are_not_left_over(keep, python):
    code = "reader, writer = os.pipe()\nif os.fork() == 0: os.close(writer); os.read(reader, 1)"
    assert [] == keep(python(code)).report()["leftovers"]


def test_the_code_of_a_short_lived_orphan_is_not_taken_for_the_workload_s(keep, python):
    code = "if os.fork() == 0:\n    if os.fork() == 0: os._exit(9)\n    os._exit(8)\ntime.sleep(0.3); sys.exit(3)"
    assert 3 == keep(python(code)).report()["exit_code"]


def test_nothing_is_left_when_the_control_pipe_closes(keep, python, processes):
    kept = keep(python(FLEE + "flee(); time.sleep(60)"))
    processes.wait_for(2)
    kept.let_go()
    assert "told" == kept.report()["why"]
    assert [] == processes.pids()


def test_being_told_to_end_leaves_time_to_end_in_order(keep, python, printed):
    code = "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); print('ready', flush=True)"
    kept = keep(python(f"{code}; time.sleep(60)"))
    printed("ready")
    kept.tell(b"s")
    report = kept.report()
    assert ("told", 5) == (report["why"], report["exit_code"])


def test_being_told_to_end_at_once_leaves_no_grace(keep, python, printed):
    kept = keep(python(DEAF), grace_s=600.0)
    printed("ready")
    kept.tell(b"s")
    kept.tell(b"k")
    report = kept.report()
    assert ("told", int(signal.SIGKILL)) == (report["why"], report["signal"])


def test_sigterm_aimed_at_the_keeper_ends_the_tree_and_is_reported(keep, python, processes):
    kept = keep(python("time.sleep(60)"))
    processes.wait_for(1)
    kept.process.terminate()
    assert "told" == kept.report()["why"]
    assert [] == processes.pids()


def test_a_closed_terminal_does_not_end_anything(keep, python, printed, tmp_path):
    kept = keep(python("print('ready', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)"))
    printed("ready")
    kept.process.send_signal(signal.SIGHUP)
    (tmp_path / "go").touch()
    assert ("exited", 0) == tuple(kept.report()[name] for name in ("why", "exit_code"))


def test_a_killed_keeper_takes_the_workload_with_it(keep, python, processes):
    kept = keep(python("time.sleep(60)"))
    processes.wait_for(1)
    kept.process.kill()
    processes.wait_for(0)


def test_nothing_is_launched_before_it_is_told_to_go(keep, python, tmp_path):
    kept = keep(python("pass"), wait=True)
    kept.let_go()
    report = kept.report()
    assert ("told", None) == (report["why"], report["launched_ns"])
    assert not (tmp_path / "stdout.log").exists()


def test_it_says_which_process_it_launched_and_when(keep, python):
    kept = keep(python("pass"), wait=True)
    kept.tell(b"g")
    message = json.loads(kept.process.stdout.readline())
    assert message["launched_ns"] == kept.report()["launched_ns"]
    assert message["pid"] > 1


def test_resources_cover_the_whole_tree(keep, python):
    code = "os.fork() or bytearray(60_000_000)\nwhile time.process_time() < 0.1: pass"
    usage = keep(python(code)).report()["rusage"]
    assert usage["max_rss_B"] > 60_000_000
    assert usage["user_s"] + usage["system_s"] > 0.1


def test_a_workload_is_the_kernel_s_first_choice_when_memory_runs_out(keep, python, tmp_path):
    keep(python("print(open('/proc/self/oom_score_adj').read())")).report()
    assert 500 == int((tmp_path / "stdout.log").read_text())


def test_a_workload_killed_for_want_of_memory_leaves_evidence(keep, python, tmp_path, request):
    """Needs a memory control group that this user may make (version 1)."""
    group = Path("/sys/fs/cgroup/memory") / f"nightwatt-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no memory control group can be made here")
    request.addfinalizer(group.rmdir)
    (group / "memory.limit_in_bytes").write_text(str(60 << 20))
    kept = keep(python("time.sleep(0.1); x = bytearray(os.urandom(4096)) * 100_000; print(len(x))"), wait=True)
    (group / "cgroup.procs").write_text(str(kept.process.pid))
    kept.tell(b"g")
    report = kept.report()
    assert int(signal.SIGKILL) == report["signal"]
    assert max(report["oom_kills"].values()) >= 1
