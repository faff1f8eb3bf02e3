"""The rules of the house that a machine can keep: layout, size, words, and what loads what."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import harness
from harness import errors

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("harness", "analysis", "nightwatt")
LONGEST = 350
"""Lines that hold something."""
HEAVY = {
    "jinja2", "keras", "matplotlib", "numpy", "pandas", "psutil", "pyarrow", "pydantic", "pynvml", "rich", "scipy",
    "statsmodels", "tabulate", "tensorflow", "torch",
}  # fmt: skip


def modules(*folders):
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not {"__pycache__", "share"} & set(path.relative_to(ROOT).parts)
    )


def named(path):
    return str(path.relative_to(ROOT))


def text(name):
    return (ROOT / name).read_text("utf-8")


SOURCES = modules(*PACKAGES, "workloads", "benchmarks")


def test_a_module_stays_small_enough_to_have_one_reason_to_exist():
    lengths = {named(path): sum(1 for line in path.read_text("utf-8").splitlines() if line.strip()) for path in SOURCES}
    assert {} == {name: length for name, length in lengths.items() if length > LONGEST}


def test_nothing_is_left_to_do():
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
    assert [] == [named(path) for path in SOURCES if unfinished.search(path.read_text("utf-8"))]


def test_no_module_is_named_for_what_it_does_not_say():
    vague = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc", "tools"}
    assert [] == [named(path) for path in SOURCES if path.stem in vague]


def test_every_folder_of_modules_is_a_package_so_that_its_imports_are_checked():
    folders = {path.parent for path in modules(*PACKAGES)}
    assert [] == [named(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()]


def test_tests_are_no_packages():
    assert [] == [named(path) for path in modules("tests") if path.name == "__init__.py"]


@pytest.mark.parametrize(
    "word",
    ["protocol", "factor", "configuration", "block", "replicate", "slot", "attempt", "run", "phase", "mark", "window",
     "instrument", "sampler", "sensor", "channel", "domain", "gate", "judge", "settle", "seal", "keeper", "night",
     "rehearsal"],
)  # fmt: skip
def test_the_glossary_opens_with_the_words_of_the_house(word):
    assert re.search(rf"^{word}\s{{2,}}\S", harness.__doc__, re.MULTILINE)


def test_the_error_tree_is_drawn_whole():
    drawn = set(re.findall(r"^[\s│├└─]*(\w+) {2,}(\d+) ", errors.__doc__.partition("::")[2], re.MULTILINE))
    real = {
        (item.__name__, str(int(item.exit_code)))
        for item in vars(errors).values()
        if isinstance(item, type) and issubclass(item, errors.NightwattError)
    }
    assert real == drawn


def top_level_imports(path):
    """Names of the packages that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    "name",
    ["harness/record.py", "harness/json_files.py", "harness/errors.py", "workloads/marks.py", "workloads/fake.py"],
)
def test_what_everything_rests_on_needs_the_standard_library_only(name):
    assert set() == top_level_imports(ROOT / name) - set(sys.stdlib_module_names) - {"harness"}


def test_workloads_know_of_this_project_only_what_lies_beside_them():
    for path in modules("workloads"):
        assert set() == top_level_imports(path) & {*PACKAGES, "workloads", "protocols", "tests"}, named(path)


def test_sidecars_start_by_module_and_on_a_safe_path():
    """A user's own harness/ folder must not shadow ours."""
    wrong = []
    for path in modules(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.List | ast.Tuple) and len(node.elts) > 1:
                words = [ast.unparse(item) for item in node.elts[:3]]
                if words[0] == "sys.executable" and words[1:] != ["'-P'", "'-m'"]:
                    wrong.append(f"{named(path)}:{node.lineno}")
    assert [] == wrong


def loaded_by(code):
    """The packages that a fresh Python has loaded after ``code``."""
    code = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["harness.instruments.sampler", "harness.keeper", "harness.sensors.nvml", "harness.sensors.rapl",
     "harness.sensors.machine", "harness.sensors.load_model", "harness.sensors.constant", "harness.sensors.simulated",
     "harness.sensors.meter", "harness.sensors.hwmon", "harness.sensors.slurm"],
)  # fmt: skip
def test_sidecars_load_nothing_heavy(module):
    own = {"harness.sensors.machine": "psutil", "harness.sensors.nvml": "pynvml"}.get(module)
    assert set() == loaded_by(f"import {module}") & (HEAVY | {"typer"}) - {own}


def test_help_loads_no_command_and_nothing_heavy():
    code = "import nightwatt.__main__ as m\ntry: m.main(['--help'])\nexcept SystemExit: pass"
    assert set() == loaded_by(code) & HEAVY


def test_a_notebooks_import_loads_nothing_before_it_is_used():
    assert set() == loaded_by("import nightwatt") & (HEAVY | {"typer"})


def test_no_package_host_is_written_down():
    """An index is the user's own choice: pip's settings, or PIP_ARGS."""
    host = re.compile(r"(index-url|find-links)\W+https?:|files\.python|/simple\b|/whl/")
    files = ["pyproject.toml", "constraints.txt", "Makefile", "setup.py", ".ci/run", "README.md", "CONTRIBUTING.md"]
    assert [] == [name for name in files if host.search(text(name))]


def test_every_dependency_has_one_pinned_version():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(item for extra in extras for item in extra)]
    lines = [line for line in text("constraints.txt").splitlines() if not line.startswith("#")]
    pinned = [re.match(r"([a-z0-9-]+)==\S+", line)[1] for line in lines]
    assert set() == {re.match(r"[A-Za-z0-9-]+", item)[0].lower() for item in wanted} - set(pinned)
    assert sorted(set(pinned)) == sorted(pinned)


def test_one_version_stands_everywhere():
    version = re.escape(tomllib.loads(text("pyproject.toml"))["project"]["version"])
    assert re.search(rf"(?m)^version: {version}$", text("CITATION.cff"))
    assert re.search(rf"(?m)^## {version}\b", text("CHANGELOG.md"))


def test_the_protocols_are_toml_with_one_page_and_each_is_named_in_the_readme():
    files = sorted(path.name for path in (ROOT / "protocols").iterdir())
    protocols = [name for name in files if name.endswith(".toml")]
    assert ["README.md"] == [name for name in files if name not in protocols]
    readme = text("README.md")
    assert [] == [name for name in protocols if f"`{name.removesuffix('.toml')}`" not in readme]


def test_every_decision_is_in_the_index():
    pages = sorted(path.name for path in (ROOT / "docs/decisions").glob("*.md") if path.name != "README.md")
    assert pages == sorted(re.findall(r"\]\(([\w.-]+\.md)\)", text("docs/decisions/README.md")))


def test_every_relative_link_in_the_documents_leads_somewhere():
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "protocols").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text("utf-8")):
            if not (page.parent / link).exists():
                broken.append(f"{named(page)}: {link}")
    assert [] == broken


def test_an_import_contract_names_only_homes_that_exist():
    settings = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]
    for contract in settings["contracts"]:
        for line in contract.get("ignore_imports", []):
            home = line.partition(" -> ")[0].removesuffix(".**").replace(".", "/")
            assert (ROOT / f"{home}.py").is_file() or (ROOT / home).is_dir(), line
