"""Which Python make takes, and what it says when there is none; with Pythons that are shell scripts."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
case "$*" in
  *sys.exit*) exit 0 ;;
  *ensurepip*) exit 0 ;;
  *platform*) echo 3.12.1 ;;
  "-m venv .venv") mkdir -p .venv && echo "$0" > .venv/made-by ;;
esac"""
SHIM = "echo 'pyenv: python3.13: command not found' >&2; exit 127"
OLD = "exit 1"
NO_VENV = """\
case "$*" in
  *sys.exit*) exit 0 ;;
  *-venv*) echo python3.12-venv ;;
  *ensurepip*) exit 1 ;;
esac"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def making(tmp_path):
    """make in an empty clone where only the given Pythons are on the path."""
    (tmp_path / "clone").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path / "clone")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "make", "mkdir", "touch", "rm", "echo"):
        (tools / name).symlink_to(shutil.which(name))

    def make(*arguments, **pythons):
        for name, script in pythons.items():
            file = tools / name.replace("_", ".")
            file.write_text(f"#!/bin/sh\n{script}\n")
            file.chmod(0o755)
        return subprocess.run(
            ["make", ".venv/.made", *arguments], cwd=tmp_path / "clone", env={"PATH": str(tools)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    make.folder = tmp_path / "clone"
    make.tools = tools
    return make


def made_by(making):
    return Path((making.folder / ".venv/made-by").read_text().strip()).name


def test_the_newest_python_that_works_is_taken(making):
    done = making(python3_13=GOOD, python3_12=GOOD, python3=GOOD)
    assert 0 == done.returncode, done.stderr
    assert "python3.13" == made_by(making)


def test_a_shim_that_leads_nowhere_is_passed_over(making):
    assert 0 == making(python3_13=SHIM, python3_12=GOOD).returncode
    assert "python3.12" == made_by(making)


def test_a_plain_python3_is_taken_where_it_is_new_enough(making):
    assert 0 == making(python3_11=OLD, python3=GOOD).returncode
    assert "python3" == made_by(making)


def test_PYTHON_overrides_the_search(making):
    done = making("PYTHON=python3.11", python3_13=GOOD, python3_11=GOOD)
    assert 0 == done.returncode, done.stderr
    assert "python3.11" == made_by(making)


def test_without_a_new_enough_python_the_remedy_is_named(making):
    done = making(python3_13=SHIM, python3=OLD)
    assert 0 != done.returncode
    assert "no Python 3.11 or newer that works" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr
    assert not (making.folder / ".venv").exists()


def test_without_venv_the_debian_package_is_named(making):
    done = making(python3_12=NO_VENV)
    assert 0 != done.returncode
    assert "python3.12 works, but it cannot make a virtual environment" in done.stderr
    assert "apt-get install python3.12-venv" in done.stderr


def test_an_environment_whose_python_has_gone_is_made_anew(making):
    assert 0 == making(python3_12=GOOD).returncode
    (making.folder / ".venv/made-by").unlink()
    assert 0 == making(python3_12=GOOD).returncode
    assert "python3.12" == made_by(making)


def test_an_environment_that_works_is_left_alone(making):
    assert 0 == making(python3_12=GOOD).returncode
    (making.folder / ".venv/made-by").unlink()
    python = making.folder / ".venv/bin/python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho works\n")
    python.chmod(0o755)
    assert 0 == making(python3_12=GOOD).returncode
    assert not (making.folder / ".venv/made-by").exists()


def test_what_will_be_downloaded_is_said_beforehand(making):
    making(python3_12=GOOD)
    for name in ("pyproject.toml", "setup.py", "constraints.txt"):
        shutil.copy(ROOT / name, making.folder)
    done = subprocess.run(
        ["make", "--dry-run", "demo", "PIP_ARGS=--no-index"], cwd=making.folder, capture_output=True, text=True,
        env={"PATH": str(making.tools)}, check=False,
    )  # fmt: skip
    said, _, installing = done.stdout.partition("pip --disable")
    assert " MB" in said
    assert "--no-index --constraint constraints.txt --editable '.[torch]'" in installing


PIP = """\
case "$*" in
  *print*) echo works ;;
  *pip*) echo 'Collecting something'; sleep 1.5; {end} ;;
esac"""


@pytest.fixture
def installing(making):
    """make what the demo needs, with a pip that takes a second and then does what it is told."""

    def install(end):
        binaries = making.folder / ".venv/bin"
        binaries.mkdir(parents=True)
        (binaries / "python").write_text(f"#!/bin/sh\n{PIP.format(end=end)}\n")
        (binaries / "python").chmod(0o755)
        for name in ("pyproject.toml", "setup.py", "constraints.txt", ".venv/.made"):
            (making.folder / name).touch()
        for name in ("sleep", "tail", "cut", "cat"):
            (making.tools / name).symlink_to(shutil.which(name))
        return subprocess.run(
            ["make", ".venv/.installed-demo", "TELL_S=1"], cwd=making.folder, env={"PATH": str(making.tools)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return install


def test_while_pip_works_its_latest_line_is_shown(making, installing):
    done = installing("echo 'Successfully installed'")
    assert 0 == done.returncode, done.stderr
    assert "  1 s: pip: Collecting something\n" in done.stdout
    assert "nightwatt: installed, in" in done.stdout
    assert (making.folder / ".venv/.installed-demo").exists()


def test_where_pip_fails_what_it_said_is_shown_and_nothing_counts_as_installed(making, installing):
    done = installing("echo 'ERROR: no such package' >&2; exit 1")
    assert 2 == done.returncode
    assert "ERROR: no such package" in done.stderr
    assert ".venv/pip.log" in done.stderr
    assert not (making.folder / ".venv/.installed-demo").exists()
