"""What travels in the wheel, and that an installation from it finds its files."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("nightwatt", "harness", "analysis", "workloads", "protocols", "tests")
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel, built from a copy of what a clone holds."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__", "share"))
    for name in FILES:
        shutil.copy2(ROOT / name, source / name)
    pip(folder, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(folder), str(source))
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds the installed wheel and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    pip(target, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    return target


def pip(folder, *arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


def python(installed, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-P", *arguments], cwd=installed, env=environment, capture_output=True, text=True, check=False
    )


def shipped(folder):
    """The files of a shipped folder, as paths inside it."""
    return {
        str(path.relative_to(ROOT / folder))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_packages_and_the_share_and_no_tests(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {"nightwatt", "harness", "analysis"} == {name.partition("/")[0] for name in names}
    for folder in ("workloads", "protocols"):
        prefix = f"nightwatt/share/{folder}/"
        assert shipped(folder) == {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    assert [] == [name for name in names if Path(name).name.startswith(("test_", "conftest"))]


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [path.relative_to(ROOT) for part in PARTS[:3] for path in (ROOT / part).rglob("*") if path.is_file()]
    travelling = [str(path) for path in files if not {"share", "__pycache__"} & set(path.parts)]
    assert [] == [name for name in travelling if name not in names]


@pytest.mark.parametrize("folder", ["workloads", "protocols"])
def test_an_installed_nightwatt_finds_its_shipped_files(installed, folder):
    done = python(installed, "-c", f"from harness.protocol import shipped; print(shipped({folder!r}))")
    assert str(installed / "nightwatt" / "share" / folder) == done.stdout.strip(), done.stderr


def test_an_installed_nightwatt_plans_the_demo_by_its_name(installed):
    done = python(installed, "-m", "nightwatt", "plan", "demo")
    assert 0 == done.returncode, done.stdout + done.stderr
