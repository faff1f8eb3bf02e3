"""A night's report: one self-contained page, its figures and tables as files, and findings.json.

::

    report/  index.html   findings.json   methods.md   references.bib
             figures/*.{svg,pdf,png}   tables/*.{md,tex,csv,html}

A pure function of the night's folder: no dates, no random numbers, the same folder gives the same bytes. The page needs
no network, and its own policy forbids it; it runs two scripts that came with nightwatt, allowed by their hashes alone,
and says all that it says without them. Whatever a workload printed or named is escaped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import jinja2
from markupsafe import Markup

from analysis import tables
from analysis.citations import bibtex, markdown
from analysis.drawing import Drawing, Workers
from analysis.explore.scripts import scripts
from analysis.figures.rendering import FORMATS as FIGURE_FORMATS
from analysis.figures.style import DOUBLE_IN, SINGLE_IN
from analysis.findings import Findings
from analysis.findings_file import FILE as FINDINGS
from analysis.findings_file import findings_bytes
from analysis.illustrations import PAGED, STEMS, illustrations
from analysis.joined import join
from analysis.labels import visible
from analysis.listings.sections import NAMES, Sections, sections
from analysis.load import Night, load
from analysis.observations import observations
from analysis.slots import slots_of
from analysis.study import Study, examine
from analysis.tables import Table
from harness.errors import NightFolderError
from harness.record import NightFolder

MARKER = '<meta name="generator" content="nightwatt report">'
"""By which a page of ours is known again."""

METHODS = "methods.md"
REFERENCES = "references.bib"

_PX_PER_IN = 96
_MOST_ROWS = 500
"""Of a table on the page; its files hold all."""


@dataclass(frozen=True)
class ReportPaths:
    """Where a report lies, and the findings that it is about."""

    folder: Path
    index: Path
    findings: Findings


def write_report(folder: Path | str, out: Path | str | None = None) -> ReportPaths:
    """Write the report of the night in ``folder`` to ``out`` (left out: its own ``report/``) and say where it lies.

    Files of an older report there are replaced or removed, nothing else is touched. Raises NightFolderError where
    ``folder`` is no night, or where ``out`` cannot be written or holds somebody else's page.
    """
    night = load(folder)
    return _report(night, NightFolder(night.path).report if out is None else Path(out))


def write_joined_report(folders: Sequence[Path | str], out: Path | str) -> ReportPaths:
    """The same of several nights as one; raises NightFolderError, too, where they cannot be joined."""
    return _report(join(folders), Path(out))


def _report(night: Night, target: Path) -> ReportPaths:
    _check_target(target)
    with _told_where(target):
        for name in ("figures", "tables"):
            (target / name).mkdir(parents=True, exist_ok=True)
    with Workers() as workers:
        study = examine(night)
        rows = observations(study.runs, accuracy=night.protocol.analysis.accuracy, domains=study.choice.domains)
        drawn = workers.begin(illustrations(night, study, rows))
        listed = sections(night, study, rows)
        files: dict[str, bytes] = {}
        for table in listed.every():
            files |= {f"tables/{table.name}.{suffix}": content for suffix, content in tables.render(table).items()}
        drawings = drawn.all()
    for item in drawings:
        files |= {f"figures/{item.of.stem}.{suffix}": content for suffix, content in item.rendered.items()}
    files |= {METHODS: markdown(study.findings).encode(), REFERENCES: bibtex(study.findings).encode()}
    files[FINDINGS] = findings_bytes(study.findings)
    files["index.html"] = _page(night, study, drawings, listed)
    with _told_where(target):
        _write(target, files)
    return ReportPaths(target, target / "index.html", study.findings)


def _page(night: Night, study: Study, drawings: Sequence[Drawing], listed: Sections) -> bytes:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    found = study.findings
    page = environment.get_template("report.html.j2").render(
        title=f"REHEARSAL: {found.title}" if night.rehearsal else found.title,
        findings=found,
        facts=_facts(night, study),
        drawings=drawings,
        policy=Markup(" ".join(item.source for item in scripts())),
        scripts=[Markup(item.text) for item in scripts()] if any(item.explorable for item in drawings) else [],
        damage=night.damage,
        single_px=SINGLE_IN * _PX_PER_IN,
        double_px=DOUBLE_IN * _PX_PER_IN,
        figure_formats=FIGURE_FORMATS,
        table_formats=tables.FORMATS,
        listed={field.name: [_on_page(table) for table in getattr(listed, field.name)] for field in fields(listed)},
    )
    return page.encode("utf-8")


def _on_page(table: Table) -> dict[str, str | int]:
    # Both escape every cell themselves, so the template must not do it again.
    element, notes = tables.html_element(table, _MOST_ROWS), tables.html_notes(table, _MOST_ROWS)
    return {"name": table.name, "rows": len(table), "element": Markup(element), "notes": Markup(notes)}


def _facts(night: Night, study: Study) -> str:
    """One line: how many runs, in what order, compared by what."""
    found = study.findings
    slots = slots_of(night)
    blocks = f"{slots.blocks_begun} of {slots.blocks}" if slots.blocks_begun < slots.blocks else str(slots.blocks)
    order = f"in {blocks} blocks" if night.blocked else f"in the order {night.plan['order']}"
    parts = [
        f"{len(night.records)} attempts of {len(night.configurations)} configurations {order}",
        f"{sum(group.n_headline for group in found.groups)} runs in the headline",
        found.response,
        found.quality,
        *([f"{len(night.joined)} nights"] if night.joined else []),
        *_cohorts(night),
    ]
    return " · ".join(parts)


def _cohorts(night: Night) -> list[str]:
    """How many states of machine, software, workload and protocol the runs are of, where it is more than one."""
    count = len({record.cohort for record in night.records.values()})
    return [f"{count} cohorts: something changed and was accepted"] if count > 1 else []


def _check_target(target: Path) -> None:
    """Refuse to write through links, or over a page that is not ours."""
    for path in (target, target / "figures", target / "tables"):
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise NightFolderError(
                "a link or a file is where the report should be",
                where=str(path),
                remedy="move it away, or give another folder with --out",
            )
    index = target / "index.html"
    if index.is_symlink() or (index.exists() and MARKER not in index.read_text("utf-8", "replace")[:2000]):
        raise NightFolderError(
            "there is a page here that nightwatt did not write",
            where=str(index),
            remedy="give another folder with --out",
        )


@contextmanager
def _told_where(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NightFolderError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(error.filename or target),
            remedy="make room or rights there, or give another folder with --out",
        ) from error


def _write(target: Path, files: Mapping[str, bytes]) -> None:
    """Write every file aside and rename it; remove those of an older report that this one lacks."""
    for name, content in files.items():
        aside = target / f"{name}.aside"
        aside.unlink(missing_ok=True)
        aside.write_bytes(content)
        os.replace(aside, target / name)
    ours = [f"figures/{stem}.{suffix}" for stem in STEMS for suffix in FIGURE_FORMATS]
    pages = re.compile(rf"(?:{'|'.join(PAGED)})-\d+\.(?:{'|'.join(FIGURE_FORMATS)})")
    ours += [f"figures/{path.name}" for path in (target / "figures").iterdir() if pages.fullmatch(path.name)]
    ours += [f"tables/{name}.{suffix}" for name in NAMES for suffix in tables.FORMATS]
    for name in ours:
        if name not in files:
            (target / name).unlink(missing_ok=True)
