"""What could be ordered at the place of an option, beside what the client typed.

The vendor's other models on file (siting_facts/model_replacements.csv) and lower efforts of the
same model; of rented cards another term. What is measured as good enough takes part in the
comparison as one more option of that place; what nobody has measured is listed with the test that
would tell.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from siting import quality, reasoning
from siting.catalogue import name_key
from siting.cost.api_prices import region_of, replacements
from siting.inputs.scenario.model import BEST, MOST_LABEL_LETTERS, NAME_LETTERS, Option, Scenario
from siting.places import BY_REQUEST, COMMITTED, HOSTED_OPEN, MIXED, SELF_HOSTED
from siting.quality import Standing
from siting.quantity import Range
from siting.records import frozen
from siting.vendors.vendor_record import ModelReplacement

EFFORTS = ("none", "low", "medium", "high")
"""Efforts that are tried, from the cheapest."""
MIXES = 64
"""Mixes of models over workloads that are tried at most."""
WORST: tuple[Standing, ...] = ("out", "listed", "in")
"""Standings, the worst first."""
SWITCH = Range(0.5, 1.0, 2.0, unit="months")
"""Until another model serves at the same place: a test, and a change of its name."""
TERMS = {"on_demand": "by the hour", "1y": "one year", "3y": "three years"}
OF_SERVICE = ("c5_covers_service", "secnumcloud_covers_service", "hipaa_eligible_service")
"""Answers on the very service: not known of another model."""


def forms(scenario: Scenario, name: str) -> Mapping[str, str]:
    """Terms on which an option's cards can be rented, in words: by the month where their vendor is
    supposed to take none back by the hour."""
    if scenario.hourly_at(name) not in scenario.suppose.gone:
        return TERMS
    return {"month": "by the month"} | {t: said for t, said in TERMS.items() if t != "on_demand"}


def as_sold(scenario: Scenario) -> Scenario:
    """The scenario with cards that it rents by the hour by the month, where they are not sold so:
    on the first of `forms`."""
    for name, option in scenario.options.items():
        first = next(iter(forms(scenario, name)))
        if option.commitment == "on_demand" != first:
            scenario = with_option(scenario, name, option.model_copy(update={"commitment": first}))
    return scenario


def is_open(option: Option) -> bool:
    """Whether a scenario leaves the model, the effort or the term of an option to the kit."""
    is_left = option.commitment == BEST or _is_model_open(option)
    return is_left and option.kind not in MIXED


def _is_model_open(option: Option) -> bool:
    """Whether it leaves the model, or how much that reasons."""
    said = (*option.models.values(), option.effort)
    is_silent = any(reasoning.effort_missing(m, option.effort) for m in option.models.values())
    return not option.models or BEST in said or is_silent


def ways(scenario: Scenario, name: str) -> list[Scenario]:
    """The scenario with each way to order what it leaves open of an option: models and efforts that
    are good enough, and terms. Where there is none the option has no model."""
    option = scenario.options[name]
    found = _good(scenario, option) if _is_model_open(option) else [option]
    quoted = any(quote.item == f"option.{name}.gpu_hour" for quote in scenario.finance.quotes)
    if option.commitment == BEST:
        terms = [*forms(scenario, name)][: 1 if quoted else None]
        found = [way.model_copy(update={"commitment": t}) for way in found for t in terms]
    return [with_option(scenario, name, way) for way in found]


def _good(scenario: Scenario, option: Option) -> list[Option]:
    """An option with each model, or mix of models over workloads, that is good enough where it is
    left open, at the least effort at which it is; of models that are typed, where no effort is
    shown to be, at the least at which they are not shown to be worse."""
    left = _left_open(scenario, option)
    efforts = EFFORTS if option.effort in ("", BEST) else (option.effort,)
    judged = scenario.of(left or scenario.workloads)
    mixes = _mixes(scenario, option, left) if left else [option]
    least = (_least(judged, _at_efforts(mix, efforts)) for mix in mixes)
    standings = ("in",) if left else ("in", "listed")
    found = [way for way in least if way and standing(judged, way) in standings]
    return found or [option.model_copy(update={"models": {}, "effort": ""})]


def _left_open(scenario: Scenario, option: Option) -> list[str]:
    """Workloads whose models an option leaves to the kit."""
    return [work for work in scenario.workloads if option.runs(work) in ("", BEST)]


def _mixes(scenario: Scenario, option: Option, left: list[str]) -> Iterator[Option]:
    """An option with each mix of models over the workloads that it leaves open; where these would
    be more than `MIXES`, with each model for all of them."""
    sold = _possible(scenario, option)
    mixes: Iterable[Sequence[str]] = product(sold, repeat=len(left))
    if len(sold) ** len(left) > MIXES:
        mixes = [[model] * len(left) for model in sold]
    said = {work: option.runs(work) for work in scenario.workloads}
    for mix in mixes:
        places = [sold[model] for model in mix]
        at = max(places, key=lambda at: (at.region != option.region, at != option))
        models = said | dict(zip(left, mix, strict=True))
        is_one = len({*models.values()}) == 1
        yield at.model_copy(update={"models": {"all": mix[0]} if is_one else models})


def _possible(scenario: Scenario, option: Option) -> dict[str, Option]:
    """Models that an option could have, and the option where each is sold: of its seller what is
    asked for, serves today or follows that there; on machines and at a host of open models, what
    the scenario names."""
    if option.kind not in BY_REQUEST or option.kind in HOSTED_OPEN:
        return dict.fromkeys(open_models(scenario), option)
    asked = [w.quality.reference_model for w in scenario.workloads.values() if w.quality]
    sellers = (o for o in scenario.options.values() if o.provider == option.provider)
    sold = [m for other in sellers for m in other.models.values() if m != BEST]
    found: dict[str, Option] = {}
    for model in [*map(quality.bare_name, asked), *sold]:
        found.setdefault(model, option)
        for row in _replacements(scenario, option, model):
            found.setdefault(row.replacement, _moved(option, region_of(option, row)))
    return found


def open_models(scenario: Scenario) -> tuple[str, ...]:
    """Open models that the scenario considers: candidates of its workloads and of its options."""
    considered = [m for w in scenario.workloads.values() for m in w.models]
    for option in scenario.options.values():
        if option.kind in (*SELF_HOSTED, *HOSTED_OPEN):
            considered += option.models.values()
    return tuple(m for m in dict.fromkeys(considered) if m != BEST)


def _at_efforts(option: Option, efforts: Iterable[str]) -> Iterator[Option]:
    """An option at those of these efforts that its models have."""
    is_silent = all(reasoning.thinks(model) == "never" for model in option.models.values())
    for effort in ("",) if is_silent else efforts:
        yield option.model_copy(update={"effort": effort})


def _least(
    scenario: Scenario, ways: Iterable[Option], typed: Option | None = None
) -> Option | None:
    """Of ways from the cheapest the first that is good enough; where none is, the first that is not
    out; None where all are. typed: as of a standing."""
    found = [(standing(scenario, way, typed), way) for way in ways]
    good = (way for stands in ("in", "listed") for each, way in found if each == stands)
    return next(good, None)


def standing(scenario: Scenario, way: Option, typed: Option | None = None) -> Standing:
    """Where a way stands over all workloads, against what is asked for, else what runs today, else
    what is typed in its place; where none of them is known, any model is good enough."""
    today = scenario.options.get(scenario.finance.baseline)
    found: set[Standing] = set()
    for name, workload in scenario.workloads.items():
        model = way.runs(name)
        known = [(o.runs(name), o.effort) for o in (today, typed) if o and o.runs(name)]
        before = known[0] if known else ("", "")
        floor = workload.quality
        reference, effort = (floor.reference_model, floor.reference_effort) if floor else before
        is_same = name_key(model) == name_key(reference)
        is_same = is_same and (way.effort or "none") == (effort or "none")
        if is_same or not reference:
            found.add("in")
        else:
            found.add(quality.standing(workload, way, model, before))
    return min(found, key=WORST.index)


@frozen
class Other:
    """Another way to order an option, at the same place."""

    of: str
    """The option that it is of."""
    name: str
    option: Option
    standing: Standing


def others(scenario: Scenario) -> Iterator[Other]:
    """Other models of every option that pays a vendor by the request, and lower efforts of its own:
    each at the least effort at which it is good enough, else at the least."""
    for name, option in scenario.options.items():
        models = set(option.models.values())
        if option.kind not in BY_REQUEST or option.kind in HOSTED_OPEN or len(models) != 1:
            continue
        (model,) = models
        each = [_at_efforts(_with_model(option, row), EFFORTS)
                for row in _replacements(scenario, option, model)]  # fmt: skip
        if option.effort in EFFORTS and reasoning.thinks(model) != "never":
            lower = EFFORTS[: EFFORTS.index(option.effort)]
            each.append(
                _otherwise(way, _label(way.label, f"effort {way.effort}"))
                for way in _at_efforts(option, lower)
            )
        for ways in each:
            if way := _least(scenario, ways, option):
                (model,) = set(way.models.values())
                yield Other(
                    of=name,
                    name=_name(name, quality.bare_name(model).lower(), way.effort),
                    option=way,
                    standing=standing(scenario, way, option),
                )


def terms(scenario: Scenario) -> Iterator[Other]:
    """The other terms of every option of rented cards whose price no offer binds to its own."""
    quoted = {quote.item.split(".")[1] for quote in scenario.finance.quotes if "." in quote.item}
    for name, option in scenario.options.items():
        if option.kind not in COMMITTED or name in quoted:
            continue
        for term, words in forms(scenario, name).items():
            if term != option.commitment:
                label = _label(option.label, words)
                other = option.model_copy(update={"commitment": term, "label": label})
                yield Other(of=name, name=_name(name, term), option=other, standing="in")


def _otherwise(option: Option, label: str) -> Option:
    """An option whose model works otherwise, called so: what runs today serves so after a test."""
    update: dict[str, object] = {"label": label}
    if option.in_use:
        update["months_to_production"] = SWITCH
    return option.model_copy(update=update)


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


def good_ways(scenario: Scenario) -> Iterator[Other]:
    """Ways that are good enough and that neither the scenario nor another way is already."""
    there = [*scenario.options.values()]
    for way in (*others(scenario), *terms(scenario)):
        is_there = any(_is_same(way.option, option) for option in there)
        if way.standing == "in" and not is_there and way.name not in scenario.options:
            there.append(way.option)
            yield way


def _is_same(one: Option, other: Option) -> bool:
    """Whether two options are called the same, or are the same but for what they are called."""
    return one.label == other.label or one == other.model_copy(update={"label": one.label})


def with_option(scenario: Scenario, name: str, option: Option) -> Scenario:
    """The scenario with an option in place of the one of that name, or with one more."""
    return scenario.model_copy(update={"options": {**scenario.options, name: option}})


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
    """An option with another model. Where that stays in a union of countries alone, it is called by
    the last word of its vendor and the union (Azure EU), as a client's label may name the
    country."""
    region = region_of(option, row)
    moved = region != option.region
    before = f"{row.vendor.rpartition(' ')[2]} {region}" if moved else option.label
    other = _moved(option, region).model_copy(update={"models": {"all": row.replacement}})
    return _otherwise(other, _label(before, quality.spoken(row.replacement)))


def _moved(option: Option, region: str) -> Option:
    """An option in the region of another model: in a union of countries nobody pins the country;
    what was said of the very service is not known of it."""
    attributes = {k: v for k, v in option.attributes.items() if k not in OF_SERVICE}
    if region != option.region:
        attributes |= {"place": region, "endpoint_scope": "cross_region"}
    return option.model_copy(update={"region": region, "attributes": attributes})
