"""Files beside a scenario are data: plain, small, and what they say they are."""

import base64
import io
import os
from pathlib import Path

import pytest
from siting.inputs import scenario
from siting.run import job
from siting_report import plain_files
from studies import WITH_SOURCE

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9z"/></svg>'
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


TEN_FOLD = b'<path id="u0" d="M0 0h9z"/>' + b"".join(
    b'<g id="u%d">%s</g>' % (depth, b'<use href="#u%d"/>' % (depth - 1) * 10)
    for depth in range(1, 12)
)
"""Draws 10 to the power of 11 paths."""


def with_logo(folder: Path, name: str, content: bytes | None) -> dict[str, bytes]:
    if content is not None:
        (folder / name).write_bytes(content)
    path = folder / "acme.yaml"
    path.write_text(f"client: {{logo: {name}}}\n{WITH_SOURCE}", encoding="utf-8")
    return job.attached(scenario.load(path), path)[1]


@pytest.mark.parametrize("name", ["psutil.py", "report.pdf"])
@pytest.mark.parametrize("kind,content", [("png", PNG), ("svg", SVG)])
def test_a_picture_is_stored_under_a_name_of_the_kits_own(tmp_path, name, kind, content):
    assert with_logo(tmp_path, name, content) == {f"logo.{kind}": content}


@pytest.mark.parametrize(
    "name,content,said",
    [
        ("logo.png", None, "beside it does not exist; put the file there"),
        ("psutil.py", b"1 / 0", "is neither PNG nor SVG; convert it"),
        ("logo.png", b"GIF89a", "is neither PNG nor SVG; convert it"),
        ("logo.png", PNG[:40], "is a damaged PNG"),
        ("logo.png", b"\0" * (2 * plain_files.MIB + 1), "is larger than 2 MiB"),
        ("logo.svg", SVG[:-8], "is a damaged SVG"),
        ("logo.svg", b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG, "is neither PNG nor SVG|type"),
        ("logo.svg", SVG.replace(b"<path", b"<script/><path"), "holds <script>"),
        ("logo.svg", SVG.replace(b"<path", b'<path onload="go()"'), "holds a script .onload"),
        ("logo.svg", SVG.replace(b"<path", b'<set attributeName="href"/><path'), "holds <set>"),
        ("logo.svg", SVG.replace(b"<path", b"<animate/><path"), "holds <animate>"),
        ("logo.svg", SVG.replace(b"<path", b"<style>@import 'x.css'</style><path"), "another"),
        ("logo.svg", SVG.replace(b"<path", b"<style>@\\69mport 'x'</style><path"), "another"),
        ("logo.svg", SVG.replace(b"<path", b'<image href="data:image/svg+xml,x"/><path'),
         "another"),
        ("logo.svg", SVG.replace(b"<path", b'<image href="file:///etc/passwd"/><path'), "another"),
        ("logo.svg", SVG.replace(b"<path", b'<path fill="url(http://x.test)"/><path'), "another"),
        ("logo.svg", SVG.replace(b"<path", b"<path fill=\"url( 'x.svg#a')\"/><path"), "another"),
        ("logo.svg", SVG.replace(b'width="9"', b'width="0"'), "cannot be set .*width"),
        ("logo.svg", SVG.replace(b"<path", b"<g>" * 200_000 + b"</g>" * 200_000), "limit|damaged"),
        ("logo.svg", SVG.replace(b"<path", TEN_FOLD + b"<path"), "cannot be set .*limit"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_one_line(tmp_path, name, content, said):
    with pytest.raises(scenario.DocumentError, match=said) as refused:
        with_logo(tmp_path, name, content)
    assert len(str(refused.value).splitlines()) == 1
    (problem,) = refused.value.problems
    assert (problem.line, problem.field) == (1, "client.logo")


def test_a_logo_may_refer_to_what_it_holds_itself_in_quotes_or_without(tmp_path):
    for reference in (b"url(#a)", b"url('#a')", b"url( &quot;#a&quot; )"):
        drawn = SVG.replace(b"<path", b'<linearGradient id="a"/><path fill="%s"' % reference)
        assert with_logo(tmp_path, "logo.svg", drawn) == {"logo.svg": drawn}


def test_a_logo_that_takes_too_long_to_draw_is_refused(tmp_path, monkeypatch):
    noise = (
        b'<filter id="f" width="99999" height="99999"><feTurbulence baseFrequency="1"/></filter>'
    )
    slow = SVG.replace(b"<path", noise + b'<rect width="9" height="9" filter="url(#f)"/><path')
    monkeypatch.setattr(job, "LOGO_S", 1)
    with pytest.raises(scenario.DocumentError, match="cannot be drawn in 1 s"):
        with_logo(tmp_path, "logo.svg", slow)


def test_a_picture_of_too_many_pixels_is_refused(tmp_path):
    image = pytest.importorskip("PIL.Image")
    data = io.BytesIO()
    image.new("1", (5000, 1)).save(data, "PNG")
    with pytest.raises(scenario.DocumentError, match="larger than 4000 pixels"):
        with_logo(tmp_path, "logo.png", data.getvalue())


def test_links_pipes_and_devices_are_not_read(tmp_path):
    (tmp_path / "real").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("link", "is a link"), ("pipe", "is no plain file"), (".", "no plain file")):
        with pytest.raises(ValueError, match=said):
            plain_files.content(tmp_path / name, 100)
    with pytest.raises(ValueError, match="is no plain file"):
        plain_files.content(Path("/dev/zero"), 100)
    with pytest.raises(FileNotFoundError):
        plain_files.content(tmp_path / "none", 100)
    assert plain_files.content(tmp_path / "real", 6) == b"secret"
    with pytest.raises(ValueError, match="is larger than"):
        plain_files.content(tmp_path / "real", 5)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[" * 101 + "]" * 101, '{"a": ' * 101 + "1" + "}" * 101, "9" * 5000, "x"],
)
def test_json_that_no_tool_writes_is_refused(text):
    with pytest.raises(ValueError):
        plain_files.parsed(text)
    assert plain_files.parsed("[" * 100 + "]" * 100)


@pytest.mark.parametrize("text", [b"[]", b"\xff", b"[" * 100_000, b"null"])
def test_a_chapter_that_is_no_notebook_is_refused_by_name(tmp_path, text):
    (tmp_path / "40_cost.ipynb").write_bytes(text)
    (tmp_path / "acme.yaml").write_text(WITH_SOURCE, encoding="utf-8")
    with pytest.raises(scenario.DocumentError, match=r"40_cost\.ipynb"):
        job.prepare(tmp_path / "acme.yaml", notebooks=tmp_path)
