"""Frames of a study on flows of data, rules and licences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from siting.catalogue import source_of
from siting.inputs.attributes import Attribute, Known
from siting.rules.findings import ASKED_LEVELS, IN_SERVICE, Finding, worst
from siting.rules.sovereignty import (
    OpenPoint,
    OptionAssessment,
)  # fmt: skip
from siting.study import short
from siting.study.frames import Rows, Topic, frame
from siting.verdict.plan import mending

STATED = ("place", "clear_text", "key_control", "retention_days", "trains_on_data", "transfer_tool")
"""What the map and the table of flows show of each, and somebody must state."""


class DataFrames(Topic):
    """Frames on flows of data, rules and licences."""

    @frame(
        "option flow carrier",
        "zone party location? parent_country? parent_zone? clear_text? keys? retention_days? "
        "training? transfer_tool? verdict",
    )
    def data_flows(self) -> Rows:
        """One flow of data of one option: where it goes, who can reach it, what is open."""
        for name, option in self.results.sovereignty.options.items():
            for flow in option.flows:
                values = flow.values
                outside = flow.may_be_outside
                parent = values.get("parent_country")
                every = itertools.chain.from_iterable(option.findings.values())
                yield {
                    "option": name,
                    "flow": flow.label.split(": ")[-1],
                    "carrier": flow.carrier,
                    "zone": self._zone(values.get("place")) if outside else "client",
                    "party": self.options[flow.carrier].vendor if outside else "",
                    "location": values.get("place"),
                    "parent_country": parent,
                    "parent_zone": self._zone(parent) if parent else None,
                    "clear_text": values.get("clear_text"),
                    "keys": values.get("key_control"),
                    "retention_days": values.get("retention_days"),
                    "training": values.get("trains_on_data"),
                    "transfer_tool": values.get("transfer_tool"),
                    "verdict": worst(f.verdict for f in every if f.flow is flow),
                }
                yield from (
                    source
                    for fact, known in flow.known.items()
                    if fact in STATED
                    for source in known.sources
                )

    def _zone(self, place: object) -> str:
        if place is None:
            return "unknown"
        if place == self.client.country:
            return "country"
        members = self.results.sovereignty.law.sets["eea"]
        return "eea" if place in members | {"EU", "EEA"} else "third"

    @frame(
        "option",
        "overall fail review lacking open_points passes passes_of_law passes_granted "
        "not_applicable questions",
    )
    def rule_counts(self) -> Rows:
        """One option with its rules by verdict: counted, never averaged."""
        for name, o in self.results.sovereignty.options.items():
            yield {
                "option": name,
                "overall": worst(v.verdict for v in o.verdicts.values()),
                "fail": o.counts["fail"],
                "review": o.counts["review"],
                "lacking": sum(f.is_lacking for f in o.verdicts.values()),
                "open_points": len(o.open_points),
                "passes": o.counts["pass"],
                "passes_of_law": sum(f.is_of_law for f in o.passing),
                "passes_granted": sum(f.rests_on_assumption for f in o.passing),
                "not_applicable": o.counts["n.a."],
                "questions": sum(name in q.options for q in self.results.sovereignty.questions),
            }

    @frame(
        "option rule_id",
        "title provision verdict flow flows reason evidence cleared_if remedy weak missing url",
    )
    def rule_verdicts(self) -> Rows:
        """What one rule says of one option: the worst of the flows that it looks at."""
        for name, o in self.results.sovereignty.options.items():
            yield from ({"option": name, **_verdict(o, v)} for v in o.verdicts.values())
        where = {"locator": "provisions named in the table"}
        laws = (source_of(r) for r in self.results.sovereignty.law.rules.values() if r.url)
        yield from (law.model_copy(update=where) for law in laws)

    @frame(
        "option point",
        "letter in_short weight can_strike of_law on_others judged rules provisions laws flows "
        "reason to clears cure questions meanwhile owner usual_from? usual_until?",
    )
    def rule_points(self) -> Rows:
        """One thing that is open for one option, what weighs most first."""
        chosen = self.results.decision.recommended
        steps = self.results.plan if chosen else ()
        for name, option in self.results.sovereignty.options.items():
            for place, p in enumerate(option.open_points):
                flows = [x for f in p.findings for x in option.binds(f.rule.rule_id)]
                found = p.by_gravity
                step = mending(p, steps) if name == chosen else None
                yield {
                    "option": name,
                    "letter": short.letter(place),
                    "point": p.label,
                    "in_short": p.short,
                    "weight": p.lead.rule.weight,
                    "can_strike": p.strikes,
                    "of_law": p.is_of_law,
                    "on_others": p.is_on_others,
                    "judged": p.awaited is None,
                    "rules": "; ".join(f.rule.title for f in found),
                    "provisions": "; ".join(f.provision for f in found),
                    "laws": "; ".join(f.cited for f in found),
                    "flows": "; ".join(dict.fromkeys(flows)),
                    "reason": p.lead.reason,
                    "to": short.settling(p, self.options),
                    "clears": p.clears,
                    "cure": short.cure(p.clears),
                    "questions": len(p.missing),
                    "meanwhile": p.meanwhile,
                    "owner": step.owner if step else p.owner,
                    **self._later_than_go(p),
                }
        every = (p for o in self.results.sovereignty.options.values() for p in o.open_points)
        yield from dict.fromkeys(source_of(p.usual) for p in every if p.usual)

    def _later_than_go(self, point: OpenPoint) -> dict[str, str]:
        """From when to when a point is usually settled, where that is after go or no-go."""
        usual = point.usual
        if usual is None or usual.days <= self.results.go.day:
            return {}
        return {
            "usual_from": self.results.day(usual.low),
            "usual_until": self.results.day(usual.high),
        }

    def _asked_before(self, found: Finding | None) -> str:
        """What is not known before it is clear that a law concerns the client, in words."""
        if found is None or not found.may_not_apply:
            return ""
        known = self.results.sovereignty.law.attributes
        return _labels(known[name] for name in found.missing)

    @frame(
        "topic",
        "status is_on_file waits_for said gap owner",
    )
    def for_counsel(self) -> Rows:
        """One topic of law that counsel must review: it may concern the client, and is not
        wholly on file."""
        for topic in self.results.sovereignty.for_counsel:
            on_file = topic.law.on_file
            status = "on file with a gap" if on_file else topic.law.status
            gap = "No verdict here speaks of what is missing. Review by counsel."
            yield {
                "topic": topic.found.rule.title,
                "status": status.replace("partly", "only in part on file"),
                "is_on_file": on_file,
                "waits_for": self._asked_before(topic.found),
                "said": gap if on_file else topic.found.reason,
                "gap": topic.law.gap,
                "owner": topic.found.rule.owner,
            }
            yield source_of(topic.law)

    @frame(
        "topic",
        "acts",
    )
    def law_not_looked_at(self) -> Rows:
        """One topic of law at which no rule looks, whoever the client is."""
        for topic, rows in self.results.sovereignty.not_looked_at.items():
            yield {"topic": topic, "acts": "; ".join(f"{r.country}: {r.acts}" for r in rows)}
            yield from map(source_of, rows)

    @frame(
        "assumption",
        "taken_as reason",
    )
    def rule_assumptions(self) -> Rows:
        """One answer that is taken for granted until the client says otherwise."""
        for k in self.results.sovereignty.assumptions:
            yield {"assumption": k.attribute.label, "taken_as": k.text, "reason": k.source.locator}
            yield k.source


def _labels(attributes: Iterable[Attribute]) -> str:
    """What is asked, one after the other."""
    return "; ".join(attribute.label for attribute in attributes)


def _verdict(option: OptionAssessment, found: Finding) -> dict[str, Any]:
    """What stands in `rule_verdicts` beside the option."""
    rule = found.rule
    easiest = found.cleared_by[0] if found.cleared_by else ()
    # That a service runs follows from the move: nobody can answer it beforehand.
    runs = found.law.attributes[IN_SERVICE].label
    missing = {name for f in option.findings[rule.rule_id] for name in f.missing}
    return {
        "rule_id": rule.rule_id,
        "title": rule.title,
        "provision": found.provision,
        "verdict": found.verdict,
        "flow": found.flow.label.split(": ")[-1],
        "flows": "; ".join(option.binds(rule.rule_id)),
        "reason": found.reason,
        "evidence": _evidence(found),
        "cleared_if": " and ".join(
            f"{answer}: {value}" for answer, value in easiest if answer != runs
        ),
        "remedy": option.remedy(found),
        "weak": _weak(found),
        "missing": len(missing),
        "url": rule.url,
    }


def _evidence(found: Finding) -> str:
    """Answers by who gives them; where nobody has answered yet, what the scope rests on."""
    asked = [k for k in found.grounds if k.attribute.level in ASKED_LEVELS]
    given = [k for k in asked if k.attribute.name != "external"]
    by_source: dict[str, dict[str, None]] = {}
    for k in given or found.grounds:
        by_source.setdefault(_stated_by(k), {})[f"{k.attribute.label}: {k.text}"] = None
    if not given:
        return f"scope: {'; '.join(by_source)}" if by_source else ""
    said = (f"{'; '.join(answers)} ({source})" for source, answers in by_source.items())
    return ". ".join(text[:1].upper() + text[1:] for text in said)


def _weak(found: Finding) -> str:
    """Answers that decide a pass and whose source has no date, each with its source."""
    return "; ".join(f"{k.attribute.label} ({k.source.source})" for k in found.undated)


def _stated_by(evidence: Known) -> str:
    """Who says so, and when."""
    who = _who(evidence)
    return f"{who}, {evidence.source.date}" if _is_dated(evidence) else who


def _is_dated(evidence: Known) -> bool:
    """Whether somebody said so on a day: it is no default and no definition."""
    source = evidence.source
    return not evidence.assumed and (source.kind == "client" or bool(source.url))


def _who(evidence: Known) -> str:
    """Who says so."""
    if evidence.assumed:
        return "assumed"
    if evidence.source.kind == "client":
        return "your answer"
    if evidence.source.url:
        return evidence.source.source
    return "by default" if evidence.attribute.level == "scenario" else "by definition"
