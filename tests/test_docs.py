"""The documentation is whole: it builds, its links lead somewhere, and it is what is made."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pypdf
import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "notebooks" / "start.ipynb",
    ROOT / "docs" / "tutorial.ipynb",
]  # fmt: skip
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def test_the_site_builds_with_every_link_checked(tmp_path):
    home = tmp_path / "reports" / "acme"
    home.mkdir(parents=True)
    with pypdf.PdfWriter() as paper:
        paper.add_blank_page(210, 297)
        paper.write(home / "report.pdf")
    said = {"client": {"name": "Acme AG", "sector": "banking", "country": "CH"}}
    said["recommendation"] = {"label": "Own servers"}
    (home / "summary.json").write_text(json.dumps(said), encoding="utf-8")
    for name in ("report.html", "cash-flows.xlsx"):
        (home / name).write_text("made", encoding="utf-8")
    words = ["-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    shown = os.environ | {"DOCS_GALLERY": str(home.parent)}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=shown, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    index = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis.com" not in index
    gallery = (tmp_path / "site" / "gallery" / "index.html").read_text(encoding="utf-8")
    assert "Banking, CH. First: Own servers." in gallery
    for name in ("report.html", "report.pdf", "cash-flows.xlsx", "summary.json", "page-one.png"):
        assert f"acme/{name}" in gallery
        assert (tmp_path / "site" / "gallery" / "acme" / name).stat().st_size


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_files_lead_to_files(page):
    text = page.read_text(encoding="utf-8")
    targets = [m[1] for m in LINK.finditer(text) if "://" not in m[1]]
    missing = [t for t in targets if not (page.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.stem != "CHANGELOG"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_table_is_named_where_it_lies(page):
    named = re.findall(r"`([\w/]+/\w+\.csv)`", page.read_text(encoding="utf-8"))
    assert not [table for table in named if not (ROOT / table).is_file()]


def script(name: str) -> ModuleType:
    """A script of the documentation as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands", "scenario", "frames", "examples"])
def test_a_written_page_is_what_the_library_says(name):
    written = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert written == script(name).page(), "run `make generated`"


def test_the_page_on_licences_names_each_package_that_is_installed_with_its_version():
    locked = re.findall(
        r"^([a-z0-9][a-z0-9._-]*)==(\S+)",
        (ROOT / "requirements.lock").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    text = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+) \| (\S+) \| (.+) \|$", text, re.MULTILINE)[1:]
    assert [(name, version) for name, version, _ in rows] == locked, "run `make generated`"
    assert not [row for row in rows if re.search(r"(?<!L)GPL|AGPL|proprietary", row[2], re.I)]
