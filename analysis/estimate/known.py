"""What is known of a run before it begins: levels, options of its command, sizes of its model, facts of its machine."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

SIZES = re.compile(r"(trainable_)?parameters|flops?(_.+)?|macs?(_.+)?|batch(_size)?|images_per_epoch|image_size")
"""The results that follow from the workload's settings alone: they are the same whether it was ever trained or not."""
SEEDS = re.compile(r".*seed")
PLANNED = "planned epochs"
HOST = ("cores", "threads", "memory_B")
_OPTION = re.compile(r"--?([A-Za-z][A-Za-z0-9_-]*)(?:=(.*))?", re.DOTALL)
_EPOCHS = re.compile(r"(.+[-_])?epochs")
Known = dict[str, float | str]


def known_beforehand(
    levels: Mapping[str, Any],
    metrics: Mapping[str, Any],
    command: Sequence[str],
    host: Mapping[str, Any],
    limits_W: Mapping[str, float],
) -> Known:
    """Every fact by its name, numbers as numbers; a seed is none."""
    found: Known = {}
    for name, value in options(command).items():
        if not SEEDS.fullmatch(name):
            found[f"option {name}"] = value
    found |= {f"factor {name}": _value(level) for name, level in levels.items()}
    found |= {f"result {name}": number for name, value in metrics.items()
              if SIZES.fullmatch(name) and (number := _number(value)) is not None}  # fmt: skip
    found |= {f"host {name}": number for name in HOST if (number := _number(host.get(name))) is not None and number > 0}
    found |= {f"limit of {domain}": float(round(value)) for domain, value in limits_W.items()}
    if cpu := host.get("cpu"):
        found["host cpu"] = str(cpu)
    for place, card in enumerate(host.get("gpus") or ()):
        found[f"host gpu{place}"] = str(card.get("name", "")) if isinstance(card, Mapping) else ""
    return found


def options(command: Sequence[str]) -> Known:
    """The options of a command line by name, with the value behind each; "on" for one that has none."""
    found: Known = {}
    rest = list(command)
    for place, word in enumerate(rest):
        match = _OPTION.fullmatch(word)
        if match is None:
            continue
        value = match[2]
        if value is None:
            following = rest[place + 1] if place + 1 < len(rest) else ""
            value = following if following and not _OPTION.fullmatch(following) else "on"
        found[match[1]] = _value(value)
    return found


def planned_epochs(command: Sequence[str], levels: Mapping[str, Any]) -> float | None:
    """Epochs at most: the sum of all options that end in "epochs" (--epochs, --finetune-epochs), else such a factor."""
    for told in (options(command), levels):
        numbers = [_number(value) for name, value in told.items() if _EPOCHS.fullmatch(name)]
        known = [value for value in numbers if value is not None and value >= 0]
        if known and sum(known) >= 1:
            return float(sum(known))
    return None


def columns(rows: Sequence[Mapping[str, float | str]]) -> tuple[str, ...]:
    """The facts that all ``rows`` tell and in which they differ."""
    shared = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
    return tuple(name for name in shared if len({row[name] for row in rows}) > 1)


def matrix(
    rows: Sequence[Mapping[str, float | str]], names: Sequence[str], like: Sequence[Mapping[str, float | str]]
) -> list[list[float]]:
    """One row of numbers each: logarithms of numbers, texts one-hot by the values that ``like`` has.

    A fact that is a number in all of ``like`` is one: log(1 + x), or x itself where some are negative. Equal columns
    (a factor that is an option as well) are given once.
    """
    made: dict[tuple[float, ...], list[float]] = {}
    for name in names:
        training = [row[name] for row in like]
        if all(isinstance(value, float) for value in training):
            numbers = [float(value) for value in training]
            logs = min(numbers) >= 0
            _add(made, [_scaled(value, logs) for value in numbers], [_scaled(row.get(name), logs) for row in rows])
            continue
        for text in dict.fromkeys(training):
            _add(made, [float(value == text) for value in training], [float(row.get(name) == text) for row in rows])
    return [list(row) for row in zip(*made.values(), strict=True)] if made else [[] for _ in rows]


def _add(made: dict[tuple[float, ...], list[float]], training: list[float], values: list[float]) -> None:
    made.setdefault(tuple(training), values)


def _scaled(value: float | str | None, logs: bool) -> float:
    number = _number(value)
    if number is None:
        return 0.0
    return math.log1p(number) if logs and number > -1 else number


def _value(value: Any) -> float | str:
    number = _number(value)
    return str(value) if number is None else number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
