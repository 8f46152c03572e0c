"""Frames of a study on which model is as good as which."""

from __future__ import annotations

from siting.catalogue import Source, source_of
from siting.quality import Score, margin_of, spoken
from siting.study.frames import Rows, frame
from siting.study.results import Results


class QualityFrames(Results):
    """Frames on which model is as good as which."""

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
            judged = p.verdict, p.reason, margin_of(workload), stated, p.supported
            o = p.own
            own = (o.score, o.floor, o.tolerance, o.verdict) if o else (None,) * 4
            yield p.option, p.workload, *models, *judged, *own, p.reasoning_tokens
        yield from (i.source for i in self.quality.inputs)
        if any(p.own for p in self.quality.parities):
            day = self.client.report_date.isoformat()
            yield Source(source=self.client.name, locator="own test", date=day, kind="client")

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
        counts: weight at its age, 1 when new; 0 where a board that counts more shares its questions
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


def _scored(score: Score | None) -> tuple[float | None, str | None, str | None]:
    return (score.score, score.effort, score.date) if score else (None, None, None)
