"""What could be ordered at the place of an option, beside what the client typed.

The vendor's other models on file (siting_facts/model_replacements.csv) and lower efforts of the
same model; of rented cards another term. What is measured as good enough takes part in the
comparison as one more option of that place; what nobody has measured is listed with the test that
would tell.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from siting import quality, reasoning
from siting.catalogue import name_key
from siting.cost.api_prices import region_of, replacements
from siting.inputs.scenario.model import BEST, MOST_LABEL_LETTERS, NAME_LETTERS, Option, Scenario
from siting.places import BY_REQUEST, COMMITTED, HOSTED_OPEN, MIXED, SELF_HOSTED
from siting.quality import Standing
from siting.quantity import Range
from siting.vendors.vendor_record import ModelReplacement
from siting.verdict.design import Costed

EFFORTS = ("none", "low", "medium")
"""Efforts that are tried, from the cheapest."""
WORST: tuple[Standing, ...] = ("out", "listed", "in")
"""Standings, the worst first."""
SWITCH = Range(0.5, 1.0, 2.0, unit="months")
"""Until another model serves at the same place: a test, and a change of its name."""
TERMS = {"on_demand": "by the hour", "1y": "one year", "3y": "three years"}
OF_SERVICE = ("c5_covers_service", "secnumcloud_covers_service", "hipaa_eligible_service")
"""Answers on the very service: not known of another model."""
Price = Callable[[Scenario, str], Costed]
"""Prices an option of a scenario as planned."""


def is_open(option: Option) -> bool:
    """Whether a scenario leaves the model, the effort or the term of an option to the kit."""
    if option.kind in MIXED:
        return False
    models = option.models.values()
    is_left = not models or BEST in (option.effort, option.commitment, *models)
    return is_left or _is_silent(option)


def ways(scenario: Scenario, name: str) -> list[Scenario]:
    """The scenario with each way to order what it leaves open of an option: models and efforts that
    are good enough, and terms. Where there is none the option has no model."""
    option = scenario.options[name]
    found = [option]
    left = [*option.models.values(), option.effort]
    if not option.models or BEST in left or _is_silent(option):
        found = _good(scenario, option)
    quoted = any(quote.item == f"option.{name}.gpu_hour" for quote in scenario.finance.quotes)
    if option.commitment == BEST:
        terms = ["on_demand"] if quoted else [*TERMS]
        found = [way.model_copy(update={"commitment": t}) for way in found for t in terms]
    every = scenario.options
    return [scenario.model_copy(update={"options": {**every, name: way}}) for way in found]


def _good(scenario: Scenario, option: Option) -> list[Option]:
    """An option with each model and effort that is good enough; of a model that is typed, where no
    effort is shown to be, those that are not shown to be worse."""
    is_typed = bool(option.models) and BEST not in option.models.values()
    models = [option] if is_typed else [*_possible(scenario, option)]
    each = [way for one in models for way in _efforts(one, option.effort)]
    for standing in ("in", "listed") if is_typed else ("in",):
        found = [way for way in each if _worst(scenario, way) == standing]
        if found:
            return [way.model_copy(update={"label": option.label}) for way in found]
    return [option.model_copy(update={"models": {}, "effort": ""})]


def _is_silent(option: Option) -> bool:
    """Whether an option does not say how much its model reasons."""
    return any(reasoning.effort_missing(m, option.effort) for m in option.models.values())


def _possible(scenario: Scenario, option: Option) -> Iterator[Option]:
    """An option with each model that it could have: of its seller what is asked for, serves today
    or follows that there; on machines and at a host of open models, what the scenario names."""
    served = [o for o in scenario.options.values() if BEST not in o.models.values()]
    if option.kind not in BY_REQUEST or option.kind in HOSTED_OPEN:
        models = [m for w in scenario.workloads.values() for m in w.models]
        alike = (*SELF_HOSTED, *HOSTED_OPEN)
        models += [m for o in served if o.kind in alike for m in o.models.values()]
        for model in dict.fromkeys(models):
            yield option.model_copy(update={"models": {"all": model}})
        return
    asked = [w.quality.reference_model for w in scenario.workloads.values() if w.quality]
    sold = [m for o in served if o.provider == option.provider for m in o.models.values()]
    for model in dict.fromkeys([*map(quality.bare_name, asked), *sold]):
        yield option.model_copy(update={"models": {"all": model}})
        for row in _replacements(scenario, option, model):
            yield _with_model(option, row)


def _efforts(option: Option, said: str) -> Iterator[Option]:
    """An option at each effort that its model has, or at the one that is said."""
    (model, *_) = option.models.values()
    efforts: Iterable[str] = (said,)
    if said in ("", BEST):
        efforts = (*EFFORTS, "high")
    if reasoning.thinks(model) == "never":
        efforts = ("",)
    for effort in efforts:
        yield option.model_copy(update={"effort": effort})


def _worst(scenario: Scenario, way: Option) -> Standing:
    """Where a way stands over all workloads, against what is asked for or runs today; where neither
    is known, any model is good enough."""
    today = scenario.options.get(scenario.finance.baseline)
    found: set[Standing] = set()
    for name, workload in scenario.workloads.items():
        model = way.runs(name)
        floor = workload.quality
        before = (today.runs(name), today.effort) if today else ("", "")
        against = (floor.reference_model, floor.reference_effort) if floor else before
        same = (name_key(model), way.effort or "none") == (
            name_key(against[0]),
            against[1] or "none",
        )
        if same or not against[0]:
            found.add("in")
        else:
            found.add(quality.standing(workload, way, model, before))
    return next(s for s in WORST if s in found)


@dataclass(frozen=True, kw_only=True)
class Other:
    """Another way to order an option, at the same place."""

    of: str
    """The option that it is of."""
    name: str
    option: Option
    standing: Standing


def others(scenario: Scenario) -> Iterator[Other]:
    """Other models and efforts of every option that pays a vendor by the request."""
    for name, option in scenario.options.items():
        models = set(option.models.values())
        if option.kind not in BY_REQUEST or option.kind in HOSTED_OPEN or len(models) != 1:
            continue
        (model,) = models
        for row in _replacements(scenario, option, model):
            yield from _at_efforts(scenario, name, _with_model(option, row), row.replacement)
        if option.effort in EFFORTS:
            yield from _at_efforts(scenario, name, option, model, below=option.effort)


def terms(scenario: Scenario) -> Iterator[Other]:
    """The other terms of every option of rented cards whose price no offer binds to its own."""
    quoted = {quote.item.split(".")[1] for quote in scenario.finance.quotes if "." in quote.item}
    for name, option in scenario.options.items():
        if option.kind not in COMMITTED or name in quoted:
            continue
        for term, words in TERMS.items():
            if term != option.commitment:
                other = option.model_copy(
                    update={"commitment": term, "label": _label(option.label, words)}
                )
                key = _name(name, term)
                yield Other(of=name, name=key, option=other, standing="in")


def _label(label: str, otherwise: str) -> str:
    """What an option is called that is otherwise in this."""
    return _ends_with(label, f", {otherwise}", MOST_LABEL_LETTERS)


def _name(name: str, *otherwise: str) -> str:
    """The key of an option that is otherwise in this."""
    end = "".join(f"-{part}" for part in otherwise if part)
    return _ends_with(name, "".join(c if c.isalnum() else "-" for c in end), NAME_LETTERS)


def _ends_with(text: str, end: str, letters: int) -> str:
    """Both in so many letters: a long text gives way, not the end that tells two apart."""
    return text[: max(1, letters - len(end))] + end[: letters - 1]


def best(scenario: Scenario, price: Price) -> frozenset[str]:
    """Names of the ways that cost less than what was typed: for each option the cheapest other
    model that is good enough, and the cheapest other term."""
    names = []
    for found in (others(scenario), terms(scenario)):
        by_option: dict[str, list[Other]] = {}
        for other in found:
            if other.standing == "in":
                by_option.setdefault(other.of, []).append(other)
        for name, ways in by_option.items():
            cheapest = _cheapest(scenario, name, ways, price)
            if cheapest is not None and cheapest.name not in scenario.options:
                names.append(cheapest.name)
    return frozenset(names)


def beside(scenario: Scenario, names: frozenset[str]) -> Scenario:
    """The scenario with those of these ways as options of it that are good enough in it."""
    if not names:
        return scenario
    every = (way for way in (*others(scenario), *terms(scenario)) if way.standing == "in")
    found = {way.name: way.option for way in every if way.name in names}
    return scenario.model_copy(update={"options": {**scenario.options, **found}})


def with_option(scenario: Scenario, other: Other) -> Scenario:
    """The scenario with one more option."""
    return scenario.model_copy(update={"options": {**scenario.options, other.name: other.option}})


def _cheapest(scenario: Scenario, name: str, ways: list[Other], price: Price) -> Other | None:
    typed = price(scenario, name).present
    costs = {way.name: price(with_option(scenario, way), way.name).present for way in ways}
    known = [(cost, way) for way in ways if (cost := costs[way.name]) is not None]
    cost, cheapest = min(known, key=lambda each: each[0], default=(math.inf, None))
    return cheapest if typed is not None and cost < typed else None


def _replacements(scenario: Scenario, option: Option, model: str) -> Iterator[ModelReplacement]:
    """Models that could follow one at the option's seller, in a region that the data may go to,
    each once; not what ends before it serves."""
    day = scenario.client.report_date
    serves = (day + dt.timedelta(days=round(30 * SWITCH.high))).isoformat()
    there = {name_key(m) for o in scenario.options.values() for m in o.models.values()
             if o.provider == option.provider}  # fmt: skip
    seen: set[str] = set()
    for row in replacements(option, model, day):
        key = name_key(row.replacement)
        lasts = not row.replacement_until or row.replacement_until > serves
        is_gone = row.replacement in scenario.suppose.gone
        if lasts and not is_gone and key not in seen | there:
            seen.add(key)
            yield row


def _with_model(option: Option, row: ModelReplacement) -> Option:
    """An option with another model. Where that stays in a union of countries alone, nobody pins the
    country, and it is called by the last word of its vendor and the union (Azure EU), as a client's
    label may name the country; what was said of the very service is not known of it."""
    attributes = {k: v for k, v in option.attributes.items() if k not in OF_SERVICE}
    update: dict[str, object] = {"models": {"all": row.replacement}}
    before = option.label
    region = region_of(option, row)
    if region != option.region:
        attributes |= {"place": region, "endpoint_scope": "cross_region"}
        update["region"] = region
        before = f"{row.vendor.rpartition(' ')[2]} {region}"
    if option.in_use:
        update["months_to_production"] = SWITCH
    label = _label(before, quality.spoken(row.replacement))
    return option.model_copy(update={**update, "attributes": attributes, "label": label})


def _at_efforts(
    scenario: Scenario, name: str, option: Option, model: str, below: str = ""
) -> Iterator[Other]:
    """A model at each effort that it has, those below one alone: the cheapest that is good enough;
    where none is, the cheapest that is not out."""
    efforts = EFFORTS[: EFFORTS.index(below)] if below else EFFORTS
    if reasoning.thinks(model) == "never":
        efforts = () if below else ("",)
    found = []
    for effort in efforts:
        label = _label(option.label, f"effort {effort}") if below else option.label
        update: dict[str, object] = {"effort": effort, "label": label}
        if below and option.in_use:
            update["months_to_production"] = SWITCH
        way = option.model_copy(update=update)
        key = _name(name, quality.bare_name(model).lower(), effort)
        found.append(Other(of=name, name=key, option=way, standing=_standing(scenario, name, way)))
    for standing in ("in", "listed"):
        alike = [way for way in found if way.standing == standing]
        if alike:
            yield alike[0]
            return


def _standing(scenario: Scenario, name: str, way: Option) -> Standing:
    """The worst over all workloads."""
    today = scenario.options[name]
    model = next(iter(way.models.values()))
    before = (next(iter(today.models.values())), today.effort)
    every = {quality.standing(w, way, model, before) for w in scenario.workloads.values()}
    return next(s for s in WORST if s in every)
