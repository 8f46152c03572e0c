"""A folder to begin in, for who installed the package without the repository."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from pathlib import Path

from siting.inputs.document import DocumentError
from siting.inputs.scenario import new_text

_EXAMPLE = "example"


def init(target: Path) -> list[Path]:
    """Writes notebooks, params with an example client, and a README; says which files.

    Raises DocumentError where a part is there already, or none can be written: then none is.
    """
    files = {name: source.read_bytes() for name, source in _shipped().items()}
    files[f"params/{_EXAMPLE}.yaml"] = new_text(_EXAMPLE, dt.date.today()).encode()
    parts = dict.fromkeys(name.partition("/")[0] for name in files)
    if taken := [name for name in parts if os.path.lexists(target / name)]:
        wrong = "is there already; nothing was written"
        raise DocumentError.of(target / taken[0], wrong, "name an empty folder")
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".siting-", dir=target) as folder:
            for name, content in files.items():
                Path(folder, name).parent.mkdir(exist_ok=True)
                Path(folder, name).write_bytes(content)
            for name in parts:
                os.rename(Path(folder, name), target / name)
    except OSError as error:
        wrong = f"cannot be written ({error.strerror})"
        raise DocumentError.of(target, wrong, "name another folder") from None
    return [target / name for name in files]


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
    raise DocumentError.of("siting", wrong, "install the wheel with pip")
