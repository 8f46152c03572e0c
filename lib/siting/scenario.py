"""One client's question: `params/base.yaml` with the client's differences laid over it.

A scenario is data, never code. Every key is known, every value typed; whatever is wrong is
refused with file, line, field, what is wrong and what to write instead (`ScenarioError`).
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from siting.catalogue import Kind

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


class Strict(BaseModel):
    """Base of all parts: frozen, no unknown key, documented by the string under each field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, protected_namespaces=()
    )


class Band(Strict):
    """A number that is not known exactly: low, central, high (meant as P10, P50, P90)."""

    low: float
    central: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Band:
        if not self.low <= self.central <= self.high:
            raise ValueError("write low <= central <= high")
        return self


def _band(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"low": value, "central": value, "high": value}
    return value


Uncertain = Annotated[Band, BeforeValidator(_band)]
"""A plain number (taken as exact) or {low, central, high}."""


class Evidence(Strict):
    """Where figures of this scenario come from."""

    fields: list[str]
    """Paths such as `workloads.assistant.users`; a prefix covers what lies below it."""
    source: str
    """Document or person, as a reader would look for it."""
    date: dt.date
    locator: str = ""
    url: str = ""
    kind: Kind = "client"


class Client(Strict):
    """Who asks, and how the report should look."""

    name: str
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    """ISO 3166 code of the country whose law, tariffs and number format apply, e.g. IT."""
    sector: Literal["banking", "insurance", "health", "public", "software", "industry", "other"]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code of the currency of the report."""
    report_date: dt.date
    """The report is as of this date: facts, rules and ages are taken as of then."""
    paper: Literal["a4", "us-letter"] = "a4"
    brand_colour: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")] = "#1f3a5f"
    logo: str | None = None
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
            raise ValueError("p95 is below the mean; write p95 >= mean")
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
    """Published boards that resemble the work, as `benchmark` names of facts/model_quality.csv."""
    own: OwnEvaluation | None = None


class Measured(Strict):
    """A benchmark of the client's own: replaces the estimate of speed."""

    model: str
    gpu: str
    tensor_parallel: int = 1
    engine: str = "vllm"
    file: str | None = None
    """Output of vLLM's bench, GuideLLM or AIPerf, beside the scenario."""
    concurrency: float | None = None
    output_tokens_per_s: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    source: str
    date: dt.date


class Workload(Strict):
    """One use of a model: its load, limits, data and quality floor."""

    description: str
    users: Annotated[float, Field(ge=0)] = 0
    requests_per_user_day: Annotated[float, Field(ge=0)] = 0
    """On a working day."""
    requests_per_day: Annotated[float, Field(ge=0)] = 0
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
    growth_per_year: Uncertain = Band(low=0.0, central=0.15, high=0.4)
    """0.15 is plus 15 % a year."""
    input_tokens: Tokens
    output_tokens: Tokens
    reasoning_tokens: Annotated[float, Field(ge=0)] = 0
    """Hidden output tokens a request at the effort that the quality floor assumes; billed and
    generated like output."""
    cached_input_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of input tokens that repeat an earlier prefix."""
    batchable_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of requests that may wait for hours (API batch discount, idle GPUs)."""
    latency: Latency = Latency()
    availability: Annotated[float, Field(ge=0.9, lt=1)] = 0.995
    data: Data = Data()
    models: list[str]
    """Open-weight candidates, catalogue names."""
    quality: Quality | None = None
    measured: list[Measured] = []


class FineTuning(Strict):
    """A fine-tuning job that recurs."""

    model: str
    method: Literal["full", "lora", "dora", "qlora"] = "lora"
    examples: Annotated[int, Field(gt=0)]
    tokens_per_example: Annotated[float, Field(gt=0)]
    epochs: Annotated[float, Field(gt=0)] = 2
    runs_per_year: Annotated[float, Field(ge=0)] = 12
    sequence_length: Annotated[int, Field(gt=0)] = 4096
    micro_batch: Annotated[int, Field(gt=0)] = 1
    lora_rank: int = 16


class Flow(Strict):
    """Facts about one flow of data of an option, where they differ from the option's own.

    The keys of `attributes` are those that facts/sovereignty_rules.csv tests.
    """

    attributes: dict[str, bool | int | float | str | None] = {}


class Option(Strict):
    """One place where the workloads could run."""

    label: str
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
    tensor_parallel: int | None = None
    """None: the kit chooses the smallest that fits and keeps the limits."""
    context: int | None = None
    """Longest request in tokens; None: from the token distributions."""
    server: str = ""
    """Server of facts/servers.csv for owned hardware."""
    commitment: Literal["on_demand", "spot", "1y", "3y"] = "on_demand"
    redundancy: Literal["none", "n+1", "2n"] = "n+1"
    minimum_commitment_per_month: float = 0
    """In the client's currency; paid whether used or not."""
    discount: Annotated[float, Field(ge=0, lt=1)] = 0
    """Negotiated discount on list prices."""
    base: str = ""
    """hybrid: the option that carries the base load."""
    burst: str = ""
    """hybrid: the option that takes the rest."""
    attributes: dict[str, bool | int | float | str | None] = {}
    """What the contract says: attributes that sovereignty rules test, for all flows."""
    flows: dict[str, Flow] = {}
    months_to_production: Uncertain = Band(low=1, central=3, high=6)


class Quote(Strict):
    """A price that the client was offered; it overrides the published one."""

    item: str
    """Cost item (facts/cost_items.csv), or `option.<name>.<item>` for one option alone."""
    value: Uncertain
    unit: str
    source: str
    date: dt.date
    valid_until: dt.date | None = None


class Finance(Strict):
    """How the client counts money."""

    horizon_months: Annotated[int, Field(ge=12, le=120)] = 60
    discount_rate: Uncertain = Band(low=0.06, central=0.08, high=0.10)
    """Nominal, per year (WACC)."""
    tax_rate: Annotated[float, Field(ge=0, lt=0.6)] | None = None
    """None: before tax. Otherwise a tax shield on depreciation, in all options or none."""
    baseline: str
    """The option that the others are compared with (usually what is in use today)."""
    staff_cost_per_year: Uncertain | None = None
    """One fully loaded infrastructure engineer, in the client's currency."""
    electricity_per_kwh: Uncertain | None = None
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
    factor: float = 1.0
    """price_change: new price over old."""
    month: int = 12


class Readiness(Strict):
    """What the client already has in hand against a vendor's failure."""

    fallback_model_tested: bool = False
    weights_held: bool = False
    contract_notice_days: int | None = None
    abstraction_layer: bool = False
    evaluation_suite: bool = False


class Stability(Strict):
    """Weights of the stability criteria and the shocks to examine."""

    weights: dict[str, float] = {}
    """Criterion id (C1 … C8) to weight; empty: the method's defaults."""
    shocks: list[Shock] = []
    readiness: Readiness = Readiness()


class Rules(Strict):
    """Policies of the client that are not law, and stress tests."""

    policies: list[
        Literal["secnumcloud", "c5_type2", "european_model", "eu_operator", "no_us_parent"]
    ] = []
    retention_days_limit: int = 30
    stress: list[Literal["dpf_falls", "us_model_blocked", "model_retired"]] = [
        "dpf_falls",
        "us_model_blocked",
        "model_retired",
    ]


class Decision(Strict):
    """What the client weighs, and what it will not accept."""

    weights: dict[
        Literal[
            "cost",
            "latency_margin",
            "stability",
            "sovereignty",
            "openness",
            "time_to_production",
            "exit",
        ],
        Uncertain,
    ] = {}
    hard_constraints: list[str] = []
    """`sovereignty`, `quality`, `latency`, `budget`, or `rule:<rule_id>`."""
    budget_per_year: float | None = None


class Chapters(Strict):
    """Chapters of this client's report."""

    leave_out: list[str] = []
    add: list[str] = []
    """Notebooks of the client's own, beside the scenario."""


class Scenario(Strict):
    """Everything that a report needs to know about one client."""

    client: Client
    workloads: Annotated[dict[str, Workload], Field(min_length=1)]
    fine_tuning: dict[str, FineTuning] = {}
    options: Annotated[dict[str, Option], Field(min_length=1)]
    finance: Finance
    stability: Stability = Stability()
    rules: Rules = Rules()
    decision: Decision = Decision()
    chapters: Chapters = Chapters()
    evidence: list[Evidence]
    """Where this scenario's figures come from; the longest matching path wins."""
    seed: int = 20261124
    """Seed of every random draw of the report."""

    def origin(self, path: str) -> Evidence:
        """The evidence entry that covers `path`, e.g. `workloads.assistant.users`."""
        covering = [
            (len(f), e)
            for e in self.evidence
            for f in e.fields
            if f in ("*", path) or path.startswith(f + ".")
        ]
        return max(covering, key=lambda pair: pair[0])[1]
