"""Finds the texts of the chapters and brings the catalogues of translations up to date.

    python notebooks/texts.py [REPORT…]

In the cells it finds the sentences that `p` says, headings, and words of charts and tables; in the
facts, the columns of FACTS. REPORT: the folder of a report in another language, whose texts that
are not translated yet are added. A text that is found nowhere leaves the catalogue.
"""

from __future__ import annotations

import ast
import csv
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from siting.catalogue import facts_dir
from siting_report import phrases, texts

ROOT = Path(__file__).parents[1]
KEPT = "shown in a report"
"""Comment of a text that a report showed, and no cell holds."""
FACTS: Mapping[str, tuple[str, ...]] = {
    "law_topics.csv": ("topic", "beyond"),
    "plan_steps.csv": ("label", "owner"),
    "properties.csv": ("label",),
    "sovereignty_attributes.csv": ("short",),
    "sovereignty_flows.csv": ("label",),
    "sovereignty_rules.csv": ("title", "short", "owner", "meanwhile"),
    "sovereignty_stress.csv": ("label",),
}
"""Columns of text that the six pages print, by table."""
FORMS = {ROOT / "lib" / "siting" / "verdict" / "changes.csv": ("clause",)}
"""The same with fields in them, which the library fills."""
SHOWN = {"chart": ("title", "note"), "table": ("title", "note")}
WORDS = ("label", "xlabel", "ylabel", "heads")
"""Arguments that name something in a drawing or a table."""

Text = tuple[str, str]
"""Context and English text."""
Given = Mapping[str, list[ast.Assign | ast.AugAssign]]
"""Where a notebook gives a name, in order."""


def of_cells(path: Path) -> Iterator[Text]:
    """The texts in the cells of a chapter. Raises ValueError for a sentence that nobody can read
    in a cell."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    written = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    sources = [re.sub(r"^\s*[%!].*", "", source, flags=re.M) for source in written]
    tree = ast.parse("\n".join(sources))
    given: dict[str, list[ast.Assign | ast.AugAssign]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets):
                for target in (each for each in targets if isinstance(each, ast.Name)):
                    given.setdefault(target.id, []).append(node)
            case ast.AugAssign(target=ast.Name(id=name)):
                given.setdefault(name, []).append(node)
    for name, (node, *_) in given.items():
        if name.isupper() and isinstance(node.value, ast.Dict):
            yield from (("", text) for text in constants(node.value) if text and "{" not in text)
    for cell in cells:
        if cell["cell_type"] == "markdown" and "remove-cell" not in cell["metadata"].get(
            "tags", ()
        ):
            yield from (
                ("", line.lstrip("# "))
                for line in "".join(cell["source"]).splitlines()
                if line.startswith("#")
            )
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        name = getattr(call.func, "id", "")
        if name == "p":
            yield from of_phrase(f"{path.name}, cell {cell_at(sources, call.lineno)}", call, given)
        words = [named[word] for word in WORDS if word in named]
        if name in SHOWN:
            words += [named[part] for part in SHOWN[name] if part in named] + call.args[1:2]
        for word in words:
            found = [text for value in values(word, given) for text in constants(value)]
            yield from (("", text) for text in found if re.search("[a-z]{3}", text))


def cell_at(sources: Iterable[str], line: int) -> int:
    """The number of the cell of code, from one, in which a line of all of them stands."""
    ends = itertools.accumulate(source.count("\n") + 1 for source in sources)
    return 1 + sum(end < line for end in ends)


def of_phrase(where: str, call: ast.Call, given: Given) -> Iterator[Text]:
    """The sentences that one call of `p` may say. where: file and cell. Raises ValueError where one
    cannot be told, or has a field that is none."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    context = str(ast.literal_eval(named["context"])) if "context" in named else ""
    for asked in (call.args[0], named.get("one")):
        if asked is None:
            continue
        said = [*sentences(asked, given)]
        if not said:
            raise ValueError(f"{where}: write the sentence of {ast.unparse(call)} in the cell")
        for sentence in said:
            try:
                phrases.refuse_misspelt(sentence)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
        yield from ((context, sentence) for sentence in said if sentence)


def sentences(node: ast.expr, given: Given) -> Iterator[str]:
    """The sentences that an expression may be; none where that cannot be told."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from sentences(node.body, given)
            yield from sentences(node.orelse, given)
        case ast.Subscript():
            yield from sentences(node.value, given)
        case ast.Dict():
            for value in node.values:
                yield from sentences(value, given)
        case ast.Name() if node.id in given:
            before = [each for each in given[node.id] if each.lineno < node.lineno]
            yield from sentences((before or given[node.id])[-1].value, given)


def values(node: ast.expr, given: Given) -> list[ast.expr]:
    """What an argument is, or what its name is given anywhere in the chapter."""
    if isinstance(node, ast.Name):
        return [each.value for each in given.get(node.id, ())]
    return [node]


def constants(node: ast.expr) -> Iterator[str]:
    """Texts that stand in an argument by themselves or as values of a mapping."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Dict():
            for value in node.values:
                yield from constants(value)


def of_library() -> Iterator[Text]:
    """The texts of a report's frame: of its templates and of what sets it."""
    for path in (ROOT / "lib" / "siting_report").rglob("*.j2"):
        found = re.findall(r"\bt\((['\"])(.+?)\1\)", path.read_text(encoding="utf-8"))
        yield from (("", text) for _, text in found)
    for path in sorted((ROOT / "lib").glob("siting*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="told" | "word" as how), args=[said]):
                    context = "number" if how == "word" else ""
                    yield from ((context, text) for text in constants(said))
                case ast.Call(func=ast.Attribute(attr="phrases"), args=[ast.Constant() as said]):
                    yield ("", str(said.value))
                    ones = (k.value for k in node.keywords if k.arg == "one")
                    yield from (("", str(ast.literal_eval(one))) for one in ones)
                case ast.Assign(targets=[ast.Name(id="SCRIPTED")]):
                    yield from (("", text) for text in ast.literal_eval(node.value))
    number_words = (*phrases.SPELT, "million", "billion", "never", "undated")
    yield from (("number", word) for word in number_words)


def of_facts() -> Iterator[Text]:
    """The texts of the facts that the six pages print."""
    tables = {facts_dir() / name: columns for name, columns in FACTS.items()}
    for path, columns in {**tables, **FORMS}.items():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for text in filter(None, (row[column].strip() for column in columns)):
                    if not re.fullmatch(r"\{\w+\}", text):
                        yield (texts.FACT if "{" in text else "", text)


def of_report(folder: Path) -> Iterator[Text]:
    """The texts of a report that are not translated yet."""
    for path in sorted(folder.glob("notebooks/*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", ()):
                noted = output.get("metadata", {}).get("untranslated", ())
                yield from (("", text) for text in noted)


def updated(old: Catalog, found: Iterable[Text], shown: Iterable[Text]) -> Catalog:
    """The catalogue with what is found now, and the translations that it has."""
    new = Catalog(locale=old.locale)
    for comment, each in (("", found), (KEPT, shown)):
        for context, text in dict.fromkeys(each):
            if new.get(text, context or None) is None:
                before = old.get(text, context or None)
                told = before.string if before is not None else None
                new.add(
                    text, told, context=context or None, auto_comments=list(filter(None, [comment]))
                )
    return new


def main(reports: Iterable[str]) -> None:
    chapters = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
    found = [text for path in chapters for text in of_cells(path)]
    found += [*of_library(), *of_facts()]
    for path in sorted(texts.FOLDER.glob("*.po")):
        with path.open("rb") as file:
            old = read_po(file, locale=path.stem)
        shown = [(m.context or "", m.id) for m in old if KEPT in m.auto_comments]
        shown += [text for folder in reports for text in of_report(Path(folder))]
        new = updated(old, found, shown)
        with path.open("wb") as file:
            write_po(file, new, width=100, no_location=True, omit_header=True)
        lacking = len(new) - len(texts.read(path))
        print(f"{path.name}: {len(new)} texts, {lacking} not translated", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
