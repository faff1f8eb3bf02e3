"""JSON as a night folder holds it: numbers that are not finite by name, files replaced whole. Standard library only.

Part of ``harness.record``, which passes these names on: import them from there.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def encode(value: Any) -> Any:
    """``value`` with each float that is not finite replaced by its name, through mappings and sequences."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def number(value: Any) -> float | None:
    """A metric as a float (the names of not finite floats understood), or None where it is no number."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else None


def read_json(path: Path) -> Any:
    """The content of a JSON file; raises OSError or ValueError."""
    return json.loads(path.read_bytes())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` so that ``path`` holds either the old content or all of the new: aside, fsync, rename.

    Once this is over the new one is safe, and so is every earlier name in the folder (those of sealed samples).
    """
    aside = path.with_name(path.name + ".aside")
    # A workload may name things by half a surrogate pair; JSON has an escape for it, and it is the same.
    with open(aside, "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(encode(value), file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
    save(path.parent)


def save(path: Path) -> None:
    """Make safe against a power cut what a file holds, or which names a folder has; raises OSError.

    What cannot be asked for is left to the system: a folder that may be passed through but not read, a file system that
    does not know fsync of folders (some that are mounted over a network).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def save_tree(root: Path) -> None:
    """Make safe all that lies in a folder, its own name excepted; raises OSError."""
    for folder, _, files in os.walk(root):
        for name in files:
            save(Path(folder, name))
        save(Path(folder))
