"""The record on vendors: events, retirement notices, promises and slow facts, each with a source.

An event counts from the day it was public (`known_date`), not from the day it happened; a row
that another one corrects stays in the table and names its replacement (`replaced_by`), but is not
counted. Severities were coded by two raters; both codings are kept beside the decided one.
"""

from __future__ import annotations

import calendar
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from operator import attrgetter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from siting import catalogue
from siting.catalogue import Address, Country, Day, Fact, Named, column, first_day, one_of
from siting.quantity import Range
from siting.records import frozen

Direction = Literal["adverse", "favourable", "neutral"]


VendorName = Annotated[str, one_of(lambda: column("vendors", "vendor", "group"), "vendor here")]


def _price_lists() -> frozenset[str]:
    from genai_prices.data import providers

    return frozenset(p.id for p in providers)


class Vendor(Named, tables="vendors", key="vendor"):
    """One vendor, or one platform of a vendor."""

    vendor: str
    group: Annotated[str, one_of(lambda: column("vendor_events", "vendor"), "company")] = ""
    """Company whose events count for this platform too (Google for Vertex AI)."""
    role: Literal["api", "platform", "host", "infrastructure"]
    """api: sells its own models; platform: a cloud's model service; host: serves open models;
    infrastructure: rents GPUs, so no model is retired by it."""
    size: Literal["large", ""] = ""
    """large: part of one of the largest technology companies, or a lab of that reach."""
    press: Literal["high", "medium", "low"]
    """How closely the press follows it: sets the burden of events that nobody wrote down."""
    price_list: Annotated[str, one_of(_price_lists, "provider of the price list")] = ""
    """What genai-prices calls it; blank where no rival of an option is looked for there."""
    searched: Literal["closely", "lightly", "not"] = "not"
    """How well its record was searched: closely (news, courts, authorities, its own pages),
    lightly (its own pages and one look in the news), or not."""
    searched_on: Day = ""
    country: Country = ""
    """Of the company, for a host whose price of an open model says no other."""

    @property
    def recorded_as(self) -> frozenset[str]:
        """Names under which events of this vendor are recorded."""
        return frozenset({self.vendor, self.group} - {""})


class Event(Fact, tables="vendor_events", key="event_id"):
    """Something that happened to or by a vendor, and was public on `known_date`."""

    event_id: str
    vendor: VendorName
    event_date: Day
    date_precision: Literal["day", "month", "inferred", "scheduled"] = "day"
    known_date: dt.date
    category: Annotated[
        str, one_of(lambda: column("severity_rubric", "category"), "category of the rubric")
    ]
    direction: Direction
    severity: Annotated[int, Field(ge=1, le=5)]
    """1 to 5 by siting_facts/severity_rubric.csv, as decided."""
    decided_on: Day = ""
    """Day on which a difference between raters was decided by the rubric."""
    decided_why: str = ""
    evidence: Literal["primary", "stated", "reported", "alleged", "scheduled"]
    cluster: str = ""
    """Case that the event belongs to: a case counts once."""
    settles: Literal["", "final", "appealable"] = ""
    """Ends the adverse state of its case, for good or until an appeal."""
    replaced_by: Annotated[
        str,
        one_of(lambda: column("vendor_events", "event_id") | {"model_retirements"}, "event here"),
    ] = ""
    """Event or table that corrects this row; the row is kept for history and not counted."""
    holds_in: str = ""
    """Countries in which it holds, by semicolons, or of whose companies; `EU` for its members.
    Blank: everywhere."""
    ends: Literal["fine-tuning", ""] = ""
    """Service whose end it announces."""
    ends_on: Day = ""
    """Last day on which who uses that service can begin something new with it."""
    summary: str
    second_url: Address = ""
    added_on: dt.date

    @model_validator(mode="after")
    def _ends_on_a_day(self) -> Event:
        if bool(self.ends) != bool(self.ends_on):
            raise ValueError("ends and ends_on go together; write the service and its last day")
        return self

    @property
    def case(self) -> str:
        return self.cluster or self.event_id

    def reaches(self, country: str, union: frozenset[str]) -> bool:
        """Whether it holds for a client in a country; what names no country holds everywhere.

        union: members of the European Union, for what holds there.
        """
        places = [place for place in self.holds_in.split(";") if place]
        in_union = country in union and "EU" in places
        return not places or country in places or in_union

    @property
    def counted(self) -> bool:
        """Whether it counts: its source shows a date, and no other row corrects it."""
        return not self.replaced_by and self.date != "undated"


class Retirement(Fact, tables="model_retirements"):
    """One model that a platform retired or will retire."""

    vendor: VendorName
    platform: str
    model: str
    stage: Literal["ga", "preview", "alias", "fine-tune base"]
    released: Day = ""
    announced: Day = ""
    announced_basis: Literal["stated", "first seen", "latest possible", "release", ""] = ""
    retired: Day = ""
    replacement: str = ""
    moved: str = ""
    """How the end date moved after the notice, in words; `no` or blank where it did not."""
    short_notice: Literal["yes", "no", ""] = ""
    """At most 90 days, where that is known although the day of the notice is not."""


class Living(Fact, tables="models_living", key="vendor model"):
    """A generally available model that a platform still served when it was last seen there."""

    vendor: VendorName
    model: str
    released: Day


class ModelReplacement(Fact, tables="model_replacements", key="vendor region model replacement"):
    """A model that could be ordered in place of another at the vendor that sells both, from when
    and at what price."""

    vendor: VendorName
    provider: Annotated[str, one_of(_price_lists, "provider of the price list")]
    """What genai-prices calls the vendor, as an option's `provider` does."""
    region: Annotated[str, one_of(lambda: catalogue.countries() | {"EU"}, "region")] = ""
    """Where the endpoint stays, as an option's `region` does; blank: in no region."""
    model: str
    until: Day = ""
    """Last day of the model there; blank where none is announced."""
    replacement: str
    sold_from: Day
    replacement_until: Day = ""
    """Last day, or the first on which it may end; blank where neither is known."""
    input: catalogue.NotNegative
    cached_input: catalogue.NotNegative | None = None
    output: catalogue.NotNegative
    """List prices in that region. [currency per million tokens]"""
    currency: catalogue.Currency
    tokens: catalogue.Positive = 1.0
    """Tokens that its tokenizer makes of the same text, over those of the model. [x]"""
    evidence: str
    """What is public of the quality of both."""
    caveat: str = ""


class Untuned(Fact, tables="models_untuned", key="provider model"):
    """A model that a vendor sells and does not fine-tune."""

    provider: Annotated[str, one_of(_price_lists, "provider of the price list")]
    """As of a ModelReplacement."""
    model: str


class VendorHome(Fact, tables="vendor_home", key="vendor clients"):
    """Whom a client signs with, and where the ultimate parent of that company sits."""

    vendor: VendorName
    clients: Annotated[
        str,
        one_of(lambda: catalogue.countries() | {"EEA", "EU", "elsewhere"}, "group of clients", " "),
    ] = ""
    """Who contracts with this company: countries, unions or `elsewhere`, separated by spaces.
    Blank: everybody, or nobody says."""
    entity: str = ""
    entity_country: Country = ""
    """Of the contract party; blank where it was not seen."""
    parent: str = ""
    parent_country: Country = ""
    """Of the ultimate parent, which the company itself may be; blank where it was not seen."""


class Policy(Fact, tables="retirement_policies", key="vendor policy"):
    """What a vendor promised about notice."""

    vendor: VendorName
    applies_to: Annotated[str, Field(pattern=r"^(GA|preview|none)\b")]
    """`GA` and `none` (no promise): models in general; with more words, some of them alone."""
    stage: Literal["ga", "preview"]
    days: catalogue.NotNegative | None = None
    policy: str


class VendorFact(Fact, tables="vendor_facts", key="vendor attribute"):
    """A slow fact about a vendor: ownership, certificates, uptime promised."""

    vendor: VendorName
    attribute: str
    value: str
    unit: str = ""
    second_url: Address = ""


class AskedOfVendor(Fact, tables="vendor_questions", key="attribute"):
    """What a client should know of a vendor before it signs, and how to ask for it."""

    attribute: Annotated[
        str, one_of(lambda: column("vendor_facts", "attribute"), "fact about a vendor")
    ]
    label: str
    question: str


class Backtest(Fact, tables="vendor_backtests"):
    """How well one probability did on the past: a row of siting_facts/vendor_backtests.csv."""

    quantity: str
    definition: str
    window: str
    method: str
    n: int
    vendors: int
    happened: int
    auc: Range
    skill: Range
    gap: float
    bins: str
    label: Literal[
        "by vendor: skill shown",
        "by vendor: skill not shown",
        "the same for all vendors: not enough evidence",
        "withdrawn: no skill shown",
    ]


def setting(name: str) -> float:
    """Central value of a constant of the method (siting_facts/vendor_settings.csv)."""
    return catalogue.settings("vendor_settings")[name].central


@frozen
class Notice:
    """One retirement notice: a vendor, a day of notice, an end date and a stage.

    `days` is None where the day of the notice is not known; `known_date` is then the end date
    or the date of the page, whichever came first.
    """

    vendor: str
    stage: str
    known_date: dt.date
    announced: dt.date | None
    retired: dt.date | None
    days: int | None
    at_launch: bool
    """The end date was fixed at release: no separate notice, so it says nothing of habit."""
    moved: Literal["", "forward", "later"]
    rows: tuple[Retirement, ...]
    """Its models, by name."""

    def within(self, limit: float) -> bool | None:
        """Whether customers had at most `limit` days; None where that cannot be said."""
        if self.days is None:
            return None
        is_short = self.days <= limit
        if is_short and self.row.announced_basis == "latest possible":
            return None  # it may have been given earlier
        return is_short

    @property
    def short(self) -> bool | None:
        """Whether customers had 90 days or less: as the table says, else by its dates."""
        stated = self.row.short_notice
        return stated == "yes" if stated else self.within(setting("notice_short_days"))

    @property
    def row(self) -> Retirement:
        """The first of its models, whose source stands for all."""
        return self.rows[0]

    @property
    def summary(self) -> str:
        more = len(self.rows) - 1
        names = f"{self.row.model} and {more} more" if more else self.row.model
        end = f"end {self.retired}" if self.retired else "end date not given"
        notice = "day of notice not known" if self.days is None else f"{self.days} days of notice"
        said = f"{names}: {end}, {notice}"
        return said if self.stage == "ga" else f"{said} ({self.stage})"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Record:
    """Everything known about vendors, or what was known on a day (`as_of`).

    Compared by identity: the same rows are never read twice.
    """

    vendors: tuple[Vendor, ...]
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    policies: tuple[Policy, ...]
    facts: tuple[VendorFact, ...]
    living: tuple[Living, ...] = ()
    homes: tuple[VendorHome, ...] = ()

    @lru_cache(maxsize=256)  # noqa: B019  # every vendor, shock and flow of a report asks
    def as_of(self, day: dt.date) -> Record:
        """What was public on `day`: nothing known later enters.

        Facts and promises count from the date of their source; undated ones only from the day
        they were collected, so a past record leaves them out.
        """
        return replace(
            self,
            events=tuple(e for e in self.events if e.known_date <= day),
            notices=tuple(n for n in self.notices if n.known_date <= day),
            policies=tuple(p for p in self.policies if known_by(p.date) <= day),
            facts=tuple(f for f in self.facts if known_by(f.date) <= day),
            homes=tuple(h for h in self.homes if known_by(h.date) <= day),
        )

    def parent_of(self, vendor: Vendor) -> VendorHome | None:
        """Where the ultimate parent of a vendor sits, whoever of its companies one signs with; None
        where nobody says."""
        names = (vendor.vendor, vendor.group)
        return next((h for h in self.homes if h.vendor in names and h.parent_country), None)

    @lru_cache(maxsize=4096)  # noqa: B019  # the same few names are asked for again and again
    def vendor(self, name: str) -> Vendor | None:
        """The vendor called `name` or by an alias; None if it is not in the record."""
        key = name.strip().lower()
        return next((v for v in self.vendors if key in map(str.lower, v.names)), None)

    def events_of(self, vendor: Vendor) -> tuple[Event, ...]:
        """Counted events of a vendor and its group, oldest first: those with a dated source."""
        names = vendor.recorded_as
        own = (e for e in self.events if e.vendor in names and e.counted)
        return tuple(sorted(own, key=lambda e: (e.known_date, e.event_id)))

    def notices_of(self, vendor: str) -> tuple[Notice, ...]:
        own = (n for n in self.notices if n.vendor == vendor)
        return tuple(sorted(own, key=lambda n: n.known_date))

    @lru_cache(maxsize=1024)  # noqa: B019  # every flow of a vendor's asks
    def facts_of(self, vendor: Vendor) -> Mapping[str, VendorFact]:
        """Newest fact by attribute; a platform's own fact beats its group's."""
        names = vendor.recorded_as
        own = sorted(
            (f for f in self.facts if f.vendor in names),
            key=lambda f: (f.vendor == vendor.vendor, f.date != "undated", f.date, f.value),
        )
        return {fact.attribute: fact for fact in own}

    def promise_of(self, vendor: Vendor) -> Policy | None:
        """The newest promise of notice for generally available models."""
        own = (p for p in self.policies if p.vendor == vendor.vendor and p.stage == "ga")
        general = (p for p in own if p.applies_to in ("GA", "none"))
        return max(general, key=lambda p: (known_by(p.date), p.days or 0), default=None)


COLLECTED = dt.date(2026, 11, 24)
"""Undated sources count as known from the day on which the record was put together."""


@cache
def known_by(date: str) -> dt.date:
    """Day by which a source of year, month or day precision was surely public.

    The last day that the date allows, so that nothing looks ahead, but not after the record was
    put together, for by then it was seen.
    """
    if date in ("", "undated"):
        return COLLECTED
    last = first_day(date)
    if date.count("-") < 2:  # no day of the month is said
        month = last.month if "-" in date else 12
        last = dt.date(last.year, month, calendar.monthrange(last.year, month)[1])
    return min(COLLECTED, last)


def exact_day(text: str) -> dt.date | None:
    """The day that a cell gives; None where it gives a month, a year or nothing."""
    return dt.date.fromisoformat(text) if len(text) == 10 else None


def notices(rows: Iterable[Retirement]) -> tuple[Notice, ...]:
    """Retirements grouped into notices: same vendor, day of notice, end date and stage.

    One notice can cover many models and counts once.
    """
    same = attrgetter("vendor", "announced", "retired", "stage")
    dated = sorted((r for r in rows if r.announced or r.retired), key=attrgetter("model"))
    return tuple(_notice(*group) for _, group in itertools.groupby(sorted(dated, key=same), same))


def _notice(*group: Retirement) -> Notice:
    row = group[0]
    announced = exact_day(row.announced)
    retired = exact_day(row.retired)
    known = known_by(row.announced or row.date)
    if retired and not row.announced:
        known = min(retired, known)
    moved = [r.moved for r in group if r.moved.startswith("yes")]
    forward = sum("brought forward" in words for words in moved)
    way: Literal["forward", "later"] = "forward" if 2 * forward > len(moved) else "later"
    return Notice(
        vendor=row.vendor,
        stage=row.stage,
        known_date=announced or known,
        announced=announced,
        retired=retired,
        days=(retired - announced).days if announced and retired else None,
        at_launch=row.announced_basis == "release",
        moved=way if moved else "",
        rows=group,
    )


@catalogue.of_facts
def load() -> Record:
    """The record of `siting_facts/`, read once."""
    return Record(
        vendors=catalogue.table("vendors", Vendor),
        events=catalogue.table("vendor_events", Event),
        notices=notices(catalogue.table("model_retirements", Retirement)),
        policies=catalogue.table("retirement_policies", Policy),
        facts=catalogue.table("vendor_facts", VendorFact),
        living=catalogue.table("models_living", Living),
        homes=catalogue.table("vendor_home", VendorHome),
    )


# What is on record about one vendor


def separate(notices: Iterable[Notice]) -> list[Notice]:
    """Notices that show a habit: generally available models, a day of notice of their own."""
    return [n for n in notices if n.stage == "ga" and n.announced and not n.at_launch]


@frozen
class OnRecord:
    """What is on record about one vendor on a day."""

    vendor: str
    role: str
    searched: str
    """How well its record was searched: closely, lightly or not."""
    day: dt.date
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    facts: Mapping[str, VendorFact]
    promise: Policy | None

    @property
    def days(self) -> list[int]:
        """Days of notice of generally available models with a notice of their own. [d]"""
        return [n.days for n in separate(self.notices) if n.days is not None]

    @property
    def quartile_days(self) -> float | None:
        """A quarter of the notices were this short or shorter. [d]"""
        import numpy as np

        return float(np.percentile(self.days, 25)) if self.days else None

    @property
    def broken(self) -> list[Notice]:
        """Notices of generally available models that were given after the promise was made and are
        shorter than was promised."""
        if self.promise is None:
            return []
        made = known_by(self.promise.date)
        since = (n for n in separate(self.notices) if n.announced and n.announced > made)
        promised = self.promise.days or 0
        return [n for n in since if n.days is not None and n.days < promised]

    @property
    def red_flags(self) -> tuple[str, ...]:
        """What to know first: worst recent events, open control, promises of notice."""
        return tuple(self._flags())

    def _flags(self) -> Iterator[str]:
        control = self.facts.get("control_change")
        words = {"open": "a change of control is announced and open", "acqui-hire": "acqui-hire"}
        if control is not None and control.value in words:
            yield f"{words[control.value]} ({control.note or control.date})"
        for event in reversed(self.events):  # of the last year, the newest first
            recent = (self.day - event.known_date).days <= setting("recent_days")
            if recent and event.direction == "adverse" and event.severity >= 4:
                yield _event_flag(event, self.events)
        promise = self.promise
        if promise is not None and (promise.days or 0) < setting("promise_short_days"):
            said = f"{promise.days:.0f} days" if promise.days else "no number of days"
            yield f"notice promised before a model ends: {said}"
        if promise is not None and self.broken:
            given = " and ".join(f"{n.days} days on {n.announced}" for n in self.broken)
            yield f"promised {promise.days:.0f} days before a model ends; since then gave {given}"


@lru_cache(maxsize=256)
def on_record(record: Record, vendor: Vendor, day: dt.date) -> OnRecord:
    """What was known about `vendor` on `day`. Kept, as every variant of a scenario asks."""
    known = record.as_of(day)
    return OnRecord(
        vendor=vendor.vendor,
        role=vendor.role,
        searched=vendor.searched,
        day=day,
        events=known.events_of(vendor),
        notices=known.notices_of(vendor.vendor),
        facts=known.facts_of(vendor),
        promise=known.promise_of(vendor),
    )


def _event_flag(event: Event, events: tuple[Event, ...]) -> str:
    later = [e for e in events if e.case == event.case and e.known_date > event.known_date]
    ends = {e.settles for e in later if e.settles}
    state = " (since ruled on)" if ends else ""
    if "final" in ends:
        state = " (since lifted or settled)"
    summary = f"alleged: {event.summary}" if event.evidence == "alleged" else event.summary
    return f"{event.event_date}: {summary}{state}"
