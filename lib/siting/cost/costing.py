"""Finds the prices of a scenario's options, once, and keeps where each came from.

The result is a `priced.Plan`: for every option the lines of its bill, and the factors (prices,
shares, rates) that they are multiplied by, each with its band and source. A client's quote beats
a published price; what has no price leaves the option out, with the reason.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TypeAlias

from siting import catalogue, pictures, quality, reasoning
from siting.catalogue import Source
from siting.cost import api_prices, dates, listed, prices
from siting.cost.api_prices import ModelPath, PricePath
from siting.cost.money import MONTHS
from siting.cost.priced import (
    OF_SERVERS,
    SHARED,
    CostItem,
    Line,
    Plan,
    PricedHybrid,
    PricedOption,
    PricedPart,
    PricedSplit,
    cost_items,
    machines_key,
)
from siting.cost.prices import Factor, NotPriced
from siting.inputs.scenario.model import Client, Option, Scenario, Workload, in_words
from siting.memory import fine_tuning
from siting.places import BY_REQUEST, HOSTED_OPEN, MIXED, OWNED
from siting.quantity import DAYS_OF_MONTH, NotEstimated, Range, total
from siting.records import frozen
from siting.serving.capacity import OptionCapacity, SplitCapacity
from siting.serving.load import lengths_of, workload_load
from siting.serving.machines import ExistingKind
from siting.serving.servers import Server
from siting.vendors import stability
from siting.vendors.notice import Successor

TRAINING_OF_USERS = "migration_training"
"""Cost item of a new tool, not of a new model."""
ROUND_THE_CLOCK = 0.999
"""Availability from which somebody must be on call at night: nine hours a year are left."""
ASK_ABOVE = 0.25
"""Share of a bill from which hidden tokens, an estimate, must be counted by the client."""
READING_WORK = 0.1
"""Work of reading a token over writing one, for machines of one's own."""


BILLED_BY_USE = (
    "request", "gpu_hour", "gb", "unused_commitment", "replica", "gpu", "model_move",
    "provisioned_hour",
)  # fmt: skip
"""Drivers of what the other side of a hybrid bills for the load that it takes."""


# --- a plan -----------------------------------------------------------------------------------


@frozen
class Compiled:
    """One option with its prices found, or why it has none, and what it rests on."""

    plan: PricedOption | None
    why: str
    factors: Mapping[str, Factor]
    api_paths: Mapping[str, ModelPath]
    notes: Sequence[str]


Compile: TypeAlias = Callable[[Scenario, str, OptionCapacity], Compiled]


def compile_plan(
    scenario: Scenario, capacity: Mapping[str, OptionCapacity], compiled: Compile | None = None
) -> Plan:
    """Finds every price that the scenario's options need, once.

    An option without a price or without an estimate of its speed is left out with the reason.
    compiled: `compile_option`, or one that keeps what it found.
    """
    client = scenario.client
    finance = scenario.finance
    workloads = scenario.workloads
    compiled = compiled or compile_option
    made: dict[str, PricedOption] = {}
    why: dict[str, str] = {}
    both = _Finder(scenario=scenario)
    for name, option in sorted(scenario.options.items(), key=lambda each: each[1].kind in MIXED):
        sized = capacity[name]
        try:
            if option.kind not in MIXED:
                made[name] = both.take(compiled(scenario, name, sized))
            elif isinstance(sized, SplitCapacity):
                made[name] = _priced_split(replace(both, name=name), sized, compiled)
            else:
                made[name] = _priced_hybrid(replace(both, name=name), made, why)
        except NotPriced as reason:
            why[name] = str(reason)
    return Plan(
        options={n: made[n] for n in scenario.options if n in made},
        not_estimated=why,
        factors=both.factors,
        loads={
            n: workload_load(n, pictures.read_by_any(w), client.country, client.report_date)
            for n, w in workloads.items()
        },
        baseline=finance.baseline,
        months=finance.horizon_months,
        first_month=client.report_date.month,
        users={n: w.users_told(client.sector) for n, w in workloads.items()},
        owed={n: tuple(dates.owed(scenario, n)) for n in scenario.options},
        freezes=dates.frozen_months(scenario),
        tax_rate=finance.tax_rate or 0.0,
        api_paths=both.api_paths,
        on_call=frozenset(n for n, w in workloads.items() if w.availability >= ROUND_THE_CLOCK),
        notes=tuple(dict.fromkeys(both.notes)),
    )


def compile_option(
    scenario: Scenario, name: str, sized: OptionCapacity, path: PricePath = "named_model"
) -> Compiled:
    """Finds the prices of one option that is no mix of others. path: of API prices."""
    finder = _Finder(scenario=scenario, name=name, path=path)
    finder.find_shared()
    finder.notes.extend(paid.warning for paid in beside_list(scenario, name))
    made = None
    why = ""
    try:
        made = _priced_option(finder, sized)
    except NotPriced as reason:
        why = str(reason)
    return Compiled(
        plan=made,
        why=why,
        factors=finder.factors,
        api_paths=finder.api_paths,
        notes=finder.notes,
    )


def _priced_option(finder: _Finder, sized: OptionCapacity) -> PricedOption:
    finder.find_months()
    option = finder.option
    if sized.not_estimated:
        raise NotPriced("; ".join(f"{m}: {r}" for m, r in sized.not_estimated.items()))
    if option.kind not in BY_REQUEST and not sized.pools:
        raise NotPriced("no model is named for it, so that its GPUs cannot be counted")
    machine = prices.server(option) if option.kind in OWNED else None
    moves = finder.moves()
    finder.find_of_option()
    sides = [replace(finder, machine=machine)]
    sides += (replace(finder, machine=kind.server, existing=kind) for kind in sized.existing)
    return PricedOption(
        name=finder.name,
        option=option,
        lines=tuple(line for side in sides for line in side.lines()),
        pools=tuple(sized.pools.values()),
        machine=machine,
        moves=moves,
        existing=sized.existing,
    )


def _priced_hybrid(
    finder: _Finder, made: Mapping[str, PricedOption], why: Mapping[str, str]
) -> PricedHybrid:
    """Own lines of the base, and from the other side what is billed by use."""
    finder.find_months()
    option = finder.option
    for part in (option.base, option.burst):
        if part not in made:
            reason = why.get(part, "no such option")
            raise NotPriced(f"its part {part} is not estimated: {reason}")
    base = made[option.base]
    burst = made[option.burst]
    of_vendor = () if burst.pools else ("fte",)  # hands for machines are in the base's own line
    rest = (line for line in burst.lines if line.item.driver in (*BILLED_BY_USE, *of_vendor))
    return PricedHybrid(
        name=finder.name,
        option=option,
        lines=(*base.lines, *(replace(line, for_peaks=True) for line in rest)),
        pools=base.pools,
        machine=base.machine,
        existing=base.existing,
        base=base,
        burst=burst,
    )


def _priced_split(finder: _Finder, sized: SplitCapacity, compiled: Compile) -> PricedSplit:
    """Each part with its workloads alone."""
    finder.find_months()
    parts = []
    for part, workloads in quality.parts(finder.scenario, finder.name).items():
        found = compiled(finder.scenario.of(workloads), part, sized.parts[part])
        if found.plan is None:
            raise NotPriced(f"its part {part} is not estimated: {found.why}")
        parts.append(PricedPart(priced=finder.take(found), workloads=workloads))
    return PricedSplit(
        name=finder.name,
        option=finder.option,
        lines=tuple(line for part in parts for line in part.priced.lines),
        pools=(),
        parts=tuple(parts),
    )


# --- remedies ---------------------------------------------------------------------------------


@frozen
class Remedy:
    """What it costs to cure a legal or contractual fault, in the client's currency. Estimates."""

    label: str
    once: Range
    per_year: Range
    share_of_api_bill: Range
    """On top, as a share of the API bill."""
    source: Source


def remedies(scenario: Scenario) -> dict[str, Remedy]:
    """Every remedy of siting_facts/cost_items.csv, priced for this client; no option's total has
    one."""
    finder = _Finder(scenario=scenario)
    money = finder.client.currency
    found: dict[str, Remedy] = {}
    for item in catalogue.table("cost_items", CostItem):
        if item.category != "remedy":
            continue
        if item.id not in found:
            found[item.id] = Remedy(
                label=item.label.removeprefix("Remedy: "),
                once=Range.exact(0.0, money),
                per_year=Range.exact(0.0, money),
                share_of_api_bill=Range.exact(0.0, "share"),
                source=item.provenance,
            )
        factors = finder.looked_up_all(item) + finder.fx(item.currency)
        value = replace(item.range, unit=money).times(finder.product(factors), money)
        value = value.scaled(len(scenario.workloads) if item.driver == "workload" else 1)
        old = found[item.id]
        if item.driver == "api_bill":
            found[item.id] = replace(old, share_of_api_bill=replace(value, unit="share"))
        elif item.when == "once":
            found[item.id] = replace(old, once=old.once.plus(value))
        else:
            yearly = value.scaled(MONTHS if item.when == "monthly" else 1)
            found[item.id] = replace(old, per_year=old.per_year.plus(yearly))
    return found


# --- a client's own invoices ------------------------------------------------------------------


@frozen
class Invoiced:
    """What a client pays an API for the requests of a workload by its own invoice, or quote, where
    that lies beyond the range of the list price."""

    option: str
    """Label of the option."""
    workload: str
    place: int
    """Of its quote among the client's."""
    times: float
    """What it pays over the list price."""
    paid: float
    """For the load that is stated. [currency a month]"""
    listed: float
    """The same at the list price. [currency a month]"""
    currency: str

    @property
    def far(self) -> str:
        """How far from the list price, before its name: `7.25 times`, `40% of`."""
        return f"{self.times:.3g} times" if self.times > 1 else f"{self.times:.0%} of"

    @property
    def warning(self) -> str:
        """What is said of it, and what to look at."""
        return (
            f"{self.option}: a request of {in_words(self.workload)} is quoted at {self.far} its "
            f"list price, {self.currency} {self.paid:,.0f} a month for the load that is stated "
            f"instead of {self.currency} {self.listed:,.0f}; look whether the bill is for these "
            "requests alone, and whether their number, their tokens and the model are right"
        )


def beside_list(scenario: Scenario, name: str) -> Iterator[Invoiced]:
    """Workloads for whose requests at an API a client pays, by its own invoice, what lies beyond
    the range of the list price."""
    if scenario.options[name].kind not in BY_REQUEST:
        return
    for workload in scenario.workloads:
        finder = _Finder(scenario=scenario, name=name, workload=workload)
        for item in ("api_usage", "api_request"):  # the first holds, where there are both
            place = scenario.quoted_at(item, name, workload)
            if place is not None:
                yield from _invoiced(finder, item, place)
                break


def _invoiced(finder: _Finder, item: str, place: int) -> Iterator[Invoiced]:
    """A quote for requests, of an item and at a place among all, where it is beyond the list price;
    nothing where no list has the model."""
    client = finder.client
    try:
        at_list = finder.product(finder.request_price())
    except (NotPriced, NotEstimated):
        return
    paid = finder.product(finder.quote(item, ""))
    if at_list.low <= paid.high and paid.low <= at_list.high:
        return
    load = workload_load(finder.workload, finder.asked, client.country, client.report_date)
    a_month = load.requests(1).central / MONTHS
    yield Invoiced(
        option=finder.option.label,
        workload=finder.workload,
        place=place,
        times=paid.central / at_list.central,
        paid=paid.scaled(a_month).central,
        listed=at_list.scaled(a_month).central,
        currency=client.currency,
    )


# --- looking prices up ------------------------------------------------------------------------


@frozen
class _Finder:
    """Looks prices up for all options, or for one, and collects the factors of a plan; used once,
    then dropped. What looks a price up answers with the names of factors whose product it is."""

    scenario: Scenario
    factors: dict[str, Factor] = field(default_factory=dict)
    api_paths: dict[str, ModelPath] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    name: str = ""
    """The option that prices are looked up for."""
    path: PricePath = "named_model"
    machine: Server | None = None
    existing: ExistingKind | None = None
    """Existing servers of another kind, where these are the machines."""
    workload: str = ""
    """The workload whose requests are priced."""

    @property
    def option(self) -> Option:
        return self.scenario.options[self.name]

    @property
    def asked(self) -> Workload:
        return self.scenario.workloads[self.workload]

    @property
    def hidden(self) -> Range:
        """Hidden tokens of a request of the workload."""
        return quality.hidden_tokens(self.scenario, self.name, self.workload)

    @property
    def client(self) -> Client:
        return self.scenario.client

    @property
    def day(self) -> dt.date:
        return self.client.report_date

    def take(self, known: Compiled) -> PricedOption:
        """Adds what was found for an option; what options share stays as the first found it.

        Raises NotPriced where the option has no price.
        """
        self.factors.update({**known.factors, **self.factors})
        self.api_paths.update({**known.api_paths, **self.api_paths})
        self.notes.extend(known.notes)
        if known.plan is None:
            raise NotPriced(known.why)
        return known.plan

    # -- factors

    def put(
        self, name: str, label: str, value: Range, source: Source, driver: str = "", note: str = ""
    ) -> str:
        """Adds a factor; without a driver it moves alone."""
        self.factors[name] = Factor(
            name=name, label=label, value=value, source=source, driver=driver or name, note=note
        )
        return name

    def put_of_option(
        self, stem: str, label: str, value: Range, source: Source, driver: str = "", note: str = ""
    ) -> str:
        """Adds a factor of this option alone."""
        whole = f"{label}, {self.option.label}"
        return self.put(f"{stem}.{self.name}", whole, value, source, driver, note)

    def put_stated(self, name: str, label: str, value: Range, unit: str, where: str) -> list[str]:
        """Adds a factor that the client states at a place of its scenario."""
        return [self.put(name, label, replace(value, unit=unit), self.scenario.source(where))]

    def parameter(self, name: str, kind: str = "", country: str = "", suffix: str = "") -> str:
        factor = prices.parameter(name, kind, country).factor(suffix)
        self.factors[factor.name] = factor
        return factor.name

    def product(self, factors: Iterable[str]) -> Range:
        """The product of factors, in the client's currency."""
        money = self.client.currency
        found = Range.exact(1.0, money)
        for factor in factors:
            found = found.times(self.factors[factor].value, money)
        return found

    def fx(self, currency: str) -> list[str]:
        """Name of the exchange rate into the client's currency; none where it is the same."""
        into = self.client.currency
        if not currency or currency == into:
            return []
        found = prices.exchange_rate(currency, into, self.day)
        value = prices.parameter("fx_band").range.scaled(found.rate, f"{into} per {currency}")
        return [
            self.put(f"fx.{currency}", f"Exchange rate {currency} to {into}", value, found.source)
        ]

    # -- what is the same for all options, and what an option needs beside its lines

    def find_shared(self) -> None:
        """What is the same for all options."""
        finance = self.scenario.finance
        self.factors.update(_of_tables())
        beside = "Months in which old and new run side by side"
        tax = Range.exact(finance.tax_rate) if finance.tax_rate else None
        for name, label, value, unit in (
            ("discount_rate", "Discount rate", finance.discount_rate, "per year"),
            ("parallel_months", beside, finance.parallel_months, "months"),
            ("tax_rate", "Tax rate", tax, "share"),
        ):
            if value is not None:
                self.put_stated(name, label, value, unit, f"finance.{name}")
        self._find_vat()
        if self.scenario.fine_tuning and self.option.kind in BY_REQUEST:
            self.notes.append(
                f"{self.option.label}: fine-tuning at the vendor is not estimated, because its "
                "price is in no table; the option looks cheaper than it is"
            )

    def _find_vat(self) -> None:
        """The factor of value-added tax that the client does not get back; none where it does.

        Wages bear none; what is bought abroad bears that of the client's country.
        """
        client = self.client
        stated = self.scenario.finance.vat_recoverable
        rate = prices.row("vat", prices.Vat, country=client.country)
        usual = prices.row("vat_recovery", prices.VatRecovery, sector=client.sector)
        share = stated or (usual.range if usual else None)
        if rate is None or share is None or share.low >= 1:
            return
        value = Range.ordered((1 + rate.rate * (1 - s) for s in share.ends), "x")
        source = self.scenario.source("finance.vat_recoverable") if stated else rate.provenance
        label = f"Value-added tax that is not recovered, {rate.rate:.1%} in {client.country}"
        self.put("vat", label, value, source)

    def find_months(self) -> None:
        """How long it takes until an option serves: nothing is ordered before go or no-go."""
        stem = "months_to_production"
        months = self.option.months_to_production
        if not self.option.in_use:
            months = dates.serves(self.scenario, self.name).scaled(1 / DAYS_OF_MONTH)
        source = self.scenario.source(f"options.{self.name}.{stem}")
        months = replace(months, unit="months")
        self.put_of_option(stem, "Months until it serves", months, source, stem)

    def _find_hidden_work(self) -> None:
        """Hidden tokens that a model's thinking needs: the same evidence for every option."""
        found = Range.exact(0.0)
        work = Range.exact(1.0, "x")
        for workload, asked in self.scenario.workloads.items():
            hidden = quality.hidden_tokens(self.scenario, self.name, workload)
            if hidden.high > found.high:
                asked = pictures.read(asked, self.option.runs(workload))
                read = READING_WORK * asked.input_tokens.mean * (1 - asked.cached_share)
                seen = asked.output_tokens.mean + read
                ends = ((seen + h) / (seen + hidden.central) for h in hidden.ends)
                found = replace(hidden, unit="tokens per request")
                work = Range.ordered(ends, "x")
        if found.is_exact:
            return
        source = quality.efforts_row(self.option.effort).provenance
        if "hidden_tokens" not in self.factors:
            self.put("hidden_tokens", "Hidden reasoning tokens", found, source)
        if self.option.kind not in BY_REQUEST:
            label = "Work of a request over the plan"
            self.put_of_option("hidden_work", label, work, source, "hidden_tokens")

    def _find_training(self) -> None:
        """GPU-hours and energy of an option's fine-tuning jobs, by month."""
        jobs = fine_tuning.assess(self.scenario).values()
        plans = [plan for job in jobs for plan in job if plan.option == self.name]
        words = f"{self.option.label}: fine-tuning"
        self.notes.extend(f"{words} {p.job} is left out, {p.reason}" for p in plans if not p.time)
        timed = [(p.time, p.runs_per_year / MONTHS) for p in plans if p.time is not None]
        for stem, unit, parts in (
            ("training_gpu_hours", "GPU-h per month", [(t.gpu_hours, n) for t, n in timed]),
            ("training_kwh", "kWh per month", [(t.energy_kwh, n) for t, n in timed]),
        ):
            if timed:
                value = total((each.scaled(runs, unit) for each, runs in parts), unit)
                source = timed[0][0].source
                self.put_of_option(stem, f"Fine-tuning, {unit}", value, source, "training")

    def moves(self) -> tuple[float, ...]:
        """Tests of a successor in each year, as the vendor's habits let expect: moves to another
        model times the workloads that a model serves."""
        option = self.option
        years = stability.moves(self.scenario, self.name) if option.kind in BY_REQUEST else ()
        # Who moves to a cheaper model each year tests each year.
        if self.path == "equal_quality":
            years = tuple(Range.exact(max(1.0, y.central), y.unit) for y in years)
        expected = sum(y.central for y in years)
        if not expected:
            return ()
        low, high = (sum(getattr(y, end) for y in years) / expected for end in ("low", "high"))
        band = Range(low, 1.0, high, unit="of those expected")
        label = "Number of moves to successors"
        self.put_of_option("moves_band", label, band, api_prices.habits(self.day), "moves_band")
        models = set(map(option.runs, self.scenario.workloads))
        served = len(self.scenario.workloads) / len(models)
        return tuple(y.central * served for y in years)

    def find_of_option(self) -> None:
        """What quantities of an option hang on, beside its machines."""
        kind = self.option.kind
        suffix = f".{self.name}"
        self.parameter("fte_platform", kind, suffix=suffix)
        if kind not in BY_REQUEST:
            self.parameter("fte_per_8_gpus", kind, suffix=suffix)
        self._find_hidden_work()
        self._find_training()

    # -- lines

    def lines(self) -> Iterator[Line]:
        """Cost items of an option, or of existing servers of another kind alone."""
        option = self.option
        if machine := self.machine:
            key = f"power_kw.{machines_key(self.name, self.existing)}"
            label = f"Power of {machine.label} under load"
            value = replace(machine.power_kw, unit="kW")
            self.put(key, label, value, machine.provenance, "power_kw", machine.note)
        country = option.country or self.client.country
        for item in cost_items(option.kind, country, self.day.isoformat()):
            if not self._applies(item):
                continue
            # Nobody bills wages, nor what the client says that a server would fetch.
            is_worth = item.driver == "owned_server" and bool(self._said.get(item.id))
            unbilled = is_worth or "staff_cost" in item.multiply_by.split()
            vat = ("vat",) if "vat" in self.factors and not unbilled else ()
            workloads: Iterable[str] = ("",)
            if item.driver in ("request", "stock"):
                workloads = self.scenario.workloads
            if item.driver == "stock":
                workloads = filter(self._embeds_anew, workloads)
            for workload in workloads:
                finder = replace(self, workload=workload)
                factors = (*finder._price(item), *vat)
                path = finder._path(item)
                kind = self.existing
                yield Line(item=item, factors=factors, workload=workload, path=path, existing=kind)

    def _applies(self, item: CostItem) -> bool:
        """Whether an option has a cost item of its kind; one that runs today needs no migration."""
        option = self.option
        if self.existing is not None:
            # Neither bought nor replaced by their like; hands for all are in the option's own line.
            value = self.existing.stated.value_each
            match item.driver:
                case "owned_server":
                    return value is None or value.high > 0
                case "server" | "resale_server":
                    return item.when not in ("once", "at_refresh")
            return item.driver in ("gpu", "kw", "kwh")
        match item.driver:
            case "owned_server":
                runs_today = option.in_use and not option.existing_servers
                return runs_today or bool(option.owned_servers)
            case "unused_commitment":
                return bool(option.committed_per_month)
            case "provisioned_hour":
                return option.provisioned is not None
            case "model_move":
                return f"moves_band.{self.name}" in self.factors
        if item.category == "fine_tuning":
            return f"training_kwh.{self.name}" in self.factors
        today = self.scenario.options.get(self.scenario.finance.baseline)
        seller = (option.kind, option.provider)
        stays = today and option.provider and seller == (today.kind, today.provider)
        if item.id == TRAINING_OF_USERS and stays:
            return False  # another model of a tool that runs and stays trains no users anew
        return not (option.in_use and item.category == "migration")

    def _price(self, item: CostItem) -> list[str]:
        """Factors of a line: a quote for the whole, or the item's value times looked-up prices."""
        if quoted := self.quote(item.id, item.label):
            return quoted
        factors: list[str] = []
        value = replace(item.range, unit=f"{item.currency} {item.unit}".strip())
        if not (value.is_exact and value.central == 1):
            key = f"{item.id}.{self.name}"
            if key not in self.factors:  # of first servers and of those that replace them: one rate
                self.put_of_option(item.id, item.label, value, item.provenance, item.id, item.note)
            factors = [key, *self.fx(item.currency)]
        return factors + self.looked_up_all(item)

    def _path(self, item: CostItem) -> str:
        """How the price of an item moves over the horizon."""
        if item.path == "rental":
            return "rental:" + {"1y": "12", "3y": "36"}.get(self.option.commitment, "1")
        return f"api:{self._model_path().key}" if item.path == "api" else item.path

    def quote(self, item: str, label: str) -> list[str]:
        """The client's quote for an item of this option, or for the item in every option; of what
        belongs to existing servers alone, what it says of them."""
        if self.existing is not None and item in self._said:
            stated = self._said[item]
            name = f"{item}.{machines_key(self.name, self.existing)}"
            unit = f"{self.client.currency} per server"
            where = f"options.{self.name}.existing_servers"
            label = f"{label}, {self.existing.server.label}"
            return self.put_stated(name, label, stated, unit, where) if stated else []
        place = self.scenario.quoted_at(item, self.name, self.workload)
        if place is None:
            return []
        q = self.scenario.finance.quotes[place]
        where = f"quote {place + 1} of the scenario"
        source = Source(source=q.source, locator=where, date=q.date.isoformat(), kind="client")
        currency = re.match(r"[A-Z]{3}\b", q.unit)  # EUR/GPU-h; else the client's
        key = f"{item}.{self.name}"
        if q.workloads:  # of another workload there may be another
            key = f"{key}.quote-{place + 1}"
        self.put(key, f"{label} (quote)", replace(q.value, unit=q.unit), source, item)
        return [key, *self.fx(currency[0] if currency else "")]

    @property
    def _said(self) -> Mapping[str, Range | None]:
        """What the client says of existing servers, which no quote for others holds for."""
        return self.existing.stated.amounts if self.existing else {}

    def looked_up_all(self, item: CostItem) -> list[str]:
        """Factors of all prices and parameters that an item is multiplied by."""
        return [factor for price in item.multiply_by.split() for factor in self.looked_up(price)]

    def looked_up(self, price: str) -> list[str]:
        """Factors of a price, or of a parameter: the client's quote, or what is published."""
        request = f"request of {in_words(self.workload)}"
        label = request if price == "api_request" else price.replace("_", " ")
        if quoted := self.quote(price, label):
            return quoted
        match price:
            case "api_request":
                return self.request_price()
            case "server_price":
                return self._server_price(price)
            case "server_list_price":  # a price of nothing buys no maintenance: the list price does
                paid = self.looked_up("server_price")
                return paid if self.factors[paid[0]].value.central else self._server_price(price)
            case "gpu_hour":
                return self._gpu_hour()
            case "electricity":
                return self._electricity()
            case "stock_price":
                key = f"stock_price.{self.name}.{self.workload}"
                tokens = self.asked.stock_tokens
                return self._embedding(key, f"Vectors of all texts, {request}", tokens)
            case "pue_overhead":
                return self._pue_overhead()
            case "staff_cost":
                return self._staff_cost()
            case "provisioned_price":
                return self._provisioned_price()
            case "training_gpu_hours" | "training_kwh" | "moves_band":
                return [f"{price}.{self.name}"]
        return [self.parameter(price)]

    # -- prices of machines, energy and work

    def _server_price(self, name: str) -> list[str]:
        assert self.machine is not None
        found = prices.server_price(self.machine, self.day)
        label = f"Price of {self.machine.label}"
        key = f"{name}.{machines_key(self.name, self.existing)}"
        self.put(key, label, found.value, found.source, "server_price")
        return [key, *self.fx("USD")]

    def _gpu_hour(self) -> list[str]:
        option = self.option
        gpu = catalogue.gpu(option.gpu).id
        found = prices.gpu_hour(option, gpu, self.day)
        if found.note:
            self.notes.append(f"{option.label}: {found.note}")
        if option.commitment == "month":
            told = "by the month it costs its hours on demand: no table has a price of a month"
            self.notes.append(f"{option.label}: {told}")
        listed = found.value.scaled(1 - option.discount)
        value = prices.aged(listed, found.source, self.day)
        # Options that rent the same card of one provider pay one price, and are drawn alike.
        driver = f"gpu_hour.{option.provider or option.vendor}.{gpu}"
        label = "GPU-hour on demand"
        key = self.put_of_option("gpu_hour", label, value, found.source, driver, found.note)
        term = option.commitment
        by_hour = term in ("on_demand", "month")
        committed = [] if by_hour else [self.parameter(f"commitment_{term}")]
        return [key, self.parameter("rental_price_band"), *self.fx("USD"), *committed]

    def _electricity(self) -> list[str]:
        if stated := self.scenario.finance.electricity_per_kwh:
            unit = f"{self.client.currency}/kWh"
            where = "finance.electricity_per_kwh"
            label = "Electricity, own tariff"
            return self.put_stated("electricity.client", label, stated, unit, where)
        place = self.option.country or self.client.country
        row = prices.electricity(place, self.day)
        band = prices.parameter("electricity_band").range
        value = band.scaled(row.price_kwh, f"{row.currency}/kWh")
        label = f"Electricity, {row.region}, {row.customer_class}, {row.taxes}"
        key = f"electricity.{row.country}"
        return [self.put(key, label, value, row.provenance, "electricity"), *self.fx(row.currency)]

    def _pue_overhead(self) -> list[str]:
        """What a room takes beyond its machines: as the client says, else as is usual there."""
        room = self.option.room
        if room is not None and room.pue is not None:
            ends = (room.pue,) * 3
            source = self.scenario.source(f"options.{self.name}.room.pue")
        else:
            usual = prices.pue(self.option)
            ends = usual.range.ends
            source = usual.provenance
        value = Range.ordered((ratio - 1 for ratio in ends), "PUE - 1")
        return [self.put_of_option("pue_overhead", "PUE - 1", value, source, "pue_overhead")]

    def _staff_cost(self) -> list[str]:
        if stated := self.scenario.finance.staff_cost_per_year:
            unit = f"{self.client.currency} per FTE-year"
            where = "finance.staff_cost_per_year"
            return self.put_stated("staff_cost", "One infrastructure engineer", stated, unit, where)
        country = self.client.country
        currency = prices.parameter("staff_cost", "", country).currency
        return [self.parameter("staff_cost", "", country), *self.fx(currency)]

    def _provisioned_price(self) -> list[str]:
        assert self.option.provisioned is not None
        hour = self.option.provisioned.price_per_unit_hour
        value = replace(hour, unit=f"{self.client.currency}/unit-hour")
        source = self.scenario.source(f"options.{self.name}.provisioned")
        label = "Hour of a unit of throughput"
        return [self.put_of_option("provisioned_price", label, value, source)]

    # -- prices of requests

    def request_price(self) -> list[str]:
        """Factors of the price of a request of the workload."""
        option = self.option
        model = option.runs(self.workload)
        key = f"api_request.{self.name}.{self.workload}"
        asked = in_words(self.workload)
        listed.refuse_requests(self.scenario, self.name, self.workload)
        if self.asked.task == "embed":
            read = self.asked.input_tokens.mean
            return self._embedding(key, f"Price of a request, {asked}", read)
        hidden = self.hidden
        low, price, high = (self._request(model, tokens) for tokens in hidden.ends)
        prices.refuse_free(model, price.per_request)
        sold = quality.spoken(model)
        silent = self._request(model, 0.0)
        thought = (price.per_request - silent.per_request) / price.per_request
        if not hidden.is_exact and thought > ASK_ABOVE:
            self.notes.append(
                f"{option.label}: about {thought:.0%} of the price of a request of {asked}, as "
                f"planned, is hidden reasoning ({hidden.central:,.0f} tokens), an estimate: count "
                "it in your own usage"
            )
        if self.asked.batchable_share and not price.batch:
            self.notes.append(f"{option.label}: no batch price for {sold}; full price is taken")
        ends = (each.per_request for each in (low, price, high))
        cost = Range.ordered(ends, f"{price.currency}/request").scaled(1 - option.discount)
        cached = f", {price.cached_per_million:g} cached" if price.cached_per_million else ""
        each = f"{price.input_per_million:g} in, {price.output_per_million:g} out{cached}"
        label = f"Price of a request, {asked}, {sold}: {each} {price.currency} per million tokens"
        driver = "api_request" if hidden.is_exact else "hidden_tokens"
        note = "long-context tier reached" if price.tiers else ""
        self.put(key, label, cost, price.source, driver, note)
        factors = [key, self.parameter("api_price_band")]
        if region := prices.regional_surcharge(option, model):
            surcharge = Range.exact(region.factor, "x")
            source = region.provenance
            label = f"Surcharge for the region, {sold}, {option.label}"
            key = f"region.{self.name}.{model}"
            factors.append(self.put(key, label, surcharge, source, note=region.note))
        return [*factors, *self.fx(price.currency)]

    def _embedding(self, key: str, label: str, tokens: float) -> list[str]:
        """Factors of the price of vectors of so many tokens, by the model of the workload."""
        model = self.option.runs(self.workload)
        price = prices.embedding(self.option, model, tokens, self.day)
        cost = Range.exact(price.per_request, f"{price.currency}/request")
        label = f"{label}, {model}: {price.input_per_million:g} {price.currency} per million tokens"
        self.put(key, label, cost.scaled(1 - self.option.discount), price.source)
        return [key, self.parameter("api_price_band"), *self.fx(price.currency)]

    def _embeds_anew(self, workload: str) -> bool:
        """Whether a stock of texts must be embedded by another model than today's."""
        asked = self.scenario.workloads[workload]
        options = self.scenario.options
        today = self.scenario.finance.baseline
        there = quality.leaves(self.scenario, today) if today in options else ()
        before = {catalogue.name_key(options[part].runs(workload)) for part in there}
        now = catalogue.name_key(self.option.runs(workload))
        return bool(asked.stock_tokens) and now not in before

    def _request(self, model: str, hidden: float, then: dt.date | None = None) -> prices.ApiPrice:
        """Price of a request with so many hidden tokens, today or on a day."""
        option = self.option
        asked = pictures.read(self.asked, model)
        lengths = lengths_of(asked)
        tokens = prices.BilledTokens(
            input_mean=lengths.input.mean,
            input_sigma=lengths.input.sigma,
            output_mean=asked.output_tokens.mean + hidden,
            cached_share=lengths.cached_share,
        )
        day = then or self.day
        batch = asked.batchable_share
        if option.kind in HOSTED_OPEN:
            currency = self.client.currency
            return prices.open_request(option.provider, model, tokens, batch, day, currency)
        return prices.api_request(option.provider, model, tokens, batch, day)

    def _model_path(self) -> ModelPath:
        """How the price of the model moves that serves the workload; found once for each.

        Open weights that a host ends can be had at another, so that their price is as listed.
        """
        option = self.option
        how = self.path
        model = option.runs(self.workload) or next(iter(option.models.values()), "")
        finder = replace(self, workload=self.workload or next(iter(self.scenario.workloads)))
        key = api_prices.path_key(self.name, option, model)
        if key in self.api_paths:
            return self.api_paths[key]
        embeds = finder.asked.task == "embed"
        hosted = option.kind in HOSTED_OPEN
        if embeds or (hosted and how == "named_model"):
            how = "list"
        path = ModelPath(key=key, how=how)
        if not (embeds or hosted):
            path = finder._of_vendor(path, model)
        self.api_paths[key] = path
        return path

    def _of_vendor(self, path: ModelPath, model: str) -> ModelPath:
        """The path of a model at its vendor, with what is announced of its price and its end."""
        hidden = self.hidden.central
        option = self.option
        months = self.scenario.finance.horizon_months
        try:
            today = self._request(model, hidden)
        except NotPriced:
            today = None
        if today is None or today.per_request <= 0:
            # A quote of the client's own holds to the end, or falls for who moves each year.
            return replace(path, how="list") if path.how == "named_model" else path
        ratios = (
            (month, self._request(model, hidden, then).per_request / today.per_request)
            for month, then in api_prices.announced(option.provider, model, self.day, months)
        )
        path = replace(path, announced=tuple(ratios))
        if path.how == "named_model":
            seed = self.scenario.seed
            end = api_prices.ending(option.vendor, model, self.day, months, seed)
            ratio = None
            successor = api_prices.successor_of(self.scenario, self.name, model)
            if successor and successor.is_good:
                ratio = self._successor_price(model, successor, today)
            if successor and ratio is not None:
                key = api_prices.path_key(self.name, option, successor.model)
                then = self._of_vendor(ModelPath(key=key, how=path.how), successor.model)
                path = replace(path, then=then)
            for factor in api_prices.factors(path, today, end, self.day, months, successor=ratio):
                self.factors[factor.name] = factor
        return path

    def _successor_price(
        self, before: str, successor: Successor, today: prices.ApiPrice
    ) -> Range | None:
        """Price of a request to the model that follows one, over today's, with the hidden tokens
        and the region of its own; None where it has no price."""
        effort = reasoning.effort_after(self.option.effort, successor.model)
        hidden = quality.reasoning_tokens(self.asked, effort, successor.model)
        try:
            found = [self._request(successor.model, t).per_request for t in hidden.ends]
        except NotPriced:
            return None
        there = self.option.model_copy(update={"region": successor.region or self.option.region})
        region = _of_region(there, successor.model) / _of_region(self.option, before)
        scale = region / today.per_request
        return Range.ordered((paid * scale for paid in found), "of the price before")


def _of_region(option: Option, model: str) -> float:
    """What an option's region makes of the list price of a model."""
    surcharge = prices.regional_surcharge(option, model)
    return surcharge.factor if surcharge else 1.0


@catalogue.of_facts
def _of_tables() -> Mapping[str, Factor]:
    """Factors of all options that no scenario states."""
    every = catalogue.table("cost_parameters", prices.Parameter)
    found = {p.id: p.factor() for p in every if not (p.options or p.countries)}
    # GPU-hours paid over those needed where idle rented GPUs are returned: the setting by which
    # capacity counts them, too. Nobody pays for fewer than are needed.
    setting = catalogue.settings("load_settings")["scale_down"]
    found["scale_down"] = Factor(
        name="scale_down",
        label=setting.meaning,
        value=replace(setting.range, unit="of those needed"),
        source=setting.provenance,
        driver="scale_down",
        floor=1.0,
        note=setting.note,
    )
    needed = (prices.parameter(name) for name in SHARED + OF_SERVERS if name not in found)
    return found | {p.id: p.factor() for p in needed}
