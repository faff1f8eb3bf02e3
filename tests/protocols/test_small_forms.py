"""The shipped studies for real, small: two runs of a few steps each, every command of the head, and a whole rehearsal.

The machine that tests may be busy: gates that would wait for its quiet are opened wide, and no duration decides.
"""

import importlib.util
import itertools
import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from analysis.load import load
from analysis.study import study
from harness.plan import make_plan
from harness.protocol import find, parse_overrides, read, shipped
from harness.protocol_refusals import shown

FOLDER = shipped("protocols")
STUDIES = sorted(path.stem for path in FOLDER.glob("*.toml") if path.stem not in ("aa", "demo", "pilot"))
FIRST = ("architectures", "environments", "inference-runtimes", "mixed-precision", "width-precision")
"""Run whenever tests are; the others, which are the same workloads, among the slow ones."""
OPEN = ("gates.load.cores=10000", "gates.swap.MB_per_s=1e9", "gates.disk.free_GB=0")
FEW = {"--steps": "1", "--epochs": "1", "--finetune-epochs": "1", "--test-images": "32", "--batch": "4"}
FEW |= {"--duration": "0.3", "--ceilings": "0.02", "--workers": "1"}
QUICK = {"environments": ['factors.architecture=["vgg16", "vgg19"]', "analysis.baseline=vgg16"]}
"""What starts sooner than the small form's own: MobileNetV2 has four times the layers of VGG16."""
SMALLER = {
    "architectures": ("--eager", "--batch", "4", "--train-images", "64"),
    "environments": ("--eager", "--batch", "5", "--test-images", "10"),
    "mixed-precision": ("--test-images", "10"),
}
"""Options after those of the small form: nothing is compiled for one step, and ten digits have all ten classes."""
NO_CARD = ["sensors.required=[]", "sensors.fallback=load_model", "analysis.energy=[]"]
MODELS = ("torchvision", "timm", "transformers")
NEEDED = {"inference": ("torch", "onnx", "onnxruntime"), "width": ("torch", "sklearn")}


def forms(name):
    """The --set values of each command in a protocol's head; the last one is the small form."""
    head = [line for line in (FOLDER / f"{name}.toml").read_text().splitlines() if line.startswith("#")]
    lines = [line.removeprefix("#").strip() if line.startswith("#   ") else "" for line in head]
    text = "\n".join(lines).replace("\\\n", " ")
    starts = [match.start() for match in re.finditer(r"^nightwatt run", text, re.MULTILINE)]
    commands = [shlex.split(text[start:].split("\n\n")[0]) for start in starts]
    return [[value for option, value in itertools.pairwise(words) if option == "--set"] for words in commands]


def small_form(name):
    return forms(name)[-1]


def wants_card(protocol):
    return "nvml" in (protocol.sensors.required or ()) or any("gpu" in domain for domain in protocol.analysis.energy)


def others():
    """Each command of a head that is not the small form and says something: the protocol's name, the values."""
    return [pytest.param(name, form, id=f"{name}-{n}") for name in STUDIES for n, form in enumerate(forms(name)[:-1])]


def opened(name):
    return OPEN if read(find(name)).gates is not None else ()


def two_runs(name, form):
    """A form, made smaller: one block of the baseline and of one other level of the last factor compared."""
    values = list(form)
    protocol = read(find(name), parse_overrides(values))
    command = list(protocol.workload.command)
    for place, word in enumerate(command[:-1]):
        if word in FEW and not command[place + 1].startswith("{"):
            command[place + 1] = FEW[word]
    command += SMALLER.get(name, ())
    analysis, configurations = protocol.analysis, make_plan(protocol).configurations
    base = next(item for item in configurations if analysis.rest(item.levels) == analysis.baseline)
    varied = next(
        factor
        for factor, levels in reversed(protocol.factors.items())
        if factor not in analysis.within and len(levels) > 1
    )
    for factor, level in base.levels.items():
        others = [item for item in protocol.factors[factor] if item != level][:1] if factor == varied else []
        values.append(f"factors.{factor}={shown([level, *others])}")
    values += ["design.blocks=1", f"workload.command={json.dumps(command)}"]
    values += ["warmup.duration_s=0.3", "warmup.runs=0"] if protocol.warmup is not None else []
    values += ["cooldown.minimum_s=0"] if protocol.cooldown is not None else []
    values += ["baseline.duration_s=0.5"] if protocol.baseline is not None else []
    return [*values, *opened(name)]


def nightwatt(command, name, values, out, **options):
    """A night of a shipped protocol in a process of its own; its folder."""
    words = [sys.executable, "-m", "nightwatt", command, name, "--out", str(out), "-q", "--no-report"]
    words += [word for value in values for word in ("--set", value)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "tensorflow"}
    environment["NIGHTWATT_RUNTIME_DIR"] = f"{out}-locks"  # beside a person's night, and beside another test's
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, **options)
    assert 0 == done.returncode, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    (folder,) = out.iterdir()
    return folder


def checked(folder, name, values):
    """Every slot has a valid run that completed, and the study says something of them."""
    slots = make_plan(read(find(name), parse_overrides(values))).slots
    planned = [slot for slot in slots if slot.block > 0]
    records = [json.loads(path.read_text()) for path in folder.glob("runs/*/run.json")]
    good = [item for item in records if item["validity"] == "valid" and item["status"] == "completed"]
    assert len(planned) == len(good), [item.get("reason") for item in records]
    found = study(load(folder))
    assert found.headline
    assert all(group.n_valid == len(planned) // len(found.groups) for group in found.groups)
    return found


def needs(name):
    packages = next((them for start, them in NEEDED.items() if name.startswith(start)), ("keras", "tensorflow"))
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if name.startswith("inference") and not any(map(importlib.util.find_spec, MODELS)):
        missing.append(" or ".join(MODELS))
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")


def marked(names):
    return [pytest.param(name, marks=() if name in FIRST else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", marked(STUDIES))
def test_each_study_runs_for_real_as_two_runs_of_a_few_steps(name, tmp_path):
    needs(name)
    values = two_runs(name, [*small_form(name), *QUICK.get(name, [])])
    found = checked(nightwatt("run", name, values, tmp_path / "nights"), name, values)
    assert 1 == len(found.comparisons)
    assert "modelled" in found.headline or found.quality == "modelled"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", STUDIES)
def test_each_study_runs_in_the_small_form_of_its_head(name, tmp_path):
    needs(name)
    values = [*small_form(name), *opened(name)]
    checked(nightwatt("run", name, values, tmp_path / "nights"), name, values)


@pytest.mark.parametrize("name", STUDIES)
def test_every_command_of_a_head_can_be_planned_and_asks_for_no_card_that_it_does_not_need(name):
    for form in forms(name):
        protocol = read(find(name), parse_overrides(form))
        assert make_plan(protocol).slots
        if not wants_card(protocol):
            warmup = (protocol.warmup and protocol.warmup.command) or ()
            assert not {"cuda", "gpu"} & {*protocol.workload.command, *warmup}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "form"), others())
def test_the_other_commands_of_a_head_do_what_they_say(name, form, tmp_path):
    """What needs no card for real, as two runs with a modelled power; what needs one in a rehearsal of one block."""
    if wants_card(read(find(name), parse_overrides(form))):
        values = [*form, "design.blocks=1"]
        checked(nightwatt("rehearse", name, values, tmp_path / "nights"), name, values)
        return
    needs(name)
    values = [*two_runs(name, form), *NO_CARD]
    checked(nightwatt("run", name, values, tmp_path / "nights"), name, values)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", STUDIES)
def test_each_study_is_rehearsed_in_full(name, tmp_path):
    checked(nightwatt("rehearse", name, [], tmp_path / "nights"), name, [])
