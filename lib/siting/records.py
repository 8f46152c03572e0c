"""What a record of the domain is: frozen, and made with the name of each field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(record: type[T]) -> type[T]:
    """Makes a class a dataclass that nothing changes and that takes no field by its place."""
    return dataclass(frozen=True, kw_only=True)(record)
