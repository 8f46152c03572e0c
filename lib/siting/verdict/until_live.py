"""What of today's service ends before the choice serves: models, and what bridges; contracts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from siting import reasoning
from siting.catalogue import Source
from siting.cost import api_prices, dates, prices, tco
from siting.cost.prices import ApiPrice
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.changes import put
from siting.places import BY_REQUEST
from siting.quantity import DAYS_OF_MONTH, Range
from siting.vendors.notice import Ending, Successor
from siting.verdict.chain import Chain


@dataclass(frozen=True)
class ModelEnd:
    """A model that an option uses from a vendor, and what is known of its end."""

    option: str
    ending: Ending

    def days(self, day: dt.date) -> int:
        """From a day until the model's last; negative where that is past.

        Raises ValueError where no last day is announced.
        """
        if self.ending.retired is None:
            raise ValueError(f"{self.ending.model}: no last day is announced")
        return (self.ending.retired - day).days


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """The model that follows one in use which ends before the latest go-live, at its vendor."""

    used: ModelEnd
    model: str
    ends: dt.date | None
    """Its announced last day; None where none is announced."""
    lasts: bool
    """Whether it serves until the latest go-live."""
    until: str | None = None
    """Day on which what runs today is switched off, as YYYY-MM-DD; None where it does not last."""
    cost: float | None = None
    """Of all requests with it from the end of the model in use until then. [currency]"""
    held: float | None = None
    """What the plan holds for the same days. [currency]"""
    per_month: float | None = None
    """Of that cost. [currency]"""
    listed: ApiPrice | None = None
    """What the list asks for the tokens of a usual request."""

    @property
    def beyond(self) -> float | None:
        """What it costs beyond what the plan holds. [currency]"""
        return None if self.cost is None or self.held is None else self.cost - self.held


@dataclass(frozen=True, kw_only=True)
class ContractEnd:
    """A contract of what runs today that ends within a year, where an option is chosen."""

    renewal: dates.Renewal
    given: str
    """`renew`, `at go`, or `extended`: only where the vendor goes on by the month."""
    owed: float
    """By who moves, until it ends. [currency]"""
    unused: float | None
    """What its next term costs after the choice has taken over. [currency]"""
    decided: dt.date
    serves: dt.date
    """Latest day on which the choice serves."""

    @property
    def is_before_go(self) -> bool:
        """Whether its notice is due before go or no-go."""
        return self.renewal.notice < self.decided

    @property
    def gap_days(self) -> int:
        """From its end until the choice serves. [days]"""
        return max(0, (self.serves - self.renewal.until).days)


@dataclass(frozen=True, kw_only=True)
class UntilLive:
    """What of today's service ends before the choice serves, and what then serves."""

    scenario: Scenario
    chain: Chain
    recommended: str | None
    stays: bool
    live: Range | None
    """When the choice serves. [days after the report]"""
    go: dates.Go
    retiring: Sequence[ModelEnd]

    def _paid_by_request(
        self, chosen: Scenario, name: str, first: float, last: float
    ) -> float | None:
        """What an option pays by the request from one day after the report to another, as planned;
        None where it has no price. [currency]"""
        priced = self.chain.option(chosen, name).priced
        if priced is None:
            return None
        paid = (flow for flow in priced.flows if flow.category == "api")
        return sum(tco.between(flow.amounts, first, last) for flow in paid)

    @cached_property
    def bridges(self) -> tuple[Bridge, ...]:
        """What follows each model that ends before the latest go-live."""
        decided = (self.scenario.finance.baseline, self.recommended)
        latest = dates.after(self.scenario, self.live.high) if self.live else dt.date.max
        due: dict[tuple[str, str], tuple[ModelEnd, Successor]] = {}
        for end in self.retiring:
            successor = api_prices.successor_of(self.scenario, end.option, end.ending.model)
            is_due = end.ending.retired is not None and end.ending.retired <= latest
            if successor and end.option in decided and is_due:
                due.setdefault((end.ending.vendor, end.ending.model), (end, successor))
        return tuple(self._bridge(used, successor, latest) for used, successor in due.values())

    def _bridge(self, used: ModelEnd, successor: Successor, latest: dt.date) -> Bridge:
        ends = successor.until
        found = Bridge(
            used=used,
            model=successor.model,
            ends=ends,
            lasts=ends is None or ends > latest,
        )
        if not found.lasts:
            return found
        name = used.option
        option = self.scenario.options[name]
        last = used.days(self.scenario.client.report_date)
        off = dates.switched_off(self.scenario, str(self.recommended))
        found = replace(found, until=dates.after(self.scenario, off).isoformat())
        if option.kind not in BY_REQUEST or name != self.scenario.finance.baseline:
            return found
        changes = {
            f"options.{name}.models": {
                w: successor.model if m == used.ending.model else m
                for w, m in option.models.items()
            },
            f"options.{name}.effort": reasoning.effort_after(option.effort, successor.model),
        }
        bridged = put(self.scenario, changes)
        cost = self._paid_by_request(bridged, name, last, off)
        if cost is None:
            return found
        usual = prices.BilledTokens(input_mean=1000, output_mean=1000)
        day = self.scenario.client.report_date
        return replace(
            found,
            cost=cost,
            held=self._paid_by_request(self.scenario, name, last, off) or 0.0,
            per_month=cost * DAYS_OF_MONTH / (off - last),
            listed=prices.api_request(option.provider, successor.model, usual, 0.0, day),
        )

    @property
    def sources(self) -> Iterator[Source]:
        """What is known of models that end, and the price lists of those that follow."""
        yield from (bridge.listed.source for bridge in self.bridges if bridge.listed)
        yield from (x for bridge in self.bridges for x in bridge.used.ending.sources)

    @property
    def bridging(self) -> Bridge | None:
        """The model that bridges until the choice serves; None where none lasts so long."""
        lasting = [bridge for bridge in self.bridges if bridge.lasts]
        return lasting[-1] if lasting else None

    @cached_property
    def contracts(self) -> tuple[ContractEnd, ...]:
        """Contracts of what runs today that end within a year; none without a choice."""
        chosen = self.recommended
        found = dates.renewals(self.scenario)
        if not found or chosen is None:
            return ()
        stays = self.stays
        decided = dates.after(self.scenario, self.go.day)
        priced = self.chain.option(self.scenario, chosen).priced
        flows = priced.flows if priced else ()
        owed = sum(float(flow.amounts.sum()) for flow in flows if flow.item == "contract")
        made = []
        for each in found:
            serves = each.until
            if not stays and self.live:
                serves = dates.after(self.scenario, self.live.high)
            made.append(
                ContractEnd(
                    renewal=each,
                    given="renew" if stays else each.given(decided, serves),
                    owed=owed if each.minimum else 0.0,
                    unused=None if stays else self._unused(each),
                    decided=decided,
                    serves=serves,
                )
            )
        return tuple(made)

    def _unused(self, renewal: dates.Renewal) -> float | None:
        """`unused` of a contract's end; None where it is not known, or nothing."""
        if renewal.renewed_to is None:
            return None
        last = (renewal.renewed_to - self.scenario.client.report_date).days
        off = dates.switched_off(self.scenario, str(self.recommended))
        today = self.scenario.finance.baseline
        return self._paid_by_request(self.scenario, today, min(last, off), last) or None
