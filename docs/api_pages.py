"""Pages of the reference, one per package, written from what each package offers."""

import importlib
import inspect
import pkgutil
import shutil
import sys
from pathlib import Path

import dicentlib

PARTS = {  # package or module: its heading, in the order of the index
    "dicentlib": "The door",
    "dicentlib.data": "Images, tables and annotations",
    "dicentlib.tables": "Tables of text",
    "dicentlib.simulation": "Simulated metaphases",
    "dicentlib.filtering": "Image filter",
    "dicentlib.model": "Network",
    "dicentlib.loss": "Loss",
    "dicentlib.training": "Training",
    "dicentlib.ensemble": "Ensembles",
    "dicentlib.voting": "Votes and detections",
    "dicentlib.operating_point": "Operating point",
    "dicentlib.evaluation": "Evaluation",
    "dicentlib.latent": "Latent trajectories",
    "dicentlib.scoring": "Scoring a folder",
    "dicentlib.counts": "Statistics of counts",
    "dicentlib.calibration": "Calibration curves",
    "dicentlib.dose": "Dose",
    "dicentlib.planning": "Planning",
    "dicentlib.own_slides": "Own slides",
    "dicentlib.review": "Review",
    "dicentlib.report": "Report",
    "dicentlib.plotting": "Figures",
    "dicentlib.widgets": "Sliders and gallery",
    "dicentlib.runs": "Run folders",
    "dicentlib.segmentation": "Image analysis",
    "dicentlib.files": "Files",
    "dicentlib.errors": "Errors",
}
WITHOUT_PAGE = {f"dicentlib.{name}" for name in ("__main__", "commands", "conventions", "threads")}
INDEX = """Reference
=========

Everything that can be imported. A name is listed once, where it is meant to be imported from.

.. toctree::
   :maxdepth: 1

{entries}
"""


def write_api_pages(folder):
    """Write ``index.rst`` and a page for each part into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir()
    parts = list(PARTS)
    found = [f"dicentlib.{one.name}" for one in pkgutil.iter_modules(dicentlib.__path__)]
    parts += [part for part in found if part not in {*PARTS, *WITHOUT_PAGE}]
    listed = {}
    pages = {part: _page(part, listed) for part in parts if part != "dicentlib"}
    pages["dicentlib"] = _door(listed)
    for part, text in pages.items():
        (Path(folder) / f"{part}.rst").write_text(text)
    entries = "\n".join(f"   {part}" for part in parts)
    (Path(folder) / "index.rst").write_text(INDEX.format(entries=entries))


def _door(listed):
    """The names at the door lead to the pages of their packages."""
    names = [f"   ~{listed[value]}" for value in _offered(dicentlib).values()]
    return "\n".join([*_head("dicentlib", dicentlib), ".. autosummary::", "", *names, ""])


def _page(part, listed):
    module = importlib.import_module(part)
    blocks = [*_head(part, module), *_list(part, _offered(module), listed)]
    for path in getattr(module, "__path__", ()):
        for found in sorted(pkgutil.iter_modules([path]), key=lambda one: one.name):
            name = f"{part}.{found.name}"
            blocks += _list(name, _offered(importlib.import_module(name)), listed, title=True)
    return "\n".join(blocks) + "\n"


def _head(part, module):
    title = PARTS.get(part) or part.rpartition(".")[2].replace("_", " ").capitalize()
    heading = f"{title} (``{part}``)"
    return [heading, "=" * len(heading), "", inspect.getdoc(module) or "", ""]


def _offered(module):
    """Public functions and classes: ``__all__``, or what a package imports or a module defines."""
    homes = {module.__name__}
    if hasattr(module, "__path__"):
        homes = {name for name in sys.modules if name.startswith("dicentlib.")}
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") in homes
    ]
    values = {name: getattr(module, name) for name in names}
    return {n: v for n, v in values.items() if inspect.isclass(v) or inspect.isfunction(v)}


def _list(name, values, listed, *, title=False):
    new = {key: value for key, value in values.items() if value not in listed}
    if not new:
        return []
    listed |= {value: f"{name}.{key}" for key, value in new.items()}
    heading = [f"``{name}``", "-" * (len(name) + 4), ""] if title else []
    table = [f".. currentmodule:: {name}", "", ".. autosummary::", "   :toctree: generated", ""]
    return [*heading, *table, *(f"   {key}" for key in sorted(new)), ""]
