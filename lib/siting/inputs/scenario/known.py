"""Words of a scenario that must be known elsewhere: models, GPUs, formats, boards, countries.

A field says which of them it holds by its annotation; `faults` finds those that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from siting import catalogue, dtypes, reasoning, reference_rates
from siting.inputs.document import Fault, Path_, members, parted


@dataclass(frozen=True, slots=True)
class KnownName:
    """Marks a field of names; `look_up` raises for one that is unknown: `fault; remedy`."""

    look_up: Callable[[str], object]
    offered: Callable[[], Iterable[str]] | None = None
    """Names that an editor offers; others may be known, too."""
    best: bool = False
    """Whether `best` may stand here, for what the kit designs."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema of the field, with the names that editors complete."""
        schema = handler(core)
        if self.offered is not None:
            inside = schema.get("items") or schema.get("additionalProperties") or schema
            inside["examples"] = sorted(self.offered())
        return schema

    def unknown(self, name: str) -> bool:
        """Whether nobody knows a name."""
        return any(self.faults((), name))

    def faults(self, path: Path_, name: str) -> Iterator[Fault]:
        """What is wrong with a name."""
        if self.best and name == "best":
            return
        try:
            self.look_up(name)
        except (KeyError, ValueError) as error:
            wrong, write = parted(error.args[0])
            yield Fault(path, wrong, write or "correct it")


def faults(record: BaseModel, path: Path_ = ()) -> Iterator[Fault]:
    """What is wrong with the names of a record and of those within it."""
    for field, info in type(record).model_fields.items():
        marks = [mark for mark in info.metadata if isinstance(mark, KnownName)]
        held = getattr(record, field)
        several = isinstance(held, dict | list)
        for key, value in members(held) if several else [("", held)]:
            where = (*path, field, key) if several else (*path, field)
            if isinstance(value, BaseModel):
                yield from faults(value, where)
            for mark in marks if value or several or info.is_required() else ():
                yield from mark.faults(where, value)


def _of(table: str, column: str, what: str) -> KnownName:
    def look_up(name: str) -> None:
        known = catalogue.column(table, column)
        if name not in known:
            raise KeyError(catalogue.unknown(name, f"{what} of siting_facts/{table}.csv", known))

    return KnownName(look_up, lambda: catalogue.column(table, column))


def _effort(name: str) -> None:
    if name.strip() and name.strip().lower() not in reasoning.efforts():
        raise KeyError(catalogue.unknown(name, "reasoning effort", reasoning.efforts()))


def _country(code: str) -> None:
    if code not in catalogue.countries():
        raise KeyError(f"{code!r} is no country; write an ISO 3166 code like DE")


def _currency(code: str) -> None:
    if not is_currency(code):
        write = "write a currency such as EUR, USD, GBP, CHF, SEK, PLN"
        raise KeyError(f"{code!r} has no exchange rate of the ECB; {write}")


def is_currency(code: str) -> bool:
    """Whether the ECB publishes an exchange rate of it, or once did."""
    return code in reference_rates.known()


def _anything(_name: str) -> None:
    """Known or not: a vendor or a provider may be one of which nothing is on record."""


@catalogue.of_facts
def providers() -> frozenset[str]:
    """Providers of which some price is on file."""
    from genai_prices.data import providers as sellers

    hosts = catalogue.column("open_api_prices", "provider")
    return hosts.union(catalogue.column("cloud_prices", "provider"), (p.id for p in sellers))


def _models_of_options() -> set[str]:
    """Open models, and models on the price lists of vendors that are on record."""
    from genai_prices.data import providers

    vendors = catalogue.column("vendors", "price_list")
    sold = {m.id for p in providers if p.id in vendors for m in p.models}
    return {*catalogue.column("models", "model_id"), *sold}


MODEL = KnownName(catalogue.model, lambda: catalogue.column("models", "model_id"))
GPU = KnownName(catalogue.gpu, lambda: catalogue.column("gpus", "id"))
GPU_OR_BEST = replace(GPU, best=True)
WEIGHTS = KnownName(
    dtypes.weight_format, lambda: catalogue.column("weight_formats", "format"), best=True
)
KV_CACHE = KnownName(dtypes.kv_format, lambda: catalogue.column("kv_formats", "format"))
SERVER = _of("servers", "id", "server")
SERVER_OR_BEST = replace(SERVER, best=True)
PROPERTY = _of("properties", "property", "property")
BOARD = _of("quality_boards", "board", "board")
EFFORT = KnownName(_effort, lambda: {*catalogue.column("reasoning_effort", "effort"), "default"})
EFFORT_OR_BEST = replace(EFFORT, best=True)
COUNTRY = KnownName(_country)
CURRENCY = KnownName(_currency)
VENDOR = KnownName(_anything, lambda: catalogue.column("vendors", "vendor"))
PROVIDER = KnownName(_anything, providers)
MODEL_OF_OPTION = KnownName(_anything, _models_of_options)
"""Whether an option's model is known depends on its kind: `checks` asks."""
