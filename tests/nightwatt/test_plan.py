import json
import subprocess
import sys

import pytest

from nightwatt.plan import command


@pytest.fixture
def planned(capsys):
    """What `nightwatt plan` prints for the demo with some options."""

    def printed(*overrides, **options):
        assert 0 == command("demo", list(overrides), **options)
        return capsys.readouterr().out

    return printed


def test_a_plan_shows_order_clock_disk_effect_and_cautions(planned):
    text = planned(run_s=20.0)
    for part in (
        "2 configurations x 6 = 12 runs, after 2 discarded runs",
        "b06-2",
        "every run takes 20 s",
        "worst",
        "Disk:",
        "2.36 %",
        "cannot flag any run",
        "remedy: from 11 runs on it can",
    ):
        assert part in text


def test_overrides_are_shown(planned):
    assert "--set design.blocks=2" in planned("design.blocks=2")


def test_without_an_estimate_the_best_clock_says_that_it_counts_waits_only(planned):
    assert "--run-s SECONDS says more" in planned()


def test_a_long_order_is_shortened_unless_all_is_asked_for(planned):
    short, whole = planned("design.blocks=50"), planned("design.blocks=50", whole=True)
    assert "… 86 more (--all shows them)" in short
    assert "b25-1" not in short
    assert "b25-1" in whole
    assert "more (--all" not in whole


def test_a_design_that_cannot_answer_says_so_first(planned):
    text = planned("design.blocks=1", "design.order=listed")
    assert "This design cannot answer everything that it asks:" in text
    assert "no inference at all" in text
    assert "Smallest difference" not in text


def test_json_holds_everything(planned):
    body = json.loads(planned(as_json=True, run_s=20.0))
    assert 14 == len(body["slots"])
    assert 0.0236 == pytest.approx(body["effects"][1]["smallest_effect"], abs=1e-4)
    assert {"outlier-rule-cannot-fire": False} == {item["code"]: item["cannot"] for item in body["cautions"]}
    assert body["forecast"]["best_s"] < body["forecast"]["worst_s"]


def test_a_far_finish_carries_its_date(planned):
    assert " 20" in planned("design.blocks=5000").split("worst")[1][:20]


def test_from_the_command_line_a_refused_protocol_exits_with_2_and_one_message():
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nightwatt", "plan", "demo", "--set", "design.blocs=2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (2, "") == (done.returncode, done.stdout)
    assert 'did you mean "design.blocks"?' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_hours_of_a_night_are_told_and_its_clocks_counted_from_them(planned):
    text = planned("night.starts_at='22:00 UTC'", "night.ends_at='07:30 UTC'", "night.stop_after_s=3600")
    (hours,) = [line for line in text.splitlines() if line.startswith("Hours of a session begun now: ")]
    assert "until " in hours
    assert "for 1:00:00 h; what does not fit is left for nightwatt resume" in hours
    assert "Hours" not in planned()


def test_of_a_night_on_a_cluster_it_is_said_what_a_task_takes(tmp_path):
    file = tmp_path / "arms.toml"
    file.write_text(
        'title = "Which arm?"\n[workload]\ncommand = ["true", "{arm}"]\ntimeout_s = 60\n[factors]\narm = ["a", "b"]\n'
        "[design]\nblocks = 5\n[sensors.simulated]\n[engine]\nslurm = {at_most = 2}\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nightwatt", "plan", str(file)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "On Slurm: 5 tasks, a block each with its own warm-up, at most 2 at once" in done.stdout


def test_the_power_of_a_relative_margin_is_told(planned):
    text = planned("analysis.equivalence={metric = 'energy', margin = 0.02, scale = 'ratio'}")
    assert "Equivalence of energy within a ratio of 1 / 1.02 to 1.02 is shown in 90 % of nights" in text


def test_a_family_of_all_pairs_is_reckoned_with_although_a_baseline_is_named(planned):
    three = ("factors.width=[1, 2, 3]", "analysis.baseline='1'")
    against, pairs = planned(*three), planned(*three, "analysis.family='pairs'")
    assert "over 2 comparisons (Holm's first step)" in against
    assert "over 3 comparisons (Holm's first step)" in pairs


@pytest.mark.parametrize(
    ("correction", "words"),
    [("bonferroni", "(Bonferroni)"), ("fdr", "(the first step of Benjamini and Hochberg)")],
)
def test_the_correction_that_the_protocol_declares_is_named(planned, correction, words):
    text = planned("factors.width=[1, 2, 3]", f"analysis.correction={correction!r}")
    assert f"over 2 comparisons {words}" in text
    assert "Holm" not in text


def test_the_results_that_the_workload_has_to_report_are_named_with_what_may_have_been_meant(planned):
    assert "has to report" not in planned()
    text = planned('analysis.outliers.metric="accuracyy"')
    assert "has to report, as the analysis asks for them: 'accuracyy' (did you mean 'accuracy'?)" in text
