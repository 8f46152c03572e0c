"""Kinds of place where a workload can live, and what tells them apart: each stands here once.

Code and tables of facts ask for a trait (a cost item is for `rented` machines, a step of the plan
for those who run `machines`), so that a new kind is a line of `KINDS`. What rules of data
sovereignty take as given of it stands in siting_facts/provider_attributes.csv, under `kind:NAME`;
a kind of which they say nothing is refused. Where a fact is about one kind alone, it names that
kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, get_args

Trait = Literal["by_request", "hosted_open", "machines", "rented", "committed", "owned", "mixed"]
"""What tells kinds apart.

by_request: somebody else runs the model and bills requests; hosted_open: an open model, priced by
its host; machines: the client runs the model; rented: on somebody else's machines; committed: a
longer term can be signed for them; owned: on machines of its own; mixed: made of other options."""

KINDS: Mapping[str, frozenset[Trait]] = {
    "api": frozenset({"by_request"}),
    "managed_cloud": frozenset({"by_request"}),
    "open_api": frozenset({"by_request", "hosted_open"}),
    "sovereign_cloud": frozenset({"machines", "rented", "committed"}),
    "rented_gpus": frozenset({"machines", "rented", "committed"}),
    "colocation": frozenset({"machines", "owned"}),
    "on_premises": frozenset({"machines", "owned"}),
    "hybrid": frozenset({"mixed"}),
    "split": frozenset({"mixed"}),
}

if TYPE_CHECKING:
    OptionKind = str
else:
    OptionKind = Literal[tuple(KINDS)]
"""A kind of option in a scenario."""

TRAITS: tuple[Trait, ...] = get_args(Trait)
WORDS = (*KINDS, *TRAITS)
"""What a cell of a table may say of kinds."""


def having(trait: Trait) -> tuple[str, ...]:
    """The kinds that have a trait, in the order of `KINDS`."""
    return tuple(kind for kind, traits in KINDS.items() if trait in traits)


def meant(words: Iterable[str]) -> frozenset[str]:
    """The kinds that names and traits stand for."""
    said = set(words)
    return frozenset(kind for kind, traits in KINDS.items() if kind in said or traits & said)


BY_REQUEST = having("by_request")
HOSTED_OPEN = having("hosted_open")
SELF_HOSTED = having("machines")
COMMITTED = having("committed")
OWNED = having("owned")
MIXED = having("mixed")
