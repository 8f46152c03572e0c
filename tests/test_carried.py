"""What a report cannot carry is named at the end of the run, with what to do instead."""

import json
import re

import pytest
from siting_report.run import carried
from trial import CHART, Render, chapter, make

FRAME = "import pandas as pd\nfrom IPython.display import *\nf = pd.DataFrame({'a': [1, 2]})\n"
NAMED = {
    "colours of a Styler": ("f.style.bar()", "no colours, bars or styles in `f.style.bar()`"),
    "a style of HTML": (
        "HTML('<p style=\"color:red\">late</p>')",
        "no colours, bars or styles in `HTML('<p style=\"color:red\">late</p>')`",
    ),
    "a script": ("HTML('<script>draw()</script>')", "no script in "),
    "JavaScript": ("Javascript('draw()')", "no script in `Javascript('draw()')`"),
    "LaTeX": ("Math('e^x')", "no formula in `Math('e^x')`: LaTeX is not set"),
    "LaTeX in Markdown": ("Markdown(r'$\\frac{1}{2}$')", "no formula in "),
    "a widget": (
        "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'x'},"
        " 'text/plain': 'IntSlider(value=3)'}, raw=True)",
        "no widget in `display(",
    ),
    "figures of nothing": ("say('It costs 12.')", "figures without data in `It costs 12.`"),
    "a very long table": (
        "table(pd.DataFrame({'a': range(300)}), 'All of them', data=frame)",
        "several pages of rows in All of them; show the first with `.head(30)`",
    ),
}


@pytest.fixture(scope="module")
def files(render: Render) -> dict[str, bytes]:
    """A report with a chapter for each of them, and one that shows what is carried."""
    chapters = {
        f"{20 + place}_x.ipynb": chapter("Why?", f"{FRAME}None", code)
        for place, (code, _) in enumerate(NAMED.values())
    }
    whole = ("HTML('<p>plain <b>words</b></p>')", "Markdown('for $5 and $6')", "f.style", CHART)
    chapters["50_whole.ipynb"] = chapter("Why?", f"{FRAME}None", *whole)
    return render(make(chapters=chapters))


@pytest.mark.parametrize(("place", "what"), list(enumerate(NAMED)), ids=list(NAMED))
def test_it_is_named_with_its_cell_and_a_remedy(place, what, files):
    said = [line for line in carried.lacking("acme", files) if f"acme: {20 + place}_x: " in line]
    assert len(said) == 1
    assert NAMED[what][1] in said[0]
    assert re.search(r"; (say|write|show|draw)", said[0])


def test_what_is_carried_is_not_named(files):
    (line,) = [line for line in carried.lacking("acme", files) if "50_whole" in line]
    assert line == (
        "acme: 50_whole: no source for `f.style`; name the frame behind it, as `data=` of chart or "
        "table"
    )


def test_files_beside_the_chapters_are_no_chapters():
    output = {"data": {"text/latex": "x"}}
    text = json.dumps({"cells": [{"source": "x", "outputs": [output]}]}).encode()
    assert carried.lacking("acme", {"notebooks/offers.json": text, "summary.json": text}) == []
    assert len(carried.lacking("acme", {"notebooks/10_x.ipynb": text})) == 1
