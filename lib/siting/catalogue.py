"""The fact tables in `facts/`, read into frozen, validated records.

Every row of every table carries where it comes from: `source`, `url`, `locator`, `date`, `kind`.
A row that lacks one of them is refused by file, line and field. A source that prints no date is
entered as `undated`, and the report shows that. To add a GPU, a model or a price, add a row.

Domain modules declare the record of the tables that they alone use (an event, a rule, a cost
item) by subclassing `Fact`, and read it with `table("name", Record)`.
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, ParamSpec, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from siting.quantity import Range

Kind = Literal["measured", "published", "client", "estimate"]

PROVENANCE = ("source", "url", "locator", "date", "kind")


STALE_DAYS = 90
"""An input older than this at the report's date is marked as old."""


class FactError(ValueError):
    """A fact table is wrong: the message names file, line, field, fault and remedy."""


_PAGE = r"^(https?://[^\s<>\"\\]+)?$"


def _page(address: str) -> str:
    if not re.fullmatch(_PAGE, address):
        raise ValueError("is no address of a page; begin it with https://, or leave it out")
    return address


Address = Annotated[str, AfterValidator(_page), Field(json_schema_extra={"pattern": _PAGE})]
"""A page on the web, or nothing: nothing else becomes a link."""


class Source(BaseModel):
    """Where a number comes from, in the words that a footnote prints."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    source: str
    """Title and publisher, as a reader would look for it."""
    url: Address = ""
    """Empty only where the source is no page (a package file, a client's quote)."""
    locator: str
    """Where inside the source: page, table, cell, file, heading."""
    date: str
    """YYYY, YYYY-MM, YYYY-MM-DD, or `undated` where the source prints none."""
    kind: Kind = "published"

    @field_validator("source", "locator")
    @classmethod
    def _stated(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is empty: say where the number comes from")
        return value

    @field_validator("date")
    @classmethod
    def _dated(cls, value: str) -> str:
        if value != "undated" and not re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", value):
            raise ValueError("write YYYY, YYYY-MM, YYYY-MM-DD, or undated")
        return value

    def age_days(self, today: dt.date) -> int | None:
        """Days between the source's date and `today`; None if undated.

        A month or a year counts from its first day, so that an age is never understated.
        """
        if self.date == "undated":
            return None
        year, month, day = ([int(p) for p in self.date.split("-")] + [1, 1])[:3]
        return max(0, (today - dt.date(year, month, day)).days)

    @property
    def citation(self) -> str:
        """One line: title, locator, date."""
        return f"{self.source}, {self.locator} ({self.date})"


class Fact(Source):
    """A row of a fact table: its own columns, and the provenance that every row has."""

    grade: Literal["A", "B", "C", ""] = ""
    """A: primary or cross-checked; B: one good secondary source; C: rough, take the band."""
    note: str = ""


class Named(Fact):
    """A row with more names than one."""

    named_in: ClassVar[tuple[str, ...]] = ("name",)
    """Columns that each hold a name."""
    aliases: str = ""
    """More names, separated by semicolons."""

    @property
    def names(self) -> tuple[str, ...]:
        own = (getattr(self, column) for column in self.named_in)
        return (*own, *filter(None, self.aliases.split(";")))


class Input(BaseModel):
    """A number that a result used, with its origin: a line of the sources chapter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """What it is, as the report calls it, e.g. `electricity, Italy`."""
    value: Range
    source: Source


class Banded(Fact):
    """A number that is not known exactly: low and high hold 80 % of what is expected."""

    low: float
    central: float
    high: float
    unit: str = ""

    @property
    def range(self) -> Range:
        return Range(self.low, self.central, self.high, self.unit)


class Setting(Banded):
    """A constant of a method and the range over which it is varied (tables `*_settings`)."""

    setting: str
    meaning: str


class Gpu(Named):
    """One accelerator. Bandwidths in GB/s (10^9), compute in dense TFLOP/s, memory as named."""

    named_in = ("id", "gpu")
    id: str
    gpu: str
    vendor: str
    architecture: str
    form_factor: str
    memory_gb_marketing: float
    """Capacity on the data sheet. [GB]"""
    usable_gib: float | None = None
    """Total that the driver reports to a process. [GiB]"""
    usable_gib_source: str = ""
    memory_bandwidth_gb_s: float
    fp16_dense_tflops: float | None = None
    bf16_dense_tflops: float | None = None
    fp8_dense_tflops: float | None = None
    fp4_dense_tflops: float | None = None
    int8_dense_tops: float | None = None
    tdp_w: float | None = None
    interconnect: str = ""
    nvlink_gb_s: float | None = None
    """GPU-to-GPU bandwidth, both directions together. [GB/s]"""
    pcie_gen: int | None = None
    launch_date: str = ""
    second_source: str = ""
    alias_assumptions: str = ""


class Model(Fact):
    """One open-weight model: the fields of its `config.json` that memory and speed depend on.

    Parameter counts in billions (10^9). Blank, where a field may be, means not found, never zero.
    """

    model_id: str
    family: str = ""
    release_date: str = ""
    licence: str = ""
    commercial_use: str = ""
    total_params_b: float
    active_params_b: float | None = None
    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int | None = None
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    tie_word_embeddings: bool | None = None
    max_position_embeddings: int | None = None
    rope_positions: int | None = None
    """Positions of the table of a scaled rotary encoding, where more than the context."""
    attention_kind: str = "full"
    sliding_window: int | None = None
    layers_full_attention: int | None = None
    kv_lora_rank: int | None = None
    qk_rope_head_dim: int | None = None
    num_experts: int | None = None
    experts_per_token: int | None = None
    moe_intermediate_size: int | None = None
    shared_experts: int | None = None
    first_dense_layers: int | None = None
    moe_layer_step: int | None = None
    """2: every second layer is a mixture of experts."""
    vision_tower_params_b: float | None = None
    undivided_params_b: float | None = None
    """What each rank of a tensor-parallel group was measured to hold beyond its share."""
    native_weight_dtype: str = "bf16"
    params_recomputed_b: float | None = None
    recompute_diff_pct: float | None = None
    diff_explanation: str = ""
    active_recomputed_b: float | None = None
    expert_params_b: float | None = None
    """Of the routed experts; every mixture states them."""
    audio_tower_params_b: float | None = None
    embedding_params_b: float | None = None
    kv_heads_global_layers: int | None = None
    head_dim_global_layers: int | None = None
    kv_shared_layers: int | None = None
    kv_bytes_per_token_bf16: float | None = None
    kv_bytes_per_token_in_window_bf16: float | None = None
    v_head_dim: int | None = None
    """Width of values where it differs from that of keys (`head_dim`)."""
    q_lora_rank: int | None = None
    index_heads: int | None = None
    index_head_dim: int | None = None
    """Width of the key that a sparse-attention indexer caches for each token and layer."""
    compress_ratios: str = ""
    """Compressed caches: `ratio:layers;…`, one cached entry for each `ratio` tokens (0: none)."""
    linear_layers: int | None = None
    """Layers with a state of constant size instead of keys and values."""
    conv_state_elements: int | None = None
    recurrent_state_elements: int | None = None
    """State of one sequence in one linear layer, in elements."""
    recurrent_state_fp32: bool | None = None
    cross_attention_layers: int | None = None
    cross_attention_tokens: int | None = None
    """Image tokens whose keys and values the cross-attention layers hold."""
    vision_tokens: int | None = None
    """Largest image that an engine encodes when it starts; 16,384: any size, and video. [tokens]"""
    mtp_layers: int | None = None
    """Multi-token-prediction layers in the checkpoint, loaded for speculative decoding only."""


class ModelAlias(Named):
    """Another name of a model of the catalogue (a base checkpoint, a mirror)."""

    named_in = ("alias",)
    alias: str
    model_id: str
    why: str
    weights: str = ""
    """Weight format of this checkpoint, where it says more than the usual name of the format."""


F = TypeVar("F", bound=Fact)
N = TypeVar("N", bound=Named)


def facts_dir() -> Path:
    """Folder of the fact tables: the package's own, or `SITING_FACTS` if that is set."""
    return _folder(os.environ.get("SITING_FACTS") or "")


@cache
def _folder(other: str) -> Path:
    if other and not Path(other).is_dir():
        raise FactError(f"SITING_FACTS: {other} is no folder; name one that holds the fact tables")
    return Path(other) if other else Path(__file__).parent / "facts"


P = ParamSpec("P")
R = TypeVar("R")


def of_facts(made: Callable[P, R]) -> Callable[P, R]:
    """Keeps what a function makes of the fact tables, for each folder of them."""

    kept: Callable[..., R] = cache(lambda _folder, *args, **kwargs: made(*args, **kwargs))

    @wraps(made)
    def found(*args: P.args, **kwargs: P.kwargs) -> R:
        return kept(facts_dir(), *args, **kwargs)

    return found


def rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a table; blank cells are left out."""
    if not path.is_file():
        raise FactError(f"{path.name} is not in {path.parent}; every version has its own tables")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [c for c in PROVENANCE if c not in (reader.fieldnames or [])]
        if missing:
            wrong = f"column {', '.join(missing)} is missing"
            raise FactError(f"{path.name}: {wrong}; every table has {', '.join(PROVENANCE)}")
        for row in reader:
            if None in row:
                wrong = "more cells than columns; quote text that has a comma in it"
                raise FactError(f"{path.name}, line {reader.line_num}: {wrong}")
            yield reader.line_num, {k: v for k, v in row.items() if v}


@of_facts
def table(name: str, record: type[F]) -> tuple[F, ...]:
    """All rows of `facts/<name>.csv` as `record`s, validated once and cached.

    A field `x` that is a `Range` stands in the columns `x_low`, `x` and `x_high`. Where it may
    be None, all three may be blank.
    Raises FactError naming file, line and field of the first row that is wrong.
    """
    path = facts_dir() / f"{name}.csv"
    fields = record.model_fields.items()
    ranges = [n for n, f in fields if f.annotation in (Range, Range | None)]
    found = []
    for line, cells in rows(path):
        spread = {}
        for n in ranges:
            columns = {"low": f"{n}_low", "central": n, "high": f"{n}_high"}
            if ends := {end: cells.pop(c) for end, c in columns.items() if c in cells}:
                spread[n] = ends
        try:
            found.append(record.model_validate({**cells, **spread}))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "row"
            fault = "is missing" if first["type"] == "missing" else first["msg"]
            raise FactError(f"{path.name}, line {line}, {field}: {fault}") from None
    return tuple(found)


@of_facts
def settings(name: str) -> Mapping[str, Setting]:
    """The constants of `facts/<name>.csv` by name."""
    return {s.setting: s for s in table(name, Setting)}


def find(name: str, table: str, record: type[N]) -> N | None:
    """The row of a table that has `name` among its names; None if there is none."""
    return _by_name(table, record).get(_key(name))


@of_facts
def _by_name(name: str, record: type[N]) -> Mapping[str, N]:
    found = reversed(table(name, record))
    return {_key(known): row for row in found for known in row.names}


@of_facts
def column(name: str, column: str) -> frozenset[str]:
    """What stands in one column of a table."""
    return frozenset(c[column] for _, c in rows(facts_dir() / f"{name}.csv") if column in c)


def all_facts() -> Iterator[tuple[str, int, dict[str, str]]]:
    """Every row of every table, as (table, line, cells): what `siting facts` lists."""
    for path in sorted(facts_dir().glob("*.csv")):
        for line, cells in rows(path):
            yield path.stem, line, cells


def _key(name: str) -> str:
    """Names compare without case, spaces, dashes and underscores."""
    return re.sub(r"[\s_\-]+", "", name).lower()


@lru_cache(maxsize=256)
def _near(word: str, known: tuple[str, ...], n: int) -> list[str]:
    """Kept, because a vendor's closed model is looked up again for each flow and rule."""
    word, by_key = word.lower(), {k.lower(): k for k in known}
    like, alike = (difflib.get_close_matches(word, by_key, n, cutoff) for cutoff in (0.5, 0.65))
    return [by_key[k] for k in like if k in alike or k[:2] == word[:2]]


def nearest(word: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known words that look most like `word`, best first."""
    return _near(word, tuple(known), n)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean x?`, or the list of what is known."""
    known = sorted(known)
    if near := nearest(word, known, 2):
        return f"did you mean {' or '.join(near)}?"
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"known: {listed}" if listed else "remove it"


def unknown(name: str, what: str, known: Iterable[str], table: str = "") -> str:
    """The message for a name that is not known: the fault and the remedy, with a semicolon.

    table: what lists all that is known, where that is long.
    """
    known = list(known)
    if table and not nearest(name, known):
        return f"{name!r} is no {what}; `siting facts --table {table}` lists them"
    return f"{name!r} is no {what}; {suggestion(name, known)}"


def gpus() -> tuple[Gpu, ...]:
    """Every GPU of the catalogue."""
    return table("gpus", Gpu)


def models() -> tuple[Model, ...]:
    """Every open-weight model of the catalogue."""
    return table("models", Model)


@of_facts
def _model_index() -> dict[str, Model]:
    """Models by every name: an id counts before an alias, an alias before an id's last part."""
    by_id = {m.model_id: m for m in models()}
    aliases = [(a.alias, by_id[a.model_id]) for a in table("model_aliases", ModelAlias)]
    named = [(name.split("/")[-1], m) for name, m in by_id.items()]
    found = reversed([*by_id.items(), *aliases, *named])
    return {_key(name): m for name, m in found}


def gpu(name: str) -> Gpu:
    """The GPU called `name` (id, name or alias), or a class such as `48GB-class`.

    Raises KeyError with near names.
    """
    found = find(name, "gpus", Gpu) or _gpu_class(name)
    if found is None:
        names = itertools.chain(*(g.names for g in gpus()))
        raise KeyError(unknown(name, "GPU of the catalogue", names, "gpus"))
    return found


def _gpu_class(name: str) -> Gpu | None:
    """A card of which only the memory is known; its speed and its exact size are not."""
    size = re.match(r"(\d{1,4})\s*GB[\s-]class", name.strip(), re.IGNORECASE)
    if not size:
        return None
    return Gpu(
        id=f"class-{size[1]}gb",
        gpu=f"a {size[1]} GB card",
        vendor="not stated",
        architecture="not stated",
        form_factor="not stated",
        memory_gb_marketing=float(size[1]),
        memory_bandwidth_gb_s=0.0,
        source="card named only by the size of its memory",
        locator=name,
        date="undated",
        kind="estimate",
    )


def model(name: str) -> Model:
    """The model called `name`: id, alias, or id without its owner. Raises KeyError with near names.

    A file is read by `hf_config.model`.
    """
    found = _model_index().get(_key(name))
    if found is None:
        ids = [m.model_id for m in models()]
        names = ids if "/" in name else [known.split("/")[-1] for known in ids]
        raise KeyError(unknown(name, "model of the catalogue", names, "models"))
    return found


def source_of(fact: Any) -> Source:
    """The provenance of a fact alone, for footnotes and summary.json."""
    return Source(**{k: getattr(fact, k) for k in PROVENANCE})
