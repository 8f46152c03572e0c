"""A folder to begin in, for who installed the package without the repository."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

from siting.inputs.scenario import ScenarioError, new_text

_EXAMPLE = "example"


def init(target: Path) -> list[Path]:
    """Writes notebooks, params with an example client, and a README; says which files.

    Raises ScenarioError where one of them is there already: nothing is overwritten.
    """
    files = _shipped()
    wanted = [*files, f"params/{_EXAMPLE}.yaml"]
    taken = [name for name in wanted if (target / name).exists()]
    if taken:
        wrong = "is there already; nothing was written"
        raise ScenarioError.of(target / taken[0], wrong, "name an empty folder")
    for name, source in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / name)
    text = new_text(_EXAMPLE, dt.date.today())
    (target / "params" / f"{_EXAMPLE}.yaml").write_text(text, encoding="utf-8")
    return [target / name for name in wanted]


def _shipped() -> dict[str, Path]:
    """A project's files by their place in it, those of the checkout or of the wheel.

    pip puts them into `share/siting` of the environment, beside the `lib` that holds this file.
    """
    here = Path(__file__).resolve()
    for folder in (here.parents[3], *(parent / "share" / "siting" for parent in here.parents)):
        if (folder / "params" / "base.yaml").is_file():
            paths = [*folder.glob("notebooks/*.ipynb"), folder / "params" / "base.yaml"]
            paths.append(folder / "params" / ".schema.json")
            files = {str(p.relative_to(folder)): p for p in sorted(paths)}
            return {**files, "README.md": here.parent / "new_project.md"}
    wrong = "its notebooks were not installed"
    raise ScenarioError.of("siting", wrong, "install the wheel with pip")
