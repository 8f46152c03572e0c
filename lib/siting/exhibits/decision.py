"""Page one and the decision chapter: the answer, how sure, what it costs, what would change it.

Every sentence, table and chart is computed from the same `decision.Decision`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.catalogue import Source, source_of
from siting.exhibits import Answers, Chart, Prose, Table, literal, style
from siting.formats import Numbers
from siting.quality import SUPPORTS_SWITCH, Parity, Score, Verdict
from siting.quantity import Range
from siting.verdict.decision import Decision, present_cost
from siting.verdict.plan import Experiment, Knowledge
from siting.verdict.ranking import Candidate, Measure
from siting.verdict.turns import Flip

if TYPE_CHECKING:
    from siting.study import Study


NO_RANKING = "Every option is struck, so there is nothing to rank."


# Page one ---------------------------------------------------------------------------------------


def page_one(study: Study) -> Answers:
    """The four questions of a reader who sees only this page."""
    d, numbers = study.decision, study.numbers
    return Answers(
        (
            ("What should we do?", answer(study)),
            ("How sure is that?", certainty(d, numbers)),
            ("What does it cost?", costs(study)),
            ("What would change the answer?", changes(d, numbers)),
        )
    )


def at_a_glance(study: Study) -> Table:
    """Page one's table: each option with its cost and how often it wins."""
    d, numbers = study.decision, study.numbers
    order = sorted(d.candidates, key=lambda c: (c.name != d.recommended, -_first(d, c)))
    rows = [
        {
            "option": plain(c),
            "status": _status(d, c),
            "present cost": money(cost, numbers)
            if (cost := present_cost(c, numbers.currency))
            else "not estimated",
            "ranks first": numbers.percent(_first(d, c)) if not c.struck else "–",
            "because": _short(c.struck[0]) if c.struck else _waiting(d, c),
        }
        for c in order
    ]
    return Table(
        pd.DataFrame(rows),
        "All options: cost over the horizon, and share of draws in which each ranks first",
        badges=("status",),
        align={"present cost": "right", "ranks first": "right"},
        stub="option",
        notes=(
            "Present cost: central value, in brackets the range that holds 80 % of the draws; "
            "its items and sources stand in the cost chapter. The next chapter explains the rank.",
        ),
    )


def _first(d: Decision, c: Candidate) -> float:
    return d.ranking.first(c.name) if d.ranking and c.name in d.ranking.names else -1.0


def _waiting(d: Decision, c: Candidate) -> str:
    if c.name == d.baseline:
        return "today's choice"
    return "quality not shown" if c.unproven else "–"


def answer(study: Study) -> str:
    """The recommendation in words, with what to do first."""
    d = study.decision
    if d.recommended is None:
        reasons = "; ".join(f"{label(c)}: {literal(c.struck[0])}" for c in d.candidates)
        return f"**No option meets your hard constraints.** {reasons}."
    chosen = d.candidate(d.recommended)
    said = f"**{'Stay with' if d.stays else 'Move to'} {label(chosen)}.**"
    waiting = chosen if d.preferred is None else d.candidate(d.preferred)
    if d.preferred is not None:
        said += f" {label(waiting)} promises more"
    elif d.stays and d.word.word == "open" and len(d.competing) > 1:
        said += " No option is clearly better, so a move would cost effort without a known gain."
    if waiting.unproven and waiting.name != d.baseline:
        link = ", but the" if d.preferred else " The"
        said += (
            f"{link} quality of its model is not yet shown ({literal(waiting.unproven[0])}): "
            "test it before you move."
        )
    if d.struck:
        said += f" {len(d.struck)} of {len(d.candidates)} options are struck; the table says why."
    first = next((step for step in d.plan if step.day == 30), None)
    return said + (f" First step: {literal(first.text)}" if first else "")


def certainty(d: Decision, numbers: Numbers) -> str:
    """The confidence word with its definition and the shares behind it."""
    ranking = d.ranking
    if ranking is None or d.recommended is None:
        return "Certain: the constraints decide, not weights or prices."
    if len(d.competing) == 1:
        return f"Only {label(d.competing[0])} meets your constraints, so there is nothing to weigh."

    def first(name: str) -> str:
        return f"{label(d.candidate(name))} ranks first in {numbers.percent(ranking.first(name))}"

    best = ranking.best
    said = f"**{d.word.word.capitalize()}**: {d.word.definition} of weights and uncertain inputs. "
    said += first(best)
    rivals = sorted((n for n in ranking.names if n != best), key=ranking.first, reverse=True)
    for name in dict.fromkeys((rivals[0], d.recommended)):
        if name != best:
            share = numbers.percent(ranking.first(name))
            said += f", {label(d.candidate(name))} in {share}"
    said += " of them. "
    said += (
        f"{label(d.candidate(best))} has the least regret: on average it loses "
        f"{numbers.number(ranking.regret[best].points, 1)} of 100 points to the best of each draw."
    )
    if d.leaving is not None:
        said += (
            f" Against staying with {label(d.candidate(d.baseline))}, "
            f"{label(d.candidate(best))} scores higher in {numbers.percent(d.leaving)}."
        )
    return said


def costs(study: Study) -> str:
    """Present cost of the recommended option, against today's and the cheapest."""
    d, numbers = study.decision, study.numbers
    months = study.scenario.finance.horizon_months
    years = numbers.number(months / 12, 0 if months % 12 == 0 else 1)
    if d.recommended is None:
        return (
            "No option remains to be priced; the prices of all options stand in the cost chapter."
        )
    chosen = d.candidate(d.recommended)
    cost = present_cost(chosen, numbers.currency)
    if cost is None:
        return f"The cost of {label(chosen)} is not estimated; the cost chapter says why."
    said = f"**{money(cost, numbers)}** for {label(chosen)}, as present cost over {years} years."
    if d.preferred is not None and (other := present_cost(d.candidate(d.preferred), cost.unit)):
        said += f" {label(d.candidate(d.preferred))} would cost {money(other, numbers)}."
    base = d.candidate(d.baseline)
    other = present_cost(base, cost.unit)
    if not d.stays and other is not None and base.cost is not None and chosen.cost is not None:
        cheaper = float(np.mean(chosen.cost.draws < base.cost.draws))
        said += (
            f" {label(base)}, today's choice, costs {money(other, numbers)}; the new one is "
            f"cheaper in {numbers.percent(cheaper)} of the draws."
        )
    cheapest = min(
        (c for c in d.competing if c.cost is not None),
        key=lambda c: c.cost.central if c.cost is not None else 0.0,
        default=chosen,
    )
    if cheapest.name not in (chosen.name, d.preferred, None if d.stays else d.baseline):
        least = present_cost(cheapest, cost.unit)
        if least is not None:
            said += f" Cheapest is {label(cheapest)}: {money(least, numbers)}."
    return said


def changes(d: Decision, numbers: Numbers) -> str:
    """The nearest flip points, and what to measure first."""
    flips = main_flips(d)
    if d.leader is None:
        said = "- An option would have to meet the constraints."
    else:
        leader = label(d.candidate(d.leader))
        said = f"At central values {leader} leads.\n\n"
        if all(f.kind == "utilisation" for f in flips):
            said += "- No single price, volume or weight in its expected range changes that.\n"
        said += "\n".join(f"- {flip_sentence(f, d, numbers)}" for f in flips)
    first = d.knowledge[0] if d.knowledge else None
    if first is not None:
        said += f"\n- {knowledge_sentence(first, numbers)}"
    return said


def main_flips(d: Decision, most: int = 3) -> tuple[Flip, ...]:
    """The nearest flip of each kind within the expected range; beyond it only if none is inside."""
    found: dict[str, Flip] = {}
    inside = [f for f in d.nearest_flips if f.plausible]
    for flip in inside or d.nearest_flips:
        found.setdefault(flip.kind, flip)
    order = ("volume", "utilisation", "price", "weight")
    return tuple(found[k] for k in order if k in found)[:most]


def flip_sentence(flip: Flip, d: Decision, numbers: Numbers) -> str:
    """One flip point in words."""
    to = label(d.candidate(flip.to))
    far = "" if flip.plausible else " (outside the range expected)"
    if flip.kind == "weight":
        name = next(c.label for c in d.criteria if c.criterion == flip.subject)
        way = "above" if flip.threshold > flip.today else "below"
        return (
            f"{to} leads if {name.lower()} weighs {way} {numbers.percent(flip.threshold)} of the "
            f"total (now {numbers.percent(flip.today)}){far}."
        )
    if flip.kind == "price":
        whose = label(d.candidate(flip.subject))
        change = flip.threshold - 1
        way = "rises" if change > 0 else "falls"
        what = "its cost" if flip.to == flip.subject else f"the cost of {whose}"
        return f"{to} leads if {what} {way} by {numbers.percent(abs(change))}{far}."
    way = "above" if flip.threshold > flip.today else "below"
    at, now = (numbers.quantity(x, flip.unit) for x in (flip.threshold, flip.today))
    if flip.kind == "utilisation":
        return f"On cost alone, {to} wins {way} a utilisation of {at} (now {now}){far}."
    return f"{to} leads {way} {at} (now {now}){far}."


def knowledge_sentence(knowledge: Knowledge, numbers: Numbers) -> str:
    """What to measure first, and what it is worth."""
    worth = numbers.money(_rounded(knowledge.worth))
    said = f"Worth knowing first, up to {worth}: {literal(_small(knowledge.label))}"
    if knowledge.experiment is None:
        return said + "."
    return f"{said}. {literal(knowledge.experiment.action)}"


def lead(study: Study) -> Prose:
    """The chapter's answer in one paragraph."""
    return Prose(f"{answer(study)} {certainty(study.decision, study.numbers)}")


# The chapter ------------------------------------------------------------------------------------


def ranking_chart(study: Study) -> Chart | Prose:
    """Contributions of each criterion to each option's score, with the range of the total."""
    d, numbers = study.decision, study.numbers
    ranking = d.ranking
    if ranking is None:
        return Prose(NO_RANKING)
    names = sorted(ranking.names, key=lambda n: -ranking.score[n].central)
    figure, ax = style.figure(0.9 + 0.5 * len(names))
    shades = style.colours(c.criterion for c in d.criteria)
    for y, name in enumerate(names):
        left = 0.0
        for criterion in d.criteria:
            points = ranking.contributions[name][criterion.criterion]
            ax.barh(
                y,
                points,
                left=left,
                height=0.55,
                color=shades[criterion.criterion],
                label=criterion.label if y == 0 else None,
            )
            left += points
        score = ranking.score[name]
        ax.plot([score.low, score.high], [y + 0.36] * 2, color=style.INK, linewidth=1.2)
        ax.annotate(
            numbers.number(score.central, 0), (left, y), (4, 0), textcoords="offset points",
            va="center", fontsize=9,
        )  # fmt: skip
    ax.set_yticks(range(len(names)), [plain(d.candidate(n)) for n in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, 100)
    ax.set_xlabel("points of 100; line: range of the total over all draws, 80 %")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    best = ranking.score[names[0]]
    return Chart(
        figure,
        f"{plain(d.candidate(names[0]))} scores highest: {numbers.number(best.central, 0)} of 100 "
        f"points at your weights",
        "Stacked bars, one an option, of the points that each criterion contributes. Totals: "
        + "; ".join(
            f"{plain(d.candidate(n))} {numbers.number(ranking.score[n].central, 0)} "
            f"({numbers.span(ranking.score[n], 0)})"
            for n in names
        )
        + ".",
        tuple(dict.fromkeys(_criterion_sources(d))),
    )


def acceptability_chart(study: Study) -> Chart | Prose:
    """How often each option takes each rank over weights and uncertainties together."""
    d, numbers = study.decision, study.numbers
    ranking = d.ranking
    if ranking is None:
        return Prose(NO_RANKING)
    order = np.argsort(-ranking.acceptability[:, 0], kind="stable")
    figure, ax = style.figure(0.9 + 0.4 * len(order))
    k = len(order)
    for y, i in enumerate(order):
        left = 0.0
        for r in range(k):
            share = float(ranking.acceptability[i, r])
            ax.barh(y, share, left=left, height=0.6, color=style.SERIES[0], alpha=0.95 * 0.5**r,
                    edgecolor="white")  # fmt: skip
            if share >= 0.08:
                ax.text(
                    left + share / 2, y, f"{r + 1}.", ha="center", va="center", fontsize=8,
                    color="white" if r == 0 else style.INK, in_layout=False,
                )  # fmt: skip
            left += share
        ax.annotate(
            numbers.percent(float(ranking.acceptability[i, 0])), (1, y), (5, 0),
            textcoords="offset points", va="center", fontsize=9,
        )  # fmt: skip
    ax.set_yticks(range(k), [plain(d.candidate(ranking.names[i])) for i in order])
    ax.set_ylim(k - 0.5, -0.5)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(numbers.axis("percent"))
    ax.set_xlabel("share of draws in which the option takes each rank; right: first rank")
    first, best = ranking.names[order[0]], ranking.best
    title = f"{plain(d.candidate(best))} ranks first in {numbers.percent(ranking.first(best))}"
    if first == best:
        title += f" of the draws: {d.word.word}"
    else:
        title += (
            f" of the draws and has the least regret; {plain(d.candidate(first))} ranks first in "
            f"{numbers.percent(ranking.first(first))}"
        )
    return Chart(
        figure,
        title,
        "Bars of the share of draws for each rank. First rank: "
        + "; ".join(
            f"{plain(d.candidate(ranking.names[i]))} "
            f"{numbers.percent(float(ranking.acceptability[i, 0]))}"
            for i in order
        )
        + ".",
        note=f"{d.word.word.capitalize()}: {d.word.definition}.",
    )


def contributions(study: Study) -> Table | Prose:
    """Points by criterion and option at central weights; columns add up to the score."""
    d, numbers = study.decision, study.numbers
    ranking = d.ranking
    if ranking is None:
        return Prose(NO_RANKING)
    total = sum(w.central for w in d.weights.values())
    rows = []
    for c in d.criteria:
        row = {"criterion": c.label, "weight": numbers.percent(_share(d, c.criterion, total))}
        for name in ranking.names:
            points = ranking.contributions[name][c.criterion]
            row[plain(d.candidate(name))] = numbers.number(points, 1)
        rows.append(row)
    last = {"criterion": "Score", "weight": numbers.percent(1.0)}
    for name in ranking.names:
        last[plain(d.candidate(name))] = numbers.number(ranking.score[name].central, 1)
    return Table(
        pd.DataFrame([*rows, last]),
        "Where the points come from: every column adds up to its score",
        tuple(dict.fromkeys(_criterion_sources(d))),
        stub="criterion",
        totals=1,
        notes=("Points of 100 at central weights and central measures.",),
    )


def measures(study: Study) -> Table:
    """What was measured for each criterion, before any value judgement; struck options too."""
    d, numbers = study.decision, study.numbers
    names = [plain(c) for c in d.candidates]
    rows = [
        {
            "criterion": f"{c.label} [{c.unit}]",
            **{plain(o): _measure(o.measures.get(c.measure), numbers) for o in d.candidates},
            "0 to 100 points": f"{_goalpost(c.worst, numbers)} to {_goalpost(c.best, numbers)}",
        }
        for c in d.criteria
    ]
    return Table(
        pd.DataFrame(rows),
        "The measures behind the points, and the goalposts that turn them into points",
        stub="criterion",
        align=dict.fromkeys([*names, "0 to 100 points"], "right"),
        notes=(
            "Each measure stands with its sources in its own chapter: cost, capacity, stability, "
            "sovereignty. Unknown measures count as anything between the goalposts.",
        ),
    )


def cost_and_regret(study: Study) -> Table:
    """Each option's price, whether it competes, how often it wins and what choosing it risks."""
    d, numbers = study.decision, study.numbers
    rows = []
    for c in d.candidates:
        cost = present_cost(c, numbers.currency)
        row = {
            "option": plain(c),
            "status": _status(d, c),
            f"present cost [{numbers.currency}]": numbers.money(_rounded(cost.central))
            if cost
            else "not estimated",
            "P10 to P90": numbers.span(_rounded_range(cost)) if cost else "–",
            "ranks first": "–",
            "regret [points]": "–",
            f"regret [{numbers.currency}]": "–",
        }
        if d.ranking is not None and c.name in d.ranking.names:
            regret = d.ranking.regret[c.name]
            row["ranks first"] = numbers.percent(d.ranking.first(c.name))
            row["regret [points]"] = numbers.number(regret.points, 1)
            if regret.money is not None:
                row[f"regret [{numbers.currency}]"] = numbers.money(_rounded(regret.money))
        rows.append(row)
    return Table(
        pd.DataFrame(rows),
        "Every option with its price, its chance and its regret",
        badges=("status",),
        stub="option",
        notes=(
            "Regret: what the option loses on average against the best one of each draw, in "
            "points of score, and in money against the cheapest.",
        ),
    )


def struck(study: Study) -> Table | Prose:
    """Options that fail a hard constraint, with the reason and the price."""
    d, numbers = study.decision, study.numbers
    if not d.struck:
        return Prose("No option is struck: all of them meet the hard constraints.")
    rows = [
        {
            "option": plain(c),
            "verdict": "struck",
            "because": "; ".join(c.struck),
            "present cost": numbers.range(_rounded_range(cost))
            if (cost := present_cost(c, numbers.currency))
            else "not estimated",
        }
        for c in d.struck
    ]
    return Table(
        pd.DataFrame(rows),
        f"{len(rows)} of {len(d.candidates)} options fail a hard constraint",
        badges=("verdict",),
        stub="option",
    )


def flip_points(study: Study) -> Table | Prose:
    """Every single change that would hand the lead to another option."""
    d, numbers = study.decision, study.numbers
    if not d.flips:
        return Prose("No single price, volume or weight changes the leader.")
    rows = [
        {
            "what moves": _subject(f, d),
            "today": _flip_value(f, f.today, numbers),
            "flips at": _flip_value(f, f.threshold, numbers),
            "new leader": plain(d.candidate(f.to)),
            "within the expected range": "yes" if f.plausible else "beyond",
        }
        for f in d.nearest_flips
    ]
    inside = sum(f.plausible for f in d.flips)
    return Table(
        pd.DataFrame(rows),
        f"{inside} of {len(rows)} flip points lie within the range expected",
        stub="what moves",
        notes=(
            "One thing moves, the others stay at their central values. Weights: share of the total;"
            " prices: factor on the present cost of the option.",
        ),
    )


def knowledge(study: Study) -> Table | Prose:
    """What to measure before deciding, and what each measurement is worth."""
    d, numbers = study.decision, study.numbers
    if not d.knowledge:
        return Prose(
            "No uncertain input is worth measuring first: none of them would change the choice."
        )
    rows = [
        {
            "what to know": k.label,
            "worth up to": numbers.money(_rounded(k.worth)),
            "how": k.experiment.action if k.experiment else "–",
            "days": numbers.number(k.experiment.days, 0) if k.experiment else "–",
            "costs about": numbers.money(k.experiment.cost_central, 0, k.experiment.currency)
            + style.mark(k.experiment.kind)
            if k.experiment
            else "–",
        }
        for k in d.knowledge[:6]
    ]
    best = d.knowledge[0]
    return Table(
        pd.DataFrame(rows),
        f"Most worth knowing: {_small(best.label)}, up to {numbers.money(_rounded(best.worth))}",
        stub="what to know",
        notes=(
            "Worth: expected saving in present cost if the value were known before choosing "
            "(expected value of partial perfect information). "
            f"Knowing everything: {numbers.money(_rounded(d.perfect_information or 0.0))}.",
        ),
        sources=tuple(
            dict.fromkeys(_source(k.experiment) for k in d.knowledge[:6] if k.experiment)
        ),
    )


def plan(study: Study) -> Table:
    """Steps for 30, 90 and 365 days."""
    d = study.decision
    rows = [
        {"within": f"{s.day} days", "who": s.owner, "step": s.text, "why": s.why} for s in d.plan
    ]
    frame = pd.DataFrame(rows, columns=["within", "who", "step", "why"])
    return Table(frame, "What to do in 30, 90 and 365 days", group="within")


def quality(study: Study) -> Table | Prose:
    """Each option's model against the floor of each workload, board by board."""
    numbers, found = study.numbers, study.quality
    rows = [
        row
        for p in dict.fromkeys(_without_option(found.parities))
        for row in _parity_rows(p, numbers)
    ]
    if not rows:
        return Prose("No workload states a quality floor, so no parity was assessed.")
    return Table(
        pd.DataFrame(rows),
        _quality_title(found.parities),
        tuple(dict.fromkeys(i.source for i in found.inputs)),
        badges=("verdict",),
        group="model",
        notes=(
            "Parity: not distinguishable on that board. Tolerance: half-width of the 95 % interval "
            "of the difference. A switch needs two boards without common questions, or your own "
            "evaluation, which beats both.",
        ),
    )


def resilience(study: Study) -> Table | Prose:
    """Whether each option's GPUs fit the likely model of 24 months from now."""
    d, numbers = study.decision, study.numbers
    if not d.resilience:
        return Prose(
            "No option runs its own model on known GPUs, so a new model asks for no new hardware."
        )
    rows = [
        {
            "option": plain(d.candidate(f.option)),
            "model today": f.model,
            "weights may grow": f"{numbers.number(f.room, 1)}×",
            "successor of the class": f"{numbers.number(f.growth.same_class.central, 1)}× "
            f"({numbers.span(f.growth.same_class, 1)})",
            "largest of the makers": f"{numbers.number(f.growth.flagship.central, 1)}×",
            "fits in": numbers.percent(f.chance),
            "verdict": f.verdict,
        }
        for f in d.resilience
    ]
    worst = min(d.resilience, key=lambda f: f.chance)
    return Table(
        pd.DataFrame(rows),
        f"A successor of the same class fits in {numbers.percent(worst.chance)} of past cases, on "
        f"{plain(d.candidate(worst.option))}",
        stub="option",
        badges=("verdict",),
        notes=tuple(
            dict.fromkeys(
                f"{f.model}: {f.growth.pairs} pairs of releases 18 to 30 months apart, of "
                f"{f.growth.makers}."
                for f in d.resilience
            )
        ),
    )


def conclusion(study: Study) -> Prose:
    """What would change the conclusion of the chapter, in words."""
    d, numbers = study.decision, study.numbers
    return Prose(changes(d, numbers))


def key_figures(study: Study) -> str:
    """The figures that a test compares from version to version, as plain text."""
    d = study.decision
    lines = [f"recommended: {d.recommended}", f"preferred: {d.preferred}", f"word: {d.word.word}"]
    if d.ranking is not None:
        lines += [
            f"{n}: score {d.ranking.score[n].central:.0f}, first {d.ranking.first(n):.2f}"
            for n in d.ranking.names
        ]
    return "\n".join(lines)


# Words and cells --------------------------------------------------------------------------------


def label(candidate: Candidate) -> str:
    """An option's label for Markdown."""
    return literal(candidate.label)


def plain(candidate: Candidate) -> str:
    """An option's label for tables and charts."""
    return candidate.label


def money(amount: Range, numbers: Numbers) -> str:
    """A present cost in short, with its range: `EUR 1.2M (0.9M to 1.6M)`."""
    low, high = (numbers.compact(_rounded(x), None) for x in (amount.low, amount.high))
    return f"{numbers.compact_money(_rounded(amount.central), None)} ({low} to {high})"


def _short(reason: str) -> str:
    """A reason without its cause: up to a closing bracket with a colon, or to the first comma."""
    return reason.split("): ")[0] + ")" if "): " in reason else reason.split(",")[0]


def _small(text: str) -> str:
    """A label inside a sentence: its first letter small, unless it is an abbreviation."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _rounded(amount: float) -> float:
    """An amount to three significant digits: no forecast knows more."""
    return float(f"{amount:.3g}")


def _rounded_range(amount: Range) -> Range:
    low, central, high = map(_rounded, (amount.low, amount.central, amount.high))
    return Range(low, central, high, amount.unit)


def _share(d: Decision, criterion: str, total: float) -> float:
    return d.weights[criterion].central / total


def _criterion_sources(d: Decision) -> list[Source]:
    return [source_of(c) for c in d.criteria]


def _source(row: Experiment) -> Source:
    return source_of(row)


def _status(d: Decision, c: Candidate) -> str:
    if c.struck:
        return "struck"
    if c.name == d.recommended:
        return "chosen"
    return "conditional" if c.unproven else "competes"


def _goalpost(x: float, numbers: Numbers) -> str:
    return numbers.number(x, 0 if x == round(x) else 1)


def _measure(measure: Measure | None, numbers: Numbers) -> str:
    if measure is None:
        return "unknown"
    bare = replace(measure, unit="") if isinstance(measure, Range) else measure.range()
    places = 1 if abs(bare.central) >= 2 else 2
    span = "" if bare.is_exact else f" ({numbers.span(bare, places)})"
    return numbers.number(bare.central, places) + span


def _subject(flip: Flip, d: Decision) -> str:
    if flip.kind == "weight":
        name = next(c.label for c in d.criteria if c.criterion == flip.subject)
        return f"weight of {name.lower()}"
    if flip.kind == "price":
        return f"cost of {plain(d.candidate(flip.subject))}"
    if flip.kind == "utilisation":
        return f"utilisation of {plain(d.candidate(flip.subject))}, on cost alone"
    return "volume of tokens"


def _flip_value(flip: Flip, x: float, numbers: Numbers) -> str:
    if flip.kind == "weight":
        return numbers.percent(x)
    if flip.kind == "price":
        return f"{numbers.number(x, 2)}×"
    return numbers.quantity(x, flip.unit)


def _without_option(parities: tuple[Parity, ...]) -> list[Parity]:
    """Each model and workload once, whatever options share it."""
    return [replace(p, option="") for p in parities if p.verdict != "same model"]


def _parity_rows(p: Parity, numbers: Numbers) -> list[dict[str, str]]:
    heading = f"{p.model} against {p.reference}, {p.workload}: {_word(p.verdict)} ({p.reason})"
    rows = [
        {
            "model": heading,
            "board": c.board.label,
            "date": numbers.date(c.model.date if c.model else c.board.date),
            "score": _score(c.model, numbers),
            "reference": _score(c.reference, numbers),
            "tolerance": f"± {numbers.number(c.tolerance, 2)}" if c.tolerance is not None else "–",
            "verdict": _word(c.verdict),
            "remark": c.reason,
        }
        for c in p.comparisons
    ]
    if p.own is not None:
        rows.insert(
            0,
            {
                "model": heading,
                "board": "your own evaluation",
                "date": "–",
                "score": numbers.number(p.own.score) + style.mark("client"),
                "reference": f"floor {numbers.number(p.own.floor)}",
                "tolerance": f"± {numbers.number(p.own.tolerance, 2)}",
                "verdict": _word(p.own.verdict),
                "remark": "",
            },
        )
    return rows


def _word(verdict: Verdict) -> str:
    """A verdict as tables print it: what cannot be told apart is parity."""
    return "parity" if verdict == "not distinguishable" else verdict


def _score(score: Score | None, numbers: Numbers) -> str:
    return "–" if score is None else f"{numbers.number(score.score)} ({score.effort})"


def _quality_title(parities: tuple[Parity, ...]) -> str:
    tested = list(
        dict.fromkeys((p.model, p.verdict) for p in parities if p.verdict != "same model")
    )
    good = [m for m, v in tested if v in SUPPORTS_SWITCH]
    return f"{len(good)} of {len(tested)} candidate models reach the floor on the evidence so far"
