"""Frames of a study on flows of data, rules and licences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from siting.catalogue import source_of
from siting.inputs.attributes import Attribute
from siting.rules.findings import Finding, worst
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
        "option rule_id",
        "title provision verdict is_lacking remedy",
    )
    def rule_verdicts(self) -> Rows:
        """What one rule says of one option: the worst of the flows that it looks at."""
        for name, option in self.results.sovereignty.options.items():
            for found in option.verdicts.values():
                yield {
                    "option": name,
                    "rule_id": found.rule.rule_id,
                    "title": found.rule.title,
                    "provision": found.provision,
                    "verdict": found.verdict,
                    "is_lacking": found.is_lacking,
                    "remedy": option.remedy(found),
                }
        where = {"locator": "provisions named in the table"}
        laws = (source_of(r) for r in self.results.sovereignty.law.rules.values() if r.url)
        yield from (law.model_copy(update=where) for law in laws)

    @frame(
        "option point",
        "letter in_short weight can_strike of_law on_others judged rules provisions laws flows "
        "reason to clears cure questions meanwhile owner",
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
