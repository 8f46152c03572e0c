"""Finds the prices of a scenario's options, once, and keeps where each came from.

The result is a `cashflow.Plan`: for every option the lines of its bill, and the factors (prices,
shares, rates) that they are multiplied by, each with its band and source. A client's quote beats
a published price; what has no price leaves the option out, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from siting import catalogue, quality
from siting.catalogue import Source, source_of
from siting.cost import cashflow, prices
from siting.cost.cashflow import CostItem, HybridPlan, Line, OptionPlan, Plan
from siting.cost.money import MONTHS
from siting.cost.prices import Factor, NotPriced
from siting.inputs.scenario.model import Client, Option, Scenario
from siting.memory import fine_tuning
from siting.places import BY_REQUEST, HOSTED_OPEN, OWNED
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
    finder = _Finder(scenario, fine_tuning.assess(scenario))
    finder.find_shared()
    made: dict[str, OptionPlan] = {}
    why: dict[str, str] = {}
    for name in sorted(scenario.options, key=lambda n: scenario.options[n].kind == "hybrid"):
        try:
            made[name] = _option_plan(replace(finder, name=name), capacity[name], made, why)
        except NotPriced as reason:
            why[name] = str(reason)
    calendar, finance = (scenario.client.country, scenario.client.report_date), scenario.finance
    loads = {n: workload_load(n, w, *calendar) for n, w in scenario.workloads.items()}
    users = sum(w.users for w in scenario.workloads.values())
    on_call = any(w.availability >= ROUND_THE_CLOCK for w in scenario.workloads.values())
    terms = finance.baseline, finance.horizon_months, users, finance.tax_rate or 0.0, on_call
    options = {n: made[n] for n in scenario.options if n in made}
    return Plan(options, why, finder.factors, loads, *terms, tuple(dict.fromkeys(finder.notes)))


def _option_plan(
    finder: _Finder, sized: OptionCapacity, made: Mapping[str, OptionPlan], why: Mapping[str, str]
) -> OptionPlan:
    name, option = finder.name, finder.option
    months, path = option.months_to_production, f"options.{name}.months_to_production"
    finder.own("months_to_production", "Months to production", replace(months, unit="months"),
               finder.scenario.source(path), "months_to_production")  # fmt: skip
    if option.kind == "hybrid":
        for part in (option.base, option.burst):
            if part not in made:
                reason = why.get(part, "no such option")
                raise NotPriced(f"its part {part} is not estimated: {reason}")
        return _hybrid_plan(name, option, made[option.base], made[option.burst])
    if sized.not_estimated:
        raise NotPriced("; ".join(f"{m}: {r}" for m, r in sized.not_estimated.items()))
    pools = tuple(map(cashflow.PoolLoad, sized.pools.values()))
    if option.kind not in BY_REQUEST and not pools:
        raise NotPriced("no model is named for it, so that its GPUs cannot be counted")
    machine = prices.server(option) if option.kind in OWNED else None
    moves, lines = finder.moves(), tuple(replace(finder, machine=machine).lines())
    return OptionPlan(name, option, lines, pools, machine, moves)


def _hybrid_plan(name: str, option: Option, base: OptionPlan, burst: OptionPlan) -> HybridPlan:
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
    lines = (*own, *rest)
    return HybridPlan(name, option, lines, base.pools, base.machine, base=base, burst=burst)


@dataclass(frozen=True)
class Remedy:
    """What it costs to cure a legal or contractual fault, in the client's currency. Estimates."""

    label: str
    once: Range
    per_year: Range
    share_of_api_bill: Range
    """On top, as a share of the API bill."""
    source: Source


def remedies(scenario: Scenario) -> dict[str, Remedy]:
    """Every remedy of facts/cost_items.csv, priced for this client; no option's total has one."""
    finder = _Finder(scenario)
    nil, none = Range.exact(0.0, finder.client.currency), Range.exact(0.0, "share")
    found: dict[str, Remedy] = {}
    for item in catalogue.table("cost_items", CostItem):
        if item.category != "remedy":
            continue
        label = item.label.removeprefix("Remedy: ")
        old = found.get(item.id) or Remedy(label, nil, nil, none, source_of(item))
        looked_up = chain(*map(finder.looked_up, item.multiply_by.split()))
        value = replace(item.range, unit=finder.client.currency)
        for factor in (*looked_up, *finder.fx(item.currency)):
            value = value.times(finder.factors[factor].value, finder.client.currency)
        value = value.scaled(len(scenario.workloads) if item.driver == "workload" else 1)
        if item.driver == "api_bill":
            old = replace(old, share_of_api_bill=replace(value, unit="share"))
        elif item.when == "once":
            old = replace(old, once=old.once.plus(value))
        else:
            yearly = value.scaled(MONTHS if item.when == "monthly" else 1)
            old = replace(old, per_year=old.per_year.plus(yearly))
        found[item.id] = old
    return found


@dataclass(frozen=True)
class _Finder:
    """Looks prices up for all options, or for one, and collects the factors of a plan; used once,
    then dropped."""

    scenario: Scenario
    training: Mapping[str, tuple[fine_tuning.Plan, ...]] = field(default_factory=dict)
    factors: dict[str, Factor] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    name: str = ""
    """The option that prices are looked up for."""
    machine: Server | None = None
    workload: str = ""
    """The workload whose requests are priced."""

    @property
    def option(self) -> Option:
        return self.scenario.options[self.name]

    @property
    def client(self) -> Client:
        return self.scenario.client

    # -- factors

    def put(
        self, name: str, label: str, value: Range, source: Source, driver: str = "", note: str = ""
    ) -> str:
        """Adds a factor; without a driver it moves alone."""
        self.factors[name] = Factor(name, label, value, source, driver or name, note=note)
        return name

    def own(
        self, stem: str, label: str, value: Range, source: Source, driver: str = "", note: str = ""
    ) -> str:
        """Adds a factor of this option alone."""
        name, whole = f"{stem}.{self.name}", f"{label}, {self.option.label}"
        return self.put(name, whole, value, source, driver, note)

    def parameter(self, name: str, kind: str = "", country: str = "", suffix: str = "") -> str:
        factor = prices.parameter(name, kind, country).factor(suffix)
        self.factors[factor.name] = factor
        return factor.name

    def find_shared(self) -> None:
        """What is the same for all options."""
        finance, said = self.scenario.finance, self.scenario.source
        beside = "Months in which old and new run side by side"
        for parameter in catalogue.table("cost_parameters", prices.Parameter):
            if not (parameter.options or parameter.countries):
                self.factors[parameter.id] = parameter.factor()
        for needed in cashflow.SHARED + cashflow.OF_SERVERS:
            self.parameter(needed)
        for name, label, value, unit in (
            ("discount_rate", "Discount rate", finance.discount_rate, "per year"),
            ("parallel_months", beside, finance.parallel_months, "months"),
            ("tax_rate", "Tax rate", Range.exact(finance.tax_rate or 0.0), "share"),
        ):
            if value is not None:
                self.put(name, label, replace(value, unit=unit), said(f"finance.{name}"))
        self._find_vat()
        if finance.price_decline == "list":
            nil, source = Range.exact(0.0, "per year"), said("finance.price_decline")
            self.put("api_decline", "Fall of API list prices", nil, source)
        self.notes.extend(
            f"{option.label}: fine-tuning at the vendor is not estimated, because its price is in "
            "no table; the option looks cheaper than it is"
            for option in self.scenario.options.values()
            if self.scenario.fine_tuning and option.kind in BY_REQUEST
        )

    def _find_vat(self) -> None:
        """The factor of value-added tax that the client does not get back; none where it does.

        Wages bear none; what is bought abroad bears that of the client's country.
        """
        client, own = self.client, self.scenario.finance.vat_recoverable
        rate = prices.row("vat", prices.Vat, country=client.country)
        usual = prices.row("vat_recovery", prices.VatRecovery, sector=client.sector)
        share = own or (usual.range if usual else None)
        if rate is None or share is None or share.low >= 1:
            return
        value = Range.ordered((1 + rate.rate * (1 - s) for s in share.ends), "x")
        source = source_of(rate) if own is None else self.scenario.source("finance.vat_recoverable")
        label = f"Value-added tax that is not recovered, {rate.rate:.1%} in {client.country}"
        self.put("vat", label, value, source)

    def fx(self, currency: str) -> list[str]:
        """Name of the exchange rate into the client's currency; none where it is the same."""
        if not currency or currency == self.client.currency:
            return []
        rate, source = prices.exchange_rate(currency, self.client.currency, self.client.report_date)
        value = prices.parameter("fx_band").range.scaled(
            rate, f"{self.client.currency} per {currency}"
        )
        label = f"Exchange rate {currency} to {self.client.currency}"
        return [self.put(f"fx.{currency}", label, value, source)]

    def quote(self, item: str, label: str) -> list[str]:
        """The client's quote for an item of this option, or for the item in every option."""
        for name in (f"option.{self.name}.{item}", item):
            for i, q in enumerate(self.scenario.finance.quotes, 1):
                if q.item == name and (
                    q.valid_until is None or q.valid_until >= self.client.report_date
                ):
                    where, day = f"quote {i} of the scenario", q.date.isoformat()
                    source = Source(source=q.source, locator=where, date=day, kind="client")
                    currency = re.match(r"[A-Z]{3}\b", q.unit)  # EUR/GPU-h; else the client's
                    value, key = replace(q.value, unit=q.unit), f"{item}.{self.name}"
                    self.put(key, f"{label} (quote)", value, source, item)
                    return [key, *self.fx(currency[0] if currency else "")]
        return []

    # -- lines

    def lines(self) -> Iterator[Line]:
        """Cost items of an option; one that is in use today needs no migration."""
        option, suffix = self.option, f".{self.name}"
        place = option.country or self.client.country
        self.parameter("fte_platform", option.kind, suffix=suffix)
        if option.kind not in BY_REQUEST:
            self.parameter("fte_per_8_gpus", option.kind, suffix=suffix)
        self._find_hidden_work()
        self._find_training()
        if self.machine is not None:
            self._find_power(self.machine)
        for item in cashflow.cost_items(option.kind, place, self.client.report_date.isoformat()):
            if not self._applies(item):
                continue
            wages = "staff_cost" in item.multiply_by.split()
            vat = ("vat",) if "vat" in self.factors and not wages else ()
            rental = "rental:" + {"1y": "12", "3y": "36"}.get(option.commitment, "1")
            path = rental if item.path == "rental" else item.path
            for workload in self.scenario.workloads if item.driver == "request" else ("",):
                factors = replace(self, workload=workload)._price(item)
                yield Line(item, (*factors, *vat), workload, path=path)

    def _applies(self, item: CostItem) -> bool:
        """Whether an option has a cost item of its kind; one that runs today needs no migration."""
        option = self.option
        match item.driver:
            case "owned_server":
                return option.in_use or bool(option.owned_servers)
            case "unused_commitment":
                return bool(option.minimum_commitment_per_month)
            case "provisioned_hour":
                return option.provisioned is not None
            case "model_move":
                return f"moves_band.{self.name}" in self.factors
        if item.category == "fine_tuning":
            return f"training_kwh.{self.name}" in self.factors
        return not (option.in_use and item.category == "migration")

    def _price(self, item: CostItem) -> list[str]:
        """Factors of a line: a quote for the whole, or the item's value times looked-up prices."""
        if quoted := self.quote(item.id, item.label):
            return quoted
        factors: list[str] = []
        value = replace(item.range, unit=f"{item.currency} {item.unit}".strip())
        if not (value.is_exact and value.central == 1):
            own = self.own(item.id, item.label, value, source_of(item), item.id, item.note)
            factors = [own, *self.fx(item.currency)]
        return [*factors, *chain(*map(self.looked_up, item.multiply_by.split()))]

    def looked_up(self, price: str) -> list[str]:
        """Factors of a price, or of a parameter: the client's quote, or what is published."""
        request = f"request of {self.workload}"
        label = request if price == "api_request" else price.replace("_", " ")
        if quoted := self.quote(price, label):
            return quoted
        match price:
            case "api_request":
                return self._request_price(self.workload)
            case "server_price":
                return self._server_price(price)
            case "server_list_price":  # a price of nothing buys no maintenance: the list price does
                paid = self.looked_up("server_price")
                return paid if self.factors[paid[0]].value.central else self._server_price(price)
            case "gpu_hour":
                return self._gpu_hour()
            case "electricity":
                return self._electricity()
            case "pue_overhead":
                row = prices.pue(self.option)
                value = Range.ordered((ratio - 1 for ratio in row.range.ends), "PUE - 1")
                return [self.own(price, "PUE - 1", value, source_of(row), price)]
            case "staff_cost":
                return self._staff_cost()
            case "provisioned_price":
                assert self.option.provisioned is not None
                hour = self.option.provisioned.price_per_unit_hour
                value = replace(hour, unit=f"{self.client.currency}/unit-hour")
                source = self.scenario.source(f"options.{self.name}.provisioned")
                return [self.own(price, "Hour of a unit of throughput", value, source)]
            case "training_gpu_hours" | "training_kwh" | "moves_band":
                return [f"{price}.{self.name}"]
        return [self.parameter(price)]

    def _server_price(self, name: str) -> list[str]:
        assert self.machine is not None
        value, source = prices.server_price(self.machine, self.client.report_date)
        label, key = f"Price of {self.machine.label}", f"{name}.{self.name}"
        return [self.put(key, label, value, source, "server_price"), *self.fx("USD")]

    def _gpu_hour(self) -> list[str]:
        option = self.option
        gpu = catalogue.gpu(option.gpu).id
        price, source, note = prices.gpu_hour(option, gpu, self.client.report_date)
        if note:
            self.notes.append(f"{option.label}: {note}")
        value = Range.exact(price * (1 - option.discount), "USD/GPU-h")
        key = self.own("gpu_hour", "GPU-hour on demand", value, source, note=note)
        term = option.commitment
        committed = [self.parameter(f"commitment_{term}")] if term != "on_demand" else []
        return [key, self.parameter("rental_price_band"), *self.fx("USD"), *committed]

    def _electricity(self) -> list[str]:
        own, place = self.scenario.finance.electricity_per_kwh, self.option.country
        if own is not None:
            value = replace(own, unit=f"{self.client.currency}/kWh")
            source = self.scenario.source("finance.electricity_per_kwh")
            return [self.put("electricity.client", "Electricity, own tariff", value, source)]
        place, day = place or self.client.country, self.client.report_date
        row = prices.row("electricity", prices.ElectricityPrice, day, country=place)
        if row is None:
            raise NotPriced(f"no electricity price for {place}; write finance.electricity_per_kwh")
        band = prices.parameter("electricity_band").range
        value = band.scaled(row.price_kwh, f"{row.currency}/kWh")
        label = f"Electricity, {row.region}, {row.customer_class}, {row.taxes}"
        key = f"electricity.{row.country}"
        return [self.put(key, label, value, source_of(row), "electricity"), *self.fx(row.currency)]

    def _staff_cost(self) -> list[str]:
        own, country = self.scenario.finance.staff_cost_per_year, self.client.country
        if own is not None:
            value = replace(own, unit=f"{self.client.currency} per FTE-year")
            source = self.scenario.source("finance.staff_cost_per_year")
            return [self.put("staff_cost", "One infrastructure engineer", value, source)]
        currency = prices.parameter("staff_cost", "", country).currency
        return [self.parameter("staff_cost", "", country), *self.fx(currency)]

    # -- what an option needs, as a factor

    def _find_hidden_work(self) -> None:
        """Hidden tokens that a model's thinking needs: the same evidence for every option."""
        found, work = Range.exact(0.0), Range.exact(1.0, "x")
        for workload, asked in self.scenario.workloads.items():
            hidden = quality.hidden_tokens(self.scenario, self.name, workload)
            if hidden.high > found.high:
                read = READING_WORK * asked.input_tokens.mean * (1 - asked.cached_input_share)
                seen = asked.output_tokens.mean + read
                ends = ((seen + h) / (seen + hidden.central) for h in hidden.ends)
                found, work = replace(hidden, unit="tokens per request"), Range.ordered(ends, "x")
        if found.is_exact:
            return
        source = source_of(quality.efforts_row(self.option.effort))
        if "hidden_tokens" not in self.factors:
            self.put("hidden_tokens", "Hidden reasoning tokens", found, source)
        if self.option.kind not in BY_REQUEST:
            self.own("hidden_work", "Work of a request over the plan", work, source,
                     "hidden_tokens")  # fmt: skip

    def _find_training(self) -> None:
        """GPU-hours and energy of an option's fine-tuning jobs, by month."""
        plans = [p for jobs in self.training.values() for p in jobs if p.option == self.name]
        words = f"{self.option.label}: fine-tuning"
        self.notes.extend(f"{words} {p.job} is left out, {p.reason}" for p in plans if not p.time)
        timed = [(p.time, p.runs_per_year / MONTHS) for p in plans if p.time is not None]
        for stem, unit, parts in (
            ("training_gpu_hours", "GPU-h per month", [(t.gpu_hours, n) for t, n in timed]),
            ("training_kwh", "kWh per month", [(t.energy_kwh, n) for t, n in timed]),
        ):
            if timed:
                value = total((each.scaled(runs, unit) for each, runs in parts), unit)
                self.own(stem, f"Fine-tuning, {unit}", value, timed[0][0].source, "training")

    def _find_power(self, machine: Server) -> None:
        """Power of a server; a limit on its cards takes off what they may not draw."""
        built_for = catalogue.gpu(machine.gpu_id).tdp_w or 0.0
        cards = machine.gpu_count * built_for / 1000
        limit = self.option.power_limit_w or built_for
        cut = max(0.0, 1 - limit / built_for) if built_for else 0.0
        value = Range.ordered((kw - min(kw, cards) * cut for kw in machine.power_kw.ends), "kW")
        self.put(f"power_kw.{self.name}", f"Power of {machine.label} under load", value,
                 source_of(machine), "power_kw", machine.note)  # fmt: skip

    def moves(self) -> tuple[float, ...]:
        """Tests of a successor in each year, as the vendor's habits let expect: moves to another
        model times the workloads that a model serves."""
        option = self.option
        years = stability.moves(self.scenario, self.name) if option.kind in BY_REQUEST else ()
        expected = sum(y.central for y in years)
        if not expected:
            return ()
        low, high = (sum(getattr(y, end) for y in years) / expected for end in ("low", "high"))
        words, day = "siting estimate from the vendor's retirements", self.client.report_date
        where = "retirement calendar"
        source = Source(source=words, locator=where, date=day.isoformat(), kind="estimate")
        band = Range(low, 1.0, high, "of those expected")
        self.own("moves_band", "Number of moves to successors", band, source, "moves_band")
        served = len(self.scenario.workloads) / len(set(option.models.values()))
        return tuple(y.central * served for y in years)

    # -- requests of an API

    def _request_price(self, workload: str) -> list[str]:
        """Factors of the price of a request of a workload."""
        option, name = self.option, self.name
        model = option.runs(workload)
        if not model:
            raise NotPriced(f"no model is named for {workload}; write models: {{all: …}}")
        hidden = quality.hidden_tokens(self.scenario, name, workload)
        low, price, high, silent = (
            self._request(model, workload, tokens) for tokens in (*hidden.ends, 0.0)
        )
        if price.per_request <= 0:
            raise NotPriced(f"the price list has {model} at nothing; write a quote for api_request")
        thought = (price.per_request - silent.per_request) / price.per_request
        if not hidden.is_exact and thought > ASK_ABOVE:
            self.notes.append(
                f"{option.label}: about {thought:.0%} of the bill for {workload} is hidden "
                f"reasoning ({hidden.central:,.0f} tokens a request), an estimate: count it in "
                "your own usage"
            )
        if self.scenario.workloads[workload].batchable_share and not price.batch:
            self.notes.append(f"{option.label}: no batch price for {model}; full price is taken")
        cost = Range(low.per_request, price.per_request, high.per_request,
                     f"{price.currency}/request").scaled(1 - option.discount)  # fmt: skip
        cached = f", {price.cached_per_million:g} cached" if price.cached_per_million else ""
        listed = f"{price.input_per_million:g} in, {price.output_per_million:g} out{cached}"
        label = (
            f"Price of a request, {workload}, {model}: {listed} {price.currency} per million tokens"
        )
        driver = "api_request" if hidden.is_exact else "hidden_tokens"
        note, key = "long-context tier reached" * price.tiers, f"api_request.{name}.{workload}"
        self.put(key, label, cost, price.source, driver, note)
        factors = [key, self.parameter("api_price_band")]
        if region := prices.regional_surcharge(option, model):
            surcharge, source = Range.exact(region.factor, "x"), source_of(region)
            label = "Surcharge for the region"
            factors.append(self.own("region", label, surcharge, source, note=region.note))
        return [*factors, *self.fx(price.currency)]

    def _request(self, model: str, workload: str, hidden: float) -> prices.ApiPrice:
        """Price of a request of a workload with so many hidden tokens."""
        option, asked = self.option, self.scenario.workloads[workload]
        load = workload_load(workload, asked)
        n = prices.BilledTokens(
            load.lengths.input.mean, load.lengths.input.sigma, asked.output_tokens.mean + hidden,
            load.lengths.cached_share, asked.cache_write_share,
        )  # fmt: skip
        of = option.provider, model, n, load.batchable_share, self.client.report_date
        if option.kind in HOSTED_OPEN:
            return prices.open_request(*of, self.client.currency)
        return prices.api_request(*of)
