"""Countries and the groups that law puts them in (`siting_facts/country_groups.csv`)."""

from __future__ import annotations

import datetime as dt

from siting import catalogue
from siting.catalogue import CountryOrUnion, Fact


class Dated(Fact):
    """What holds from a day to a day; a day that is not given is no limit."""

    valid_from: dt.date | None = None
    valid_to: dt.date | None = None

    def holds(self, day: dt.date) -> bool:
        """Whether it does on a day, first and last one included."""
        return (self.valid_from or day) <= day <= (self.valid_to or day)


class CountryGroup(Dated, tables="country_groups", key="group country valid_from"):
    """A country as a member of a group (`eea`, `adequate` …), with the days it is one."""

    group: str
    country: CountryOrUnion


@catalogue.of_facts
def members(group: str, day: dt.date) -> frozenset[str]:
    """Countries of a group on a day."""
    rows = catalogue.table("country_groups", CountryGroup)
    return frozenset(r.country for r in rows if r.group == group and r.holds(day))
