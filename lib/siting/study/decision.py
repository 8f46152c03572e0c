"""Frames of a study on the verdict, its reasons, what turns it, and which model is as good."""

from __future__ import annotations

import pandas as pd

from siting.catalogue import Source, source_of
from siting.quality import margin_of, own_result, spoken, tried_on
from siting.quantity import Range
from siting.study.frames import Rows, Topic, frame, frame_citing
from siting.study.verdict import of_sums
from siting.verdict.plan import Step


class DecisionFrames(Topic):
    """Frames on the verdict, its reasons and what turns it."""

    @frame
    def barriers(self) -> Rows:
        """One reason that rules an option out, or that keeps it from being cleared.

        option: label of the option
        status: ruled out or not cleared
        point?: what is in doubt, in a few words; missing where an option is ruled out
        reason: what fails or is not shown, in words
        clears?: what would clear it; missing where nothing does
        """
        for c in self.results.decision.candidates:
            for reason in c.struck:
                yield {"option": c.name, "status": "ruled out", "reason": reason}
            if c.struck:
                continue
            for doubt in c.uncleared:
                yield {
                    "option": c.name,
                    "status": "not cleared",
                    "point": doubt.point,
                    "reason": doubt.reason,
                    "clears": doubt.clears,
                }
        yield from self.results.sovereignty.sources

    # --- what would change the answer -------------------------------------------------------------

    def _variant_sources(self) -> list[Source]:
        return [*of_sums(), *self.results.sovereignty.sources]

    @frame_citing(_variant_sources)
    def variants(self) -> Rows:
        """The scenario with one thing changed, decided anew by the same chain in the same cases.

        kind: input, assumed, stated, unanswered, policy, offer, event or together
        what: what is changed, in words
        before: as it stands in the report
        after: as it was tried
        change: the three in one phrase
        set: words of `--set` that make it again, separated by blanks
        key?: the option that is then first, as the scenario names it
        then_first?: the same by its label; missing where all are ruled out
        in_all?: what it then costs in all, in the mean of the cases [currency]
        share?: share of cases in which nothing allowed costs less in all by more than what matters
            [share]
        lead?: what the best of the others costs more in all than the report's choice, below 0
            where it costs less; missing where the choice is ruled out or alone [currency]
        cleared?: whether nothing demanded of the report's choice is still to be shown; missing
            where it is ruled out
        answer: stays, level (another costs less in all, by no more than what matters), changes or
            none
        offer: the offer that it adds as one more option, by its name; blank where it adds none
        """
        for v, found in self.results.tried:
            yield {
                "kind": v.kind,
                "what": v.what,
                "before": v.before,
                "after": v.after,
                "change": self.results.numbers.regrouped(v.clause),
                "set": " ".join(v.set),
                "key": found.option,
                "then_first": self.results.label_after(found.option, v),
                "in_all": found.in_all,
                "share": found.share,
                "lead": found.lead,
                "cleared": found.cleared,
                "answer": found.answer,
                "offer": v.offer,
            }

    @frame
    def knowledge(self) -> Rows:
        """An uncertain input that is worth knowing before the choice, dearest first.

        input: what would be known, in words
        worth: expected saving if it were known [currency]
        pays: whether that is more than the test costs
        action?: how to measure it; missing where no test is known
        days?: how long that takes [days]
        cost*?: what it costs, converted on the day of the report [currency]
        """
        for k in self.results.knowledge:
            said = self.results.input_in_words(k.driver, k.label)
            row = {"input": said, "worth": k.worth, "pays": k.pays}
            test = k.experiment
            if test is None:
                yield row
                continue
            yield row | {"action": test.action, "days": test.days, "cost*": k.price}
            yield source_of(test)

    @frame
    def steps(self) -> Rows:
        """A step of the plan, in order of its day.

        day: its gate, so many days after the report [days]
        due: day on which it is due, at the latest that of its gate
        owner: who does it
        label: what to do, in a few words
        step: what to do
        guard: which records may go where it is done, and until when, as a sentence; blank where
            none goes anywhere new
        why: what it is good for
        tests: model whose quality it tests, as a person says it; blank for any other step
        is_pilot: whether one team tests the choice in it before go, for which GPUs are rented; its
            price holds the rent
        is_held: whether costs of the choice hold its work already
        price*?: what it costs, nought where hours of another step hold it; missing where nothing is
            known [currency]
        """
        for s in self.results.plan:
            yield {
                "day": s.row.day,
                "due": self.results.day(s.due),
                "owner": s.row.owner,
                "label": s.row.label,
                "step": f"{s.row.step}{self._earlier(s)}",
                "guard": s.row.guard,
                "why": s.row.why,
                "tests": s.tests,
                "is_pilot": s.is_pilot,
                "is_held": self.results.is_held(s),
                "price*": s.price,
            }
            yield source_of(s.row)

    def _earlier(self, step: Step) -> str:
        """What of a step the law gives less time for than the plan does, with the day; blank where
        nothing is."""
        if step.row.when != "reviews":
            return ""
        points = self.study.open_points()
        chosen = self.results.labels.get(self.results.decision.recommended or "")
        mine = points[(points.option == chosen) & (points.owner == step.row.owner)]
        early = mine[mine.due < self.results.day(step.row.day)]
        return "".join(f" By {self.study.date(p.due)}: {p.point}." for p in early.itertuples())

    @frame
    def plan_lines(self) -> Rows:
        """Steps of the plan that are due on one day and differ in who does them alone, together.

        day: their gate, so many days after the report [days]
        due: day on which they are due, at the latest that of their gate
        label: what to do, in a few words
        owners: who does them, separated by semicolons: those whose hours the line holds, first
        in_other_hours: how many of them do it in hours that another line holds [owners]
        steps: how many they are [steps]
        is_held: whether costs of the choice hold their work already
        price*?: what they cost; missing where nothing is known [currency]
        """
        steps = self.study.steps()
        steps["label"] = [_without_owner(row.label, row.owner) for row in steps.itertuples()]
        for (day, label), alike in steps.groupby(["day", "label"], sort=False):
            low, price, high = alike[["price_low", "price", "price_high"]].sum(min_count=1).tolist()
            known = pd.notna(price)
            unpaid = alike[alike.price == 0]
            yield {
                "day": day,
                "due": alike.due.iloc[0],
                "label": label,
                "owners": "; ".join(pd.concat([alike.drop(unpaid.index), unpaid]).owner.unique()),
                "in_other_hours": len(unpaid),
                "steps": len(alike),
                "is_held": alike.is_held.all(),
                "price*": Range(low, price, high, unit=self.client.currency) if known else None,
            }
        yield from steps.attrs["sources"]

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
        own_score?: score in the client's own test [score]
        own_floor?: what the client asks for [score]
        own_tolerance?: half-width of the 95 % interval of the score [score]
        own_lower?: lower end of that interval [score]
        own_verdict?: what the client's own test says; missing without one
        tried_on: on what a test settles it, in words
        hidden*: hidden output tokens a request [tokens]
        """
        for p in self.results.quality.parities:
            workload = self.scenario.workloads[p.workload]
            floor = workload.quality
            row = {
                "option": p.option,
                "workload": p.workload,
                "model": p.model,
                "spoken": spoken(p.model),
                "reference": p.reference,
                "reference_spoken": spoken(p.reference),
                "verdict": p.verdict,
                "reason": p.reason,
                "margin": margin_of(workload),
                "margin_stated": bool(floor and floor.margin is not None),
                "items": p.items,
                "tried_on": tried_on(self.scenario, p),
                "supported": p.supported,
                "hidden*": p.reasoning_tokens,
            }
            if p.own:
                row |= {
                    "own_score": p.own.score,
                    "own_floor": p.own.floor,
                    "own_tolerance": p.own.tolerance,
                    "own_lower": p.own.score - p.own.tolerance,
                    "own_verdict": p.own.verdict,
                }
            yield row
        yield from (i.source for i in self.results.quality.inputs)
        if any(p.own for p in self.results.quality.parities):
            day = self.client.report_date.isoformat()
            yield Source(source=self.client.name, locator="own test", date=day, kind="client")

    @frame
    def own_tests(self) -> Rows:
        """One model in the client's own test, whether or not an option runs it.

        workload: name of the workload
        model: identifier of the model
        spoken: the model's name as a person says it
        score*: score in that test, with its 95 % interval [score]
        floor: what the client asks for [score]
        least: the margin below it: where that interval may begin for the model to pass [score]
        tolerance: half-width of that interval [score]
        items: items that it was tested on [items]
        verdict: better, as good, worse or unknown
        """
        for name, w in self.scenario.workloads.items():
            quality = w.quality
            own = quality.own if quality else None
            if quality is None or own is None:
                continue
            yield self.scenario.source(f"workloads.{name}.quality.own")
            for model in own.scores:
                found = own_result(own, model, margin_of(w), quality.reference_model)
                if found is None:
                    continue
                yield {
                    "workload": name,
                    "model": found.model,
                    "spoken": spoken(found.model),
                    "score*": Range(
                        found.score - found.tolerance,
                        found.score,
                        found.score + found.tolerance,
                        unit="score",
                    ),
                    "floor": found.floor,
                    "least": found.least,
                    "tolerance": found.tolerance,
                    "items": own.items,
                    "verdict": found.verdict,
                }

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
        score?: score of the model [board's unit]
        effort?: reasoning effort of that score
        reference_score?: score of the reference [board's unit]
        reference_effort?: reasoning effort of that score
        difference?: positive where the option's model is better [board's unit]
        low?: lower end of the 95 % interval of the difference [board's unit]
        high?: upper end [board's unit]
        tolerance?: half-width of the interval [board's unit]
        margin: how far below the reference is allowed [board's unit]
        counts: weight at its age, 1 when new; 0 where it is not heard or no difference is known [1]
        verdict: better, as good, worse or unknown
        reason: why, where it is not plain
        """
        for p in self.results.quality.parities:
            margin = margin_of(self.scenario.workloads[p.workload])
            for c in p.comparisons:
                b = c.board
                low, high = c.interval
                row = {
                    "option": p.option,
                    "workload": p.workload,
                    "model": p.model,
                    "board": b.board,
                    "label": b.label,
                    "task": b.task,
                    "unit": b.unit,
                    "direction": b.direction,
                    "date": b.date,
                    "difference": c.difference,
                    "low": low,
                    "high": high,
                    "tolerance": c.tolerance,
                    "margin": margin / b.points_per_unit,
                    "counts": c.counts,
                    "verdict": c.verdict,
                    "reason": c.reason,
                }
                if c.model is not None:
                    row |= {"score": c.model.score, "effort": c.model.effort}
                    row["date"] = c.model.date or b.date
                if c.reference is not None:
                    row |= {
                        "reference_score": c.reference.score,
                        "reference_effort": c.reference.effort,
                    }
                yield row
                yield from (source_of(f) for f in (b, c.model, c.reference) if f is not None)


def _without_owner(label: str, owner: str) -> str:
    """A step in a few words, without who does it."""
    return label.removesuffix(f" by {owner}")
