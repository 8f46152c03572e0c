"""Frames of a study on flows of data, rules and licences."""

from __future__ import annotations

from siting.rules.findings import Finding
from siting.study.frames import Rows, Topic, frame, picked

STATED = {
    "location": "place",
    "clear_text": "clear_text",
    "keys": "key_control",
    "retention_days": "retention_days",
    "training": "trains_on_data",
    "transfer_tool": "transfer_tool",
}
"""What the map and the table of flows show of each, by column, and somebody must state."""


class DataFrames(Topic):
    """Frames on flows of data, rules and licences."""

    @frame(
        "option flow carrier",
        "zone party location? parent_country? parent_zone? clear_text? keys? retention_days? "
        "training? transfer_tool?",
    )
    def data_flows(self) -> Rows:
        """One flow of data of one option: where it goes, who can reach it, what is open."""
        for name, option in self.results.sovereignty.options.items():
            for flow in option.flows:
                values = flow.values
                outside = flow.may_be_outside
                parent = values.get("parent_country")
                yield {
                    "option": name,
                    "flow": flow.label.split(": ")[-1],
                    "carrier": flow.carrier,
                    "zone": self._zone(values.get("place")) if outside else "client",
                    "party": self.options[flow.carrier].vendor if outside else "",
                    "parent_country": parent,
                    "parent_zone": self._zone(parent) if parent else None,
                    **{column: values.get(fact) for column, fact in STATED.items()},
                }
                yield from (
                    source
                    for fact, known in flow.known.items()
                    if fact in STATED.values()
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
                    **picked(found.rule, "rule_id title"),
                    **picked(found, "provision verdict is_lacking"),
                    "remedy": option.remedy(found),
                }
        where = {"locator": "provisions named in the table"}
        laws = (r.provenance for r in self.results.sovereignty.law.rules.values() if r.url)
        yield from (law.model_copy(update=where) for law in laws)

    def _asked_before(self, found: Finding | None) -> str:
        """What is not known before it is clear that a law concerns the client, in words."""
        if found is None or not found.may_not_apply:
            return ""
        known = self.results.sovereignty.law.attributes
        return "; ".join(known[name].label for name in found.missing)

    @frame("topic", "status waits_for gap owner")
    def law(self) -> Rows:
        """One topic of law that is not wholly on file: it may concern the client, and counsel must
        review it, or no rule looks at it, whoever the client is."""
        for topic in self.results.sovereignty.for_counsel:
            status = "on file with a gap" if topic.law.on_file else topic.law.status
            yield {
                "topic": topic.found.rule.title,
                "status": status.replace("partly", "only in part on file"),
                "waits_for": self._asked_before(topic.found),
                "gap": topic.law.gap,
                "owner": topic.found.rule.owner,
            }
            yield topic.law.provenance
        for name, rows in self.results.sovereignty.not_looked_at.items():
            acts = "; ".join(f"{r.country}: {r.acts}" for r in rows)
            yield {"topic": name, "status": "no rule", "waits_for": "", "gap": acts, "owner": ""}
            yield from (each.provenance for each in rows)
