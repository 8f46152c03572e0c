"""The records of a scenario: what a client's file may say, typed and bounded.

Each field is documented by the string under it; `siting schema` and the reference page read them.
"""

from __future__ import annotations

import calendar
import datetime as dt
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

from siting.catalogue import Address, Share, Source, SourceKind, Stated
from siting.inputs.countries import members
from siting.inputs.scenario import constraints, known
from siting.inputs.scenario.constraints import BUDGET, LIVE_BY, Constraint
from siting.places import BY_REQUEST, COMMITTED, OptionKind
from siting.quantity import Range

NAME_LETTERS = 40
"""A name has no more letters."""
MOST_LABEL_LETTERS = 80
"""A label has no more."""
NAME = f"^[a-z0-9][a-z0-9_-]{{0,{NAME_LETTERS - 1}}}$"
Name = Annotated[str, Field(pattern=NAME)]
"""Name of a workload, an option or a job: the word that stands before the colon."""
Language = Literal["en", "de"]
"""That a report may be in."""
LANGUAGES = frozenset(get_args(Language))


def _in_languages(schema: dict[str, Any]) -> None:
    """Tells a schema that a text may also be a mapping by language."""
    schema["anyOf"] = [{"type": schema.pop("type")}, {"type": "object"}]


Spoken = Annotated[str, Field(json_schema_extra=_in_languages)]
"""Text that a file may say in several languages, each under its name."""
LABEL_LETTERS = 30
"""So many of an option's label have room in a picture."""
BEST = "best"
"""Says of machines that the kit is to design them."""
BUSIEST = 50
"""Most that the busiest hour may have of a usual busy hour's requests."""
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
        defer_build=True,  # within a scenario each part is built once
        str_max_length=2000,
    )


class LowCentralHigh(Strict):
    """A number that is not known exactly: low, central, high (meant as P10, P50, P90)."""

    low: float
    central: float
    high: float


def _within(least: float, most: float) -> AfterValidator:
    def check(band: Range) -> Range:
        if not least <= band.low <= band.high <= most:
            write = f"write numbers between {least:g} and {most:g}"
            if most <= 10 and 1 < band.central <= 100:
                write += f" (for {band.central:g} % write {band.central / 100:g})"
            raise ValueError(f"{band.central:g} is outside {least:g} to {most:g}; {write}")
        return band

    return AfterValidator(check)


def _spelled_out(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"low": value, "central": value, "high": value}
    return _ends(value) if isinstance(value, Range) else value


def _ends(band: Range) -> dict[str, float]:
    return {"low": band.low, "central": band.central, "high": band.high}


if TYPE_CHECKING:
    Uncertain = Range
else:
    Uncertain = Annotated[
        LowCentralHigh,
        BeforeValidator(_spelled_out, json_schema_input_type=float | LowCentralHigh),
        AfterValidator(lambda said: Range(said.low, said.central, said.high)),
        PlainSerializer(_ends),
    ]
"""A plain number (taken as exact) or {low, central, high}: meant as P10, P50, P90."""
Amount = Annotated[Uncertain, _within(0, 1e12)]
"""An amount of money, or of what a price is paid for; never negative."""
Growth = Annotated[Uncertain, _within(-0.99, 10)]
Profile = list[Annotated[float, Field(ge=0, le=1e9)]]
Money = Annotated[float, Field(ge=0, le=1e12)]
"""In the client's currency."""
Months = Annotated[int, Field(ge=1, le=120)]
Reading = Annotated[float, Field(gt=0, le=1e9)]
"""Something that was measured."""
NoticeDays = Annotated[int, Field(ge=0, le=1830)]
Attributes = dict[str, bool | int | float | str | None]
"""What rules of sovereignty test, as named in siting_facts/sovereignty_attributes.csv."""


class Evidence(Strict):
    """Where figures of this scenario come from."""

    fields: list[str]
    """Paths such as `workloads.assistant.users`; a prefix covers what lies below it."""
    source: Stated
    """Document or person, as a reader would look for it."""
    date: dt.date
    locator: str = ""
    url: Address = ""
    kind: SourceKind = "client"


def _real_day(said: str) -> str:
    """A day of the year that there is."""
    try:
        day_of(said, LEAP_YEAR)
    except ValueError:
        raise ValueError(f"{said!r} is no day of the year; write month-day, as 11-28") from None
    return said


LEAP_YEAR = 2028
DayOfYear = Annotated[str, Field(pattern=r"^\d\d-\d\d$"), AfterValidator(_real_day)]
"""A day of any year, `11-28`."""


def day_of(said: str, year: int) -> dt.date:
    """The day of a year; of 02-29 the last of February. Raises ValueError where there is none."""
    month, day = map(int, said.split("-"))
    if (month, day) == (2, 29):
        day = calendar.monthrange(year, month)[1]
    return dt.date(year, month, day)


class _FromDay(Strict):
    """What begins on a day of each year."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    start: Annotated[DayOfYear, Field(alias="from")]
    """First day, month-day: `11-28`."""


class Season(_FromDay):
    """Weeks of each year with more or fewer requests than ordinary ones."""

    weeks: Annotated[float, Field(gt=0, le=52)]
    factor: Annotated[float, Field(ge=0, le=BUSIEST)]
    """Requests of such a week, and of its busiest hour, over an ordinary one's. What the workload
    states is of ordinary weeks: a season comes on top of it."""


class Freeze(_FromDay):
    """Days of each year on which nothing goes live."""

    to: DayOfYear
    """Last day; before `from` where they reach into the next year."""


Sector = Literal["banking", "insurance", "health", "public", "software", "industry", "other"]
SECTORS: tuple[Sector, ...] = get_args(Sector)


CountryCode = Annotated[str, Field(pattern="^[A-Z]{2}$")]


class Client(Strict):
    """Who asks, and how the report should look."""

    id: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,49}$")]
    """Name of the report's folder; usually left out, then the name of the file."""
    name: Annotated[str, Field(min_length=1, max_length=120)]
    country: Annotated[CountryCode, known.COUNTRY]
    """ISO 3166 code of the country whose law, tariffs and number format apply, e.g. IT."""
    sector: Sector
    people: Annotated[list[CountryCode], known.COUNTRY] = []
    """Countries of the people whose data these are, such as [PL, CZ], where not of `country` alone:
    data-protection law of theirs may reach the client."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$"), known.CURRENCY] = "EUR"
    """ISO 4217 code of the currency of the report."""
    report_date: dt.date
    """The report is as of this date: facts, rules and ages are taken as of then."""
    paper: Literal["a4", "us-letter"] = "a4"
    brand_colour: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")] = "#1f3a5f"
    """Of the small bar at the head of page one, `#rrggbb`. No chart takes it: colours there mean
    something."""
    logo: FileName | None = None
    """An SVG or PNG file beside the scenario."""
    language: Language = "en"
    """Of the report. What has no translation stays English, and the run's last line counts it."""
    texts: dict[Language, dict[str, str]] = {}
    """By language what a text of this file is called in it. A label, the question and who decides
    may say it themselves: `label: {en: Own servers, de: Eigene Server}`."""
    question: Spoken = ""
    """The client's question in one sentence, printed on the cover."""
    yes_means: list[str] = []
    """Options whose choice answers the question with yes; empty: no question of yes or no."""
    decides: Spoken = ""
    """Who signs go or no-go, as a function: `the board of directors`; empty: not said."""
    notice_months: Annotated[int, Field(ge=0, le=60)] | None = None
    """Months before a contract's last day by which the client must give notice."""
    live_by: dt.date | None = None
    """Latest day on which another option than today's must serve: a limit. One that is planned to
    serve later is ruled out, one that may is not cleared."""
    freezes: Annotated[list[Freeze], Field(max_length=6)] = []
    """Days of each year on which nothing goes live: what would falls on the day after them."""

    @property
    def people_in(self) -> list[str] | None:
        """Countries of those people, and EEA where one is in it; None where nobody says."""
        found = list(self.people)
        if not members("eea", self.report_date).isdisjoint(found):
            found.append("EEA")
        return found or None

    def notice_by(self, last: dt.date) -> dt.date | None:
        """Last day to give notice of a contract that ends on a day: as many months before, or the
        last day of that month where it has no such day. None where no notice is stated."""
        if self.notice_months is None:
            return None
        return months_from(last, -self.notice_months)


def months_from(day: dt.date, months: int) -> dt.date:
    """The day so many months after a day, or before it where `months` is negative; the last day of
    a month stays one, and where the month found has no such day it is its last."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    at_end = day.day == calendar.monthrange(day.year, day.month)[1]
    longest = calendar.monthrange(years, month + 1)[1]
    return dt.date(years, month + 1, longest if at_end else min(day.day, longest))


class Tokens(Strict):
    """Tokens of one request; a log-normal distribution is fitted to mean and p95."""

    mean: Annotated[float, Field(gt=0, le=2_000_000)]
    p95: Annotated[float, Field(gt=0, le=4_000_000)]
    """May be left out beside a mean: then the mean times the ratio that published traces show
    (siting_facts/load_settings.csv), and the report lists it as not stated."""

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
    whole: Annotated[float, Field(gt=0, le=3600)] | None = None
    """The whole answer. [s] Beside it `ttft_s` and `tpot_ms` are no limits where they are left
    out."""
    percentile: Annotated[float, Field(ge=50, lt=100)] = 95.0

    @model_validator(mode="before")
    @classmethod
    def _whole_alone(cls, said: Any) -> Any:
        if not isinstance(said, dict) or not isinstance(said.get("whole"), int | float):
            return said
        return {"ttft_s": min(600.0, said["whole"]), "tpot_ms": 5000.0, **said}


Place = Literal["country", "EU", "EEA", "CH", "GB", "US", "any"]
"""The client's own country, or a region that it names."""
Residency = Annotated[
    list[Place],
    BeforeValidator(
        lambda said: said if isinstance(said, list) else [said],
        json_schema_input_type=Place | list[Place],
    ),
    Field(min_length=1),
]


class Data(Strict):
    """What the workload's data are, as far as law cares."""

    personal: bool = True
    special_category: bool | None = None
    """GDPR Art. 9: health, biometrics, beliefs … None: not stated, and asked."""
    secrecy: list[Literal["banking", "medical", "professional", "state", "trade"]] | None = None
    """Secrets that law protects; [] says that there are none."""
    residency: Residency = ["any"]
    """Where data may be stored and processed: one place, or a list such as [CH, EEA]."""
    critical_function: bool | None = None
    """DORA Art. 3(22) or NIS2: a failure would materially hurt the service."""
    use_case: str = "assistant"
    """Words from the AI Act's Annex III where they apply (recruitment, credit scoring …)."""
    annex_iii: bool | None = None
    """A use that Annex III of the AI Act names."""
    large_scale: bool | None = None
    """Many people, for long, over a wide area (GDPR Art. 35(3)(b))."""


class OwnEvaluation(Strict):
    """The client's own test; it beats any published board."""

    scores: dict[str, float]
    """Model (as named in `models` or in an option) to score."""
    floor: float | None = None
    """Least score that is good enough; left out: what the reference model scored in this test."""
    items: Annotated[int, Field(gt=0)]
    """Number of test items: sets the uncertainty."""


class Quality(Strict):
    """The floor that a model must reach for this workload."""

    reference_model: str
    """The API model now in use or considered; parity is measured against it."""
    reference_effort: Annotated[str, known.EFFORT] = ""
    boards: Annotated[list[str], known.BOARD] = []
    """Published boards that resemble the work, as in siting_facts/quality_boards.csv; [] where none
    does, as of a language that none tests. May be left out beside `own`."""
    margin: Annotated[float, Field(ge=0, le=100)] | None = None
    """How far below the reference is still good enough, in points of 100; None: the default."""
    own: OwnEvaluation | None = None

    @model_validator(mode="after")
    def _says_what_models_can(self) -> Quality:
        if self.own is None and "boards" not in self.model_fields_set:
            write = (
                "add boards: [...] that resemble the work (`siting facts --table quality_boards`), "
                "boards: [] where none does, or own: with your test"
            )
            raise ValueError(f"nothing says what the models can do; {write}")
        return self


class Measured(Strict):
    """A benchmark of the client's own: replaces the estimate of speed."""

    model: Annotated[str, known.MODEL]
    gpu: Annotated[str, known.GPU]
    tensor_parallel: Annotated[int, Field(ge=1, le=64)] = 1
    engine: str = "vllm"
    concurrency: Reading | None = None
    output_tokens_per_s: Reading | None = None
    ttft_ms: Reading | None = None
    tpot_ms: Reading | None = None
    input_tokens: Reading | None = None
    """Mean of a request of the benchmark; None: the workload's."""
    output_tokens: Reading | None = None
    source: Stated
    date: dt.date


class Deadline(Strict):
    """When requests that may wait must be done: so long after they came, or by an hour of day."""

    hours: Annotated[float, Field(ge=2, le=168)] = 24
    """After they came in."""
    by: Annotated[float, Field(ge=0, lt=24, multiple_of=0.5)] | None = None
    """Hour of the day, 6.5 for half past six: what came in before its last hour is done by then. It
    comes first. Work is put into whole hours, so that it is done by the full hour before 6.5."""


class Room(Strict):
    """Limits of the room in which owned machines stand. None: not a limit."""

    kw: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Electric power that the room supplies, cooling included."""
    pue: Annotated[float, Field(ge=1, le=3)] | None = None
    """Power of the room over that of its machines, for the bill and for the limit in kW; None: that
    of the kind of place."""
    servers: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Servers at most."""


class ExistingServers(Strict):
    """Servers of one kind that the client has, and that serve beside those that are bought."""

    server: Annotated[str, known.SERVER]
    """Server of siting_facts/servers.csv."""
    number: Annotated[int, Field(ge=1, le=1_000_000)]
    """How many there are."""
    age_years: Annotated[float, Field(ge=0, le=20)]
    """Their age today."""
    years_left: Annotated[int, Field(ge=1, le=20)]
    """Whole years from the decision in which they still serve; after them servers of the kind that
    is bought take their share."""
    price_each: Amount | None = None
    """What one costs new, in the client's currency: support, insurance and worth follow from it.
    None: the published price."""
    value_each: Amount | None = None
    """What one could be sold for today, in the client's currency; 0: they cost nothing more. None:
    from its price and age."""
    support_per_year: Amount | None = None
    """What support of one costs a year, in the client's currency. None: the usual share of its
    price."""

    @property
    def amounts(self) -> dict[str, Range | None]:
        """What is said here, by the price or cost item that it stands for."""
        return {
            "server_price": self.price_each,
            "owned_already": self.value_each,
            "maintenance": self.support_per_year,
        }


class Lease(Strict):
    """Servers paid in equal monthly parts."""

    years: Annotated[int, Field(ge=1, le=10)]
    rate: Annotated[float, Field(ge=0, le=0.5)]
    """Interest by year."""
    returned: bool = True
    """True: a lease, after which the servers go back; False: a loan, after which they stay."""


class Provisioned(Strict):
    """Throughput of an API that is bought by the hour, in units of its vendor."""

    units: Annotated[float, Field(gt=0, le=1e6)]
    price_per_unit_hour: Amount
    """In the client's currency, discounts included."""
    hours_per_month: Annotated[float, Field(gt=0, le=744)] = 730
    """Hours that are paid; 730: around the clock."""
    serves: Annotated[float, Field(gt=0, le=1)] = 1
    """Share of the first year's requests, as planned, that the units carry; what goes beyond is
    billed by the token. The units stay as they are while the load grows."""


def in_words(key: str) -> str:
    """What a scenario calls a workload, as a person says it: `code-assistant` is code assistant."""
    return re.sub(r"[-_]+", " ", key)


class Workload(Strict):
    """One use of a model: its load, limits, data and quality floor."""

    description: str = ""
    users: Annotated[float, Field(ge=0, le=1e9)] = 0
    requests_per_user_day: Annotated[float, Field(ge=0, le=100_000)] = 0
    """On a working day."""
    requests_per_day: Annotated[float, Field(ge=0, le=1e10)] = 0
    """Requests of machines or of the public on a working day, added to the users' own."""
    requests_per_month: Annotated[float, Field(ge=0, le=3e11)] = 0
    """Requests in a mean month, spread over its working days and added to the others."""
    conversations_per_user_day: Annotated[float, Field(ge=0, le=100_000)] = 0
    """Conversations of `turns` requests each, in place of requests; likewise those that follow."""
    conversations_per_day: Annotated[float, Field(ge=0, le=1e10)] = 0
    conversations_per_month: Annotated[float, Field(ge=0, le=3e11)] = 0
    turns: Annotated[int, Field(ge=1, le=1000)] = 1
    """Requests of a conversation. Each reads again what came before: `input_tokens` is the mean of
    all turns, what is read again included."""
    arrivals: Literal["people", "machines", "agents"] | None = None
    """How requests bunch within an hour: those of many people, of a few machines, or of code
    completion and agents. None: agents where the task is agent, else people."""
    hours: Profile | Literal["office", "day", "flat", "night"] = "office"
    """Share of a day by hour (24 numbers, any scale) or by half hour (48), or a named profile.
    office: weighted to 8 to 18 h. day: into the evening. flat: all hours alike. night: 20 to 7 h,
    most from 22 to 5 h. What is carried is sized by the hour: two half hours are added up."""
    weekdays: Annotated[
        list[Annotated[float, Field(ge=0, le=BUSIEST)]], Field(min_length=7, max_length=7)
    ] = [1] * 5 + [0.1] * 2
    """Monday to Sunday, relative to a working day, whose requests are what is stated above."""
    peak_factor: Annotated[float, Field(ge=1, le=BUSIEST)] = 1.5
    """The busiest hour of the year over the busiest hour of a usual week, seasons aside: one hour.
    Weeks with more requests are `seasons`."""
    seasons: Annotated[list[Season], Field(max_length=6)] = []
    """Weeks of each year with more or fewer requests than ordinary ones, such as those before
    Christmas."""
    growth_per_year: Growth = Range(low=0.0, central=0.15, high=0.4)
    """0.15 is plus 15 % a year."""
    growth_by_year: Annotated[list[Growth], Field(max_length=10)] = []
    """Growth into the second year, the third and so on, instead of one for all; the last one
    holds for the years after it."""
    input_tokens: Tokens
    output_tokens: Tokens
    images_per_request: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Pictures or scanned pages that a request holds, on average, beside the text of
    `input_tokens`: each counts as the tokens that an option's model makes of a page of A4 at 150
    dots per inch (siting_facts/image_tokens.csv)."""
    task: Literal["chat", "classify", "summarise", "code", "agent", "mathematics", "embed"] = "chat"
    """Kind of work: says how much a model that reasons thinks at an effort. Extraction of fields
    and translation are nearest to summarise, search with answers to chat. embed: a vector for each
    request and no text, by a model of siting_facts/embeddings.csv."""
    stock_tokens: Annotated[float, Field(ge=0, le=1e15)] = 0
    """Of embed: tokens of all texts that are searched. They are embedded anew, once, where an
    option's model is another than today's."""
    reasoning_tokens: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    """Hidden output tokens a request where a model reasons, as counted (0 if none were); they are
    billed and generated like output. Left out: estimated from effort and task."""
    cached_input_share: Share | None = None
    """Share of input tokens that repeat an earlier prefix. None: of a conversation what its earlier
    turns read, else none."""
    batchable_share: Share = 0.0
    """Share of requests that may wait for hours (API batch discount, idle GPUs)."""
    deadline: Deadline = Deadline()
    """When requests that may wait must be done."""
    latency: Latency = Latency()
    availability: Annotated[float, Field(ge=0.9, lt=1)] = 0.995
    data: Data = Data()
    models: Annotated[list[str], known.MODEL] = []
    """Open-weight candidates beside the models of the options, catalogue names."""
    quality: Quality | None = None
    measured: list[Measured] = []

    @model_validator(mode="before")
    @classmethod
    def _vector(cls, said: Any) -> Any:
        """One vector stands in place of an answer: it is counted as a token that nobody bills."""
        if not isinstance(said, dict) or said.get("task") != "embed":
            return said
        one = {"mean": 1.0, "p95": 1.0}
        vector: dict[str, list[Any]] = {
            "output_tokens": [one, Tokens(**one)],
            "reasoning_tokens": [0.0],
        }
        for field, may_be in vector.items():
            if field in said and said[field] not in may_be:
                raise ValueError(f"embed writes no text; remove {field}")
        return said | {"output_tokens": one, "reasoning_tokens": 0.0}

    @property
    def per_user_day(self) -> float:
        """Requests of a user on a working day."""
        return self.requests_per_user_day + self.turns * self.conversations_per_user_day

    @property
    def per_day(self) -> float:
        """Requests of machines or of the public on a working day."""
        return self.requests_per_day + self.turns * self.conversations_per_day

    @property
    def per_month(self) -> float:
        """Requests that are stated by the month."""
        return self.requests_per_month + self.turns * self.conversations_per_month

    @property
    def last_input(self) -> float:
        """Input of a conversation's last turn; a request's, where it has one turn. [tokens]

        A turn reads the one before, its answer a and n new tokens: n + (k - 1)(n + a) in turn k.
        Over T turns that is `input_tokens` in the mean where n = (2 mean - (T - 1) a) / (T + 1).
        """
        mean = self.input_tokens.mean
        new = (2 * mean - (self.turns - 1) * self.output_tokens.mean) / (self.turns + 1)
        return 2 * mean - max(0.0, new)

    @property
    def cached_share(self) -> float:
        """Share of input that is found in a cache: as stated, else what earlier turns read."""
        if self.cached_input_share is not None:
            return self.cached_input_share
        return 1 - self.last_input / (self.turns * self.input_tokens.mean)

    @property
    def bunching(self) -> Literal["people", "machines", "agents"]:
        """How requests bunch: as stated, else as the task lets expect."""
        usual: Literal["people", "agents"] = "agents" if self.task == "agent" else "people"
        return self.arrivals or usual

    @property
    def most_at_once(self) -> float:
        """Requests that may be under way at once: one for each user, who waits for an answer before
        the next. Without end where agents, machines or the public ask, or all may wait. [requests]
        """
        asked_by_others = self.per_day + self.per_month > 0
        if asked_by_others or self.bunching != "people" or self.batchable_share == 1:
            return math.inf
        return max(1.0, self.users)

    def users_told(self, sector: Sector) -> float:
        """Users of the organisation's own, who are told and trained: not those who chat with a
        software company's product. [users]"""
        return 0.0 if sector == "software" and self.task == "chat" else self.users

    @model_validator(mode="after")
    def _has_load(self) -> Workload:
        if self.users * self.per_user_day + self.per_day + self.per_month == 0:
            write = "give users and requests_per_user_day, requests_per_day or requests_per_month"
            raise ValueError(f"the workload has no requests; {write}")
        talks = (self.conversations_per_user_day, self.conversations_per_day)
        if (self.turns > 1) != any((*talks, self.conversations_per_month)):
            write = "write both: conversations_per_day, or per month or user and day, and turns"
            raise ValueError(f"turns are of conversations, and conversations have turns; {write}")
        if self.stock_tokens and self.task != "embed":
            raise ValueError("only embed has a stock; write task: embed, or remove stock_tokens")
        if isinstance(self.hours, list) and (
            len(self.hours) not in (24, 48) or not sum(self.hours)
        ):
            wrong = f"hours has {len(self.hours)} numbers that add up to {sum(self.hours):g}"
            write = "write 24 numbers, or 48 of half hours, not all 0; or office, day, flat, night"
            raise ValueError(f"{wrong}; {write}")
        if not sum(self.weekdays):
            raise ValueError("weekdays are all 0; write 7 numbers, Monday to Sunday")
        return self


class FineTuning(Strict):
    """A fine-tuning job that recurs."""

    model: Annotated[str, known.MODEL]
    method: Literal["full", "lora", "dora", "qlora"] = "lora"
    examples: Annotated[int, Field(gt=0, le=1_000_000_000)]
    tokens_per_example: Annotated[float, Field(gt=0, le=2_000_000)]
    epochs: Annotated[float, Field(gt=0, le=1000)] = 2
    runs_per_year: Annotated[float, Field(ge=0, le=10_000)] = 12
    sequence_length: Annotated[int, Field(gt=0, le=2_000_000)] = 4096
    lora_rank: Annotated[int, Field(ge=1, le=4096)] = 16


class Flow(Strict):
    """Facts about one flow of data of an option, where they differ from the option's own.

    The keys of `attributes` are those that siting_facts/sovereignty_rules.csv tests.
    """

    attributes: Attributes = {}


class Contract(Strict):
    """A contract of what runs today."""

    contract_until: dt.date
    """Its last day."""
    renews_for_months: Months | None = None
    """For how long it renews by itself where no notice is given. None: not said."""
    notice_days: NoticeDays | None = None
    """None: client.notice_months."""
    minimum_commitment_per_month: Money | None = None
    """In the client's currency, used or not, until it ends. None: not said, and nothing is owed."""

    def notice_by(self, client: Client) -> dt.date | None:
        """Last day to give notice of it; None where no notice is stated."""
        if self.notice_days is None:
            return client.notice_by(self.contract_until)
        return self.contract_until - dt.timedelta(days=self.notice_days)


class Option(Strict):
    """One place where the workloads could run."""

    label: Annotated[Spoken, Field(min_length=1, max_length=MOST_LABEL_LETTERS)]
    """What the report calls it; the picture of page one has room for 30 letters."""
    kind: OptionKind
    """api: a maker's own model, from the maker. managed_cloud: the same from a hyperscaler.
    open_api: an open model that a host runs and bills by request, European hosts too. rented_gpus:
    GPUs by the hour on which you run an open model. sovereign_cloud: the same at a host that is
    qualified or national, often under a framework agreement. colocation: own servers in a data
    centre that bills power and room. on_premises: own servers in your own room. hybrid: two
    others, `base` for the steady load and `burst` for the rest. split: others, each with the
    workloads that `parts` gives it."""
    vendor: Annotated[str, known.VENDOR] = ""
    """Vendor whose stability counts, as named in the vendor tables."""
    provider: Annotated[str, known.PROVIDER] = ""
    """For API prices: provider id of genai-prices; for cloud GPUs: provider of cloud prices."""
    models: Annotated[dict[str, str], known.MODEL_OF_OPTION] = {}
    """Workload to model; a single key `all` covers every workload. Left out, or `best` for all or
    for a workload: what costs least in all and is shown to be good enough for each, of a seller's
    successors of what serves today or is asked for; on machines of your own, of the models that
    your workloads or options name."""
    effort: Annotated[str, known.EFFORT_OR_BEST] = ""
    """Reasoning effort of the model: none, low, medium, high …, or default if it is not known. Left
    out of a model that reasons, or `best`: the cheapest that is shown to be good enough."""
    region: str = ""
    """Region of the machines, or that an API's endpoint is pinned to: some vendors charge more for
    that. Left empty, or "", where it is pinned to none."""
    country: Annotated[str, known.COUNTRY] = ""
    """ISO code of the place of processing."""
    gpu: Annotated[str, known.GPU_OR_BEST] = ""
    """Card of the machines. Left out, or `best`: of all that can be bought, or that the provider
    rents, the one whose machines keep the limits at the lowest present cost."""
    weights: Annotated[str, known.WEIGHTS] = ""
    """Weight format; empty: the model's native format; `best`: that or fp8, as costs less."""
    kv_cache: Annotated[str, known.KV_CACHE] = "auto"
    engine: str = "vllm"
    tensor_parallel: Annotated[
        Annotated[int, Field(ge=1, le=64)] | None,
        BeforeValidator(lambda said: None if said == BEST else said),
    ] = None
    """None, or `best`: the kit chooses the one that fits and needs the fewest GPUs."""
    context: Annotated[int, Field(gt=0, le=20_000_000)] | None = None
    """Longest request in tokens; None: from the token distributions."""
    server: Annotated[str, known.SERVER_OR_BEST] = ""
    """Server of siting_facts/servers.csv for owned hardware. Left out, or `best`: the one with
    which the limits are kept at the lowest present cost."""
    room: Room | None = None
    """Limits of the room, for owned hardware. A mix owns no more than it holds."""
    owned_servers: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Servers that the client owns already: not bought again, but they could be sold. None: all
    that the load needs, where the option runs today; else none."""
    owned_age_years: Annotated[float, Field(ge=0, le=20)] = 2.0
    """Age of those servers today."""
    existing_servers: Annotated[list[ExistingServers], Field(max_length=4)] = []
    """Servers of other kinds that the client has and that go on serving: they serve first, and
    `server` is bought for the rest."""
    lease: Lease | None = None
    """Servers and network are leased or paid by a loan instead of bought."""
    commitment: Literal["on_demand", "spot", "month", "1y", "3y", "best"] = "on_demand"
    """Of rented GPUs. best: what costs least in all of on_demand, 1y and 3y. Left out: on_demand,
    and beside it those with a smaller bill. month: rented anew each month for its busiest hour,
    around the clock; no table has its price, so that it is the hour's on demand, unless you quote
    gpu_hour."""
    redundancy: Literal["none", "n+1", "2n"] = "n+1"
    minimum_commitment_per_month: Money | None = None
    """In the client's currency; paid whether used or not, a year's against what the year uses. Who
    leaves pays it until the contract ends. None: not said; nothing is owed, and the report tells
    what a renewal may cost."""
    provisioned: Provisioned | None = None
    """For an API: throughput that is bought by the hour."""
    second_site: Share = 0
    """For owned servers: so many more stand ready at a second site for the loss of the first, as a
    share of those that serve (1: a twin). A hybrid needs none: the other side is it."""
    discount: Annotated[float, Field(ge=0, lt=1)] = 0
    """Negotiated discount on list prices."""
    base: str = ""
    """hybrid: the option that carries the base load."""
    burst: str = ""
    """hybrid: the option that takes the rest."""
    parts: dict[Name, str] = {}
    """split: the option that carries each workload, by the workload's name."""
    attributes: Attributes = {}
    """What the contract says: attributes that sovereignty rules test, for all flows."""
    flows: dict[Name, Flow] = {}
    contract_until: dt.date | None = None
    """Last day of a contract that runs today."""
    renews_for_months: Months | None = None
    """For how long that contract renews by itself where no notice of it is given. None: not said,
    and the report says so."""
    notice_days: NoticeDays | None = None
    """Days before its last one by which notice must be given. None: client.notice_months."""
    contracts: Annotated[list[Contract], Field(max_length=8)] = []
    """Further contracts of the option, where there are several."""
    months_to_production: Annotated[Uncertain, _within(0, 120)] = Range(low=1, central=3, high=6)
    """0: it is in production. Left out of the option that runs today (finance.baseline): 0; of a
    split: those of its slowest part."""

    def runs(self, workload: str) -> str:
        """Name of the model that serves a workload; empty where none is named."""
        return self.models.get(workload) or self.models.get("all", "")

    @property
    def agreed(self) -> tuple[Contract, ...]:
        """All contracts that it has with an end."""
        if self.contract_until is None:
            return tuple(self.contracts)
        own = {name: getattr(self, name) for name in Contract.model_fields}
        return Contract(**own), *self.contracts

    @property
    def committed_per_month(self) -> float:
        """What all its contracts demand, used or not. [client's currency]"""
        further = sum(each.minimum_commitment_per_month or 0.0 for each in self.contracts)
        return (self.minimum_commitment_per_month or 0.0) + further

    @property
    def in_use(self) -> bool:
        """Whether it serves from the first day: no move, no waiting, nothing bought again."""
        return self.months_to_production.high == 0

    @property
    def is_committed(self) -> bool:
        """Whether its rented GPUs are paid around the clock, for a year or three."""
        return self.commitment in ("1y", "3y")


class Quote(Strict):
    """A price that the client was offered; it overrides the published one."""

    item: str
    """Cost item (siting_facts/cost_items.csv), or `option.<name>.<item>` for one option alone.
    Today's invoice of an API: `option.<name>.api_request`, its amount over the requests that it is
    for; check and report say where that is beyond list prices for the load that is stated."""
    value: Amount
    unit: str
    source: Stated
    date: dt.date
    valid_until: dt.date | None = None
    workloads: list[Name] = []
    """Workloads whose requests it is the price of, where not of all: an invoice of one of two."""

    def is_of(self, workload: str) -> bool:
        """Whether it is a price of a workload's requests."""
        return not self.workloads or workload in self.workloads

    @property
    def per(self) -> str:
        """What it is the price of: `GPU-h` of `EUR/GPU-h`, `once` of `EUR`."""
        per = self.unit[3:].strip().removeprefix("/").removeprefix("per ")
        return per.strip().replace("hour", "h") or "once"

    @model_validator(mode="after")
    def _ordered(self) -> Quote:
        if self.valid_until and self.valid_until < self.date:
            raise ValueError("valid_until is before date; correct one of the two")
        return self


class Finance(Strict):
    """How the client counts money."""

    horizon_months: Annotated[int, Field(ge=12, le=120)] = 60
    discount_rate: Annotated[Uncertain, _within(0, 1)] = Range(low=0.06, central=0.08, high=0.10)
    """Nominal, per year (WACC)."""
    tax_rate: Annotated[float, Field(ge=0, lt=0.6)] | None = None
    """None: before tax. Otherwise a tax shield on depreciation, in all options or none."""
    budget_any_year: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """Most that any fiscal year may cost, as it is paid, before profit tax, with seasons, remedies
    and what contracts of today still demand: a limit. An option that is planned to pay more in a
    year is ruled out, one that does in one case of ten is not cleared."""
    fiscal_year_start: Annotated[int, Field(ge=1, le=12)] | None = None
    """Month in which your fiscal year begins, 4 for April: cash is then told by fiscal year, of
    which the first and the last may be cut. None: by years from the decision."""
    baseline: str
    """The option that runs today and is paid until another is in production; `none`: nothing runs.
    It moves no verdict: what needs no move says so with `months_to_production: 0`, and is taken to
    where it leaves that out."""
    staff_cost_per_year: Amount | None = None
    """One fully loaded infrastructure engineer, in the client's currency."""
    electricity_per_kwh: Amount | None = None
    """The client's tariff; None: the country's published price."""
    falling_prices: Share | None = None
    """How likely you take it to be that API prices go on falling as they did, 0 to 1. Else they
    hold: a model keeps its list price until it ends, then its successor's holds. None: as likely as
    not."""
    parallel_months: Annotated[Uncertain, _within(0, 24)] | None = None
    """Months in which what runs today is still paid after another option is in production."""
    vat_recoverable: Annotated[Uncertain, _within(0, 1)] | None = None
    """Share of value-added tax that the client gets back; None: by sector (all of it, except in
    health, banking, insurance and public service)."""
    quotes: list[Quote] = []


class Shock(Strict):
    """A 'what if' about a vendor."""

    vendor: Annotated[str, known.VENDOR]
    kind: Literal[
        "api_withdrawn",
        "price_change",
        "terms_changed",
        "jurisdiction_blocked",
        "adverse_ruling",
        "change_of_control",
        "outage_of_a_day",
    ]
    month: Months = 12


class Readiness(Strict):
    """What the client already has in hand against a vendor's failure."""

    fallback_model_tested: bool = False
    weights_held: bool = False
    abstraction_layer: bool = False
    evaluation_suite: bool = False


class Stability(Strict):
    """Shocks to examine, and what is in hand against them."""

    shocks: list[Shock] = []
    readiness: Readiness = Readiness()


Stress = Literal["dpf_falls", "us_model_blocked", "model_retired"]


class ParentIn(Strict):
    """A policy: the ultimate parent of whoever reaches the data lies in one of these zones."""

    parent_in: Annotated[list[Place], Field(min_length=1)]


Policy = (
    Literal["secnumcloud", "c5_type2", "european_model", "eu_operator", "no_us_parent"] | ParentIn
)


class Rules(Strict):
    """Policies of the client that are not law."""

    policies: list[Policy] = []
    """Lines of policy: words, or `parent_in: [EEA, CH]`."""
    attributes: Attributes = {}
    """Answers that hold for all options: attributes of siting_facts/sovereignty_attributes.csv."""

    @property
    def lines(self) -> list[str]:
        """The word of each policy."""
        return [next(iter(dict(p))) if isinstance(p, ParentIn) else p for p in self.policies]

    @property
    def words(self) -> list[str]:
        """The same, and the zones that policies name."""
        zones = [zone for p in self.policies if isinstance(p, ParentIn) for zone in p.parent_in]
        return [*self.lines, *zones]


Premium = Money | Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,3})? ?%$")]
"""Money a year, or a share of a year's bill, as `20 %`."""


def _paid(said: float | str, bill: float) -> float:
    """A premium as money a year."""
    return bill * float(said.rstrip(" %")) / 100 if isinstance(said, str) else float(said)


# Section `decision` of a scenario. What follows from it is `verdict.decision.Decision`.
class Preferences(Strict):
    """What the client pays for, and what it will not accept."""

    premiums: dict[Annotated[str, known.PROPERTY], Premium] = {}
    """What a property is worth to you: money a year, or a share of today's yearly bill, as `20 %`;
    names from `siting facts --table properties`. Whoever lacks one, or is not shown to have it,
    counts as so much dearer."""
    hard_constraints: list[Annotated[str, BeforeValidator(constraints.as_a_word)]] = []
    """`sovereignty`, `quality`, `latency`, or `rule:<rule_id>`; `sovereignty: {seal: 2}`
    asks for at least that level of the EU Cloud Sovereignty Framework too."""
    date: dt.date | None = None
    """Day on which go or no-go is decided, such as a meeting of the board; within a year of the
    report. Where an offer for the choice ends before, it is decided on that day. None: 30 days
    after the report to stay, 90 to move, once one team has tested."""

    def premiums_a_year(self, bill: float) -> dict[str, float]:
        """What each property is worth. bill: of a year today. [money a year]"""
        return {name: _paid(said, bill) for name, said in self.premiums.items()}

    @property
    def seal_floor(self) -> str | None:
        """The least SEAL level that a constraint asks for, as `seal2`; None where none does."""
        asked = map(Constraint.read, self.hard_constraints)
        floors = [c.seal for c in asked if c.seal is not None]
        return f"seal{max(floors)}" if floors else None


class Supposed(Strict):
    """What is supposed to have happened: what if a vendor were gone?"""

    gone: list[Stated] = []
    """Vendors, models or services (`fine-tuning at OpenAI`) that can no longer be had: options that
    need one are ruled out. `cards by the hour at Scaleway`: its idle cards are not taken back, and
    what rents there by the hour is ordered by the month."""
    law: list[Stress] = []
    """Events of the law and the market that rules are tested for."""


class WhatIf(Strict):
    """Changes that are to be tried together."""

    label: Annotated[Spoken, Field(min_length=1, max_length=120)]
    """What is tried, in words."""
    set: Annotated[dict[str, Any], Field(min_length=1, max_length=20)]
    """Values by dotted path, such as `finance.discount_rate: 0.06`."""


class Report(Strict):
    """Which chapters stand where; by default those below 70 are the body, the others the appendix,
    if a chapter's own metadata do not say otherwise (`siting: {part: appendix}`).

    A notebook in `notebooks/<client>/` replaces the shared chapter of its name, or adds one.
    """

    body: list[FileName] = []
    """Names of chapters that belong to the body, such as 72_memory."""
    appendix: list[FileName] = []
    """Names of chapters that belong to the appendix."""
    leave_out: list[FileName] = []
    """Names of chapters that this client's report does without."""


def _spoken_once(data: Any, texts: dict[str, dict[str, str]]) -> Any:
    """Data in which a text in several languages is one; `texts` takes what the others call it."""
    if isinstance(data, list):
        return [_spoken_once(each, texts) for each in data]
    if not isinstance(data, Mapping):
        return data
    if _is_spoken(data):
        kept = str(data.get("en", next(iter(data.values()))))
        for language, text in data.items():
            if text != kept:
                texts.setdefault(language, {})[kept] = text
        return kept
    return {name: _spoken_once(each, texts) if name != "texts" else each
            for name, each in data.items()}  # fmt: skip


def _is_spoken(data: Mapping[Any, Any]) -> bool:
    """Whether a mapping is a text in several languages."""
    languages = data.keys() <= LANGUAGES
    return bool(data) and languages and all(isinstance(text, str) for text in data.values())


class Scenario(Strict):
    """Everything that a report needs to know about one client."""

    inherits: Literal["base.yaml", "nothing"] = "base.yaml"
    """`nothing`: this file is complete and base.yaml is not read."""
    client: Client
    workloads: Annotated[dict[Name, Workload], Field(min_length=1, max_length=8)]
    fine_tuning: Annotated[dict[Name, FineTuning], Field(max_length=12)] = {}
    options: Annotated[dict[Name, Option], Field(min_length=1, max_length=16)]
    finance: Finance
    stability: Stability = Stability()
    rules: Rules = Rules()
    decision: Preferences = Preferences()
    report: Report = Report()
    suppose: Supposed = Supposed()
    what_if: Annotated[list[WhatIf], Field(max_length=20)] = []
    """Changes that are tried together, beside those that the kit tries one by one."""
    evidence: Annotated[list[Evidence], Field(min_length=1)]
    """Where this scenario's figures come from; the longest matching path wins."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 20261124
    """Seed of every random draw of the report."""

    @model_validator(mode="before")
    @classmethod
    def _one_language(cls, data: Any) -> Any:
        """A text in several languages as one, the English or else the first; what the others call
        it stands under `client.texts`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("client"), Mapping):
            return data
        texts: dict[str, dict[str, str]] = {}
        found = _spoken_once(data, texts)
        if texts:
            said = found["client"].get("texts") or {}
            merged = {name: {**said.get(name, {}), **texts.get(name, {})} for name in texts | said}
            found = {**found, "client": {**found["client"], "texts": merged}}
        return found

    @model_validator(mode="after")
    def _as_its_slowest_part(self) -> Scenario:
        """A split that does not say when it serves does so with its slowest part."""
        for name, option in self.options.items():
            parts = [self.options[part] for part in option.parts.values() if part in self.options]
            if parts and "months_to_production" not in option.model_fields_set:
                months = max((p.months_to_production for p in parts), key=lambda m: m.central)
                self.options[name] = option.model_copy(update={"months_to_production": months})
        return self

    @property
    def spoken(self) -> Scenario:
        """The same with labels, question and who decides in the report's language."""
        texts = self.client.texts.get(self.client.language, {})
        if not texts:
            return self
        asked = {name: texts.get(text, text) for name, text in (
            ("question", self.client.question), ("decides", self.client.decides)
        )}  # fmt: skip
        options = {
            name: option.model_copy(update={"label": texts.get(option.label, option.label)})
            for name, option in self.options.items()
        }
        client = self.client.model_copy(update=asked)
        return self.model_copy(update={"client": client, "options": options})

    @property
    def limits(self) -> tuple[str, ...]:
        """Conditions that an option must keep, as a line each: hard constraints, and limits on
        money and days by their path."""
        stated = {BUDGET: self.finance.budget_any_year, LIVE_BY: self.client.live_by}
        return *self.decision.hard_constraints, *(line for line, said in stated.items() if said)

    def of(self, workloads: Iterable[str]) -> Scenario:
        """The scenario of some of its workloads alone."""
        return self.model_copy(update={"workloads": {w: self.workloads[w] for w in workloads}})

    def quoted_at(self, item: str, option: str, workload: str = "") -> int | None:
        """Place among the client's quotes of that for an item of an option, and for the requests of
        a workload; None where there is none that still holds."""
        for name in (f"option.{option}.{item}", item):
            for place, quote in enumerate(self.finance.quotes):
                holds = quote.valid_until is None or quote.valid_until >= self.client.report_date
                if holds and quote.item == name and quote.is_of(workload):
                    return place
        return None

    def tunes_at(self, name: str) -> str:
        """The vendor's service that jobs of fine-tuning need of an option, in words; blank where
        none does: machines of the client's own tune by themselves, a mix on its own side."""
        option = self.options[name]
        needs = bool(self.fine_tuning) and option.kind in BY_REQUEST
        return f"fine-tuning at {option.vendor}" if needs and option.vendor else ""

    def hourly_at(self, name: str) -> str:
        """What an option needs of its vendor to pay rented cards by the hour, in words; blank where
        it rents none."""
        option = self.options[name]
        rents = option.kind in COMMITTED and option.vendor
        return f"cards by the hour at {option.vendor}" if rents else ""

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
