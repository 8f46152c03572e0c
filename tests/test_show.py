"""What a notebook shows is shown as text, says what it shows, and looks the same each time."""

import datetime as dt
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from siting.catalogue import Source
from siting_report import exhibit, show, style
from siting_report.show import tabled
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


def test_hostile_text_is_shown_as_text_everywhere(shown):
    frame = sourced(pd.DataFrame({"option": [HOSTILE], HOSTILE: [HOSTILE], "cost": [1.0]}))
    show.table(frame, HOSTILE, note=HOSTILE, heads={"cost": HOSTILE})
    show.say(f"Rent {HOSTILE}.", frame)
    show.answers({HOSTILE: f"**Rent** {HOSTILE}"}, frame)
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


def test_names_of_a_frame_are_never_read_as_markdown(shown):
    name = "own_gpu_pool *new* [x](https://evil.test)"
    show.say(f"**{name}** wins", sourced(pd.DataFrame({"a": [1]}), names=(name,)))
    html = exhibit.rendered(shown[0][exhibit.MIME]["markdown"])
    assert html == f"<p><strong>{name}</strong> wins</p>\n"


def test_links_lead_to_pages_or_nowhere_and_images_load_nothing():
    html = exhibit.rendered("[a](javascript:x) [b](https://b.test) ![c](https://c.test/p.png)")
    assert "javascript" not in html
    assert '<a href="https://b.test">b</a>' in html
    assert "<img" not in html


def test_units_decide_formats_and_money_shares_one_scale():
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


def test_an_amount_too_small_for_the_scale_of_its_table_never_reads_as_none():
    """Beside 1.2 million, 312.4 of a currency are 0.312 thousand; a tenth of a cent has its digits;
    what is left of a subtraction is none."""
    frame = pd.DataFrame({
        "present": [1_234_567.0, 312.4, -4.0, 0.0, 1e-9], "rate": [1.5, 0.001, 0.02, 0.0, 1e-9],
    }, index=list("abcde"))  # fmt: skip
    made = tabled.table(sourced(frame, units={"present": "EUR", "rate": "EUR per request"}), "T")
    shown = [[row["cells"][column]["text"] for row in made["rows"]] for column in (1, 2)]
    assert shown[0] == ["1\N{NARROW NO-BREAK SPACE}235", "0.312", "−0.00400", "0", "0"]
    assert shown[1] == ["1.50", "0.00100", "0.02", "0.00", "0.00"]


def test_a_column_below_ten_thousand_has_tenths_in_a_table_of_thousands():
    frame = pd.DataFrame({"in_all": [798_000.0, 502_000.0], "test": [4_500.0, 8_000.0]})
    made = tabled.table(sourced(frame, units={"in_all": "EUR", "test": "EUR"}), "T")
    texts = [[cell["text"] for cell in row["cells"]] for row in made["rows"]]
    assert texts == [["798", "4.5"], ["502", "8.0"]]


def test_money_of_a_column_of_ones_own_says_its_currency():
    frame = pd.DataFrame({"option": ["API", "Own"], "a_month": [28.333, 0.5], "n": [3, 4]})
    made = tabled.table(sourced(frame), "T", {"a_month": "money:2"})
    assert [column["unit"] for column in made["columns"]] == ["", "€", ""]


def test_a_share_is_not_written_as_money():
    frame = sourced(pd.DataFrame({"a": [2e6], "left": [0.025]}), units={"left": "share"})
    with pytest.raises(ValueError, match="left is in share"):
        tabled.table(frame, "T", "money")
    made = tabled.table(frame, "T", {"a": "money"})
    assert made["rows"][0]["cells"][1]["text"] == "2%"


def test_a_table_calls_no_share_below_all_all_and_keeps_it_on_the_right():
    frame = pd.DataFrame({"option": ["API", "Own"], "reached": [0.999997, 0.995]})
    made = tabled.table(sourced(frame), "T", {"reached": "percent:2"})
    assert [row["cells"][1]["text"] for row in made["rows"]] == ["over 99.99%", "99.50%"]
    assert made["columns"][1]["align"] == "right"


def test_what_is_no_drawing_is_refused_with_what_to_write():
    with pytest.raises(TypeError, match="takes axes, an array of axes or a figure, not str"):
        show.chart("cost", "Costs")


def test_what_lacks_a_source_says_so(shown):
    show.table(pd.DataFrame({"a": [1]}), "Untold")
    show.table(sourced(pd.DataFrame({"a": [1]})), "Told")
    assert [one[exhibit.MIME]["lacks"] for one in shown] == [["source"], []]


def test_the_same_drawing_gives_the_same_bytes(shown):
    frame = sourced(pd.DataFrame({"API": [1, 2], "Own": [2, 1]}))
    for _ in range(2):
        show.chart(frame.plot(), "Twice", frame)
    assert shown[0] == shown[1]
    assert "<style" not in shown[0][exhibit.MIME]["svg"]


def test_an_interval_shows_its_median_and_ends(shown):
    _, ax = plt.subplots()
    frame = pd.DataFrame(
        {"low": [1.0, 2.0], "mid": [2.0, 4.0], "high": [3.0, 8.0]}, index=["A", "B"]
    )
    show.intervals(ax, frame, ["low", "mid", "high"])
    thin, dot = ax.get_lines()[:2]
    assert (list(thin.get_xdata()), list(dot.get_xdata())) == ([1.0, 3.0], [2.0])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["A", "B"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row stands on top"


GROUNDS = {"light": "#ffffff", "dark": style.DARK["#ffffff"]}


def test_fills_and_texts_stand_out_from_their_ground():
    """WCAG 2.2: 3:1 for what is drawn (1.4.11), 4.5:1 for text (1.4.3)."""
    for fill in (style.CHOSEN, style.TODAY, *style.OTHERS[:3], style.OPEN, style.FAIL):
        assert contrast(fill, GROUNDS["light"]) >= 3, fill
        assert contrast(style.DARK[fill], GROUNDS["dark"]) >= 3, fill
        text = style.TEXT[fill]
        assert contrast(text, GROUNDS["light"]) >= 4.5, text
        assert contrast(style.DARK.get(text, style.DARK[fill]), GROUNDS["dark"]) >= 4.5, text


def drawn_width(svg: str) -> float:
    return float(re.search(r'width="([\d.]+)pt"', svg)[1])


def words_of(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_a_drawing_for_a_phone_is_less_wide_and_says_the_same(shown):
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


# --- what an analyst writes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: show.table(f, formats={"presnt": "money"}), "formats: 'presnt'.*'present'"),
        (lambda f: show.table(f, formats={"present": "euro"}), "formats: 'euro'.*one of: money"),
        (lambda f: show.table(f, formats="percnt"), "formats: 'percnt'.*write 'percent'"),
        (lambda f: show.table(f, heads={"optoin": "way"}), "heads: 'optoin'.*'option'"),
        (lambda f: show.table(f, badges=["verdct"]), "badges: 'verdct'.*one of: option, present"),
        (lambda f: show.table(f, titel="Costs"), "table: 'titel'.*write 'title'"),
        (lambda f: show.chart(f.plot(), "C", f, y="euros"), "x or y: 'euros'.*one of: money"),
        (lambda f: show.intervals(plt.gca(), f, ["present", "p99"]), "columns: 'p99'.*option"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_one_that_is_meant(call, message):
    frame = sourced(pd.DataFrame({"option": ["API", "Own"], "present": [2.0, 3.0]}))
    with pytest.raises(ValueError, match=message):
        call(frame)
    plt.close("all")


# --- colours of a chart of one's own


def test_more_lines_and_bars_than_colours_are_told_apart():
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


@pytest.mark.parametrize("name", ["../letters.md", "letters", "report.html", "a b.md"])
def test_a_file_of_letters_has_a_plain_name(name):
    with pytest.raises(ValueError, match="names no Markdown file"):
        show.say("Dear all", file=name)
