"""Frames of a study on flows of data, rules and licences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from siting.catalogue import source_of
from siting.inputs.attributes import Attribute, Known
from siting.rules.findings import ASKED_LEVELS, IN_SERVICE, Finding, worst
from siting.rules.sovereignty import (
    OptionAssessment,
)  # fmt: skip
from siting.study import short
from siting.study.frames import Rows, Topic, frame
from siting.verdict.plan import mending

STATED = ("place", "clear_text", "key_control", "retention_days", "trains_on_data", "transfer_tool")
"""What the map and the table of flows show of each, and somebody must state."""


class DataFrames(Topic):
    """Frames on flows of data, rules and licences."""

    @frame
    def data_flows(self) -> Rows:
        """One flow of data of one option: where it goes, who can reach it, what is open.

        option: label of the option
        flow: kind of flow, with its workload where these differ
        carrier: what carries it: a part of a hybrid, else the option itself [option]
        zone: client, country, eea, third or unknown: the last border that the flow crosses
        party: vendor that carries it; empty where it stays with the client
        place?: country of the flow, or EU
        operator_country?: seat of the contracting operator
        parent_country?: seat of the operator's ultimate parent
        parent_zone?: zone of that seat
        clear_text?: whether the operator's machines handle clear text
        keys?: who holds the encryption keys: customer, provider, none
        retention_days?: how long the operator keeps the data [days]
        training?: whether the provider trains on the data
        transfer_tool?: legal tool of a transfer to a third country
        verdict: worst verdict of the rules that look at the flow
        """
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
                    "place": values.get("place"),
                    "operator_country": values.get("operator_country"),
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

    @frame
    def rule_counts(self) -> Rows:
        """One option with its rules by verdict: counted, never averaged.

        option: label of the option
        overall: worst verdict
        fail: rules that fail [1]
        review: rules that need a person's decision or an answer [1]
        lacking: of these, those of which what law asks is known to be lacking, so that no judgement
            and no answer is left of it [1]
        open_points: what a person must judge, and answers that are awaited; rules that wait for
            one answer are one [1]
        passes: rules that pass [1]
        passes_of_law: of these, those of law that binds the client [1]
        passes_granted: of these, those that are open or fail if what is taken for granted is
            otherwise [1]
        not_applicable: rules that do not apply [1]
        questions: open questions of the option; those of a mix are its parts' [1]
        """
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

    @frame
    def rule_verdicts(self) -> Rows:
        """What one rule says of one option: the worst of the flows that it looks at.

        option: label of the option
        rule: identifier of the rule
        regime: law or policy
        title: what the rule asks for
        provision: article or decision, as a lawyer cites it
        official: whether its address is the law's or the authority's own page
        verdict: pass, review, fail or n.a.
        flow: flow that decides
        flows: all flows on which the rule gives this verdict
        reason: why
        evidence: answers that the verdict rests on, with source and date
        cleared_if: fewest answers that would make it pass, or keep it from applying
        remedy: what would mend it, without what is in place
        weak: answers that decide a pass, of which the source has no date; blank for all others
        missing: unknown answers that it waits for [1]
        url: address of the law
        """
        for name, o in self.results.sovereignty.options.items():
            yield from ({"option": name, **_verdict(o, v)} for v in o.verdicts.values())
        where = {"locator": "provisions named in the table"}
        laws = (source_of(r) for r in self.results.sovereignty.law.rules.values() if r.url)
        yield from (law.model_copy(update=where) for law in laws)

    @frame
    def rule_points(self) -> Rows:
        """One thing that is open for one option: what weighs most first, then marking duties, and
        last what law asks of others.

        option: label of the option
        letter: A, B, …: how map, table and plan name it within the option
        point: title of the rule, or of the gravest that wait for one answer, and how many more
        short: what is asked or judged, in a few words
        weight: option (what is wrong would lie with it), duty or marking
        can_strike: whether the option may fall by it: what is not known may make a rule fail, or a
            person must judge what the law can forbid of the option
        of_law: whether some law that binds the client asks for it; else law that binds others, good
            practice, a policy or a caution of ours
        on_others: whether it is law that binds who sells or made what is used
        judged: whether a person must judge; if not, an answer is awaited
        rules: titles of the rules that are open for it: law of secrecy first, then data protection,
            other law, and last what no law asks
        provisions: their articles, with the acts' names, in the same order
        laws: the first article of each, in the same order; a caution of ours where the article is
            one of the GDPR, which does not bind the flow
        flows: flows that they bind
        reason: why the first of them is open
        to: what its owner does: asks (with the vendor), answers, does, or judges or mends
        clears: the question, or what would mend it
        cure: the first sentence of that, without another way out
        questions: all that is asked for it, that one included [1]
        meanwhile: what the client keeps to from today until it is settled; blank where nothing but
            what settles it is asked
        owner: who settles it: of a point that a step of the plan mends, who does the step
        """
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
                    "short": p.short,
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
                }

    def _asked_before(self, found: Finding | None) -> str:
        """What is not known before it is clear that a law concerns the client, in words."""
        if found is None or not found.may_not_apply:
            return ""
        known = self.results.sovereignty.law.attributes
        return _labels(known[name] for name in found.missing)

    @frame
    def for_counsel(self) -> Rows:
        """One topic of law that counsel must review: it concerns the client, or may, and its law is
        not on file, or is known to have a gap. It clears nothing.

        topic: what it is about
        status: not on file, only in part on file, or on file with a gap
        is_on_file: whether it is on file but for its gap
        waits_for: what is not known before it is clear that this law applies; blank where it does
        said: what that means
        gap: what is known to be missing
        owner: who asks counsel
        """
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

    @frame
    def law_not_looked_at(self) -> Rows:
        """One topic of law at which no rule looks, whoever the client is: whether it binds, counsel
        says before the choice is signed.

        topic: what it is about
        acts: acts of the client's countries, as they are cited; blank where none is named. Their
            text was not opened
        """
        for topic, rows in self.results.sovereignty.not_looked_at.items():
            yield {"topic": topic, "acts": "; ".join(f"{r.country}: {r.acts}" for r in rows)}
            yield from map(source_of, rows)

    @frame
    def rule_assumptions(self) -> Rows:
        """One answer that is taken for granted until the client says otherwise.

        assumption: what is taken for granted
        value: as what
        reason: why
        """
        for k in self.results.sovereignty.assumptions:
            yield {"assumption": k.attribute.label, "value": k.text, "reason": k.source.locator}
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
        "rule": rule.rule_id,
        "regime": rule.regime,
        "title": rule.title,
        "provision": found.provision,
        "official": rule.address == "official",
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
