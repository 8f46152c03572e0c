"""What to do next: what is worth measuring first, and the steps for 30, 90 and 365 days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from siting import places, quality
from siting.catalogue import Currency, Fact, Owner, column, one_of, table
from siting.cost.prices import exchange_rate, parameter
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.model import SECTORS, Readiness, months_from
from siting.quality import Parities
from siting.quantity import DAYS_OF_MONTH, Range
from siting.rules.findings import spelt_day
from siting.rules.sovereignty import OpenPoint, OptionAssessment, Sovereignty
from siting.vendors import notice
from siting.vendors.stability import ServiceEnd, VendorRisks
from siting.vendors.vendor_record import load
from siting.verdict.knowledge import Experiment, Knowledge, estimate_in
from siting.verdict.ranking import Candidate, Doubt

FIRST_HORIZON_DAYS = 30
PILOT_DAYS = 90
"""By then a pilot has shown whether to order."""
LAST_HORIZON_DAYS = 365


Condition = Literal[
    "always",
    "stay",
    "switch",
    "piloting",
    "unproven",
    "measure",
    "reviews",
    "today",
    "due soon",
    "mends",
    "moving",
    "counsel",
    "ending",
    "ceasing",
    "bridging",
    "renewing",
    "leaving",
    "leaving at go",
    "overlap",
    "turning",
    "dated",
    "proving",
]
"""What may hold for the client and the recommended option (`conditions`)."""

Notice = Literal["extended", "at go"]
"""When notice is given of the contract of what runs today, for an option that is moved to.
extended: once its vendor has agreed that the service runs on by the month, and not without; at go:
with go."""


def _when() -> tuple[str, ...]:
    lacks = (f"no {field}" for field in Readiness.model_fields)
    return (*get_args(Condition), "critical", *lacks)


class PlanStep(Fact, tables="plan_steps", key="day label"):
    """One step of the plan: when it is due, for which options, under which condition."""

    day: int
    kinds: Annotated[str, one_of(lambda: ("*", *places.WORDS), "kind of option", ";")]
    """Kinds of option, or traits of them, separated by `;`, or `*`."""
    sectors: Annotated[str, one_of(lambda: ("*", *SECTORS), "sector", ";")]
    """Sectors of clients, separated by `;`, or `*`."""
    when: Annotated[str, one_of(_when, "condition of a step")]
    """`always`, a condition of `conditions`, or `no` and a field of the client's readiness."""
    owner: Owner
    label: str
    """The step in a few words, filled in likewise."""
    step: str
    """Sentence; {option}, {today}, {model}, {reference}, {vendor}, {reviews}, {ending},
    {experiment} and what it tells, {measured}, topics for {counsel}, what a model is {tried} on are
    filled in, and of a contract that ends {renewed}, {notice}, {until}, {renews} (for how long,
    without a notice); {beside} is how long old and new run side by side; {bridge} takes over from
    {before} ({bridged}: with its vendor) by {switch}, and is reviewed with the option under the
    same rules ({also}, {also_reviewed}); {reviews} of {today} are due {by} a day of the law;
    {service} takes new jobs until {last}; {offers} are asked
    for what would turn the answer ({turning}), in few words {asked}; {proofs} are asked of
    {vendor}."""
    guard: str = ""
    """Which records may go where the step runs, and until when, as a sentence; filled in likewise.
    Blank where none goes anywhere new."""
    why: str
    cost: Range | None = None
    """Blank: that of the experiment that the step names, or not estimated. Of one offer where it
    is for {turning}."""
    rules: Annotated[str, one_of(lambda: column("sovereignty_rules", "rule_id"), "rule", ";")] = ""
    """Rules that it mends, separated by semicolons: where one is open, day and owner are those of
    the step, and nobody has to decide it besides. `mends`: the step is there only for that;
    `moving`: it is there where an option is moved to under one of these rules, open or not, and
    reviews a model that bridges to it, too."""
    in_moving: bool = False
    """Whether what moving over costs, or the service of today until then, holds its work already,
    where the option moves."""
    currency: Currency = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of this client's plan."""

    row: PlanStep
    """With its words filled in."""
    price: Range | None
    """What it costs, in the client's currency."""
    tests: str = ""
    """Model whose quality it tests, in words."""
    is_pilot: bool = False
    """Whether one team tests the option in it, for which GPUs are rented."""
    reviews_bridge: bool = False
    """Whether it reviews a model that bridges, besides the option."""
    ends: int = 0
    """Its own day, where that comes before `row.day`, the day of its gate. [days after the report]
    """

    @property
    def due(self) -> int:
        """The day on which it is due. [days after the report]"""
        return self.ends or self.row.day


@dataclass(frozen=True, kw_only=True)
class Settling:
    """What one person settles in one step, of a choice or of what runs today."""

    owner: str
    points: str
    """In words."""
    ends: int = 0
    """Day of a law that comes before that of the step's gate. [days after the report]"""
    has_hours: bool = True
    """Whether it takes hours that no other step holds."""


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """A contract of what runs today that ends within the plan."""

    vendor: str
    until: dt.date
    """Its last day."""
    notice: dt.date
    """Last day to give notice of it; its last day where no notice is stated."""
    days: int
    """From the report to that notice; 0 where the day is past. [days]"""
    renewed_to: dt.date | None = None
    """Last day of the term that follows without a notice; None where the client has not said."""

    def given(self, decided: dt.date, serves: dt.date) -> Notice:
        """When to give notice, for an option that is moved to.

        A notice binds the client alone: given before go or no-go it gives up the service of today
        for one that nobody has ordered, and a contract that ends before the other serves leaves a
        gap. Where neither can be, notice waits for go.
        decided: day of go or no-go
        serves: the latest day on which the option goes live
        """
        return "extended" if self.notice < decided or self.until < serves else "at go"


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """A model that takes over from one in use, which ends before the option moved to serves."""

    model: str
    """The one in use, as the vendor's record calls it."""
    vendor: str
    heir: str
    """Of the same vendor and line, and runs beyond the latest go-live: the one that ends last."""
    days: int
    """From the report to the day before the one in use ends. [days]"""


@dataclass(frozen=True, kw_only=True)
class Turning:
    """A change that a written offer settles and that puts another option before the choice."""

    clause: str
    seller: str = ""
    """Whose offer it is, in words: the option's, where it is one of the report; blank where nobody
    is known to ask."""
    unshown: tuple[str, ...] = ()
    """What the offer must show besides, or it is ruled out as others are, in words."""
    lacks: str = ""
    """What its provider lacks and is asked for the day of, in words: then no price is asked."""

    @property
    def told(self) -> str:
        """The change, with what is asked for first."""
        proofs = f" (first proof of {' and '.join(self.unshown)})" if self.unshown else ""
        if self.lacks:
            proofs = " (by which day)"
        return f"that {self.clause}{proofs}"


@dataclass(frozen=True, kw_only=True)
class Go:
    """The day on which go or no-go on an option is decided."""

    day: int
    """[days after the report]"""
    stated: int | None = None
    """Day that the client has set; None where it has set none. [days after the report]"""

    @property
    def ends_before(self) -> bool:
        """Whether an offer for the option ends before the client's own day, and comes first."""
        return self.stated is not None and self.day < self.stated


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the plan's sentences are filled with, beyond the options themselves."""

    words: Mapping[str, Mapping[str, str]]
    """By option: the `model` that it runs, the `reference` that this is compared with, what a test
    that settles it is `tried` on and why on that (`guard`), its `vendor`, and models of it or of
    today's that end within the plan (`ending`), in words."""
    reviews: Mapping[str, Sequence[OpenPoint]] = field(default_factory=dict)
    """By option: what is open under the rules."""
    applies: Mapping[str, Set[str]] = field(default_factory=dict)
    """By option: the rules that apply to it."""
    early: Mapping[str, int] = field(default_factory=dict)
    """Points of what runs today to which a law gives time until a day that comes before the first
    gate, with that day, by label. [days after the report]"""
    holds: frozenset[str] = frozenset()
    """Words of `when` that hold for the client: `critical`; `no` with each readiness it lacks."""
    counsel: tuple[str, ...] = ()
    """Topics of law that counsel must review: not on file, with a known gap, or not looked at."""
    renewal: Renewal | None = None
    notice: Mapping[str, Notice] = field(default_factory=dict)
    """By option that is moved to: when notice of that contract is given."""
    turning: tuple[Turning, ...] = ()
    """What an offer would settle that puts another option before the choice."""
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    """By option that is moved to: what bridges to its go-live, where one must and one can."""
    ceasing: Mapping[str, ServiceEnd] = field(default_factory=dict)
    """By option that is moved to: what the client's jobs need of today's vendor and that ends
    within the plan, before the option may serve; the first of several."""
    go: Mapping[str, Go] = field(default_factory=dict)
    """By option: when go or no-go on it is decided."""
    proofs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By option: what it is cleared by on a source without a date while it rules out another, in
    words: its vendor shows it."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """By option that is moved to: when what runs today is switched off. [days after the report]"""
    beside: str = ""
    """How long old and new run side by side, in words."""
    day: dt.date = dt.date.min
    """Of the report."""
    baseline: str = ""
    """What runs today."""
    today: str = ""
    """The same by its label."""
    sector: str = "other"
    currency: str = "EUR"
    rates: Mapping[str, float] = field(default_factory=dict)
    """Client's currency per unit of another; 1 where it is not named."""


def first_known(knowledge: Sequence[Knowledge]) -> Knowledge | None:
    """What a test tells that fits into the plan's first horizon and is worth more than it costs:
    of those what is worth most."""
    return next((k for k in knowledge if k.pays and _in_time(k.experiment)), None)


def _in_time(test: Experiment | None) -> bool:
    return test is not None and test.days <= FIRST_HORIZON_DAYS


def open_points(target: Candidate, rules: Iterable[OpenPoint]) -> tuple[tuple[Doubt, bool], ...]:
    """What a person must still decide or show of an option, each with whether it is not cleared
    before; those first."""
    found = {d.point: (d, True) for d in target.uncleared}
    others = {point.label: (doubted(point), False) for point in rules}
    return tuple((found | others | found).values())


def doubted(point: OpenPoint) -> Doubt:
    """What is open under a rule, or under all that wait for one answer."""
    return Doubt(
        point=point.label,
        reason=point.reason,
        clears=point.clears,
        owner=point.owner,
        may_not_apply=point.may_not_apply,
    )


def to_decide(target: Candidate, baseline: str, facts: Facts) -> tuple[Settling, ...]:
    """Who decides which open points, without those that have a step of their own."""
    reviews = facts.reviews.get(target.name, ())
    own = own_steps(target, baseline, facts)
    mended = {p.label for p in reviews if all(f.rule.rule_id in own for f in p.findings)}
    every = (d for d, _ in open_points(target, reviews) if not d.quality)
    found = by_owner(d for d in every if d.point not in mended)
    return tuple(Settling(owner=who, points=points) for who, points in found.items())


def to_decide_today(target: Candidate, baseline: str, facts: Facts) -> tuple[Settling, ...]:
    """The same of what runs today, where another is chosen: what is open of that alone, what is
    known to be lacking today, as nothing that is done for the other mends it, and what a law asks
    of both already. Who settles the last for the choice settles it for both at once."""
    left = _left_today(target, baseline, facts)
    alone = by_owner(doubted(point) for point, is_shared in left if not is_shared)
    both = by_owner(doubted(point) for point, is_shared in left if is_shared and point.binds_now)
    told = {
        owner: f"with the points of {target.label}, in their hours, {points}"
        for owner, points in both.items()
    }
    return tuple(
        Settling(
            owner=owner,
            points="; ".join(filter(None, (alone.get(owner), told.get(owner)))),
            has_hours=owner in alone,
        )
        for owner in alone | told
    )


def due_soon(target: Candidate, baseline: str, facts: Facts) -> tuple[Settling, ...]:
    """What a law gives what runs today time for, until a day before the first gate, where another
    is chosen, by that day: whose own point of it, if there is one, has another day and another
    service."""
    if target.name == baseline:
        return ()
    found: dict[tuple[int, str], list[str]] = {}
    for point in facts.reviews.get(baseline, ()):
        if point.label in facts.early:
            settled = found.setdefault((facts.early[point.label], point.owner), [])
            settled.append(_within_sentence(point.label))
    return tuple(
        Settling(owner=owner, points=" and ".join(points), ends=day)
        for (day, owner), points in sorted(found.items())
    )


def _left_today(
    target: Candidate, baseline: str, facts: Facts
) -> tuple[tuple[OpenPoint, bool], ...]:
    """What is open of what runs today, where another is chosen, each with whether the choice has
    the same point and clears both with it; without what has an earlier day of its own."""
    if target.name == baseline:
        return ()
    mine = {point.label for point in facts.reviews.get(target.name, ())}
    return tuple(
        (point, point.label in mine and not point.is_lacking)
        for point in facts.reviews.get(baseline, ())
        if point.label not in facts.early
    )


def by_owner(doubts: Iterable[Doubt]) -> dict[str, str]:
    """What is open, in words, by who decides it. Of a rule of which it is not known whether it
    concerns the option, that is asked first."""
    found = tuple(doubts)
    said = {d: f"whether “{d.point}” applies" if d.may_not_apply else d.point for d in found}
    owners = dict.fromkeys(d.owner for d in found)
    return {who: "; ".join(x for d, x in said.items() if d.owner == who) for who in owners}


def own_steps(target: Candidate, baseline: str, facts: Facts) -> dict[str, PlanStep]:
    """Steps that mend an open rule of an option, by rule; of two, the one lower in the table.

    A rule that waits for an answer is asked first: nothing is to be mended before.
    """
    reviews = [p for p in facts.reviews.get(target.name, ()) if p.awaited is None]
    open_ = {f.rule.rule_id for p in reviews for f in p.findings}
    holds = facts.holds | {"mends"}
    suited = [
        s
        for s in table("plan_steps", PlanStep)
        if (s.when in holds or _is_moved_under(s, target, baseline, facts))
        and _suits(s, target, facts)
    ]
    return {rule: s for s in suited for rule in s.rules.split(";") if rule in open_}


def mending(point: OpenPoint | None, steps: Iterable[Step]) -> PlanStep | None:
    """The step of a plan that mends a point, if one does; none, where it waits for an answer."""
    if point is None or point.awaited is not None:
        return None
    rules = {f.rule.rule_id for f in point.findings}
    found = (s.row for s in steps if s.row.rules and rules <= {*s.row.rules.split(";")})
    return next(found, None)


def _is_moved_under(row: PlanStep, target: Candidate, baseline: str, facts: Facts) -> bool:
    """Whether a step is due because an option is moved to under one of its rules."""
    applies = facts.applies.get(target.name, frozenset())
    is_moved = row.when == "moving" and target.name != baseline
    return is_moved and not applies.isdisjoint(row.rules.split(";"))


def reviewed_bridge(row: PlanStep, target: str, baseline: str, facts: Facts) -> Bridge | None:
    """The model that a step of moving reviews besides, as it is new to what runs today, which one
    of the step's rules binds; None where none bridges. target: the option that is moved to."""
    applies = facts.applies.get(baseline, frozenset())
    is_bound = row.when == "moving" and not applies.isdisjoint(row.rules.split(";"))
    return facts.bridges.get(target) if is_bound else None


def _suits(row: PlanStep, target: Candidate, facts: Facts) -> bool:
    """Whether a step is for the kind of an option and the client's sector."""
    of_kind = "*" in row.kinds or target.kind in places.meant(row.kinds.split(";"))
    return of_kind and ("*" in row.sectors or facts.sector in row.sectors.split(";"))


def conditions(
    target: Candidate, baseline: str, knowledge: Sequence[Knowledge], facts: Facts
) -> set[str]:
    """Which `when` words of the plan hold for this client and the recommended option."""
    moves_out = facts.renewal is not None and target.name != baseline
    notice = facts.notice.get(target.name, "extended")
    holds: dict[Condition, bool] = {
        "always": True,
        "stay": target.name == baseline,
        "switch": target.name != baseline,
        "piloting": target.name != baseline,
        "unproven": any(d.quality for d in target.uncleared),
        "measure": first_known(knowledge) is not None,
        "reviews": bool(to_decide(target, baseline, facts)),
        "today": bool(to_decide_today(target, baseline, facts)),
        "due soon": bool(due_soon(target, baseline, facts)),
        "counsel": bool(facts.counsel),
        "ending": bool(facts.words[target.name]["ending"]),
        "ceasing": target.name in facts.ceasing,
        "bridging": target.name != baseline and target.name in facts.bridges,
        "renewing": facts.renewal is not None and target.name == baseline,
        "leaving": moves_out and notice == "extended",
        "leaving at go": moves_out and notice == "at go",
        "turning": bool(facts.turning),
        "proving": bool(facts.proofs.get(target.name)),
        "overlap": target.name != baseline and target.name in facts.ended,
        "dated": target.name in facts.go and facts.go[target.name].stated is not None,
    }
    return {word for word, true in holds.items() if true} | facts.holds


def plan(
    target: Candidate, baseline: str, knowledge: Sequence[Knowledge], facts: Facts
) -> tuple[Step, ...]:
    """The steps of siting_facts/plan_steps.csv that apply, in order of their day, with names
    filled in."""
    holds = conditions(target, baseline, knowledge, facts)
    known = first_known(knowledge)
    test = known.experiment if known else None
    words = {**facts.words[target.name], "option": target.label, "today": facts.today}
    words |= {"counsel": ", ".join(facts.counsel), "beside": facts.beside}
    if known and test:
        words |= {"measured": _begun_small(known.label), "experiment": test.action}
    if facts.renewal:
        words |= {
            "renewed": facts.renewal.vendor,
            "notice": spelt_day(facts.renewal.notice),
            "until": spelt_day(facts.renewal.until),
            "renews": _renews(facts.renewal),
        }
    bridge = facts.bridges.get(target.name)
    if bridge:
        last = facts.day + dt.timedelta(days=bridge.days + 1)
        ends = f"last day {spelt_day(last)}"
        words |= {
            "bridge": quality.spoken(bridge.heir),
            "before": quality.spoken(bridge.model),
            "bridged": f"{quality.spoken(bridge.model)} at {bridge.vendor} ({ends})",
            "switch": spelt_day(last - dt.timedelta(days=1)),
        }
    ceases = facts.ceasing.get(target.name)
    if ceases:
        words |= {"service": ceases.service, "last": spelt_day(ceases.last)}
    words |= {"offers": _counted(len(facts.turning), "written offer")}
    words |= {"turning": "; ".join(each.told for each in facts.turning)}
    words |= {"asked": _asked(facts.turning)}
    words |= {"proofs": " and ".join(facts.proofs.get(target.name, ()))}
    open_ = {
        "reviews": to_decide(target, baseline, facts),
        "today": to_decide_today(target, baseline, facts),
        "due soon": due_soon(target, baseline, facts),
    }
    own = list(own_steps(target, baseline, facts).values())
    rows = table("plan_steps", PlanStep)
    also = {s.label: _also(reviewed_bridge(s, target.name, baseline, facts)) for s in rows}
    steps = [
        _step(s, words | also[s.label], settled, test, facts, target.name)
        for s in rows
        if (s.when in holds or s in own or _is_moved_under(s, target, baseline, facts))
        and _suits(s, target, facts)
        for settled in open_.get(s.when, (Settling(owner=s.owner, points=""),))
    ]
    return tuple(sorted(steps, key=lambda step: (step.row.day, step.due)))


def _step(
    row: PlanStep,
    words: Mapping[str, str],
    settled: Settling,
    test: Experiment | None,
    facts: Facts,
    option: str,
) -> Step:
    """A step with its words filled in. settled: what its owner settles in it."""
    words = {**words, "reviews": settled.points, "owner": settled.owner}
    if settled.ends:
        words["by"] = spelt_day(facts.day + dt.timedelta(days=settled.ends))
    texts = {"label": row.label, "step": row.step, "guard": row.guard}
    filled = {field: text.format(**words) for field, text in texts.items()}
    day = _planned(row, facts.go.get(option), facts.baseline != option)
    if facts.renewal and row.when in ("renewing", "leaving", "leaving at go"):
        day = min(day, facts.renewal.days)
    if row.when == "ceasing":
        day = min(day, (facts.ceasing[option].last - facts.day).days)
    filled_in = row.model_copy(update=filled | {"owner": settled.owner, "day": day})
    ends = settled.ends
    if row.when == "overlap":
        ends = min(day, facts.ended[option])
    if row.when == "bridging":
        ends = min(day, facts.bridges[option].days)
    tests = words["model"] if row.when == "unproven" else ""
    reviews_bridge = bool(words["also"])
    named = test if row.when == "measure" else row
    price = _price(named, facts, reviews_bridge=reviews_bridge) if named else None
    return Step(
        row=filled_in,
        price=price if settled.has_hours or price is None else price.scaled(0),
        tests=tests,
        is_pilot=row.when == "piloting",
        reviews_bridge=reviews_bridge,
        ends=ends,
    )


def _price(named: PlanStep | Experiment, facts: Facts, *, reviews_bridge: bool) -> Range | None:
    """What a step costs, in the client's currency; None where nothing is known."""
    if named.cost is None:
        return None
    is_per_offer = isinstance(named, PlanStep) and named.when == "turning"
    times = len(facts.turning) if is_per_offer else 1
    rate = facts.rates.get(named.currency, 1.0)
    return estimate_in(named.cost, rate, facts.currency).scaled(times + reviews_bridge)


def _also(bridge: Bridge | None) -> dict[str, str]:
    """What a step of moving says of the model that it reviews besides: in its label and in its
    sentence; blank where there is none."""
    if bridge is None:
        return {"also": "", "also_reviewed": ""}
    model = quality.spoken(bridge.heir)
    said = (
        f" Review it for {model} in today's service, too, before personal data reach it in a test "
        "or in service: where it runs, what is kept and read for abuse, what attestations cover, "
        "who is bound to secrecy."
    )
    return {"also": f", {model} too", "also_reviewed": said}


def _planned(row: PlanStep, go: Go | None, moves: bool) -> int:
    """The day of a step's gate: what is due before go or no-go is due by its day. [days after the
    report]"""
    if go is None:
        return row.day
    if row.when == "dated" or (moves and row.day == PILOT_DAYS):
        return go.day
    return min(row.day, go.day) if row.day <= FIRST_HORIZON_DAYS else row.day


def _renews(contract: Renewal) -> str:
    """For how long a contract goes on without a notice, in words."""
    if contract.renewed_to is None:
        return "for a term that you have not stated"
    return f"to {spelt_day(contract.renewed_to)}"


def _asked(turning: Sequence[Turning]) -> str:
    """What is asked for of what would turn the answer, with what it must show: `Alpha's offer and
    C5 attestation`; `offers of Alpha and Beta; C5 attestation of Gamma and Delta`. Where nobody
    knows whom to ask `2 written offers of what would turn it`."""
    proofs = tuple(dict.fromkeys(name for each in turning for name in each.unshown))
    if turning and all(each.seller for each in turning):
        return "; ".join(_named(turning))
    offers = f"{_counted(len(turning), 'written offer')} of what would turn it"
    return ", with proof of ".join((offers, " and ".join(proofs))) if proofs else offers


def _named(turning: Sequence[Turning]) -> Iterator[str]:
    """What is asked for, by whose offer it is: prices alone first, then what must be shown."""
    by_proof: dict[str, list[Turning]] = {"": []}
    for each in turning:
        by_proof.setdefault(each.lacks or " and ".join(each.unshown), []).append(each)
    for proof, alike in by_proof.items():
        sellers = [each.seller for each in alike]
        every = " and ".join(filter(None, (", ".join(sellers[:-1]), *sellers[-1:])))
        if proof and len(alike) == 1 and not alike[0].lacks:
            yield f"{_whose(every)} offer and {proof}"
        elif proof:
            yield f"{proof} of {every}"
        elif alike:
            yield f"{_whose(every)} offer" if len(alike) == 1 else f"offers of {every}"


def _whose(name: str) -> str:
    """`Alpha's`, `Nebius GPUs'`."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _counted(number: int, thing: str) -> str:
    """`a written offer`, `3 written offers`."""
    return f"a {thing}" if number == 1 else f"{number} {thing}s"


def _begun_small(label: str) -> str:
    return label[:1].lower() + label[1:]


def _within_sentence(topic: str) -> str:
    """A topic as it stands within a sentence: "employment law", but "AI law"."""
    return topic if topic[:2].isupper() else _begun_small(topic)


def facts_of(
    scenario: Scenario,
    law: Sovereignty,
    parity: Parities,
    risks: VendorRisks,
    turning: Sequence[Turning] = (),
) -> Facts:
    """Names that the plan's sentences need, and the currencies in which tests are priced.

    turning: what an offer would settle and turns the answer
    """
    client = scenario.client
    day = scenario.client.report_date
    bridges = _bridges(scenario, risks)
    foreign = {e.currency for e in table("experiments", Experiment)} - {client.currency}
    lacks = frozenset(f"no {what}" for what, there in scenario.stability.readiness if not there)
    critical = ("critical" for w in scenario.workloads.values() if w.data.critical_function)
    return Facts(
        words={
            name: _words(scenario, parity, risks, name, bridges.get(name))
            for name in scenario.options
        },
        reviews={name: option.open_points for name, option in law.options.items()},
        applies={name: _applying(option) for name, option in law.options.items()},
        early=_early(scenario, law),
        holds=lacks.union(critical),
        counsel=(
            *(_within_sentence(topic.found.rule.title) for topic in law.for_counsel),
            *law.not_looked_at,
        ),
        renewal=renewal(scenario),
        notice=_notice(scenario),
        turning=tuple(turning),
        bridges=bridges,
        ceasing=_ceasing(scenario, risks),
        go={name: go(scenario, name) for name in scenario.options},
        baseline=scenario.finance.baseline,
        today=_label(scenario, scenario.finance.baseline),
        proofs={name: to_prove(name, law) for name in scenario.options},
        ended=_ended(scenario),
        beside=_months_in_words(_beside(scenario)),
        day=day,
        sector=client.sector,
        currency=client.currency,
        rates={code: exchange_rate(code, client.currency, day).rate for code in foreign},
    )


def _label(scenario: Scenario, name: str) -> str:
    """What an option is called; blank where there is none."""
    return scenario.options[name].label if name in scenario.options else ""


def _applying(option: OptionAssessment) -> Set[str]:
    """The rules that apply to an option."""
    return {rule for rule, found in option.verdicts.items() if found.verdict != "n.a."}


def _early(scenario: Scenario, law: Sovereignty) -> dict[str, int]:
    """`Facts.early`; nothing where nothing runs today."""
    today = scenario.finance.baseline
    day = scenario.client.report_date
    until = day + dt.timedelta(days=FIRST_HORIZON_DAYS)
    found: dict[str, int] = {}
    for point in law.options[today].open_points if today in law.options else ():
        stricter = law.stricter_from(today, point, until)
        if stricter is not None and (stricter - day).days > 1:
            found[point.label] = (stricter - day).days - 1
    return found


def go(scenario: Scenario, name: str) -> Go:
    """When go or no-go on an option is decided: on the client's own day, or that on which an offer
    for it ends, where that comes first; without such a day when the plan's own gate is due."""
    asked = scenario.decision.date
    if asked is None:
        stays = name == scenario.finance.baseline
        return Go(day=FIRST_HORIZON_DAYS if stays else PILOT_DAYS)
    ends = (last for item, last in offers_before(scenario) if item.split(".")[1:2] == [name])
    day = scenario.client.report_date
    return Go(day=(min(ends, default=asked) - day).days, stated=(asked - day).days)


def to_prove(name: str, law: Sovereignty) -> tuple[str, ...]:
    """What the seller of an option must still prove (`Facts.proofs`): answers by yes or no that
    decide a pass of it under a rule that another option fails, and whose source has no date."""
    failed = {
        rule
        for other, option in law.options.items()
        for rule, found in option.verdicts.items()
        if other != name and found.verdict == "fail"
    }
    found = (f for rule, f in law.options[name].verdicts.items() if rule in failed)
    weak = (known.attribute for f in found for known in f.undated)
    return tuple(dict.fromkeys(a.label for a in weak if a.type == "yes/no"))


def offers_before(scenario: Scenario) -> Iterator[tuple[str, dt.date]]:
    """Offers that end before the client's day of go or no-go: what is quoted, and its last day."""
    asked = scenario.decision.date
    for quote in scenario.finance.quotes:
        if asked and quote.valid_until and quote.valid_until < asked:
            yield quote.item, quote.valid_until


def days_to_serve(months: Range, ordered: int = PILOT_DAYS) -> Range:
    """When an option that is moved to serves, where nothing is ordered before go or no-go.

    A pilot takes its days however fast the rest is: what follows it is at its earliest as small a
    part of its plan as the whole is, so that nothing serves on the day on which it is ordered. A go
    that comes before the pilot's usual end makes nothing else faster.
    months: to production, as the scenario has them
    ordered: day of go or no-go. [days after the report]
    """
    after = max(months.central * DAYS_OF_MONTH - PILOT_DAYS, 0.0)
    planned = max(months.central * DAYS_OF_MONTH, ordered + after)
    soonest = months.low / months.central if months.central > 0 else 0.0
    early = ordered + (planned - ordered) * soonest
    late = max(months.high * DAYS_OF_MONTH - PILOT_DAYS, 0.0)
    return Range(early, planned, max(months.high * DAYS_OF_MONTH, ordered + late), unit="days")


def serves(scenario: Scenario, name: str) -> Range:
    """When an option that is moved to serves. [days after the report]"""
    is_today = name == scenario.finance.baseline
    ordered = PILOT_DAYS if is_today else go(scenario, name).day
    return days_to_serve(scenario.options[name].months_to_production, ordered)


def _ended(scenario: Scenario) -> dict[str, int]:
    """`Facts.ended`; nothing where nothing runs today."""
    if scenario.finance.baseline not in scenario.options:
        return {}
    return {name: round(switched_off(scenario, name)) for name in scenario.options}


def switched_off(scenario: Scenario, name: str) -> float:
    """When what runs today is no longer paid, as the costs have it. [days after the report]"""
    return serves(scenario, name).central + _beside(scenario).central * DAYS_OF_MONTH


def _beside(scenario: Scenario) -> Range:
    """How long old and new run side by side. [months]"""
    return scenario.finance.parallel_months or parameter("parallel_months").range


def _months_in_words(months: Range) -> str:
    """`1 month (0 to 3)`."""
    thing = "month" if months.central == 1 else "months"
    return f"{months.central:g} {thing} ({months.low:g} to {months.high:g})"


def _latest_live(scenario: Scenario, name: str) -> dt.date:
    """The latest day on which an option that is moved to serves."""
    days = round(serves(scenario, name).high)
    return scenario.client.report_date + dt.timedelta(days=days)


def _notice(scenario: Scenario) -> dict[str, Notice]:
    """`Facts.notice`; nothing where no contract ends within the plan."""
    contract = renewal(scenario)
    if contract is None:
        return {}
    found: dict[str, Notice] = {}
    for name in scenario.options:
        decided = scenario.client.report_date + dt.timedelta(days=go(scenario, name).day)
        found[name] = contract.given(decided, _latest_live(scenario, name))
    return found


def renewal(scenario: Scenario) -> Renewal | None:
    """The contract of what runs today, if it ends within the plan's last horizon."""
    today = scenario.options.get(scenario.finance.baseline)
    day = scenario.client.report_date
    if today is None or today.contract_until is None:
        return None
    if not 0 <= (today.contract_until - day).days <= LAST_HORIZON_DAYS:
        return None
    notice = scenario.client.notice_by(today.contract_until) or today.contract_until
    term = today.renews_for_months
    return Renewal(
        vendor=today.vendor or today.label,
        until=today.contract_until,
        notice=notice,
        days=max(0, (notice - day).days),
        renewed_to=months_from(today.contract_until, term) if term else None,
    )


def _bridges(scenario: Scenario, risks: VendorRisks) -> dict[str, Bridge]:
    """`Facts.bridges`, for the first model in use that ends too early."""
    day = scenario.client.report_date
    today = risks.options.get(scenario.finance.baseline)
    known = [(e.retired, e) for e in today.endings if e.retired] if today else []
    ends = sorted((each for each in known if each[0] > day), key=lambda each: each[0])
    found: dict[str, Bridge] = {}
    for name in scenario.options:
        live = _latest_live(scenario, name)
        for last, e in ends:
            line = notice.line_of(load(), e.vendor, e.model, day) if last <= live else {}
            lasting = [model for model, until in line.items() if until > live.isoformat()]
            if lasting and name not in found:
                days = (last - day).days - 1
                found[name] = Bridge(model=e.model, vendor=e.vendor, heir=lasting[-1], days=days)
    return found


def _ceasing(scenario: Scenario, risks: VendorRisks) -> dict[str, ServiceEnd]:
    """`Facts.ceasing`; nothing where nothing runs today, or it stays."""
    day = scenario.client.report_date
    today = scenario.finance.baseline
    ends = sorted(risks.ceasing.get(today, ()), key=lambda end: end.last)
    ahead = [end for end in ends if 0 <= (end.last - day).days <= LAST_HORIZON_DAYS]
    found: dict[str, ServiceEnd] = {}
    for name in scenario.options:
        early = [end for end in ahead if end.last <= _latest_live(scenario, name)]
        if early and name != today:
            found[name] = early[0]
    return found


def _words(
    scenario: Scenario, parity: Parities, risks: VendorRisks, name: str, bridge: Bridge | None
) -> dict[str, str]:
    option = scenario.options[name]
    compared = next((p for p in parity.of(name) if p.verdict != "same model"), None)
    models = scenario.options[quality.leaves(scenario, name)[0]].models.values()
    model = compared.model if compared else next(iter(models), "the model")
    return {
        "model": quality.spoken(model),
        "reference": quality.spoken(compared.reference if compared else "the model in use"),
        "tried": quality.tried_on(scenario, compared) if compared else "",
        "guard": _guard(quality.not_running(scenario, compared)) if compared else "",
        "vendor": option.vendor or option.label,
        "ending": _ending(scenario, risks, name, bridge.model if bridge else ""),
    }


def _guard(new: Sequence[str]) -> str:
    """Why a test takes no item that names a person or holds a secret; blank where it may.

    new: which of its models do not run today, in words
    """
    if not new:
        return ""
    who = f"{new[0]} does not run with you today: until its place is"
    if len(new) > 1:
        who = f"Neither {' nor '.join(new)} runs with you today: until the places of both are"
    return f"{who} cleared for your data, items are made up or anonymised."


def _ending(scenario: Scenario, risks: VendorRisks, name: str, bridged: str = "") -> str:
    """Models of an option or of what runs today whose last day falls within the plan, in words;
    without the one that another bridges."""
    option = scenario.options[name]
    day = scenario.client.report_date
    said = []
    live = day + dt.timedelta(days=round(option.months_to_production.central * DAYS_OF_MONTH))
    found = (risks.options.get(o) for o in (scenario.finance.baseline, name))
    for e in dict.fromkeys(e for risk in found if risk for e in risk.endings):
        if e.retired is None or e.model == bridged:
            continue
        if (e.retired - day).days <= LAST_HORIZON_DAYS:
            gap = f", before {option.label} serves" if e.retired < live else ""
            last = f"last day {spelt_day(e.retired)}{gap}"
            said.append(f"{quality.spoken(e.model)} at {e.vendor} ({last})")
    return " and ".join(said)
