"""The set of GPU benchmarks: what is decided beforehand stands, parts fit into calls, and a set is of one source."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
_spec = importlib.util.spec_from_file_location("gpu_all", BENCHMARKS / "gpu_all.py")
assert _spec is not None
assert _spec.loader is not None
gpu_all: Any = sys.modules.setdefault("gpu_all", importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(gpu_all)


def figures(out: Path, name: str, value: float = 0.1) -> None:
    body = {"figures": [{"name": "off", "value": value, "unit": "%", "limit": 0.3}]}
    (out / f"{name}.json").write_text(json.dumps(body))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the benchmarks: each leaves its figures; the names in their order."""
    names: list[str] = []

    def run(command: list[str], **_: Any) -> Any:
        file = Path(command[-1])
        names.append(file.stem)
        figures(file.parent, file.stem)
        return type("Done", (), {"returncode": 0})()

    monkeypatch.setattr(gpu_all.subprocess, "run", run)
    return names


def test_every_load_that_has_a_limit_is_in_the_set_with_windows_and_starts_decided_beforehand() -> None:
    loads = {part.arguments[2]: part for part in gpu_all.parts() if part.arguments[0] == "gpu_loads.py"}
    assert {
        "steady", "idle", "9/9 ms", "10/10 ms", "11/11 ms", "25/75 ms", "50/50 ms", "200/200 ms", "1/1 s",
    } == set(loads)  # fmt: skip
    for name, part in loads.items():
        options = dict(zip(part.arguments[1::2], part.arguments[2::2], strict=True))
        window_s = {"10/10 ms": "12.0", "25/75 ms": "20.0", "50/50 ms": "12.0"}.get(name, "5.0")
        assert ("10", window_s) == (options["--phases"], options["--seconds"])
    seeds = [
        part.arguments[part.arguments.index("--seed") + 1] for part in gpu_all.parts() if "--seed" in part.arguments
    ]
    assert len(seeds) == len(set(seeds)) == 11
    assert gpu_all.parts() == gpu_all.parts()


def test_every_part_names_options_that_its_benchmark_has() -> None:
    for part in gpu_all.parts():
        source = (BENCHMARKS / part.arguments[0]).read_text("utf-8")
        options = [word for word in part.arguments if word.startswith("--")]
        assert [] == [word for word in options if f'"{word}"' not in source], part
    loads = (BENCHMARKS / "gpu_loads.py").read_text("utf-8")
    assert [] == [load for load in gpu_all.LOADS if f'Pattern("{load}"' not in loads]


def test_the_parts_fit_into_calls_of_ten_minutes_in_their_order() -> None:
    planned = gpu_all.parts()
    found = gpu_all.calls(planned, 560.0)
    assert list(planned) == [part for call in found for part in call]
    assert max(sum(part.expected_s for part in call) for call in found) <= 560.0
    assert sum(part.expected_s for part in planned) < 28 * 60


def test_a_set_goes_on_where_it_was_left(tmp_path: Path, ran: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    names = [part.name for part in gpu_all.parts()]
    assert gpu_all.LEFT == gpu_all.main(["--out", str(tmp_path), "--for", "200"])
    assert ran
    assert set(ran) < set(names)
    figures(tmp_path, ran[0])
    (tmp_path / f"{names[-1]}.json").write_text('{"figures": [')  # cut short
    before = len(ran)
    assert gpu_all.DONE == gpu_all.main(["--out", str(tmp_path), "--for", "100000"])
    assert sorted(names) == sorted(set(ran))
    assert not set(ran[:before]) & set(ran[before:]) - {names[-1]}
    assert gpu_all.DONE == gpu_all.main(["--out", str(tmp_path), "--for", "100000"])
    assert len(ran) <= len(names) + 1
    assert "12 of 12 parts are done" in capsys.readouterr().out


def test_a_set_of_another_source_is_not_gone_on_with(
    tmp_path: Path, ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu_all.main(["--out", str(tmp_path), "--for", "200"])
    monkeypatch.setattr(gpu_all, "fingerprint", lambda: "another")
    with pytest.raises(SystemExit, match="another source or plan"):
        gpu_all.main(["--out", str(tmp_path), "--for", "200"])


def test_the_source_is_known_by_what_it_says(tmp_path: Path) -> None:
    for folder in ("harness", "benchmarks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "harness" / "a.py").write_text("1")
    before = gpu_all.fingerprint(tmp_path)
    (tmp_path / "harness" / "note.txt").write_text("no source")
    assert before == gpu_all.fingerprint(tmp_path)
    (tmp_path / "harness" / "a.py").write_text("2")
    assert before != gpu_all.fingerprint(tmp_path)


def test_the_summary_tells_limits_that_were_missed_and_parts_that_are_missing(tmp_path: Path) -> None:
    figures(tmp_path, "loads-steady", 0.5)
    figures(tmp_path, "cost", 0.2)
    told = gpu_all.summary(gpu_all.parts(), tmp_path)
    assert "loads-steady: off: 0.5 % (limit 0.3: NOT KEPT)" in told
    assert "cost: off: 0.2 % (limit 0.3: kept)" in told
    assert 10 == sum(line.endswith("not run yet") for line in told)
