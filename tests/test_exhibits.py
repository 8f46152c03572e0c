"""Exhibits show every text as text, say what they show, and look the same each time."""

from __future__ import annotations

import html
import itertools
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from siting.catalogue import Source
from siting.exhibits import Answers, Chart, Prose, Table, literal, style
from trial import HOSTILE

SOURCE = Source(source=HOSTILE, url="https://vendor.test/?a=1&b=2", locator="p. 3", date="2026-05")


def shown(exhibit: object) -> str:
    """The exhibit's HTML without its style sheet."""
    text: str = exhibit._repr_mimebundle_()["text/html"]  # type: ignore[attr-defined]
    return re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def words(markup: str) -> str:
    """The text that a reader sees."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


class Tags(HTMLParser):
    """Tags of a piece of HTML with the names of their attributes, as a browser reads them."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))


def drawing(alt: str = "Cost rises.") -> Chart:
    figure, ax = style.figure(1.5)
    ax.plot([1, 2], [3, 4])
    return Chart(figure, f"Cost {HOSTILE}", alt, [SOURCE], HOSTILE)


def test_a_chart_without_alternative_text_is_refused() -> None:
    with pytest.raises(ValueError, match="needs an alternative text"):
        Chart(Figure(), "Costs", "  ")


def test_a_legend_of_long_names_stays_inside_its_figure() -> None:
    for names in (["a", "b"], ["A cloud with a rather long name, Somewhere"] * 4):
        figure, ax = style.figure(2)
        for name in names:
            ax.plot([0, 1], label=name)
        style.legend(figure, ax)
        (drawn,) = figure.legends
        assert drawn.get_window_extent().width <= figure.bbox.width
        assert (drawn._ncols == 2) or len(names) > 2


def test_a_table_refuses_a_column_that_it_does_not_have() -> None:
    with pytest.raises(ValueError, match="has no column 'Verdict'"):
        Table(pd.DataFrame({"Option": ["a"]}), "Options", badges=["Verdict"])


def test_hostile_text_is_shown_as_text_everywhere_in_a_table() -> None:
    frame = pd.DataFrame({"Group": [HOSTILE], HOSTILE: [HOSTILE], "Cell": [HOSTILE]})
    table = Table(
        frame, HOSTILE, [SOURCE], stub=HOSTILE, group="Group", badges=["Cell"],
        spanners={HOSTILE + "s": ["Cell"]}, notes=[HOSTILE],
    )  # fmt: skip
    markup = shown(table)
    assert "<script" not in markup
    # title, stub head, spanner, group, stub, badge, note and source
    assert words(markup).count("<script>alert(1)</script> #import $(rm) {{7*7}} =cmd|x") == 8


def test_hostile_text_is_shown_as_text_in_charts_prose_and_answers() -> None:
    for exhibit in (
        drawing(alt=HOSTILE + '" onload="x'),
        Prose(literal(HOSTILE)),
        Answers([(HOSTILE, literal(HOSTILE))]),
    ):
        markup = shown(exhibit)
        tags = Tags(markup).found
        assert not {"script", "img", "a"} & {tag for tag, _ in tags}
        assert not [name for _, names in tags for name in names if name.startswith("on")]
        assert "<script>alert(1)</script> #import $(rm) {{7*7}} =cmd|x ../.." in words(markup)


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_a_literal_name_comes_through_markdown_unchanged(name: str) -> None:
    visible = " ".join("".join(c for c in name if c.isprintable()).split())
    if re.fullmatch(r"\s*", visible) or re.search(
        r"\[(measured|published|client|estimate)\]", name
    ):
        return
    assert words(shown(Prose(f"is {literal(visible)} here"))) == f"is {visible} here"


def test_an_image_in_prose_is_not_loaded() -> None:
    markup = shown(Prose("![x](https://evil.test/x.png) <img src=https://evil.test>"))
    assert "<img" not in markup


def test_each_origin_gets_its_mark_and_no_other_word_does() -> None:
    for kind, letter in style.MARKS.items():
        markup = shown(Prose(f"12 GiB{style.mark(kind)}"))
        assert f'<abbr class="mark {kind}" title="{kind}">{letter}</abbr>' in markup
    assert "abbr" not in shown(Prose("12 GiB [guess]"))
    with pytest.raises(ValueError, match="known: measured"):
        style.mark("guess")


def test_a_verdict_is_told_by_its_word_not_by_colour_alone() -> None:
    frame = pd.DataFrame({"Verdict": ["pass", "does not fit", "review", "n.a.", "something new"]})
    markup = shown(Table(frame, "Verdicts", badges=["Verdict"]))
    tones = re.findall(r'badge (\w+)"', markup)
    assert tones == ["good", "bad", "caution", "open", "open"]
    for word in frame["Verdict"]:
        assert word in words(markup)


def test_numbers_align_right_and_words_left_unless_told_otherwise() -> None:
    frame = pd.DataFrame({"a": ["x", "y"], "b": ["1.234,5 €", "–"], "c": ["€ 5", "€ 17"]})
    markup = shown(Table(frame, "Alignment", align={"a": "center"}))
    row = re.findall(r"<tr>(.*?)</tr>", markup)[1]
    assert re.findall(r"<td([^>]*)>", row) == [
        ' class="center"',
        ' class="right"',
        ' class="right"',
    ]


def test_the_last_rows_can_be_totals() -> None:
    frame = pd.DataFrame({"a": ["1", "2", "3"]})
    markup = shown(Table(frame, "Sum", totals=1))
    assert markup.count('<tr class="total">') == 1
    assert words(markup.split('<tr class="total">')[1]) == "3"


def test_rendering_changes_nothing_and_repeats_exactly() -> None:
    frame = pd.DataFrame({"Verdict": ["pass"], "Cost": ["1,5"]})
    before = frame.copy(deep=True)
    table = Table(frame, "Once", badges=["Verdict"])
    assert shown(table) == shown(table)
    pd.testing.assert_frame_equal(frame, before)
    assert shown(drawing()) == shown(drawing())


def test_two_charts_on_a_page_share_no_id() -> None:
    def ids(chart: Chart) -> set[str]:
        return set(re.findall(r'\bid="([^"]+)"', shown(chart)))

    first, second = ids(drawing("One.")), ids(drawing("Two."))
    assert first
    assert not first & second


def test_a_chart_carries_no_date_and_the_report_s_typeface_alone() -> None:
    markup = shown(drawing())
    assert "<dc:date" not in markup
    families = set(re.findall(r"font-family: ([^;]+);", markup))
    assert families == {"'Source Sans Pro', 'DejaVu Sans'"}


@pytest.mark.parametrize(
    "label",
    ["from $5 to $10", "$\\frac{$", 'id="a" d="1.23456" url(#b)', "<b>bold</b> & <!-- not -->"],
)
def test_a_client_s_words_stand_in_a_chart_as_they_are(label: str) -> None:
    figure, ax = style.figure(1.5)
    ax.set_xlabel(label)
    markup = shown(Chart(figure, "Cost", "Cost rises."))
    assert [html.unescape(t) for t in re.findall(r"<text[^>]*>([^<]*)</text>", markup)].count(label)
    assert "<b>" not in markup


# --- Colours: WCAG 2.2 contrast, and distance under colour-blindness ---------------------------

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency", IEEE TVCG 15(6), 2009, table of matrices at severity 1.0.
MISSING_CONE = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def lab(colour: str, cone: str) -> np.ndarray:
    """CIE L*a*b* (D65) of an sRGB colour as seen with one cone type missing."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(MISSING_CONE[cone]) @ linear, 0, 1)
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    x, y, z = to_xyz @ linear / np.array([0.95047, 1.0, 1.08883])
    f = [c ** (1 / 3) if c > 216 / 24389 else (24389 / 27 * c + 16) / 116 for c in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("cone", MISSING_CONE)
@pytest.mark.parametrize("dark", [False, True])
def test_series_stay_apart_for_colour_blind_readers(cone: str, dark: bool) -> None:
    # A difference of 10 is plain to see side by side (2.3 is just noticeable).
    series = [sheet(dark)[f"c{i}"] for i in range(6)]
    for one, other in itertools.combinations(series, 2):
        assert np.linalg.norm(lab(one, cone) - lab(other, cone)) > 10, (one, other)


def test_lines_and_words_stand_out_from_the_page() -> None:
    for i, colour in enumerate(style.SERIES):
        # The sixth colour, sky blue, is told from the first by being light; its lines are labelled.
        assert style.contrast(colour, "#ffffff") >= (2.8 if i == 5 else 3)
        assert style.contrast(sheet(dark=True)[f"c{i}"], sheet(dark=True)["paper"]) >= 3
    for colour in (style.INK, style.MUTED, style.GOOD, style.BAD, style.CAUTION, style.OPEN):
        assert style.contrast(colour, "#ffffff") >= 4.5


def sheet(dark: bool) -> dict[str, str]:
    """The page's colours by name, from its style sheet."""
    css = (style.THEME / "report.css").read_text(encoding="utf-8")
    light, night = css.split("@media (prefers-color-scheme: dark)")
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return named | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", night)) if dark else named


def test_paper_page_and_charts_use_the_same_colours() -> None:
    css = sheet(dark=False)
    assert tuple(css[f"c{i}"] for i in range(len(style.SERIES))) == style.SERIES
    assert (css["ink"], css["muted"], css["line"]) == (style.INK, style.MUTED, style.LINE)
    verdicts = (css["good"], css["bad"], css["caution"], css["open"])
    assert verdicts == (style.GOOD, style.BAD, style.CAUTION, style.OPEN)
    typ = (style.THEME / "report.typ").read_text(encoding="utf-8")
    for colour in (style.INK, style.MUTED, *verdicts):
        assert colour in typ


@pytest.mark.parametrize("dark", [False, True])
def test_badges_and_text_are_legible_in_light_and_dark(dark: bool) -> None:
    css = sheet(dark)
    for tone in ("good", "bad", "caution", "open"):
        assert style.contrast(css[tone], css[f"{tone}-bg"]) >= 4.5, tone
    for name in ("ink", "muted", "link"):
        assert style.contrast(css[name], css["paper"]) >= 4.5, name
        assert style.contrast(css[name], css["shade"]) >= 4.5, name


def test_text_on_a_brand_colour_is_legible_whatever_the_brand() -> None:
    for brand in ("#1f3a5f", "#ffcc00", "#777777", "#ffffff", "#000000"):
        best = max(style.contrast(text, brand) for text in ("#ffffff", "#000000"))
        assert best >= 4.5
