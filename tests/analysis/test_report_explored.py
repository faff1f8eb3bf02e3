"""A report's figures are explored in a real browser: zoomed, pointed at, hidden and reset; on a phone and on paper."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from analysis.report import write_report

PAGE_B = 6_000_000
HOSTILE = "</script><img src=//evil.example/x onerror=alert(1)>,$x_1$ %{x} <b>bold</b> & é"
EXPLORED = ("distribution", "accuracy", "pareto", "power", "pairs", "phase", "energies", "epochs", "drift")
OPEN = """
  document.querySelectorAll("button.explore").forEach(item => item.click());
  new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))
"""


@pytest.fixture(scope="module")
def night(simulate_once, tmp_path_factory):
    """A night with an outlier and an invalid run, and its report."""
    made = simulate_once(blocks=6, outliers={"b05-1": 1.06}, invalid=("b03-2",))
    return write_report(made.path, tmp_path_factory.mktemp("report") / "out")


@pytest.fixture(scope="module")
def hostile(simulate_once, tmp_path_factory):
    names = {HOSTILE: 1.0, "mixed": 0.9}
    made = simulate_once(configurations=names, accuracy=dict.fromkeys(names, 0.8), title=HOSTILE, blocks=5, epochs=0)
    return write_report(made.path, tmp_path_factory.mktemp("hostile") / "out")


def in_chart(stem, script):
    """A script in which ``chart`` is the explored chart of a figure."""
    return f"(() => {{ const chart = document.querySelector('#figure-{stem} .chart'); return {script}; }})()"


def test_a_figure_is_explored_hidden_shown_and_reset(night, browser):
    browser.open(night.index)
    assert 0 == browser.run("document.querySelectorAll('.stage').length")
    browser.run(OPEN)
    stems = browser.run("Array.from(document.querySelectorAll('figure.exploring')).map(item => item.id)")
    assert [f"figure-{name}" for name in EXPLORED] == stems
    drawn = in_chart("power", "chart.querySelectorAll('.scatterlayer .js-line').length")
    whole = browser.run(in_chart("power", "chart.layout.xaxis.range"))
    lines = browser.run(drawn)
    browser.run("document.querySelectorAll('#figure-power button.key')[0].click()")
    assert lines / 2 == browser.run(drawn)
    browser.run(in_chart("power", "Plotly.relayout(chart, {'xaxis.range': [0.1, 0.2]}).then(() => 1)"))
    browser.run("document.querySelector('#figure-power button.reset').click()")
    assert lines == browser.run(drawn)
    assert whole == browser.run(in_chart("power", "chart.layout.xaxis.range"))
    assert ["true", "true"] == browser.run(
        "Array.from(document.querySelectorAll('#figure-power button.key')).map(item => item.ariaPressed)"
    )
    browser.run("document.querySelector('#figure-power button.explore').click()")
    shown = "getComputedStyle(document.querySelector('#figure-power {}')).display"
    assert ["block", "none"] == [browser.run(shown.format(part)) for part in (".view", ".stage")]
    assert [] == browser.said()
    assert [] == browser.asked_for()


def hovered(browser, stem):
    """What a figure says under the pointer: at its first mark, or in the middle where it has lines."""
    browser.run(f"document.querySelector('#figure-{stem} .chart').scrollIntoView({{block: 'center'}})")
    x, y = browser.run(
        f"(() => {{ const chart = document.querySelector('#figure-{stem} .chart');"
        "const box = (chart.querySelector('.point') || chart.querySelector('.nsewdrag')).getBoundingClientRect();"
        "return [box.left + box.width / 2, box.top + box.height / 2]; })()"
    )
    for step in range(3):
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + step / 10, y=y)
        browser.run("new Promise(done => setTimeout(done, 120))")
    texts = "Array.from(document.querySelectorAll('#figure-{} .hoverlayer text')).map(item => item.textContent)"
    return " ".join(browser.run(texts.format(stem)))


def test_a_value_is_told_under_the_pointer(night, browser):
    browser.open(night.index)
    browser.run(OPEN)
    assert re.search(r"(base|lean): \d+(\.\d+)? W \([\d.]+ to [\d.]+, n \d+\)", hovered(browser, "power"))
    assert re.search(r"\d+(\.\d+)? k?J.*b\d\d-\d-a1", hovered(browser, "distribution"))
    assert re.search(r"block \d+: \d+(\.\d+)? k?J.*b\d\d-\d-a1", hovered(browser, "pairs"))
    assert re.search(r"epoch \d: \d+(\.\d+)? k?J \([\d.]+ to [\d.]+, n \d+\)", hovered(browser, "energies"))
    assert re.search(r"on the front", hovered(browser, "pareto"))


def test_a_hostile_name_is_text_in_charts_as_well(hostile, browser):
    page = hostile.index.read_text("utf-8")
    scripts = re.findall(r"<script([^>]*)>", re.sub(r"(?s)<script>.*?</script>", "<script>", page))
    assert {"", ' type="application/json" class="explorable"'} == set(scripts)
    assert 2 == scripts.count("")
    for block in re.findall(r'(?s)class="explorable">(.*?)</script>', page):
        assert json.loads(block)["keys"][0]["whole"].startswith("</script><img")
    browser.open(hostile.index)
    browser.run(OPEN)
    assert [] == browser.said()
    assert [] == browser.asked_for()
    assert 0 == browser.run("document.querySelectorAll('.stage img, .stage a, .stage script, .stage b').length")
    assert f"Hide or show {HOSTILE}" == browser.run("document.querySelector('button.key').title")
    assert browser.run("document.querySelector('button.key').textContent").startswith("</script><")
    ticks = "Array.from(document.querySelectorAll('#figure-distribution .xaxislayer-above text, "
    ticks += "#figure-distribution .ytick text')).map(item => item.textContent).join('')"
    assert "</script>" in browser.run(ticks)
    assert "%{x}" in hovered(browser, "power")


def test_what_is_not_ours_does_not_run(night, browser, tmp_path):
    page = night.index.read_text("utf-8").replace("</main>", "<script>window.theirs = 1</script></main>")
    page = page.replace("<h1>", "<h1 onclick='window.theirs = 1'>")
    (tmp_path / "index.html").write_text(page, "utf-8")
    browser.open(tmp_path / "index.html")
    browser.run("document.querySelector('h1').click()")
    assert browser.run("typeof window.theirs") == "undefined"
    assert "Content Security Policy" in json.dumps(browser.said())


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_reaches_over_the_edge_of_the_screen(night, browser, width):
    browser.open(night.index, width=width)
    browser.run(OPEN)
    assert width == browser.run("document.documentElement.scrollWidth")
    wide = "Array.from(document.querySelectorAll('.chart .main-svg')).map(item => item.getBoundingClientRect().right)"
    assert max(browser.run(wide)) <= width


def test_on_paper_the_static_figures_stand(night, browser):
    browser.open(night.index)
    browser.run(OPEN)
    browser.call("Emulation.setEmulatedMedia", media="print")
    shown = "Array.from(document.querySelectorAll('{}')).map(item => getComputedStyle(item).display)"
    kinds = {kind: set(browser.run(shown.format(kind))) for kind in (".view", ".stage", ".explore-bar", "nav")}
    browser.call("Emulation.setEmulatedMedia", media="")
    assert {".view": {"block"}, ".stage": {"none"}, ".explore-bar": {"none"}, "nav": {"none"}} == kinds


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_on_paper_a_tall_first_figure_stands_under_the_headline(night, browser, tmp_path):
    """As tall as the ratios of 45 configurations are drawn."""
    browser.open(night.index)
    browser.run("""new Promise(done => {
      const image = document.querySelector("#figures figure img");
      const tall = "<svg xmlns='http://www.w3.org/2000/svg' width='691' height='887'/>";
      Object.assign(image, {onload: () => done(1), width: 691, height: 887});
      image.src = "data:image/svg+xml," + encodeURIComponent(tall);
    })""")
    browser.printed(tmp_path / "page.pdf")
    command = ["pdftotext", "-l", "1", str(tmp_path / "page.pdf"), "-"]
    first = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Ratios with their intervals" in first


def test_without_scripts_the_page_is_as_it_is_without_exploring(night, browser):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(night.index)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    drawn = list(night.folder.glob("figures/*.svg"))
    assert len(drawn) == browser.run("document.querySelectorAll('figure .view img').length")
    assert 0 == browser.run("document.querySelectorAll('button').length")


@pytest.mark.slow
def test_the_page_of_sixty_runs_stays_under_six_megabytes(simulate, tmp_path):
    names = {f"c{number}": 1.0 + number / 50 for number in range(6)}
    made = simulate(configurations=names, accuracy=dict.fromkeys(names, 0.8), blocks=10, train_s=600.0)
    assert write_report(made.path, tmp_path).index.stat().st_size < PAGE_B
