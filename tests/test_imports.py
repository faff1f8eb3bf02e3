"""Every import contract fails when it is broken on purpose: one that cannot fail would protect nothing."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
VIOLATIONS = {
    "roots": ("harness/gates.py", "import analysis.load"),
    "the-folder-is-shared": ("analysis/load.py", "import harness.gates"),
    "harness": ("harness/record.py", "import harness.plan"),
    "analysis": ("analysis/load.py", "import analysis.energy"),
    "statistics-see-arrays": ("analysis/statistics/__init__.py", "import analysis.load"),
    "small-sidecars": ("harness/process_tree.py", "import numpy"),
    "scripts-are-scripts": ("nightwatt/outcome.py", "import torch"),
    "home-of-pynvml": ("harness/host.py", "import pynvml"),
    "home-of-psutil": ("harness/keeper.py", "import psutil"),
    "home-of-pyarrow": ("analysis/energy.py", "import pyarrow"),
    "home-of-pydantic": ("harness/plan.py", "import pydantic"),
    "home-of-codecarbon": ("harness/seal.py", "import codecarbon"),
    "home-of-rich": ("harness/night.py", "import rich"),
    "home-of-typer": ("harness/errors.py", "import typer"),
    "home-of-scipy": ("analysis/energy.py", "import scipy.stats"),
    "home-of-matplotlib": ("analysis/load.py", "import matplotlib"),
    "home-of-jinja2": ("nightwatt/outcome.py", "import jinja2"),
    "home-of-tabulate": ("analysis/load.py", "import tabulate"),
}


@pytest.fixture
def clone(tmp_path):
    """A copy of what the contracts are about."""
    for package in SETTINGS["root_packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "share"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(clone, *arguments):
    code = (
        "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", code, "--no-cache", *arguments],
        cwd=clone, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_contract_has_a_violation_that_it_must_see():
    assert {contract["id"] for contract in SETTINGS["contracts"]} == set(VIOLATIONS)


def test_all_contracts_are_kept_as_long_as_nobody_breaks_one(clone):
    done = lint(clone)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"{len(VIOLATIONS)} kept, 0 broken" in done.stdout


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_contract_sees_its_violation(clone, contract):
    name, line = VIOLATIONS[contract]
    with open(clone / name, "a", encoding="utf-8") as file:
        file.write(f"\n\ndef _violate() -> None:\n    {line}\n")
    done = lint(clone, "--contract", contract)
    assert 0 != done.returncode
    assert "BROKEN" in done.stdout, done.stdout + done.stderr
