"""Data sovereignty: the matrix of verdicts, its reasons, the flows, the dates and the questions.

Every cell comes from one `sovereignty.Assessment`; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill, shorten
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

from siting.catalogue import Source, source_of
from siting.exhibits import Chart, Prose, Table, literal, style
from siting.rules.dataflows import FlowFacts
from siting.rules.openness import UNKNOWN
from siting.rules.rulebook import Rule
from siting.rules.sovereignty import (
    NOT_LEGAL_ADVICE,
    Ahead,
    Change,
    OptionAssessment,
    Question,
    RuleVerdict,
    Verdict,
    worst,
)

if TYPE_CHECKING:
    from siting.study import Study

ASKED = ("flow", "option", "client")
"""Levels of attributes that somebody answers."""
COLOURS: dict[Verdict, str] = {
    "pass": style.GOOD,
    "review": style.CAUTION,
    "fail": style.BAD,
    "n.a.": style.OPEN,
}
WORDS: dict[Verdict, str] = {
    "fail": "fail",
    "review": "need review",
    "pass": "pass",
    "n.a.": "do not apply",
}


# The answer -------------------------------------------------------------------------------------


def answer(study: Study) -> Prose:
    """One sentence for each option, the most settled first."""
    found = sorted(
        study.sovereignty.options.values(), key=lambda o: (o.counts["fail"], o.counts["review"])
    )
    lines = [f"- **{literal(o.label)}**: {_standing(o, study)}" for o in found]
    day = study.numbers.date(study.sovereignty.as_of)
    return Prose("\n".join([f"As of {day}. {NOT_LEGAL_ADVICE}", "", *lines]))


def _standing(option: OptionAssessment, study: Study) -> str:
    counts = option.counts
    said = [f"{counts[v]} {WORDS[v]}" for v in ("review", "pass", "n.a.")]
    if not counts["fail"]:
        return f"no rule fails; {study.numbers.names(said)}."
    failing = [v.rule for v in option.verdicts.values() if v.verdict == "fail"]
    named = study.numbers.names([f"{r.title} ({r.rule_id})" for r in failing])
    return f"**{counts['fail']} fail**: {literal(named)}; {study.numbers.names(said)}."


def counts(study: Study) -> Table:
    """Rules by verdict for each option. Counts only: rules cannot be averaged."""
    a = study.sovereignty
    rows = [
        {
            "Option": f"{name}: {o.label}",
            "Overall": o.overall,
            "Fail": str(o.counts["fail"]),
            "Review": str(o.counts["review"]),
            "Pass": str(o.counts["pass"]),
            "Not applicable": str(o.counts["n.a."]),
            "Open questions": str(sum(o.option in q.options for q in a.questions)),
        }
        for name, o in a.options.items()
    ]
    clean = [o.label for o in a.options.values() if not o.counts["fail"]]
    title = f"{len(clean)} of {len(a.options)} options fail no rule"
    note = (
        "Overall: the worst verdict. A review is a rule that a person must decide, or one that "
        "waits for an answer: unknown never becomes pass. A hybrid’s questions stand with its "
        "parts."
    )
    return Table(pd.DataFrame(rows), title, badges=["Overall"], stub="Option", notes=[note])


# The matrix -------------------------------------------------------------------------------------


def matrix(study: Study) -> Table:
    """Rules that apply to some option, by law, with each option's verdict."""
    a = study.sovereignty
    rows = [
        {
            "Law": rule.regime,
            "Rule": f"{rule.title} ({rule.rule_id})",
            **{name: o.verdicts[rule.rule_id].verdict for name, o in a.options.items()},
        }
        for rule in a.rules
        if any(o.verdicts[rule.rule_id].verdict != "n.a." for o in a.options.values())
    ]
    apart = sum(len({row[name] for name in a.options} - {"n.a."}) > 1 for row in rows)
    return Table(
        pd.DataFrame(rows),
        f"{len(rows)} of {len(a.rules)} rules apply; on {apart} of them the options differ",
        badges=list(a.options),
        stub="Rule",
        group="Law",
        align=dict.fromkeys(a.options, "center"),
        notes=["An option takes the worst verdict of its flows for each rule. " + NOT_LEGAL_ADVICE],
    )


def reasons(study: Study, verdict: Verdict) -> Table | Prose:
    """Every verdict of one kind: why, in which flow, on what evidence, what would change it.

    One line for each rule; options that share flow and reason are named together.
    """
    a = study.sovereignty
    found = {
        rule.rule_id: {
            name: v
            for name, o in a.options.items()
            if (v := o.verdicts[rule.rule_id]).verdict == verdict
        }
        for rule in a.rules
    }
    rows = [_reason_row(options, study) for options in found.values() if options]
    if not rows:
        return Prose(f"No rule has the verdict *{verdict}*.")
    titles: dict[Verdict, str] = {
        "fail": f"{_rules(len(rows))} at least one option: a hard condition is missing",
        "review": f"{len(rows)} rules need a person’s decision or an answer",
        "pass": f"{len(rows)} rules pass for at least one option, on this evidence",
    }
    rules = [r for r in a.rules if found[r.rule_id]]
    return Table(pd.DataFrame(rows), titles[verdict], sources=_laws(rules), stub="Rule")


def _rules(count: int) -> str:
    return "1 rule fails for" if count == 1 else f"{count} rules fail for"


def _laws(rules: Iterable[Rule]) -> tuple[Source, ...]:
    """The laws behind `rules`, each once; the provision stands in the table."""
    where = "provisions named in the table"
    cited = {r.url: source_of(r).model_copy(update={"locator": where}) for r in rules if r.url}
    return tuple(cited.values())


def _reason_row(options: Mapping[str, RuleVerdict], study: Study) -> dict[str, str]:
    """The row of one rule for the options that have this verdict."""
    why: dict[str, list[str]] = {}
    for name, verdict in options.items():
        if verdict.decisive:
            said = f"{_flow_label(verdict.decisive.flow)}: {verdict.reason}"
            why.setdefault(said, []).append(name)
    first = next(iter(options.values()))
    rule = first.rule
    address = {"official": "", "secondary": " (secondary source)", "client": ""}[rule.address]
    return {
        "Rule": f"{rule.title} ({rule.rule_id}): {rule.provision}{address}",
        "Why": " ".join(f"{_who(names, study)}: {said}" for said, names in why.items()),
        "Evidence": _evidence(options.values()) or "none yet",
        "What would change it": _changes(first),
    }


def _who(names: Sequence[str], study: Study) -> str:
    """Options by their short names."""
    return "All" if len(names) == len(study.options) > 1 else ", ".join(names)


def _flow_label(flow: FlowFacts) -> str:
    return flow.label.split(": ")[-1]


def _evidence(verdicts: Iterable[RuleVerdict]) -> str:
    """Answers by source and date; where nobody has answered yet, what the scope rests on."""
    found = [e for v in verdicts for e in v.grounds]
    given = [e for e in found if e.level in ASKED and e.attribute != "external"]
    by_source: dict[str, dict[str, None]] = {}
    for e in given or found:
        title = shorten(e.source.source, 52, placeholder="…")
        source = f"{title}, {e.source.date}" + (", assumption" if e.assumed else "")
        by_source.setdefault(source, {})[f"{e.label}: {e.value}"] = None
    if not given:
        return "scope: " + "; ".join(by_source)
    return ". ".join(f"{'; '.join(answers)} ({source})" for source, answers in by_source.items())


def _changes(verdict: RuleVerdict) -> str:
    changes = verdict.changes
    said = []
    if changes.to_pass:
        ways = [" and ".join(f"{a}: {v}" for a, v in way) for way in changes.to_pass[:1]]
        said.append("Pass if " + ", or ".join(ways))
    if changes.to_fail:
        said.append("Fail if " + ", or ".join(f"{a}: {v}" for a, v in changes.to_fail[:2]))
    elif changes.to_review:
        said.append("Review if " + ", or ".join(f"{a}: {v}" for a, v in changes.to_review[:2]))
    if verdict.verdict != "pass" and verdict.rule.remedy:
        said.append(verdict.rule.remedy.rstrip("."))
    return ". ".join(said) + "." if said else "A change of the law or of the scenario."


def not_applicable(study: Study) -> Table:
    """Rules that apply to no option, with the reason."""
    a = study.sovereignty
    rows = []
    for rule in a.rules:
        found = [o.verdicts[rule.rule_id] for o in a.options.values()]
        if all(v.verdict == "n.a." for v in found):
            why = next((v.reason for v in found if v.decisive), found[0].reason)
            named = f"{rule.title} ({rule.rule_id}): {rule.provision}"
            rows.append({"Rule": named, "Why not": why})
    return Table(pd.DataFrame(rows), f"{len(rows)} rules apply to no option", stub="Rule")


# The flows --------------------------------------------------------------------------------------


def flow_diagram(study: Study) -> Chart:
    """Each option's flows: where, with whom, and the worst verdict of the rules that look there."""
    a = study.sovereignty
    plain = [o for o in a.options.values() if study.options[o.option].kind != "hybrid"]
    figure, axes = style.figure(height=1.3 * len(plain), rows=len(plain), squeeze=False)
    for ax, option in zip(axes[:, 0], plain, strict=True):
        _panel(ax, option, study)
    outside = [o for o in plain if any(_external(f) for f in o.flows)]
    hybrids = [o for o in a.options.values() if o not in plain]
    note = "Colour: worst verdict of the rules that look at the flow. Places are ISO codes; ? is "
    note += "not known."
    for hybrid in hybrids:
        parts = dict.fromkeys(a.options[f.carrier].label for f in hybrid.flows)
        note += f" {hybrid.label} has the flows of {study.numbers.names(list(parts))}."
    return Chart(
        figure,
        f"{len(outside)} of {len(plain)} options let data flow to an outside party",
        alt="Flow diagram. " + " ".join(_spoken(o) for o in plain),
        note=note,
    )


def _external(flow: FlowFacts) -> bool:
    return flow.values.get("external") is not False


def _place(flow: FlowFacts) -> str:
    return str(flow.values.get("place") or "?")


def flow_verdict(option: OptionAssessment, flow: FlowFacts) -> Verdict:
    """The worst verdict of the rules that look at one flow."""
    found = (f.verdict for v in option.verdicts.values() for f in v.findings if f.flow is flow)
    return worst(found)


def _spoken(option: OptionAssessment) -> str:
    said = [f"{f.label} in {_place(f)}: {flow_verdict(option, f)}" for f in option.flows]
    return f"{option.label}: {'; '.join(said)}."


def _panel(ax: Axes, option: OptionAssessment, study: Study) -> None:
    """The client at the left; its flows to the right, those of an outside party on grey."""
    ax.set(xlim=(0, 8.2), ylim=(0, 1))
    ax.axis("off")
    ax.set_title(option.label, loc="left", fontsize=9, fontweight="bold", pad=2)
    _box(ax, 0.0, f"You\n{study.client.country}", style.INK)
    flows = sorted(option.flows, key=_external)
    outside = [i for i, f in enumerate(flows) if _external(f)]
    if outside:
        left, width = 1.12 + outside[0], len(outside)
        ax.add_patch(Rectangle((left, 0.0), width, 1.0, color=style.SHADE, zorder=0))
        ax.text(left + 0.06, 0.96, _party(flows[outside[0]], study), fontsize=8, va="top")
    for i, flow in enumerate(flows):
        x = 1.18 + i
        label = fill(_flow_label(flow), 11)
        _box(ax, x, f"{label}\n{_place(flow)}", COLOURS[flow_verdict(option, flow)])
    end = 1.18 + len(flows) - 1 + 0.44
    ax.plot([0.44, 0.44, end], [0.62, 0.7, 0.7], color=style.LINE, linewidth=1, zorder=1)
    for i in range(len(flows)):
        ax.annotate(
            "",
            (1.62 + i, 0.6),
            (1.62 + i, 0.71),
            arrowprops={"arrowstyle": "-|>", "color": style.LINE, "linewidth": 1},
        )


def _box(ax: Axes, x: float, text: str, colour: str) -> None:
    shape = FancyBboxPatch(
        (x + 0.03, 0.04), 0.82, 0.54, boxstyle="round,pad=0.02", facecolor="white",
        edgecolor=colour, linewidth=1.6, mutation_aspect=0.3,
    )  # fmt: skip
    ax.add_patch(shape)
    ax.text(
        x + 0.44, 0.31, text, fontsize=8, ha="center", va="center", linespacing=0.95,
        in_layout=False,
    )  # fmt: skip


def _party(flow: FlowFacts, study: Study) -> str:
    """The operator of the flow with its seat and its parent's."""
    option = study.options[flow.carrier]
    seat = flow.values.get("operator_country") or "?"
    parent = flow.values.get("parent_country") or "?"
    return f"{option.vendor or 'Outside party'}, seat {seat}, parent {parent}"


def flow_table(study: Study) -> Table:
    """What is known of each flow; `?` is not known and stands among the open questions."""
    columns = {
        "Place": "place",
        "Outside": "external",
        "Clear text": "clear_text",
        "Keys": "key_control",
        "Retention (days)": "retention_days",
        "Training": "trains_on_data",
        "Transfer tool": "transfer_tool",
    }
    rows = []
    for option in study.sovereignty.options.values():
        for flow in (f for f in option.flows if f.carrier == option.option):
            known = {name: _known(flow, key) for name, key in columns.items()}
            rows.append({"Option": option.label, "Flow": _flow_label(flow), **known})
    unknown = sum(v == "?" for row in rows for v in row.values())
    return Table(
        pd.DataFrame(rows),
        f"{len(rows)} flows; {unknown} of their facts are not known yet",
        stub="Flow",
        group="Option",
        align=dict.fromkeys(columns, "center"),
    )


def _known(flow: FlowFacts, attribute: str) -> str:
    value = flow.values.get(attribute)
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


# Dates and stress -------------------------------------------------------------------------------


def timeline(study: Study) -> Chart | Prose:
    """Dates to come, with the number of verdicts that change on each."""
    a = study.sovereignty
    if not a.ahead:
        return Prose("No date that the rules name lies ahead.")
    figure, ax = style.figure(height=0.5 + 0.42 * len(a.ahead))
    numbers = study.numbers
    for i, ahead in enumerate(a.ahead):
        y, changes = -i, len(ahead.changes)
        colour = style.BAD if any(c.after == "fail" for c in ahead.changes) else style.CAUTION
        colour = colour if changes else style.LINE
        ax.plot([a.as_of, ahead.date], [y, y], color=style.GRID, linewidth=1)
        ax.plot(ahead.date, y, "o", color=colour, markersize=7)
        said = f" ({changes} verdicts change)" if changes else ""
        text = f"{numbers.date(ahead.date)}: {shorten(ahead.text, 84, placeholder=' …')}{said}"
        ax.text(a.as_of, y + 0.16, text, fontsize=8, va="bottom")
    ax.set_yticks([])
    ax.set_ylim(-len(a.ahead) + 0.6, 0.8)
    ax.xaxis_date()
    ax.spines[["left", "top", "right"]].set_visible(False)
    first = next((x for x in a.ahead if x.changes), a.ahead[0])
    return Chart(
        figure,
        _timeline_title(first, study),
        alt="Timeline. " + " ".join(_dated(x, study) for x in a.ahead),
        sources=tuple(dict.fromkeys(s for x in a.ahead for s in x.sources)),
        note="Changes on today’s answers, compared with the day before. Dates that are grey "
        "change no verdict of this client.",
    )


def _timeline_title(first: Ahead, study: Study) -> str:
    day = study.numbers.date(first.date)
    if not first.changes:
        return f"No verdict changes by itself; the next date is {day}"
    count = len(first.changes)
    return f"{count} verdict{'s' * (count > 1)} change by themselves on {day}"


def _dated(ahead: Ahead, study: Study) -> str:
    return f"{study.numbers.date(ahead.date)}: {ahead.text} {len(ahead.changes)} verdicts change."


def ahead_table(study: Study) -> Table | Prose:
    """Which verdicts change on which date, on today's answers."""
    a = study.sovereignty
    rows = [
        {"Date": study.numbers.date(x.date), **_change_row(study, found)}
        for x in a.ahead
        for found in _together(x.changes)
    ]
    if not rows:
        return Prose("On today’s answers no verdict changes on a date that is known.")
    return Table(pd.DataFrame(rows), "What changes on which date", badges=["From", "To"])


def stress(study: Study) -> Table | Prose:
    """Verdicts that flip if the law or a vendor moves."""
    a = study.sovereignty
    rows = [
        {"If": test.stress.label, **_change_row(study, found)}
        for test in a.stress
        for found in _together(test.flips)
    ]
    calm = [t.stress.label for t in a.stress if not t.flips]
    note = [f"No verdict flips: {'; '.join(calm)}."] if calm else []
    if not rows:
        return Prose(" ".join(note) or "No stress test is asked for.")
    hit = {c.option for t in a.stress for c in t.flips}
    title = f"{len(hit)} of {len(a.options)} options would change a verdict in a stress test"
    return Table(pd.DataFrame(rows), title, badges=["From", "To"], notes=note)


def _together(changes: Iterable[Change]) -> list[list[Change]]:
    """Changes that differ in the option only."""
    groups: dict[tuple[str, Verdict, Verdict], list[Change]] = {}
    for c in changes:
        groups.setdefault((c.rule_id, c.before, c.after), []).append(c)
    return list(groups.values())


def _change_row(study: Study, changes: Sequence[Change]) -> dict[str, str]:
    first, a = changes[0], study.sovereignty
    rule = next(r for r in a.rules if r.rule_id == first.rule_id)
    return {
        "Rule": f"{rule.title} ({rule.rule_id})",
        "Options": _who([c.option for c in changes], study),
        "From": first.before,
        "To": first.after,
        "Why": first.reason,
    }


# Questions and assumptions ----------------------------------------------------------------------


def questions(study: Study, addressee: str) -> Table | Prose:
    """Open questions to the `vendor` or the `own team`, the most awaited first, as a checklist."""
    a = study.sovereignty
    found = [q for q in a.questions if q.addressee == addressee]
    if not found:
        return Prose(f"No open question to the {addressee}.")
    rows = [
        {
            "☐": "☐",
            "Question": q.question,
            "Options": _who(q.options, study),
            "Decides": ", ".join(q.rules) + _in_flows(q, study),
        }
        for q in found
    ]
    whom = "the vendors" if addressee == "vendor" else "your own team"
    return Table(pd.DataFrame(rows), f"{len(found)} questions to {whom}")


def _in_flows(question: Question, study: Study) -> str:
    """The flows that a question is about, where it is asked flow by flow."""
    if question.level != "flow":
        return ""
    return f" (flows: {', '.join(f.replace('_', ' ') for f in question.flows)})"


def assumptions(study: Study) -> Table | Prose:
    """What the kit took for granted; each can be answered in the scenario."""
    a = study.sovereignty
    if not a.assumptions:
        return Prose("No verdict rests on an assumption of the kit.")
    rows = [
        {"Taken for granted": e.label, "As": e.value, "Why": e.source.locator, "Key": e.attribute}
        for e in a.assumptions
    ]
    note = "Answer the key under rules.attributes of the scenario to replace an assumption."
    return Table(pd.DataFrame(rows), f"{len(rows)} assumptions to confirm", notes=[note])


# Openness and licences --------------------------------------------------------------------------


def models(study: Study) -> Table:
    """Openness and licence of every candidate model."""
    a = study.sovereignty
    rows = [
        {
            "Model": m.model,
            "Maker": f"{m.maker} ({m.country})" if m.maker != UNKNOWN else UNKNOWN,
            "Weights": m.weights,
            "Training data": m.training_data,
            "Training code": m.training_code,
            "Class (MOF)": m.mof_class,
        }
        for m in a.models
    ]
    opened = sum(m.weights == "published" for m in a.models)
    return Table(
        pd.DataFrame(rows),
        f"Weights of {opened} of {len(a.models)} candidate models are published",
        sources=_sources(m.source for m in a.models),
        stub="Model",
        notes=["MOF: Model Openness Framework, classes I (most complete) to III."],
    )


def licences(study: Study) -> Table:
    """What each candidate's licence permits."""
    found = [m for m in study.sovereignty.models if m.weights == "published"]
    rows = [
        {
            "Model": m.model,
            "Licence": m.licence,
            "Field of use": m.field_of_use,
            "User cap": m.user_cap,
            "Excluded": m.excluded.upper() if m.excluded not in ("none", UNKNOWN) else m.excluded,
            "After fine-tuning": m.after_tuning,
        }
        for m in found
    ]
    free = sum(m.licence_class == "permissive" for m in found)
    title = f"{free} of {len(found)} open candidates have a permissive licence"
    return Table(pd.DataFrame(rows), title, sources=_sources(m.source for m in found), stub="Model")


def transparency(study: Study) -> Table | Prose:
    """Scores of the vendors and makers in the Foundation Model Transparency Index."""
    found = study.sovereignty.vendors
    if not found:
        return Prose("No vendor of this scenario is scored in the transparency index.")
    editions = sorted({e for v in found for e in v.scores})
    rows = [
        {
            "Vendor": v.vendor,
            **{e: f"{v.scores[e]:g}" if e in v.scores else "–" for e in editions},
        }
        for v in found
    ]
    best = max(found, key=lambda v: v.scores.get(editions[-1], -1.0))
    score = best.scores.get(editions[-1])
    title = f"{best.vendor} scores highest in the {editions[-1]} edition, {score:g} of 100"
    note = "Foundation Model Transparency Index, points of 100; editions differ in their questions."
    return Table(
        pd.DataFrame(rows),
        title,
        sources=_sources(v.source for v in found),
        stub="Vendor",
        notes=[note],
    )


def _sources(found: Iterable[Source]) -> tuple[Source, ...]:
    return tuple({(s.source, s.url, s.locator): s for s in found}.values())


# What would change the conclusion ---------------------------------------------------------------


def conclusion(study: Study) -> Prose:
    """What would change the verdicts: answers, dates and events, in that order."""
    a = study.sovereignty
    lines = [_awaited(who, study) for who in ("vendor", "own team")]
    lines += [
        f"- **{literal(t.stress.label)}**: {_verdicts(len(t.flips))} would flip."
        for t in a.stress
        if t.flips
    ]
    lines += [
        f"- **{study.numbers.date(x.date)}**: {_verdicts(len(x.changes))} will change then."
        for x in a.ahead
        if x.changes
    ]
    lines.append(f"- {NOT_LEGAL_ADVICE}")
    return Prose("\n".join(filter(None, lines)))


def _verdicts(count: int) -> str:
    return f"{count} verdict{'' if count == 1 else 's'}"


def _awaited(addressee: str, study: Study) -> str:
    """The one question of an addressee that most rules wait for."""
    found = [q for q in study.sovereignty.questions if q.addressee == addressee]
    if not found:
        return ""
    first = found[0]
    rules = f"{len(first.rules)} rule{'s' * (len(first.rules) > 1)}"
    return f"- **Question to the {addressee}** that {rules} wait for: {literal(first.question)}"


def key_figures(study: Study) -> str:
    """Counts of every option in plain text."""
    lines = []
    for name, o in study.sovereignty.options.items():
        said = ", ".join(f"{count} {verdict}" for verdict, count in o.counts.items())
        lines.append(f"{name}: {o.overall} ({said})")
    return "\n".join(lines)
