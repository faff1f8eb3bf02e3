"""What is wrong with a protocol's structure, in words: unknown keys, wrong types, missing keys, bad values.

pydantic finds it; here it becomes Problems that name the key as it is written in the file and what to do.
"""

from __future__ import annotations

import difflib
import json
import shlex
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem
from harness.protocol_gates import VerdictRule
from harness.protocol_model import Protocol, Section

_SHOWN_LENGTH = 80

_WORDS = {
    "string_type": "must be a string in quotation marks",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be an array, as in [1, 2]",
    "dict_type": "must be a table (a section of its own)",
    "model_type": "must be a table (a section of its own)",
    "model_attributes_type": "must be a table (a section of its own)",
    "finite_number": "must be a finite number",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
_LEVEL_TYPES = {"string_type", "int_type", "float_type", "bool_type", "int_from_float"}


@dataclass(frozen=True)
class Refusal:
    """A problem, the path of what must go so that the rest can be looked at, and whether the key is just unknown."""

    problem: Problem
    path: tuple[str, ...]
    unknown: bool = False


def known_keys(section: type[Section] = Protocol, prefix: str = "") -> dict[str, Any]:
    """Every key that a protocol may hold, dotted, with its pydantic field; sections included."""
    keys: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        keys[f"{prefix}{name}"] = field
        inner = _section_of(field.annotation)
        if inner is not None:
            keys |= known_keys(inner, f"{prefix}{name}.")
    return keys


def shown(value: Any) -> str:
    """A value as TOML would have it, at most 80 characters."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key} = {shown(item)}" for key, item in value.items()) + "}"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(shown(item) for item in value)}]"
    elif isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 1]}…"


def refusals(errors: Iterable[Mapping[str, Any]], table: Mapping[str, Any]) -> list[Refusal]:
    """The errors of a pydantic ValidationError as refusals; several errors of one value become one."""
    found: dict[tuple[str | int, ...], list[Mapping[str, Any]]] = {}
    for error in errors:
        found.setdefault(_place(error, table), []).append(error)
    return [_refusal(place, alike, table) for place, alike in found.items()]


def _refusal(place: tuple[str | int, ...], alike: Sequence[Mapping[str, Any]], table: Mapping[str, Any]) -> Refusal:
    error = alike[0]
    names = tuple(_until_index(place))
    keys = tuple(part for part in place if isinstance(part, str))
    in_array = keys != names  # the path of what must go then ends at the array
    key = _dotted(place)
    if error["type"] == "missing":
        section = ".".join(keys[:-1])
        remedy = f"add {keys[-1]} = …" + (f" to [{section}]" if section else " above the first section")
        if _section_of(getattr(known_keys().get(".".join(keys)), "annotation", None)) is not None:
            remedy = f"add the section [{'.'.join(keys)}]{_within(keys)}"
        enclosing = names if in_array or len(names) == 1 or names[0] == "workload" else names[:-1]
        return Refusal(Problem(key, "missing", remedy=remedy), enclosing)
    value = shown(_at(place, table))
    if error["type"] == "extra_forbidden":
        return Refusal(Problem(key, "unknown key", value, _nearest(keys)), names, unknown=not in_array)
    if len(alike) > 1 and all(item["type"] in _LEVEL_TYPES for item in alike):
        return Refusal(Problem(key, "must be a string, a number, or true or false", value), names)
    remedy = _remedy(error, _at(place, table)) or _default_of(keys)
    return Refusal(Problem(key, _words(error), value, remedy), _without(names))


def _without(names: tuple[str, ...]) -> tuple[str, ...]:
    """What must go with a key of a bad value: its section where that cannot be without it."""
    field = known_keys().get(".".join(names))
    given_anew = len(names) == 1 or names[0] == "workload"
    return names[:-1] if field is not None and field.is_required() and not given_anew else names


def _words(error: Mapping[str, Any]) -> str:
    if error["type"] == "literal_error":
        return f"must be {error['ctx']['expected']}".replace("'", '"')
    bound = {"greater_than": ">", "greater_than_equal": "at least", "less_than": "<", "less_than_equal": "at most"}
    if error["type"] in bound:
        limit = next(error["ctx"][name] for name in ("gt", "ge", "lt", "le") if name in error["ctx"])
        return f"must be {bound[error['type']]} {limit:g}"
    message = str(error["msg"])
    return _WORDS.get(error["type"], message[:1].lower() + message[1:])


def _remedy(error: Mapping[str, Any], value: Any) -> str:
    if error["type"] == "literal_error" and isinstance(value, str):
        choices = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        near = difflib.get_close_matches(value, choices, 1)
        return f'did you mean "{near[0]}"?' if near else ""
    if error["type"] == "tuple_type" and isinstance(value, str) and error["loc"][-1] == "command":
        return f"write [{', '.join(map(shown, _words_of(value)))}]"  # whole, however long: it is to be copied
    if error["type"] == "tuple_type" and not isinstance(value, dict):
        return f"write [{shown(value)}]"
    if error["type"] == "string_type" and isinstance(value, int | float):
        return f'write "{shown(value)}"'
    return ""


def _words_of(command: str) -> list[str]:
    """A command line as a shell would take it apart; whole where its quotation marks do not close."""
    try:
        return shlex.split(command) or [command]
    except ValueError:
        return [command]


def _within(keys: tuple[str, ...]) -> str:
    """What a section cannot be without, in words: " with command = …"."""
    prefix = f"{'.'.join(keys)}."
    needed = [
        key.removeprefix(prefix)
        for key, field in known_keys().items()
        if key.startswith(prefix) and "." not in key.removeprefix(prefix) and field.is_required()
    ]
    return f" with {', '.join(f'{name} = …' for name in needed)}" if needed else ""


def _default_of(keys: tuple[str, ...]) -> str:
    """What may be written instead: the key's default, where it has a plain one."""
    field = known_keys().get(".".join(keys))
    default = None if field is None or field.is_required() else field.get_default()
    if isinstance(default, bool | int | float | str) and default != "":
        return f"leave it out for the default, {shown(default)}"
    return ""


def _nearest(names: tuple[str, ...]) -> str:
    """What an unknown key may have been meant to be: first in its own section, then anywhere."""
    keys = known_keys()
    prefix = "".join(f"{name}." for name in names[:-1])
    here = [key.removeprefix(prefix) for key in keys if key.startswith(prefix) and "." not in key.removeprefix(prefix)]
    if prefix.startswith("judge."):
        here = list(VerdictRule.model_fields)
    near = difflib.get_close_matches(names[-1], here, 1)
    if near:
        return f'did you mean "{prefix}{near[0]}"?'
    lasts = {key.rpartition(".")[2]: key for key in reversed(keys)}
    elsewhere = difflib.get_close_matches(names[-1], lasts, 1, cutoff=0.8)
    if elsewhere:
        return f'did you mean "{lasts[elsewhere[0]]}"?'
    return f"known here: {', '.join(sorted(here))}"


def _place(error: Mapping[str, Any], table: Mapping[str, Any]) -> tuple[str | int, ...]:
    """The error's location as far as it is found in the file: pydantic adds the names of types to it.

    A table that stands for an array of one has no place in an array.
    """
    inner: Any = table
    place: list[str | int] = []
    for part in error["loc"]:
        if isinstance(part, int) and isinstance(inner, Mapping):
            continue
        held = part in inner if isinstance(inner, Mapping) else isinstance(inner, list) and part in range(len(inner))
        if not held:
            break
        inner = inner[part]
        place.append(part)
    if error["type"] == "missing":
        place.append(error["loc"][-1])
    return tuple(place) or (str(error["loc"][0]),)


def _until_index(place: tuple[str | int, ...]) -> Iterable[str]:
    for part in place:
        if isinstance(part, int):
            return
        yield part


def _dotted(place: tuple[str | int, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def _at(place: tuple[str | int, ...], table: Any) -> Any:
    for part in place:
        table = table[part]
    return table


def _section_of(annotation: Any) -> type[Section] | None:
    """The section that a field holds, through Optional and Annotated; None where it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    if typing.get_origin(annotation) is dict:
        return None  # its keys are names of the protocol's own
    return next((found for item in typing.get_args(annotation) if (found := _section_of(item))), None)
