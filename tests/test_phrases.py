"""Sentences in the report's language: fields, formats, plurals, nulls, and the catalogues."""

from pathlib import Path

import pandas as pd
import pytest
from siting_report import texts
from siting_report.exhibit import in_language
from siting_report.formats import Numbers
from siting_report.phrases import Phrases
from siting_report.show import tabled
from siting_report.texts import Catalogue

ROW = pd.Series({"option": "Own servers", "total": 570_400.0, "share": 0.861, "points": 3})
ROW.attrs = {"units": {"total": "EUR", "share": "share", "points": "1"}}


@pytest.fixture
def english() -> Phrases:
    return Phrases(Numbers("DE", "EUR"))


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Phrases:
    """Sentences of a report in German, by a catalogue of this test alone."""
    (tmp_path / "de.po").write_text(
        'msgid "{option} costs {total:money}."\nmsgstr "{total:money} kostet {option}."\n\n'
        'msgid "One point is open."\nmsgstr "Ein Punkt ist offen."\n\n'
        'msgid "{points:count} points are open."\nmsgstr "{points:count} Punkte sind offen."\n\n'
        'msgctxt "number"\nmsgid "three"\nmsgstr "drei"\n\n'
        'msgctxt "number"\nmsgid "million"\nmsgstr "Mio."\n\n'
        'msgid "{option} costs nothing."\nmsgstr ""\n\n'
        'msgctxt "fact"\nmsgid "the volume is {often} the plan"\n'
        'msgstr "die Menge ist {often} des Plans"\n\n'
        'msgid "twice"\nmsgstr "das Doppelte"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    texts.catalogue.cache_clear()
    yield Phrases(Numbers("DE", "EUR", "de"))
    texts.catalogue.cache_clear()


def test_a_sentence_is_its_own_key_and_takes_its_fields_from_a_row(english):
    said = english("{option} costs {total:money} over {years}.", ROW, years="five years")
    assert said.replace("\u202f", " ") == "Own servers costs € 0.57 million over five years."


def test_a_translation_orders_its_fields_anew_and_writes_numbers_its_way(german):
    said = german("{option} costs {total:money}.", ROW)
    assert said.replace("\u202f", " ") == "0,57 Mio. € kostet Own servers."


def test_one_has_a_sentence_of_its_own(english, german):
    plural, one = "{points:count} points are open.", "One point is open."
    assert english(plural, ROW, one=one) == "Three points are open."
    assert german(plural, ROW, one=one) == "Drei Punkte sind offen."
    assert german(plural, points=1, one=one) == "Ein Punkt ist offen."
    with pytest.raises(ValueError, match="say it for one as well"):
        english(plural, points=1)


@pytest.mark.parametrize("null", [None, float("nan"), pd.NA, pd.NaT])
def test_a_null_leaves_its_sentence_unsaid(english, null):
    assert english("It costs {total:money}.", ROW, total=null) == ""


def test_a_missing_column_is_an_error_with_the_one_that_is_meant(english):
    with pytest.raises(KeyError, match="no field 'totl'; did you mean 'total'"):
        english("It costs {totl:money}.", ROW)


@pytest.mark.parametrize("field", ["share:money", "total:percent", "total:number", "total:count"])
def test_a_number_in_another_unit_than_its_own_is_refused(english, field):
    with pytest.raises(ValueError, match="is in"):
        english(f"It is {{{field}}}.", ROW)


def test_a_number_without_a_format_is_in_its_unit_or_refused(english):
    assert english("{share}", ROW) == "86%"
    with pytest.raises(ValueError, match="say how it is written"):
        english("{factor}", factor=1.5)


def test_what_has_no_translation_stays_english_and_is_noted(german):
    texts.noted()
    assert german("{option} costs nothing.", ROW) == "Own servers costs nothing."
    assert texts.noted() == ["{option} costs nothing."]


@pytest.mark.parametrize("kind", ["str", "object"])
def test_a_heading_that_a_phrase_wrote_is_in_the_language_whatever_pandas_keeps_it_as(german, kind):
    frame = pd.DataFrame({"a": [1.0], "b": [german("{points:count} points are open.", ROW)]})
    frame.columns = pd.Index([german("{option} costs {total:money}.", ROW), "twice"], dtype=kind)
    frame.attrs = {"country": "DE", "currency": "EUR", "language": "de"}
    texts.noted()
    made = tabled.table(frame, german("{option} costs {total:money}.", ROW))
    assert [column["head"].replace("\u202f", " ") for column in made["columns"]] == [
        "0,57 Mio. € kostet Own servers.",
        "das Doppelte",
    ]
    assert made["rows"][0]["cells"][1]["text"] == "Drei Punkte sind offen."
    assert texts.noted() == []


def test_a_text_of_several_sentences_is_translated_where_each_of_them_is(german):
    points = german("{points:count} points are open.", ROW)
    texts.noted()
    data = pd.DataFrame({"a": [1]})
    data.attrs = {"country": "DE", "currency": "EUR", "language": "de"}
    in_language(f"1. {points}\n2. **{points}**", data)
    assert texts.noted() == []
    in_language(f"{points} Nothing else is.", data)
    assert texts.noted() == [f"{points} Nothing else is."]


def test_a_text_that_the_library_made_is_known_by_its_form(german):
    said = german.text("The volume is twice the plan")
    assert said == "die Menge ist das Doppelte des Plans"
    texts.noted()
    assert german.text(said) == said
    assert texts.noted() == []


@pytest.mark.parametrize(
    "told,fault",
    [
        ("{total:money} kostet.", r"line 1: \{option\} of .* is missing"),
        ("{option} kostet {total:money} über {years}.", r"line 1: \{years\} is no field of"),
        ("{option} kostet {total}.", r"line 1: \{total\} is no field of"),
    ],
)
def test_a_translation_with_a_missing_or_another_field_is_refused(tmp_path, told, fault):
    file = tmp_path / "de.po"
    file.write_text(f'msgid "{{option}} costs {{total:money}}."\nmsgstr "{told}"\n')
    with pytest.raises(ValueError, match=f"de.po, {fault}"):
        texts.read(file)


def test_every_catalogue_of_the_kit_can_be_read():
    assert texts.languages() == ["en", "de"]
    for language in texts.languages():
        assert texts.catalogue(language).language == language


def test_forms_do_not_take_one_text_for_another():
    known = Catalogue(
        "de",
        {
            ("fact", "{a} ends"): "{a} endet",
            ("fact", "{a} ends and no successor passes"): "{a} endet ohne Nachfolger",
        },
    )
    assert known.known("GPT-4.1 ends and no successor passes") == "GPT-4.1 endet ohne Nachfolger"
