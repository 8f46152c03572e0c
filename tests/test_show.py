"""What a notebook shows is shown as text, says what it shows, and looks the same each time."""

from __future__ import annotations

import datetime as dt
import importlib
import io
import itertools
import re
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_svg import RendererSVG
from siting.catalogue import Source
from siting_report import exhibit, show, style
from siting_report.print import document
from siting_report.show import drawn, tabled
from trial import HOSTILE, contrast

SOURCE = Source(source=HOSTILE, url="https://vendor.test/?a=1&b=2", locator="p. 3", date="2026-05")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The exhibits that a test shows, as the report takes them."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(show, "_display", lambda data, raw: found.append(data))
    yield found
    plt.close("all")


def sourced(frame: pd.DataFrame, **attrs: object) -> pd.DataFrame:
    frame.attrs = {"country": "DE", "currency": "EUR", "sources": (SOURCE,), "names": (HOSTILE,)}
    frame.attrs |= attrs
    return frame


class Tags(HTMLParser):
    """Tags of a piece of HTML with the names of their attributes, as a browser reads them."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))


def test_hostile_text_is_shown_as_text_everywhere(shown: list[dict[str, Any]]) -> None:
    frame = sourced(pd.DataFrame({"option": [HOSTILE], HOSTILE: [HOSTILE], "cost": [1.0]}))
    show.table(frame, HOSTILE, note=HOSTILE, over={HOSTILE: ["cost"]}, heads={"cost": HOSTILE})
    show.say(f"Rent {HOSTILE}.", frame)
    show.answers({HOSTILE: f"**Rent** {HOSTILE}"}, frame, heading=HOSTILE)
    _, ax = plt.subplots()
    ax.plot([0, 1], label=HOSTILE)
    show.chart(ax, HOSTILE, frame, alt=HOSTILE, note=HOSTILE)
    allowed = {"table", "thead", "tbody", "tr", "th", "td", "span", "div", "p", "strong", "figure",
               "figcaption", "h4", "h5", "style", "svg", "g", "path", "defs", "use", "text",
               "clippath", "rect", "tspan", "title"}  # fmt: skip
    assert len(shown) == 4
    for one in shown:
        markup = re.sub(r"<style>.*?</style>", "", one["text/html"], flags=re.DOTALL)
        for tag, attributes in Tags(markup).found:
            assert tag in allowed, tag
            assert not [a for a in attributes if a.startswith("on") or a in ("src", "srcset")]
        said = unescape(re.sub(r"<[^>]*>", "", markup))
        assert " [measured] PAGE-ONE-ENDS" in said


def test_names_of_a_frame_are_never_read_as_markdown(shown: list[dict[str, Any]]) -> None:
    name = "own_gpu_pool *new* [x](https://evil.test)"
    show.say(f"**{name}** wins", sourced(pd.DataFrame({"a": [1]}), names=(name,)))
    html = exhibit.rendered(shown[0][exhibit.MIME]["markdown"])
    assert html == f"<p><strong>{name}</strong> wins</p>\n"


def test_links_lead_to_pages_or_nowhere_and_images_load_nothing() -> None:
    html = exhibit.rendered("[a](javascript:x) [b](https://b.test) ![c](https://c.test/p.png)")
    assert "javascript" not in html
    assert '<a href="https://b.test">b</a>' in html
    assert "<img" not in html


def test_a_unit_that_the_head_says_is_not_said_twice() -> None:
    frame = sourced(
        pd.DataFrame({"option": ["API"], "idle_gpus": [2.0], "rented": [3.0]}),
        units={"idle_gpus": "gpus", "rented": "gpus"},
    )
    heads = [(c["head"], c["unit"]) for c in tabled.table(frame, "T")["columns"]]
    assert heads == [("option", ""), ("idle gpus", ""), ("rented", "gpus")]


def test_units_decide_formats_and_money_shares_one_scale() -> None:
    frame = sourced(
        pd.DataFrame({
            "option": ["API", "Own"], "present": [1_234_567.0, 800_000.0], "share": [0.234, np.nan],
            "payback": [14.0, np.inf], "per_million": [1.234, 2.0],
            "day": [dt.date(2026, 1, 2)] * 2,
        }),
        units={"present": "EUR", "share": "share", "payback": "months",
               "per_million": "EUR per million tokens"},
    )  # fmt: skip
    made = tabled.table(frame, "T")
    heads = [(c["head"], c["unit"]) for c in made["columns"]]
    assert heads == [
        ("option", ""), ("present", "€ thousand"), ("share", ""), ("payback", "months"),
        ("per million", "€ per million tokens"), ("day", ""),
    ]  # fmt: skip
    thousand = "1\N{NARROW NO-BREAK SPACE}235"
    assert [c["text"] for c in made["rows"][0]["cells"]] == [
        "API", thousand, "23%", "14", "1.23", "2 January 2026",
    ]  # fmt: skip
    assert [c["text"] for c in made["rows"][1]["cells"]][2:4] == ["–", "never"]
    assert [c["align"] for c in made["columns"]] == ["left", *["right"] * 4, "left"]


def test_names_that_begin_with_a_number_stand_left() -> None:
    made = tabled.table(pd.DataFrame({"a": ["x", "y"], "model": ["4o mini", "GPT-4.1 on Azure"]}))
    assert made["columns"][1]["align"] == "left"


def test_pivots_become_headings_over_headings_and_groups_of_rows() -> None:
    frame = pd.DataFrame({
        "who": ["a", "a", "b"], "what": ["x", "y", "x"], "when": ["p", "p", "q"], "n": [1, 2, 3],
    })  # fmt: skip
    over = tabled.table(frame.pivot(index="who", columns="what", values=["n"]), data=sourced(frame))
    assert [(c["over"], c["head"]) for c in over["columns"]] == [
        ("", "who"),
        ("n", "x"),
        ("n", "y"),
    ]
    grouped = tabled.table(frame.set_index(["who", "what"])[["n"]])
    assert [r["kind"] for r in grouped["rows"]] == ["group", "", "", "group", ""]


def test_an_option_has_the_colour_of_its_role_in_tables() -> None:
    roles = {"Own": "chosen", "API": "today", "Mix": "other"}
    made = tabled.table(sourced(pd.DataFrame({"option": list(roles), "n": [1, 2, 3]}), roles=roles))
    found = [row["cells"][0]["colour"] for row in made["rows"]]
    assert found == ["#0b62a8", "#2f3840", "#7a4a86"]


def test_a_drafted_text_reads_out_lines_and_bars(shown: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame({"API": [1.0, 4.0], "Own": [3.0, 3.5]}, index=[0, 12])
    show.chart(frame.plot(xlabel="months"), "Cost", sourced(frame))
    assert "API from 1 to 4; Own from 3 to 3.5" in shown[0][exhibit.MIME]["alt"]
    ax = pd.Series({"API": 1_500_000, "Own": 800_000}).plot.barh()
    show.chart(ax, "Cost", sourced(frame))
    assert "API 1.5 million, Own 800000" in shown[1][exhibit.MIME]["alt"]


def test_lines_are_named_at_their_ends_apart_and_whole(shown: list[dict[str, Any]]) -> None:
    names = [f"Option {i} with a name of some length" for i in range(4)]
    frame = pd.DataFrame({name: [0, 1 + i / 100] for i, name in enumerate(names)})
    show.chart(frame.plot(), "Four lines that end together", sourced(frame))
    svg = shown[0][exhibit.MIME]["svg"]
    width = float(re.search(r'viewBox="0 0 ([0-9.]+)', svg)[1])  # type: ignore[index]
    placed = re.findall(r"translate\(([0-9.]+) ([0-9.]+)\)[^>]*>Option", svg)
    placed = placed or re.findall(r'<text[^>]*x="([0-9.]+)" y="([0-9.]+)"[^>]*>Option', svg)
    assert len(placed) == 4
    heights = sorted(float(y) for _, y in placed)
    assert all(b - a >= 8 for a, b in itertools.pairwise(heights))
    assert all(float(x) < width for x, _ in placed)
    assert all(name in svg for name in names)


def test_names_of_categories_survive_a_format_for_all_axes(shown: list[dict[str, Any]]) -> None:
    _, axes = plt.subplots(1, 2)
    axes[0].barh(["as planned", "one year later"], [3, 4])
    axes[1].plot([0, 1], [0, 1_500_000])
    show.chart(axes, "Two", sourced(pd.DataFrame({"a": [1]})), y="compact_money")
    svg = shown[0][exhibit.MIME]["svg"]
    assert "one year later" in svg
    assert "1.5" in svg and "million" in svg


def test_an_axis_named_by_a_column_says_the_unit_that_its_frame_declares(
    shown: list[dict[str, Any]],
) -> None:
    frame = sourced(
        pd.DataFrame({"volume": [1.0, 2.0], "month": [1, 2], "per_million": [3.0, 4.0]}),
        units={"volume": "M tokens/month", "month": "months", "per_million": "EUR/M tokens"},
    )
    said = []
    for column in ("volume", "month"):
        ax = frame.set_index(column).per_million.plot(ylabel="per_million")
        show.chart(ax, "Price", frame)
        said.append((ax.get_xlabel(), ax.get_ylabel()))
        plt.close("all")
    ax = frame.plot("volume", "per_million", ylabel="per_million")
    show.chart(ax, "Price", frame, x="whole", y="money")
    assert said == [
        ("volume, M tokens/month", "per million, EUR/M tokens"),
        ("month", "per million, EUR/M tokens"),
    ]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("volume", "per_million")


def test_what_is_counted_in_whole_has_ticks_at_whole_places(shown: list[dict[str, Any]]) -> None:
    ax = pd.Series({"one": 1, "three": 3}).plot.barh()  # to 3.15: steps of 0.5 or 1
    show.chart(ax, "Cards", sourced(pd.DataFrame({"a": [1]})), x="whole")
    assert all(place == round(place) for place in ax.get_xticks())


def test_a_table_calls_no_share_below_all_all_and_keeps_it_on_the_right() -> None:
    frame = pd.DataFrame({"option": ["API", "Own"], "reached": [0.999997, 0.995]})
    made = tabled.table(sourced(frame), "T", {"reached": "percent:2"})
    assert [row["cells"][1]["text"] for row in made["rows"]] == ["over 99.99%", "99.50%"]
    assert made["columns"][1]["align"] == "right"


def test_a_column_of_text_that_is_empty_throughout_is_left_out() -> None:
    frame = pd.DataFrame({"option": ["API", "Own"], "why": ["", ""], "room": ["", "too small"]})
    heads = [c["head"] for c in tabled.table(sourced(frame), "T")["columns"]]
    assert heads == ["option", "room"]


def test_what_is_no_drawing_is_refused_with_what_to_write() -> None:
    with pytest.raises(TypeError, match="takes axes, an array of axes or a figure, not str"):
        show.chart("cost", "Costs")


def test_a_chapter_without_anything_to_show_ends_with_a_sentence(
    shown: list[dict[str, Any]],
) -> None:
    show.need(True, "not said")
    with pytest.raises(show.Enough):
        show.need([], "No option could be priced.")
    assert [one["text/plain"] for one in shown] == ["No option could be priced."]


def test_what_lacks_a_source_says_so(shown: list[dict[str, Any]]) -> None:
    show.table(pd.DataFrame({"a": [1]}), "Untold")
    show.table(sourced(pd.DataFrame({"a": [1]})), "Told")
    assert [one[exhibit.MIME]["lacks"] for one in shown] == [["source"], []]


def test_an_exhibit_holds_what_its_record_names(shown: list[dict[str, Any]]) -> None:
    # The records are checked where exhibits are written (mypy); here, that nothing gets past them.
    frame = sourced(pd.DataFrame({"option": ["API", "Own"], "n": [1.0, 2.0]}))
    show.say("One.", frame)
    show.answers({"Which?": "One."}, frame)
    show.chart(frame.plot(), "Drawn", frame)
    show.table(frame, "Told", totals=1, badges=["option"])
    records = (exhibit.Prose, exhibit.Answers, exhibit.Chart, exhibit.Table)
    made = [one[exhibit.MIME] for one in shown]
    for record, each in zip(records, made, strict=True):
        assert each.keys() == record.__annotations__.keys() | exhibit.Shown.__annotations__.keys()
        assert all(s.keys() == exhibit.CitedSource.__annotations__.keys() for s in each["sources"])
    for column in made[-1]["columns"]:
        assert column.keys() == exhibit.Column.__annotations__.keys()
    for row in made[-1]["rows"]:
        assert row.keys() == exhibit.Row.__annotations__.keys()
        assert all(cell.keys() <= exhibit.Cell.__annotations__.keys() for cell in row["cells"])


def test_the_same_drawing_gives_the_same_bytes(shown: list[dict[str, Any]]) -> None:
    frame = sourced(pd.DataFrame({"API": [1, 2], "Own": [2, 1]}))
    for _ in range(2):
        show.chart(frame.plot(), "Twice", frame)
    assert shown[0] == shown[1]
    assert "<style" not in shown[0][exhibit.MIME]["svg"]


def test_an_interval_shows_its_median_and_ends(shown: list[dict[str, Any]]) -> None:
    _, ax = plt.subplots()
    frame = pd.DataFrame(
        {"low": [1.0, 2.0], "mid": [2.0, 4.0], "high": [3.0, 8.0]}, index=["A", "B"]
    )
    show.intervals(ax, frame, ["low", "mid", "high"], hollow=["B"], value=lambda v: f"<{v:g}>")
    assert [t.get_text() for t in ax.texts] == ["<2>", "<1>", "<3>", "<4>", "<2>", "<8>"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["A", "B"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row stands on top"


GROUNDS = {"light": "#ffffff", "dark": style.DARK["#ffffff"]}


def test_fills_and_texts_stand_out_from_their_ground() -> None:
    """WCAG 2.2: 3:1 for what is drawn (1.4.11), 4.5:1 for text (1.4.3)."""
    for fill in (style.CHOSEN, style.TODAY, *style.OTHERS[:3], style.OPEN, style.FAIL):
        assert contrast(fill, GROUNDS["light"]) >= 3, fill
        assert contrast(style.DARK[fill], GROUNDS["dark"]) >= 3, fill
        text = style.TEXT[fill]
        assert contrast(text, GROUNDS["light"]) >= 4.5, text
        assert contrast(style.DARK.get(text, style.DARK[fill]), GROUNDS["dark"]) >= 4.5, text


def test_the_sheet_of_charts_has_the_palette_s_colours() -> None:
    sheet = (style.THEME / "report.mplstyle").read_text(encoding="utf-8")
    used = {f"#{c}" for c in re.findall(r": ([0-9a-f]{6})$", sheet, re.MULTILINE)}
    assert used == {style.INK, style.MUTED, style.AXIS, style.GRID}


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.floats(0.01, 0.1))
@settings(max_examples=50, deadline=None)
def test_labels_are_moved_apart(places: list[float], gap: float) -> None:
    moved = sorted(drawn._apart(places, gap))
    assert all(b - a >= gap * 0.5 for a, b in itertools.pairwise(moved))
    assert sum(moved) == pytest.approx(sum(places), abs=1e-6)


def drawn_width(svg: str) -> float:
    return float(re.search(r'width="([\d.]+)pt"', svg)[1])  # type: ignore[index]


def words_of(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_what_is_remembered_of_a_text_is_what_matplotlib_measures(
    shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = sourced(pd.DataFrame({"cost": [3.0, 4.0]}, index=["API\ngpt-5", "Own"]))

    def draw() -> Any:
        ax = frame.plot.barh(legend=False, title="Cost in €\nover five years")
        ax.annotate("least", (1, 1), fontsize=11, fontweight=600, rotation=30)
        show.chart(ax, "Cost", frame)
        made = shown.pop()[exhibit.MIME]
        return made["svg"], made["narrow"]

    remembered = draw(), draw()
    monkeypatch.setattr(drawn, "_Renderer", RendererSVG)
    monkeypatch.setattr(drawn, "_measure", lambda: RendererSVG(1, 1, io.StringIO()))
    assert remembered == (draw(), draw())


def test_a_drawing_for_a_phone_is_less_wide_and_says_the_same(
    shown: list[dict[str, Any]],
) -> None:
    frame = sourced(pd.DataFrame({"cost": [3.0, 4.0]}, index=["API", "Own"]))
    show.chart(frame.plot.barh(legend=False), "Cost", frame)
    show.chart(frame.plot.barh(legend=False), "Cost", frame, narrow=False)
    made, plain = (data[exhibit.MIME] for data in shown)
    # 328 pixels of a phone of 360, at 13 pixels for 8 points.
    assert drawn_width(made["narrow"]) == pytest.approx(328 * 8 / 13, abs=0.5)
    assert drawn_width(made["svg"]) > 6 * 72
    assert {"API", "Own"} <= set(words_of(made["narrow"])) & set(words_of(made["svg"]))
    assert 'aria-label="' in made["narrow"]
    assert made["svg"] == plain["svg"] and not plain["narrow"]


def test_on_a_phone_names_stand_over_their_rows_and_panels_below_each_other(
    shown: list[dict[str, Any]],
) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(6.5, 1.5))
    name = "a name of a row that is longer than a phone has room for beside it"
    for ax in axes:
        ax.barh([name, "short"], [3, 4])
        ax.text(4, 1, "told", ha="right", va="center")
        ax.set_xlim(0, 4)
    show.chart(figure, "Two panels", sourced(pd.DataFrame({"a": [1]})))
    phone = shown[0][exhibit.MIME]["narrow"]
    place = r'(?:translate\(|x=")([\d.]+)(?: |" y=")([\d.]+)'
    found = re.findall(rf"<text[^>]*?{place}[^>]*>([^<]*)</text>", phone)
    at = [(float(x), float(y), words) for x, y, words in found]
    lefts = {words: x for x, _, words in at}
    heights = [y for _, y, words in at if words == "short"]
    assert lefts["a name of a row that is longer than a phone"] < 5
    assert lefts["short"] < 5 < 150 < lefts["told"]
    assert len(heights) == 2 and abs(heights[0] - heights[1]) > 80


# --- what an analyst writes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: show.table(f, formats={"presnt": "money"}), "formats: 'presnt'.*'present'"),
        (lambda f: show.table(f, formats={"present": "euro"}), "formats: 'euro'.*one of: money"),
        (lambda f: show.table(f, formats="percnt"), "formats: 'percnt'.*write 'percent'"),
        (lambda f: show.table(f, formats="percent:one"), "'percent:one'.*write 'percent:1'"),
        (lambda f: show.table(f, heads={"optoin": "way"}), "heads: 'optoin'.*'option'"),
        (lambda f: show.table(f, badges=["verdct"]), "badges: 'verdct'.*one of: option, present"),
        (lambda f: show.table(f, over={"Costs": ["presents"]}), "over: 'presents'.*'present'"),
        (lambda f: show.table(f, titel="Costs"), "table: 'titel'.*write 'title'"),
        (lambda f: show.say("Text", dat=f), "say: 'dat'.*write 'data'"),
        (lambda f: show.chart(f.plot(), "C", f, y="euros"), "x or y: 'euros'.*one of: money"),
        (lambda f: show.intervals(plt.gca(), f, ["present", "p99"]), "columns: 'p99'.*option"),
        (lambda f: show.intervals(plt.gca(), f, ["present"], names=["a"]), "names: 1 for 2 rows"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_one_that_is_meant(
    call: Callable[[pd.DataFrame], None], message: str
) -> None:
    frame = sourced(pd.DataFrame({"option": ["API", "Own"], "present": [2.0, 3.0]}))
    with pytest.raises(ValueError, match=message):
        call(frame)
    plt.close("all")


def test_names_that_are_there_in_any_level_are_known(shown: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame({"who": ["a", "b"], "what": ["x", "x"], 2026: [1, 2], "empty": ["", ""]})
    show.table(frame, "T", {2026: "whole", "empty": "text"}, heads={"empty": "none"})
    show.table(frame.set_index("who"), "T", heads={"who": "name"})
    show.table(frame.pivot(index="who", columns="what"), "T", {2026: "whole"}, heads={"x": "y"})
    assert len(shown) == 3


def test_a_series_is_no_table_and_the_message_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"not Series; write table\(series.to_frame\(\)\)"):
        show.table(pd.Series([1, 2]), "Costs")


def test_sentences_become_one_paragraph_and_empty_ones_are_left_out(
    shown: list[dict[str, Any]],
) -> None:
    frame = sourced(pd.DataFrame({"a": [1]}))
    show.say(["It costs less.", "", "It is sure."], frame)
    show.say([], frame)
    show.answers({"How sure?": ["Likely.", "", "Ask again."]}, frame)
    assert [one["text/plain"] for one in shown] == [
        "It costs less. It is sure.",
        "How sure?\nLikely. Ask again.",
    ]


def test_jupyterlab_folds_a_long_list_of_sources(shown: list[dict[str, Any]]) -> None:
    sources = [Source(source=f"List {i}", locator="p. 1", date="2026") for i in range(4)]
    few = sourced(pd.DataFrame({"a": [1]}), sources=sources[:3])
    many = sourced(pd.DataFrame({"a": [1]}), sources=sources)
    for frame in (few, many):
        show.say("Said.", frame)
        show.answers({"How sure?": "Likely."}, frame)
        show.table(frame, "Counted")
    folded = ["<summary>4 sources</summary>" in one["text/html"] for one in shown]
    assert folded == [False, False, False, True, True, True]
    assert all("List 2, p. 1 (2026)" in one["text/html"] for one in shown)


def test_an_interval_is_called_otherwise_and_coloured_by_its_index(
    shown: list[dict[str, Any]],
) -> None:
    frame = pd.DataFrame({"low": [1.0, 2.0], "mid": [2.0, 4.0], "high": [3.0, 8.0]}, ["A", "B"])
    _, ax = plt.subplots()
    colours = {"A": style.CHOSEN, "B": style.TODAY}
    show.intervals(ax, frame, list(frame), colours=colours, hollow=["B"], names=["One", "Two"])
    labels = ax.get_yticklabels()
    assert [label.get_text() for label in labels] == ["One", "Two"]
    assert [label.get_color() for label in labels] == [style.TEXT[c] for c in colours.values()]
    assert [line.get_linestyle() for line in ax.lines if len(line.get_xdata()) == 2] == ["-", "--"]
    show.chart(ax, "Two", sourced(frame))
    assert "Two 4 (2 to 8)" in shown[0][exhibit.MIME]["alt"]


# --- colours of a chart of one's own

_RED_BLIND = np.array([
    [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
])  # fmt: skip
_GREEN_BLIND = np.array([
    [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
])  # fmt: skip
"""Linear RGB as protanopes and deuteranopes see it: Machado, Oliveira and Fernandes 2009, table 1,
severity 1.0."""


def linear(colour: str) -> Any:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Any) -> Any:
    """Ottosson 2020."""
    cones = np.array([
        [0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ])  # fmt: skip
    lab = np.array([
        [0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ])  # fmt: skip
    return lab @ np.cbrt(cones @ np.clip(rgb, 0, 1))


def apart(one: str, other: str, *eyes: Any) -> float:
    """Distance of two colours in OKLab × 100, to those eyes that tell them least."""
    return min(
        100 * float(np.linalg.norm(oklab(eye @ linear(one)) - oklab(eye @ linear(other))))
        for eye in eyes
    )


def test_distances_are_those_of_oklab() -> None:
    assert apart("#ffffff", "#000000", np.eye(3)) == pytest.approx(100, abs=0.01)
    red_green = apart("#ff0000", "#00ff00", np.eye(3))
    assert red_green == pytest.approx(100 * 0.5197, abs=0.2)  # by the published OKLab of both
    assert apart("#ff0000", "#00ff00", _RED_BLIND) > 30  # by lightness alone


@pytest.mark.parametrize("dark", [False, True])
def test_a_chart_that_names_no_colour_claims_no_role_to_any_eye(dark: bool) -> None:
    roles = (style.CHOSEN, style.TODAY, *style.OTHERS, style.OPEN, style.FAIL)
    neutral = style.NEUTRAL
    if dark:
        roles = tuple(style.DARK[c] for c in roles)
        neutral = tuple(style.DARK[c] for c in neutral)
    everybody = (np.eye(3), _RED_BLIND, _GREEN_BLIND)
    for colour in neutral:
        assert contrast(colour, GROUNDS["dark" if dark else "light"]) >= 2.5
        for role in roles:
            assert apart(colour, role, np.eye(3)) >= 6, (colour, role)
            assert apart(colour, role, *everybody) >= 4, (colour, role)
    for one, other in itertools.combinations(neutral, 2):
        assert apart(one, other, *everybody) >= 9, (one, other)


def test_no_other_option_is_blue_as_the_chosen_one_is() -> None:
    for other in style.OTHERS:
        assert apart(style.CHOSEN, other, np.eye(3)) >= 15, other
        *_, blue_or_yellow = oklab(linear(other))
        assert blue_or_yellow > -0.07, other


def test_a_chart_of_ones_own_takes_the_neutral_colours(shown: list[dict[str, Any]]) -> None:
    frame = sourced(pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0], "c": [3.0, 1.0]}))
    show.chart(frame.plot(), "Three lines", frame)
    show.chart(frame.T.plot.bar(stacked=True), "A stack", frame)
    show.chart(frame.a.plot.pie(), "A pie", frame)
    for one in shown:
        svg = one[exhibit.MIME]["svg"]
        assert style.NEUTRAL[0] in svg and style.NEUTRAL[1] in svg
        assert not [c for c in (style.CHOSEN, *style.OTHERS, style.OPEN) if c in svg]


def test_more_lines_and_bars_than_colours_are_told_apart() -> None:
    eight = pd.DataFrame({f"line {n}": [1.0 + n, 2.0 + n] for n in range(8)})
    lines = eight.plot()
    show.chart(lines, "Eight lines")
    looks = [(line.get_color(), line.get_linestyle()) for line in lines.get_lines()]
    assert len(set(looks)) == 8 and [dash for _, dash in looks] == ["-"] * 6 + ["--"] * 2
    stack = eight.plot.bar(stacked=True)
    show.chart(stack, "Eight parts")
    parts = [
        (bars.patches[0].get_facecolor(), bars.patches[0].get_hatch()) for bars in stack.containers
    ]
    assert len(set(parts)) == 8 and [hatch for _, hatch in parts] == [None] * 6 + ["////"] * 2
    named = eight.plot(color=style.CHOSEN)
    show.chart(named, "One colour, as it was asked for")
    assert {line.get_linestyle() for line in named.get_lines()} == {"-"}


@pytest.mark.parametrize("colour", style.NEUTRAL)
def test_names_of_neutral_lines_can_be_read(colour: str) -> None:
    text = style.TEXT.get(colour, colour)
    assert contrast(text, GROUNDS["light"]) >= 4.5
    assert contrast(style.DARK[text], GROUNDS["dark"]) >= 4.5


def test_what_shows_is_found_under_its_former_name() -> None:
    former = importlib.import_module("siting.show")
    assert former.chart is show.chart
    assert set(show.__all__) <= set(dir(former))


def test_a_sentence_of_many_sources_names_the_first_and_says_that_there_are_others() -> None:
    sources = tuple(
        document.Cited(number=n, text=f"List {n}", title="List", where="p. 1", url="")
        for n in range(1, 20, 2)
    )
    few = document.Block(kind="exhibit", exhibit={"kind": "prose"}, sources=sources[:5])
    many = document.Block(kind="exhibit", exhibit={"kind": "prose"}, sources=sources)
    drawn = document.Block(kind="exhibit", exhibit={"kind": "chart", "note": ""}, sources=sources)
    assert few.below == "Sources 1, 3, 5, 7, 9."
    assert many.below == "Sources 1, 3, 5, 7, 9 and others."
    assert drawn.below == "Sources 1, 3, 5, 7, 9, 11, 13, 15, 17, 19."
