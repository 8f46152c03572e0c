"""Writes the page on licences from what is installed: `python docs/licences.py`.

`--sizes` prints instead what each package takes on disk, the largest first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).parent / "licences.md"
INTRODUCTION = """\
# Licences of what is installed

Written by `make generated` from the metadata of the packages of `requirements.lock`, which is what
`make reports` installs; what tests and documentation need beside it (`requirements-test.lock`) is
not handed on with a report. The kit itself is under the MIT licence. Whoever hands an environment
on, as an image or a folder, hands on these packages and owes what their licences ask: as a rule
their notices. None of them is under the GPL or the AGPL as a whole; the wheels of NumPy and SciPy
carry GCC's run-time library, under the GPL with the exception that leaves free what uses it. A
report holds none of their code; its typeface, Source Sans, is under the SIL Open Font License.
"""
UNTOLD = {"currencyconverter": "Apache-2.0"}
"""Where a package's metadata say nothing: as its file of the licence has it."""
USUAL = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
}
"""A classifier's words as the usual short name; BSD where it does not say of how many clauses."""


def locked() -> list[str]:
    """Names of the packages of requirements.lock."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, re.MULTILINE)


def licence(package: metadata.Distribution) -> str:
    """What a package's metadata say of its licence. Raises ValueError where they say nothing."""
    said = package.metadata
    expression = said.get("License-Expression")
    classes = [c.rpartition(" :: ")[2] for c in said.get_all("Classifier") or [] if "License" in c]
    stated = (said.get("License") or "").strip().splitlines()
    if expression:
        found = expression
    elif classes:
        found = "; ".join(USUAL.get(name, name) for name in classes)
    elif stated:
        found = USUAL.get(stated[0], stated[0])
    else:
        found = UNTOLD.get(package.name.lower(), "")
    if not found:
        raise ValueError(f"{package.name}: its metadata name no licence; read its file")
    return found


def rows() -> Iterator[str]:
    """A row of the table for each package."""
    for name in locked():
        package = metadata.distribution(name)
        yield f"| {name} | {package.version} | {licence(package)} |"


def page() -> str:
    """The whole page."""
    head = ("| package | version | licence |", "|---|---|---|")
    return "\n".join([INTRODUCTION, *head, *rows(), ""])


def size(name: str) -> float:
    """What a package's files take on disk, with what Python compiled of them. [MB]"""
    package = metadata.distribution(name)
    places = [Path(str(package.locate_file(file))) for file in package.files or []]
    return sum(place.stat().st_size for place in places if place.is_file()) / 1e6


def main() -> None:
    if "--sizes" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
        return
    sizes = {name: size(name) for name in locked()}
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        print(f"{sizes[name]:8.1f}  {name}")
    print(f"{sum(sizes.values()):8.1f}  together, MB")


if __name__ == "__main__":
    main()
