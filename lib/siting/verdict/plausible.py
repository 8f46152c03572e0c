"""Plausible single changes of a client's scenario: one generator a kind, which only lists them.

Each says what it reads from the scenario, what it sets, and why that may happen; its words stand in
changes.csv. Nothing is run but what a list needs to know: which answers the rules wait for, and
which offers keep the limits.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from siting import catalogue, pictures, quality
from siting.cost import api_prices, costing, dates, prices
from siting.inputs import attributes
from siting.inputs.attributes import EXTREMES, Attribute
from siting.inputs.document import DocumentError
from siting.inputs.scenario import usual
from siting.inputs.scenario.changes import Changes, changed, put
from siting.inputs.scenario.constraints import BUDGET, Constraint
from siting.inputs.scenario.model import MOST_LABEL_LETTERS, Option, Scenario, Workload, in_words
from siting.places import BY_REQUEST, MIXED, OWNED, SELF_HOSTED
from siting.quality import leaves, spoken
from siting.quantity import DAYS_OF_MONTH, Range
from siting.rules.rulebook import Stress
from siting.vendors.stability import ceasing
from siting.verdict import alternatives, design
from siting.verdict.chain import Chain
from siting.verdict.exclusion import (
    POLICIES,
    asked_by_law,
    condition_in_words,
    lacked,
)
from siting.verdict.ordered import with_option
from siting.verdict.variants import Variant, change, scaled_load

TRAITS = {
    "personal": "personal data",
    "special_category": "data of special categories",
    "critical_function": "critical or important function",
    "large_scale": "processing on a large scale",
    "annex_iii": "high-risk use under the AI Act",
}
"""What a workload's data are, as far as law cares."""
MACHINES = 2
"""Other servers that are tried for each option that owns its machines."""
SHORTLIST = 6
"""Servers, and rented cards, with the most memory bandwidth for the money: so many are sized."""
SPLIT = "split-by-workload"
"""Name of the option that gives each workload to the one that is first for it."""
LONGEST_PARALLEL = 24
"""Months that two services may be paid side by side in a scenario."""
TIMES: Mapping[float, str] = {0.5: "half", 2.0: "twice"}
"""Factors that have a word of their own."""


def variants(scenario: Scenario, chain: Chain) -> list[Variant]:
    """All plausible changes of a scenario, by kind; only those that it can take."""
    found = [
        *prices_for_sure(scenario),
        *loads(scenario, chain),
        *money(scenario),
        *_possible(scenario, invoices(scenario)),
        *renewals(scenario, chain),
        *failed_tests(scenario, chain),
        *terms(scenario),
        *splits(scenario, chain),
        *hardware(scenario, chain),
        *_possible(scenario, catalogue_offers(scenario)),
        *attestations(scenario, chain),
        *policies(scenario, chain),
        *assumptions(scenario, chain),
        *idle_cards(scenario, chain),
        *blanks(scenario, chain),
        *_possible(scenario, events(scenario)),
    ]
    listed = [v.changes for v in found]
    found += _possible(scenario, (v for v in together(scenario) if v.changes not in listed))
    wanted = [wish.set for wish in scenario.what_if]
    return [replace(v, asked=v.changes in wanted) for v in found]


def _possible(scenario: Scenario, found: Iterable[Variant]) -> Iterator[Variant]:
    """Those that the scenario takes, as they would be asked for from outside: what names a server,
    a model, or anything, may be refused."""
    for variant in found:
        try:
            changed(scenario, variant.changes)
        except DocumentError:
            continue
        yield variant


# --- inputs ---------------------------------------------------------------------------------------


def ends(value: Range) -> list[float]:
    """The low and the high end of a range; none of an exact one."""
    return [] if value.is_exact else [value.low, value.high]


def tried() -> list[float]:
    """Times the plan that are tried in its place, of volumes, lengths and costs."""
    return ends(catalogue.settings("tried_settings")["volume_tried"].range)


def prices_for_sure(s: Scenario) -> Iterator[Variant]:
    """API prices hold for sure, or fall for sure."""
    if any(o.kind in BY_REQUEST for o in s.options.values()):
        for belief, future in ((0.0, "hold"), (1.0, "fall")):
            yield change("prices", {"finance.falling_prices": belief}, {"future": future})


def often(factor: float) -> str:
    """A factor in words."""
    return TIMES.get(factor, f"{factor:g} times")


def loads(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """How much is asked, how it grows, how long a request is, and how requests come."""
    for factor in tried():
        told = {"after": factor, "often": often(factor)}
        yield change("volume", scaled_load(s, factor), told)
    for end in ("low", "high"):
        grown = {
            f"workloads.{name}.growth_per_year": getattr(w.growth_per_year, end)
            for name, w in s.workloads.items()
            if not w.growth_by_year and not w.growth_per_year.is_exact
        }
        if grown:
            yield change("growth", grown, {"after": end})
    whole = chain.designed(s)
    chosen = chain.decided(whole).recommended
    for name, w in s.workloads.items():
        yield from _lengths(s, name, w)
        yield from _hidden(whole, chosen, name)
        yield from _pictures(s, name, w)


def _lengths(s: Scenario, name: str, w: Workload) -> Iterator[Variant]:
    """How long requests are, and how far lengths spread where nobody stated it."""
    for side in ("input",) if w.task == "embed" else ("input", "output"):
        tokens = getattr(w, f"{side}_tokens")
        path = f"workloads.{name}.{side}_tokens"
        words = {"workload": in_words(name), "side": side}
        for times in tried():
            longer = {"mean": tokens.mean * times, "p95": tokens.p95 * times}
            after = longer["mean"]
            yield change("length", {path: longer}, words | {"before": tokens.mean, "after": after})
        ratio = usual.ratio(s, name, f"{side}_tokens")
        for end in (ratio.low, ratio.high) if ratio else ():
            p95 = round(tokens.mean * end, 1)
            wider = {"mean": tokens.mean, "p95": p95}
            yield change("spread", {path: wider}, words | {"before": tokens.p95, "after": p95})


def _hidden(s: Scenario, chosen: str | None, name: str) -> Iterator[Variant]:
    """Hidden tokens at the ends of the range of the choice, as a count of the client's own would
    find them for it; of all options where none is chosen."""
    parts = leaves(s, chosen) if chosen else tuple(s.options)
    own = [option for option in parts if s.options[option].kind not in MIXED]
    hidden = [quality.hidden_tokens(s, option, name) for option in own]
    most = max(hidden, key=lambda tokens: tokens.central)
    for end in ends(most):
        set_to = {f"workloads.{name}.reasoning_tokens": end}
        yield change(
            "hidden", set_to, {"workload": in_words(name), "before": most.central, "after": end}
        )


def _pictures(s: Scenario, name: str, w: Workload) -> Iterator[Variant]:
    """How many tokens pictures become, of the model of which that is known least."""
    known = [r.range for r in pictures.of_options(s, name).values()]
    if not w.images_per_request or not known:
        return
    widest = max(known, key=lambda tokens: tokens.high / tokens.low)
    for end in ends(widest):
        times = end / widest.central
        if times != 1:
            set_to = {f"workloads.{name}.images_per_request": w.images_per_request * times}
            yield change("picture", set_to, {"workload": in_words(name), "after": times})


def money(s: Scenario) -> Iterator[Variant]:
    """How the client counts money, at the ends of its ranges."""
    for after in ends(s.finance.discount_rate):
        words = {"before": s.finance.discount_rate.central, "after": after}
        yield change("discount rate", {"finance.discount_rate": after}, words)
    staff = s.finance.staff_cost_per_year
    now = staff.central if staff else 0.0
    for times in tried() if now else ():
        after = now * times
        told = {"before": now, "after": after, "often": often(times)}
        yield change("staff cost", {"finance.staff_cost_per_year": after}, told)


def invoices(s: Scenario) -> Iterator[Variant]:
    """Each invoice of an API that is beyond its list price: left out, so that the list price holds,
    or explained by tokens that are more than stated, which all options then carry."""
    beyond = [paid for name in s.options for paid in costing.beside_list(s, name)]
    for place in dict.fromkeys(paid.place for paid in beyond):
        priced = [paid for paid in beyond if paid.place == place]
        farthest = max(priced, key=lambda paid: abs(math.log(paid.times)))
        kept = [quote for i, quote in enumerate(s.finance.quotes) if i != place]
        set_to = {"finance.quotes": [q.model_dump(exclude_defaults=True) for q in kept]}
        named = " and ".join(dict.fromkeys(paid.option for paid in priced))
        words = {"options": named, "far": farthest.far}
        yield change("invoice", set_to, words)
        longer = {
            f"workloads.{paid.workload}.{field}": {
                "mean": tokens.mean * paid.times,
                "p95": tokens.p95 * paid.times,
            }
            for paid in priced
            for field in usual.LENGTHS
            for tokens in (getattr(s.workloads[paid.workload], field),)
        }
        yield change("invoice of tokens", {**set_to, **longer}, words)


def renewals(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """Each contract of what runs today, renewed for its whole term: it is paid until then, whatever
    serves in its place, unless it owes nothing."""
    whole = chain.designed(s)
    chosen = chain.decided(whole).recommended
    if chosen in (None, s.finance.baseline):
        return
    serves = dates.serves(whole, str(chosen)).central / DAYS_OF_MONTH
    now = dates.side_by_side(s).central
    for contract in dates.renewals(s):
        if contract.renewed_to is None or contract.minimum == 0:
            continue
        months = (contract.renewed_to - s.client.report_date).days / DAYS_OF_MONTH - serves
        if now < months <= LONGEST_PARALLEL:
            set_to = {"finance.parallel_months": round(months, 1)}
            words = {"vendor": contract.vendor, "until": contract.renewed_to.isoformat()}
            yield change("renewal", set_to, {**words, "before": now, "after": months})


def failed_tests(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """A model of the choice that nobody has shown to be good enough, or that the client did not
    name, and that does not pass its test."""
    whole = chain.designed(s)
    chosen = chain.decided(whole).recommended
    named = {m for o in s.options.values() for m in o.models.values()}
    if chosen is None:
        return
    parities = chain.quality(whole).of(chosen)
    doubted = {p.model for p in parities} - {p.model for p in parities if p.supported}
    served = (whole.options[part].models.values() for part in leaves(whole, chosen))
    for model in dict.fromkeys(model for models in served for model in models):
        if model in doubted or model not in named:
            words = {"model": spoken(model), "option": whole.options[chosen].label}
            yield change("test failed", without(s, model), words)


# --- what can be agreed or ordered otherwise ------------------------------------------------------


def terms(s: Scenario) -> Iterator[Variant]:
    """Time to production, redundancy and discount of each option. Its terms of rent are compared as
    ways to order it (`ordered.terms`)."""
    asked = 100 * catalogue.settings("tried_settings")["discount_tried"].central
    for name, o in s.options.items():
        here = f"options.{name}"
        for end in ends(o.months_to_production):
            unit = "month" if end == 1 else "months"
            before = o.months_to_production.central
            set_to = {f"{here}.months_to_production": end}
            yield change(
                "months", set_to, {"option": o.label, "before": before, "after": end, "unit": unit}
            )
        if o.kind in SELF_HOSTED and o.redundancy == "none":
            yield change("redundancy", {f"{here}.redundancy": "n+1"}, {"option": o.label})
        if o.kind in BY_REQUEST and not o.discount:
            yield change(
                "discount", {f"{here}.discount": asked / 100}, {"option": o.label, "after": asked}
            )


def splits(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """Each workload at the option that is first for it alone, where these are several."""
    whole = chain.designed(s)
    first = {}
    for name in s.workloads if len(s.workloads) > 1 else ():
        first[name] = chain.decided(whole.of([name])).recommended or ""
    places = dict.fromkeys(first.values())
    if len(places) < 2 or "" in places:
        return
    labels = {place: whole.options[place].label for place in places}
    told = " and ".join(f"“{in_words(w)}” at {labels[place]}" for w, place in first.items())
    said = {
        "kind": "split",
        "label": " and ".join(labels.values())[:MOST_LABEL_LETTERS],
        "parts": first,
    }
    better = (place for place in places if place not in s.options)
    ways = {f"options.{w}": _said(whole.options[w]) for w in better}
    yield change("split", {**ways, f"options.{SPLIT}": said}, {"parts": told})


def _said(option: Option) -> dict[str, Any]:
    """An option as a scenario says it."""
    return option.model_dump(mode="json", exclude_defaults=True)


def hardware(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """For each option with machines of its own, the best others that carry the load, where no other
    option is that already."""
    for name, o in s.options.items():
        if o.kind not in OWNED:
            continue
        free = with_option(s, name, design.opened(o))
        found = (d.machines for d in chain.designs(free, name) if not d.refused)
        others: dict[str, design.Machines] = {}
        for machines in found:  # another option may be that, with or without a spare
            if machines.server != o.server and not alternatives.is_there(s, machines.put_in(o)):
                others.setdefault(machines.server, machines)
        for other in islice(others.values(), MACHINES):
            yield change(
                "server",
                {f"options.{name}.{field}": value for field, value in vars(other).items()},
                {
                    "option": o.label,
                    "before": o.server or o.gpu,
                    "after": other.server,
                    "new": other.label,
                    "old": design.Machines.of(o).label,
                },
            )


def _shortlist(s: Scenario, kind: str, like: Option) -> dict[str, Option]:
    """Offers of a kind for an option's models, with the most memory bandwidth for the money."""
    wanted = set(like.models.values())
    offers = alternatives.offers(s, kind).items()
    alike = {name: offer for name, offer in offers if wanted.issuperset(offer.models.values())}
    best = sorted(alike, key=lambda name: -_bandwidth_for_money(s, alike[name]))
    return {name: alike[name] for name in best[:SHORTLIST]}


def _bandwidth_for_money(s: Scenario, offer: Option) -> float:
    """GB/s of memory for a dollar an hour; 0 where there is no price."""
    try:
        paid = prices.gpu_hour(offer, offer.gpu, s.client.report_date).value.central
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
        own = [r for r in found if r.option.kind == kind and not r.out_of_question]
        best = min(own, key=lambda r: r.order, default=None)
        if best is not None:
            words = {"option": best.option.label}
            added = {f"options.{best.name}": _said(best.option)}
            yield change("one more option", added, words)


def attestations(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """What a provider lacks today and an option is ruled out by alone: it may come to have it."""
    for candidate in chain.decided(s).candidates:
        lacks = lacked(candidate)
        if lacks and candidate.kind not in MIXED:
            here = f"options.{candidate.name}.attributes"
            held = {f"{here}.{attribute.name}": True for attribute in lacks}
            words = " and ".join(attribute.label for attribute in lacks)
            yield change("attestation", held, {"option": candidate.label, "lacks": words})


# --- what is asked, taken for granted, or not answered --------------------------------------------


def policies(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """What the client itself asks, left out, line by line; not what a law asks as well, which is no
    choice of the client's."""
    policies = s.rules.model_dump()["policies"]
    for line, policy in zip(s.rules.lines, policies, strict=True):
        if not law_behind(s, line, chain):
            others = [other for other in policies if other != policy]
            left: Changes = {"rules.policies": others}
            yield change("policy", left, {"words": POLICIES[line]})
    hard = s.decision.hard_constraints
    if s.finance.budget_any_year:
        yield change("hard condition", {BUDGET: None}, {"words": condition_in_words(BUDGET)})
    for asked in hard:
        if not law_broken(s, asked, chain):
            left = {"decision.hard_constraints": [other for other in hard if other != asked]}
            yield change("hard condition", left, {"words": condition_in_words(asked)})


def law_behind(s: Scenario, line: str, chain: Chain) -> bool:
    """Whether a law asks of some option what a line of the client's policy asks, or may."""
    options = chain.rules(s).options.values()
    every = (f for option in options for found in option.findings.values() for f in found)
    return asked_by_law(every, line, s.rules.lines)


def law_broken(s: Scenario, line: str, chain: Chain) -> bool:
    """Whether some option breaks a rule of law, where a hard condition is that none or this one
    fails: one that applies, or may, without the client's policies, too."""
    asked = Constraint.read(line)
    if not asked.is_on_law:
        return False
    fails = (
        finding.without(s.rules.lines)
        for option in chain.rules(s).options.values()
        for rule_id in option.findings
        for finding in option.failing(rule_id)
        if finding.rule.is_of_law and asked.rule_id in ("", rule_id)
    )
    return any(finding.verdict != "n.a." for finding in fails)


def assumptions(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """What the kit takes for granted, and what the data are said to be, the other way."""
    law = chain.rules(s)
    for k in law.assumptions:
        name = k.attribute.name
        if isinstance(k.value, bool) and not _refused(name, not k.value, law.law.attributes):
            set_to = {f"rules.attributes.{name}": not k.value}
            words = {"question": k.attribute.label, **_turned(k.value)}
            yield change("taken for granted", set_to, words)
    for name, w in s.workloads.items():
        for trait, label in TRAITS.items():
            is_so = getattr(w.data, trait)
            if is_so is not None:  # a blank is filled in by `blanks`, where a rule waits for it
                form = "said of data" if trait in w.data.model_fields_set else "taken of data"
                words = {"trait": label, "workload": in_words(name), **_turned(is_so)}
                yield change(form, {f"workloads.{name}.data.{trait}": not is_so}, words)


def idle_cards(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """Cards that are taken to be given back by the hour, paid by the month instead: by vendor."""
    whole = chain.designed(s)
    by_hour = [name for name, o in whole.options.items() if o.commitment == "on_demand"]
    rented = {whole.options[name].vendor: whole.hourly_at(name) for name in by_hour}
    for vendor, hours in rented.items():
        if hours:
            yield change("idle cards", without(s, hours), {"vendor": vendor.rpartition("/")[2]})


def _turned(value: bool) -> dict[str, str]:
    """An answer, before and after it is turned, in words."""
    said = ("yes", "no") if value else ("no", "yes")
    return dict(zip(("before", "after"), said, strict=True))


def _refused(name: str, value: object, known: Mapping[str, Attribute]) -> bool:
    return attributes.value_problem(name, value, known) is not None


def blanks(s: Scenario, chain: Chain) -> Iterator[Variant]:
    """What nobody answered. Of an option all blanks at once, well and badly; each alone only where
    that turns the answer, as what does nothing together does nothing alone."""
    law = chain.rules(s)
    known = law.law.attributes
    chosen = chain.decide(s).recommended
    of_option: dict[str, list[Variant]] = {}
    for name, options in law.questions.items():
        asked = known[name]
        answers = _answers(asked, known)
        if asked.level == "client":
            for value in answers:
                yield _answered(asked, {f"rules.attributes.{asked.name}": value}, value)
            continue
        for owner in (o for o in options if s.options[o].kind not in MIXED):
            path = f"options.{owner}.attributes.{asked.name}"
            label = s.options[owner].label
            alone = [_answered(asked, {path: value}, value, label) for value in answers]
            of_option.setdefault(owner, []).extend(alone)
    for owner, alone in of_option.items():
        ends = [*_all_at_once(s, chain, owner, alone)]
        changed = (put(s, end.changes) for end in ends)
        turned = (chain.decide(each).recommended != chosen for each in changed)
        yield from alone if any(turned) else ends


def _answered(asked: Attribute, set_to: Changes, value: Any, of: str = "") -> Variant:
    """A blank filled in. of: label of the option that is asked about; blank: the client itself."""
    said = attributes.value_text(value)
    return change(
        "blank",
        set_to,
        {
            "question": asked.label,
            "whose": of and f", {of}",
            "of_whom": of and f"for {of} ",
            "after": said,
            "quoted": f"“{said}”" if asked.words else said,
        },
    )


def _answers(asked: Attribute, known: Mapping[str, Attribute]) -> list[Any]:
    """Answers that may be given to a question."""
    by_type: Mapping[str, tuple[Any, ...]] = {"yes/no": (True, False), "number": (*EXTREMES,)}
    values = by_type.get(asked.type, tuple(asked.words or ()))
    return [v for v in values if not _refused(asked.name, v, known)]


def _all_at_once(
    s: Scenario, chain: Chain, owner: str, alone: Sequence[Variant]
) -> Iterator[Variant]:
    """All blanks of an option filled in with the answers that leave the fewest rules open, and with
    those that leave the most.

    alone: each answer by itself.
    """

    def risk(answer: Variant) -> int:
        counts = chain.judged(put(s, answer.changes), owner).counts
        return 2 * counts["fail"] + counts["review"]

    by_blank: dict[str, list[Variant]] = {}
    for answer in alone:
        by_blank.setdefault(next(iter(answer.changes)), []).append(answer)
    for after, pick in (("well", min), ("badly", max)):
        picked = [pick(answers, key=risk) for answers in by_blank.values()]
        filled = {path: value for answer in picked for path, value in answer.changes.items()}
        words = {"option": s.options[owner].label, "count": len(filled), "after": after}
        yield change("all blanks", filled, words)


# --- events ---------------------------------------------------------------------------------------


def events(s: Scenario) -> Iterator[Variant]:
    """A vendor or a model that can no longer be had, a service that jobs need and that its vendor
    ends on a day still to come, a framework that falls."""
    served = [o for o in s.options.values() if o.kind in BY_REQUEST]
    kept = {m for o in s.options.values() if o not in served for m in o.models.values()}
    for vendor in dict.fromkeys(o.vendor for o in s.options.values() if o.vendor):
        name = vendor.rpartition("/")[2]
        yield change("vendor gone", without(s, vendor), {"vendor": vendor, "name": name})
    for model in dict.fromkeys(m for o in served for m in o.models.values() if m not in kept):
        sold = [o for o in served if model in o.models.values()]
        day = _last_day(s, sold, model)
        yield change("model gone", without(s, model), {"model": spoken(model)}, day=day)
    ending = {end.service: end.last for name in s.options for end in ceasing(s, name)}
    for service, last in ending.items():
        if last >= s.client.report_date:
            yield change("service gone", without(s, service), {"service": service}, day=last)
    yield from law_events(s)


def without(s: Scenario, lost: str) -> Changes:
    """What supposes that a vendor, a model or a service can no longer be had."""
    return {"suppose.gone": [*s.suppose.gone, lost]}


def law_events(s: Scenario) -> Iterator[Variant]:
    """What may happen to the law, or to a vendor by law."""
    for event in catalogue.table("sovereignty_stress", Stress):
        if event.stress not in s.suppose.law:
            happens = {"suppose.law": [*s.suppose.law, event.stress]}
            yield change("law", happens, {"event": event.label})


def _last_day(s: Scenario, sold: Iterable[Option], model: str) -> dt.date | None:
    """When a model ends, where its vendors have announced it: the first day."""
    months = s.finance.horizon_months
    found = (api_prices.ending(o.vendor, model, s.client.report_date, months, s.seed) for o in sold)
    return min((end.retired for end in found if end.retired), default=None)


# --- what the client asks for ---------------------------------------------------------------------


def together(s: Scenario) -> Iterator[Variant]:
    """What the scenario wants tried at once."""
    return (change("together", w.set, {"label": w.label}) for w in s.what_if)
