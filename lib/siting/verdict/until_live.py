"""What of today's service ends before the choice serves: models, and what bridges; contracts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from siting import reasoning
from siting.catalogue import Source
from siting.cost import api_prices, dates
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.changes import put
from siting.places import BY_REQUEST
from siting.quantity import Range
from siting.records import frozen
from siting.vendors.notice import Ending, Successor
from siting.verdict.chain import Chain


@frozen
class ModelEnd:
    """A model that an option uses from a vendor, and whose end is announced."""

    option: str
    ending: Ending
    last: dt.date


@frozen
class Bridge:
    """The model that follows one in use which ends before the latest go-live, at its vendor, and
    that serves until then."""

    model: str
    until: dt.date
    """Day on which what runs today is switched off."""
    beyond: float | None = None
    """Cost of all requests with it from the end of the model in use until then, beyond what the
    plan holds for the same days; None where it has no price, or the choice uses it. [currency]"""
    sources: tuple[Source, ...] = ()
    """What is known of the model that ends, and of the price of the one that follows."""


@frozen
class ContractEnd:
    """A contract of what runs today that ends within a year, where an option is chosen."""

    renewal: dates.Renewal
    given: str
    """`renew`, `at go`, or `extended`: only where the vendor goes on by the month."""
    owed: float
    """By who moves, until it ends. [currency]"""
    unused: float | None
    """What its next term costs at most after the choice has taken over: as much as is used today.
    None where the client has said what it owes, or the move needs no next term. [currency]"""


@frozen
class UntilLive:
    """What of today's service ends before the choice serves, and what then serves."""

    scenario: Scenario
    chain: Chain
    recommended: str | None
    live: Range | None
    """When the choice serves. [days after the report]"""
    retiring: Sequence[ModelEnd]

    @cached_property
    def bridging(self) -> Bridge | None:
        """The model that bridges until the choice serves; None where none lasts so long, or nothing
        is chosen."""
        if self.recommended is None:
            return None
        decided = (self.scenario.finance.baseline, self.recommended)
        latest = dates.after(self.scenario, self.live.high) if self.live else dt.date.max
        due: dict[tuple[str, str], tuple[ModelEnd, Successor]] = {}
        for end in self.retiring:
            ending = end.ending
            successor = api_prices.successor_of(self.scenario, end.option, ending.model)
            if successor and end.option in decided and end.last <= latest:
                due.setdefault((ending.vendor, ending.model), (end, successor))
        lasting = [
            (end, follows)
            for end, follows in due.values()
            if follows.until is None or follows.until > latest
        ]
        return self._bridge(*lasting[-1]) if lasting else None

    def _bridge(self, used: ModelEnd, successor: Successor) -> Bridge:
        option = self.scenario.options[used.option]
        off = dates.switched_off(self.scenario, str(self.recommended))
        until = dates.after(self.scenario, off)
        found = Bridge(model=successor.model, until=until, sources=used.ending.sources)
        if option.kind not in BY_REQUEST or used.option != self.scenario.finance.baseline:
            return found
        changes = {
            f"options.{used.option}.models": {
                w: successor.model if m == used.ending.model else m
                for w, m in option.models.items()
            },
            f"options.{used.option}.effort": reasoning.effort_after(option.effort, successor.model),
        }
        priced = self.chain.option(put(self.scenario, changes), used.option)
        if priced is None:
            return found
        first = (used.last - self.scenario.client.report_date).days
        beyond = priced.by_request(first, off) - self._paid_today(first, off)
        sources = [f.source for n, f in priced.plan.factors.items() if n.startswith("api_request.")]
        return replace(found, beyond=beyond, sources=(*sources, *found.sources))

    def _paid_today(self, first: float, last: float) -> float:
        """What today's service pays by the request from one day after the report to another, as
        planned. [currency]"""
        priced = self.chain.option(self.scenario, self.scenario.finance.baseline)
        return priced.by_request(first, last) if priced else 0.0

    @cached_property
    def contracts(self) -> tuple[ContractEnd, ...]:
        """Contracts of today of which notice is due within a year; none without a choice."""
        chosen = self.recommended
        found = dates.renewals(self.scenario)
        if not found or chosen is None:
            return ()
        kept = dates.keeps(self.scenario, chosen)
        decided = dates.after(self.scenario, dates.go(self.scenario, chosen).day)
        priced = self.chain.option(self.scenario, chosen)
        owed = priced.paid_for("contract") if priced else 0.0
        live = dates.after(self.scenario, self.live.high) if self.live else None
        made = []
        for each in found:
            given = "renew" if kept else each.given(decided, live or each.until)
            is_open = given == "extended" and each.minimum is None
            made.append(
                ContractEnd(
                    renewal=each,
                    given=given,
                    owed=owed if each.minimum else 0.0,
                    unused=self._unused(each) if is_open else None,
                )
            )
        return tuple(made)

    def _unused(self, renewal: dates.Renewal) -> float | None:
        """What today's service would cost from the switch to the end of the next term; None where
        that is not known, or nothing. [currency]"""
        if renewal.renewed_to is None:
            return None
        last = (renewal.renewed_to - self.scenario.client.report_date).days
        off = dates.switched_off(self.scenario, str(self.recommended))
        return self._paid_today(min(last, off), last) or None
