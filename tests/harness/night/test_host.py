"""The machine by an allow-list, and what must not change during a night."""

from __future__ import annotations

import dataclasses
import getpass
import hashlib
import json
import socket
import subprocess
from pathlib import Path

import pytest

from harness.host import Gpu, Host, anonymous_id, commit, cpu_model, differences, gpus, packages, snapshot

UUID = "GPU-5c3d1f7e-0000-0000-0000-000000000001"
OTHER = "GPU-5c3d1f7e-0000-0000-0000-000000000002"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A fake tree of the system's files: an Intel processor and two NVIDIA cards."""
    files = {
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "etc/os-release": 'NAME="Some"\nPRETTY_NAME="Some Linux 12"\n',
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nprocessor\t: 1\nmodel name\t: Fast CPU\n",
        "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.03  Release\n",
        "proc/driver/nvidia/gpus/0000:01:00.0/information": f"Model: \t\t NVIDIA H200\nGPU UUID: \t {UUID}\n",
        "proc/driver/nvidia/gpus/0000:02:00.0/information": "Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-????????-????\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_snapshot_survives_its_json() -> None:
    now = snapshot()
    assert now == Host.from_json(json.loads(json.dumps(now.to_json())))


def test_a_snapshot_names_no_user_host_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2-in-the-environment")
    text = json.dumps(snapshot(sources={"train.py": Path(__file__)}).to_json())
    assert "hunter2" not in text
    assert str(Path.home()) not in text
    assert str(Path(__file__).parent) not in text
    for name in (socket.gethostname(), getpass.getuser()):
        if len(name) > 4:  # "root" or "vm" may be part of any word
            assert name not in text


def test_the_anonymous_id_is_stable_short_and_not_the_machines_own(root: Path) -> None:
    assert anonymous_id(root) == anonymous_id(root)
    assert 8 == len(anonymous_id(root))
    assert hashlib.sha256(b"0123456789abcdef0123456789abcdef").hexdigest()[:8] != anonymous_id(root)
    assert anonymous_id(root) not in (root / "etc/machine-id").read_text()


def test_machines_have_different_ids_and_one_without_a_machine_id_has_one_too(root: Path) -> None:
    first = anonymous_id(root)
    (root / "etc/machine-id").write_text("ffffffffffffffffffffffffffffffff\n")
    second = anonymous_id(root)
    (root / "etc/machine-id").write_text("")
    assert 3 == len({first, second, anonymous_id(root)})


def test_the_processor_and_the_system_are_named_as_they_name_themselves(root: Path) -> None:
    assert "Fast CPU @ 3 GHz" == cpu_model(root)
    assert "Some Linux 12" == snapshot(root=root).system


def test_cards_are_known_by_uuid_and_a_hidden_one_by_its_place(root: Path) -> None:
    hidden = Gpu("NVIDIA H200", "at 0000:02:00.0", "580.159.03")
    assert (Gpu("NVIDIA H200", UUID, "580.159.03"), hidden) == gpus(root=root)


def test_a_card_that_the_sensors_name_takes_the_place_of_a_hidden_one(root: Path) -> None:
    cards = [Gpu("NVIDIA H200", UUID, "580.159.03"), Gpu("NVIDIA H200", OTHER, "580.159.03")]
    assert tuple(cards) == gpus(cards, root)


def test_cards_that_a_container_hides_are_known_from_the_sensors(tmp_path: Path) -> None:
    card = Gpu("NVIDIA H200", UUID, "580.159.03")
    assert (card,) == gpus([card], tmp_path)


def test_a_machine_without_cards_has_none(tmp_path: Path) -> None:
    assert () == gpus(root=tmp_path)


def test_only_listed_packages_are_recorded() -> None:
    found = packages()
    assert {"nightwatt", "numpy", "pydantic"} <= found.keys()
    assert "pytest" not in found


def test_sources_are_hashed_by_their_name_and_an_absent_one_says_so(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("print()\n")
    found = snapshot(sources={"train.py": script, "gone.py": tmp_path / "gone.py"}).sources
    assert {"train.py": hashlib.sha256(b"print()\n").hexdigest(), "gone.py": "absent"} == found


def test_the_same_machine_has_no_differences(host: Host) -> None:
    assert () == differences(host.identity(), host.identity())


def test_each_change_is_one_sentence(host: Host) -> None:
    before = dataclasses.replace(host, gpus=(Gpu("H200", UUID, "580.1"),), sources={"train.py": "aa"})
    now = dataclasses.replace(
        before, gpus=(Gpu("H200", UUID, "590.2"),), sources={"train.py": "bb"}, packages={"keras": "3.6"}
    )
    assert (
        "package numpy: was 2.0, is no longer there",
        f"gpu {UUID}: was H200, driver 580.1, is now H200, driver 590.2",
        "source train.py: was aa, is now bb",
        "package keras: was not there when the night began, is now 3.6",
    ) == differences(before.identity(), now.identity())


def test_a_new_kernel_is_noticed_and_changes_no_identity(host: Host) -> None:
    now = dataclasses.replace(host, kernel="6.2")
    assert () == differences(host.identity(), now.identity())
    assert ("kernel: was 6.1, is now 6.2",) == differences(host.watched(), now.watched())


def test_the_commit_of_a_checkout_says_whether_the_tree_was_changed(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(tmp_path), *words],
            check=True, capture_output=True,
        )  # fmt: skip

    assert "" == commit(tmp_path)
    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "one")
    clean = commit(tmp_path)
    assert 40 == len(clean)
    (tmp_path / "file").write_text("2")
    assert f"{clean}+" == commit(tmp_path)
