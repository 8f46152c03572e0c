"""One client's question: `params/base.yaml` with the client's differences laid over it.

A scenario is data, never code. Every key is known, every value typed; whatever is wrong is
refused with file, line, field, what is wrong and what to write instead (`ScenarioError`).

`load` gives the scenario of a client, `resolved` writes it out whole. How the two files combine:
mappings merge key by key, lists and values are replaced, and `null` removes what base.yaml says
(JSON Merge Patch, RFC 7396). Workloads, options and fine-tuning jobs are the client's own list:
once the client's file names any, those of base.yaml that it does not name are dropped, and an
entry of the same name starts from base.yaml's.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from siting import catalogue, hf_config
from siting.catalogue import Address, Kind, Source
from siting.inputs import benchmark, document, messages
from siting.inputs.document import Document, DocumentError, Path_, Problem, dotted
from siting.memory import attention, weights
from siting.memory.attention import NotEstimated
from siting.rules import rulebook

OptionKind = Literal[
    "api",
    "managed_cloud",
    "sovereign_cloud",
    "rented_gpus",
    "colocation",
    "on_premises",
    "hybrid",
]
SELF_HOSTED = ("sovereign_cloud", "rented_gpus", "colocation", "on_premises")
OWNED = ("colocation", "on_premises")

Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
"""Name of a workload, an option or a job: the word that stands before the colon."""
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")]
"""A file beside the scenario; never a path."""


class Strict(BaseModel):
    """Base of all parts: frozen, no unknown key, documented by the string under each field."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        protected_namespaces=(),
        str_max_length=2000,
    )


class Band(Strict):
    """A number that is not known exactly: low, central, high (meant as P10, P50, P90)."""

    low: float
    central: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Band:
        if not self.low <= self.central <= self.high:
            raise ValueError(
                f"low {self.low:g}, central {self.central:g}, high {self.high:g} are not in order; "
                "write low <= central <= high"
            )
        return self


def _band(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"low": value, "central": value, "high": value}
    return value


def _within(least: float, most: float) -> AfterValidator:
    def check(band: Band) -> Band:
        if not least <= band.low <= band.high <= most:
            percent = f" (for {band.central:g} % write {band.central / 100:g})"
            raise ValueError(
                f"{band.central:g} is outside {least:g} to {most:g}; "
                f"write numbers between {least:g} and {most:g}"
                + (percent if most <= 10 and 1 < band.central <= 100 else "")
            )
        return band

    return AfterValidator(check)


Uncertain = Annotated[Band, BeforeValidator(_band, json_schema_input_type=float | Band)]
"""A plain number (taken as exact) or {low, central, high}."""
Amount = Annotated[Uncertain, _within(0, 1e12)]
"""An amount of money, or of what a price is paid for; never negative."""


class Evidence(Strict):
    """Where figures of this scenario come from."""

    fields: list[str]
    """Paths such as `workloads.assistant.users`; a prefix covers what lies below it."""
    source: str
    """Document or person, as a reader would look for it."""
    date: dt.date
    locator: str = ""
    url: Address = ""
    kind: Kind = "client"


class Client(Strict):
    """Who asks, and how the report should look."""

    id: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,49}$")]
    """Name of the report's folder; usually left out, then the name of the file."""
    name: Annotated[str, Field(min_length=1, max_length=120)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    """ISO 3166 code of the country whose law, tariffs and number format apply, e.g. IT."""
    sector: Literal["banking", "insurance", "health", "public", "software", "industry", "other"]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code of the currency of the report."""
    report_date: dt.date
    """The report is as of this date: facts, rules and ages are taken as of then."""
    paper: Literal["a4", "us-letter"] = "a4"
    brand_colour: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")] = "#1f3a5f"
    logo: FileName | None = None
    """An SVG or PNG file beside the scenario."""
    question: str = ""
    """The client's question in one sentence, printed on the cover."""
    notes: str = ""


class Tokens(Strict):
    """Tokens of one request; a log-normal distribution is fitted to mean and p95."""

    mean: Annotated[float, Field(gt=0, le=2_000_000)]
    p95: Annotated[float, Field(gt=0, le=4_000_000)]

    @model_validator(mode="after")
    def _ordered(self) -> Tokens:
        if self.p95 < self.mean:
            raise ValueError(f"p95 {self.p95:g} is below the mean {self.mean:g}; write p95 >= mean")
        return self


class Latency(Strict):
    """Limits that must hold at the percentile."""

    ttft_s: Annotated[float, Field(gt=0, le=600)] = 2.0
    """Time to first token. [s]"""
    tpot_ms: Annotated[float, Field(gt=0, le=5000)] = 60.0
    """Time per output token after the first. [ms]"""
    percentile: Annotated[float, Field(ge=50, lt=100)] = 95.0


class Data(Strict):
    """What the workload's data are, as far as law cares."""

    personal: bool = True
    special_category: bool = False
    """GDPR Art. 9: health, biometrics, beliefs …"""
    secrecy: list[Literal["banking", "medical", "professional", "state", "trade"]] = []
    residency: Literal["country", "EU", "EEA", "US", "any"] = "any"
    """Where data may be stored and processed."""
    critical_function: bool = False
    """DORA Art. 3(22) or NIS2: a failure would materially hurt the service."""
    use_case: str = "assistant"
    """Words from the AI Act's Annex III where they apply (recruitment, credit scoring …)."""
    annex_iii: bool = False
    large_scale: bool = False


class OwnEvaluation(Strict):
    """The client's own test; it beats any published board."""

    scores: dict[str, float]
    """Model (as named in `models` or in an option) to score."""
    floor: float
    items: Annotated[int, Field(gt=0)]
    """Number of test items: sets the uncertainty."""
    higher_is_better: bool = True


class Quality(Strict):
    """The floor that a model must reach for this workload."""

    reference_model: str
    """The API model now in use or considered; parity is measured against it."""
    reference_effort: str = ""
    boards: list[str]
    """Published boards that resemble the work, as in facts/quality_boards.csv."""
    own: OwnEvaluation | None = None


class Measured(Strict):
    """A benchmark of the client's own: replaces the estimate of speed."""

    model: str
    gpu: str
    tensor_parallel: Annotated[int, Field(ge=1, le=64)] = 1
    engine: str = "vllm"
    file: FileName | None = None
    """Output of vLLM's bench, GuideLLM or AIPerf, beside the scenario."""
    concurrency: Annotated[float, Field(gt=0)] | None = None
    output_tokens_per_s: Annotated[float, Field(gt=0)] | None = None
    ttft_ms: Annotated[float, Field(gt=0)] | None = None
    tpot_ms: Annotated[float, Field(gt=0)] | None = None
    input_tokens: Annotated[float, Field(gt=0)] | None = None
    """Mean of a request of the benchmark; None: the workload's."""
    output_tokens: Annotated[float, Field(gt=0)] | None = None
    source: str
    date: dt.date


class Workload(Strict):
    """One use of a model: its load, limits, data and quality floor."""

    description: str
    users: Annotated[float, Field(ge=0, le=1e9)] = 0
    requests_per_user_day: Annotated[float, Field(ge=0, le=100_000)] = 0
    """On a working day."""
    requests_per_day: Annotated[float, Field(ge=0, le=1e10)] = 0
    """Requests of machines or of the public on a working day, added to the users' own."""
    hours: list[Annotated[float, Field(ge=0)]] | Literal["office", "day", "flat", "night"] = (
        "office"
    )
    """Share of a day by hour (24 numbers, any scale) or a named profile."""
    weekdays: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=7, max_length=7)] = [
        1,
        1,
        1,
        1,
        1,
        0.1,
        0.1,
    ]
    """Monday to Sunday, relative to a working day."""
    peak_factor: Annotated[float, Field(ge=1, le=50)] = 1.5
    """The busiest hour of the year over the busiest hour of a usual week."""
    growth_per_year: Annotated[Uncertain, _within(-0.99, 10)] = Band(
        low=0.0, central=0.15, high=0.4
    )
    """0.15 is plus 15 % a year."""
    input_tokens: Tokens
    output_tokens: Tokens
    reasoning_tokens: Annotated[float, Field(ge=0, le=1_000_000)] = 0
    """Hidden output tokens a request where a model reasons, billed and generated like output;
    0: estimated from the effort that earned its quality score."""
    cached_input_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of input tokens that repeat an earlier prefix."""
    batchable_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of requests that may wait for hours (API batch discount, idle GPUs)."""
    latency: Latency = Latency()
    availability: Annotated[float, Field(ge=0.9, lt=1)] = 0.995
    data: Data = Data()
    models: Annotated[list[str], Field(min_length=1)]
    """Open-weight candidates, catalogue names."""
    quality: Quality | None = None
    measured: list[Measured] = []

    @model_validator(mode="after")
    def _has_load(self) -> Workload:
        if self.users * self.requests_per_user_day + self.requests_per_day == 0:
            raise ValueError(
                "the workload has no requests; give users and requests_per_user_day, "
                "or requests_per_day"
            )
        if isinstance(self.hours, list) and (len(self.hours) != 24 or not sum(self.hours)):
            raise ValueError(
                f"hours has {len(self.hours)} numbers that add up to {sum(self.hours):g}; "
                "write 24 numbers, not all 0, or office, day, flat, night"
            )
        if not sum(self.weekdays):
            raise ValueError("weekdays are all 0; write 7 numbers, Monday to Sunday")
        return self


class FineTuning(Strict):
    """A fine-tuning job that recurs."""

    model: str
    method: Literal["full", "lora", "dora", "qlora"] = "lora"
    examples: Annotated[int, Field(gt=0, le=1_000_000_000)]
    tokens_per_example: Annotated[float, Field(gt=0, le=2_000_000)]
    epochs: Annotated[float, Field(gt=0, le=1000)] = 2
    runs_per_year: Annotated[float, Field(ge=0, le=10_000)] = 12
    sequence_length: Annotated[int, Field(gt=0, le=2_000_000)] = 4096
    micro_batch: Annotated[int, Field(gt=0, le=4096)] = 1
    lora_rank: Annotated[int, Field(ge=1, le=4096)] = 16


class Flow(Strict):
    """Facts about one flow of data of an option, where they differ from the option's own.

    The keys of `attributes` are those that facts/sovereignty_rules.csv tests.
    """

    attributes: dict[str, bool | int | float | str | None] = {}


class Option(Strict):
    """One place where the workloads could run."""

    label: Annotated[str, Field(min_length=1, max_length=80)]
    kind: OptionKind
    vendor: str = ""
    """Vendor whose stability counts, as named in the vendor tables."""
    provider: str = ""
    """For API prices: provider id of genai-prices; for cloud GPUs: provider of cloud prices."""
    models: dict[str, str] = {}
    """Workload to model; a single key `all` covers every workload."""
    effort: str = ""
    """Reasoning effort of the API model, as its board names it."""
    region: str = ""
    country: str = ""
    """ISO code of the place of processing."""
    gpu: str = ""
    weights: str = ""
    """Weight format; empty: the model's native format."""
    kv_cache: str = "auto"
    engine: str = "vllm"
    tensor_parallel: Annotated[int, Field(ge=1, le=64)] | None = None
    """None: the kit chooses the smallest that fits and keeps the limits."""
    prefix_caching: bool = True
    """False: input that repeats an earlier prefix is read again."""
    batched_tokens: Annotated[int, Field(ge=16, le=1_000_000)] | None = None
    """Prompt tokens read in one step (chunked prefill); None: the engine's default."""
    speculative_tokens: Annotated[int, Field(ge=0, le=16)] = 0
    """Tokens drafted ahead in each step; 0: no speculative decoding."""
    accepted_tokens: Annotated[float, Field(ge=0, le=16)] = 0.0
    """Drafted tokens that are right, a step: the client's own measurement."""
    context: Annotated[int, Field(gt=0, le=20_000_000)] | None = None
    """Longest request in tokens; None: from the token distributions."""
    server: str = ""
    """Server of facts/servers.csv for owned hardware."""
    commitment: Literal["on_demand", "spot", "1y", "3y"] = "on_demand"
    redundancy: Literal["none", "n+1", "2n"] = "n+1"
    minimum_commitment_per_month: Annotated[float, Field(ge=0, le=1e12)] = 0
    """In the client's currency; paid whether used or not."""
    discount: Annotated[float, Field(ge=0, lt=1)] = 0
    """Negotiated discount on list prices."""
    base: str = ""
    """hybrid: the option that carries the base load."""
    burst: str = ""
    """hybrid: the option that takes the rest."""
    attributes: dict[str, bool | int | float | str | None] = {}
    """What the contract says: attributes that sovereignty rules test, for all flows."""
    flows: dict[Name, Flow] = {}
    months_to_production: Annotated[Uncertain, _within(0, 120)] = Band(low=1, central=3, high=6)


class Quote(Strict):
    """A price that the client was offered; it overrides the published one."""

    item: str
    """Cost item (facts/cost_items.csv), or `option.<name>.<item>` for one option alone."""
    value: Amount
    unit: str
    source: Annotated[str, Field(min_length=1)]
    date: dt.date
    valid_until: dt.date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Quote:
        if self.valid_until and self.valid_until < self.date:
            raise ValueError("valid_until is before date; correct one of the two")
        return self


class Finance(Strict):
    """How the client counts money."""

    horizon_months: Annotated[int, Field(ge=12, le=120)] = 60
    discount_rate: Annotated[Uncertain, _within(0, 1)] = Band(low=0.06, central=0.08, high=0.10)
    """Nominal, per year (WACC)."""
    tax_rate: Annotated[float, Field(ge=0, lt=0.6)] | None = None
    """None: before tax. Otherwise a tax shield on depreciation, in all options or none."""
    baseline: str
    """The option that the others are compared with (usually what is in use today)."""
    staff_cost_per_year: Amount | None = None
    """One fully loaded infrastructure engineer, in the client's currency."""
    electricity_per_kwh: Amount | None = None
    """The client's tariff; None: the country's published price."""
    price_decline: Literal["list", "same_capability"] = "list"
    """API price path of the headline; the report always shows both."""
    quotes: list[Quote] = []


class Shock(Strict):
    """A 'what if' about a vendor."""

    vendor: str
    kind: Literal[
        "api_withdrawn",
        "price_change",
        "terms_changed",
        "jurisdiction_blocked",
        "adverse_ruling",
        "change_of_control",
    ]
    factor: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """price_change: new price over old."""
    month: Annotated[int, Field(ge=1, le=120)] = 12


class Readiness(Strict):
    """What the client already has in hand against a vendor's failure."""

    fallback_model_tested: bool = False
    weights_held: bool = False
    contract_notice_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    abstraction_layer: bool = False
    evaluation_suite: bool = False


class Stability(Strict):
    """Weights of the stability criteria and the shocks to examine."""

    weights: dict[str, Annotated[float, Field(ge=0, le=1000)]] = {}
    """Criterion id (C1 … C8) to weight; empty: the method's defaults."""
    shocks: list[Shock] = []
    readiness: Readiness = Readiness()


class Rules(Strict):
    """Policies of the client that are not law, and stress tests."""

    policies: list[
        Literal["secnumcloud", "c5_type2", "european_model", "eu_operator", "no_us_parent"]
    ] = []
    attributes: dict[str, bool | int | float | str | None] = {}
    """Answers that hold for all options: attributes of facts/sovereignty_attributes.csv."""
    retention_days_limit: Annotated[int, Field(ge=0, le=36500)] = 30
    stress: list[Literal["dpf_falls", "us_model_blocked", "model_retired"]] = [
        "dpf_falls",
        "us_model_blocked",
        "model_retired",
    ]


class Decision(Strict):
    """What the client weighs, and what it will not accept."""

    weights: dict[str, Annotated[Uncertain, _within(0, 1000)]] = {}
    """Relative importance by criterion of facts/decision_criteria.csv, over its defaults."""
    hard_constraints: list[str] = []
    """`sovereignty`, `quality`, `latency`, `budget`, or `rule:<rule_id>`."""
    budget_per_year: Annotated[float, Field(gt=0, le=1e12)] | None = None


class Chapters(Strict):
    """Chapters of this client's report."""

    leave_out: list[FileName] = []
    """Names of chapters, such as 50_vendor_stability."""
    add: list[Annotated[FileName, Field(pattern=r"\.ipynb$")]] = []
    """Notebooks of the client's own, beside the scenario."""


class Scenario(Strict):
    """Everything that a report needs to know about one client."""

    inherits: Literal["base.yaml", "nothing"] = "base.yaml"
    """`nothing`: this file is complete and base.yaml is not read."""
    client: Client
    workloads: Annotated[dict[Name, Workload], Field(min_length=1)]
    fine_tuning: dict[Name, FineTuning] = {}
    options: Annotated[dict[Name, Option], Field(min_length=1)]
    finance: Finance
    stability: Stability = Stability()
    rules: Rules = Rules()
    decision: Decision = Decision()
    chapters: Chapters = Chapters()
    evidence: Annotated[list[Evidence], Field(min_length=1)]
    """Where this scenario's figures come from; the longest matching path wins."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 20261124
    """Seed of every random draw of the report."""

    def origin(self, path: str) -> Evidence:
        """The evidence for `path`, e.g. `workloads.assistant.users`: the longest field that
        covers it; for a part that only its members' entries cover, the one with most members.

        Raises KeyError where nothing covers it.
        """
        covering = set(itertools.accumulate(path.split("."), "{}.{}".format))
        scores: tuple[Callable[[Evidence], int], ...] = (
            lambda entry: max((len(f) for f in entry.fields if f in covering), default=0),
            lambda entry: sum(f.startswith(f"{path}.") for f in entry.fields),
            lambda entry: int("*" in entry.fields),
        )
        for score in scores:
            best = max(self.evidence, key=score, default=None)
            if best and score(best):
                return best
        raise KeyError(f"no evidence covers {path}")

    def source(self, path: str) -> Source:
        """The evidence for `path`, as footnotes and summary.json cite it."""
        e = self.origin(path)
        where = e.locator or path
        day = e.date.isoformat()
        return Source(source=e.source, url=e.url, locator=where, date=day, kind=e.kind)


class ScenarioError(DocumentError):
    """A scenario cannot be used; `problems` has file, line, field, fault and remedy of each."""


# --- Where scenarios are ------------------------------------------------------------------------

_CLIENT = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_LISTED = ("workloads", "options", "fine_tuning")
_FIGURES = (*_LISTED, "finance", "stability", "rules", "decision")
_BAND = {"low", "central", "high"}


def project() -> Path:
    """The folder that holds `params/` and `notebooks/`: the current one, one above it, or the
    checkout that the library was installed from."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[3]):
        if (folder / "params" / "base.yaml").is_file():
            return folder
    raise ScenarioError(
        [
            Problem(
                "params/base.yaml", 0, "", "is not here or above", "run this in a copy of the kit"
            )
        ]
    )


def names() -> list[str]:
    """The clients of `params/`, sorted; base.yaml is no client."""
    return sorted(p.stem for p in (project() / "params").glob("[a-z0-9]*.yaml") if p.stem != "base")


def path_of(name_or_path: str | Path) -> Path:
    """The file of a client's name, or of a path to a YAML file. Raises ScenarioError."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "\0" in text:
        return Path(text.replace("\0", "?"))
    if not _CLIENT.fullmatch(text):
        raise ScenarioError(
            [
                Problem(
                    text,
                    0,
                    "",
                    "is no client's name",
                    "write small letters, digits and -, or a path that ends in .yaml",
                )
            ]
        )
    path = project() / "params" / f"{text}.yaml"
    if not path.is_file():
        known = [*names(), "base"]
        raise ScenarioError(
            [
                Problem(
                    str(_shown(path)),
                    0,
                    "",
                    "does not exist",
                    f"{messages.suggestion(text, known)} `siting new {text}` makes it",
                )
            ]
        )
    return path


def _shown(path: Path) -> Path:
    """A path as messages print it: relative where it lies below the current folder."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


# --- Loading ------------------------------------------------------------------------------------


def load(name_or_path: str | Path) -> Scenario:
    """The scenario of a client of `params/`, or of a YAML file anywhere.

    Raises ScenarioError with every problem: file, line, field, fault and remedy.
    """
    path = path_of(name_or_path)
    try:
        own = document.read(_shown(path))
        base = _base_of(path, own)
    except DocumentError as error:
        raise ScenarioError(list(error.problems)) from None
    whole = _combined(own, base)
    _name_client(whole, path)
    found = _validated(whole)
    found = _with_origins(found, own, whole, inherited=base is not None)
    found = _with_benchmarks(found, path.parent, whole)
    problems = [
        Problem(*whole.place(where), dotted(where), wrong, write)
        for where, wrong, write in contradictions(found)
    ]
    if problems:
        raise ScenarioError(problems)
    return found


def _with_benchmarks(found: Scenario, folder: Path, whole: Document) -> Scenario:
    """The scenario with the figures of benchmark files in place; figures that it states win."""
    problems, workloads = [], {}
    for name, workload in found.workloads.items():
        runs = []
        for i, run in enumerate(workload.measured):
            try:
                runs.append(_benchmark(run, folder))
            except (OSError, ValueError) as error:
                place = whole.place(("workloads", name, "measured", i, "file"))
                where = f"workloads.{name}.measured.{i}.file"
                why = "is not beside the scenario" if isinstance(error, OSError) else str(error)
                problems.append(Problem(*place, where, f"{run.file}: {why}", "name a result file"))
        workloads[name] = workload.model_copy(update={"measured": runs})
    if problems:
        raise ScenarioError(problems)
    return found.model_copy(update={"workloads": workloads})


def _benchmark(run: Measured, folder: Path) -> Measured:
    if not run.file or ((run.tpot_ms or run.output_tokens_per_s) and run.concurrency):
        return run
    seen = benchmark.read((folder / run.file).read_text(encoding="utf-8"))
    stated = {k: getattr(run, k) or getattr(seen, k) for k in benchmark.FIGURES}
    return run.model_copy(update=stated)


@cache
def _read_once(path: Path, changed_ns: int) -> Document:
    return document.read(path)


def _base_of(path: Path, own: Document) -> Document | None:
    """The base that a file is laid over: beside it, or of the project; None if it is complete."""
    beside = path.parent / "base.yaml"
    if own.data.get("inherits") == "nothing" or path.name == "base.yaml":
        return None
    base = beside if beside.is_file() else project() / "params" / "base.yaml"
    return _read_once(_shown(base), base.stat().st_mtime_ns)


def _combined(own: Document, base: Document | None) -> Document:
    """Own file over base, with the client's evidence before that of base.yaml."""
    if base is None:
        return Document(document.merged({}, own.data), own.lines)
    ground = dict(base.data)
    for section in _LISTED:
        listed, below = own.data.get(section), ground.get(section)
        if isinstance(listed, dict) and isinstance(below, dict):
            ground[section] = {k: v for k, v in below.items() if k in listed}
    ground["client"] = {k: v for k, v in ground.get("client", {}).items() if k != "id"}
    whole = own.laid_over(Document(ground, base.lines))
    stated, assumed = own.data.get("evidence"), base.data.get("evidence")
    if isinstance(stated, list) and isinstance(assumed, list):
        whole.data["evidence"] = [*stated, *assumed]
        for where, place in base.lines.items():
            if where[:1] == ("evidence",) and len(where) > 1 and isinstance(where[1], int):
                whole.lines[("evidence", where[1] + len(stated), *where[2:])] = place
        for where, place in own.lines.items():
            whole.lines[where] = place
    return whole


def _name_client(whole: Document, path: Path) -> None:
    client = whole.data.get("client")
    if isinstance(client, dict) and "id" not in client:
        if not _CLIENT.fullmatch(path.stem):
            raise ScenarioError(
                [
                    Problem(
                        str(_shown(path)),
                        0,
                        "",
                        "the name of the file is no name for a folder",
                        "use small letters, digits and -, or write client.id",
                    )
                ]
            )
        whole.data["client"] = {"id": path.stem, **client}


def _validated(whole: Document) -> Scenario:
    try:
        return Scenario.model_validate(
            {**whole.data, "inherits": whole.data.get("inherits", "base.yaml")}
        )
    except ValidationError as error:
        found = messages.problems(error.errors(include_url=False), whole, Scenario)
        raise ScenarioError(sorted(found, key=lambda p: (p.file, p.line))) from None


def changed(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    """The scenario with other values at dotted paths: what if there were twice the users?

    >>> changed(scenario, {"workloads.assistant.users": 4_000})     # doctest: +SKIP

    Raises ScenarioError for a path that is not there, or a value that cannot be.
    """
    data = scenario.model_dump()
    for path, value in changes.items():
        *above, last = path.split(".")
        here = data
        for key in above:
            here = here.get(key, {}) if isinstance(here, dict) else {}
        if last not in here:
            known = sorted(map(str, here))
            raise ScenarioError(
                [Problem("what if", 0, path, "is not there", messages.suggestion(last, known))]
            )
        here[last] = value
    found = _validated(Document(data, {}))
    problems = [Problem("what if", 0, dotted(p), *said) for p, *said in contradictions(found)]
    if problems:
        raise ScenarioError(problems)
    return found


# --- Where each figure comes from ---------------------------------------------------------------


def _leaves(data: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Paths of the figures below `data`; a list or a {low, central, high} is one figure."""
    if not isinstance(data, dict) or (data and data.keys() <= _BAND):
        if data is not None:
            yield path
        return
    for key, value in data.items():
        yield from _leaves(value, (*path, key))


def _figures(data: dict[str, Any]) -> list[str]:
    return [dotted(p) for key in _FIGURES for p in _leaves(data.get(key, {}), (key,))]


def _covers(field: str, figure: str) -> bool:
    return field in ("*", figure) or figure.startswith(field + ".")


def _with_origins(found: Scenario, own: Document, whole: Document, inherited: bool) -> Scenario:
    """The scenario with the client's evidence spelled out figure by figure.

    A client's entry speaks for what the client's file says, not for what base.yaml adds below
    the same path; that stays base.yaml's estimate. Raises ScenarioError for a figure of the
    client's file without evidence, and for evidence of something that is not there.
    """
    everything = found.model_dump()
    stated = len(own.data.get("evidence") or [])
    entries = list(found.evidence)
    client, rest = (entries[:stated], entries[stated:]) if inherited else (entries, [])
    figures = _figures(own.data if inherited else everything)
    problems = list(_unfounded(client, everything, whole))
    spoken: dict[int, list[str]] = {i: [] for i in range(len(client))}
    for figure in figures:
        best = max(
            (
                (0 if f == "*" else len(f), -i)
                for i, e in enumerate(client)
                for f in e.fields
                if _covers(f, figure)
            ),
            default=None,
        )
        if best is None:
            place = whole.place(_path(figure, own.data if inherited else everything))
            problems.append(
                Problem(
                    *place,
                    figure,
                    "nothing says where this figure comes from",
                    f"add {figure.split('.')[0]} or the whole path to `fields` of an evidence",
                )
            )
        else:
            spoken[-best[1]].append(figure)
    if problems:
        raise ScenarioError(problems)
    if not inherited:
        return found.model_copy(update={"inherits": "nothing"})
    narrowed = [
        e.model_copy(update={"fields": spoken[i]}) for i, e in enumerate(client) if spoken[i]
    ]
    return found.model_copy(update={"evidence": [*narrowed, *rest], "inherits": "nothing"})


def _path(figure: str, data: Any) -> Path_:
    """The keys behind a dotted path, where keys may hold dots themselves."""
    for path in (p for key in _FIGURES for p in _leaves(data.get(key, {}), (key,))):
        if dotted(path) == figure:
            return path
    return ()


def _unfounded(
    entries: list[Evidence], everything: dict[str, Any], whole: Document
) -> Iterator[Problem]:
    paths = {"*", *Scenario.model_fields}
    for key in ("client", *_FIGURES):
        for leaf in _leaves(everything.get(key, {}), (key,)):
            paths |= {dotted(leaf[:n]) for n in range(1, len(leaf) + 1)}
    for i, entry in enumerate(entries):
        for j, field in enumerate(entry.fields):
            if field not in paths:
                where: Path_ = ("evidence", i, "fields", j)
                yield Problem(
                    *whole.place(where),
                    dotted(where),
                    f"{field!r} is nothing in this scenario",
                    messages.suggestion(field, paths - {"*"})
                    if messages.nearest(field, paths)
                    else "write a path such as workloads or finance.discount_rate",
                )


# --- What must fit together ---------------------------------------------------------------------

Contradiction = tuple[Path_, str, str]
"""Path, what is wrong, what to write."""


def contradictions(scenario: Scenario) -> Iterator[Contradiction]:
    """Everything that is well formed but cannot be meant."""
    for name, workload in scenario.workloads.items():
        yield from _workload(name, workload)
    for name, job in scenario.fine_tuning.items():
        yield from _catalogued(("fine_tuning", name, "model"), job.model, "model")
    for name, option in scenario.options.items():
        yield from _option(name, option, scenario)
    yield from _money(scenario)
    yield from _times(scenario)
    yield from _policies(scenario)
    yield from _answers(scenario)


def _catalogued(path: Path_, name: str, kind: Literal["model", "GPU"]) -> Iterator[Contradiction]:
    try:
        (hf_config.model if kind == "model" else catalogue.gpu)(name)
    except KeyError:
        known = (
            [m.model_id for m in catalogue.models()]
            if kind == "model"
            else [g.id for g in catalogue.gpus()]
        )
        yield path, f"{name!r} is no {kind} of the catalogue", messages.suggestion(name, known)


def _known(path: Path_, name: str, look_up: Callable[[str], object]) -> Iterator[Contradiction]:
    """A format must be one that the memory model knows; blank is its default."""
    try:
        if name:
            look_up(name)
    except NotEstimated as error:
        wrong, _, known = str(error).partition("; known: ")
        yield path, wrong, messages.suggestion(name, known.split(", "))


def _effort(path: Path_, name: str) -> Iterator[Contradiction]:
    """A reasoning effort, if one is named, must be one whose hidden tokens are known."""
    words = known_in("reasoning_effort", "effort") | known_in("reasoning_effort", "synonyms")
    known = {word for cell in words for word in cell.split(";") if word} | {"default"}
    if name and name.strip().lower() not in known:
        yield path, f"{name!r} is no reasoning effort", messages.suggestion(name, known)


def _listed(path: Path_, name: str, table: str, column: str, what: str) -> Iterator[Contradiction]:
    known = known_in(table, column)
    if known and name not in known:
        yield path, f"{name!r} is no {what} of facts/{table}.csv", messages.suggestion(name, known)


def known_in(table: str, column: str) -> set[str]:
    """The values of one column of a fact table."""
    path = catalogue.facts_dir() / f"{table}.csv"
    return _column(path, path.stat().st_mtime_ns, column) if path.is_file() else set()


@cache
def _column(path: Path, changed_ns: int, column: str) -> set[str]:
    return {cells[column] for _, cells in catalogue.rows(path) if column in cells}


def _workload(name: str, workload: Workload) -> Iterator[Contradiction]:
    here: Path_ = ("workloads", name)
    for i, model in enumerate(workload.models):
        yield from _catalogued((*here, "models", i), model, "model")
    for i, run in enumerate(workload.measured):
        yield from _catalogued((*here, "measured", i, "model"), run.model, "model")
        yield from _catalogued((*here, "measured", i, "gpu"), run.gpu, "GPU")
    if workload.quality:
        yield from _effort(
            (*here, "quality", "reference_effort"), workload.quality.reference_effort
        )
    for i, board in enumerate(workload.quality.boards if workload.quality else []):
        yield from _listed(
            (*here, "quality", "boards", i), board, "quality_boards", "board", "board"
        )


def _option(name: str, option: Option, scenario: Scenario) -> Iterator[Contradiction]:
    here: Path_ = ("options", name)
    if option.gpu:
        yield from _catalogued((*here, "gpu"), option.gpu, "GPU")
    elif option.kind in ("rented_gpus", *OWNED):
        yield here, f"{option.kind} needs a GPU", "add `gpu:` with a name of the catalogue"
    if option.server:
        yield from _listed((*here, "server"), option.server, "servers", "id", "server")
    yield from _effort((*here, "effort"), option.effort)
    yield from _known((*here, "weights"), option.weights, weights.weight_format)
    yield from _known((*here, "kv_cache"), option.kv_cache, attention.kv_format)
    yield from _hybrid(here, name, option, scenario)
    yield from _served(here, option, scenario)
    if option.country and option.country not in _territories():
        yield (*here, "country"), f"{option.country!r} is no country", "write an ISO code like DE"


def _hybrid(here: Path_, name: str, option: Option, scenario: Scenario) -> Iterator[Contradiction]:
    parts = {"base": option.base, "burst": option.burst}
    if option.kind != "hybrid":
        for part in (p for p, v in parts.items() if v):
            yield (*here, part), f"only a hybrid has a {part}", "remove it, or write kind: hybrid"
        return
    others = [n for n, o in scenario.options.items() if n != name and o.kind != "hybrid"]
    for part, target in parts.items():
        if not target:
            yield here, f"a hybrid needs `{part}:`", f"name an option: {', '.join(others)}"
        elif target not in others:
            yield (
                (*here, part),
                f"{target!r} is no other option",
                messages.suggestion(target, others),
            )
    if option.base and option.base == option.burst:
        yield (*here, "burst"), "base and burst are the same option", "name two options"


def _served(here: Path_, option: Option, scenario: Scenario) -> Iterator[Contradiction]:
    """Every workload has a model that the option can offer."""
    if option.kind == "hybrid":
        return
    for workload, model in option.models.items():
        if workload not in ("all", *scenario.workloads):
            yield (
                (*here, "models", workload),
                f"{workload!r} is no workload",
                messages.suggestion(workload, ["all", *scenario.workloads]),
            )
        elif option.kind in SELF_HOSTED:
            yield from _catalogued((*here, "models", workload), model, "model")
        elif option.provider:
            yield from _priced((*here, "models", workload), model, option.provider)
    if "all" not in option.models:
        for workload in (w for w in scenario.workloads if w not in option.models):
            yield (
                (*here, "models"),
                f"no model for workload {workload}",
                f"add `{workload}:` or `all:` with a model",
            )


def _priced(path: Path_, model: str, provider_id: str) -> Iterator[Contradiction]:
    """A model of a price list must be on it."""
    from genai_prices.data import providers

    provider = next((p for p in providers if p.id == provider_id), None)
    if provider is None:
        yield (
            (*path[:2], "provider"),
            f"{provider_id!r} is no provider of the price list genai-prices",
            messages.suggestion(provider_id, [p.id for p in providers]),
        )
    elif provider.find_model(model, all_providers=providers) is None:
        known = [m.id for m in provider.models]
        yield path, f"{model!r} has no price at {provider_id}", messages.suggestion(model, known)


def _money(scenario: Scenario) -> Iterator[Contradiction]:
    finance = scenario.finance
    if finance.baseline not in scenario.options:
        yield (
            ("finance", "baseline"),
            f"{finance.baseline!r} is no option",
            messages.suggestion(finance.baseline, scenario.options),
        )
    for i, quote in enumerate(finance.quotes):
        parts = quote.item.split(".")
        here: Path_ = ("finance", "quotes", i, "item")
        if parts[0] == "option" and len(parts) == 3 and parts[1] not in scenario.options:
            yield (
                here,
                f"{parts[1]!r} is no option",
                messages.suggestion(parts[1], scenario.options),
            )
    if not _is_currency(scenario.client.currency):
        yield (
            ("client", "currency"),
            f"{scenario.client.currency!r} has no exchange rate of the ECB",
            "write a currency such as EUR, USD, GBP, CHF, SEK, PLN",
        )
    if scenario.client.country not in _territories():
        yield (
            ("client", "country"),
            f"{scenario.client.country!r} is no country",
            "write an ISO 3166 code like DE",
        )


def _times(scenario: Scenario) -> Iterator[Contradiction]:
    """Nothing is known before it was written."""
    day = scenario.client.report_date
    if not dt.date(2020, 1, 1) <= day <= dt.date(2100, 1, 1):
        yield ("client", "report_date"), f"{day} is no date of a report", "write the year in full"
    for i, entry in enumerate(scenario.evidence):
        if entry.date > day and "*" not in entry.fields:
            yield ("evidence", i, "date"), f"{entry.date} is after the report ({day})", "correct it"
    for i, quote in enumerate(scenario.finance.quotes):
        if quote.date > day:
            where: Path_ = ("finance", "quotes", i, "date")
            yield where, f"{quote.date} is after the report ({day})", "correct one of the two"


def _policies(scenario: Scenario) -> Iterator[Contradiction]:
    plain = ("sovereignty", "quality", "latency", "budget")
    rules = known_in("sovereignty_rules", "rule_id")
    for name in scenario.decision.weights:
        yield from _listed(
            ("decision", "weights", name), name, "decision_criteria", "criterion", "criterion"
        )
    for i, word in enumerate(scenario.decision.hard_constraints):
        here: Path_ = ("decision", "hard_constraints", i)
        if word.startswith("rule:"):
            yield from _listed(
                here, word.removeprefix("rule:"), "sovereignty_rules", "rule_id", "rule"
            )
        elif word not in plain:
            known = [*plain, *(f"rule:{r}" for r in rules)]
            yield here, f"{word!r} is no constraint", messages.suggestion(word, known)
    if "budget" in scenario.decision.hard_constraints and not scenario.decision.budget_per_year:
        yield (
            ("decision",),
            "a budget is a hard constraint without an amount",
            ("add `budget_per_year:`"),
        )


def _answers(scenario: Scenario) -> Iterator[Contradiction]:
    """Answers to sovereignty rules name attributes of the dictionary and flows that exist."""
    book = rulebook.rule_book()
    answers: dict[Path_, dict[str, Any]] = {("rules", "attributes"): scenario.rules.attributes}
    flows = [f.flow for f in book.flow_kinds]
    flows += [f"inference-{workload}" for workload in scenario.workloads]
    for name, option in scenario.options.items():
        answers["options", name, "attributes"] = option.attributes
        for flow, said in option.flows.items():
            answers["options", name, "flows", flow, "attributes"] = said.attributes
            if flow not in flows:
                here: Path_ = ("options", name, "flows", flow)
                yield here, f"{flow!r} is no flow", messages.suggestion(flow, flows)
    for path, given in answers.items():
        for attribute, value in given.items():
            if problem := rulebook.value_problem(attribute, value, book.attributes):
                fault, _, remedy = problem.partition("; ")
                yield (*path, attribute), fault, remedy or "see facts/sovereignty_attributes.csv"


@cache
def _territories() -> frozenset[str]:
    from babel import Locale

    return frozenset(t for t in map(str, Locale("en").territories) if len(t) == 2 and t.isalpha())


@cache
def _is_currency(code: str) -> bool:
    from currency_converter import CurrencyConverter

    return code == "EUR" or code in CurrencyConverter().currencies


# --- Writing ------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")


def resolved(scenario: Scenario) -> str:
    """The whole scenario as YAML that loads, alone, to the same scenario."""
    head = "# Written by siting: complete, so base.yaml is not read.\n"
    return head + as_yaml(scenario.model_dump(exclude_none=True))


def as_yaml(data: dict[str, Any]) -> str:
    """Plain data as YAML that every reader understands alike."""
    return "\n".join(_yaml(data, 0)) + "\n"


def _yaml(data: dict[Any, Any] | list[Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    pairs = (
        ((f"{_scalar(k)}:", v) for k, v in data.items())
        if isinstance(data, dict)
        else (("-", v) for v in data)
    )
    for head, value in pairs:
        simple = isinstance(value, dict) and value.keys() <= _BAND and value
        if simple or (isinstance(value, list) and not any(isinstance(v, dict) for v in value)):
            yield f"{pad}{head} {_inline(value)}"
        elif isinstance(value, dict) and value and head == "-":
            first, *rest = _yaml(value, depth + 1)
            yield f"{pad}- {first.strip()}"
            yield from rest
        elif isinstance(value, (dict, list)) and value:
            yield f"{pad}{head}"
            yield from _yaml(value, depth + 1)
        else:
            yield f"{pad}{head} {_inline(value)}"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A value as this kit's reader, and any other, reads it back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        digits, e, exponent = repr(value).partition("e")
        return (digits if "." in digits else digits + ".0") + e + exponent
    if isinstance(value, str):
        reserved = value.lower() in ("true", "false", "null") or document.ambiguity(value)
        if _PLAIN.fullmatch(value) and not reserved:
            return value
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return '"' + escaped.replace("\t", "\\t") + '"'
    return str(value)


def create(client: str) -> Path:
    """Writes `params/<client>.yaml`, short and commented, and says where. Never overwrites.

    Raises ScenarioError for a name that is taken or that no folder can have.
    """
    folder = project() / "params"
    path = folder / f"{client}.yaml"
    wrong = (
        ("is no client's name", "write small letters, digits and -, such as acme-bank")
        if not _CLIENT.fullmatch(client)
        else ("already exists", "choose another name, or edit that file")
        if path.exists()
        else None
    )
    if wrong:
        raise ScenarioError([Problem(client, 0, "", *wrong)])
    text = (Path(__file__).parent / "new_client.yaml").read_text(encoding="utf-8")
    for word, value in (
        ("CLIENT", client),
        ("TITLE", client.replace("-", " ").title()),
        ("TODAY", dt.date.today().isoformat()),
    ):
        text = text.replace(word, value)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return _shown(path)


_REPLACED_WHOLE = ("Evidence", "Quote", "Measured", "Shock")
"""Records that stand in lists: never merged with base.yaml, so their required keys stay so."""


def json_schema() -> dict[str, Any]:
    """JSON schema of a client's file, for editors. base.yaml supplies what is left out."""
    schema = Scenario.model_json_schema()
    for name, record in (("", schema), *schema["$defs"].items()):
        if name not in _REPLACED_WHOLE:
            record.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
