"""The library as others install it: a wheel, without the test extras."""

import errno
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import house
import pytest

ROOT = Path(__file__).parents[1]
TEST_ONLY = (
    "pytest hypothesis mypy selenium nbval formulas pdfua pypdf ruff pyarrow distributed ipywidgets"
)


MACHINES = ("  rented: {}\n", "  owned: {country: DE}\n", "  hybrid: {}\n")
"""Options of a new client that need most work, one after the other."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that no build folder is left behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("lib", "notebooks", "params"):
        shutil.copytree(ROOT / name, folder / name, ignore=left_out)
    words = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "."]
    subprocess.run([sys.executable, *words], cwd=folder, check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has put the wheel, compiled."""
    folder = tmp_path_factory.mktemp("installed")
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(wheel)]
    subprocess.run([sys.executable, *words], check=True)
    return folder


def run(code: str, installed: Path, folder: Path) -> None:
    """Runs Python that finds the packages installed there, and fails where it does."""
    environment = {"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_facts_theme_and_templates(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(p.relative_to(ROOT / "lib"))
        for package in house.PACKAGES
        for p in (ROOT / "lib" / package).rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert wanted <= inside


def test_the_wheel_requires_nothing_of_the_test_extras(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = [n for n in archive.namelist() if n.endswith("METADATA")]
    required = Parser().parsestr(archive.read(name).decode()).get_all("Requires-Dist") or []
    plain = {re.split(r"[^\w.-]", r)[0].lower() for r in required if "extra ==" not in r}
    assert not plain & set(TEST_ONLY.split())


def test_the_wheel_imports_and_works_without_the_test_extras(installed, tmp_path):
    code = f"""
import sys
class Missing:  # importing a test extra fails, as if it were not installed
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(TEST_ONLY.split())!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import pkgutil, importlib, siting
assert siting.__file__.startswith({str(installed)!r}), siting.__file__
for module in pkgutil.walk_packages(siting.__path__, "siting."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from siting import catalogue
assert catalogue.gpu("h200-sxm5-141gb")
from siting_validation import comparison
rows = comparison.read(__import__('pathlib').Path({str(ROOT / "tests" / "data" / "vram.csv")!r}))
assert comparison.compare("vram", rows[:1]).central.any()
"""
    run(code, installed, tmp_path)


def test_a_wheel_without_the_packages_beside_works_and_says_what_is_missing(installed, tmp_path):
    left_out = shutil.ignore_patterns(*house.BESIDE)
    shutil.copytree(installed, tmp_path, ignore=left_out, dirs_exist_ok=True)
    code = f"""
import sys
sys.path[:] = [p for p in sys.path if not p.startswith({str(ROOT)!r}) or "site-packages" in p]
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in str(f).lower()]
from click.testing import CliRunner
from siting import catalogue, study
from siting.cli import cli
opened = study.open({str(ROOT / "params" / "base.yaml")!r})
assert opened.has("sums") and not opened.has("seal_levels") and not opened.files()
for words, said in (
    (["audit", "base", "x.csv"], "siting_bills, which has this command, is not installed"),
    (["import", "load", "x.csv"], "siting_logs, which has this command, is not installed"),
    (["fit", "--model", "config.json", "--gpu", "h200-sxm5-141gb"], "siting_hf is not installed"),
):
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2 and said in done.output, done.output
assert "audit" not in CliRunner().invoke(cli, ["--help"]).output
try:
    opened.seal_levels()
except AttributeError as error:
    assert "siting_seal with further frames is not installed" in str(error), error
"""
    run(code, tmp_path, tmp_path)


def test_the_lock_files_pin_every_requirement_with_a_hash_and_name_no_registry():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for lock, wanted in (
        ("requirements.lock", project["dependencies"]),
        (
            "requirements-test.lock",
            [r for e in project["optional-dependencies"].values() for r in e],
        ),
    ):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert "://" not in text
        pinned = {_key(m[1]): m[0] for m in re.finditer(r"^([\w.-]+)==\S+ \\$", text, re.MULTILINE)}
        assert len(re.findall(r"^\S", text, re.MULTILINE)) == len(pinned)
        for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]:
            assert "--hash=sha256:" in block
        names = {_key(re.split(r"[^\w.-]", r)[0]) for r in wanted}
        assert names - {"siting"} <= set(pinned), f"{lock}: run `make lock`"


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_wheel_alone_makes_a_report_in_an_empty_folder(installed, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def siting(*words: str) -> str:
        command = [sys.executable, "-m", "siting", *words]
        done = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "Next: siting report" in siting("init")
    assert {"README.md", "notebooks", "params"} == {p.name for p in empty.iterdir()}
    chapters = {p.name for p in (ROOT / "notebooks").glob("[0-9]*.ipynb")}
    assert chapters <= {p.name for p in (empty / "notebooks").iterdir()}
    example = empty / "params" / "example.yaml"  # one of its options, to be quick
    text = example.read_text(encoding="utf-8")
    assert all(option in text for option in MACHINES)
    example.write_text(text.replace("".join(MACHINES), ""), encoding="utf-8")
    siting("report", "--format", "html")
    assert (empty / "reports" / "example" / "report.html").stat().st_size > 100_000


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path):
    from siting.inputs import starter
    from siting.inputs.scenario import DocumentError

    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(DocumentError, match="nothing was written"):
        starter.init(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["README.md"]


def test_a_place_where_a_project_cannot_be_written_is_refused_and_left_as_it_is(
    tmp_path, monkeypatch
):
    from siting.inputs import starter
    from siting.inputs.scenario import DocumentError

    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "params").symlink_to("/nowhere")
    places = ("file/below", "linked", "a" * 300)
    for place in (*(tmp_path / place for place in places), Path("/proc/x")):
        with pytest.raises(DocumentError, match=r"cannot be written|is there already") as refused:
            starter.init(place)
        assert len(str(refused.value).splitlines()) == 1

    def full(path: Path, _: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        with pytest.raises(DocumentError, match="No space left"):
            starter.init(tmp_path / "full")
    assert {p.name for p in tmp_path.iterdir()} == {"file", "linked", "full"}
    assert [p.name for p in (tmp_path / "linked").iterdir()] == ["params"]
    assert not [*(tmp_path / "full").iterdir()]
    assert len(starter.init(tmp_path / "full")) > 20


def test_a_version_is_the_same_wherever_it_is_said():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in cited
    assert f"\n## {version} (" in changes
