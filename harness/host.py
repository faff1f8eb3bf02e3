"""What machine, driver, packages and source tree this is, and what of it must not change during a night.

Everything here is on an allow-list: processor, memory, kernel, system, Python, the versions of named packages, GPUs
with their driver, nightwatt's own commit. No environment variables, no names of users, hosts or networks: a night is
published with its ``host.json``. The machine appears as an anonymous id (docs/decisions/anonymous-host.md).
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from harness.conditions.condition import PASSING, Condition

PACKAGES = (
    "nightwatt", "numpy", "pandas", "pyarrow", "scipy", "statsmodels", "psutil", "nvidia-ml-py", "pydantic",
    "scikit-learn", "torch", "torchvision", "triton", "tensorflow", "tensorflow-cpu", "keras", "jax", "jaxlib",
    "jax-cuda12-plugin", "jax-cuda13-plugin", "onnx", "onnxruntime", "onnxruntime-gpu", "codecarbon", "transformers",
    "lightning",
)  # fmt: skip
"""The distributions whose versions are recorded where they are installed; besides, NVIDIA's own (``nvidia-…``)."""

_ID_KEY = b"nightwatt: anonymous id of a host, version 1"


@dataclass(frozen=True)
class Gpu:
    """One card, by its lasting identity."""

    name: str
    uuid: str
    driver: str


@dataclass(frozen=True)
class Host:
    """One machine at one moment; the content of ``host.json``."""

    id: str
    """Eight hexadecimal digits; the same each time on the same installation, and not to be turned back."""
    cpu: str
    cores: int
    """Physical ones; 0 where the system does not tell."""
    threads: int
    memory_B: int
    system: str
    kernel: str
    machine: str
    python: str
    packages: Mapping[str, str] = field(default_factory=dict)
    gpus: tuple[Gpu, ...] = ()
    commit: str = ""
    """nightwatt's git commit where it runs from a checkout, "+" behind it when the tree was changed; else empty."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """sha256 of each source file of the plan, by its name in the night's ``sources/``."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """What of the machine shapes a measurement (``harness.conditions``), by name, when the night began."""
    conditions_after: Mapping[str, str] = field(default_factory=dict)
    """The same when its last session ended."""

    def to_json(self) -> dict[str, Any]:
        """This record as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Host:
        """The host of a parsed ``host.json``; raises KeyError, TypeError or ValueError when it is not one."""
        return cls(**{**body, "gpus": tuple(Gpu(**item) for item in body["gpus"])})

    def identity(self) -> dict[str, str]:
        """What must not change during a night, flat: what it is -> its value."""
        return {
            "processor": f"{self.cpu}, {self.threads} threads",
            "python": self.python,
            **{f"package {name}": version for name, version in sorted(self.packages.items())},
            **{f"gpu {gpu.uuid}": f"{gpu.name}, driver {gpu.driver}" for gpu in self.gpus},
            **{f"source {name}": sha256 for name, sha256 in sorted(self.sources.items())},
        }

    def watched(self) -> dict[str, str]:
        """What may change (a machine that updated itself after a power cut goes on), but not unnoticed."""
        return {
            "kernel": self.kernel,
            "system": self.system,
            "commit of nightwatt": self.commit,
            **{name: value for name, value in self.conditions.items() if name not in PASSING},
        }


def snapshot(
    *,
    sources: Mapping[str, Path] | None = None,
    cards: Iterable[Gpu] = (),
    conditions: Iterable[Condition] = (),
    root: Path = Path("/"),
) -> Host:
    """This machine now; ``sources`` (name -> path) are hashed, an unreadable one as "absent".

    ``cards`` are the GPUs as the sensors know them; others that the machine has are added.
    """
    return Host(
        id=anonymous_id(root),
        cpu=cpu_model(root),
        cores=psutil.cpu_count(logical=False) or 0,
        threads=psutil.cpu_count() or 0,
        memory_B=psutil.virtual_memory().total,
        system=_system(root),
        kernel=platform.release(),
        machine=platform.machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages=packages(),
        gpus=gpus(cards, root),
        commit=commit(Path(__file__).resolve().parent.parent),
        sources={name: digest(path) for name, path in (sources or {}).items()},
        conditions={item.name: item.value for item in conditions},
    )


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Where two identities (or two ``watched()``) differ, one sentence each, in the order of their keys."""
    sentences = []
    for name in dict.fromkeys([*before, *now]):
        was, now_is = before.get(name), now.get(name)
        if was is None:
            sentences.append(f"{name}: was not there when the night began, is now {now_is}")
        elif now_is is None:
            sentences.append(f"{name}: was {was}, is no longer there")
        elif was != now_is:
            sentences.append(f"{name}: was {was or 'unknown'}, is now {now_is or 'unknown'}")
    return tuple(sentences)


def anonymous_id(root: Path = Path("/"), node: str = "") -> str:
    """Eight hexadecimal digits of a keyed hash of the machine id, or of the processor and kernel where there is none.

    The machine id itself is confidential (machine-id(5)); a keyed hash of it, cut short, names a machine to those who
    know it already and tells others nothing. ``node``: the name of a cluster's node; nodes of one image share their
    machine id.
    """
    for name in ("etc/machine-id", "var/lib/dbus/machine-id"):
        try:
            secret = (root / name).read_bytes().strip()
        except OSError:
            continue
        if secret:
            return hmac.new(secret + node.encode(), _ID_KEY, hashlib.sha256).hexdigest()[:8]
    facts = f"{cpu_model(root)} {platform.machine()} {platform.release()}{node}"
    return hmac.new(facts.encode(), _ID_KEY, hashlib.sha256).hexdigest()[:8]


def gpus(cards: Iterable[Gpu] = (), root: Path = Path("/")) -> tuple[Gpu, ...]:
    """``cards`` and the other NVIDIA cards that the kernel module tells, by UUID; no library is loaded for it.

    A container may hide cards, or their UUIDs: a card without a UUID is named by its place on the bus where nothing
    else names it.
    """
    folder = root / "proc/driver/nvidia"
    version = re.search(r"Kernel Module\b.*?\s(\d+\.[\d.]+)\s", _text(folder / "version"))
    driver = version[1] if version else ""
    told: dict[str, Gpu] = {}
    hidden: list[Gpu] = []
    for file in sorted(folder.glob("gpus/*/information")):
        fact = dict(re.findall(r"^([^:\n]+):[ \t]*(.*?)[ \t]*$", _text(file), re.MULTILINE))
        name, uuid = fact.get("Model", ""), fact.get("GPU UUID", "?")
        if "?" in uuid:
            hidden.append(Gpu(name, f"at {file.parent.name}", driver))
        else:
            told[uuid] = Gpu(name, uuid, driver)
    known = {card.uuid: card for card in cards}
    unnamed = [] if known.keys() - told.keys() else hidden
    return tuple(sorted([*(told | known).values(), *unnamed], key=lambda gpu: gpu.uuid))


def cpu_model(root: Path = Path("/")) -> str:
    """The processor's name as the kernel gives it; the architecture where it gives none."""
    text = _text(root / "proc/cpuinfo")
    found = re.search(r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def packages() -> dict[str, str]:
    """The versions of the listed distributions that this interpreter has, and of NVIDIA's libraries beside them."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = (distribution.name or "").lower().replace("_", "-")
        if name in PACKAGES or name.startswith("nvidia-"):
            found.setdefault(name, distribution.version)
    return dict(sorted(found.items()))


def digest(path: Path) -> str:
    """The sha256 of a file's bytes, or "absent" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "absent"


def commit(checkout: Path) -> str:
    """The commit of the checkout that holds this source, "+" behind it when tracked files differ; "" elsewhere."""
    if not (checkout / ".git").exists():
        return ""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answers = [
            subprocess.run(
                ["git", "-C", str(checkout), *question],
                capture_output=True, text=True, timeout=10, check=True, env=environment, stdin=subprocess.DEVNULL,
            ).stdout.strip()
            for question in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return answers[0] + ("+" if answers[1] else "")


def _system(root: Path) -> str:
    """The operating system and its release, as it calls itself."""
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', _text(root / "etc/os-release"), re.MULTILINE)
    return found[1] if found else f"{platform.system()} {platform.mac_ver()[0]}".strip()


def _text(path: Path) -> str:
    """A small file of the system; "" where it is not there."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
