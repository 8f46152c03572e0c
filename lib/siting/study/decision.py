"""Frames of a study on the verdict, its reasons, what turns it, and which model is as good."""

from __future__ import annotations

from siting.catalogue import Source
from siting.cost.dates import FIRST_HORIZON_DAYS, LAST_HORIZON_DAYS
from siting.quality import margin_of, own_result, spoken, tried_on
from siting.quantity import Range
from siting.study.frames import Rows, Topic, frame, picked
from siting.vendors.stability import untuned


class DecisionFrames(Topic):
    """Frames on the verdict, its reasons and what turns it."""

    @frame("rank", "input worth pays action? days? test_cost?")
    def knowledge(self) -> Rows:
        """An uncertain input that is worth knowing before the choice, dearest first."""
        for rank, k in enumerate(self.results.knowledge, 1):
            said = self.results.input_in_words(k.driver, k.label)
            row = picked(k, "worth pays") | {"rank": rank, "input": said}
            if k.experiment:
                row |= picked(k.experiment, "action days")
                row["test_cost"] = k.price and k.price.central
                yield k.experiment.provenance
            yield row

    @frame(
        "day label owner",
        "due work tests decides price*?",
    )
    def steps(self) -> Rows:
        """A step of the plan, in order of its day."""
        for s in self.results.plan:
            yield picked(s.row, "day owner label") | {
                "due": self.results.day(s.due),
                "work": s.row.label.removesuffix(f" by {s.row.owner}"),
                "tests": s.tests,
                "decides": self._decides(s.row.day),
                "price*": s.price,
            }
            yield s.row.provenance

    def _decides(self, day: int) -> str:
        """What is decided on a day of the plan, in a closed word."""
        go = self.results.go.day
        stays = self.results.decision.stays
        if day == go:
            return "points" if stays else "order"
        if day >= LAST_HORIZON_DAYS:
            return "year"
        if day > go:
            return "use"
        is_settled = not stays and day >= FIRST_HORIZON_DAYS
        return "points" if is_settled else "early"

    # --- which model is as good as which ------------------------------------------------------

    @frame(
        "option workload model",
        "spoken reference_spoken verdict reason margin margin_stated supported tried_on untuned",
    )
    def parities(self) -> Rows:
        """One model of an option against the floor of one workload."""
        for p in self.results.parities:
            workload = self.scenario.workloads[p.workload]
            floor = workload.quality
            yield picked(
                p, "option workload model spoken reference_spoken verdict reason supported"
            ) | {
                "margin": margin_of(workload),
                "margin_stated": bool(floor and floor.margin is not None),
                "tried_on": tried_on(self.scenario, p),
                "untuned": bool(found := untuned(self.scenario, p.option, p.model)),
            }
            if found:
                yield found.provenance
        yield from (i.source for i in self.results.quality.inputs)
        if any(p.own for p in self.results.quality.parities):
            day = self.client.report_date.isoformat()
            yield Source(source=self.client.name, locator="own test", date=day, kind="client")

    @frame(
        "workload model",
        "spoken score* floor least items verdict",
    )
    def own_tests(self) -> Rows:
        """One model in the client's own test, whether or not an option runs it."""
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
                yield picked(found, "model floor least verdict") | {
                    "workload": name,
                    "spoken": spoken(found.model),
                    "score*": Range(
                        found.score - found.tolerance,
                        found.score,
                        found.score + found.tolerance,
                        unit="score",
                    ),
                    "items": own.items,
                }

    @frame(
        "option workload model board",
        "label unit is_general difference? low? high? board_margin verdict",
    )
    def board_scores(self) -> Rows:
        """One model of an option against its reference on one board that the client names; of a
        model that these leave open, on each general index, too."""
        for p in self.results.parities:
            margin = margin_of(self.scenario.workloads[p.workload])
            for c in p.compared:
                b = c.board
                low, high = c.interval
                yield {
                    **picked(p, "option workload model"),
                    **picked(b, "board label unit"),
                    **picked(c, "difference verdict"),
                    "is_general": b.admits,
                    "low": low,
                    "high": high,
                    "board_margin": margin / b.points_per_unit,
                }
                yield from (f.provenance for f in (b, c.model, c.reference) if f is not None)
