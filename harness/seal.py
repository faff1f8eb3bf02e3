"""CSV -> Parquet in a child process (the home of pyarrow in the harness), checked row by row.

``python -P -m harness.seal RUN_FOLDER`` reads the samples of all instruments in chunks of bounded size, cuts what
stands after the last newline (a torn number parses silently), puts lines that are no readings aside in
``samples.unread.csv``, writes ``samples.parquet`` under another name, reads it back and compares, fsyncs and renames.
The CSVs stay: whoever ordered the sealing removes them when the record is safe. Prints one JSON object: rows, torn
bytes, and what each channel holds.
With ``--serve`` in place of the folder everything is imported first, which a line says; then each line on standard
input is an order, ``{"folder": …, "begin_ns": …, "end_ns": …, "launched_ns": …, "exited_ns": …}``, answered by one
line, ``{"folder": …, "summary": …}`` or ``"error"`` for the summary. The window is that over which the judge wants to
know gaps and means, the launch the moment at which start values are wanted; each may be left out. Where an instrument's
report names a counter and a trace of one domain, the two are compared over everything that was recorded. End-of-file
ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from harness.accounts import Accounts, read_channels
from harness.record import SAMPLE_COLUMNS, SAMPLES_CSV, SAMPLES_PARQUET, encode
from harness.tally import ChannelTally, Interest

CHUNK_B = 4 << 20
"""Bytes of CSV at a time (some 100,000 rows): memory stays below 200 MB however long the run was."""
UNREAD_CSV = "samples.unread.csv"
BIT_MASKS = ".throttle_reasons"
"""What the names of channels end in whose values are bit masks."""
SCHEMA = pa.schema(
    list(zip(SAMPLE_COLUMNS, (pa.int64(), pa.dictionary(pa.int32(), pa.string()), pa.float64()), strict=True))
)
_READING = re.compile(rb"-?\d{1,18},[^,\r\n\0]+,[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)")


@dataclass
class Fingerprint:
    """What two tables share only if they hold the same rows: counts by channel, and sums over every bit."""

    rows: int = 0
    sums: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(2, np.uint64))
    by_channel: dict[str, int] = field(default_factory=dict)

    def take(self, rows: Columns) -> None:
        """Take in the next rows."""
        place = np.arange(self.rows + 1, self.rows + 1 + len(rows.t_ns), dtype=np.uint64)  # so that order counts too
        self.rows += len(rows.t_ns)
        bits = (rows.t_ns.view(np.uint64), rows.value.view(np.uint64))
        self.sums += np.array([(column * place).sum() for column in bits], np.uint64)
        for name, count in zip(rows.names, np.bincount(rows.codes, minlength=len(rows.names)).tolist(), strict=True):
            if count:
                self.by_channel[name] = self.by_channel.get(name, 0) + count

    def equals(self, other: Fingerprint) -> bool:
        """Whether both have seen the same rows in the same order."""
        return (self.rows, self.by_channel) == (other.rows, other.by_channel) and bool((self.sums == other.sums).all())


def seal(folder: Path, interest: Interest | None = None) -> dict[str, Any]:
    """Seal ``folder``'s samples and return the summary; raises OSError when the result is not safely on disk."""
    tallies: dict[str, ChannelTally] = {}
    written, read_back = Fingerprint(), Fingerprint()
    accounts = Accounts(read_channels(folder))
    facts = {"torn_B": 0, "unread_lines": 0}
    target = folder / SAMPLES_PARQUET
    aside = target.with_name(target.name + ".aside")
    try:
        with open(aside, "wb") as sink:
            # With a checksum of each page: without, most flipped bits are read as other numbers, and nothing is said.
            with pyarrow.parquet.ParquetWriter(
                sink,
                SCHEMA,
                compression="zstd",
                use_dictionary=["channel"],
                column_encoding=_ENCODING,
                write_page_checksum=True,
            ) as writer:
                for table in _tables(folder, facts):
                    rows = _columns(table)
                    writer.write_table(table)
                    written.take(rows)
                    _tally(tallies, rows, interest or Interest())
            sink.flush()
            os.fsync(sink.fileno())
        with pyarrow.parquet.ParquetFile(aside, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):  # read at once, pyarrow would keep each until the last
                rows = _columns(file.read_row_group(group))
                read_back.take(rows)
                accounts.take(rows)
        if not read_back.equals(written):
            raise OSError(f"{aside} does not hold the rows that were written to it ({read_back.rows}, {written.rows})")
        os.replace(aside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise
    return {
        "rows": written.rows,
        **facts,
        "channels": {name: tally.to_json() for name, tally in sorted(tallies.items())},
        "counter_ratios": accounts.ratios(),
    }


_ENCODING = {"t_ns": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"}


class Columns(NamedTuple):
    """A table's columns as arrays of one length: channel names, each row's place in them, stamps, values."""

    names: list[str]
    codes: npt.NDArray[np.int32]
    t_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]


def _columns(table: pa.Table) -> Columns:
    whole = table.unify_dictionaries().combine_chunks()
    if not whole.num_rows:
        return Columns([], np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0))
    t_ns, channel, value = (whole.column(name).chunk(0) for name in SAMPLE_COLUMNS)
    return Columns(
        channel.dictionary.to_pylist(),
        _view(channel.indices, np.int32),
        _view(t_ns, np.int64),
        _view(value, np.float64),
    )


def _view(array: pa.Array, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """The array's own memory; pyarrow's to_numpy would import pandas, which takes longer than sealing a short run."""
    return np.frombuffer(array.buffers()[1], dtype=dtype)[array.offset : array.offset + len(array)]


def _tally(tallies: dict[str, ChannelTally], rows: Columns, interest: Interest) -> None:
    if not rows.names:
        return
    order = np.argsort(rows.codes, kind="stable")
    bounds = np.cumsum(np.bincount(rows.codes, minlength=len(rows.names)))
    for name, places in zip(rows.names, np.split(order, bounds[:-1]), strict=True):
        if len(places):
            tally = tallies.setdefault(name, ChannelTally(bits=name.endswith(BIT_MASKS)))
            tally.take(rows.t_ns[places], rows.value[places], interest)


def _tables(folder: Path, facts: dict[str, int]) -> Iterator[pa.Table]:
    """The readings of the CSV, a chunk at a time; counts in ``facts`` what was left out."""
    own = folder / SAMPLES_CSV
    for path in [*([own] if own.exists() else []), *sorted(folder.glob(f"*.{SAMPLES_CSV}"))]:
        with open(path, "rb") as source:
            torn = b""
            while chunk := source.read(CHUNK_B):
                whole, newline, torn = (torn + chunk).rpartition(b"\n")
                if newline:
                    yield _parse(whole + newline, folder, facts)
            facts["torn_B"] += len(torn)


def _parse(lines: bytes, folder: Path, facts: dict[str, int]) -> pa.Table:
    with contextlib.suppress(pa.ArrowInvalid):
        return _parse_clean(lines)
    good: list[bytes] = []
    with open(folder / UNREAD_CSV, "wb" if facts["unread_lines"] == 0 else "ab") as unread:
        for line in lines.split(b"\n")[:-1]:
            if _READING.fullmatch(line) and _is_text(line):
                good.append(line)
            else:
                facts["unread_lines"] += 1
                unread.write(line + b"\n")
    return _parse_clean(b"\n".join([*good, b""])) if good else SCHEMA.empty_table()


def _parse_clean(lines: bytes) -> pa.Table:
    return pyarrow.csv.read_csv(
        BytesIO(lines),
        read_options=pyarrow.csv.ReadOptions(column_names=SAMPLE_COLUMNS, use_threads=False, block_size=len(lines) + 1),
        parse_options=pyarrow.csv.ParseOptions(quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(column_types=SCHEMA, null_values=[], strings_can_be_null=False),
    )


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def answer(folder: Path, interest: Interest) -> dict[str, Any]:
    """Seal one folder and say what was found, or what went wrong."""
    try:
        return {"folder": str(folder), "summary": seal(folder, interest)}
    except (OSError, pa.ArrowException) as error:
        return {"folder": str(folder), "error": str(error)}


def serve() -> int:
    """Seal what standard input orders, until it ends."""
    print(json.dumps({"ready": True}), flush=True)
    while line := sys.stdin.readline():
        order = json.loads(line)
        reply = answer(Path(order.pop("folder")), Interest(**order))
        print(json.dumps(encode(reply), allow_nan=False), flush=True)
        pa.default_memory_pool().release_unused()  # it sleeps while a workload is measured, and shall sleep small
    return 0


def main() -> int:
    """Serve, or seal the folder named on the command line."""
    if sys.argv[1] == "--serve":
        return serve()
    reply = answer(Path(sys.argv[1]), Interest())
    if "error" in reply:
        print(f"{sys.argv[1]} could not be sealed: {reply['error']}", file=sys.stderr)
        return 1
    print(json.dumps(encode(reply["summary"]), allow_nan=False))
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # taking pyarrow down in order takes 40 ms that somebody would wait for
