"""Every real client, rendered whole; one of them twice, to the same bytes."""

import html
import json
import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import screen
import studies
import test_pages
from siting.inputs import scenario
from test_browser import BROWSER, DRIVER, WIDTHS, driver, show
from trial import later

__all__ = ["driver"]  # a fixture

ROOT = Path(__file__).parents[1]
CLIENTS = studies.CLIENTS

RENDER = """
from siting.run import job
from siting_report.run import batch
from trial import make
jobs = [make() if name == "trial" else job.prepare(name) for name in {names!r}]
outcome = batch.run(jobs, {out!a})
print(outcome.lines())
assert len(outcome.rendered) == len(jobs)
"""


def rendered(out: Path, names: list[str], **environment: str) -> dict[str, bytes]:
    """Files of all reports by path, made by a process of its own."""
    script = RENDER.format(names=names, out=str(out))
    told = {name: said for name, said in os.environ.items() if name != "HOME"} | environment
    subprocess.run([sys.executable, "-c", script], check=True, env=told, cwd=ROOT)
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".siting" not in path.parts
    }


def letters(text: str) -> str:
    """Without what line breaks and typography change."""
    return re.sub(r"\W+", "", text)


def page_one(page: str) -> str:
    """The markup of the first page."""
    found = re.search(r'<section class="chapter page-one".*?</section>', page, re.DOTALL)
    assert found
    return found[0]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return rendered(tmp_path_factory.mktemp("now"), [*CLIENTS, "trial"], PYTHONHASHSEED="1")


def test_another_day_order_place_and_locale_give_the_same_bytes(reports, tmp_path):
    # A client and a small report, in the other order: all are made by the same steps.
    some = ["trial", CLIENTS[-1]]
    odd = tmp_path / "été 😀 'a\" $b" / ("long" * 40)
    odd.mkdir(parents=True)
    path = os.pathsep.join([os.environ["PYTHONPATH"], later(tmp_path)])
    again = rendered(
        odd / "out", some, PYTHONPATH=path, PYTHONHASHSEED="2", LC_ALL="C", TMPDIR=str(odd)
    )
    assert len(reports) > 12 * len(CLIENTS)
    before = {name: said for name, said in reports.items() if name.split("/")[0] in some}
    assert before.keys() == {name for name in again if name.split("/")[0] in some}
    assert [name for name in before if before[name] != again[name]] == []


def headings_with_nothing_below(page: str) -> list[str]:
    """Those after which the next thing is a heading of the same rank or above, or the end."""
    layout = r"(?:\s|</?(?:div|section|p)\b[^>]*>)*"
    return [
        re.sub(r"<[^>]*>", "", found)
        for rank in "23"
        for found in re.findall(
            rf"<h{rank}\b[^>]*>((?:(?!</h{rank}>).)*)</h{rank}>{layout}<(?:h[1-{rank}]\b|footer|/main)",
            page,
            re.DOTALL,
        )
    ]


@pytest.mark.parametrize("client", CLIENTS)
def test_every_heading_has_something_below_it(reports, client):
    page = reports[f"{client}/report.html"].decode()
    assert "<h3" in page
    assert headings_with_nothing_below(page) == []
    assert headings_with_nothing_below(f"<h3>How?</h3>{page[page.index('<h3') :]}") == ["How?"]


@pytest.mark.parametrize("client", CLIENTS)
def test_page_paper_and_summary_say_the_same(reports, client):
    pypdf = pytest.importorskip("pypdf")
    summary = json.loads(reports[f"{client}/summary.json"])
    page = reports[f"{client}/report.html"].decode()
    paper = pypdf.PdfReader(BytesIO(reports[f"{client}/report.pdf"]))
    chosen = letters(summary["recommendation"]["label"])
    assert chosen in letters(paper.pages[0].extract_text())
    assert chosen in letters(html.unescape(page_one(page)))
    chapters = [n for n in reports if n.startswith(f"{client}/notebooks/")]
    assert len(re.findall(r'<(?:section|details) class="chapter', page)) == len(chapters) + 1
    titles = [entry for entry in paper.outline if not isinstance(entry, list)]
    assert len(titles) == len(chapters) + 1  # and the sources


def test_the_end_of_fine_tuning_stands_in_the_plan_and_beside_what_it_can_stop(reports):
    page = reports["polderwerk/report.html"].decode()
    assert letters("Fine-tuning at OpenAI ends 6 January 2027") in letters(
        html.unescape(page_one(page))
    )
    summary = json.loads(reports["polderwerk/summary.json"])
    point = {"point": "Fine-tuning at OpenAI", "state": "open"}
    assert point in summary["options"][summary["recommendation"]["option"]]["limits"]
    bars = {bar["what"]: bar for bar in summary["shown"]["timeline"]}
    # what needs it is decided while it can still be had
    assert bars["order"]["start"] < bars["service"]["end"] == "2027-01-06"


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_ready_to_send_says_what_the_appendix_says(reports, client):
    page = html.unescape(re.sub("<[^>]*>", "", reports[f"{client}/report.html"].decode()))
    for name, least in (("resolution.md", 4), ("letters.md", 5)):
        head, *lines = reports[f"{client}/{name}"].decode().splitlines()
        assert head.startswith(f"# {scenario.load(client).client.name}, ")
        said = [letters(re.sub(r"^\d+\. ", "", line)) for line in lines if line]
        assert len(said) >= least
        assert [line for line in said if line not in letters(page)] == []


def test_a_bank_is_told_what_its_lower_bills_come_from_and_asks_for_idle_cards(reports):
    """Its cloud serves before own servers would, and today's bill ends then; three years of cards
    at Seeweb are first where idle cards are not taken back."""
    summary = json.loads(reports["banca-valdora/summary.json"])
    assert summary["recommendation"]["cheaper_in"] == "sooner"
    (letter,) = reports["banca-valdora/letters.md"].decode().split("**To Seeweb.**")[1:]
    assert "idle cards" in letter.split("**To ")[0]


@pytest.mark.parametrize("client", CLIENTS)
def test_no_report_names_another_client(reports, client):
    others = {scenario.load(name).client.name for name in CLIENTS if name != client}
    for name in ("report.html", "summary.json", "scenario.yaml"):
        text = reports[f"{client}/{name}"].decode()
        assert not [other for other in others if other in text]


BODY = 6
WHOLE = 20
"""Pages that a report may have: what a CTO reads, and with the appendix."""
APPENDIX = ("Appendix", "Anhang")
HEAD_AND_FOOT_PT = 60
"""From either edge of a page to what is below its head line, or above its foot."""

FOR_DEVELOPERS = re.compile(
    r"\b(None|nan|NaN|True|False|DataFrame|KeyError|kwargs|summary\.json|params/|lib/siting"
    r"|\w+\.py|siting facts|not_estimated|on_premises|rented_gpus|managed_cloud|keep_output)\b"
)


def chapters_of(paper: Any) -> list[tuple[int, str]]:
    """First page and title of each chapter."""
    return [
        (paper.get_destination_page_number(entry), str(entry["/Title"]))
        for entry in paper.outline
        if not isinstance(entry, list)
    ]


@pytest.mark.style
@pytest.mark.parametrize("client", CLIENTS)
def test_each_chapter_of_the_body_fills_one_page(reports, client):
    import pypdf
    import pypdfium2

    starts = chapters_of(pypdf.PdfReader(BytesIO(reports[f"{client}/report.pdf"])))
    body = next(page for page, title in starts if title.startswith(APPENDIX))
    pages = pypdfium2.PdfDocument(reports[f"{client}/report.pdf"])
    assert body <= BODY
    assert len(pages) <= WHOLE
    assert [page for page, _ in starts if page < body] == list(range(body))
    first = pages[0]
    width, height = first.get_size()
    between = (0, HEAD_AND_FOOT_PT, width, height - HEAD_AND_FOOT_PT)
    said = test_pages.words(first.get_textpage().get_text_bounded(*between))
    assert len(said) <= test_pages.WORDS
    assert len(test_pages.numbers(said)) <= test_pages.NUMBERS


@pytest.mark.style
@pytest.mark.parametrize("client", CLIENTS)
def test_the_pages_keep_to_their_words(reports, client):
    test_pages.hold_reported(reports, f"{client}/notebooks")


@pytest.mark.style
@pytest.mark.parametrize("client", CLIENTS)
def test_no_text_lies_over_another(reports, client):
    import numpy as np
    import pypdfium2

    found = []
    for number, page in enumerate(pypdfium2.PdfDocument(reports[f"{client}/report.pdf"]), start=1):
        text = page.get_textpage()
        boxes = [text.get_rect(i) for i in range(text.count_rects())]
        boxes = [b for b in boxes if b[2] - b[0] > 0.5 and text.get_text_bounded(*b).strip()]
        left, low, right, top = np.array(boxes).reshape(-1, 4).T
        wide = np.minimum.outer(right, right) - np.maximum.outer(left, left)
        high = np.minimum.outer(top, top) - np.maximum.outer(low, low)
        area = (right - left) * (top - low)
        # Boxes are a little wider than their letters: a third counts.
        over = (wide > 1) & (high > 0) & (wide * high > np.minimum.outer(area, area) / 3)
        for a, b in np.argwhere(np.triu(over, 1)):
            found.append((number, *(text.get_text_bounded(*boxes[i]) for i in (a, b))))
    assert not found


@pytest.mark.style
@pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium with its driver here")
def test_no_screen_asks_to_scroll_sideways_or_lays_text_over_text(reports, driver, tmp_path):
    page = tmp_path / "report.html"
    for client in CLIENTS:
        page.write_bytes(reports[f"{client}/report.html"])
        for width in WIDTHS:
            show(driver, page.as_uri(), width)
            seen = screen.seen(driver)
            assert seen.width <= width, client
            assert seen.beyond == [], client
            assert seen.covered == [], (client, width)
            assert min(seen.chart_text) >= 12.9, client


@pytest.mark.style
@pytest.mark.parametrize("client", CLIENTS)
def test_every_figure_has_a_source_and_a_text_and_no_name_is_cut(reports, client):
    page = reports[f"{client}/report.html"].decode()
    figures = re.findall(r'<figure class="exhibit chart".*?</figure>', page, re.DOTALL)
    assert figures
    for figure in figures:
        alt = re.search(r'role="img" aria-label="([^"]{20,})"', figure)
        assert alt, re.sub(r"<[^>]*>", "", figure)[:80]
        cited = re.search(r"(Sources?|Quellen?) (<a .*?)\.</span>", figure)
        assert cited, alt[1]
        assert (cited[1] in ("Sources", "Quellen")) == bool(
            re.search("[,–]", re.sub("<.*?>", "", cited[2]))
        )
        words = re.findall(r"<text[^>]*>([^<]*)</text>", figure)
        assert not [w for w in words if "…" in w or "..." in w], alt[1]


ENGLISH = ("€ 0", " million", " and ", " the ", " of ", " is ", " by ", "costs", "Source")
"""What no German page holds."""


@pytest.mark.style
@pytest.mark.parametrize("client", [c for c in CLIENTS if scenario.load(c).client.language == "de"])
def test_a_german_body_leaves_nothing_english_or_unsaid(reports, client):
    for chapter in test_pages.body():
        ran = json.loads(reports[f"{client}/notebooks/{chapter}.ipynb"])
        outputs = [o for cell in ran["cells"] for o in cell.get("outputs", ()) if "data" in o]
        shown = ["".join(output["data"]["text/plain"]) for output in outputs]
        assert len(shown) > 3
        assert not [output["metadata"] for output in outputs if output.get("metadata")]
        assert not [word for word in ENGLISH for text in shown if word in text]


@pytest.mark.style
@pytest.mark.parametrize("client", CLIENTS)
def test_the_body_holds_no_word_for_developers(reports, client):
    import pypdf

    paper = pypdf.PdfReader(BytesIO(reports[f"{client}/report.pdf"]))
    body = next(page for page, title in chapters_of(paper) if title.startswith(APPENDIX))
    for number in range(body):
        text = paper.pages[number].extract_text().split("Sources. ")[0]
        assert not FOR_DEVELOPERS.findall(text), number + 1
