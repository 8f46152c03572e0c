"""Frames of a study on the verdict: what each option costs in all, and what that rests on."""

from __future__ import annotations

from typing import Any

import numpy as np

from siting import places
from siting.catalogue import Source, settings, source_of, table
from siting.cost.dates import serves
from siting.inputs.attributes import Property, properties
from siting.quality import models, spoken
from siting.quantity import DAYS_OF_MONTH
from siting.study.frames import Rows, Topic, frame
from siting.verdict.candidate import Candidate
from siting.verdict.decision import PARTS, Decision

FUTURES = {"hold": "API prices hold", "fall": "API prices go on falling"}
"""Both futures of API prices as clauses."""
OF_SUMS = ("falling_prices", "leave_after", "leave_margin", "remedy_needed", "exit_value_lost")
"""Settings that every sum rests on."""


def of_sums(*_: object) -> list[Source]:
    """Where the settings of a sum come from."""
    known = settings("decision_settings")
    return [source_of(known[name]) for name in OF_SUMS]


class VerdictFrames(Topic):
    """Frames on the verdict: the sum in all, its parts, its futures, and principles."""

    @frame(
        "",
        "option? advice way clarity reply? stays today? model? today_model? hosting? seller? "
        "vendor? country? servers? cleared in_all? next? next_in_all? lead? cheaper_than_next? "
        "sure matters rival? rival_in_all? rival_is_kept? behind? belief below? first_below? "
        "above? first_above? fallback? fallback_in_all? fallback_point? saved_by_model? "
        "saved_by_place? saved_by_order? saved_first_year? middle? dear_cases? months*? live? "
        "live_low? live_high? worth?",
        citing=of_sums,
    )
    def answer(self) -> Rows:
        """The answer: one row."""
        d = self.results.decision
        name = d.recommended
        row: dict[str, Any] = {
            "option": name,
            "advice": self._advice(d),
            "way": self._way(d),
            "clarity": _surety(d),
            "reply": self._reply(name),
            "stays": d.stays,
            "today": d.baseline,
            "model": self._models(name),
            "today_model": self._models(d.baseline),
            "cleared": d.cleared,
            "sure": d.share,
            "matters": d.counts,
            "belief": d.falling,
            "worth": self.results.perfect_information,
        }
        if name is not None:
            row |= (
                self._place(name)
                | self._begin(name)
                | _compared(d)
                | _rival(d)
                | self._fallback(d)
                | self._saved(d)
            )
        yield row

    @frame(
        "option",
        "key hosting place model role state reason? in_all? cost? leaving? vendors? remedies? "
        "premiums? if_prices_hold? if_prices_fall? if_kept? left? is_bridge depends_on is_level "
        "in_all_p10? in_all_p50? in_all_p90? not_dearer?",
        citing=of_sums,
    )
    def sums(self) -> Rows:
        """One option: its sum over the horizon in the mean of the cases, and its limits."""
        d = self.results.decision
        for c in d.candidates:
            row = {
                "option": c.name,
                "key": c.name,
                "hosting": c.kind,
                "place": c.place,
                "model": self._models(c.name),
                "role": self.results.roles[c.label],
                "is_bridge": False,
                "depends_on": "; ".join(self.results.stability.options[c.name].vendors),
                "is_level": c.name in d.level,
                **_state(c),
            }
            yield row | (_sums(d, c.name) if c.name in d.in_all else {})

    @frame(
        "future option",
        "told chance state in_all in_all_p10 in_all_p50 in_all_p90 left",
        citing=of_sums,
    )
    def futures(self) -> Rows:
        """One option in one future of API prices, in all."""
        d = self.results.decision
        for future, chance in d.weights.items():
            for name, found in d.in_all.items():
                total = found[future].total
                p10, p50, p90 = np.quantile(total, (0.1, 0.5, 0.9))
                yield {
                    "future": future,
                    "told": FUTURES[future],
                    "chance": chance,
                    "option": name,
                    "state": _state(d.candidate(name))["state"],
                    "in_all": float(total.mean()),
                    "in_all_p10": float(p10),
                    "in_all_p50": float(p50),
                    "in_all_p90": float(p90),
                    "left": found[future].left.share,
                }

    def _of_properties(self) -> list[Source]:
        return [*of_sums(), *map(source_of, table("properties", Property))]

    @frame(
        "property",
        "label valued stated has with without premium?",
        citing=_of_properties,
    )
    def principles(self) -> Rows:
        """A property that some allowed options have and others lack, and its price."""
        known = properties()
        d = self.results.decision
        for found in self.results.principles:
            yield {
                "property": found.property,
                "label": known[found.property].label,
                "valued": known[found.property].spoken,
                "stated": d.premiums.get(found.property, 0.0),
                "has": d.choice is not None and found.property in d.choice.has,
                "with": found.with_it,
                "without": found.without,
                "premium": found.premium,
            }

    @frame(
        "option model",
        "label spoken effort in_all test_cost chance_needed",
        citing=of_sums,
    )
    def tests(self) -> Rows:
        """A model at the place of an option that nobody has measured against today's, and
        that would cost less: the cheapest first."""
        for found in self.results.tests:
            yield {
                "option": found.of,
                "label": found.label,
                "model": found.model,
                "spoken": spoken(found.model),
                "effort": found.effort,
                "in_all": found.in_all,
                "test_cost": found.test_cost,
                "chance_needed": found.chance_needed,
            }

    # Rows -------------------------------------------------------------------------------------

    def _advice(self, d: Decision) -> str:
        """What the board is told to do, in a closed word."""
        if d.choice is None:
            return "none"
        if any(doubt.quality for doubt in d.choice.uncleared):
            return "test first"
        return "stay" if d.stays else "move"

    def _way(self, d: Decision) -> str:
        """What is carried out, in a closed word."""
        if d.choice is None:
            return "none"
        if d.stays:
            return "stay"
        today = next((c.place for c in d.candidates if c.name == d.baseline), None)
        if d.choice.place == today:
            return "switch"
        return "buy" if self._place(d.choice.name).get("servers") else "move"

    def _saved(self, d: Decision) -> dict[str, Any]:
        """What the choice saves against today, split."""
        found = d.saving
        if found is None:
            return {}
        return {
            "saved_by_model": found.model,
            "saved_by_place": found.place,
            "saved_by_order": found.order,
            "saved_first_year": found.first_year,
        }

    def _fallback(self, d: Decision) -> dict[str, Any]:
        """What is first if a point that can stop the choice does."""
        found = self.results.fallback
        if found is None:
            return {}
        row: dict[str, Any] = {"fallback_point": found.point, "fallback": found.option}
        return row | {"fallback_in_all": found.in_all}

    def _models(self, name: str | None) -> str | None:
        """The models of an option in words, each once."""
        if name not in self.options:
            return None
        parts = models(self.scenario, name).values()
        return " and ".join(dict.fromkeys(spoken(model) for part in parts for model in part))

    def _place(self, name: str) -> dict[str, Any]:
        """Kind, vendor, country, seller and servers of an option."""
        option = self.options[name]
        burst = self.options.get(option.burst)
        priced = self.results.cost.options.get(name)
        sold = burst or option
        row = {
            "hosting": option.kind,
            "seller": None if sold.kind in places.OWNED else sold.vendor or sold.label,
            "vendor": option.vendor or (burst.vendor if burst else ""),
            "country": self.results.numbers.words.territories.get(option.country),
        }
        if priced and priced.servers:
            row["servers"] = priced.servers[0]
        return row

    def _begin(self, name: str) -> dict[str, Any]:
        """When an option serves, where that is estimated."""
        months = self.options[name].months_to_production
        if months is None:
            return {}
        days = months.scaled(DAYS_OF_MONTH, "days")
        # Of a move nothing is ordered before go or no-go.
        if months.high > 0 and not self.results.decision.stays:
            days = serves(self.scenario, name)
        return {
            "months*": months,
            "live": self.results.day(days.central),
            "live_low": self.results.day(days.low),
            "live_high": self.results.day(days.high),
        }

    def _reply(self, name: str | None) -> str | None:
        """The answer to the client's own question; `verdict` lists the cases."""
        means_yes = self.client.yes_means
        found = self.results.decision
        if not means_yes or name is None:
            return None
        if not found.cleared:
            return "Not yet"
        if name in means_yes:
            return "Not yet" if bool(found.level) else "Yes"
        return "Not yet" if found.stays else "No"


def _surety(d: Decision) -> str:
    """How clear the answer is, in a closed word."""
    if d.recommended is None:
        return "none"
    return "level" if d.level else "clear"


def _state(c: Candidate) -> dict[str, Any]:
    """Whether an option may be chosen, and the first reason why not."""
    if c.struck:
        return {"state": "ruled out", "reason": c.struck[0]}
    if c.uncleared:
        return {"state": "open", "reason": c.uncleared[0].point}
    return {"state": "allowed"}


def _sums(d: Decision, name: str) -> dict[str, Any]:
    """The sum of an option and its parts."""
    quantiles = np.quantile(_mixed(d, name), (0.1, 0.5, 0.9))
    best = d.recommended
    return {
        "in_all": d.mean(name),
        **{part: d.part(name, part) for part in PARTS},
        "if_prices_hold": d.mean_if(name, "hold"),
        "if_prices_fall": d.mean_if(name, "fall"),
        "if_kept": d.weighted(name, lambda sums: sums.kept),
        "left": d.left(name),
        "is_bridge": d.is_bridge(name),
        "not_dearer": None if best is None else 1 - d.cheaper(best, name),
        **dict(zip(("in_all_p10", "in_all_p50", "in_all_p90"), map(float, quantiles), strict=True)),
    }


def _mixed(d: Decision, name: str) -> Any:
    """Cases of both futures, each as often as it is likely: whole hundredths of belief."""
    found = d.in_all[name]
    times = {future: round(100 * weight) for future, weight in d.weights.items()}
    return np.concatenate([np.repeat(found[f].total, n) for f, n in times.items()])


def _rival(d: Decision) -> dict[str, Any]:
    """What the first option is held against."""
    best = str(d.recommended)
    if d.next is not None:
        return {
            "rival": d.next,
            "rival_in_all": d.means[d.next],
            "rival_is_kept": False,
            "behind": d.lead,
        }
    kept = {name: d.weighted(name, lambda sums: sums.kept) for name in d.others}
    rival = min(kept, key=kept.__getitem__, default=None)
    if rival is None:
        return {}
    return {
        "rival": rival,
        "rival_in_all": kept[rival],
        "rival_is_kept": True,
        "behind": kept[rival] - d.means[best],
    }


def _compared(d: Decision) -> dict[str, Any]:
    """The first option against the next best, and at other beliefs."""
    best = str(d.recommended)
    row: dict[str, Any] = {
        "in_all": d.means[best],
        "next": d.next,
        "next_in_all": d.means.get(d.next or ""),
        "lead": d.lead,
        "cheaper_than_next": d.cheaper_than_next,
    }
    for side, turn in zip(("below", "above"), d.beliefs, strict=True):
        if turn is not None:
            row |= {side: turn.at, f"first_{side}": turn.option}
    medians = {name: float(np.median(_mixed(d, name))) for name in d.means}
    middle = min(medians, key=medians.__getitem__)
    if middle != best:
        cases = np.sort(_mixed(d, best))
        dearest = cases[-len(cases) // 20 :]
        row |= {"middle": middle, "dear_cases": float(dearest.sum() / cases.sum())}
    return row
