"""Model quality: is an option's model as good as the model now in use, for this work?

Scores are compared inside one board only. A switch needs *non-inferiority*: the lower end of the
95 % interval of the difference lies above −δ, the margin that the client sets. "No difference
shown" is not enough: a noisy board shows none either. Boards that share questions are one, an old
score counts less, and two boards that count must agree. The client's own test beats any board.

A score was earned at a reasoning effort: `reasoning_tokens` gives the hidden output tokens that
this effort costs, so that capacity and bills count them.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Literal

from siting import catalogue, pictures
from siting.catalogue import (
    UNSPOKEN,
    Fact,
    Input,
    Named,
    find,
    name_key,
    of_facts,
    plain_name,
    settings,
    table,
)
from siting.inputs.scenario.model import Option, OwnEvaluation, Scenario, Workload, in_words
from siting.quantity import DAYS_OF_MONTH, Z975, Range
from siting.reasoning import Task, efforts, thinks
from siting.records import frozen

Verdict = Literal["same model", "better", "as good", "worse", "unknown"]

SUPPORTS_SWITCH: tuple[Verdict, ...] = ("same model", "better", "as good")
"""Verdicts that meet the floor "at least the model in use, less the margin"."""

HARMLESS = "items without persons or secrets"
"""On what a model is tested at a place that is not cleared."""
WORST_FIRST: tuple[Verdict, ...] = ("worse", "unknown", *reversed(SUPPORTS_SWITCH))

Standing = Literal["in", "listed", "out"]
"""in: measured as good enough; listed: nobody has measured it; out: measured as worse."""
ENOUGH = 1.0
"""What boards must count together: two of today, or more that are older."""


class Board(Fact, tables="quality_boards", key="board"):
    """A published benchmark run by one party, with the rule for its own uncertainty."""

    board: str
    label: str
    task: str
    direction: Literal["higher", "lower"]
    """Which way is better."""
    unit: Literal["percent", "index points", "rank score"]
    points_per_unit: catalogue.Positive
    """Points of 100 that a unit of the board stands for, to hold it against the margin."""
    tolerance_rule: Literal["binomial", "printed", "fixed"]
    """binomial: from the number of items; printed: from each row's margin; fixed: as stated."""
    items: catalogue.Count | None = None
    fixed_tolerance: catalogue.NotNegative | None = None
    must_match: Literal["setting", ""] = ""
    """`setting`: rows of unlike setting are compared with `mismatch_tolerance` added."""
    settings: str = ""
    """Settings in which it is run, separated by semicolons; blank: in one alone."""
    mismatch_tolerance: catalogue.NotNegative = 0.0
    ceiling: float | None = None
    """Both scores above it: the difference carries no information."""
    overlaps: str = ""
    """Boards, separated by `;`, whose questions are part of this one."""
    admits: bool = False
    """Whether it is a general index, by which a model may take part though no board that the
    client named has it; it strikes none."""
    comparable_when: str


def _settings_of_boards() -> frozenset[str]:
    return frozenset(
        s for cell in catalogue.column("quality_boards", "settings") for s in cell.split(";")
    )


class Score(Fact, tables="model_quality"):
    """One model's score on one board at one effort."""

    model: str
    board: Annotated[str, catalogue.one_of(lambda: boards(), "board")]
    score: float
    effort: Annotated[str, catalogue.one_of(efforts, "reasoning effort")]
    setting: Annotated[str, catalogue.one_of(_settings_of_boards, "setting of a board")] = ""
    margin: float | None = None
    """Half-width that the board prints (95 %)."""
    answer_rate_percent: float | None = None


class Effort(Named, tables="reasoning_effort", key="effort"):
    """A reasoning effort and the hidden output tokens that a request spends at it."""

    effort: str
    tokens: Range

    @property
    def thinks(self) -> bool:
        return self.tokens.high > 0


@frozen
class BoardComparison:
    """Two models on one board."""

    board: Board
    model: Score | None
    reference: Score | None
    difference: float | None = None
    """In the board's unit; positive when the option's model is better."""
    tolerance: float | None = None
    """Half-width of the 95 % interval of the difference, in the board's unit."""
    verdict: Verdict = "unknown"
    reason: str = ""
    counts: float = 0.0
    """How much it counts: halved with every half-life of its age; 0 where a board that counts more
    shares its questions, and where no difference is known."""

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Ends of the 95 % interval of the difference."""
        if self.difference is None or self.tolerance is None:
            return None, None
        return self.difference - self.tolerance, self.difference + self.tolerance


@frozen
class OwnResult:
    """The client's own test of a model against its floor."""

    model: str
    score: float
    floor: float
    least: float
    """Where the interval of the score may reach, on the side of the worse scores: the margin beyond
    the floor."""
    tolerance: float
    reached: bool
    """Whether the score itself reaches the floor that the client states, if any; whether that is
    shown is the verdict."""
    verdict: Verdict


@frozen
class Parity:
    """Where one option's model stands against one workload's floor."""

    workload: str
    option: str
    model: str
    reference: str
    spoken: str
    """The model as a person says it; at its effort where the reference is the same at another."""
    reference_spoken: str
    comparisons: tuple[BoardComparison, ...]
    indexes: tuple[BoardComparison, ...]
    """What general indexes say, where nothing nearer to the client's work tells."""
    own: OwnResult | None
    verdict: Verdict
    reason: str
    items: int
    """Items of the client's own that a test of it needs. [items]"""
    reasoning_tokens: Range
    """Hidden output tokens a request at the effort that earned the score. [tokens]"""

    @property
    def compared(self) -> tuple[BoardComparison, ...]:
        """What is known of it on boards and indexes."""
        return self.comparisons + self.indexes

    @property
    def supported(self) -> bool:
        """True when the evidence is enough to recommend a switch to this model."""
        return self.verdict in SUPPORTS_SWITCH


@dataclass(frozen=True)
class Parities:
    """All parities of a scenario, by option and workload."""

    parities: tuple[Parity, ...]
    warnings: tuple[str, ...]
    inputs: tuple[Input, ...]

    def of(self, option: str) -> tuple[Parity, ...]:
        """The parities of one option (a mix has those of its parts)."""
        return tuple(p for p in self.parities if p.option == option)


@of_facts
def boards() -> Mapping[str, Board]:
    """Every board, by the name that scenarios use."""
    return {b.board: b for b in table("quality_boards", Board)}


def bare_name(model: str) -> str:
    """A model's name without its maker's: `gemma-4-31B-it`."""
    return model.split("/")[-1]


@lru_cache(maxsize=catalogue.NAMES)
def spoken(model: str) -> str:
    """A model's name as a person says it: `google/gemma-4-31B-it` is Gemma 4 31B."""
    words: list[str] = []
    for part in filter(None, re.split(r"[-_ ]", plain_name(model))):
        if UNSPOKEN.fullmatch(part) and words:
            continue
        if words and part.isdigit() and words[-1].isdigit() and len(part) < 3:
            words[-1] += f".{part}"
        elif re.fullmatch(r"\d+(\.\d+)?b", part) or part in ("gpt", "oss", "glm"):
            words.append(part.upper())
        elif words[:1] == ["GPT"] and part in ("mini", "nano"):
            words.append(part)
        else:
            words.append(part[:1].upper() + part[1:])
    return re.sub(r"^GPT (?=\d)", "GPT-", " ".join(words))


@of_facts
def _scores() -> Mapping[tuple[str, str], tuple[Score, ...]]:
    index: dict[tuple[str, str], tuple[Score, ...]] = defaultdict(tuple)
    for score in table("model_quality", Score):
        index[name_key(score.model), score.board] += (score,)
    return dict(index)


def scores(model: str, board: str) -> tuple[Score, ...]:
    """All scores of a model on a board. Other checkpoints of the same architecture do not count."""
    return _scores().get((name_key(model), board), ())


def effort_named(name: str) -> Effort | None:
    """The effort of that name or synonym; None for "" and `default`."""
    return find(name, "reasoning_effort", Effort)


def efforts_row(effort: str) -> Effort:
    """The row that an effort is estimated by; the usual default where none is known."""
    return effort_named(effort) or efforts_row("medium")


def reasoning_tokens(workload: Workload, effort: str, model: str = "") -> Range:
    """Hidden output tokens a request of this work at an effort. [tokens]

    A model that does not think spends none. The client's own count holds wherever the model
    thinks, 0 included. Without one, the estimate for effort and task is taken, the same for a
    vendor's model and an open one; an effort that is not known counts as the usual default.
    """
    how = thinks(model)
    known = effort_named(effort)
    unsaid = how == "off" or (how == "" and not effort.strip())
    off = how != "always" and not known.thinks if known else unsaid
    if how == "never" or off:
        return Range.exact(0.0, "tokens")
    if workload.reasoning_tokens is not None:
        return Range.exact(workload.reasoning_tokens, "tokens")
    task = next(t for t in table("reasoning_task", Task) if t.task == workload.task)
    return efforts_row(effort).tokens.times(task.factor, "tokens")


@of_facts
def _picked(model: str, board: str, effort: str, thinking: bool) -> Score | None:
    """As `pick`, of the rows of a model on a board: kept, since every variant asks."""
    return pick(scores(model, board), effort, thinking)


def pick(found: tuple[Score, ...], effort: str, thinking: bool) -> Score | None:
    """The row to use when a model has several on a board.

    First the effort asked for, then one of the same class (thinking or not), then the board's
    default; where no effort is asked, the load decides whether thinking is meant. Among equals
    the validation split (as for API models), then the lower score: the cautious choice.
    """
    asked = effort_named(effort)
    wants = asked.thinks if asked else thinking

    def suits(score: Score) -> int:
        """How well the effort of a row suits: 0 is best, 3 the other class."""
        known = effort_named(score.effort)
        if known is None:
            return 2
        if known is asked:
            return 0
        return 1 if known.thinks is wants else 3

    def rank(score: Score) -> tuple[int, bool, float]:
        return suits(score), "validation" not in score.setting, score.score

    best = min(found, key=rank, default=None)
    return best if best and not (asked and suits(best) == 3) else None


def tolerance(board: Board, a: Score, b: Score) -> float:
    """Half-width of the 95 % interval of the difference of two scores, in the board's unit.

    binomial: 1.96 √(2p(1−p)/n) for n independent questions at the mean score p; repeats of a
    run would reduce sampling noise but not the choice of questions.
    """
    if board.tolerance_rule == "binomial":
        if board.items is None:
            raise catalogue.FactError(f"quality_boards.csv: {board.board} needs items for its rule")
        p = min(max((a.score + b.score) / 200, 0.0), 1.0)
        own = 100 * Z975 * math.sqrt(2 * p * (1 - p) / board.items)
    elif board.tolerance_rule == "printed":
        own = math.hypot(a.margin or 0.0, b.margin or 0.0)
    else:
        own = board.fixed_tolerance or 0.0
    unlike = board.must_match == "setting" and a.setting != b.setting
    return math.hypot(own, board.mismatch_tolerance) if unlike else own


def margin_of(workload: Workload) -> float:
    """δ: how far below the reference is still good enough. [points of 100]"""
    stated = workload.quality.margin if workload.quality else None
    return settings("decision_settings")["quality_margin"].central if stated is None else stated


def items_for(margin: float) -> int:
    """Items of the client's own, each answered by both models, that settle a margin. [items]

    A model that is as good passes in eight of ten such tests: (1.96 + 0.84)² d / δ² items, where d
    is the share of items on which just one of the two answers well (Liu, Hsueh, Hsieh and Chen,
    "Tests for equivalence or non-inferiority for paired binary data", 2002). Rounded up to fifties.
    margin: δ, in points of 100.
    """
    differ = settings("decision_settings")["paired_disagreement"].central
    return 50 * math.ceil((Z975 + 0.8416) ** 2 * differ / (margin / 100) ** 2 / 50)


def counts(score: Score, day: dt.date) -> float:
    """How much a score counts at its age: half after each half-life."""
    age = score.age_days(day) or 0
    half = settings("decision_settings")["board_half_life"].central * DAYS_OF_MONTH
    return float(0.5 ** (age / half))


def compare(
    board: Board,
    model: Score | None,
    reference: Score | None,
    margin: float,
    day: dt.date | None = None,
) -> BoardComparison:
    """Better, as good, worse or unknown on one board; unknown where a score is missing.

    margin: δ, in points of 100.
    """
    nothing = BoardComparison(board=board, model=model, reference=reference)
    if reference is None:
        return replace(nothing, reason="the reference has no score on this board at this effort")
    if model is None:
        return replace(nothing, reason="the model has no score on this board at this effort")
    if board.ceiling is not None and min(model.score, reference.score) > board.ceiling:
        reason = f"both above {board.ceiling:g}: the board is saturated"
        return replace(nothing, reason=reason)
    sign = 1.0 if board.direction == "higher" else -1.0
    half = tolerance(board, model, reference)
    difference = sign * (model.score - reference.score)
    bound = margin / board.points_per_unit
    verdict = judged(difference, half, bound)
    answered = model.answer_rate_percent
    answered_before = reference.answer_rate_percent
    if answered is not None and answered_before is not None:  # a declined answer as a failure
        strict = (model.score * answered - reference.score * answered_before) / 100
        if judged(strict, half, bound) != verdict:
            reason = "the verdict depends on how declined answers are counted"
            return replace(nothing, reason=reason)
    notes = []
    if verdict == "unknown":
        below = half - difference
        # As the interval of the board is drawn: a point has one decimal, a small rank two.
        told = f"{below:.1f}" if below >= 1 else f"{below:.2f}"
        notes.append(f"it may be {told} below, {bound:.3g} is allowed")
    if board.must_match == "setting" and model.setting != reference.setting:
        notes.append(f"{model.setting} against {reference.setting}: interval widened")
    weight = min(counts(model, day), counts(reference, day)) if day else 1.0
    return replace(
        nothing,
        difference=difference,
        tolerance=half,
        verdict=verdict,
        reason="; ".join(notes),
        counts=weight,
    )


def judged(difference: float, half: float, margin: float) -> Verdict:
    """The verdict for a difference (positive is better), the half-width of its 95 % interval and
    the margin δ: better above nil, as good above −δ, worse below nil where −δ is not excluded."""
    if difference - half > 0:
        return "better"
    if difference - half >= -margin:
        return "as good"
    return "worse" if difference + half < 0 else "unknown"


def own_result(
    own: OwnEvaluation, model: str, margin: float = 0.0, reference: str = ""
) -> OwnResult | None:
    """The client's own test of a model; None if it was not tested. Scores in percent or 0 to 1.

    A floor that the client states is fixed, so only the model's own sampling error counts: 1.96
    √(p(1−p)/n). The score itself must reach the floor, and its interval may reach δ below it.
    Without one, what the reference model scored in the same test serves: it has a sampling error,
    too, and the difference is judged as on a board. None where that was not tested either.
    """
    tested = {name_key(k): v for k, v in own.scores.items()}
    found = tested.get(name_key(model))
    floor = tested.get(name_key(reference)) if own.floor is None else own.floor
    if found is None or floor is None:
        return None
    scale = 100.0 if max(floor, *own.scores.values()) > 1 else 1.0
    drawn = [found] if own.floor is not None else [found, floor]
    shares = [min(max(score / scale, 0.0), 1.0) for score in drawn]
    half = scale * Z975 * math.sqrt(sum(p * (1 - p) for p in shares) / own.items)
    above = found - floor
    verdict = judged(above, half, margin * scale / 100)
    if own.floor is None and name_key(model) == name_key(reference):
        verdict = "same model"
    elif own.floor is not None and above < 0 and verdict == "as good":
        verdict = "unknown"
    return OwnResult(
        model=model,
        score=found,
        floor=floor,
        least=floor - margin * scale / 100,
        tolerance=half,
        reached=own.floor is None or above >= 0,
        verdict=verdict,
    )


def agreed(comparisons: tuple[BoardComparison, ...]) -> tuple[Verdict, str]:
    """What the boards say together, and why.

    Of boards that share questions only the one that counts most is heard. At least two others must
    remain and count `ENOUGH` together; if one says worse and another does not, or one leaves it
    open, the answer is unknown.
    """
    known = [c for c in comparisons if c.difference is not None]
    heard = [c for c in each_question_once(tuple(known)) if c.counts > 0]
    if len(known) < 2:
        who = f"only {known[0].board.label} knows" if known else "no board that you name knows"
        return "unknown", f"{who} both models"
    if len(heard) < 2:
        return "unknown", "all boards that know both models ask the same questions"
    weight = sum(c.counts for c in heard)
    if weight < ENOUGH:
        return "unknown", f"the boards are old: together they count {weight:.1f} of {ENOUGH:.0f}"
    found = {c.verdict for c in heard}
    if "worse" in found and len(found) > 1:
        return "unknown", "the boards disagree"
    verdict = next(v for v in WORST_FIRST if v in found)
    if verdict == "unknown":
        open_ = next(c for c in heard if c.verdict == "unknown")
        return "unknown", f"{open_.board.label} leaves it open: {open_.reason}"
    return verdict, f"{len(heard)} boards agree"


def each_question_once(comparisons: tuple[BoardComparison, ...]) -> tuple[BoardComparison, ...]:
    """The comparisons, of which those that share questions with one that counts more count 0."""
    found = list(comparisons)
    heard = list[Board]()
    for i in sorted(range(len(found)), key=lambda i: -found[i].counts):
        c = found[i]
        if c.difference is not None:
            same = next((b for b in heard if _overlap(c.board, b)), None)
            if same is None:
                heard.append(c.board)
            else:
                why = f"shares its questions with {same.label}"
                found[i] = replace(c, counts=0.0, reason="; ".join(filter(None, (c.reason, why))))
    return tuple(found)


def _overlap(a: Board, b: Board) -> bool:
    return b.board in (a.board, *a.overlaps.split(";")) or a.board in b.overlaps.split(";")


def parity(
    name: str, workload: Workload, owner: str, option: Option, day: dt.date | None = None
) -> Parity | None:
    """One leaf option's model against the floor of one workload; None without floor or model.

    owner: the leaf, or the mix that it is a part of.
    day: of the report, for the age of scores; None: age does not count.
    """
    floor = workload.quality
    model = option.runs(name)
    if floor is None or not model:
        return None
    thinking = (workload.reasoning_tokens or 0) > 0
    margin = margin_of(workload)
    reference = floor.reference_model
    scored = _on_boards(
        floor.boards, model, option.effort, reference, floor.reference_effort,
        margin=margin, thinking=thinking, day=day,
    )  # fmt: skip
    own = own_result(floor.own, model, margin, reference) if floor.own else None
    same_effort = effort_named(option.effort) is effort_named(floor.reference_effort)
    if own is not None:
        verdict: Verdict = own.verdict
        reason = "the client's own evaluation"
    elif name_key(model) == name_key(reference) and same_effort:
        verdict = "same model"
        reason = "the same model, at the same effort"
    else:
        verdict, reason = agreed(scored)
    indexes = tuple[BoardComparison, ...]()
    if verdict == "unknown" and own is None:
        indexes = tuple(on_indexes(option, model, reference, floor.reference_effort, margin))
    tokens = reasoning_tokens(workload, option.effort or _earned(scored), model)
    called = spoken(model)
    against = spoken(reference)
    if called == against and verdict != "same model":
        called = f"{called} at {option.effort or 'its usual'} effort"
        against = f"{against} at {floor.reference_effort or 'its usual'} effort"
    return Parity(
        workload=name,
        option=owner,
        model=model,
        reference=reference,
        spoken=called,
        reference_spoken=against,
        comparisons=scored,
        indexes=indexes,
        own=own,
        verdict=verdict,
        reason=reason,
        items=items_for(margin),
        reasoning_tokens=tokens,
    )


def standing(workload: Workload, option: Option, model: str, today: tuple[str, str]) -> Standing:
    """Whether a model may take part for a workload in place of what is asked or runs today.

    model: at the option's effort. today: the model that it is held against, and its effort, where
    the workload names none. Of the client's own test or a board that it named a model may be out;
    a general index, at like effort and within its tolerance, admits and never strikes.
    """
    floor = workload.quality
    reference, effort = (floor.reference_model, floor.reference_effort) if floor else today
    if floor is not None and name_key(model) != name_key(reference):
        own = own_result(floor.own, model, margin_of(workload), reference) if floor.own else None
        if own is not None:
            named = own.verdict
        else:
            usual = settings("decision_settings")["quality_margin"].central
            found = _on_boards(floor.boards, model, option.effort, reference, effort, margin=usual)
            named = agreed(found)[0]
        if named in ("worse", *SUPPORTS_SWITCH):
            return "out" if named == "worse" else "in"
    for c in on_indexes(option, model, reference, effort):
        if c.difference is not None and c.difference >= -(c.board.fixed_tolerance or 0.0):
            return "in"
    return "listed"


def on_indexes(
    option: Option, model: str, reference: str, effort: str, margin: float = 0.0
) -> Iterator[BoardComparison]:
    """A model against another on each general index that has both, at like effort: it may let a
    model take part, and is no test of a client's work.

    margin: δ, in points of 100.
    """
    for board in (b for b in boards().values() if b.admits):
        one = _score(board.board, model, option.effort, up=False)
        other = _score(board.board, reference, effort, up=True)
        if one and other:
            yield compare(board, one, other, margin)


@of_facts
def _score(board: str, model: str, effort: str, *, up: bool) -> Score | None:
    """The score of a model at an effort; where none is on file, at the nearest higher effort, which
    it may not reach (up), or the nearest lower one, which it at least reaches."""
    asked = effort_named("none" if thinks(model) == "never" else effort)
    if asked is None:
        return None
    sign = 1 if up else -1
    beyond: dict[float, Score] = {}
    for row in scores(model, board):
        known = effort_named(row.effort)
        away = sign * (known.tokens.central - asked.tokens.central) if known else -1.0
        if away >= 0:
            beyond[away] = row
    return beyond[min(beyond)] if beyond else None


def _on_boards(
    named: Sequence[str],
    model: str,
    effort: str,
    reference: str,
    before: str,
    *,
    margin: float,
    thinking: bool = False,
    day: dt.date | None = None,
) -> tuple[BoardComparison, ...]:
    """A model at an effort beside a reference at its own (`before`), on each board."""

    def beside(board: str) -> BoardComparison:
        own = _picked(model, board, effort, thinking)
        against = _picked(reference, board, before, thinking)
        return compare(boards()[board], own, against, margin, day)

    return each_question_once(tuple(map(beside, named)))


def _earned(comparisons: tuple[BoardComparison, ...]) -> str:
    """The dearest effort among the scores used: the one that the claim rests on."""
    efforts = [e for c in comparisons if c.model and (e := effort_named(c.model.effort))]
    return max(efforts, key=lambda e: e.tokens.central).effort if efforts else ""


def hidden_tokens(scenario: Scenario, option: str, workload: str) -> Range:
    """Hidden output tokens a request of a workload in a leaf option. [tokens]

    At the effort of the option, or else at the one that earned its model's scores: what capacity
    must generate and an API bills, on top of the visible output.
    """
    w = scenario.workloads[workload]
    o = scenario.options[option]
    found = parity(workload, w, option, o)
    return found.reasoning_tokens if found else reasoning_tokens(w, o.effort, o.runs(workload))


def at_effort(scenario: Scenario, option: str, workload: str) -> Workload:
    """A workload as a leaf option carries it: with the hidden tokens of that option's model, and
    with pictures as the tokens that it makes of them."""
    hidden = hidden_tokens(scenario, option, workload).central
    asked = scenario.workloads[workload]
    model = scenario.options[option].runs(workload) or next(iter(asked.models), "")
    return pictures.read(asked, model).model_copy(update={"reasoning_tokens": hidden})


def parts(scenario: Scenario, name: str) -> dict[str, tuple[str, ...]]:
    """The options that carry the load of one, each with its workloads: the option itself, or both
    sides of a hybrid, with all of them; of a split each part with its own."""
    option = scenario.options[name]
    every = tuple(scenario.workloads)
    said: dict[str, tuple[str, ...]] = {}
    if option.kind == "hybrid":
        said = dict.fromkeys((option.base, option.burst), every)
    for workload in every if option.kind == "split" else ():
        part = option.parts.get(workload, "")
        said[part] = (*said.get(part, ()), workload)
    known = {part: works for part, works in said.items() if part in scenario.options}
    return known or {name: every}


def leaves(scenario: Scenario, name: str) -> tuple[str, ...]:
    """The same without their workloads."""
    return tuple(parts(scenario, name))


def place(scenario: Scenario, name: str) -> str:
    """Where an option is had: its kind, its vendors and their countries."""
    parts = (scenario.options[part] for part in leaves(scenario, name))
    where = (f"{o.kind} {o.vendor or o.provider} {o.country}" for o in parts)
    return f"{scenario.options[name].kind}: " + ", ".join(where)


def models(scenario: Scenario, name: str) -> dict[str, tuple[str, ...]]:
    """Models that serve an option's load, each once, by the option that runs them."""
    return {
        part: tuple(dict.fromkeys(filter(None, map(scenario.options[part].runs, works))))
        for part, works in parts(scenario, name).items()
    }


def tried_on(scenario: Scenario, found: Parity) -> str:
    """On what a model is tested against its reference, in words: items of the client's own where
    both run today, else items of which it does not matter where they go."""
    today = scenario.finance.baseline
    there = models(scenario, today) if today in scenario.options else {}
    running = {spoken(m) for own in there.values() for m in own}
    if {spoken(found.model), spoken(found.reference)} <= running:
        return f"{found.items} of your own items"
    return f"{found.items} {HARMLESS}"


def _warnings(scenario: Scenario, parities: tuple[Parity, ...]) -> Iterator[str]:
    """Scores earned by reasoning that the load does not count, and workloads without a floor, or
    with a test that has none."""
    for p in parities:
        tokens = p.reasoning_tokens.central
        counted = scenario.workloads[p.workload]
        if tokens > 0 and counted.reasoning_tokens is None:
            yield (
                f"{in_words(p.workload)}: the score of {spoken(p.model)} was earned with "
                f"reasoning, about {tokens:,.0f} hidden tokens a request (estimate); "
                "a count of your own would replace it"
            )
    for name, workload in scenario.workloads.items():
        floor = workload.quality
        if floor and floor.own and floor.own.floor is None:
            yield (
                f"{in_words(name)}: your own test states no floor: what "
                f"{spoken(floor.reference_model)} scored in it is taken"
            )
    if names := ", ".join(in_words(n) for n, w in scenario.workloads.items() if w.quality is None):
        yield f"no quality floor is stated for {names}: any model counts as good enough"


def _inputs(scenario: Scenario, parities: tuple[Parity, ...]) -> Iterator[Input]:
    """Scores with their own uncertainty, and the numbers of the boards' rules."""
    for p in parities:
        if p.own is not None:
            low = p.own.score - p.own.tolerance
            high = p.own.score + p.own.tolerance
            source = scenario.source(f"workloads.{p.workload}.quality.own")
            name = f"your own evaluation of {spoken(p.model)}, {in_words(p.workload)}"
            value = Range(low, p.own.score, high, unit="points of your test")
            yield Input(name=name, value=value, source=source)
    for c in (c for p in parities for c in p.comparisons):
        board = c.board
        for score in filter(None, (c.model, c.reference)):
            half = score.margin or 0.0
            at = score.score
            name = f"score of {spoken(score.model)} on {board.label}, effort {score.effort}"
            value = Range(at - half, at, at + half, unit=board.unit)
            yield Input(name=name, value=value, source=score.provenance)
        if c.tolerance is not None:
            if board.items:
                size = Range.exact(float(board.items), "items")
            else:
                size = Range.exact(board.fixed_tolerance or 0.0, board.unit)
            name = f"tolerance rule of {board.label}"
            yield Input(name=name, value=size, source=board.provenance)


def assess(scenario: Scenario) -> Parities:
    """Every option's model against every workload's floor. A mix is as good as its parts."""
    day = scenario.client.report_date
    parities = tuple(
        found
        for option in scenario.options
        for name, workload in scenario.workloads.items()
        for part, works in parts(scenario, option).items()
        if name in works
        if (found := parity(name, workload, option, scenario.options[part], day)) is not None
    )
    inputs = {i.name: i for i in _inputs(scenario, parities)}
    warnings = dict.fromkeys(_warnings(scenario, parities))
    return Parities(parities, tuple(warnings), tuple(inputs.values()))
