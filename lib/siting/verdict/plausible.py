"""Plausible single changes of a client's scenario: one generator a kind, which only lists them.

Each says what it reads from the scenario, what it sets, and why that may happen. Nothing is run but
what a list needs to know: which answers the rules wait for, and which offers keep the limits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

from siting import catalogue, pictures, quality, reasoning
from siting.cost import api_prices, costing, prices
from siting.inputs import attributes
from siting.inputs.attributes import EXTREMES, Attribute, Known
from siting.inputs.document import DocumentError
from siting.inputs.scenario import usual
from siting.inputs.scenario.changes import Changes, changed, put
from siting.inputs.scenario.constraints import Constraint
from siting.inputs.scenario.model import (
    Method,
    Option,
    Scenario,
    Sector,
    Tokens,
    Workload,
    in_words,
)
from siting.places import BY_REQUEST, COMMITTED, MIXED, OWNED, SELF_HOSTED
from siting.quality import leaves, spoken
from siting.quantity import Range
from siting.rules.findings import Finding
from siting.rules.rulebook import Stress
from siting.serving.servers import Server
from siting.vendors.notice import Ending
from siting.vendors.stability import ceasing
from siting.verdict import alternatives, design, ranking
from siting.verdict.chain import Chain
from siting.verdict.exclusion import (
    POLICIES,
    asks_the_same,
    condition_in_words,
    first_law,
    lacked,
)
from siting.verdict.variants import Dial, Variant

VOLUMES = ("requests_per_user_day", "requests_per_day", "requests_per_month")
"""Lines of a workload that say how much is asked."""
TRAITS = {
    "personal": "personal data",
    "special_category": "data of special categories",
    "critical_function": "critical or important function",
    "large_scale": "processing on a large scale",
    "annex_iii": "high-risk use under the AI Act",
}
"""What a workload's data are, as far as law cares."""
SHORTLIST = 6
"""Servers, and rented cards, with the most memory bandwidth for the money: so many are sized."""


def variants(scenario: Scenario, chain: Chain) -> list[Variant]:
    """All plausible changes of a scenario, by kind; only those that it can take."""
    listed = (
        *price_paths(scenario),
        *loads(scenario, chain),
        *money(scenario),
        *invoices(scenario),
        *terms(scenario),
        *hardware(scenario, chain),
        *catalogue_offers(scenario),
        *attestations(scenario, chain),
        *policies(scenario, chain),
        *assumptions(scenario, chain),
        *blanks(scenario, chain),
        *events(scenario),
        *weights(scenario),
        *methods(scenario),
    )
    asked = [v.changes for v in together(scenario)]
    known = [replace(v, asked=v.changes in asked) for v in listed]
    there = [v.changes for v in known if v.asked]
    known += [v for v in together(scenario) if v.changes not in there]
    return [v for v in known if _possible(scenario, v)]


MAY_BE_REFUSED = ("offer", "event", "together")
"""Kinds of variants that name what the scenario may not take: a server, a model, anything."""


def _possible(scenario: Scenario, variant: Variant) -> bool:
    """Whether the scenario takes the change, as it would be asked for from outside."""
    if variant.kind not in MAY_BE_REFUSED:
        return True
    try:
        changed(scenario, variant.changes)
    except DocumentError:
        return False
    return True


# --- inputs ---------------------------------------------------------------------------------------


def _band(value: Range, end: str) -> float:
    return float(getattr(value, end))


PATHS = {
    "named_model": "as listed until a model ends, then as its successor",
    "equal_quality": "those of equal quality, as you test and move each year",
    "list": "as listed, to the end",
}
"""Paths of API prices in words."""
FUTURES: Mapping[str, str] = {
    "named_model": "API prices follow the named model and its successors",
    "equal_quality": "API prices fall as those of equal quality did, and you move to them",
    "list": "API prices stay as listed, to the end",
}
"""The same as clauses."""
TIMES: Mapping[float, str] = {0.5: "half", 2.0: "twice"}
"""Factors in words; others are numbers."""
FAR_DISCOUNT = 0.5
"""A discount beyond any that is expected, up to which a switching value is looked for. [share]"""
TERMS: Mapping[str, str] = {
    "on_demand": "by the hour", "1y": "for one year", "3y": "for three years",
}  # fmt: skip
"""Commitments in words."""


def price_paths(s: Scenario) -> Iterator[Variant]:
    """The other paths that API prices may take."""
    own = s.finance.price_path
    if any(o.kind in BY_REQUEST for o in s.options.values()):
        for path in get_args(api_prices.PricePath):
            if path != own:
                yield Variant(
                    kind="input",
                    what="API prices",
                    before=PATHS[own],
                    after=PATHS[path],
                    changes={"finance.price_path": path},
                    clause=FUTURES[path],
                    settled="nothing",
                )


def scaled_load(s: Scenario, factor: float) -> dict[str, Any]:
    """All requests of all workloads times a factor: tokens, machines, moves and staff follow."""
    return {
        f"workloads.{name}.{line}": float(value) * factor
        for name, w in s.workloads.items()
        for line in VOLUMES
        if (value := getattr(w, line))
    }


def loads(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """How much is asked, how it grows, how long a request is, and how requests come."""
    for factor in ends_tried("volume_tried"):
        yield Variant(
            kind="input",
            what="volume",
            before="as planned",
            after=f"× {factor:g}",
            changes=scaled_load(s, factor),
            clause=f"the volume is {TIMES.get(factor, f'{factor:g} times')} the plan",
            settled="year",
        )
    for end in ("low", "high"):
        grown = {
            f"workloads.{name}.growth_per_year": _band(w.growth_per_year, end)
            for name, w in s.workloads.items()
            if not w.growth_by_year and not w.growth_per_year.is_exact
        }
        if grown:
            yield Variant(
                kind="input",
                what="growth a year",
                before="as planned",
                after=end,
                changes=grown,
                clause=f"growth a year is at the {end} end of its range",
                settled="year",
            )
    for name, w in s.workloads.items():
        yield from _lengths(s, name, w)
        yield from _hidden(s, chain.decide(s).recommended, name)
        yield from _pictures(s, name, w)
        yield from _arrivals(name, w)
        yield from _outsiders(name, w, s.client.sector)


def ends_tried(setting: str) -> tuple[float, float]:
    """The low and the high end of a setting: both are tried in place of what is planned."""
    tried = catalogue.settings("tried_settings")[setting]
    return tried.low, tried.high


def _lengths(s: Scenario, name: str, w: Workload) -> Iterator[Variant]:
    for side in ("input", "output"):
        tokens = getattr(w, f"{side}_tokens")
        for factor in ends_tried("volume_tried"):
            longer = {"mean": tokens.mean * factor, "p95": tokens.p95 * factor}
            yield Variant(
                kind="input",
                what=f"{side} tokens, {in_words(name)}",
                before=f"{tokens.mean:,.0f}",
                after=f"{longer['mean']:,.0f}",
                changes={f"workloads.{name}.{side}_tokens": longer},
                clause=f"a request of “{in_words(name)}” has {longer['mean']:,.0f} {side} tokens, "
                f"not {tokens.mean:,.0f}",
            )
        yield from _spreads(s, name, side, tokens)


def _hidden(s: Scenario, chosen: str | None, name: str) -> Iterator[Variant]:
    """Hidden tokens at the ends of the range of the choice, as a count of the client's own would
    find them for it; of all options where none is chosen."""
    parts = leaves(s, chosen) if chosen else tuple(s.options)
    own = [option for option in parts if s.options[option].kind not in MIXED]
    hidden = [quality.hidden_tokens(s, option, name) for option in own]
    most = max(hidden, key=lambda tokens: tokens.central)
    for end in ("low", "high") if most.high > most.low else ():
        yield Variant(
            kind="input",
            what=f"hidden reasoning tokens a request, {in_words(name)}",
            before=f"{most.central:,.0f}",
            after=f"{_band(most, end):,.0f}",
            changes={f"workloads.{name}.reasoning_tokens": _band(most, end)},
            clause=f"a request of “{in_words(name)}” has {_band(most, end):,.0f} hidden reasoning "
            f"tokens, not {most.central:,.0f}",
        )


def _spreads(s: Scenario, name: str, side: str, tokens: Tokens) -> Iterator[Variant]:
    """How far lengths spread, where nobody stated it."""
    ratio = usual.ratio(s, name, f"{side}_tokens")
    if ratio is None:
        return
    for end in ("low", "high"):
        p95 = round(tokens.mean * _band(ratio.range, end), 1)
        yield Variant(
            kind="input",
            what=f"spread of {side} tokens, {in_words(name)}",
            before=f"{tokens.p95:,.0f}",
            after=f"{p95:,.0f}",
            changes={f"workloads.{name}.{side}_tokens": {"mean": tokens.mean, "p95": p95}},
            clause=f"one request of “{in_words(name)}” in twenty has more than {p95:,.0f} {side} "
            f"tokens, not {tokens.p95:,.0f}",
        )


def _pictures(s: Scenario, name: str, w: Workload) -> Iterator[Variant]:
    """How many tokens pictures become, of the model of which that is known least."""
    known = [r.range for r in pictures.of_options(s, name).values()]
    if not w.images_per_request or not known:
        return
    widest = max(known, key=lambda tokens: tokens.high / tokens.low)
    for end in ("low", "high"):
        ratio = _band(widest, end) / widest.central
        if ratio == 1:
            continue
        yield Variant(
            kind="input",
            what=f"tokens of a picture, {in_words(name)}",
            before="as planned",
            after=f"× {ratio:.2g}",
            changes={f"workloads.{name}.images_per_request": w.images_per_request * ratio},
            clause=f"a picture of {in_words(name)} becomes {ratio:.2g} times the tokens",
        )


def _arrivals(name: str, w: Workload) -> Iterator[Variant]:
    if w.batchable_share >= 1:
        return
    for kind in ("people", "machines", "agents"):
        if kind != w.bunching:
            yield Variant(
                kind="assumed",
                what=f"who sends the requests, {in_words(name)}",
                before=w.bunching,
                after=kind,
                changes={f"workloads.{name}.arrivals": kind},
                clause=f"{kind} send the requests of {in_words(name)}, not {w.bunching}",
                plausible=kind != "machines" and w.task in ("agent", "code"),
            )


def _outsiders(name: str, w: Workload, sector: Sector) -> Iterator[Variant]:
    """Whether users are told and trained by the client, where the scenario does not say."""
    if w.outside_share is None and w.users:
        outside = w.users_told(sector) == 0
        yield Variant(
            kind="assumed",
            what=f"users outside the organisation, {in_words(name)}",
            before="all" if outside else "none",
            after="none" if outside else "all",
            changes={f"workloads.{name}.outside_share": 0.0 if outside else 1.0},
            plausible=w.task == "chat",
        )


def money(s: Scenario) -> Iterator[Variant]:
    """How the client counts money, at the ends of its ranges."""
    rate = s.finance.discount_rate
    wage = s.finance.staff_cost_per_year
    for end in ("low", "high"):
        if not rate.is_exact:
            yield _counted(
                field="discount_rate",
                what="discount rate",
                said=rate,
                value=_band(rate, end),
                form="{:.1%}",
                clause="the discount rate is {}, not {}",
            )
        if wage and not wage.is_exact:
            yield _counted(
                field="staff_cost_per_year",
                what="cost of an engineer a year",
                said=wage,
                value=_band(wage, end),
                form="{:,.0f}",
                clause="an engineer costs {} a year, not {}",
            )


def _counted(
    *, field: str, what: str, said: Range, value: float, form: str, clause: str
) -> Variant:
    """A figure of `finance` at another value.

    form: how the figure is written; clause: the sentence, with places for the new and the old one.
    """
    before = form.format(said.central)
    after = form.format(value)
    return Variant(
        kind="input",
        what=what,
        before=before,
        after=after,
        changes={f"finance.{field}": value},
        clause=clause.format(after, before),
        settled="decision",
    )


def invoices(s: Scenario) -> Iterator[Variant]:
    """Each invoice of an API that is beyond its list price, left out: the list price holds then."""
    beyond = [paid for name in s.options for paid in costing.beside_list(s, name)]
    for place in dict.fromkeys(paid.place for paid in beyond):
        priced = [paid for paid in beyond if paid.place == place]
        named = " and ".join(dict.fromkeys(paid.option for paid in priced))
        far = max(priced, key=lambda paid: abs(math.log(paid.times or 1.0))).far
        kept = [quote for i, quote in enumerate(s.finance.quotes) if i != place]
        yield Variant(
            kind="stated",
            what=f"invoice of {named}",
            before=f"{far} the list price",
            after="list price",
            changes={"finance.quotes": [q.model_dump(exclude_defaults=True) for q in kept]},
            clause=f"{named} costs its list price, not {far} that as invoiced",
        )


# --- what can be agreed or ordered otherwise ------------------------------------------------------


def terms(s: Scenario) -> Iterator[Variant]:
    """Time to production, commitment, redundancy and discount of each option."""
    for name, o in s.options.items():
        wait = o.months_to_production
        here = f"options.{name}"
        for end in ("low", "high") if not wait.is_exact else ():
            yield Variant(
                kind="input",
                what=f"months to production, {o.label}",
                before=f"{wait.central:g}",
                after=f"{_band(wait, end):g}",
                changes={f"{here}.months_to_production": _band(wait, end)},
                clause=f"{o.label} serves after {_months(_band(wait, end))}, not {wait.central:g}",
            )
        for term in ("on_demand", "1y", "3y") if o.kind in COMMITTED else ():
            if term != o.commitment:
                yield Variant(
                    kind="offer",
                    what=f"commitment, {o.label}",
                    before=o.commitment.replace("_", " "),
                    after=term.replace("_", " "),
                    changes={f"{here}.commitment": term},
                    clause=f"{o.label} is rented {TERMS[term]}, not {TERMS[o.commitment]}",
                )
        if o.kind in SELF_HOSTED:
            other, spare = ("n+1", "a") if o.redundancy == "none" else ("none", "no")
            yield Variant(
                kind="offer",
                what=f"redundancy, {o.label}",
                before=o.redundancy,
                after=other,
                changes={f"{here}.redundancy": other},
                clause=f"{o.label} has {spare} spare machine",
                settled="decision",
                plausible=other == "n+1",
            )
        if o.kind in BY_REQUEST and not o.discount:
            asked = catalogue.settings("tried_settings")["discount_tried"]
            yield Variant(
                kind="offer",
                what=f"discount on list prices, {o.label}",
                before="none",
                after=f"{100 * asked.central:g} %",
                changes={f"{here}.discount": asked.central},
                clause=f"list prices at {o.label} are {100 * asked.central:g}% lower",
            )


def _months(count: float) -> str:
    """Months in words: `1 month`, `4 months`."""
    return f"{count:g} month" if count == 1 else f"{count:g} months"


def hardware(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """For each option whose machines of its own the scenario fixes, the best design, where no other
    option is that already."""
    for name, o in s.options.items():
        if o.kind not in OWNED or design.is_open(o):
            continue
        free = s.model_copy(update={"options": {**s.options, name: design.opened(o)}})
        best = next((d for d in chain.designs(free, name) if not d.refused), None)
        if best and best.machines.server != o.server:
            machines = vars(best.machines)
            rebuilt = o.model_copy(update=machines)
            if alternatives.is_there(s, rebuilt):
                continue  # another option is that, with or without a spare
            yield Variant(
                kind="offer",
                what=f"server, {o.label}",
                before=o.server or o.gpu,
                after=best.machines.server,
                changes={f"options.{name}.{k}": v for k, v in machines.items()},
                clause=f"{_machine(best.machines)} is bought in place of {_machine(o)} ({o.label})",
                rebuilds=name,
            )


def _machine(o: Option | design.Machines) -> str:
    """The server of an option as its maker calls it, or its card."""
    sold = {server.id: server.label for server in catalogue.table("servers", Server)}
    return sold.get(o.server, catalogue.gpu(o.gpu).gpu)


def _shortlist(s: Scenario, kind: str, like: Option) -> dict[str, Option]:
    """Offers of a kind for an option's models, with the most memory bandwidth for the money."""
    wanted = set(like.models.values())
    offers = {
        name: offer
        for name, offer in alternatives.offers(s, kind).items()
        if wanted.issuperset(offer.models.values())
    }
    worth = {name: _bandwidth_for_money(s, offer) for name, offer in offers.items()}
    return {name: offers[name] for name in sorted(worth, key=lambda n: -worth[n])[:SHORTLIST]}


def _bandwidth_for_money(s: Scenario, offer: Option) -> float:
    """GB/s of memory for a dollar an hour; 0 where there is no price."""
    try:
        paid = prices.gpu_hour(offer, offer.gpu, s.client.report_date).usd
    except prices.NotPriced:
        return 0.0
    return catalogue.gpu(offer.gpu).memory_bandwidth_gb_s / paid


def catalogue_offers(s: Scenario) -> Iterator[Variant]:
    """Of each kind of offer, the best that the scenario lacks: not ruled out, cheapest first."""
    found = alternatives.search(s, ("open_api", "api"), judged=3)
    hosted = next((o for o in s.options.values() if o.kind in SELF_HOSTED), None)
    if hosted:
        found += alternatives.priced(s, _shortlist(s, "rented_gpus", hosted), 3)
    for kind in ("open_api", "api", "rented_gpus"):
        own = [r for r in found if r.option.kind == kind and not r.doubts.out_of_question]
        best = min(own, key=lambda r: (r.doubts, r.present), default=None)
        if best is not None:
            said = best.option.model_dump(mode="json", exclude_defaults=True)
            yield Variant(
                kind="offer",
                what=f"one more option, {best.option.label}",
                before="not looked at",
                after=best.option.label,
                changes={f"options.{_free(s, best.name)}": said},
                clause=f"you add {best.option.label}",
                offer=best.name,
            )


def attestations(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """What a provider lacks today and an option is ruled out by alone: it may come to have it."""
    for candidate in chain.decide(s).candidates:
        lacks = lacked(candidate)
        if not lacks or candidate.kind in MIXED:
            continue
        words = " and ".join(attribute.label for attribute in lacks)
        here = f"options.{candidate.name}.attributes"
        yield Variant(
            kind="offer",
            what=f"{words}, {candidate.label}",
            before="not held",
            after="held",
            changes={f"{here}.{attribute.name}": True for attribute in lacks},
            clause=f"{candidate.label} comes to hold the {words} that it lacks",
            lacks=words,
        )


def _free(s: Scenario, name: str) -> str:
    """A name that no option has."""
    return name if name not in s.options else f"{name[:36]}-new"


# --- what is asked, taken for granted, or not answered --------------------------------------------


def policies(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """What the client itself asks, left out, line by line.

    What a law asks as well is no choice of the client's: it is tried, and not called plausible.
    """
    asked: dict[str, Finding | None] = {n: law_behind(s, n, chain) for n in s.rules.policies}
    lines: dict[str, str] = {line: POLICIES[line] for line in s.rules.policies}
    for each in _left_out("policy line", "rules.policies", lines, asked):
        # One that is kept for its price would come back: of all that hold, one alone is left out.
        priced: Changes = {"rules.policies_up_to": {}} if s.rules.policies_up_to else {}
        yield replace(each, changes={**each.changes, **priced})
    demanded = {line: condition_in_words(line) for line in s.decision.hard_constraints}
    broken = {line: law_broken(s, line, chain) for line in s.decision.hard_constraints}
    yield from _left_out("hard condition", "decision.hard_constraints", demanded, broken)


def law_behind(s: Scenario, line: str, chain: Chain) -> Finding | None:
    """What a law says that asks what a line of the client's policy asks, or may, of some option;
    None where none does."""
    every = (
        finding
        for option in chain.rules(s).options.values()
        for found in option.findings.values()
        for finding in found
    )
    return first_law(every, line, s.rules.policies)


def law_broken(s: Scenario, line: str, chain: Chain) -> Finding | None:
    """What a rule of law says that some option breaks, where a hard condition is that none or this
    one fails: one that applies without the client's policies, too, else one that may. None where no
    such rule fails, or all that do are the client's own."""
    asked = Constraint.read(line)
    if not asked.is_on_law:
        return None
    fails = (
        finding.without(s.rules.policies)
        for option in chain.rules(s).options.values()
        for rule_id in option.findings
        for finding in option.failing(rule_id)
        if finding.rule.is_of_law and asked.rule_id in ("", rule_id)
    )
    applying = (finding for finding in fails if finding.verdict != "n.a.")
    return min(applying, key=lambda finding: finding.may_not_apply, default=None)


def _left_out(
    name: str, path: str, lines: Mapping[str, str], laws: Mapping[str, Finding | None]
) -> Iterator[Variant]:
    """Each line left out alone, with the law that stays.

    laws: by line, a law that asks the same, or may.
    """
    for line, words in lines.items():
        clause = f"you drop your {name} {words}"
        law = laws[line]
        if law is not None:
            clause += f", though {asks_the_same(law)}"
        yield Variant(
            kind="policy",
            what=f"{name}: {words}",
            before="asked",
            after="left out",
            changes={path: [other for other in lines if other != line]},
            clause=clause,
            plausible=law is None,
        )


def assumptions(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """What the kit takes for granted, and what the data are said to be, the other way."""
    law = chain.rules(s)
    known = {k.attribute.name: k for k in law.assumptions}
    known |= {x.known.attribute.name: x.known for x in law.switches() if x.known.assumed}
    for name, k in known.items():
        if isinstance(k.value, bool) and not _refused(name, not k.value, law.law.attributes):
            yield Variant(
                kind="assumed",
                what=k.attribute.label,
                before=_yes(k.value),
                after=_yes(not k.value),
                changes={f"rules.attributes.{name}": not k.value},
                clause=_answered(k.attribute.label, _yes(not k.value), _yes(k.value)),
            )
    for name, w in s.workloads.items():
        for trait, words in TRAITS.items():
            is_so = getattr(w.data, trait)
            if is_so is None:
                continue  # a blank: `unanswered` fills it in where a rule waits for it
            yield Variant(
                kind="stated" if trait in w.data.model_fields_set else "assumed",
                what=f"{words}, {in_words(name)}",
                before=_yes(is_so),
                after=_yes(not is_so),
                changes={f"workloads.{name}.data.{trait}": not is_so},
                clause=_answered(f"{words} in {in_words(name)}", _yes(not is_so), _yes(is_so)),
            )


def otherwise(s: Scenario, known: Known) -> Changes:
    """What makes a fact of yes or no the other one: a line of the data of every workload, or an
    answer of the client's. Empty where the fact is of another kind, such as a country."""
    asked = known.attribute
    if asked.type != "yes/no":
        return {}
    section, _, line = asked.stated_in.partition(".")
    if section == "data" and line in TRAITS:
        return {f"workloads.{name}.data.{line}": not known.value for name in s.workloads}
    return {f"rules.attributes.{asked.name}": not known.value} if asked.level == "client" else {}


def _answered(asked: str, after: str, before: str) -> str:
    """An answer as a clause."""
    return f"the answer to “{asked}” is {after} (now {before})"


def _quoted(asked: Attribute, value: Any) -> str:
    """An answer within a sentence: a word of a list in quotation marks."""
    said = attributes.value_text(value)
    return f"“{said}”" if asked.words else said


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _refused(name: str, value: object, known: Mapping[str, Attribute]) -> bool:
    return attributes.value_problem(name, value, known) is not None


def blanks(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """What nobody answered, each way; and all blanks of one option at once, well and badly."""
    law = chain.rules(s)
    known = law.law.attributes
    by_option: dict[str, dict[str, list[Any]]] = {}
    for q in law.questions:
        asked = known[q.attribute]
        of_all = asked.level == "client"
        for owner in [""] if of_all else [o for o in q.options if s.options[o].kind not in MIXED]:
            here = f"options.{owner}.attributes" if owner else "rules.attributes"
            path = f"{here}.{asked.name}"
            whose = f", {s.options[owner].label}" if owner else ""
            of_whom = f"for {s.options[owner].label} " if owner else ""
            for value in _answers(asked, known):
                yield Variant(
                    kind="unanswered",
                    what=asked.label + whose,
                    before="blank",
                    after=attributes.value_text(value),
                    changes={path: value},
                    clause=of_whom + _answered(asked.label, _quoted(asked, value), "blank"),
                )
                if owner:
                    by_option.setdefault(owner, {}).setdefault(path, []).append(value)
    for owner, paths in by_option.items():
        if len(paths) > 1:  # one alone is among those above
            yield from _all_at_once(s, chain, owner, paths)


def _answers(asked: Attribute, known: Mapping[str, Attribute]) -> list[Any]:
    """Answers that may be given to a question."""
    by_type: Mapping[str, tuple[Any, ...]] = {"yes/no": (True, False), "number": (*EXTREMES,)}
    values = by_type.get(asked.type, tuple(asked.words or ()))
    return [v for v in values if not _refused(asked.name, v, known)]


def _all_at_once(
    s: Scenario, chain: Chain, owner: str, paths: Mapping[str, list[Any]]
) -> Iterator[Variant]:
    """All blanks of an option filled in with the answers that leave the fewest rules open, and with
    those that leave the most."""

    def risk(path: str, value: Any) -> int:
        counts = chain.rules(put(s, {path: value})).options[owner].counts
        return 2 * counts["fail"] + counts["review"]

    risks = {path: [risk(path, value) for value in values] for path, values in paths.items()}
    for after, pick in (("all well", min), ("all badly", max)):
        filled = {
            path: values[risks[path].index(pick(risks[path]))] for path, values in paths.items()
        }
        yield Variant(
            kind="unanswered",
            what=f"all {len(paths)} blanks of {s.options[owner].label}",
            before="blank",
            after=after,
            changes=filled,
            clause=f"all that is unanswered of {s.options[owner].label} is answered "
            f"{after.removeprefix('all ')}",
        )


# --- events ---------------------------------------------------------------------------------------


def events(s: Scenario) -> Iterator[Variant]:
    """A vendor or a model that can no longer be had, its successor, a framework that falls."""
    served = [(n, o) for n, o in s.options.items() if o.kind in BY_REQUEST]
    for vendor in dict.fromkeys(o.vendor for o in s.options.values() if o.vendor):
        yield Variant(
            kind="event",
            what=f"{vendor} can no longer be had",
            clause=f"{vendor.rpartition('/')[2]} can no longer be had",
            before="it serves",
            after="gone",
            changes={"suppose.gone": [*s.suppose.gone, vendor]},
        )
    for model in dict.fromkeys(m for _, o in served for m in o.models.values()):
        yield Variant(
            kind="event",
            what=f"{spoken(model)} ends, and no successor passes your test",
            before="it serves",
            after="gone",
            changes={"suppose.gone": [*s.suppose.gone, model]},
            clause=f"{spoken(model)} ends and no successor passes your test",
            **_ends(s, (o for _, o in served if model in o.models.values()), model),
        )
    for name, o in served:
        yield from _successors(s, name, o)
    yield from service_ends(s)
    yield from law_events(s)


def service_ends(s: Scenario) -> Iterator[Variant]:
    """A service that jobs of the client's need and that a vendor ends on a day still to come."""
    ends = {end.service: end for name in s.options for end in ceasing(s, name)}
    for service, end in ends.items():
        if end.last >= s.client.report_date:
            yield Variant(
                kind="event",
                what=f"{service} ends",
                before="it takes new jobs",
                after="gone",
                changes={"suppose.gone": [*s.suppose.gone, service]},
                clause=f"{service} takes no new job",
                settled="day",
                day=end.last,
            )


def law_events(s: Scenario) -> Iterator[Variant]:
    """What may happen to the law, or to a vendor by law, of what the scenario asks about."""
    for event in catalogue.table("sovereignty_stress", Stress):
        if event.stress in s.rules.stress and event.stress not in s.suppose.law:
            yield Variant(
                kind="event",
                what=event.label,
                before="no",
                after="yes",
                changes={"suppose.law": [*s.suppose.law, event.stress]},
            )


def _ends(s: Scenario, sold: Iterable[Option], model: str) -> dict[str, Any]:
    """When a model ends, where its vendors have announced it: the first day."""
    months = s.finance.horizon_months
    found = (api_prices.ending(o.vendor, model, s.client.report_date, months, s.seed) for o in sold)
    days = [end.retired for end in found if end.retired]
    return {"settled": "day", "day": min(days)} if days else {}


def _successors(s: Scenario, name: str, o: Option) -> Iterator[Variant]:
    """The first successor that the vendor names and that outlives the model, from today on; where
    none does, the model of its line that lasts longest, from the end of the model on."""
    months = s.finance.horizon_months
    for model in dict.fromkeys(o.models.values()):
        end = api_prices.ending(o.vendor, model, s.client.report_date, months, s.seed)
        named = (alternatives.sold_as(o, x) for x in end.lasting)
        new = next((x for x in named if x and x != model), None)
        if new is None:
            yield from _longest_of_line(s, o, end)
            continue
        models = {w: new if m == model else m for w, m in o.models.items()}
        change: dict[str, Any] = {f"options.{name}.models": models}
        if reasoning.effort_missing(new, o.effort):
            change[f"options.{name}.effort"] = "default"
        yield Variant(
            kind="event",
            what=f"successor of {spoken(model)}, {o.label}",
            before=spoken(model),
            after=spoken(new),
            changes=change,
            clause=f"{spoken(new)} follows {spoken(model)} at {o.label}",
            **_ends(s, [o], model),
        )


def _longest_of_line(s: Scenario, o: Option, end: Ending) -> Iterator[Variant]:
    """The model of the same line that ends last, in place of one whose end is announced."""
    heir = alternatives.lasting_heir(o, end, s.client.report_date)
    if heir is None:
        return
    said = f"{spoken(heir.model)} follows {spoken(end.model)} at {o.label}, at its price of today"
    yield Variant(
        kind="event",
        what=f"successor of {spoken(end.model)}, {o.label}",
        before="not named",
        after=spoken(heir.model),
        changes={"suppose.follows": {**s.suppose.follows, end.model: heir.words}},
        clause=said,
        **_ends(s, [o], end.model),
    )


# --- how it is weighed ----------------------------------------------------------------------------


def weights(s: Scenario) -> Iterator[Variant]:
    """Each weight at nought and doubled."""
    known = ranking.weights_of(s.decision.weights, ranking.all_criteria())
    for c in ranking.all_criteria():
        own = known[c.criterion]
        for factor in (0.0, 2.0):
            said = own.scaled(factor)
            ends = {"low": said.low, "central": said.central, "high": said.high}
            how = "twice" if factor else "for nothing"
            yield Variant(
                kind="weight",
                what=f"weight of {c.label.lower()}",
                before=f"{own.central:g}",
                after=f"{said.central:g}",
                changes={f"decision.weights.{c.criterion}": ends},
                clause=f"{c.label.lower()} counts {how}",
            )


def _put_together(method: Method, own: Method) -> str:
    """Another way to put criteria together, as a clause. A sum with any weights differs from the
    weighted sum in the weights alone."""
    if {method, own} == {"additive", "free_weights"}:
        whose = "any that one may choose" if method == "free_weights" else "those stated"
        return f"the weights of the criteria are {whose}"
    return f"criteria are put together by {ranking.METHODS[method]}, not {ranking.METHODS[own]}"


def methods(s: Scenario) -> Iterator[Variant]:
    """Other ways to put criteria together that are as defensible."""
    own = s.decision.method
    for method in ranking.METHODS:
        if method != own:
            yield Variant(
                kind="method",
                what="how criteria are put together",
                before=ranking.METHODS[own],
                after=ranking.METHODS[method],
                changes={"decision.method": method},
                clause=_put_together(method, own),
            )


def together(s: Scenario) -> Iterator[Variant]:
    """What the scenario wants tried at once."""
    for asked in s.what_if:
        yield Variant(
            kind="together",
            what=asked.label,
            before="as planned",
            after="all of it",
            changes=asked.set,
            clause=asked.label,
            asked=True,
        )


# --- continuous inputs ----------------------------------------------------------------------------


def dials(s: Scenario, chosen: str | None) -> Iterator[Dial]:
    """Inputs whose switching values are looked for: volume, growth, time to production of the
    chosen option, discounts, and the weight of cost."""
    band = catalogue.settings("decision_settings")["volume_band"].range
    yield Dial(
        what="volume",
        unit="times the plan",
        today=1.0,
        low=band.low,
        high=band.high,
        grid=(band.low, 0.6, 1.7, band.high),
        change=lambda factor: scaled_load(s, factor),
        settled="year",
    )
    known = ranking.weights_of(s.decision.weights, ranking.all_criteria())
    cost = known["cost"]
    rest = sum(w.central for w in known.values()) - cost.central
    yield Dial(
        kind="weight",
        what="weight of cost",
        unit="share of all weight",
        today=cost.central / (cost.central + rest),
        low=cost.low / (cost.low + rest),
        high=cost.high / (cost.high + rest),
        grid=(0.05, 0.15, 0.25, 0.4, 0.55, 0.7, 0.9),
        change=lambda share: {"decision.weights.cost": rest * share / (1 - share)},
    )
    if chosen is None:
        return
    wait = s.options[chosen].months_to_production
    if wait.high > 0:
        yield Dial(
            what=f"months to production, {s.options[chosen].label}",
            unit="months",
            today=wait.central,
            low=wait.low,
            high=wait.high,
            grid=(wait.low, wait.high, 2 * wait.high),
            change=lambda months: {f"options.{chosen}.months_to_production": months},
        )
    for name in s.options:
        yield from _discounts(s, name)


def _discounts(s: Scenario, name: str) -> Iterator[Dial]:
    """The discount on list prices at which an option takes the lead, or keeps it."""
    option = s.options[name]
    if option.kind in BY_REQUEST and len(leaves(s, name)) == 1:
        asked = catalogue.settings("tried_settings")["discount_tried"]
        yield Dial(
            what=f"discount on list prices, {option.label}",
            unit="share",
            today=option.discount,
            low=asked.low,
            high=asked.high,
            grid=(asked.low, asked.high, FAR_DISCOUNT),
            change=lambda share: {f"options.{name}.discount": share},
            settled="offer",
        )
