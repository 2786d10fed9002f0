"""The numbered notebooks run one after the other, with the parameters of a preset."""

import sys
import time
from pathlib import Path

import papermill

from dicentlib import errors
from dicentlib.errors import InputError
from dicentlib.files import atomic_path, read_json
from dicentlib.runs.folder import notebook_paths, project_root
from dicentlib.runs.parameters import typed_parameters

LAST = "07_dose_report"  # later notebooks are about a laboratory's own slides


def read_preset(preset):
    """Parameters by notebook, from ``notebooks/presets/<preset>.json`` or from a path.

    Raises
    ------
    InputError
        The file is absent, is not JSON, or names a notebook that does not exist.
    """
    path = Path(preset)
    if path.suffix != ".json":
        path = project_root() / "notebooks" / "presets" / f"{preset}.json"
    parameters = read_json(path)
    unknown = sorted(set(parameters) - set(notebook_paths()))
    if unknown:
        raise InputError(
            f"{path}: no notebook named {', '.join(unknown)}; "
            f"allowed: {', '.join(notebook_paths())}"
        )
    return parameters


def run_notebook(notebook_path, run_dir, parameters):
    """Execute one notebook into ``<run_dir>/notebooks/``; return the executed copy's path.

    What the notebook writes to the error stream (progress bars with the time left) is
    passed on as it comes. The executed copy is kept also when a cell fails.
    """
    run_dir = Path(run_dir).absolute()
    parameters = typed_parameters(notebook_path, {**parameters, "run_dir": str(run_dir)})
    executed = run_dir / "notebooks" / Path(notebook_path).name
    executed.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic_path(executed) as temporary:
            papermill.execute_notebook(
                str(notebook_path),
                str(temporary),
                parameters=parameters,
                kernel_name="python3",
                progress_bar=False,
                stderr_file=sys.stderr,
                # a kernel on this machine warns at each start that its sockets are TCP
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
            )
    except papermill.PapermillExecutionError as error:
        kind = getattr(errors, error.ename, None)
        if isinstance(kind, type) and issubclass(kind, errors.DicentlibError):
            raise kind(error.evalue) from error
        raise RuntimeError(f"{Path(notebook_path).name} failed: {error}") from error
    return executed


def run_pipeline(preset, run_dir, *, first=None, last=None):
    """Run the numbered notebooks in order into one run folder.

    Parameters
    ----------
    preset : str
        Name of a preset in ``notebooks/presets/`` or a path to a JSON file of parameters
        by notebook. A notebook that the preset does not name runs with its own defaults.
    run_dir : path-like
        The run folder.
    first, last : str, optional
        Names without suffix of the first and last notebook to run. Default: 01 to 07.

    Returns
    -------
    list of str
        Names of the notebooks that were run.

    Raises
    ------
    InputError
        A name or parameter is unknown, or `last` comes before `first`.
    """
    notebooks = notebook_paths()
    for name in (first, last):
        if name is not None and name not in notebooks:
            raise InputError(f"{name}: no such notebook; allowed: {', '.join(notebooks)}")
    names = [n for n in notebooks if (first or n) <= n <= (last or LAST)]
    if not names:
        raise InputError(f"{last or LAST} comes before {first}; no notebook lies between")
    parameters = read_preset(preset)
    for name in names:
        typed_parameters(notebooks[name], parameters.get(name, {}))
    began = time.monotonic()
    for number, name in enumerate(names, start=1):
        print(f"[{number}/{len(names)}] {name}", flush=True)
        started = time.monotonic()
        run_notebook(notebooks[name], run_dir, parameters.get(name, {}))
        now = time.monotonic()
        print(f"    {now - started:.0f} s; {now - began:.0f} s in all", flush=True)
    return names


def summary(run_dir):
    """The run's result in words: dose, interval, true dose where it is known, report."""
    run_dir = Path(run_dir)
    dose = read_json(run_dir / "dose.json")
    lines = []
    for sample in dose["samples"]:
        found, lower, upper = (_gray(sample[f"{end}_gy"]) for end in ("dose", "lower", "upper"))
        interval, method = f"{sample['level']:.0%} interval", sample["method"]
        dose_text = f"{found}, {interval} {lower} to {upper} ({method})"
        if sample["dose_gy"] is None:
            dose_text = "not estimable"
        elif not sample["above_background"]:
            dose_text = f"not above the background, upper end of the {interval} ({method}): {upper}"
        lines.append(f"{sample['sample']}: {dose_text}")
        if sample.get("true_dose_gy") is not None:
            lines.append(f"    true dose of this simulated sample: {sample['true_dose_gy']:.2f} Gy")
    lines.append(f"report: {run_dir / 'report.html'}")
    return "\n".join(lines)


def _gray(dose):
    """A dose in words; a limit that does not exist is null or text in ``dose.json``."""
    return f"{dose:.2f} Gy" if isinstance(dose, (int, float)) else "no limit"
