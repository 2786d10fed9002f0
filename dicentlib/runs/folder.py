"""Run folders: parameters and manifest.

A run is a folder. Every notebook opens it with :func:`open_run`, which records the
notebook's parameters in ``params.json`` and where they were run (versions, commit, time)
in ``manifest.json``; later notebooks read only from the folder.
"""

import ast
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pandas as pd

from dicentlib.errors import InputError
from dicentlib.files import read_json, write_json

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


def open_run(run_dir, notebook, parameters):
    """Create or open a run folder and record a notebook's parameters in it.

    Parameters
    ----------
    run_dir : path-like
        The run folder, see :func:`resolve`.
    notebook : str
        Name without suffix, for example ``"04_thresholds"``.
    parameters : dict
        Every parameter of the notebook's parameters cell, by name.

    Returns
    -------
    pathlib.Path
        The run folder; ``figures/`` exists in it.

    Raises
    ------
    InputError
        papermill injected a parameter that the notebook does not have.
    """
    unknown = sorted(_injected_names() - set(parameters) - {"run_dir"})
    if unknown:
        raise InputError(
            f"{notebook}: unknown parameter {', '.join(unknown)}; "
            f"allowed: {', '.join(sorted({'run_dir', *parameters}))}"
        )
    run = resolve(run_dir)
    (run / "figures").mkdir(parents=True, exist_ok=True)
    _update_json(run / "params.json", notebook, parameters)
    record(run, notebook, started=datetime.now(UTC).isoformat(timespec="seconds"))
    return run


def _injected_names():
    """Names assigned by the cell that papermill injected into the running notebook, if any."""
    from IPython import get_ipython

    shell = get_ipython()
    history = shell.user_ns.get("In", []) if shell else []
    injected = [source for source in history if source.startswith("# Parameters")]
    nodes = [node for source in injected for node in ast.parse(source).body]
    targets = [t for node in nodes if isinstance(node, ast.Assign) for t in node.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def record(run, notebook, **facts):
    """Add facts (seed, device, digests, counts...) to a notebook's entry in ``manifest.json``."""
    manifest = read_json(run / "manifest.json") if (run / "manifest.json").exists() else {}
    entry = manifest.get(notebook, {}) | environment() | facts
    _update_json(run / "manifest.json", notebook, entry)


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


def stamp(run, notebook):
    """Provenance of a notebook's run as a two-column table, for the notebook's last cell."""
    entry = read_json(run / "manifest.json")[notebook]
    rows = {name: value for name, value in entry.items() if name != "versions"}
    rows |= {f"{name} version": value for name, value in entry["versions"].items()}
    return pd.DataFrame({"": {name: str(value) for name, value in rows.items()}})
