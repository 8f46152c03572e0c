"""Finds the prices of a scenario's options, once, and keeps where each came from.

The result is a `cashflow.Plan`: for every option the lines of its bill, and the factors (prices,
shares, rates) that they are multiplied by, each with its band and source. A client's quote beats
a published price; what has no price leaves the option out, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from siting import catalogue, quality
from siting.catalogue import Source, source_of
from siting.cost import prices
from siting.cost.cashflow import (
    BY_REQUEST,
    MONTHS,
    CostItem,
    Line,
    OptionPlan,
    Plan,
    PoolLoad,
    cost_items,
)
from siting.cost.prices import Factor, NotPriced
from siting.inputs.scenario import OWNED, Option, Scenario
from siting.memory import fine_tuning
from siting.quantity import Range, total
from siting.serving.capacity import OptionCapacity
from siting.serving.load import workload_load
from siting.serving.servers import Server
from siting.vendors import stability

ROUND_THE_CLOCK = 0.999
"""Availability from which somebody must be on call at night: nine hours a year are left."""
ASK_ABOVE = 0.25
"""Share of a bill from which hidden tokens, an estimate, must be counted by the client."""
READING_WORK = 0.1
"""Work of reading a token over writing one, for machines of one's own."""


def compile_plan(scenario: Scenario, capacity: Mapping[str, OptionCapacity]) -> Plan:
    """Finds every price that the scenario's options need, once.

    An option without a price or without an estimate of its speed is left out with the reason.
    """
    finder = _Finder(scenario)
    made: dict[str, OptionPlan] = {}
    why: dict[str, str] = {}
    calendar = scenario.client.country, scenario.client.report_date
    order = sorted(scenario.options, key=lambda n: scenario.options[n].kind == "hybrid")
    for name in order:
        try:
            made[name] = _option_plan(finder, scenario, name, capacity[name], made, why)
        except NotPriced as reason:
            why[name] = str(reason)
    return Plan(
        {n: made[n] for n in scenario.options if n in made},
        why,
        finder.factors,
        {n: workload_load(n, w, *calendar) for n, w in scenario.workloads.items()},
        scenario.finance.baseline,
        scenario.finance.horizon_months,
        sum(w.users for w in scenario.workloads.values()),
        scenario.finance.tax_rate or 0.0,
        any(w.availability >= ROUND_THE_CLOCK for w in scenario.workloads.values()),
        tuple(dict.fromkeys(finder.notes)),
    )


def _option_plan(
    finder: _Finder,
    scenario: Scenario,
    name: str,
    capacity: OptionCapacity,
    made: Mapping[str, OptionPlan],
    why: Mapping[str, str],
) -> OptionPlan:
    option = scenario.options[name]
    finder.months_to_production(name, option)
    if option.kind == "hybrid":
        for part in (option.base, option.burst):
            if part not in made:
                raise NotPriced(
                    f"its part {part} is not estimated: {why.get(part, 'no such option')}"
                )
        return _hybrid_plan(name, option, made[option.base], made[option.burst], finder)
    if capacity.not_estimated:
        raise NotPriced("; ".join(f"{m}: {r}" for m, r in capacity.not_estimated.items()))
    pools = tuple(PoolLoad.of(p) for p in capacity.pools.values())
    if option.kind not in BY_REQUEST and not pools:
        raise NotPriced("no model is named for it, so that its GPUs cannot be counted")
    pool_of = {w: i for i, p in enumerate(capacity.pools.values()) for w in p.workloads}
    machine = prices.server(option, option.gpu) if option.kind in OWNED else None
    moves = finder.moves(name, option)
    lines = finder.lines(name, option, machine, option.in_use)
    return OptionPlan(name, option, tuple(lines), pools, pool_of, machine, moves=moves)


def _hybrid_plan(
    name: str, option: Option, base: OptionPlan, burst: OptionPlan, finder: _Finder
) -> OptionPlan:
    """Own lines of the base, and from the other side what is billed by use."""
    if base.machine is None:
        raise NotPriced(f"its base {base.name} owns no machine; name an option of colocation or "
                        "on_premises as base")  # fmt: skip
    if burst.machine is not None:
        raise NotPriced(f"its burst {burst.name} owns machines; name an option billed by use or "
                        "of rented GPUs as burst")  # fmt: skip
    by_use = ("request", "gpu_hour", "gb", "unused_commitment", "replica", "gpu", "model_move",
              "provisioned_hour")  # fmt: skip
    own = [replace(line, side="own") for line in base.lines]
    rest = [
        replace(line, side="burst")
        for line in burst.lines
        if line.item.driver in by_use or (line.item.driver == "fte" and not burst.pools)
    ]
    return OptionPlan(
        name, option, (*own, *rest), base.pools, base.pool_of, base.machine, burst, base
    )


@dataclass(frozen=True)
class Remedy:
    """What it costs to cure a legal or contractual fault, in the client's currency. Estimates."""

    id: str
    label: str
    once: Range
    per_year: Range
    share_of_api_bill: Range
    """On top, as a share of the API bill."""
    source: Source


def remedies(scenario: Scenario) -> dict[str, Remedy]:
    """Every remedy of facts/cost_items.csv, priced for this client; no option's total has one."""
    finder = _Finder(scenario)
    units = {"workload": len(scenario.workloads)}
    nil = Range.exact(0.0, finder.currency)
    found: dict[str, Remedy] = {}
    for item in catalogue.table("cost_items", CostItem):
        if item.category != "remedy":
            continue
        label, none = item.label.removeprefix("Remedy: "), Range.exact(0, "share")
        old = found.get(item.id) or Remedy(item.id, label, nil, nil, none, source_of(item))
        value = Range(item.low, item.central, item.high, finder.currency)
        for name in (*item.multiply_by.split(), *finder.fx(item.currency)):
            for key in finder.shared(name):
                value = _product(value, finder.factors[key].value)
        value = value.scaled(units.get(item.driver, 1))
        if item.driver == "api_bill":
            old = replace(old, share_of_api_bill=replace(value, unit="share"))
        elif item.when == "once":
            old = replace(old, once=old.once.plus(value))
        else:
            yearly = value.scaled(MONTHS if item.when == "monthly" else 1)
            old = replace(old, per_year=old.per_year.plus(yearly))
        found[item.id] = old
    return found


def _product(a: Range, b: Range) -> Range:
    """Product of two positive ranges, lows with lows (the wider, cautious band)."""
    return Range(a.low * b.low, a.central * b.central, a.high * b.high, a.unit)


class _Finder:
    """Collects the factors of a plan while the prices are looked up; used once, then dropped."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.day = scenario.client.report_date
        self.currency = scenario.client.currency
        self.factors: dict[str, Factor] = {}
        self.training = fine_tuning.assess(scenario)
        self.notes = [
            f"{option.label}: fine-tuning at the vendor is not estimated, because its price is in "
            "no table; the option looks cheaper than it is"
            for option in scenario.options.values()
            if scenario.fine_tuning and option.kind in BY_REQUEST
        ]
        for name in (
            "demand", "throughput", "api_decline", "rental_drift", "inflation", "idle_share",
            "retries", "residual_scale", "life_years", "scale_down", "bytes_per_token",
            "hours_per_month", "rental_price_band", "api_price_band", "staff_scale",
            "rental_memory", "parallel_months",
            *(f"residual_after_{a}" for a in range(1, 6)),
        ):  # fmt: skip
            self.parameter(name)
        finance = scenario.finance
        self._client("discount_rate", "Discount rate", finance.discount_rate, "per year",
                     "finance.discount_rate")  # fmt: skip
        if finance.parallel_months is not None:
            label = "Months in which old and new run side by side"
            path = "finance.parallel_months"
            self._client("parallel_months", label, finance.parallel_months, "months", path)
        self.vat = self._vat()
        tax = Range.exact(finance.tax_rate or 0.0)
        self._client("tax_rate", "Tax rate", tax, "share", "finance.tax_rate")
        if finance.price_decline == "list":
            nil, path = Range.exact(0.0), "finance.price_decline"
            self._client("api_decline", "Fall of API list prices", nil, "per year", path)

    # -- factors

    def put(
        self, name: str, label: str, value: Range, source: Source, driver: str = "",
        shape: prices.Shape = "split_normal", floor: float | None = None,
        ceiling: float = math.inf, note: str = "",
    ) -> str:  # fmt: skip
        if floor is None:  # a price whose band is not negative is not so in any draw
            floor = 0 if value.low >= 0 else -math.inf
        if value.is_exact:
            shape = "fixed"
        self.factors[name] = Factor(
            name, label, value, source, driver or name, shape, floor, ceiling, note
        )
        return name

    def parameter(
        self, identifier: str, kind: str = "", country: str = "", suffix: str = ""
    ) -> str:
        p = prices.parameter(identifier, kind, country)
        ceiling = math.inf if p.ceiling is None else p.ceiling
        return self.put(
            identifier + suffix, p.label, Range(p.low, p.central, p.high, p.unit), source_of(p),
            identifier, p.shape, p.floor, ceiling, p.note,
        )  # fmt: skip

    def _client(
        self, name: str, label: str, band: Range, unit: str, path: str, driver: str = ""
    ) -> str:
        """A factor that the scenario states."""
        return self.put(name, label, replace(band, unit=unit), self.scenario.source(path), driver)

    def fx(self, currency: str) -> list[str]:
        """Name of the exchange rate into the client's currency; none where it is the same."""
        if not currency or currency == self.currency:
            return []
        rate, source = prices.exchange_rate(currency, self.currency, self.day)
        band, unit = prices.parameter("fx_band"), f"{self.currency} per {currency}"
        value = Range(rate * band.low, rate * band.central, rate * band.high, unit)
        label = f"Exchange rate {currency} to {self.currency}"
        return [self.put(f"fx.{currency}", label, value, source)]

    def months_to_production(self, name: str, option: Option) -> None:
        field, label = "months_to_production", f"Months to production, {option.label}"
        months, path = option.months_to_production, f"options.{name}.{field}"
        self._client(f"{field}.{name}", label, months, "months", path, driver=field)

    def quote(self, name: str, item: str, label: str) -> list[str] | None:
        found = prices.quoted(self.scenario, name, item, self.day)
        if found is None:
            return None
        currency = prices.quote_currency(found.value.unit, self.currency)
        self.put(found.name, f"{label} (quote)", found.value, found.source, item, floor=0)
        return [found.name, *self.fx(currency)]

    # -- lines

    def lines(self, name: str, option: Option, machine: Server | None, running: bool) -> list[Line]:
        """Cost items of an option; one that is in use today needs no migration."""
        place = option.country or self.scenario.client.country
        out: list[Line] = []
        self._staffing(name, option)
        self._hidden(name, option)
        if machine is not None:
            self._power(name, option, machine)
        for item in cost_items(option.kind, place, self.day.isoformat()):
            if not self._applies(name, option, item, running):
                continue
            wages = "staff_cost" in item.multiply_by.split()
            if item.id == "api_usage" and option.kind in BY_REQUEST:
                made = [self._api_line(name, option, item, w) for w in self.scenario.workloads]
            else:
                rental = "rental:" + {"1y": "12", "3y": "36"}.get(option.commitment, "1")
                factors = tuple(self._price(name, option, item, machine))
                made = [Line(item, factors, path=rental if item.path == "rental" else item.path)]
            out += [replace(x, factors=x.factors + (() if wages else self.vat)) for x in made]
        return out

    def _applies(self, name: str, option: Option, item: CostItem, running: bool) -> bool:
        """Whether an option has a cost item of its kind; one that runs today needs no migration."""
        match item.driver:
            case "owned_server":
                return running or bool(option.owned_servers)
            case "unused_commitment":
                return bool(option.minimum_commitment_per_month)
            case "provisioned_hour":
                return option.provisioned is not None
            case "model_move":
                return f"moves_band.{name}" in self.factors
        if item.category == "fine_tuning":
            return self._training(name)
        return not (running and item.category == "migration")

    def _vat(self) -> tuple[str, ...]:
        """The factor of value-added tax that the client does not get back; nothing where it does.

        Wages bear none; what is bought abroad bears that of the client's country.
        """
        client, own = self.scenario.client, self.scenario.finance.vat_recoverable
        known = prices.vat(client.country, client.sector)
        if known is None:
            return ()
        rate, share = known[0], own or known[1]
        if share is None or share.low >= 1:
            return ()
        low, central, high = (
            1 + rate.rate * (1 - s) for s in (share.high, share.central, share.low)
        )
        source = source_of(rate) if own is None else self.scenario.source("finance.vat_recoverable")
        label = f"Value-added tax that is not recovered, {rate.rate:.1%} in {client.country}"
        return (self.put("vat", label, Range(low, central, high, "x"), source),)

    def _training(self, name: str) -> bool:
        """Finds the GPU-hours and the energy of an option's fine-tuning jobs, by month."""
        plans = [p for jobs in self.training.values() for p in jobs if p.option == name]
        timed = [(p, p.time) for p in plans if p.time is not None]
        label = self.scenario.options[name].label
        for p in plans:
            if p.time is None:
                self.notes.append(f"{label}: fine-tuning {p.job} is left out, {p.reason}")
        for key, unit in (
            ("training_gpu_hours", "GPU-h per month"),
            ("training_kwh", "kWh per month"),
        ):
            parts = [
                (t.gpu_hours if unit[0] == "G" else t.energy_kwh).scaled(
                    p.runs_per_year / MONTHS, unit
                )
                for p, t in timed
            ]
            if timed:
                self.put(f"{key}.{name}", f"Fine-tuning, {unit}, {label}", total(parts, unit),
                         timed[0][1].source, "training")  # fmt: skip
        return bool(timed)

    def _price(
        self, name: str, option: Option, item: CostItem, machine: Server | None
    ) -> list[str]:
        """Factors of a line: a quote for the whole, or the item's value times looked-up prices."""
        quoted = self.quote(name, item.id, item.label)
        if quoted is not None:
            return quoted
        factors: list[str] = []
        value = Range(item.low, item.central, item.high, f"{item.currency} {item.unit}".strip())
        if not (value.is_exact and value.central == 1):
            factors.append(
                self.put(f"{item.id}.{name}", f"{item.label}, {option.label}", value,
                         source_of(item), item.id, note=item.note)
            )  # fmt: skip
            factors += self.fx(item.currency)
        for price in item.multiply_by.split():
            factors += self._looked_up(price, name, option, machine)
        return factors

    def _looked_up(
        self, price: str, name: str, option: Option, machine: Server | None
    ) -> list[str]:
        quoted = self.quote(name, price, price.replace("_", " "))
        if quoted is not None:
            return quoted
        match price:
            case "server_price" | "server_list_price":
                assert machine is not None
                own = self.quote(name, "server_price", "server price")
                if own is not None and self.factors[own[0]].value.central > 0:
                    return own  # a price of nothing buys no maintenance: the list price does
                share = prices.parameter("host_share")
                value, source = prices.server_price(machine, share, self.day)
                key = self.put(f"{price}.{name}", f"Price of {machine.label}", value, source,
                               "server_price")  # fmt: skip
                if own is None and price == "server_list_price":
                    del self.factors[key]
                    return self._looked_up("server_price", name, option, machine)
                return [key, *self.fx("USD")]
            case "gpu_hour":
                return self._gpu_hour(name, option)
            case "electricity":
                return self._electricity(name, option)
            case "pue_overhead":
                row = prices.pue(option)
                value = Range(row.low - 1, row.central - 1, row.high - 1, "PUE - 1")
                return [self.put(f"pue_overhead.{name}", f"PUE - 1, {option.label}", value,
                                 source_of(row), "pue_overhead")]  # fmt: skip
            case "staff_cost":
                return self._staff_cost()
            case "provisioned_price":
                assert option.provisioned is not None
                return [self._client(f"provisioned_price.{name}",
                                     f"Hour of a unit of throughput, {option.label}",
                                     option.provisioned.price_per_unit_hour,
                                     f"{self.currency}/unit-hour",
                                     f"options.{name}.provisioned")]  # fmt: skip
            case "training_gpu_hours" | "training_kwh" | "moves_band":
                return [f"{price}.{name}"]
            case "retries" | "residual_scale":
                return [price]
        raise NotPriced(
            f"facts/cost_items.csv: multiply_by {price!r} is not a price that is looked up"
        )

    def _gpu_hour(self, name: str, option: Option) -> list[str]:
        price, source, note = prices.gpu_hour(option, option.gpu, self.day)
        if note:
            self.notes.append(f"{option.label}: {note}")
        key = self.put(f"gpu_hour.{name}", f"GPU-hour on demand, {option.label}",
                       Range.exact(price * (1 - option.discount), "USD/GPU-h"), source,
                       note=note)  # fmt: skip
        factors = [key, "rental_price_band", *self.fx("USD")]
        if option.commitment != "on_demand":
            factors.append(self.parameter(f"commitment_{option.commitment}"))
        return factors

    def _electricity(self, name: str, option: Option) -> list[str]:
        own = self.scenario.finance.electricity_per_kwh
        if own is not None:
            unit, path = f"{self.currency}/kWh", "finance.electricity_per_kwh"
            return [self._client("electricity.client", "Electricity, own tariff", own, unit, path)]
        row = prices.electricity(option.country or self.scenario.client.country, self.day)
        band = prices.parameter("electricity_band")
        value = Range(row.price_kwh * band.low, row.price_kwh, row.price_kwh * band.high,
                      f"{row.currency}/kWh")  # fmt: skip
        label = f"Electricity, {row.region}, {row.customer_class}, {row.taxes}"
        key = self.put(f"electricity.{row.country}", label, value, source_of(row), "electricity")
        return [key, *self.fx(row.currency)]

    def shared(self, price: str) -> list[str]:
        """Factors of a price that is the same for all options."""
        return self._staff_cost() if price == "staff_cost" else [price]

    def _staff_cost(self) -> list[str]:
        own, country = self.scenario.finance.staff_cost_per_year, self.scenario.client.country
        if own is not None:
            unit, path = f"{self.currency} per FTE-year", "finance.staff_cost_per_year"
            return [self._client("staff_cost", "One infrastructure engineer", own, unit, path)]
        currency = prices.parameter("staff_cost", "", country).currency
        return [self.parameter("staff_cost", "", country), *self.fx(currency)]

    def _staffing(self, name: str, option: Option) -> None:
        self.parameter("fte_platform", option.kind, suffix=f".{name}")
        if option.kind not in BY_REQUEST:
            self.parameter("fte_per_8_gpus", option.kind, suffix=f".{name}")

    def _hidden(self, name: str, option: Option) -> None:
        """Hidden tokens that a model's thinking needs: the same evidence for every option."""
        found, work = Range.exact(0.0, "tokens per request"), Range.exact(1.0, "x")
        for workload, asked in self.scenario.workloads.items():
            hidden = quality.hidden_tokens(self.scenario, name, workload)
            if hidden.high <= found.high:
                continue
            found = replace(hidden, unit="tokens per request")
            seen = asked.output_tokens.mean + READING_WORK * asked.input_tokens.mean * (
                1 - asked.cached_input_share
            )
            ends = ((seen + h) / (seen + hidden.central) for h in (hidden.low, hidden.high))
            work = Range(next(ends), 1.0, next(ends), "x")
        if found.is_exact:
            return
        source = catalogue.source_of(quality.efforts_row(option.effort))
        if "hidden_tokens" not in self.factors:
            self.put("hidden_tokens", "Hidden reasoning tokens", found, source)
        if option.kind not in BY_REQUEST:
            self.put(f"hidden_work.{name}", f"Work of a request over the plan, {option.label}",
                     work, source, "hidden_tokens")  # fmt: skip

    def moves(self, name: str, option: Option) -> tuple[float, ...]:
        """Tests of a successor in each year, as the vendor's habits let expect: moves to another
        model times the workloads that a model serves."""
        years = stability.moves(self.scenario, name) if option.kind in BY_REQUEST else ()
        expected = sum(y.central for y in years)
        if not expected:
            return ()
        low, high = (sum(getattr(y, end) for y in years) / expected for end in ("low", "high"))
        source = Source(source="siting estimate from the vendor's retirements",
                        locator="retirement calendar", date=self.day.isoformat(),
                        kind="estimate")  # fmt: skip
        self.put(f"moves_band.{name}", f"Moves to successor models, {option.label}",
                 Range(low, 1.0, high, "of those expected"), source, "moves_band")  # fmt: skip
        served = len(self.scenario.workloads) / len(set(option.models.values()))
        return tuple(y.central * served for y in years)

    def _power(self, name: str, option: Option, machine: Server) -> None:
        """Power of a server; a limit on its cards takes off what they may not draw."""
        ends = (machine.power_kw_low, machine.power_kw_central, machine.power_kw_high)
        built_for = catalogue.gpu(machine.gpu_id).tdp_w or 0.0
        cards = machine.gpu_count * built_for / 1000
        cut = max(0.0, 1 - (option.power_limit_w or built_for) / built_for) if built_for else 0.0
        low, central, high = (kw - min(kw, cards) * cut for kw in ends)
        value = Range(low, central, high, "kW")
        self.put(f"power_kw.{name}", f"Power of {machine.label} under load", value,
                 source_of(machine), "power_kw", note=machine.note)  # fmt: skip

    def _api_line(self, name: str, option: Option, item: CostItem, workload: str) -> Line:
        quoted = self.quote(name, "api_request", f"request of {workload}")
        if quoted is not None:
            return Line(item, (*quoted, "retries"), workload, path="api")
        model = option.runs(workload)
        if not model:
            raise NotPriced(f"no model is named for {workload}; write models: {{all: …}}")
        hidden = quality.hidden_tokens(self.scenario, name, workload)
        price, low, high, silent = (
            self._request(option, model, workload, h)
            for h in (hidden.central, hidden.low, hidden.high, 0.0)
        )
        if price.per_request <= 0:
            raise NotPriced(f"the price list has {model} at nothing; write a quote for api_request")
        thought = price.per_request - silent.per_request
        self._notes_on(option, model, workload, price, thought, hidden)
        cost = Range(low.per_request, price.per_request, high.per_request,
                     f"{price.currency}/request").scaled(1 - option.discount)  # fmt: skip
        words = (
            f"{model}: {price.input_per_million:g} in, {price.output_per_million:g} out"
            + (f", {price.cached_per_million:g} cached" if price.cached_per_million else "")
            + f" {price.currency} per million tokens"
        )
        key = self.put(f"api_request.{name}.{workload}", f"Price of a request, {workload}, {words}",
                       cost, price.source,
                       "api_request" if hidden.is_exact else "hidden_tokens",
                       note="long-context tier reached" if price.tiers else "")  # fmt: skip
        factors = (key, "api_price_band", *self._regional(name, option, model),
                   *self.fx(price.currency), "retries")  # fmt: skip
        return Line(item, factors, workload, path="api")

    def _request(self, option: Option, model: str, workload: str, hidden: float) -> prices.ApiPrice:
        """Price of a request of a workload with so many hidden tokens."""
        asked = self.scenario.workloads[workload]
        load = workload_load(workload, asked)
        n = prices.Lengths(
            load.lengths.input_mean, load.lengths.input.sigma, asked.output_tokens.mean + hidden,
            load.lengths.cached_share, asked.cache_write_share,
        )  # fmt: skip
        if option.kind == "open_api":
            return prices.open_request(
                option.provider, model, n, load.batchable_share, self.day, self.currency
            )
        return prices.api_request(option.provider, model, n, load.batchable_share, self.day)

    def _notes_on(
        self, option: Option, model: str, workload: str, price: prices.ApiPrice, thought: float,
        hidden: Range,
    ) -> None:  # fmt: skip
        """What a reader must know of a bill: what is estimated in it, and what it does not have."""
        share = thought / price.per_request
        if not hidden.is_exact and share > ASK_ABOVE:
            self.notes.append(
                f"{option.label}: about {share:.0%} of its bill for {workload} is hidden reasoning "
                f"({hidden.central:,.0f} tokens a request), an estimate: count it in your own usage"
            )
        if self.scenario.workloads[workload].batchable_share and not price.batch:
            self.notes.append(f"{option.label}: no batch price for {model}; full price is taken")

    def _regional(self, name: str, option: Option, model: str) -> list[str]:
        """The surcharge of an endpoint that is pinned to the option's region, where one is due."""
        row = prices.regional_surcharge(option, model)
        if row is None:
            return []
        label = f"Surcharge for the region, {option.label}"
        value = Range.exact(row.factor, "x")
        return [self.put(f"region.{name}", label, value, source_of(row), note=row.note)]
