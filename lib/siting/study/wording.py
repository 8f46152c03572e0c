"""How a study's numbers are written: what notebooks put into sentences, tables and charts."""

from __future__ import annotations

import datetime as dt
import math
import textwrap
from collections.abc import Iterable
from functools import cached_property

from siting_report.formats import NONE
from siting_report.phrases import Phrases
from siting_report.texts import ENGLISH

from siting.inputs.attributes import Known
from siting.inputs.scenario.model import LABEL_LETTERS, in_words
from siting.quantity import Range
from siting.rules import rulebook
from siting.study import own_files
from siting.study.frames import of_client
from siting.study.own_files import OwnFile
from siting.study.results import Results

ALL_FROM = 0.99
"""A share from which a part is called all."""
_WITH_THE = ("AE", "GB", "NL", "PH", "US")


class Wording:
    """Formats by the client's country. Missing is a dash, infinite is "never"."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.numbers = results.numbers
        self.scenario = results.scenario
        self.client = results.client
        self.options = results.options

    @cached_property
    def phrases(self) -> Phrases:
        """Writes sentences in the report's language: `p = s.phrases`, `p("{option} …", row)`."""
        return Phrases(self.numbers)

    @property
    def chosen(self) -> str | None:
        """Label of the recommended option; None where every option is ruled out."""
        name = self.results.decision.recommended
        return self.results.labels[name] if name else None

    @property
    def today(self) -> str | None:
        """Label of the option that runs today; None where none of them does."""
        return self.results.labels.get(self.scenario.finance.baseline)

    def has_chapter(self, name: str) -> bool:
        """Whether the client's report has a chapter, so that a sentence may refer to it.

        name: of its file, as `95_methods`. Raises ValueError for one that no chapter has.
        """
        stem = name.removesuffix(".ipynb")
        own_files.refuse_unknown_chapter(stem, self.client.id)
        left_out = [n.removesuffix(".ipynb") for n in self.scenario.report.leave_out]
        return stem not in left_out

    def see(self, name: str) -> str:
        """A reference to a chapter, to stand at the end of a sentence: ` (part 5)` in a report,
        where the number is that of the chapter's heading; blank where the report leaves it out.

        name: of its file, as `95_methods`. Raises ValueError for one that no chapter has.
        """
        stem = name.removesuffix(".ipynb")
        return f" ([see {stem}](#{stem}))" if self.has_chapter(stem) else ""

    @property
    def roles(self) -> dict[str, str]:
        """What each option is to the reader, by label: `chosen`, `today` or `other`, so ordered."""
        return self.results.roles

    @property
    def not_priced(self) -> str:
        """Why options have no price, in one sentence; blank where all have one."""
        reasons = self.results.cost.plan.not_estimated.items()
        return "; ".join(f"{self.results.labels[name]}: {why}" for name, why in reasons)

    @property
    def currency(self) -> str:
        """Three letters of the client's currency: `EUR`."""
        return self.client.currency

    @property
    def sign(self) -> str:
        """The client's currency as a sum begins with it: `€`."""
        return self.numbers.sign(self.currency)

    @cached_property
    def home(self) -> str:
        """The client's country in a sentence: `Germany`, `the Netherlands`; in German its name."""
        code = self.client.country
        name = str(self.numbers.words.territories[code])
        has_article = self.client.language == ENGLISH and code in _WITH_THE
        return f"the {name}" if has_article else name

    def seller(self, vendor: str) -> str:
        """The name that a vendor sells by: of `company/service` the service."""
        return vendor.rpartition("/")[2]

    @property
    def is_in_eea(self) -> bool:
        """Whether the client's country is in the European Economic Area."""
        return self.client.country in self.results.sovereignty.law.sets["eea"]

    @property
    def has_law_on_file(self) -> bool:
        """Whether its own country's law is on file on any topic; else no verdict clears it."""
        return rulebook.knows(self.client.country)

    @property
    def assumptions(self) -> Iterable[Known]:
        """Answers on which a verdict rests and that nobody gave: to be confirmed."""
        return self.results.sovereignty.assumptions

    @cached_property
    def years(self) -> str:
        """The horizon in words: `five years`."""
        months = self.scenario.finance.horizon_months
        if months % 12:
            return self.phrases("{n:spelt} months", n=months, one="one month")
        return self.phrases("{n:spelt} years", n=months // 12, one="one year")

    def money(self, amount: float, decimals: int | None = None) -> str:
        """`€ 0.83 million`; below 200,000 in full; `decimals` writes it out."""
        return self.numbers.money(amount, decimals)

    def span(self, low: float, high: float, unit: str = "") -> str:
        """Low to high: money unless a unit is given (`share` for percentages)."""
        if math.isnan(low) or math.isnan(high):
            return NONE
        if not unit:
            return self.numbers.money_span(low, high)
        return self.numbers.span(Range(low, low, high, unit=unit))

    def part(self, amount: float, whole: float) -> str:
        """A part of a sum of money, `all` where next to nothing is left: `€ 12,000`."""
        return "all" if amount > ALL_FROM * whole else self.money(amount)

    def percent(self, share: float, decimals: int = 0) -> str:
        """A share of 1: 0.23 is 23%. With decimals, what is below all is not called 100%."""
        return self.numbers.percent(share, decimals)

    def of_100(self, share: float) -> str:
        """A share of cases as a count: `66 of 100`."""
        return NONE if math.isnan(share) else self.phrases("{share:of_100}", share=share)

    def number(self, value: float, decimals: int | None = None) -> str:
        """By default three significant digits."""
        return self.numbers.number(value, decimals)

    def value(self, value: float, unit: str = "", decimals: int | None = None) -> str:
        """A value as its unit wants it, the unit with it."""
        return self.numbers.quantity(value, unit, decimals)

    def count(self, number: float, thing: str) -> str:
        """`one server`, `12 servers`; up to twelve in words."""
        things = thing if number == 1 or thing.endswith("s") else f"{thing}s"
        return f"{self.phrases.count(number)} {things}"

    def date(self, day: object) -> str:
        """`24 November 2026`, as the country orders it; also of a source's partial date."""
        return self.numbers.date(day)  # type: ignore[arg-type]

    def file(self, name: str, *, source: str, date: str = "undated", url: str = "") -> OwnFile:
        """The path of a file in `notebooks/<client>/`, for `pd.read_csv` and the like.

        As `data=` of what shows its numbers it brings its source, and it travels with the report.
        source: title and publisher, as a reader would look for it. date: YYYY-MM-DD, YYYY-MM, YYYY.
        Raises ValueError where the file is not there, or a field is not what a source needs.
        """
        path = own_files.found(name, self.client.id)
        sources = (own_files.source_of(name, source, date, url),)
        path.attrs = {**of_client(self.results), "sources": sources}
        return path

    def month(self, day: str | dt.date) -> str:
        """The month of a day, as the country writes it: `April 2027`."""
        return self.numbers.month(dt.date.fromisoformat(str(day)[:10]))

    def short_month(self, day: dt.date) -> str:
        """The month of a day, as the ticks of an axis have room for it: `Apr 2027`."""
        return self.numbers.short_month(day)

    def short_label(self, option: str) -> str:
        """A label as a picture has room for it: cut after a word, with an ellipsis, where it is
        longer than LABEL_LETTERS."""
        return textwrap.shorten(option, LABEL_LETTERS, placeholder=" …")

    def in_words(self, workload: str) -> str:
        """What the scenario calls a workload, as a person reads it."""
        return in_words(workload)

    def names_of(self, items: object) -> str:
        """A list in words: `a, b and c`."""
        return self.numbers.names(list(items))  # type: ignore[call-overload]

    @cached_property
    def colours(self) -> dict[str, str]:
        """Each option's colour by label, the same in every chart: pandas takes it as it is."""
        from siting_report import style

        return style.colours(self.results.roles)
