"""The tables of `siting_facts`, read into frozen, validated records.

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
import io
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, ParamSpec, TypeVar, cast

import siting_facts
from babel.core import get_global
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from siting import beside
from siting.quantity import Range

SourceKind = Literal["measured", "published", "client", "estimate"]

PROVENANCE = ("source", "url", "locator", "date", "kind")


NAMES = 4096
"""So many names are kept as they compare: the same few are looked up again and again."""
STALE_DAYS = 90
"""An input older than this at the report's date is marked as old."""


class FactError(ValueError):
    """Facts are wrong: the message names file, line, field, fault and remedy of each, in a line."""


# --- what cells may hold ----------------------------------------------------------------------

MOST = 1e15
"""No figure of a table is larger."""
Figure = Annotated[float, Field(ge=-MOST, le=MOST)]
Positive = Annotated[float, Field(gt=0, le=MOST)]
NotNegative = Annotated[float, Field(ge=0, le=MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0, le=MOST)]
Size = Annotated[int, Field(ge=0, le=MOST)]
"""A whole number, or none."""
Stated = Annotated[str, Field(pattern=r"\S")]


def first_day(text: str) -> dt.date:
    """The first day of a year, a month or a day. Raises ValueError for what is none."""
    try:
        return dt.date.fromisoformat(f"{text}-01-01"[: max(10, len(text))])
    except ValueError:
        raise ValueError(f"{text!r} is no date; write YYYY, YYYY-MM or YYYY-MM-DD") from None


Day = Annotated[str, AfterValidator(lambda day: first_day(day) and day)]
"""A day, or the month or year of which no day is known."""


def one_of(known: Callable[[], Collection[str]], what: str, sep: str = "\0") -> AfterValidator:
    """Refuses a word of a table's cell that is not known; without a separator, it is one word."""

    def checked(cell: str, row: ValidationInfo) -> str:
        for word in cell.split(sep):
            if word and row.context and word not in known():
                raise ValueError(unknown(word, what, known()))
        return cell

    return AfterValidator(checked)


def scoped(known: Callable[[], Mapping[str, Collection[str]]]) -> AfterValidator:
    """Refuses conditions `key=value & …` of a key that nothing states, or of a value that the key
    never has. An empty collection: the key may have any value."""

    def checked(cell: str, row: ValidationInfo) -> str:
        if row.context:
            for key, value in conditions(cell):
                if key not in known():
                    raise ValueError(unknown(key, "word that a condition tests", known()))
                values = known()[key]
                if values and value not in values:
                    raise ValueError(unknown(value, f"value of {key}", values))
        return cell

    return AfterValidator(checked)


def conditions(scope: str) -> Iterator[tuple[str, str]]:
    """Key and value of each condition of a scope such as `engine=nim & cache=8`."""
    for condition in filter(str.strip, scope.split("&")):
        key, _, value = condition.partition("=")
        yield key.strip(), value.strip()


Currency = Annotated[str, one_of(lambda: get_global("all_currencies"), "currency")]


@cache
def countries() -> frozenset[str]:
    """ISO 3166 codes of all countries."""
    from babel import Locale

    groups = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
    known = map(str, Locale("en").territories)
    return frozenset(t for t in known if len(t) == 2 and t.isalpha()) - groups


Country = Annotated[str, one_of(countries, "country code (ISO 3166)")]


@cache
def areas() -> frozenset[str]:
    """Codes of all countries, and of the two areas that a fact may hold for."""
    return countries() | {"EU", "EEA"}


CountryOrUnion = Annotated[str, one_of(areas, "country code (ISO 3166), EU or EEA")]
Countries = Annotated[str, one_of(countries, "country code (ISO 3166)", " ")]
"""Countries, separated by spaces."""
WeightFormatName = Annotated[
    str,
    one_of(lambda: column("weight_formats", "format"), "format of siting_facts/weight_formats.csv"),
]
GpuId = Annotated[str, one_of(lambda: column("gpus", "id"), "GPU of siting_facts/gpus.csv")]


Owner = Literal[
    "architect", "data protection", "finance", "human resources", "information security",
    "infrastructure", "legal department", "management", "medical devices officer", "procurement",
    "product", "risk management", "security officer",
]  # fmt: skip
"""Who at the client decides a point or does a step."""

_PAGE = r"^(https?://[^\s<>\"\\]+)?$"


def _page(address: str) -> str:
    if not re.fullmatch(_PAGE, address):
        raise ValueError("is no address of a page; begin it with https://, or leave it out")
    return address


Address = Annotated[str, AfterValidator(_page), Field(json_schema_extra={"pattern": _PAGE})]
"""A page on the web, or nothing: nothing else becomes a link."""


class Source(BaseModel):
    """Where a number comes from, in the words that a footnote prints."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), defer_build=True
    )

    source: Stated
    """Title and publisher, as a reader would look for it."""
    url: Address = ""
    """Empty only where the source is no page (a package file, a client's quote)."""
    locator: Stated
    """Where inside the source: page, table, cell, file, heading."""
    date: Annotated[str, AfterValidator(lambda d: d if d == "undated" else first_day(d) and d)]
    """YYYY, YYYY-MM, YYYY-MM-DD, or `undated` where the source prints none."""
    kind: SourceKind = "published"

    def age_days(self, today: dt.date) -> int | None:
        """Days between the source's date and `today`; None if undated.

        A month or a year counts from its first day, so that an age is never understated.
        """
        if self.date == "undated":
            return None
        return max(0, (today - first_day(self.date)).days)

    @property
    def citation(self) -> str:
        """One line: title, locator, date."""
        return f"{self.source}, {self.locator} ({self.date})"


class Fact(Source, allow_inf_nan=False):
    """A row of a fact table: its own columns, and the provenance that every row has.

    A record says which `tables` hold it, and which of its fields make a `key`: no two rows have the
    same (both separated by spaces).
    """

    key: ClassVar[tuple[str, ...]] = ()
    grade: Literal["A", "B", "C", ""] = ""
    """A: primary or cross-checked; B: one good secondary source; C: rough, take the band."""
    note: str = ""

    @property
    def provenance(self) -> Source:
        """Where it comes from alone, for footnotes and summary.json."""
        return Source(**{name: getattr(self, name) for name in PROVENANCE})

    @property
    def is_weak(self) -> bool:
        """Whether it is a third party's, rough, or has no day."""
        return self.grade != "A" or self.date == "undated"

    def __init_subclass__(cls, tables: str = "", key: str = "", **config: Any) -> None:
        super().__init_subclass__(**config)
        cls.key = tuple(key.split()) or cls.key
        RECORDS.update(dict.fromkeys(tables.split(), cls))


RECORDS: dict[str, type[Fact]] = {}
"""What stands in the rows of each table, of the modules that are imported."""


class Unread(Fact, extra="ignore"):
    """A row of a table of which nothing is taken but where each row comes from."""


class Named(Fact):
    """A row with more names than one."""

    named_in: ClassVar[tuple[str, ...]] = ()
    """Columns that each hold a name, where they are more than the first of the key."""
    aliases: str = ""
    """More names, separated by semicolons."""

    @property
    def names(self) -> tuple[str, ...]:
        own = tuple(getattr(self, column) for column in self.named_in or self.key[:1])
        return own + tuple(filter(None, self.aliases.split(";")))


class Input(BaseModel):
    """A number that a result used, with its origin: a line of the sources chapter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """What it is, as the report calls it, e.g. `electricity, Italy`."""
    value: Range
    source: Source


class Banded(Fact):
    """A number that is not known exactly: low and high hold 80 % of what is expected."""

    low: Figure
    central: Figure
    high: Figure
    unit: str = ""

    @property
    def range(self) -> Range:
        return Range(self.low, self.central, self.high, unit=self.unit)

    def model_post_init(self, _context: Any, /) -> None:
        """Refuses numbers that are not in order."""
        Range(self.low, self.central, self.high)


class Setting(
    Banded,
    tables="vendor_settings load_settings decision_settings tried_settings",
    key="setting",
):
    """A constant of a method and the range over which it is varied (tables `*_settings`)."""

    setting: str
    meaning: str
    unit: Literal[
        "days", "models", "months", "notices", "per day", "points of 100", "share",
        "times the planned volume", "USD per million tokens", "engineers", "x", "years", "",
    ] = ""  # fmt: skip


Kernels = Literal[
    "Ada", "Ampere", "Apple", "Blackwell", "CDNA", "GCN", "Gaudi", "Hopper", "RDNA", "TPU",
    "Turing", "Volta", "Xe", "not stated",
]  # fmt: skip
"""Generations of cards for which engines have kernels of their own."""
AttentionKind = Literal[
    "full", "sliding", "chunked", "mla", "compressed", "hybrid-linear", "mamba-hybrid"
]
"""How the layers of a model keep a sequence; `memory.attention` explains each."""


class Gpu(Named, tables="gpus", key="id"):
    """One accelerator. Bandwidths in GB/s (10^9), compute in dense TFLOP/s, memory as named."""

    named_in = ("id", "gpu")
    id: str
    gpu: str
    vendor: str
    architecture: str
    """As the maker calls it: printed, as are vendor, form factor and interconnect. What code asks
    of a card stands in columns of its own, whose words are closed."""
    kernels: Kernels
    """Generation whose kernels run. A card newer than all of them takes the one whose kernels it
    runs, until its own are measured."""
    tensor_cores: Literal["synchronous", "asynchronous", "other"]
    """NVIDIA's synchronous ones are fed by the threads that wait for them and reach their peak with
    small tiles; asynchronous ones need large tiles. other: matrix units of another maker."""
    fused_reductions: bool
    """Whether engines fuse reductions with what follows where all cards are linked."""
    form_factor: str
    memory_gb_marketing: Positive
    """Capacity on the data sheet. [GB]"""
    usable_gib: Positive | None = None
    """Total that the driver reports to a process. [GiB]"""
    usable_gib_source: str = ""
    memory_bandwidth_gb_s: NotNegative
    fp16_dense_tflops: Positive | None = None
    bf16_dense_tflops: Positive | None = None
    fp8_dense_tflops: Positive | None = None
    fp4_dense_tflops: Positive | None = None
    int8_dense_tops: Positive | None = None
    tdp_w: Positive | None = None
    interconnect: str = ""
    linked: Literal["all", "pairs", "none"]
    """Cards that a link of their own joins: all of a server, two by a bridge, or none (PCIe)."""
    unified_memory: bool = False
    """Whether processor and accelerator share one memory."""
    nvlink_gb_s: Positive | None = None
    """GPU-to-GPU bandwidth, both directions together. [GB/s]"""
    pcie_gen: Count | None = None
    launch_date: Day = ""
    second_source: str = ""
    alias_assumptions: str = ""

    @field_validator("usable_gib")
    @classmethod
    def _fits(cls, usable: float | None, row: ValidationInfo) -> float | None:
        """Refuses more than is on the card; a data sheet's GB are at least 10^9 and at most 2^30
        bytes."""
        most = row.data.get("memory_gb_marketing", MOST)
        if usable and usable > most:
            raise ValueError(
                f"{usable:g} GiB of a card of {most:g} GB; write what a driver reports"
            )
        return usable

    @field_validator("memory_bandwidth_gb_s")
    @classmethod
    def _in_gb(cls, bandwidth: float, row: ValidationInfo) -> float:
        """Refuses TB/s: no card takes longer than a second to read its memory. 0: not known."""
        if 0 < bandwidth < row.data.get("memory_gb_marketing", 0):
            raise ValueError(f"{bandwidth:g} GB/s is too little; write 6000 for 6 TB/s")
        return bandwidth


class Model(Fact, tables="models", key="model_id"):
    """One open-weight model: the fields of its `config.json` that memory and speed depend on.

    Parameter counts in billions (10^9). Blank, where a field may be, means not found, never zero.
    """

    model_id: str
    family: str = ""
    release_date: Day = ""
    """When its maker put it out, or when the repository of its weights was made: days before."""
    licence: str = ""
    commercial_use: Literal["yes", "no", "conditions", ""] = ""
    total_params_b: Positive
    active_params_b: NotNegative | None = None
    num_hidden_layers: Count
    hidden_size: Count
    intermediate_size: Size | None = None
    num_attention_heads: Count
    num_key_value_heads: Count
    head_dim: Count
    vocab_size: Count
    tie_word_embeddings: bool | None = None
    max_position_embeddings: Size | None = None
    rope_positions: Size | None = None
    """Positions of the table of a scaled rotary encoding, where more than the context."""
    attention_kind: AttentionKind = "full"
    sliding_window: Size | None = None
    layers_full_attention: Size | None = None
    kv_lora_rank: Size | None = None
    qk_rope_head_dim: Size | None = None
    num_experts: Size | None = None
    experts_per_token: Size | None = None
    moe_intermediate_size: Size | None = None
    shared_experts: Size | None = None
    first_dense_layers: Size | None = None
    moe_layer_step: Size | None = None
    """2: every second layer is a mixture of experts."""
    vision_tower_params_b: NotNegative | None = None
    undivided_params_b: NotNegative | None = None
    """What each rank of a tensor-parallel group was measured to hold beyond its share."""
    native_weight_dtype: WeightFormatName = "bf16"
    params_recomputed_b: NotNegative | None = None
    recompute_diff_pct: float | None = None
    diff_explanation: str = ""
    active_recomputed_b: NotNegative | None = None
    expert_params_b: NotNegative | None = None
    """Of the routed experts; every mixture states them."""
    audio_tower_params_b: NotNegative | None = None
    embedding_params_b: NotNegative | None = None
    kv_heads_global_layers: Size | None = None
    head_dim_global_layers: Size | None = None
    kv_shared_layers: Size | None = None
    kv_bytes_per_token_bf16: NotNegative | None = None
    kv_bytes_per_token_in_window_bf16: NotNegative | None = None
    v_head_dim: Size | None = None
    """Width of values where it differs from that of keys (`head_dim`)."""
    q_lora_rank: Size | None = None
    index_heads: Size | None = None
    index_head_dim: Size | None = None
    """Width of the key that a sparse-attention indexer caches for each token and layer."""
    compress_ratios: Annotated[str, Field(pattern=r"^(\d+:\d+(;\d+:\d+)*)?$")] = ""
    """Compressed caches: `ratio:layers;…`, one cached entry for each `ratio` tokens (0: none)."""
    linear_layers: Size | None = None
    """Layers with a state of constant size instead of keys and values."""
    layers_without_cache: Size | None = None
    """Layers that keep nothing of a sequence: an MLP alone, or left out."""
    conv_state_elements: Size | None = None
    recurrent_state_elements: Size | None = None
    """State of one sequence in one linear layer, in elements."""
    recurrent_state_fp32: bool | None = None
    cross_attention_layers: Size | None = None
    cross_attention_tokens: Size | None = None
    """Image tokens whose keys and values the cross-attention layers hold."""
    vision_tokens: Size | None = None
    """Largest image that an engine encodes when it starts; 16,384: any size, and video. [tokens]"""
    mtp_layers: Size | None = None
    """Multi-token-prediction layers in the checkpoint, loaded for speculative decoding only."""


class ModelAlias(Named, tables="model_aliases", key="alias"):
    """Another name of a model of the catalogue (a base checkpoint, a mirror)."""

    alias: str
    model_id: Annotated[str, one_of(lambda: column("models", "model_id"), "model of the catalogue")]
    why: str
    weights: WeightFormatName = ""
    """Weight format of this checkpoint, where it says more than the usual name of the format."""


F = TypeVar("F", bound=Fact)
N = TypeVar("N", bound=Named)


ELSEWHERE = "SITING_FACTS"
"""Variable that names another folder of fact tables."""


def facts_dir() -> Path:
    """Folder of the fact tables: the package's own, or `SITING_FACTS` if that is set."""
    return _folder(os.environ.get(ELSEWHERE) or "")


@cache
def _folder(other: str) -> Path:
    if other and not Path(other).is_dir():
        raise FactError(f"SITING_FACTS: {other} is no folder; name one that holds the fact tables")
    return Path(other) if other else siting_facts.FOLDER


def facts_version() -> str:
    """Day of the last change of the tables of facts, as 2026-11-28; `undated` where none is said,
    as in tables of before 28 November 2026."""
    file = facts_dir() / "VERSION"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "undated"


P = ParamSpec("P")
R = TypeVar("R")


def of_facts(made: Callable[P, R]) -> Callable[P, R]:
    """Keeps what a function makes of the fact tables, for each folder of them."""

    kept: Callable[..., R] = cache(lambda _folder, *args, **kwargs: made(*args, **kwargs))

    @wraps(made)
    def found(*args: P.args, **kwargs: P.kwargs) -> R:
        return kept(os.environ.get(ELSEWHERE), *args, **kwargs)

    return found


def rows(path: Path, needed: Iterable[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a table; blank cells are left out.

    needed: columns that it must have beside those of the provenance. Raises FactError for what is
    no such table, and after the last row for those that have too few or too many cells.
    """
    faults = Faults()
    if not path.is_file():
        raise FactError(f"{path.name} is not in {path.parent}; every version has its own tables")
    raw = path.read_bytes()
    start = 0
    try:  # Excel puts a mark first
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        columns = reader.fieldnames or []
        for name in (*PROVENANCE, *needed, *columns):
            if columns.count(name) != 1:
                wrong = f"column {name!r} stands there {columns.count(name)} times"
                raise FactError(f"{path.name}: {wrong}; write it once")
        while row := next(reader, None):
            start = reader.line_num
            if None in row or None in row.values():
                write = "quote text that has a comma in it, and write a comma for each blank cell"
                faults[f"{path.name}, line {start}: not as many cells as columns; {write}"] = None
            else:
                yield start, {k: v for k, v in row.items() if v.strip()}
    except csv.Error as error:
        write = "close each quotation mark, and write two for one inside a text"
        faults[f"{path.name}, line {start + 1}: {error}; {write}"] = None
    except UnicodeDecodeError as error:
        wrong = f"line {raw.count(10, 0, error.start) + 1}: is not UTF-8"
        raise FactError(f"{path.name}, {wrong}; save the table as CSV UTF-8") from None
    faults.refuse()


def validated(record: type[F], cells: Mapping[str, Any], table: str, line: int) -> F:
    """A row as a record. Raises FactError naming file, line and field of all that is wrong."""
    try:
        return record.model_validate(cells, context=table)
    except ValidationError as error:
        told = [_told(each, f"{table}.csv, line {line}") for each in error.errors()]
        raise FactError("\n".join(told)) from None


_SAID = {"missing": "is missing; fill it in", "extra_forbidden": "is no column here; remove it"}


def _told(fault: ErrorDetails, row: str) -> str:
    """One thing that is wrong with a row. row: file and line."""
    cause = fault["ctx"]["error"] if fault["type"] == "value_error" else None
    if isinstance(cause, FactError):  # of the table that this one refers to
        return str(cause)
    stated = f"{str(fault['input'])[:60]!r} {fault['msg'].removeprefix('Input ')}"
    field = ".".join(map(str, fault["loc"])) or "row"
    return f"{row}, {field}: {cause or _SAID.get(fault['type'], stated)}"


class Faults(dict[str, None]):
    """What is wrong with tables, each once: all of it is told together."""

    def add(self, error: FactError) -> None:
        """Keeps what an error tells."""
        self |= dict.fromkeys(str(error).splitlines())

    def read(self, row: Fact, column: str, meant: Callable[[str], R]) -> R:
        """What a cell means. A fault is kept and named by file, line and column."""
        try:
            return meant(getattr(row, column))
        except ValueError as error:
            self[f"{_place(row, column)}: {error}"] = None
            return cast(R, None)  # nobody uses it: `refuse` comes first

    def refuse(self) -> None:
        """Raises FactError where anything is wrong."""
        if self:
            raise FactError("\n".join(self))


def read_all(rows: Iterable[F], column: str, meant: Callable[[str], R]) -> dict[F, R]:
    """What the cells of a column mean, by row. Raises FactError naming file, line and column of all
    that is wrong."""
    faults = Faults()
    found = {row: faults.read(row, column, meant) for row in rows}
    faults.refuse()
    return found


def _place(row: Fact, column: str) -> str:
    """File, line and column of a cell."""
    table = next(name for name, record in RECORDS.items() if type(row) is record)
    texts = [(name, text) for name, text in row if isinstance(text, str)]
    lines = (
        line
        for line, cells in rows(facts_dir() / f"{table}.csv")
        if all(cells.get(name, text) == text for name, text in texts)
    )
    return f"{table}.csv, line {next(lines)}, {column}"


@of_facts
def table(name: str, record: type[F]) -> tuple[F, ...]:
    """All rows of `siting_facts/<name>.csv` as `record`s, validated once and cached.

    A field `x` that is a `Range` stands in the columns `x_low`, `x` and `x_high`. Where it may
    be None, all three may be blank.
    Raises FactError naming file, line and field of all that is wrong.
    """
    fields = record.model_fields.items()
    ranges = [n for n, f in fields if f.annotation in (Range, Range | None)]
    needed = [n for n, f in fields if f.is_required()]
    found: dict[tuple[object, ...], F] = {}
    taken: dict[str, str] = {}
    strange: set[str] = set()
    faults = Faults()
    try:
        for line, cells in rows(facts_dir() / f"{name}.csv", needed):
            said = {column: cell for column, cell in cells.items() if column not in strange}
            said = _with_ranges(said, ranges)
            try:
                row = validated(record, said, name, line)
            except FactError as error:
                faults.add(error)
                strange |= said.keys() - record.model_fields.keys()  # once: they are of the head
                continue
            own = tuple(getattr(row, field) for field in record.key) or (line,)
            if found.setdefault(own, row) is not row:
                fault = (
                    f"{', '.join(filter(None, map(str, own)))} stands there twice; remove one row"
                )
                faults[f"{name}.csv, line {line}, {', '.join(record.key)}: {fault}"] = None
            elif isinstance(row, Named):
                for fault in _taken(row, taken):
                    faults[f"{name}.csv, line {line}, aliases: {fault}"] = None
    except FactError as error:  # of the file
        faults.add(error)
    faults.refuse()
    return tuple(found.values())


def _with_ranges(cells: dict[str, str], ranges: Iterable[str]) -> dict[str, Any]:
    """Cells of a row, those of each range in one."""
    spread = {}
    for name in ranges:
        columns = {"low": f"{name}_low", "central": name, "high": f"{name}_high"}
        if ends := {end: cells.pop(c) for end, c in columns.items() if c in cells}:
            spread[name] = ends
    return {**cells, **spread}


def _taken(row: Named, taken: dict[str, str]) -> Iterator[str]:
    """What is wrong with names of a row that rows above it have. taken: the row of each name, to
    which this row's are added."""
    own = str(getattr(row, row.key[0]))
    for name in row.names:
        other = taken.setdefault(_key(name), own)
        if _key(other) != _key(own):
            yield f"{name!r} is a name of {other} already; write it in one row"


@of_facts
def settings(name: str) -> Mapping[str, Setting]:
    """The constants of `siting_facts/<name>.csv` by name."""

    class Settings(dict[str, Setting]):
        def __missing__(self, setting: str) -> Setting:
            raise FactError(f"{name}.csv: {setting} is missing; {suggestion(setting, self)}")

    return Settings({s.setting: s for s in table(name, Setting)})


def find(name: str, table: str, record: type[N]) -> N | None:
    """The row of a table that has `name` among its names; None if there is none."""
    return _by_name(table, record).get(_key(name))


@of_facts
def _by_name(name: str, record: type[N]) -> Mapping[str, N]:
    found = reversed(table(name, record))
    return {_key(known): row for row in found for known in row.names}


@of_facts
def column(name: str, *columns: str) -> frozenset[str]:
    """What stands in these columns of a table."""
    return frozenset(row[c] for row in cells(name) for c in columns if c in row)


@of_facts
def cells(name: str) -> tuple[Mapping[str, str], ...]:
    """Cells of each row of a table as they are written, blank ones left out."""
    return tuple(row for _, row in rows(facts_dir() / f"{name}.csv"))


@lru_cache(maxsize=NAMES)
def plain_name(name: str) -> str:
    """A model's name without maker, cloud prefix and version suffix.

    A cloud's prefix is where it routes to, if it says so, and whose the model is:
    `regional.anthropic.claude-opus-5-5`.
    """
    cloud = r"^(?:(?:eu|us|apac|global|regional)\.)?[a-zA-Z]+\.(?=[a-zA-Z])"
    return re.sub(r"-v\d+(:\d+)?$", "", re.sub(cloud, "", name.split("/")[-1]))


UNSPOKEN = re.compile(r"it|instruct|chat|hf|preview|\d{4}|\d{8}", re.IGNORECASE)
"""Parts of a model's name that nobody says."""


@lru_cache(maxsize=NAMES)
def name_key(name: str) -> str:
    """A model's name without maker, cloud prefix, version suffix, case and punctuation.

    `eu.anthropic.claude-sonnet-4-6-v1:0` and `anthropic/claude-sonnet-4-6` are the same model.
    """
    return re.sub(r"[\s_\-.]+", "", plain_name(name)).lower()


def is_short_for(name: str, model: str) -> bool:
    """Whether a name is a model's without its maker, its size, or what nobody says of it:
    `Mistral Small 3.2` is short for `mistralai/Mistral-Small-3.2-24B-Instruct-2506`."""
    said = _parts(name)
    left = [part for part in _parts(plain_name(model)) if part not in said]
    size = re.compile(r"\d+(\.\d+)?b")
    unsaid = all(UNSPOKEN.fullmatch(part) or size.fullmatch(part) for part in left)
    return bool(said) and said <= _parts(model) and unsaid


def _parts(name: str) -> set[str]:
    """`google/gemma-4-31B-it`: google, gemma, 4, 31b, it."""
    return set(filter(None, re.split(r"[\s/_-]", name.lower())))


@lru_cache(maxsize=NAMES)
def _key(name: str) -> str:
    """Names compare without case, spaces, dashes and underscores."""
    return re.sub(r"[\s_\-]+", "", name).lower()


@lru_cache(maxsize=256)
def _near(word: str, known: tuple[str, ...], n: int) -> list[str]:
    """Kept, because a vendor's closed model is looked up again for each flow and rule."""
    word = word.lower()
    by_key = {k.lower(): k for k in known}
    like = difflib.get_close_matches(word, by_key, n, 0.5)
    alike = difflib.get_close_matches(word, by_key, n, 0.65)
    begun = [k for k in by_key if len(word) > 1 and k.startswith(word)]  # US, of USD
    near = [k for k in like if k in alike or k[:2] == word[:2]]
    return [by_key[k] for k in dict.fromkeys(sorted(begun, key=len) + near)][:n]


def nearest(word: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known words that look most like `word`, best first."""
    return _near(word, tuple(known), n)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean x?`, or the list of what is known."""
    known = sorted(k for k in known if k != word)
    if near := nearest(word, known, 2):
        return f"did you mean {' or '.join(near)}?"
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"known: {listed}" if listed else "remove it"


class UnknownName(KeyError):
    """A name that no row of a table has; the message says so, and what is known.

    Its own class, so that a figure is left out for what a client wrote and never for a key that the
    code should have.
    """


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

    Raises UnknownName with near names.
    """
    found = find(name, "gpus", Gpu) or _gpu_class(name)
    if found is None:
        names = [name for g in gpus() for name in g.names]
        begun = [g.id for g in gpus() if any(_key(n).startswith(_key(name)) for n in g.names)]
        if len(begun) > 1 and len(_key(name)) > 2:
            raise UnknownName(f"{name!r} may be several GPUs; write one of {', '.join(begun)}")
        raise UnknownName(unknown(name, "GPU of the catalogue", names, "gpus"))
    return found


def _gpu_class(name: str) -> Gpu | None:
    """A card of which only the memory is known; its speed and its exact size are not."""
    size = re.match(r"([1-9]\d{0,3})\s*GB[\s-]class", name.strip(), re.IGNORECASE)
    if not size:
        return None
    return Gpu(
        id=f"class-{size[1]}gb",
        gpu=f"a {size[1]} GB card",
        vendor="not stated",
        architecture="not stated",
        kernels="not stated",
        tensor_cores="other",
        fused_reductions=False,
        linked="none",
        form_factor="not stated",
        memory_gb_marketing=float(size[1]),
        memory_bandwidth_gb_s=0.0,
        source="card named only by the size of its memory",
        locator=name,
        date="undated",
        kind="estimate",
    )


CONFIG = "config.json"
"""What Hugging Face calls the file that describes a model."""


def model(name: str) -> Model:
    """The model called `name`: id, alias, or id without its owner; or the path of a `config.json`
    or of its folder.

    Raises UnknownName with near names, FactError where a file is not a usable configuration.
    """
    path = _config(name)
    if path is not None:
        return model_of(path)
    found = _model_index().get(_key(name))
    if found is None:
        raise UnknownName(_no_such_model(name))
    return found


def _config(name: str) -> Path | None:
    """The file that a model's name leads to; None where it leads to none."""
    path = Path(name)
    try:
        if (path / CONFIG).is_file():
            return path / CONFIG
    except (OSError, ValueError):  # longer than a path may be, or with what no path may have
        return None
    return path if path.suffix.lower() == ".json" else None


@cache
def model_of(path: Path) -> Model:
    """The model that a `config.json` describes, as a package beside this one reads it.

    Raises FactError where the file is not usable, or no such package is installed.
    """
    readers = beside.loaded("models")
    if CONFIG not in readers:
        lacking = ", ".join(beside.missing("models")) or "a package that reads it"
        raise FactError(f"{path}: {lacking} is not installed; name a model of the catalogue")
    found: Model = readers[CONFIG](path)
    return found


@of_facts
def _no_such_model(name: str) -> str:
    """The message for a model that is not there; kept, since who asks whether one is there asks
    often."""
    ids = [m.model_id for m in models()]
    meant = [known for known in ids if is_short_for(name, known)]
    if 0 < len(meant) <= 3:
        return f"{name!r} is no model of the catalogue; did you mean {' or '.join(meant)}?"
    names = ids if "/" in name else [known.split("/")[-1] for known in ids]
    return unknown(name, "model of the catalogue", names, "models")
