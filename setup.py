"""The one build step that pyproject.toml cannot say: workloads/ and protocols/ travel inside the wheel as data."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("workloads", "protocols")
SOURCE = Path(__file__).resolve().parent


class BuildWithShare(build_py):
    """Copies the shipped folders to ``nightwatt/share/``; an editable installation finds them in the checkout."""

    def run(self) -> None:
        """Build the packages, then the share, anew: a file that has gone must not travel from an older build."""
        super().run()
        if self.editable_mode:
            return
        for folder in SHIPPED:
            target = Path(self.build_lib) / "nightwatt" / "share" / folder
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(SOURCE / folder, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


setup(cmdclass={"build_py": BuildWithShare})
