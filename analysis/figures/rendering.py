"""A figure as files: SVG, PDF and PNG, the same bytes for the same figure, and small pictures for the page."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fontTools import subset
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from analysis.figures.style import in_style

FORMATS = ("svg", "pdf", "png")
_PNG_DPI = 200
_METADATA: Mapping[str, Mapping[str, Any]] = {
    "svg": {"Date": None, "Creator": "nightwatt"},
    "pdf": {"CreationDate": None, "Creator": "nightwatt", "Producer": None},
    "png": {"Software": None},
}


def render(figure: Figure) -> dict[str, bytes]:
    """``figure`` as SVG, PDF and PNG: the same figure gives the same bytes, without dates."""
    canvas, dpi = figure.canvas, figure.dpi
    rendered: dict[str, bytes] = {}
    # Not by savefig, which draws a figure a second time, into nothing, to see to a layout that is done.
    printers: Mapping[str, Callable[..., None]] = {
        "svg": FigureCanvasSVG(figure).print_svg,
        "pdf": FigureCanvasPdf(figure).print_pdf,
        "png": FigureCanvasAgg(figure).print_png,
    }
    with in_style(), _lean_fonts():
        for suffix in FORMATS:
            buffer = io.BytesIO()
            figure.set_dpi(_PNG_DPI)
            printers[suffix](buffer, metadata=dict(_METADATA[suffix]))
            rendered[suffix] = buffer.getvalue()
    figure.set_canvas(canvas)
    figure.set_dpi(dpi)
    return rendered


class _Lean(subset.Options):  # type: ignore[misc]
    """A font without its tables of how letters join and stand: what is drawn has been set already."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.drop_tables += ["GSUB", "GPOS", "GDEF", "MATH"]


@contextmanager
def _lean_fonts() -> Iterator[None]:
    """Those tables are read and cut for each font of each PDF, which takes longer than all the rest."""
    whole = subset.Options
    subset.Options = _Lean
    try:
        yield
    finally:
        subset.Options = whole


def few_colours(png: bytes, colours: int = 256, *, half: bool = False) -> bytes:
    """The same picture in few colours, a third as large: for a page that is to stay small, not for a journal.

    ``half``: at half its resolution, too.
    """
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if half:
        image = image.reduce(2)
    # By coverage: the warning above a figure of thin grey lines is orange on few of its pixels, and is to stay so.
    image.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(buffer, "png")
    return buffer.getvalue()


def save(figure: Figure, folder: str | os.PathLike[str], stem: str) -> dict[str, Path]:
    """Write ``figure`` below ``folder``, which is made where it is not there, as ``stem.svg``, ``.pdf``, ``.png``."""
    inside = Path(folder)
    inside.mkdir(parents=True, exist_ok=True)
    paths = {suffix: inside / f"{stem}.{suffix}" for suffix in FORMATS}
    for suffix, content in render(figure).items():
        paths[suffix].write_bytes(content)
    return paths
