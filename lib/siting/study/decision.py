"""Frames of a study on the verdict, its reasons, what turns it, and which model is as good."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from siting.catalogue import Source, source_of
from siting.quality import Score, leaves, margin_of, own_result, spoken
from siting.study.frames import Rows, ends, frame, frame_citing
from siting.study.results import Results
from siting.verdict.ranking import Candidate, Criterion, Sampled
from siting.verdict.what_if import outcomes

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
TURNS = {"weight": "weight of {}", "price": "cost of {}", "volume": "volume of tokens"}

WORDS = {"list": "list", "same_capability": "falling"}
"""Paths of API prices as a client reads them."""


class DecisionFrames(Results):
    """Frames on the verdict, its reasons and what turns it."""

    def _criteria_sources(self) -> list[Source]:
        return [source_of(c) for c in self.decision.criteria]

    @frame
    def verdict(self) -> Rows:
        """The answer: one row.

        option: the recommended one; missing where none may be chosen
        kind: kind of place
        vendor: vendor of the option, or of the burst part of a hybrid
        country: where it runs, in words
        servers: servers bought to begin with [servers]
        model: the models that it runs, in words
        reply: yes or no to the client's question; missing where it asks for neither
        stays: whether it is what runs today
        today: what runs today [option]
        today_model: the models that run today, in words
        open: whether no option is clearly better
        best: the option with the highest mean score [option]
        confidence: how sure, in a word
        definition: what the word means
        share: share of cases in which the option ranks first [share]
        leaving: share of cases in which the best option scores above today's [share]
        months*: until it serves [months]
        live: day on which it is expected to serve
        live_low: the same, early
        live_high: the same, late
        cheaper: share of cases in which it costs less than what runs today [share]
        worth: what it would be worth to know every uncertain input of cost [currency]
        """
        d, name = self.decision, self.decision.recommended
        wait = self.options[name].months_to_production if name else None
        low, live, high = (m if m is None else self._day(m * 365.25 / 12) for m in ends(wait))
        place = name, *self._place(name), self._models(name), self._reply(name)
        today = d.stays, d.baseline, self._models(d.baseline), d.word.at_least == 0
        best = d.ranking and d.ranking.best
        sure = best, d.word.word, d.word.definition, d.share, d.leaving
        worth = self._cheaper(name), d.perfect_information
        yield *place, *today, *sure, wait, live, low, high, *worth
        yield source_of(d.word)

    @frame_citing(_criteria_sources)
    def standings(self) -> Rows:
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
        for c in self.decision.candidates:
            status = "ruled out" if c.struck else "not cleared" if c.uncleared else "allowed"
            reason = next(iter((*c.struck, *(d.point for d in c.uncleared))), None)
            what = c.name, c.name, c.kind, self._models(c.name), self.roles[c.label], status, reason
            points: tuple[float | None, ...] = (None,) * 7
            if (ranking := self.decision.ranking) and c.name in ranking.names:
                (low, central, high), median = ranking.score(c.name).ends, ranking.spread(c.name)[1]
                scores = central, low, median, high
                points = ranking.first(c.name), *scores, *ranking.regret(c.name)
            yield *what, c.cost and c.cost.central, *_quantiles(c.cost), *points

    @frame
    def barriers(self) -> Rows:
        """One reason that rules an option out, or that keeps it from being cleared.

        option: label of the option
        status: ruled out or not cleared
        point: what is in doubt, in a few words; missing where an option is ruled out
        reason: what fails or is not shown, in words
        clears: what would clear it; missing where nothing does
        """
        for c in self.decision.candidates:
            yield from ((c.name, "ruled out", None, reason, None) for reason in c.struck)
            for d in () if c.struck else c.uncleared:
                yield c.name, "not cleared", d.point, d.reason, d.clears
        yield from self.sovereignty.sources

    @frame_citing(_criteria_sources)
    def scorecard(self) -> Rows:
        """One option on one criterion.

        option: label of the option
        criterion: name of the criterion
        label: the criterion in words
        about: what is measured
        unit: unit of the measure: the client's currency, share, or blank for a count
        weight*: weight of the criterion [points]
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
        return (self._scored(c, criterion) for c in d.candidates for criterion in d.criteria)

    @frame_citing(_criteria_sources)
    def ranks(self) -> Rows:
        """One option that may be chosen, and one rank.

        option: label of the option
        rank: 1 is best
        share: share of cases in which it takes that rank [share]
        """
        if ranking := self.decision.ranking:
            for name, shares in zip(ranking.names, ranking.acceptability, strict=True):
                yield from ((name, *place) for place in enumerate(shares, 1))

    @frame_citing(_criteria_sources)
    def price_futures(self) -> Rows:
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
                found = ranked.get((WORDS[path], self.labels[name]), (None, False))
                yield WORDS[path], name, *_quantiles(cost), *found

    @frame_citing(_criteria_sources)
    def what_if(self) -> Rows:
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
        costs = {WORDS[path]: costs for path, costs in d.futures.items()}
        path = WORDS[self.cost.price_path]
        if self.scenario.decision.falling_prices is not None:
            path = "mixed"
            costs[path] = {c.name: c.cost for c in d.candidates if c.cost is not None}
        return outcomes(d, costs, path)

    @frame_citing(_criteria_sources)
    def lead_swings(self) -> Rows:
        """What one input does to the lead of the chosen option over its best rival.

        kind: cost, weight or measure
        input: the input in words
        option: the one whose measure it is; missing for an input of several options
        unit: unit of the values
        low: value at the low end of its range
        plan: value as planned
        high: value at the high end of its range
        lead_low: lead at the low end [points]
        lead_plan: lead as planned [points]
        lead_high: lead at the high end [points]
        leader_low: what leads at the low end [option]
        leader_high: what leads at the high end [option]
        turns: whether another option leads at one of the ends
        """
        units = {c.label: self._in_units(c) for c in self.decision.criteria}
        for s in self.decision.swings:
            option, factor, unit = None, 1.0, s.band.unit
            if s.kind == "measure":
                option, (factor, unit) = s.subject, units[s.label]
            what = s.kind, s.label, option, unit, *s.band.scaled(factor).ends
            turns = s.leaders[0] != s.leaders[1] and self.decision.recommended in s.leaders
            yield *what, *s.leads, *s.leaders, turns

    @frame_citing(_criteria_sources)
    def turns(self) -> Rows:
        """A value of one input at which another option takes the lead, nearest first.

        kind: weight, price or volume
        subject: criterion, label of the option, or load: what moves
        input: the same in words
        today: value as planned
        at: value at which the lead changes
        unit: unit of both
        to: what leads beyond [option]
        inside: whether that value lies in the range that is expected
        """
        criteria = {c.criterion: c.label.lower() for c in self.decision.criteria}
        for f in self.decision.flips:
            subject = self.labels.get(f.subject, f.subject)
            said = TURNS[f.kind].format(criteria[f.subject] if f.kind == "weight" else subject)
            points = f.expected.central, f.threshold, f.expected.unit, f.to, f.plausible
            yield f.kind, subject, said, *points

    @frame
    def knowledge(self) -> Rows:
        """An uncertain input that is worth knowing before the choice, dearest first.

        input: what would be known, in words
        worth: expected saving if it were known [currency]
        pays: whether that is more than the test costs
        action: how to measure it; missing where no test is known
        days: how long that takes [days]
        cost*: what it costs, converted on the day of the report [currency]
        """
        for k in self.decision.knowledge:
            if e := k.experiment:
                yield k.label, k.worth, k.pays, e.action, e.days, e.cost.scaled(k.rate)
                yield source_of(e)
            else:
                yield {"input": k.label, "worth": k.worth, "pays": k.pays}

    @frame
    def steps(self) -> Rows:
        """A step of the plan, in order of its day.

        day: due so many days after the report [days]
        due: day on which it is due
        owner: who does it
        label: what to do, in a few words
        step: what to do
        why: what it is good for
        price*: what it costs; missing where nothing is known [currency]
        """
        for s in self.decision.plan:
            row, due = s.row, self._day(s.row.day)
            yield row.day, due, row.owner, row.label, row.step, row.why, s.price
            yield source_of(row)

    @frame_citing(_criteria_sources)
    def successors(self) -> Rows:
        """Room of an option's GPUs for the model that will be wanted in about two years.

        option: label of the option
        model: identifier of its model
        spoken: the model in words
        room: factor by which the weights may grow before a replica no longer fits [times]
        successor*: size of the same maker's next model of the class [times]
        flagship: size of the maker's largest model then over the largest before [times]
        pairs: pairs of releases behind these figures [pairs]
        makers: whose releases
        chance: share of past successors that fit [share]
        verdict: fits, tight or does not fit
        """
        for f in self.decision.resilience:
            g, what = f.growth, (f.option, f.model, spoken(f.model), f.room)
            grows = g.same_class, g.flagship.central, len(g.ratios), g.makers
            yield *what, *grows, f.chance, f.verdict

    # --- which model is as good as which ------------------------------------------------------

    @frame
    def parities(self) -> Rows:
        """One model of an option against the floor of one workload.

        option: label of the option
        workload: name of the workload
        model: identifier of the option's model
        spoken: the model's name as a person says it
        reference: identifier of the model that it is compared with
        reference_spoken: the same in words
        verdict: same model, better, as good, worse or unknown
        reason: what the verdict rests on
        margin: how far below the reference or the floor is allowed [points of 100]
        margin_stated: whether the client set that margin; else it is the default
        items: items of the client's own that settle it [items]
        supported: whether the evidence is enough to recommend a switch
        own_score: score in the client's own test [score]
        own_floor: what the client asks for [score]
        own_tolerance: half-width of the 95 % interval of the score [score]
        own_verdict: what the client's own test says; missing without one
        hidden*: hidden output tokens a request [tokens]
        """
        for p in self.quality.parities:
            models = p.model, spoken(p.model), p.reference, spoken(p.reference)
            workload = self.scenario.workloads[p.workload]
            stated = bool(workload.quality and workload.quality.margin is not None)
            judged = p.verdict, p.reason, margin_of(workload), stated, p.items, p.supported
            o = p.own
            own = (o.score, o.floor, o.tolerance, o.verdict) if o else (None,) * 4
            yield p.option, p.workload, *models, *judged, *own, p.reasoning_tokens
        yield from (i.source for i in self.quality.inputs)
        if any(p.own for p in self.quality.parities):
            day = self.client.report_date.isoformat()
            yield Source(source=self.client.name, locator="own test", date=day, kind="client")

    @frame
    def own_tests(self) -> Rows:
        """One model in the client's own test, whether or not an option runs it.

        workload: name of the workload
        model: identifier of the model
        spoken: the model's name as a person says it
        score: score in that test [score]
        floor: what the client asks for [score]
        tolerance: half-width of the 95 % interval of the score [score]
        items: items that it was tested on [items]
        verdict: better, as good, worse or unknown
        """
        for name, w in self.scenario.workloads.items():
            if w.quality and (own := w.quality.own):
                yield self.scenario.source(f"workloads.{name}.quality.own")
                for o in (o for m in own.scores if (o := own_result(own, m, margin_of(w)))):
                    said = o.score, o.floor, o.tolerance, own.items, o.verdict
                    yield name, o.model, spoken(o.model), *said

    @frame
    def board_scores(self) -> Rows:
        """One model of an option against its reference on one board.

        option: label of the option
        workload: name of the workload
        model: identifier of the option's model
        board: identifier of the board
        label: the board in words
        task: what the board tests
        unit: unit of the scores
        direction: higher or lower is better
        date: day of the score
        score: score of the model
        effort: reasoning effort of that score
        reference_score: score of the reference
        reference_effort: reasoning effort of that score
        difference: positive where the option's model is better, in the board's unit
        low: lower end of the 95 % interval of the difference
        high: upper end
        tolerance: half-width of the interval
        margin: how far below the reference is allowed, in the board's unit
        counts: weight at its age, 1 when new; 0 where it is not heard, or no difference is known
        verdict: better, as good, worse or unknown
        reason: why, where it is not plain
        """
        for p in self.quality.parities:
            margin = margin_of(self.scenario.workloads[p.workload])
            for c in p.comparisons:
                b, (score, effort, date) = c.board, _scored(c.model)
                against, its_effort, _ = _scored(c.reference)
                what = p.option, p.workload, p.model, b.board, b.label, b.task
                scores = score, effort, against, its_effort
                apart = c.difference, *c.interval, c.tolerance
                judged = margin / b.points_per_unit, c.counts, c.verdict, c.reason
                yield *what, b.unit, b.direction, date or b.date, *scores, *apart, *judged
                yield from (source_of(f) for f in (b, c.model, c.reference) if f is not None)

    # Rows -------------------------------------------------------------------------------------

    def _day(self, days: float) -> str:
        return (self.client.report_date + dt.timedelta(days=round(days))).isoformat()

    def _models(self, name: str | None) -> str | None:
        """The models of an option in words, each once."""
        if name not in self.options:
            return None
        parts = (self.options[p].models.values() for p in leaves(self.scenario, name))
        return " and ".join(dict.fromkeys(spoken(model) for part in parts for model in part))

    def _place(self, name: str | None) -> tuple[Any, ...]:
        """Kind, vendor, country and servers of an option."""
        if name is None:
            return (None,) * 4
        option, priced = self.options[name], self.cost.options.get(name)
        burst = self.options.get(option.burst)
        vendor = option.vendor or (burst.vendor if burst else "")
        country = self.numbers.words.territories.get(option.country)
        servers = priced.servers[0] if priced and priced.servers else None
        return option.kind, vendor, country, servers

    def _reply(self, name: str | None) -> str | None:
        """Yes, no or not yet to the client's own question."""
        meant, unsure = self.client.yes_means, self.decision.word.at_least == 0
        if name in meant:
            return "Not yet" if unsure else "Yes"
        return ("Not yet" if self.decision.stays else "No") if meant else None

    def _cheaper(self, name: str | None) -> float | None:
        """Share of cases in which an option costs less than what runs today."""
        d = self.decision
        if name is None or d.stays:
            return None
        chosen = d.candidate(name).cost
        today = next((c.cost for c in d.candidates if c.name == d.baseline), None)
        return float(np.mean(chosen.draws < today.draws)) if chosen and today else None

    def _in_units(self, criterion: Criterion) -> tuple[float, str]:
        """What a measure is multiplied with to be read, and its unit then: money as money."""
        yard, money = self.decision.yard or 0.0, self.client.currency
        yearly = yard / (self.scenario.finance.horizon_months / 12), money
        known = {"cost_ratio": (yard, money), "loss_share": yearly, "exit_share": yearly}
        shares = dict.fromkeys(("latency_margin", "openness"), (1.0, "share"))
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
        what = c.name, criterion.criterion, criterion.label, criterion.unit, unit, weight, share
        goals, worths = (criterion.worst * factor, criterion.best * factor), (worst, worth, best)
        return *what, measure is not None, *measures, *goals, *worths, 100 * worth * share


def _quantiles(cost: Sampled | None) -> tuple[float | None, ...]:
    return (*np.quantile(cost.draws, QUANTILES),) if cost else (None,) * len(QUANTILES)


def _scored(score: Score | None) -> tuple[float | None, str | None, str | None]:
    return (score.score, score.effort, score.date) if score else (None, None, None)
