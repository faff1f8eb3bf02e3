"""A night's report: opened in a real browser, the same each time, and safe whatever a workload was called."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.illustrations import STEMS
from analysis.listings.sections import NAMES
from analysis.report import MARKER, write_report
from analysis.study import study
from harness.errors import NightFolderError
from harness.record import encode

HOSTILE = "<script>alert(1)</script>,$x_1$ & \\input{x} 100% \u202e<img src=//evil.example/x>"
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def drawn(paths) -> list[str]:
    """The drawings that lie beside a page."""
    return sorted(path.name for path in paths.folder.glob("figures/*.svg"))


def opened(index: Path, profile: Path) -> tuple[str, list[str]]:
    """The document as the browser has it, and what it said on its console."""
    command = [
        str(CHROMIUM),
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0", "--dump-dom", index.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def without_scripts(page: str) -> str:
    """The page without the two scripts that came with nightwatt, which the policy allows, and their data."""
    return re.sub(r'(?s)<script( type="application/json" class="explorable")?>.*?</script>', "", page)


def outward(page: str) -> list[str]:
    """Every address on the page that is neither in it nor beside it."""
    page = without_scripts(page)
    addresses = re.findall(r"""(?:src|href|action|data|poster)\s*=\s*["']([^"']*)""", page)
    addresses += re.findall(r"url\(([^)]*)\)|@import\s+([^;]*)", page)
    files = r"figures/[a-z-]+\.(?:svg|pdf|png)$|tables/[a-z-]+\.(?:md|tex|csv|html)$|"
    files += r"findings\.json$|methods\.md$|references\.bib$"
    inward = re.compile(f"#|data:|{files}")
    return [str(address) for address in addresses if not inward.match(str(address))]


@pytest.fixture(scope="module")
def reported(simulate_once, tmp_path_factory):
    """A night with an outlier, an invalid run and a failure, its findings and its report elsewhere."""
    night = simulate_once(
        blocks=12,
        outliers={"b05-1": 1.06},
        invalid=("b03-2",),
        failed=("b09-1",),
        discarded=1,
        domains={"gpu0": 0.7, "package-0": 0.3},
        protocol={"analysis": {"equivalence": {"metric": "accuracy", "margin": 0.02}}},
    )
    return night, write_report(night.path, tmp_path_factory.mktemp("report") / "out")


@needs_browser
def test_a_browser_sees_the_headline_and_says_nothing(reported, tmp_path):
    _, paths = reported
    document, console = opened(paths.index, tmp_path)
    assert [] == console
    assert f'id="headline">{paths.findings.headline}</p>' in document
    assert f'id="headline-all">{paths.findings.headline_all}</p>' in document
    assert len(drawn(paths)) == document.count("<img ") > 7


@needs_browser
def test_the_browser_test_would_notice_an_error(tmp_path):
    page = tmp_path / "broken.html"
    page.write_text("<p id='x'>there</p><script>nothing.at.all()</script>")
    document, console = opened(page, tmp_path / "profile")
    assert "there" in document
    assert console


def test_the_page_needs_nothing_from_outside(reported):
    _, paths = reported
    page = paths.index.read_text("utf-8")
    assert [] == outward(page)
    assert "default-src 'none'" in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert re.fullmatch(r" script-src( 'sha256-[A-Za-z0-9+/]{43}=')+", policy.split(";")[3])
    assert MARKER in page
    assert ["//evil.example/x"] == outward("<img src='//evil.example/x'>")


def test_every_section_and_every_file_that_is_linked_is_there(reported):
    _, paths = reported
    page = paths.index.read_text("utf-8")
    sections = re.findall(r'<section id="([a-z]+)"', page)
    expected = ["figures", "results", "time", "drift", "quality", "exclusions", "cautions", "tests", "runs", "machine"]
    expected += ["methods", "reproduce"]
    assert expected == sections
    linked = re.findall(r'href="([^#"]+\.[a-z]+)"', without_scripts(page))
    assert len(STEMS) * 3 + len(NAMES) * 4 + 3 >= len(linked) > 60
    assert [] == [name for name in linked if not (paths.folder / name).is_file()]
    assert sorted([*linked, "index.html"]) == sorted(files_of(paths.folder))


def test_the_findings_are_those_of_the_study_to_twelve_digits(reported):
    night, paths = reported
    from analysis.load import load

    body = json.loads((paths.folder / "findings.json").read_text("utf-8"))
    found = study(load(night.path))
    assert found.headline == body["headline"]
    assert found.comparisons[0].ratio.value == pytest.approx(body["comparisons"][0]["ratio"]["value"], rel=1e-11)
    assert 1 == body["schema"]
    assert encode(body) == body


def test_tables_hold_what_the_findings_say(reported):
    _, paths = reported
    summary = pd.read_csv(paths.folder / "tables" / "summary.csv")
    assert [group.configuration for group in paths.findings.groups] == summary.configuration.tolist()
    assert [group.mean.value for group in paths.findings.groups] == summary.mean_J.tolist()
    runs = pd.read_csv(paths.folder / "tables" / "runs.csv")
    assert 12 * 2 + 2 + 1 == len(runs)
    assert {"headline", "outlier", "excluded"} == set(runs.state)
    exclusions = pd.read_csv(paths.folder / "tables" / "exclusions.csv")
    assert {"discarded", "invalid", "failed", "outlier-z"} <= set(exclusions.rule)


def test_a_second_report_from_another_process_is_the_same_to_the_byte(reported, tmp_path):
    night, paths = reported
    code = "import sys; from analysis.report import write_report; write_report(sys.argv[1], sys.argv[2])"
    surroundings = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "MPLBACKEND": "svg"}
    command = [sys.executable, "-c", code, str(night.path), str(tmp_path / "again")]
    subprocess.run(command, check=True, env=surroundings, timeout=200)
    one, other = files_of(paths.folder), files_of(tmp_path / "again")
    assert sorted(one) == sorted(other)
    assert [] == [name for name in one if one[name] != other[name]]


@pytest.mark.usefixtures("unrendered")
def test_a_night_may_be_renamed_and_its_report_stays_the_same(simulate, tmp_path):
    night = simulate(blocks=3, epochs=0)
    before = files_of(write_report(night.path, tmp_path / "one").folder)
    renamed = night.path.rename(tmp_path / "quite another name")
    assert before == files_of(write_report(renamed, tmp_path / "other").folder)


@pytest.fixture(scope="module")
def several(simulate_once, tmp_path_factory):
    """A night in which two sensors and a rated power tell one domain, and a meter what lies around it."""
    beside = (
        {"origin": "energibridge", "scale": 0.97, "error": 0.01},
        {"origin": "constant", "constant_W": 70.0, "quality": "modelled"},
        {"origin": "meter", "domain": "wall", "scale": 1.8},
    )
    night = simulate_once(blocks=6, origin="nvml", beside=beside)
    return night, write_report(night.path, tmp_path_factory.mktemp("several") / "out")


def test_a_night_of_several_instruments_tells_who_told_what_and_whether_they_agree(several):
    _, paths = several
    folder = paths.folder / "tables"
    sources = pd.read_csv(folder / "sources.csv").set_index("source")
    assert {"nvml": "compared", "energibridge": "stands beside it", "constant": "stands beside it",
            "meter": "not in the sum"} == sources.standing.to_dict()  # fmt: skip
    assert [-0.06, -0.02] == sources.loc["nvml", ["class_low", "class_high"]].tolist()
    recorded = pd.read_csv(folder / "recorded.csv")
    assert 2 * 4 == len(recorded)
    assert {"modelled"} == set(recorded[recorded.source == "constant"].quality)
    agreement = pd.read_csv(folder / "agreement.csv")
    assert 3 + 1 + 1 == len(agreement)
    assert "modelled" == agreement.set_index(["one", "other"]).quality["constant (modelled)", "nvml"]
    page = paths.index.read_text("utf-8")
    quality = page[page.index('id="quality"') : page.index('id="exclusions"')]
    assert 'id="figure-agreement"' in quality
    assert "gpu0 by nvml -6 to -2 %" in page
    assert "whose class takes itself off" in page


@needs_browser
def test_a_browser_shows_the_figure_of_agreement_and_says_nothing(several, tmp_path):
    _, paths = several
    document, console = opened(paths.index, tmp_path)
    assert [] == console
    assert len(drawn(paths)) == document.count("<img ")
    assert "agreement.svg" in drawn(paths)


@pytest.mark.parametrize("quality", ["measured", "modelled"])
@pytest.mark.usefixtures("unrendered")
def test_a_table_that_a_program_reads_says_of_each_row_whether_it_was_measured(quality, simulate, tmp_path):
    paths = write_report(simulate(blocks=4, quality=quality).path, tmp_path)
    tables = {path.stem: pd.read_csv(path) for path in paths.folder.glob("tables/*.csv")}
    for name in ("summary", "comparisons", "effects", "drift", "tests", "runs", "channels", "sources", "agreement"):
        assert quality in set(tables[name].quality), name
    assert "quality" not in tables["metrics"]
    of_response = tables["exploratory"].set_index("response").quality
    assert {quality} == set(of_response[[name for name in of_response.index if "power" in name or "energy" in name]])
    assert "measured" == of_response["duration of train"]


@pytest.mark.usefixtures("unrendered")
def test_modelled_power_is_called_so_where_something_else_is_compared(simulate, tmp_path):
    night = simulate(blocks=4, quality="modelled", protocol={"analysis": {"metric": "accuracy"}})
    found = write_report(night.path, tmp_path).findings
    assert "accuracy" == found.response
    assert "Modelled, not measured: the power of gpu0" in found.first_line


@pytest.mark.usefixtures("unrendered")
def test_a_report_changes_nothing_else_in_the_night(simulate):
    night = simulate(blocks=3, epochs=0)
    before = files_of(night.path)
    paths = write_report(night.path)
    after = files_of(night.path)
    assert night.path / "report" == paths.folder
    assert before == {name: content for name, content in after.items() if not name.startswith("report/")}


@pytest.fixture(scope="module")
def hostile(simulate_once, tmp_path_factory):
    names = {HOSTILE: 1.0, "{% raw %}{{ 7*7 }} mixed": 0.9}
    night = simulate_once(configurations=names, accuracy=dict.fromkeys(names, 0.8), title=HOSTILE, blocks=5, epochs=0)
    return write_report(night.path, tmp_path_factory.mktemp("hostile") / "out")


def test_a_hostile_name_is_only_ever_text(hostile):
    page = without_scripts(hostile.index.read_text("utf-8"))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<img src=//" not in page
    assert [] == outward(page)
    assert "{{ 7*7 }}" in page
    for path in hostile.folder.glob("tables/*.html"):
        assert "<script" not in path.read_text("utf-8")
    for path in hostile.folder.glob("tables/*.tex"):
        assert "\\input{x}" not in path.read_text("utf-8")
    for path in hostile.folder.glob("figures/*.svg"):
        assert "<script" not in re.sub(r"<!--.*?-->", "", path.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_every_table_of_a_hostile_night_compiles(hostile, tmp_path):
    inputs = "\n".join(f"\\input{{{path}}}\\clearpage" for path in sorted(hostile.folder.glob("tables/*.tex")))
    assert inputs.count("input") > 15
    paper = (
        "\\documentclass{article}\\usepackage{booktabs,longtable,graphicx,pdflscape}\\begin{document}"
        + inputs
        + "\\end{document}"
    )
    (tmp_path / "paper.tex").write_text(paper)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert 0 == done.returncode, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


@needs_browser
def test_a_hostile_name_does_nothing_in_a_browser(hostile, tmp_path):
    document, console = opened(hostile.index, tmp_path)
    assert [] == console
    assert "<script" not in without_scripts(document)
    assert "evil.example" not in "".join(re.findall(r"<img[^>]*?src=\"([^\"]{0,40})", document))


def test_what_was_not_measured_says_so_first_and_on_every_figure(simulate):
    paths = write_report(simulate(blocks=4, quality="modelled", rehearsal=True).path)
    page = paths.index.read_text("utf-8")
    body = re.sub(r"\s+", " ", re.sub("<[^>]+>", "", without_scripts(page[page.index("<body>") :]))).strip()
    assert body.startswith("REHEARSAL")
    assert "odelled, not measured" in body[:300]
    drawings = {name: (paths.folder / "figures" / name).read_text("utf-8") for name in drawn(paths)}
    assert len(drawings) > 7
    # Letters are drawn as paths; matplotlib leaves the words of each text in a comment.
    assert [] == [name for name, text in drawings.items() if "REHEARSAL" not in text or "odelled" not in text]
    for suffix in ("md", "tex", "html"):  # each of them is read, and copied, by itself
        told = {path.stem: path.read_text("utf-8") for path in paths.folder.glob(f"tables/*.{suffix}")}
        assert [] == [name for name, text in told.items() if "REHEARSAL" not in text]
        for name in ("summary", "comparisons", "effects", "exploratory", "drift", "exclusions", "tests", "runs"):
            assert "(modelled, not measured)" in told[name]
        for name in ("metrics", "outlier-rule"):  # what the workload reported was not made from power
            assert "modelled" not in told[name]


# Of those that are slow the like is drawn, and looked at more closely, in test_degenerate_nights.py.
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"configurations": {"only": 1.0}, "blocks": 5}, id="one configuration", marks=pytest.mark.slow),
        pytest.param({"blocks": 1}, id="one run each", marks=pytest.mark.slow),
        pytest.param({"blocks": 2, "epochs": 0}, id="two runs each", marks=pytest.mark.slow),
        pytest.param({"energy": False, "blocks": 4}, id="no energy", marks=pytest.mark.slow),
        pytest.param({"blocks": 2, "lost": ("b01-1", "b01-2", "b02-1", "b02-2")}, id="no valid run"),
        pytest.param({"stop_after": 0}, id="no run at all"),
        pytest.param({"blocks": 4, "noise": 0.0, "accuracy_noise": 0.0}, id="all equal", marks=pytest.mark.slow),
        pytest.param({"blocks": 4, "marks": False, "accuracy": {}}, id="no marks", marks=pytest.mark.slow),
        pytest.param({"blocks": 4, "missing": ("b02-1",), "order": "shuffle"}, id="no blocks"),
    ],
)
@pytest.mark.usefixtures("unrendered")
def test_a_poor_night_gives_a_report_that_says_what_can_be_said(settings, simulate):
    paths = write_report(simulate(**settings).path)
    page = paths.index.read_text("utf-8")
    assert paths.findings.headline
    words = re.sub("<[^>]+>", " ", without_scripts(page))
    assert not re.search(r"\bnan\b|\bNaN\b|\bNone\b(?!\.)", words)
    assert not re.search(r"(?<![\w.])nan(?![\w.])", (paths.folder / "findings.json").read_text("utf-8"))


@pytest.mark.usefixtures("unrendered")
def test_an_older_reports_files_go_and_others_stay(simulate):
    night = simulate(blocks=3, epochs=2)
    paths = write_report(night.path)
    (paths.folder / "figures" / "mine.svg").write_text("mine")
    (paths.folder / "figures" / "ratios-3.pdf").write_text("a page of the older report's ratios")
    (paths.folder / "notes.txt").write_text("mine")
    assert (paths.folder / "figures" / "epochs.svg").exists()
    for run in night.path.glob("runs/*/run.json"):
        body = json.loads(run.read_text())
        body["phases"] = [phase for phase in body["phases"] if not phase["name"].startswith("epoch")]
        run.write_text(json.dumps(body))
    write_report(night.path)
    assert not (paths.folder / "figures" / "epochs.svg").exists()
    assert not (paths.folder / "figures" / "ratios-3.pdf").exists()
    assert (paths.folder / "figures" / "mine.svg").exists()
    assert (paths.folder / "notes.txt").exists()


def test_somebody_elses_page_is_not_written_over(simulate, tmp_path):
    night = simulate(blocks=2)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<h1>My site</h1>")
    with pytest.raises(NightFolderError, match="did not write"):
        write_report(night.path, tmp_path / "site")
    assert "<h1>My site</h1>" == (tmp_path / "site" / "index.html").read_text()
    assert ["index.html"] == [path.name for path in (tmp_path / "site").iterdir()]


@pytest.mark.parametrize("place", ["report", "report/figures", "report/tables"])
def test_a_report_is_not_written_through_a_link(place, simulate, tmp_path):
    night = simulate(blocks=2)
    (tmp_path / "elsewhere").mkdir()
    link = night.path / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NightFolderError, match="link or a file"):
        write_report(night.path)
    assert [] == list((tmp_path / "elsewhere").iterdir())


@pytest.mark.usefixtures("unrendered")
def test_a_place_that_cannot_be_written_is_named(simulate, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NightFolderError, match="cannot be written") as refused:
        write_report(simulate(blocks=2, epochs=0).path, tmp_path / "file" / "report")
    assert "--out" in str(refused.value)


def test_a_folder_that_is_no_night_is_refused(tmp_path):
    with pytest.raises(NightFolderError):
        write_report(tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_page_of_sixty_runs_stays_small(simulate, tmp_path):
    night = simulate(blocks=30, train_s=240.0, epochs=25, rate_hz=50.0)
    paths = write_report(night.path, tmp_path / "out")
    assert paths.index.stat().st_size < 6e6
