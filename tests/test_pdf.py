"""The PDF holds all of the page's content, is accessible (PDF/UA-1), and nothing runs off."""

import dataclasses
import html
import io
import re
from collections.abc import Iterator

import nbformat
import pdfua
import pypdf
import pypdfium2
import pytest
from siting_report.print import document
from siting_report.run.job import Job
from trial import ANALYST, CHART, HOSTILE, chapter, make

MM = 72 / 25.4
"""Points in a millimetre."""

SIDE = {"a4": 22 * MM, "us-letter": 24.95 * MM}
"""Margin at the sides of a page, as report.typ sets it."""


@pytest.fixture(scope="module")
def pdf(rendered: dict[str, bytes]) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(rendered["report.pdf"]))


@pytest.fixture(scope="module")
def text(rendered: dict[str, bytes]) -> str:
    return text_of(rendered["report.pdf"])


def text_of(pdf: bytes) -> str:
    pages = pypdfium2.PdfDocument(pdf)
    return squeezed(" ".join(page.get_textpage().get_text_range() for page in pages))


def squeezed(text: str) -> str:
    """Text without white space: where lines break is the page's affair."""
    return re.sub(r"[\s\u00ad\u2011\ufffe-]+", "", text)


def bookmarks(outline: list[object]) -> Iterator[str]:
    for entry in outline:
        if isinstance(entry, list):
            yield from bookmarks(entry)
        else:
            yield str(entry["/Title"])


def pieces(page: str, pattern: str) -> list[str]:
    """The texts of a report page that match, without their tags."""
    body = re.sub(r"<(style|svg|nav)\b.*?</\1>", "", page, flags=re.DOTALL)
    body = body[body.index("<main") : body.index("</main>")]
    found = re.findall(pattern, body, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]*>", "", one)) for one in found]


def test_the_pdf_has_no_finding_against_pdf_ua_1(rendered, tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(rendered["report.pdf"])
    outcome = pdfua.validate(str(path))
    serious = [f for f in outcome.findings if f.severity >= pdfua.Severity.WARNING]
    assert not serious, [(f.rule_id, f.message) for f in serious][:5]
    assert b"pdfuaid:part" in rendered["report.pdf"]


def test_headings_titles_and_cells_of_the_page_are_all_on_paper(rendered, text):
    page = rendered["report.html"].decode()
    for pattern, least in (
        (r"<h[1-6][^>]*>(.*?)</h[1-6]>", 6),
        (r'<a class="number"[^>]*>.*?</a>(.*?)<span', 3),
        (r"<t[hd][^>]*>(.*?)</t[hd]>", 280),
        (r"<p>(.*?)</p>", 3),
    ):
        found = pieces(page, pattern)
        assert len(found) >= least, pattern
        assert not {one for one in map(squeezed, found) if one not in text}


def test_every_source_is_listed_once_and_leads_to_its_page(text, pdf):
    assert text.count(squeezed("Price list (vendor.test): 1 table 3 (2026-05)")) == 1
    links = [
        str(note.get_object()["/A"]["/URI"])
        for page in pdf.pages
        for note in page.get("/Annots", [])
        if "/URI" in note.get_object().get("/A", {})
    ]
    assert "https://vendor.test/prices?a=1&b=2" in links


def test_every_chart_is_on_paper_with_its_alternative_text(rendered, pdf):
    wanted = re.findall(r'role="img" aria-label="([^"]*)"', rendered["report.html"].decode())
    alternatives = [
        str(obj["/Alt"])
        for obj in (pdf.get_object(i) for i in range(1, len(pdf.xref[0]) + 1))
        if isinstance(obj, dict) and "/Alt" in obj
    ]
    assert wanted
    assert {html.unescape(one) for one in wanted} <= set(alternatives)


def test_bookmarks_are_questions_and_headings_and_the_appendix_says_so(pdf):
    assert list(bookmarks(pdf.outline)) == [
        "What should you do?", "What does it cost?", "Cash flows", "By month",
        "Appendix A. Sources cited",
    ]  # fmt: skip


def test_the_title_names_the_client_and_the_day_is_the_scenario_s(pdf):
    assert pdf.metadata is not None
    assert HOSTILE in str(pdf.metadata.title)
    assert pdf.metadata.creation_date is not None
    assert pdf.metadata.creation_date.date().isoformat() == "2026-11-24"


@pytest.mark.parametrize(("paper", "size"), [("a4", (595, 842)), ("us-letter", (612, 792))])
def test_paper_size_is_the_client_s_nothing_leaves_the_margins_and_long_words_are_found(
    paper, size, render
):
    words = ("W" * 60, "Donaudampfschiff" * 3, "https://example.org/" + "a-very-long-address/" * 12)
    title, cell, address = words
    wide = (
        f"table(pd.DataFrame({{f'A rather long heading {{i}}': ['word ' * 6, {cell!r}]"
        " for i in range(9)}), 'Nine columns')"
    )
    unbroken = f"say('see {address}')"
    made = make(chapters={"10_x.ipynb": chapter(title, wide, CHART, unbroken)}, paper=paper)
    files = render(dataclasses.replace(made, formats=("pdf",)))
    text = text_of(files["report.pdf"])  # without line breaks, and a search ignores those
    assert [word for word in words if squeezed(word) not in text] == []
    for page in pypdfium2.PdfDocument(files["report.pdf"]):
        assert tuple(round(x) for x in page.get_size()) == size
        letters = page.get_textpage()
        for i in range(letters.count_chars()):
            left, bottom, right, top = letters.get_charbox(i)
            assert left >= SIDE[paper] - 1, i
            assert right <= size[0] - SIDE[paper] + 1, i
            assert 0 < bottom < top < size[1] or bottom == top, i


def test_no_page_is_empty_and_no_heading_stands_alone_at_its_foot(rendered):
    for page in pypdfium2.PdfDocument(rendered["report.pdf"]):
        lines = page.get_textpage().get_text_range().strip().splitlines()
        body = [line for line in lines if not re.search(r"^24 November 2026|\d+ of \d+$", line)]
        assert len(body) > 2
        assert not re.fullmatch(r"(By month|Cash flows|What .*\?)", body[-1])


def test_hostile_text_is_printed_as_it_is(text):
    assert text.count(squeezed("<script>alert(1)</script> #import $(rm) {{7*7}} =cmd|x ../..")) > 4


NESTING = {"div": 28, "b": 28, "details": 28, "dl><dd": 28, "blockquote": 14, "ul><li": 14,
           "ol><li": 14, "table><tr><td": 9}  # fmt: skip
"""Elements, and how many of them may stand in one another."""


def shows(*markup: str) -> Job:
    """A report of one chapter, whose cells show HTML."""
    cells = (f"from IPython.display import HTML\nHTML({one!r})" for one in markup)
    return make(chapters={"10_x.ipynb": chapter("Why?", *cells)})


def test_html_as_deep_as_is_allowed_is_set(render):
    drawn = "<svg viewBox='0 0 9 9'>" + "<path d='M0 0h9v9z'/>" * 40 + "</svg>"
    deep = [
        f"<{tag}>" * levels + f"deepest {i}<br>" * 3 + f"</{tag.partition('>')[0]}>" * ends
        for i, (tag, most) in enumerate(NESTING.items())
        for levels, ends in ((most, most), (most // 2, 0))
    ]
    words = text_of(render(shows(*deep, drawn))["report.pdf"])
    assert all(words.count(squeezed(f"deepest {i}")) == 6 for i in range(len(NESTING)))


@pytest.mark.parametrize("tag", NESTING)
@pytest.mark.parametrize("more", [1, 50_000])
def test_html_that_is_nested_more_deeply_is_refused_by_chapter_and_cell(tag, more):
    shown = {"output_type": "display_data", "metadata": {}}
    shown["data"] = {"text/html": "</p></div>" + f"<{tag}>" * (NESTING[tag] + more)}
    book = nbformat.reads(chapter("Why?", "1"), as_version=4)
    book.cells[-1].outputs = [nbformat.from_dict(shown)]
    with pytest.raises(
        ValueError, match=r"^10_x\.ipynb, cell cell-0: its HTML is nested too deeply"
    ):
        document.chapter(book, "10_x", "body", own=False)


SIGNS = "print('🎉 \\x1b')\nsay('漢字 🎉 \\x1b[31m \\u200b odd')"
"""Such as no font shows."""


def test_whatever_runs_in_a_notebook_stands_in_page_and_paper(render):
    made = make(chapters={"10_x.ipynb": chapter("Why 漢字?", *ANALYST, SIGNS)})
    files = render(made)
    page = files["report.html"].decode()
    words = text_of(files["report.pdf"])
    # each drawing stands there once more for a phone
    assert page.count("<svg ") - page.count('<div class="narrow"><svg ') == 4
    assert page.count("<img ") == 1
    said = ("frame plot", "last line", "inline", "a frame", "its cell", "printed words",
            "styled", "50%", "down", "markup", "odd")  # fmt: skip
    for one in said:
        assert one in page, one
        assert squeezed(one) in words, one
    assert "Axes" not in page
    pictures = [
        image for p in pypdf.PdfReader(io.BytesIO(files["report.pdf"])).pages for image in p.images
    ]
    assert len(pictures) == 1
