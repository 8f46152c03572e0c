"""Frames of a study on the verdict, its reasons and what turns it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import numpy as np

from siting.catalogue import Source, source_of
from siting.quality import leaves, spoken
from siting.study.frames import Made, Yielded, ends, frame
from siting.study.results import Results
from siting.verdict.ranking import Candidate, Criterion, Sampled
from siting.verdict.what_if import outcomes

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


class DecisionFrames(Results):
    """Frames on the verdict, its reasons and what turns it."""

    @frame
    def verdict(self) -> Made:
        """The answer: one row.

        option: label of the recommended option; missing where none may be chosen
        kind: kind of place
        vendor: vendor of the option, or of the burst part of a hybrid
        country: where it runs, in words
        servers: servers bought to begin with [servers]
        model: the models that it runs, in words
        reply: yes or no to the client's question; missing where it asks for neither
        stays: whether it is what runs today
        today: label of what runs today
        today_model: the models that run today, in words
        open: whether no option is clearly better
        best: label of the option with the highest mean score
        confidence: how sure, in a word
        definition: what the word means
        share: share of cases in which the option ranks first [share]
        leaving: share of cases in which the best option scores above today's [share]
        months_low: until it serves, early [months]
        months: until it serves, expected [months]
        months_high: until it serves, late [months]
        live: day on which it is expected to serve
        live_low: the same, early
        live_high: the same, late
        cheaper: share of cases in which it costs less than what runs today [share]
        worth: what it would be worth to know every uncertain input of cost [currency]
        """
        d, name = self.decision, self.decision.recommended
        wait = ends(self.options[name].months_to_production if name else None)
        low, expected, high = (m if m is None else self._day(m * 365.25 / 12) for m in wait)
        place = self._labelled(name), *self._place(name), self._models(name), self._reply(name)
        today = d.stays, self._labelled(d.baseline), self._models(d.baseline)
        best = self._labelled(d.ranking.best if d.ranking else None)
        sure = d.word.at_least == 0, best, d.word.word, d.word.definition, d.share, d.leaving
        begin = *wait, expected, low, high
        row = *place, *today, *sure, *begin, self._cheaper(name), d.perfect_information
        return [row], [source_of(d.word)]

    @frame
    def standings(self) -> Made:
        """One option: its cost, its score and how often it comes first.

        option: label of the option
        key: name of the option in the scenario
        kind: kind of place
        model: the models that it runs, in words
        role: chosen, today or other
        status: allowed, not cleared or ruled out
        reason: why it is ruled out or not cleared; missing where it is allowed
        cost: median of the present cost over the horizon [currency]
        p10: present cost, one case in ten is cheaper [currency]
        p25: a quarter of the cases are cheaper [currency]
        p50: median of the cases [currency]
        p75: three quarters are cheaper [currency]
        p90: nine in ten are cheaper [currency]
        first: share of cases in which it ranks first [share]
        score: points at central weights and measures [points]
        score_p10: one case in ten is lower [points]
        score_p50: median of the cases [points]
        score_p90: nine in ten are lower [points]
        regret: mean loss against the best option of each case [points]
        regret_money: mean extra cost over the cheapest option of each case [currency]
        """
        return [self._standing(c) for c in self.decision.candidates], self._criteria_sources

    @frame
    def barriers(self) -> Yielded:
        """One reason that rules an option out, or that keeps it from being cleared.

        option: label of the option
        status: ruled out or not cleared
        point: what is in doubt, in a few words; missing where an option is ruled out
        reason: what fails or is not shown, in words
        clears: what would clear it; missing where nothing does
        """
        for c in self.decision.candidates:
            yield from ((c.label, "ruled out", None, reason, None) for reason in c.struck)
            for d in () if c.struck else c.uncleared:
                yield c.label, "not cleared", d.point, d.reason, d.clears
        yield from self.sovereignty.sources

    @frame
    def scorecard(self) -> Made:
        """One option on one criterion.

        option: label of the option
        criterion: name of the criterion
        label: the criterion in words
        about: what is measured
        unit: unit of the measure: the client's currency, share, or blank for a count
        weight_low: lowest weight [points]
        weight: central weight [points]
        weight_high: highest weight [points]
        weight_share: central weight over the sum of all [share]
        known: whether the measure is known; an unknown one counts as anything
        measure_p10: measure, one case in ten is lower
        measure: measure, central case
        measure_p90: measure, nine in ten are lower
        worst: measure that is worth nothing
        best: measure that is worth everything
        worth_p10: worth of the measure, 1 at best, one case in ten is lower
        worth: worth of the central measure; a half where it is unknown
        worth_p90: worth, nine in ten are lower
        points: worth times weight: the columns of an option add up to its score [points]
        """
        d = self.decision
        rows = [self._scored(c, criterion) for c in d.candidates for criterion in d.criteria]
        return rows, self._criteria_sources

    @frame
    def ranks(self) -> Yielded:
        """One option that may be chosen, and one rank.

        option: label of the option
        rank: 1 is best
        share: share of cases in which it takes that rank [share]
        """
        if ranking := self.decision.ranking:
            for name, shares in zip(ranking.names, ranking.acceptability, strict=True):
                yield from (
                    (self.options[name].label, r, float(x)) for r, x in enumerate(shares, 1)
                )
        yield from self._criteria_sources

    @frame
    def price_futures(self) -> Yielded:
        """One priced option on one path of API prices, with all criteria.

        path: list (prices stay as listed) or falling (you follow falling prices of equal quality)
        option: label of the option
        p10: present cost, one case in ten is cheaper [currency]
        p25: a quarter of the cases are cheaper [currency]
        p50: median of the cases [currency]
        p75: three quarters are cheaper [currency]
        p90: nine in ten are cheaper [currency]
        first: share of cases in which it ranks first; missing where it may not be chosen [share]
        best: whether it has the highest mean score on that path
        """
        cases = self.what_if()
        cases = cases[(cases.volume == 1) & cases.weight.isin(cases.weight[cases.reported])]
        ranked = {(c.path, c.option): (c.first, c.best) for c in cases.itertuples()}
        for path, costs in self.decision.futures.items():
            for name, cost in costs.items():
                case = "list" if path == "list" else "falling", self.options[name].label
                yield *case, *_quantiles(cost), *ranked.get(case, (None, False))
        yield from self._criteria_sources

    @frame
    def what_if(self) -> Made:
        """One option that may be chosen, at another volume, path of API prices or weight of cost.

        volume: volume of tokens over the planned one [times]
        path: list or falling, as in `price_futures`; mixed where the report takes both
        weight: weight of cost over the sum of all [share]
        reported: whether it is the case of the report
        option: label of the option
        first: share of cases in which it ranks first [share]
        best: whether it has the highest mean score
        confidence: how sure the answer is, in a word, where this option is best
        cost: median of the present cost over the horizon [currency]
        """
        d = self.decision
        costs = {"list" if p == "list" else "falling": costs for p, costs in d.futures.items()}
        path = "list" if self.cost.price_path == "list" else "falling"
        if self.scenario.decision.falling_prices is not None:
            path = "mixed"
            costs[path] = {c.name: c.cost for c in d.candidates if c.cost is not None}
        return outcomes(d, costs, path), self._criteria_sources

    @frame
    def lead_swings(self) -> Yielded:
        """What one input does to the lead of the chosen option over its best rival.

        kind: cost, weight or measure
        input: the input in words
        option: option whose measure it is; missing for an input of several options
        unit: unit of the values
        low: value at the low end of its range
        plan: value as planned
        high: value at the high end of its range
        lead_low: lead at the low end [points]
        lead_plan: lead as planned [points]
        lead_high: lead at the high end [points]
        leader_low: label of the option that leads at the low end
        leader_high: label of the option that leads at the high end
        turns: whether another option leads at one of the ends
        """
        d, label = self.decision, self._labelled
        units = {c.label: self._in_units(c) for c in d.criteria}
        for s in d.swings:
            factor, unit = units[s.label] if s.kind == "measure" else (1.0, s.band.unit)
            what = s.kind, s.label, label(s.option), unit, *s.band.scaled(factor).ends
            turns = s.leaders[0] != s.leaders[1] and d.recommended in s.leaders
            yield *what, *s.leads, *map(label, s.leaders), turns
        yield from self._criteria_sources

    @frame
    def turns(self) -> Yielded:
        """A value of one input at which another option takes the lead, nearest first.

        kind: weight, price or volume
        subject: criterion, label of the option, or load: what moves
        input: the same in words
        today: value as planned
        at: value at which the lead changes
        unit: unit of both
        to: label of the option that leads beyond
        inside: whether that value lies in the range that is expected
        """
        criteria = {c.criterion: c.label for c in self.decision.criteria}
        for f in self.decision.flips:
            subject = self.options[f.subject].label if f.subject in self.options else f.subject
            words = {
                "weight": f"weight of {criteria.get(f.subject, '').lower()}",
                "price": f"cost of {subject}",
                "volume": "volume of tokens",
            }
            points = f.expected.central, f.threshold, f.expected.unit, self.options[f.to].label
            yield f.kind, subject, words[f.kind], *points, f.plausible
        yield from self._criteria_sources

    @frame
    def knowledge(self) -> Yielded:
        """An uncertain input that is worth knowing before the choice, dearest first.

        input: what would be known, in words
        worth: expected saving if it were known [currency]
        pays: whether that is more than the test costs
        action: how to measure it; missing where no test is known
        days: how long that takes [days]
        cost_low: what it costs, low
        cost: what it costs, about
        cost_high: what it costs, high
        cost_currency: currency of that cost
        """
        for k in self.decision.knowledge:
            test: tuple[Any, ...] = (None,) * 6
            if e := k.experiment:
                test = e.action, e.days, e.cost_low, e.cost_central, e.cost_high, e.currency
                yield source_of(e)
            yield k.label, k.worth, k.pays, *test

    @frame
    def steps(self) -> Yielded:
        """A step of the plan, in order of its day.

        day: due so many days after the report [days]
        due: day on which it is due
        owner: who does it
        label: what to do, in a few words
        step: what to do
        why: what it is good for
        price_low: what it costs, low; missing where nothing is known [currency]
        price: what it costs, about [currency]
        price_high: what it costs, high [currency]
        """
        for s in self.decision.plan:
            row, due = s.row, self._day(s.row.day)
            yield row.day, due, row.owner, row.label, row.step, row.why, *ends(s.price)
            yield source_of(row)

    @frame
    def successors(self) -> Yielded:
        """Room of an option's GPUs for the model that will be wanted in about two years.

        option: label of the option
        model: identifier of its model
        spoken: the model in words
        room: factor by which the weights may grow before a replica no longer fits [times]
        successor_low: size of the same maker's next model of the class, low [times]
        successor: the same, median [times]
        successor_high: the same, high [times]
        flagship: size of the maker's largest model then over the largest before [times]
        pairs: pairs of releases behind these figures [pairs]
        makers: whose releases
        chance: share of past successors that fit [share]
        verdict: fits, tight or does not fit
        """
        for f in self.decision.resilience:
            g = f.growth
            sizes = f.room, *ends(g.same_class), g.flagship.central
            shown = len(g.ratios), g.makers, f.chance, f.verdict
            yield self.options[f.option].label, f.model, spoken(f.model), *sizes, *shown
        yield from self._criteria_sources

    # Rows -------------------------------------------------------------------------------------

    @property
    def _criteria_sources(self) -> list[Source]:
        return [source_of(c) for c in self.decision.criteria]

    def _labelled(self, name: str | None) -> str | None:
        return self.options[name].label if name in self.options else None

    def _day(self, days: float) -> str:
        return (self.client.report_date + dt.timedelta(days=round(days))).isoformat()

    def _models(self, name: str | None) -> str | None:
        """The models of an option in words, each once."""
        if name not in self.options:
            return None
        parts = [self.options[p] for p in leaves(self.scenario, name)]
        said = dict.fromkeys(spoken(m) for part in parts for m in part.models.values())
        return " and ".join(said)

    def _place(self, name: str | None) -> tuple[Any, ...]:
        """Kind, vendor, country and servers of an option."""
        if name is None:
            return (None,) * 4
        option, priced = self.options[name], self.cost.options.get(name)
        burst = self.options.get(option.burst)
        return (
            option.kind,
            option.vendor or (burst.vendor if burst else ""),
            self.numbers.words.territories.get(option.country),
            priced.servers[0] if priced and priced.servers else None,
        )

    def _reply(self, name: str | None) -> str | None:
        """Yes, no or not yet to the client's own question."""
        if not self.client.yes_means:
            return None
        if name in self.client.yes_means:
            return "Yes" if self.decision.word.at_least > 0 else "Not yet"
        return "Not yet" if self.decision.stays else "No"

    def _cheaper(self, name: str | None) -> float | None:
        """Share of cases in which an option costs less than what runs today."""
        d = self.decision
        if name is None or d.stays:
            return None
        chosen = d.candidate(name).cost
        today = next((c.cost for c in d.candidates if c.name == d.baseline), None)
        return float(np.mean(chosen.draws < today.draws)) if chosen and today else None

    def _standing(self, c: Candidate) -> tuple[Any, ...]:
        ranking = self.decision.ranking
        points: tuple[float | None, ...] = (None,) * 7
        if ranking is not None and c.name in ranking.names:
            score, median = ranking.score(c.name), ranking.spread(c.name)[1]
            scores = score.central, score.low, median, score.high
            points = ranking.first(c.name), *scores, *ranking.regret(c.name)
        status = "ruled out" if c.struck else "not cleared" if c.uncleared else "allowed"
        reason = next(iter((*c.struck, *(d.point for d in c.uncleared))), None)
        what = c.label, c.name, c.kind, self._models(c.name), self.roles[c.label], status, reason
        return (*what, c.cost.central if c.cost else None, *_quantiles(c.cost), *points)

    def _in_units(self, criterion: Criterion) -> tuple[float, str]:
        """What a measure is multiplied with to be read, and its unit then: money as money."""
        yard = self.decision.yard or 0.0
        yearly = yard / (self.scenario.finance.horizon_months / 12)
        money = self.client.currency
        shares = {"latency_margin": (1.0, "share"), "openness": (1.0, "share")}
        known = {"cost_ratio": (yard, money), "loss_share": (yearly, money)}
        known["exit_share"] = yearly, money
        return {**known, **shares}.get(criterion.measure, (1.0, ""))

    def _scored(self, c: Candidate, criterion: Criterion) -> tuple[Any, ...]:
        weights = self.decision.weights
        weight = weights[criterion.criterion]
        share = weight.central / sum(w.central for w in weights.values())
        factor, unit = self._in_units(criterion)
        measure = c.measures.get(criterion.measure)
        measures: tuple[float | None, ...] = (None,) * 3
        worst, worth, best = 0.1, 0.5, 0.9
        if measure is not None:
            low, _, high = measure.ends
            measures = low * factor, measure.central * factor, high * factor
            worst, best = sorted(float(criterion.value(end)) for end in (low, high))
            worth = float(criterion.value(measure.central))
        what = c.label, criterion.criterion, criterion.label, criterion.unit, unit
        goals = criterion.worst * factor, criterion.best * factor
        counts = *ends(weight), share, measure is not None
        return (*what, *counts, *measures, *goals, worst, worth, best, 100 * worth * share)


def _quantiles(cost: Sampled | None) -> Iterable[float | None]:
    return map(float, np.quantile(cost.draws, QUANTILES)) if cost else (None,) * len(QUANTILES)
