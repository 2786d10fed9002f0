"""Run folders: parameters and manifest.

A run is a folder. Every notebook opens it with :func:`open_run`, which records the
notebook's parameters in ``params.json`` and where they were run (versions, commit, time)
in ``manifest.json``; later notebooks read only from the folder.
"""

import ast
import platform
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from dicentlib.errors import InputError
from dicentlib.files import atomic_path, read_json, write_json
from dicentlib.runs.parameters import notebook_parameters, typed_parameters

PACKAGES = (
    "dicentlib",
    "torch",
    "segmentation-models-pytorch",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "statsmodels",
)


def project_root(start=None):
    """Nearest folder at or above `start` (default: working folder) holding ``pyproject.toml``.

    Returns the working folder itself when there is none.
    """
    start = Path(start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    return start


def resolve(path):
    """Absolute form of `path`: as given, else below the working folder, else below the project.

    Notebooks run from ``notebooks/`` in JupyterLab and from the project's root under
    papermill; a relative path means the same place in both.
    """
    path = Path(path).expanduser()
    if path.is_absolute() or path.exists():
        return path.absolute()
    return project_root() / path


def notebook_paths(root=None):
    """The numbered notebooks of a project, in order, by name without suffix.

    Without `root` they are those of the project around the working folder, or else of this
    library's own checkout.

    Raises
    ------
    InputError
        There is no ``notebooks/`` folder with numbered notebooks.
    """
    roots = [Path(root)] if root else [project_root(), project_root(Path(__file__).parent)]
    for folder in (place / "notebooks" for place in roots):
        if found := sorted(folder.glob("[0-9][0-9]_*.ipynb")):
            return {path.stem: path for path in found}
    raise InputError(f"{roots[0] / 'notebooks'}: no numbered notebooks (NN_topic.ipynb) here")


@dataclass(frozen=True)
class Run:
    """A run folder as one notebook sees it; ``run / name`` is a path in it."""

    folder: Path
    notebook: str  # for example "04_thresholds"
    parameters: dict  # of the notebook's parameters cell, without run_dir

    def __fspath__(self):
        return str(self.folder)

    def __truediv__(self, name):
        return self.folder / name

    @property
    def name(self):
        """Name of the folder."""
        return self.folder.name

    def at(self, folder):
        """The same notebook with results in another folder."""
        return replace(self, folder=Path(folder))

    def save(self, figure, name):
        """Write a figure to ``figures/NN_name.png``, NN being the notebook's number."""
        number = self.notebook.partition("_")[0]
        with atomic_path(self / "figures" / f"{number}_{name}.png") as temporary:
            figure.savefig(temporary)

    def read_numbers(self, name, columns, *, text=()):
        """A CSV table of numbers that an earlier notebook wrote into the run.

        Parameters
        ----------
        name : str
        columns : sequence of str
            Needed, with numbers.
        text : sequence of str
            Needed, with text.

        Returns
        -------
        DataFrame

        Raises
        ------
        InputError
            A column is absent or holds something else, as after a spreadsheet saved the file.
        """
        path = self / name
        table = pd.read_csv(path, dtype=dict.fromkeys(text, str))
        for column in [*columns, *text]:
            if column not in table or (column in columns and not is_numeric_dtype(table[column])):
                raise InputError(
                    f"{path}: column {column} is missing or not numeric; perhaps another "
                    "program saved the file: rerun the notebook that writes it"
                )
        return table

    def record(self, **facts):
        """Add facts (seed, device, digests, counts...) to the notebook's manifest entry."""
        manifest = self / "manifest.json"
        entry = read_json(manifest).get(self.notebook, {}) if manifest.exists() else {}
        _update_json(manifest, self.notebook, entry | environment() | facts)

    def stamp(self):
        """Provenance as a two-column table, for the notebook's last cell."""
        entry = read_json(self / "manifest.json")[self.notebook]
        rows = {name: value for name, value in entry.items() if name != "versions"}
        rows |= {f"{name} version": value for name, value in entry["versions"].items()}
        return pd.DataFrame({"": {name: str(value) for name, value in rows.items()}})


def open_run(notebook, namespace):
    """Create or open the run folder of a notebook and record the notebook's parameters.

    Parameters
    ----------
    notebook : str
        Name without suffix, for example ``"04_thresholds"``.
    namespace : dict
        ``globals()`` of the notebook: holds a value for every name in its parameters cell,
        ``run_dir`` among them (see :func:`resolve`). Each gets the type of its default
        (:mod:`dicentlib.runs.parameters`): ``"false"`` becomes False, ``2`` becomes 2.0.

    Returns
    -------
    Run
        ``figures/`` exists in its folder.

    Raises
    ------
    InputError
        papermill injected a parameter that the notebook does not have, or a value is of
        another type than the default.
    """
    path = notebook_paths()[notebook]
    names = set(notebook_parameters(path)) | _injected_names(namespace)
    typed = typed_parameters(path, {name: namespace.get(name) for name in sorted(names)})
    namespace.update(typed)
    parameters = {name: value for name, value in typed.items() if name != "run_dir"}
    run = Run(resolve(namespace["run_dir"]), notebook, parameters)
    (run / "figures").mkdir(parents=True, exist_ok=True)
    _update_json(run / "params.json", notebook, parameters)
    run.record(started=datetime.now(UTC).isoformat(timespec="seconds"))
    return run


def _injected_names(namespace):
    """Names assigned by the cell that papermill injected into the running notebook, if any."""
    cells = [source for source in namespace.get("In", []) if source.startswith("# Parameters")]
    nodes = [node for source in cells for node in ast.parse(source).body]
    targets = [t for node in nodes if isinstance(node, ast.Assign) for t in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _update_json(path, key, value):
    content = read_json(path) if path.exists() else {}
    write_json(path, content | {key: value})


def environment():
    """Versions, platform and commit of the running program, as a dict of text."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "absent"
    return {
        "versions": versions,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain")),
    }


def _git(*arguments):
    """Output of a git command in the library's checkout; empty outside a checkout."""
    result = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() if result.returncode == 0 else ""
