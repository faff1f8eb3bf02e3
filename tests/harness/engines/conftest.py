"""A real Slurm cluster on this host: its own munged, a controller and five nodes, in a folder and on ports of its own.

node1-3 are alike (partitions energy, short; scavenge and spare, which urgent pre-empts); node4 does not see the folder
``apart``, node5 has another processor: both by a mount namespace of their own. The nodes share the host's cores: they
test the plumbing, never a measurement.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 90.0
DAEMONS = ("munged", "slurmctld", "slurmd")
NIGHTWATT = (sys.executable, "-P", "-m", "nightwatt")
CONF = """
ClusterName=nightwatt
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=10
MinJobAge=60
MaxJobCount=20000
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmdSpoolDir={root}/spool.%n
StateSaveLocation={root}/state
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.%n.log
{accounting}
SchedulerParameters=sched_min_interval=0,bf_interval=1,batch_sched_delay=0
NodeName=node[1-3] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[3]}] CPUs=2 Feature=small
NodeName=node4 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[4]} CPUs=2 Feature=small
NodeName=node5 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[5]} CPUs=2 Feature=large
PartitionName=energy Nodes=node[1-3] Default=YES OverSubscribe=EXCLUSIVE MaxTime=2:00:00
PartitionName=short Nodes=node[1-3] OverSubscribe=EXCLUSIVE MaxTime=0:01:00
PartitionName=scavenge Nodes=node[1-3] OverSubscribe=EXCLUSIVE MaxTime=2:00:00 PriorityTier=1 PreemptMode=REQUEUE
PartitionName=spare Nodes=node[1-3] OverSubscribe=EXCLUSIVE MaxTime=2:00:00 PriorityTier=1 PreemptMode=CANCEL
PartitionName=urgent Nodes=node[1-3] OverSubscribe=EXCLUSIVE MaxTime=2:00:00 PriorityTier=9 PreemptMode=OFF
PartitionName=apart Nodes=node[1,4] OverSubscribe=EXCLUSIVE MaxTime=2:00:00
PartitionName=unlike Nodes=node[1,5] OverSubscribe=EXCLUSIVE MaxTime=2:00:00
"""


NO_ACCOUNTING = "JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none"
ACCOUNTING = """JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={root}/munge.socket"""
DBD = """
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
DbdHost=localhost
DbdPort={port}
SlurmUser=root
LogFile={root}/slurmdbd.log
PidFile={root}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass=slurm
"""


@dataclass
class Cluster:
    """The daemons that this session of tests started, each stopped by what was started."""

    root: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """For every command that is to speak with this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.root / "slurm.conf")}

    def start(self, name: str, *command: str) -> None:
        """Start a daemon in the foreground; it ends when the tests do, however they end."""
        died = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        log = open(self.root / f"{name}.out", "ab")  # noqa: SIM115 -- the daemon's own
        self.daemons[name] = subprocess.Popen(
            [*died, *command], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def stop(self, name: str) -> None:
        """End a daemon that was started here."""
        daemon = self.daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(15)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(15)

    def end_steps(self) -> None:
        """End what slurmd has left: a step that could not tell its end to anybody."""
        conf = str(self.root / "slurm.conf").encode()
        for process in Path("/proc").glob("[0-9]*"):
            if int(process.name) != os.getpid() and _started_by(process, conf):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process.name), signal.SIGKILL)

    def start_controller(self) -> None:
        """The controller, with what it knew when it was stopped."""
        self.start("slurmctld", "slurmctld", "-D", "-f", str(self.root / "slurm.conf"))
        wait_for(lambda: self.ask("scontrol", "ping").returncode == 0)

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One of Slurm's commands."""
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60, check=False)

    def told(self, *command: str) -> str:
        """What it prints; it must work."""
        done = self.ask(*command)
        assert 0 == done.returncode, done.stderr
        return done.stdout.strip()

    def idle(self) -> set[str]:
        """The nodes at which a task could begin at once."""
        return set(self.ask("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").stdout.split())

    def nightwatt(self, *arguments: str, cwd: Path | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        """One command of ours on this cluster."""
        done = subprocess.run(
            [*NIGHTWATT, *arguments], env=self.env, cwd=cwd, capture_output=True, text=True, timeout=280, check=False
        )
        assert code == done.returncode, done.stdout + done.stderr
        return done

    def clear(self) -> None:
        """Nothing waits or is executed any more, and the nodes are idle."""
        if "slurmctld" not in self.daemons:  # a test that failed while it was away
            self.start_controller()
        self.ask("scancel", "--user=root")
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not self.ask("squeue", "-h").stdout.strip())
        wait_for(lambda: self.idle() >= {"node1", "node2", "node3"})


def _started_by(process: Path, conf: bytes) -> bool:
    """Whether a process belongs to the cluster of this configuration."""
    try:
        return b"SLURM_CONF=" + conf in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def wait_for(asked: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """What ``asked`` gives, once that is something."""
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        if found := asked():
            return found
        time.sleep(0.1)
    raise AssertionError("it has not come about in time")


def _ports(count: int) -> list[int]:
    """Free ports, the second to the fourth in a row, as Slurm writes those of alike nodes."""
    for _ in range(50):
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            begin = first.getsockname()[1]
            try:
                for port in range(begin + 1, begin + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return list(range(begin, begin + count))
    raise AssertionError("no free ports")


@contextlib.contextmanager
def running(root: Path, *, accounting: bool = False, more: str = "", mount: str = "") -> Iterator[Cluster]:
    """A cluster with its daemons in ``root``; skipped with the reason where it cannot be had.

    ``more``: further lines of its configuration, which win; ``mount``: what is mounted for the alike nodes alone.
    """
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    daemons = (*DAEMONS, *(("slurmdbd", "mariadbd", "mariadb-install-db") if accounting else ()))
    absent = [name for name in (*daemons, "sbatch", "sinfo") if shutil.which(name, path=path) is None]
    if absent:
        pytest.skip(
            f"Slurm is not installed here ({', '.join(absent)}); .ci/run installs what is needed but the accounting"
        )
    if os.getuid():
        pytest.skip("slurmd needs root")
    os.environ["PATH"] = path
    for parent in (root, *(parent for parent in root.parents if parent != Path("/tmp"))):
        with contextlib.suppress(OSError):  # munge wants a way to its socket that everybody may go
            parent.chmod(parent.stat().st_mode | 0o011)
    cluster = Cluster(root)
    host, ports = socket.gethostname().partition(".")[0], _ports(8)
    account = ACCOUNTING.format(port=ports[6], root=root) if accounting else NO_ACCOUNTING
    (root / "slurm.conf").write_text(CONF.format(host=host, root=root, ports=ports, accounting=account) + more)
    for name in ("state", "apart", *(f"spool.node{number}" for number in range(1, 6))):
        (root / name).mkdir()
    key = root / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    cpuinfo = root / "cpuinfo"
    cpuinfo.write_text("processor : 0\nmodel name : Another processor\n")
    try:
        cluster.start(
            "munged", "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={root}/munge.socket",
            f"--pid-file={root}/munged.pid", f"--log-file={root}/munged.log", f"--seed-file={root}/munged.seed",
        )  # fmt: skip
        wait_for((root / "munge.socket").exists, 20)
        if accounting:
            _start_accounting(cluster, ports[6], ports[7])
        cluster.start_controller()
        conf = str(root / "slurm.conf")
        for number in (1, 2, 3):
            slurmd = ("slurmd", "-D", "-N", f"node{number}", "-f", conf)
            line = f"{mount} && exec {' '.join(slurmd)}"
            cluster.start(f"node{number}", *(("unshare", "--mount", "sh", "-c", line) if mount else slurmd))
        for number, mount in ((4, f"-t tmpfs none {root}/apart"), (5, f"--bind {cpuinfo} /proc/cpuinfo")):
            line = f"mount {mount} && exec slurmd -D -N node{number} -f {conf}"
            cluster.start(f"node{number}", "unshare", "--mount", "sh", "-c", line)
        wait_for(lambda: cluster.idle() >= {"node1", "node2", "node3"}, 60)
        yield cluster
    finally:
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            if cluster.daemons.keys() >= {"node1", "node2", "node3"}:
                cluster.clear()  # what is executed tells the controller of its end, again and again until that hears it
        for name in [*reversed(cluster.daemons)]:
            cluster.stop(name)
        cluster.end_steps()


def _start_accounting(cluster: Cluster, port: int, database: int) -> None:
    """A database of its own, and Slurm's daemon in front of it."""
    root, data = cluster.root, cluster.root / "data"
    data.mkdir()
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    subprocess.run([*install, "--skip-test-db", "--user=root"], check=True, capture_output=True, timeout=120)
    cluster.start(
        "mariadbd", "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={root}/db.socket",
        f"--port={database}", "--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0",
    )  # fmt: skip
    grant = "".join(
        f"create user slurm@'{host}' identified by 'slurm'; grant all on *.* to slurm@'{host}';"
        for host in ("localhost", "127.0.0.1")
    )
    ask = ["mariadb", "--no-defaults", f"--socket={root}/db.socket", "--user=root", "--execute"]
    wait_for(lambda: cluster.ask(*ask, "select 1").returncode == 0, 60)
    cluster.told(*ask, grant)
    conf = root / "slurmdbd.conf"
    conf.write_text(DBD.format(root=root, port=port, database=database))
    conf.chmod(0o600)
    cluster.start("slurmdbd", "slurmdbd", "-D")
    wait_for(lambda: cluster.ask("sacctmgr", "--immediate", "add", "cluster", "nightwatt").returncode == 0, 60)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster, without accounting."""
    with running(tmp_path_factory.mktemp("slurm")) as made:
        yield made


@pytest.fixture(scope="session")
def accounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that keeps an account of its tasks."""
    with running(tmp_path_factory.mktemp("accounted"), accounting=True) as made:
        yield made


COUNTED_W = 300.0
"""What the made-up boards of ``energetic`` count."""


@pytest.fixture(scope="session")
def energetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that keeps an account, whose nodes have a counter of energy where HPE Cray's boards have theirs.

    The counter is a file that a thread writes; what reads it is Slurm's own plugin, in a mount namespace.
    """
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    root = tmp_path_factory.mktemp("energetic")
    board, before = root / "board", root / "sys"
    board.mkdir()
    before.mkdir()
    (board / "power").write_text(f"{COUNTED_W:.0f} W 1\n")
    began_s, ended = time.monotonic(), threading.Event()

    def count() -> None:
        while not ended.wait(0.1):
            aside = board / "energy.aside"
            aside.write_text(f"{1_000_000 + COUNTED_W * (time.monotonic() - began_s):.0f} J 1\n")
            aside.replace(board / "energy")

    counting = threading.Thread(target=count, daemon=True)
    counting.start()
    mount = (
        f"mount --rbind /sys {before} && mount -t tmpfs none /sys && mkdir -p /sys/cray/pm_counters"
        f" && for it in {before}/*; do mkdir /sys/${{it##*/}} && mount --rbind $it /sys/${{it##*/}}; done"
        f" && mount --bind {board} /sys/cray/pm_counters"
    )
    more = "AcctGatherEnergyType=acct_gather_energy/pm_counters\n"
    try:
        with running(root, accounting=True, more=more, mount=mount) as made:
            yield made
    finally:
        ended.set()
        counting.join(5)


@pytest.fixture
def cluster(slurm: Cluster) -> Iterator[Cluster]:
    """The cluster with nothing to do, before the test and after it."""
    slurm.clear()
    yield slurm
    slurm.clear()
