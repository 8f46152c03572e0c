"""Frames of a study on which model is as good as which."""

from __future__ import annotations

from typing import Any

from siting.catalogue import Source, source_of
from siting.quality import Comparison, Parity, margin_of, spoken
from siting.study.frames import Made, frame
from siting.study.results import Results


class QualityFrames(Results):
    """Frames on which model is as good as which."""

    @frame
    def parities(self) -> Made:
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
        supported: whether the evidence is enough to recommend a switch
        own_score: score in the client's own test [score]
        own_floor: what the client asks for [score]
        own_tolerance: half-width of the 95 % interval of the score [score]
        own_verdict: what the client's own test says; missing without one
        hidden_low: hidden output tokens a request, low [tokens]
        hidden: the same, central [tokens]
        hidden_high: the same, high [tokens]
        """
        rows = [
            _parity(p, self.options[p.option].label)
            | {"margin": margin_of(self.scenario.workloads[p.workload])}
            for p in self.quality.parities
        ]
        sources = [i.source for i in self.quality.inputs]
        if any(row["own_score"] is not None for row in rows):
            day = self.client.report_date.isoformat()
            sources.append(
                Source(source=self.client.name, locator="own test", date=day, kind="client")
            )
        return rows, sources

    @frame
    def board_scores(self) -> Made:
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
        counts: how much the board counts at its age, 1 when new
        verdict: better, as good, worse or unknown
        reason: why, where it is not plain
        """
        found = [(p, c) for p in self.quality.parities for c in p.comparisons]
        margins = {n: margin_of(w) for n, w in self.scenario.workloads.items()}
        rows = [
            _score(p, c, self.options[p.option].label)
            | {"margin": margins[p.workload] / c.board.points_per_unit, "counts": c.counts}
            for p, c in found
        ]
        return rows, _cited([c for _, c in found])


def _cited(comparisons: list[Comparison]) -> list[Source]:
    facts = [f for c in comparisons for f in (c.board, c.model, c.reference) if f is not None]
    return [source_of(f) for f in facts]


def _parity(p: Parity, label: str) -> dict[str, Any]:
    tokens = p.reasoning_tokens
    return {
        "option": label,
        "workload": p.workload,
        "model": p.model,
        "spoken": spoken(p.model),
        "reference": p.reference,
        "reference_spoken": spoken(p.reference),
        "verdict": p.verdict,
        "reason": p.reason,
        "supported": p.supported,
        "own_score": p.own.score if p.own else None,
        "own_floor": p.own.floor if p.own else None,
        "own_tolerance": p.own.tolerance if p.own else None,
        "own_verdict": p.own.verdict if p.own else None,
        "hidden_low": tokens.low,
        "hidden": tokens.central,
        "hidden_high": tokens.high,
    }


def _score(p: Parity, c: Comparison, label: str) -> dict[str, Any]:
    known = c.difference is not None and c.tolerance is not None
    return {
        "option": label,
        "workload": p.workload,
        "model": p.model,
        "board": c.board.board,
        "label": c.board.label,
        "task": c.board.task,
        "unit": c.board.unit,
        "direction": c.board.direction,
        "date": c.model.date if c.model else c.board.date,
        "score": c.model.score if c.model else None,
        "effort": c.model.effort if c.model else None,
        "reference_score": c.reference.score if c.reference else None,
        "reference_effort": c.reference.effort if c.reference else None,
        "difference": c.difference,
        "low": (c.difference or 0) - (c.tolerance or 0) if known else None,
        "high": (c.difference or 0) + (c.tolerance or 0) if known else None,
        "tolerance": c.tolerance,
        "verdict": c.verdict,
        "reason": c.reason,
    }
