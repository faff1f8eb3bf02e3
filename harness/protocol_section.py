"""What every section of a protocol is: a frozen, validated record. ``harness.protocol_model`` holds the sections."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Command = Annotated[tuple[str, ...], Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A table of the protocol: frozen, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
