"""How the price of an API's model moves over the horizon, for the client who would walk that path.

`named_model`: the client stays with its vendor. A named model keeps its list price until it ends,
save for rare jumps; then the client pays what whoever buys its successor today pays from then on.
`falling`: the same client in a market whose prices fall: the list price until the model ends, then
what the same score then costs, or its successor where that is less. `equal_quality`: the client
tests and moves each year, to whoever then sells the same score cheapest; no such fall was seen for
longer than two years, so that prices rest from then on. `list`: the list price to the end. Changes
that are announced fall in their month unless the client moves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np

from siting import quality, reasoning
from siting.catalogue import Source, name_key, of_facts, table
from siting.cost import prices
from siting.cost.money import MONTHS, Array
from siting.cost.prices import ApiPrice, Factor, parameter
from siting.inputs.countries import members
from siting.inputs.scenario.model import Option, Scenario
from siting.quality import spoken
from siting.quantity import DAYS_OF_MONTH, Range
from siting.records import frozen
from siting.vendors import notice, vendor_record
from siting.vendors.notice import Ending, Successor
from siting.vendors.vendor_record import ModelReplacement

PricePath = Literal["named_model", "falling", "equal_quality", "list"]

PRICE_CLASSES = ((1.0, "successor_price_below_1"), (5.0, "successor_price_1_to_5"))
"""Dollars per million tokens, blended, below which a model's successor is drawn from a class."""
DEAREST = "successor_price_from_5"
AS_LISTED = "as listed today"
"""Said of the price of a successor that is known."""


def falling_years() -> int:
    """Years for which prices of equal quality fall, the first of them a year from today."""
    return round(parameter("api_falls_for").central)


@frozen
class ModelPath:
    """The price of one model at one vendor over the horizon, over today's."""

    key: str
    """Vendor and model: options that buy the same share its path."""
    how: PricePath
    announced: tuple[tuple[int, float], ...] = ()
    """Months from which an announced price holds, with its ratio to today's."""
    then: ModelPath | None = None
    """The path of what follows it; None where that is not known: its price then holds."""

    @property
    def end(self) -> str:
        """Factor: months until the model ends."""
        return f"model_end.{self.key}"

    @property
    def successor(self) -> str:
        """Factor: the successor's price over the model's own when it ends."""
        return f"successor_price.{self.key}"

    @property
    def jump(self) -> str:
        """Factor: chance by which the price of the named model jumps."""
        return f"price_jump.{self.key}"

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that it reads."""
        follows = self.then.factors if self.then else ()
        if self.how == "named_model":
            return self.end, self.successor, self.jump, *follows
        if self.how == "falling":
            known = (self.successor,) if self.then else ()
            return self.end, "api_decline", *known, *follows
        return ("api_decline",) if self.how == "equal_quality" else ()

    @property
    def falling(self) -> ModelPath:
        """The path of who stays so in a market whose prices fall."""
        if self.how != "named_model":
            return self
        return replace(self, how="falling", then=self.then and self.then.falling)

    def listed(self, months: int) -> Array:
        """Announced price over today's, by month. [M]"""
        ratio = np.ones(months)
        for month, announced in self.announced:
            ratio[month:] = announced
        return ratio

    def over(self, draws: Mapping[str, Array], months: int) -> Array:
        """Price of month 1 … M over today's. [n × M]"""
        elapsed = np.arange(months, dtype=float)
        listed = self.listed(months)[None, :]
        if self.how == "list":
            return np.broadcast_to(listed, (len(draws["growth"]), months))
        if self.how == "equal_quality":
            first = elapsed < MONTHS  # nobody has moved yet
            return np.where(first, listed, _fallen(draws, elapsed))
        end = draws[self.end][:, None]
        if self.how == "falling":
            then = np.minimum(listed, _fallen(draws, elapsed))
            if self.then:
                then = np.minimum(then, self._after(draws, months))
            return np.where(elapsed < end, listed, then)
        # The list price rises, or is cut: rarely, each at a yearly rate. One comes after the draw's
        # chance over its rate in years, the other after the rest of that chance over its own.
        chance = draws[self.jump][:, None]
        rises = elapsed >= MONTHS * chance / parameter("price_rise_rate").central
        falls = elapsed >= MONTHS * (1 - chance) / parameter("price_cut_rate").central
        raised = np.where(rises, parameter("price_rise").central, 1.0)
        named = listed * np.where(falls, parameter("price_cut").central, raised)
        return np.where(elapsed < end, named, self._after(draws, months))

    def _after(self, draws: Mapping[str, Array], months: int) -> Array:
        """Price of what follows the model, over today's. [n × M]"""
        first = draws[self.successor] * self.listed_when(draws[self.end], months)
        follows = self.then.over(draws, months) if self.then else 1.0
        return first[:, None] * follows

    def listed_when(self, ends: Array, months: int) -> Array:
        """Announced price in the last month before the model ends, over today's. [n]

        ends: months until then.
        """
        last = np.clip(np.ceil(ends) - 1, 0, months - 1).astype(int)
        return np.asarray(self.listed(months)[last])


def _fallen(draws: Mapping[str, Array], elapsed: Array) -> Array:
    """Price of the same score over today's, by months from today: a step a year. [n × M]"""
    years = np.minimum(elapsed // MONTHS, falling_years()).astype(int)
    steps = (1 - draws["api_decline"])[:, None] ** np.arange(years[-1] + 1.0)
    return steps[:, years]


def path_key(name: str, option: Option, model: str) -> str:
    """Vendor and model: what an option buys, by which its price path is found."""
    return f"{option.vendor or option.provider or name}/{model}"


def factors(
    path: ModelPath,
    today: ApiPrice,
    ending: Ending,
    day: dt.date,
    months: int,
    successor: Range | None,
) -> Iterator[Factor]:
    """What a named model's path is drawn from.

    months: of the horizon. successor: price of a request to what follows, over today's; None where
    that is not known: then it is drawn for a model of the price that this one has when it ends.
    """
    words = spoken(ending.model)
    left = notice.months_left(ending, day)
    source = source_of_end(ending, day)
    yield Factor(
        name=path.end,
        label=f"Months until {words} ends at {ending.vendor}",
        value=left,
        source=source,
        driver=path.end,
        floor=0.0,
    )
    listed = float(path.listed_when(np.array([left.central]), months)[0])
    known = parameter(_class_of(today, listed))
    label = f"Price of the successor of {words}"
    if successor is None:
        yield replace(known.factor(), name=path.successor, label=label, driver=path.successor)
    else:
        yield Factor(
            name=path.successor,
            label=label,
            value=successor.scaled(1 / listed, known.unit),
            source=source,
            driver=path.successor,
            shape="fixed" if successor.is_exact else "split_normal",
            note=AS_LISTED,
        )
    yield Factor(
        name=path.jump,
        label=f"Jump of the list price of {words}",
        value=Range(0.0, 0.5, 1.0, unit="chance"),
        source=parameter("price_rise_rate").provenance,
        driver=path.jump,
        shape="uniform",
    )


def _class_of(price: ApiPrice, listed: float) -> str:
    """The class whose successors a model's are drawn from: three parts input, one part output.

    listed: the price when the model ends, over this one.
    """
    blended = listed * (3 * price.input_per_million + price.output_per_million) / 4
    return next((name for below, name in PRICE_CLASSES if blended < below), DEAREST)


def source_of_end(ending: Ending, day: dt.date) -> Source:
    """Where the end of a model is announced, or that it is estimated from the vendor's habits."""
    if ending.retired:
        return ending.sources[0]
    return habits(day)


def habits(day: dt.date) -> Source:
    """What is estimated from how a vendor has ended models so far."""
    words = "siting estimate from the vendor's retirements"
    return Source(
        source=words, locator="retirement calendar", date=day.isoformat(), kind="estimate"
    )


def ending(vendor: str, model: str, day: dt.date, months: int, seed: int) -> Ending:
    """When a model is likely to end at its vendor."""
    record = vendor_record.load()
    known = record.vendor(vendor)
    name = known.vendor if known else vendor
    return notice.ending(record, name, model, day, months, seed)


def successor_of(scenario: Scenario, name: str, model: str) -> Successor | None:
    """What follows a model of an option at the end that its vendor has announced: of the models
    that outlive it there, those that vendors name first, the first that is known to be as good,
    else the first. None where no end is announced, or nothing is on file that stays where it is.
    """
    used = (scenario.options[part] for part in quality.leaves(scenario, name))
    option = next((o for o in used if model in o.models.values()), scenario.options[name])
    day = scenario.client.report_date
    end = ending(option.vendor, model, day, scenario.finance.horizon_months, scenario.seed)
    if end.retired is None:
        return None
    last = end.retired.isoformat()
    found = {name_key(successor.model): successor for successor in end.named}
    union = members("eu", day)
    for row in replacements(option, model, day):
        stays = row.region != "EU" or option.region == "EU" or option.country in union
        if stays and (not row.replacement_until or row.replacement_until > last):
            until = vendor_record.exact_day(row.replacement_until)
            region = region_of(option, row)
            successor = Successor(model=row.replacement, until=until, region=region)
            key = name_key(successor.model)
            found[key] = replace(found.get(key, successor), region=successor.region)

    def is_good(successor: Successor) -> bool:
        if successor.model in scenario.suppose.gone:
            return False
        effort = reasoning.effort_after(option.effort, successor.model)
        way = option.model_copy(update={"effort": effort})
        before = (model, option.effort)
        loads = scenario.workloads.values()
        return all(quality.standing(load, way, successor.model, before) == "in" for load in loads)

    known = (replace(successor, is_good=True) for successor in found.values() if is_good(successor))
    return next(known, next(iter(found.values()), None))


def region_of(option: Option, row: ModelReplacement) -> str:
    """Where an option runs a model in place of its own: where that stays in a union of countries
    alone, nobody pins the country."""
    return "EU" if row.region == "EU" and option.kind == "managed_cloud" else option.region


def replacements(option: Option, model: str, day: dt.date) -> Iterator[ModelReplacement]:
    """What could be ordered in place of a model at the option's seller on a day."""
    for row in table("model_replacements", ModelReplacement):
        is_of = row.provider == option.provider and name_key(row.model) == name_key(model)
        if is_of and row.sold_from <= day.isoformat():
            yield row


@of_facts
def followers() -> frozenset[str]:
    """Models that may follow another: of what is gone, prices hang on these alone."""
    listed = {row.replacement for row in table("model_replacements", ModelReplacement)}
    rows = (row for each in vendor_record.load().notices for row in each.rows)
    return frozenset(listed.union(*(notice.named_in(row.replacement) for row in rows)))


@lru_cache(maxsize=1024)
def announced(
    provider: str, model: str, day: dt.date, months: int
) -> tuple[tuple[int, dt.date], ...]:
    """Months from which the price list has another price for a model, with a day in each."""
    found: list[tuple[int, dt.date]] = []
    if not prices.is_dated(provider, model):
        return ()
    before = prices.token_price(provider, model, day)
    for month in range(1, months):
        then = day + dt.timedelta(days=round((month + 0.5) * DAYS_OF_MONTH))
        now = prices.token_price(provider, model, then)
        if now != before:
            found.append((month, then))
            before = now
    return tuple(found)
