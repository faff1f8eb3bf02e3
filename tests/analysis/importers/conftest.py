"""What the tests of the importers share: files to read, the night made of them, refusals."""

from __future__ import annotations

import pytest

from analysis.importers.night import Order, write_night
from analysis.importers.recording import ImportRefused
from analysis.load import load


@pytest.fixture
def file(tmp_path):
    """Writes a file of so many lines."""

    def write(name, *lines, end="\n"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + end)
        return path

    return write


@pytest.fixture
def night(tmp_path):
    """Writes the night of an import and loads it."""

    def make(imported, *files, **analysis):
        order = Order("Imported", "study", tmp_path / "results", tuple(files), analysis, "0.1.0")
        return load(write_night(imported, order))

    return make


@pytest.fixture
def refused():
    """Expects a refusal that says these words and a remedy."""

    def expect(call, *words):
        with pytest.raises(ImportRefused) as error:
            call()
        said = str(error.value)
        assert [] == [word for word in words if word not in said], said
        assert "remedy:" in said

    return expect
