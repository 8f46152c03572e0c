"""Catalogues of a report's texts: one `.po` file a language, in which the English text is the key.

Babel reads them, as it reads those of gettext. A text without a translation stays English and is
noted (`noted`), so that a run can count what is lacking.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from babel.messages.pofile import PoFileError, read_po

FOLDER = Path(__file__).with_name("text")
ENGLISH = "en"
FACT = "fact"
"""Context of the texts that the library makes from its tables: they are known by their form."""


_WORD = re.compile(r"\b[A-Za-z]?[a-z]{3}")
"""What a text holds that is more than a number or the name of a model."""
_PLACE = re.compile(r"\{(\w+)[^}]*\}")
"""A field in a sentence."""
_noted: list[str] = []


def noted() -> list[str]:
    """Texts without a translation that were told since the last call of this."""
    told = list(_noted)
    _noted.clear()
    return told


def fields(sentence: str) -> list[tuple[str, str]]:
    """Name and format of each field of a sentence, in their order.

    Raises ValueError where a bracket is not closed or a field has no name.
    """
    try:
        parts = [*string.Formatter().parse(sentence)]
    except ValueError as error:
        raise ValueError(f"{sentence!r}: {error}; write a field as {{option}}") from None
    found = [(name, form) for _, name, form, _ in parts if name is not None]
    if any(not name.isidentifier() for name, _ in found):
        raise ValueError(f"{sentence!r}: a field needs a name, as {{option}} or {{total:money}}")
    return [(name, form or "") for name, form in found]


@dataclass(frozen=True)
class Catalogue:
    """The texts of one language, by context and English text."""

    language: str
    messages: Mapping[tuple[str, str], str]
    said: set[str] = field(default_factory=set)
    """Sentences that `p` wrote: they are in the language already, wherever a frame takes them."""

    def message(self, text: str, context: str = "") -> str:
        """A text in the catalogue's language; where it has none, as it is, which is noted."""
        found = self.messages.get((context, text))
        is_english = found is None and text not in self._translations and _WORD.search(text)
        if is_english and self.language != ENGLISH:
            _noted.append(text)
        return found or text

    def told(self, text: str) -> str:
        """A text that a cell shows, in the catalogue's language; where it has none, as it is, which
        is noted."""
        if text in self.said:
            return text
        found = self.known(text)
        if found or not _WORD.search(self._unsaid(text)):
            return found or text
        return self.message(text)

    def _unsaid(self, text: str) -> str:
        """What is left of a text without the sentences in it that `p` wrote."""
        for sentence in sorted(self.said, key=len, reverse=True):
            text = text.replace(sentence, "")
        return text

    def known(self, text: str, written: Callable[[str], str] = str) -> str | None:
        """A short text, or one that the library made, in the catalogue's language; None where the
        catalogue has none. written: makes a number in it the client's."""
        found = self.messages.get(("", text))
        if found:
            return found
        for form, translated in self._forms:
            if match := form.fullmatch(text):
                filled = match.groupdict().items()
                parts = {name: self.known(part) or written(part) for name, part in filled}
                return _PLACE.sub("{\\1}", translated).format_map(parts)
        return None

    @cached_property
    def _translations(self) -> frozenset[str]:
        """What is in the catalogue's language already."""
        return frozenset(self.messages.values())

    @cached_property
    def _forms(self) -> list[tuple[re.Pattern[str], str]]:
        """Texts with fields that the library makes, those with most words first."""
        made = [(key[1], text) for key, text in self.messages.items() if key[0] == FACT]
        made.sort(key=lambda each: -len(re.sub(r"\{.*?\}", "", each[0])))
        return [(_form(text), translated) for text, translated in made]


def _form(text: str) -> re.Pattern[str]:
    """What a text with fields looks like once they are filled."""
    pattern = ""
    seen = set[str]()
    for before, name, _, _ in string.Formatter().parse(text):
        pattern += re.escape(before)
        if name is not None:
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>.*?)"
            seen.add(name)
    return re.compile(pattern)


def languages() -> list[str]:
    """Those that a report may be in."""
    return [ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.po"))]


@cache
def catalogue(language: str) -> Catalogue:
    """The texts of a language; none for English. Raises ValueError where its file has a fault."""
    if language == ENGLISH:
        return Catalogue(ENGLISH, {})
    return Catalogue(language, read(FOLDER / f"{language}.po"))


def read(path: Path) -> dict[tuple[str, str], str]:
    """The translated texts of a `.po` file. What is empty or marked fuzzy is not translated.

    Raises ValueError naming file, line and field where a translation has not the fields of its key.
    """
    try:
        with path.open("rb") as file:
            read_in = read_po(file, locale=path.stem, abort_invalid=True)
    except PoFileError as error:
        raise ValueError(f"{path.name}, line {error.lineno}: {error}") from None
    found: dict[tuple[str, str], str] = {}
    for message in read_in:
        if message.id and message.string and not message.fuzzy:
            where = f"{path.name}, line {message.lineno}"
            if not isinstance(message.id, str) or not isinstance(message.string, str):
                raise ValueError(f"{where}: the sentence for one is a text of its own")
            _refuse_other_fields(where, message.id, message.string)
            found[message.context or "", message.id] = message.string
    return found


def _refuse_other_fields(where: str, english: str, text: str) -> None:
    """Raises ValueError where a translation lacks a field of its key, or has one more."""
    asked = set(fields(english))
    told = set(fields(text))
    for name, form in sorted(asked ^ told):
        field = f"{{{name}:{form}}}".replace(":}", "}")
        if (name, form) in told:
            raise ValueError(f"{where}: {field} is no field of {english!r}")
        raise ValueError(f"{where}: {field} of {english!r} is missing")
