"""What every section of a protocol is: a frozen, validated record. ``harness.protocol_model`` holds the sections."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from harness.configurations import level_text

Command = Annotated[tuple[str, ...], Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A table of the protocol: frozen, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def as_array(value: Any) -> Any:
    """One table for an array of one; a plan.json's list for the tuple that the strict model asks for."""
    if isinstance(value, dict):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _as_text(value: Any) -> Any:
    return level_text(value) if isinstance(value, bool | int | float) else value


LevelText = Annotated[str, BeforeValidator(_as_text)]
"""The name of a level: ``1`` may be written for "1"."""


def _country_code(value: str) -> str:
    if len(value) == 3 and value.isascii() and value.isalpha() and value.isupper():
        return value
    what = 'must be a country\'s ISO 3166 code of three capital letters, as in "NLD"'
    raise PydanticCustomError("country_code", what)


CountryCode = Annotated[str, AfterValidator(_country_code)]
