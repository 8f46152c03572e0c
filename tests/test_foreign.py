"""HTML of an analyst's own on paper: its words stand there, and none of them is code."""

import io
import re
import tempfile
from pathlib import Path

import pypdf
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from siting_report import style
from siting_report.print import foreign

HOSTILE = '#import "x" $(rm) [a] ]) \\ "quoted" `raw` *b* _c_ <l> @m = h - i + j // k /* n */ ~'
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def code(markup: str) -> str:
    """The Typst of some HTML; a picture is told by its alternative text."""
    return foreign.typst(markup, lambda alt, suffix, content: f"[{alt}: {suffix}]")


def words(markup: str) -> str:
    """The words of some HTML as a tagged PDF shows them, without blanks."""
    pictures: dict[str, bytes] = {}

    def kept(alt: str, suffix: str, content: bytes) -> str:
        name = f"p{len(pictures)}.{suffix}"
        pictures[name] = content
        return f"#image({foreign.quoted(name)}, alt: {foreign.quoted(alt)})"

    head = '#set document(title: "t", date: none)\n#let grid-colour = luma(200)\n= t\n'
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.typ").write_text(head + foreign.typst(markup, kept), encoding="utf-8")
        for name, content in pictures.items():
            Path(folder, name).write_bytes(content)
        fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(style.FONTS)])
        made = typst.compile(
            f"{folder}/main.typ", format="pdf", font_paths=fonts, pdf_standards=["ua-1"]
        )
    pages = pypdf.PdfReader(io.BytesIO(made)).pages
    said = "".join(page.extract_text() for page in pages)
    return re.sub(r"\s", "", said).removeprefix("t")


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("a <b>b</b> <i>c</i>", '#"a"; #strong[#"b";] #emph[#"c";]'),
        ("a&lt;b&gt; &amp;&nbsp;c", '#"a<b> &\N{NO-BREAK SPACE}c";'),
        ("<h2>a</h2>", '#heading(level: 2)[#"a";]'),
        ("<a href='https://a.test/?b=1&c'>d</a>", '#link("https://a.test/?b=1&c")[#"d";]'),
        ("<a href='javascript:x'>d</a>", '#"d";'),
        ("<ul><li>a<li>b</ul>", '#list([#"a";], [#"b";])'),
        ("<ol start=3><li>a</ol>", '#enum(start: 3, [#"a";])'),
        ("<ul>lost<li>a</ul>", '#list([#"lost";], [#"a";])'),
        ("<ul></ul>", ""),
        ("<code>a[0]</code>", '#raw("a[0]")'),
        ("<pre>a\n  b</pre>", '#raw(block: true, "a\\n  b")'),
        ("a<br>b", '#"a"; #linebreak() #"b";'),
        ("<!-- a --><script>b</script><style>c</style><title>d</title>e", '#"e";'),
        ("<![if !vml]>a<![endif]>", '#"a";'),
        (f"<img alt='A dot' src='data:image/png;base64,{PIXEL}'>", "[A dot: png]"),
        ("<svg aria-label='B &amp; C' viewBox='0 0 1 1'></svg>", "[B & C: svg]"),
        ("<img src='https://a.test/b.png' alt='c'>", ""),
        ("<svg><path>", ""),
    ],
)
def test_an_element_becomes_its_like(markup, said):
    assert code(markup.replace("aria-label='B &amp; C'", 'aria-label="B &amp; C"')).strip() == said


def test_no_sign_of_a_text_is_code():
    escaped = HOSTILE.replace("<", "&lt;")
    assert words(f"<p>{escaped}</p>") == re.sub(r"\s", "", HOSTILE)


def test_an_attribute_of_its_own_shows_no_drawing():
    assert code('<img drawing-0="0" data-drawing="0"><svg></svg>') == (
        "[Picture without a description: svg]"
    )


def test_cells_stand_where_spans_leave_room():
    table = (
        "<table><caption>said</caption><thead><tr><th rowspan=9>a<th>b</tr></thead>"
        "<tr><td rowspan=2>c<td>d<tr><td colspan=2>e<tr><td colspan=999999999999>f</table>"
    )
    made = code(table)
    assert made.index("said") < made.index("#table(columns: 100")
    cell = r"x: (\d+), y: (\d+), colspan: (\d+), rowspan: (\d+)\)\[[^a-f]*([a-f])"
    assert re.findall(cell, made) == [
        ("0", "0", "1", "1", "a"), ("1", "0", "1", "1", "b"),
        ("0", "1", "1", "2", "c"), ("1", "1", "1", "1", "d"),
        ("1", "2", "2", "1", "e"), ("0", "3", "100", "1", "f"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "markup",
    [
        "<table>one<tr>two<td>three<table><tr><td>four</table></table>",
        "<table><thead></thead><tbody><tr></tr></tbody>one</table>",
        "<table><tr><td rowspan=0 colspan=-1>one<td rowspan=x>two</table>",
        "<dl><dt>one<dd>two<dt>three</dl>",
        "one</p></div></table><b>two",
        "<select><option>one<option>two</select><textarea>three</textarea>",
        "<p>one<table><tr><td><h1>two</h1><ul><li>three<pre>four</pre></ul></table>",
        "<blockquote>one<hr>two</blockquote><details><summary>three</summary>four</details>",
    ],
)
def test_broken_html_keeps_every_word(markup):
    said = words(markup)
    assert re.findall("one|two|three|four", said) == re.findall("one|two|three|four", markup)


@pytest.mark.parametrize("tag", ["<div></span>", "<div>", "<b></i>", "<table></b>", "<!----><ul>"])
def test_what_is_nested_too_deeply_is_refused_whatever_ends_stand_between(tag):
    with pytest.raises(ValueError, match="its HTML is nested too deeply; show it flatter"):
        code(tag * 5_000)


def test_the_deepest_that_is_read_can_be_set():
    late = "".join(f"<{name}>" for name in sorted(foreign._ENDS_LATE, key=foreign._ENDS_LATE.get))
    assert "deepest" in code(f"<div>{late}" * foreign._DEEPEST + "deepest")


@pytest.mark.parametrize("name", sorted(foreign._ENDS_LATE))
def test_elements_without_an_end_do_not_stack_up(name):
    assert code(f"<{name}>a" * 20_000).count('#"a";') == 20_000


OPENED = sorted({*foreign._ENDS_LATE, *foreign._BLOCKS, "ul", "menu", "ol", "table", "b"})
PARTS = (
    *map("<{}>".format, OPENED), "</table>", "</ul>", "</p>", "</b>", "<td colspan=2 rowspan=3>",
    "word ", "word ",
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=12))
def test_any_order_of_elements_can_be_set(parts):
    markup = "".join(parts)
    assert words(markup).count("word") == markup.count("word")
