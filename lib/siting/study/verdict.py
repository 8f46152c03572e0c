"""Frames of a study on the verdict: what each option costs in all, and what that rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from siting.catalogue import Source, settings, table
from siting.cost.ledger import BEFORE
from siting.inputs.attributes import Property, properties
from siting.inputs.scenario import Scenario
from siting.quality import models, spoken
from siting.study.frames import Rows, Topic, frame, picked
from siting.study.results import Results
from siting.vendors.stability import untuned
from siting.verdict.candidate import Candidate, YearPaid
from siting.verdict.decision import PARTS, Decision
from siting.verdict.exclusion import exclusion, given_up

PRICES = ("server_price", "gpu_hour", "api_request", "electricity", "colocation", "fx")
"""Factors whose sources stand under every figure of the total."""
OF_SUMS = ("falling_prices", "leave_after", "leave_margin", "remedy_needed", "exit_value_lost")
"""Settings that every sum rests on."""


def prices_of(results: Results, *stems: str) -> Iterator[Source]:
    """Sources of a study's prices whose names begin with one of the stems."""
    factors = results.cost.plan.factors
    return (f.source for name, f in factors.items() if name.split(".")[0] in stems)


def of_year(paid: YearPaid, limit: float) -> str:
    """Whether a year of an option keeps to what the client says that a year may cost."""
    if paid.central > limit:
        return "fail"
    return "pass" if paid.high <= limit else "open"


def of_sums(*_: object) -> list[Source]:
    """Where the settings of a sum come from."""
    known = settings("decision_settings")
    return [known[name].provenance for name in OF_SUMS]


class VerdictFrames(Topic):
    """Frames on the verdict: the sum in all, its parts, its futures, and principles."""

    @frame(
        "option",
        "key place role state reason? in_all? cost? leaving? vendors? remedies? premiums? "
        "if_prices_hold? if_prices_fall? if_kept? left? is_bridge depends_on is_level in_all_p10? "
        "in_all_p50? in_all_p90? whose? title? why_not? opens? is_easiest total? until_live? "
        "present? present_low? present_high? saving? form? servers? "
        "standing_by? nearest? nearest_paid? verdict?",
        citing=of_sums,
    )
    def sums(self) -> Rows:
        """One option: its sum over the horizon in the mean of the cases, its cost as planned, and
        its limits."""
        d = self.results.decision
        opens = {
            c.name: given_up(c, self.scenario.rules.lines) for c in d.candidates if c.burden.costs
        }
        may = [name for name, gives in opens.items() if gives]
        easiest = min(may, key=lambda name: (len(opens[name]), d.mean(name)), default=None)
        for c in d.candidates:
            row = {
                "option": c.name,
                "key": c.name,
                "place": c.place,
                "role": self.results.roles[c.label],
                "is_bridge": False,
                "depends_on": "; ".join(self.results.stability.options[c.name].vendors),
                "is_level": c.name in d.level,
                "opens": " and ".join(opens.get(c.name, ())) or None,
                "is_easiest": c.name == easiest,
                **_state(c),
                **self._excluded(c),
                **self._planned(c.name),
                **self._machines(c.name),
                **self._nearest_year(c),
            }
            yield row | (_sums(d, c.name) if c.burden.costs else {})

    def _excluded(self, c: Candidate) -> dict[str, Any]:
        """Whose rule rules an option out, and why."""
        found = exclusion(c, self.scenario.rules.lines)
        return picked(found, "whose title why_not") if found else {}

    def _planned(self, name: str) -> dict[str, Any]:
        """What an option costs as planned, and what it saves against today."""
        option = self.results.cost.options.get(name)
        if option is None:
            return {}
        present = self.results.uncertainty.totals[name].spread
        return picked(option, "total present") | {
            "until_live": option.of(BEFORE).sum(),
            "present_low": present.low,
            "present_high": present.high,
            "saving": option.npv,
        }

    def _machines(self, name: str) -> dict[str, Any]:
        """Servers of an option in the first year; of a mix, those that its cheapest split owns."""
        found = self.results.capacity[name]
        if not found.pools:
            return {}
        row: dict[str, Any] = {"form": found.server and found.server.form}
        split = self.results.cost.options.get(name)
        if found.kind == "hybrid":
            return row | {"servers": split and split.servers[0], "standing_by": 0}
        if found.server:
            standing_by = found.bought() - found.serving_servers()
            row |= {"servers": found.bought(), "standing_by": standing_by}
        return row

    def _nearest_year(self, c: Candidate) -> dict[str, Any]:
        """The year that comes nearest to what the client says that a year may cost."""
        limit = self.scenario.finance.budget_any_year
        if not limit or c.nearest is None:
            return {}
        row = {"nearest": c.nearest.year.name, "nearest_paid": c.nearest.central}
        return row | {"verdict": of_year(c.nearest, limit)}

    def _of_properties(self) -> list[Source]:
        return [*of_sums(), *(each.provenance for each in table("properties", Property))]

    @frame(
        "property",
        "label stated has with premium? premium_is",
        citing=_of_properties,
    )
    def principles(self) -> Rows:
        """A property that some allowed options have and others lack, and its price."""
        known = properties()
        d = self.results.decision
        for found in self.results.principles:
            yield picked(found, "property premium") | {
                "label": known[found.property].label,
                "stated": d.premiums.get(found.property, 0.0),
                "has": d.choice is not None and found.property in d.choice.has,
                "with": found.with_it,
                "premium_is": _premium(found.premium),
            }

    @frame(
        "option model",
        "spoken effort in_all test_cost chance_needed untuned",
        citing=of_sums,
    )
    def tests(self) -> Rows:
        """A model at the place of an option that nobody has measured against today's, and
        that would cost less: the cheapest first."""
        for found in self.results.tests:
            row = picked(found, "option model effort in_all test_cost chance_needed")
            fact = untuned(self.scenario, found.option, found.model)
            yield row | {"spoken": spoken(found.model), "untuned": bool(fact)}
            if fact:
                yield fact.provenance


def models_of(chosen: Scenario, name: str | None) -> str | None:
    """The models of an option in words, each once."""
    if name not in chosen.options:
        return None
    parts = models(chosen, name).values()
    return " and ".join(dict.fromkeys(spoken(model) for part in parts for model in part))


def _premium(premium: float | None) -> str:
    """What a principle must be worth, in a closed word."""
    if premium is None:
        return "never"
    return "money" if premium > 0 else "nothing"


def _state(c: Candidate) -> dict[str, Any]:
    """Whether an option may be chosen, and the first reason why not."""
    if c.struck:
        return {"state": "ruled out", "reason": c.struck[0]}
    if c.uncleared:
        return {"state": "open", "reason": c.uncleared[0].point}
    return {"state": "allowed"}


def _sums(d: Decision, name: str) -> dict[str, Any]:
    """The sum of an option and its parts."""
    quantiles = np.quantile(mixed(d, name), (0.1, 0.5, 0.9))
    return {
        "in_all": d.mean(name),
        **{part: d.part(name, part) for part in PARTS},
        "if_prices_hold": d.mean_if(name, "hold"),
        "if_prices_fall": d.mean_if(name, "fall"),
        "if_kept": d.weighted(name, lambda sums: sums.kept),
        "left": d.left(name),
        "is_bridge": d.is_bridge(name),
        **dict(zip(("in_all_p10", "in_all_p50", "in_all_p90"), map(float, quantiles), strict=True)),
    }


def mixed(d: Decision, name: str) -> Any:
    """Cases of both futures, each as often as it is likely: whole hundredths of belief."""
    found = d.sums(name)
    times = {future: round(100 * weight) for future, weight in d.weights.items()}
    return np.concatenate([np.repeat(found[f].total, n) for f, n in times.items()])
