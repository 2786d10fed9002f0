"""Settings of the documentation: ``make docs``, or ``make docs RUN=runs/demo`` after a run.

The notebooks are shown as they were executed in the run folder DICENTLIB_RUN, else without their
results. The tutorial is executed whenever the documentation is built.
"""

import os
import shutil
import sys
from pathlib import Path

import dicentlib

sys.path.insert(0, str(Path(__file__).parent))
from api_pages import write_api_pages

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "docs" / "notebooks"

project = "dicentlib"
author = "the dicentlib developers"
release = version = dicentlib.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
]
# the first is the form of the generated pages
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
templates_path = ["_templates"]
root_doc = "index"
exclude_patterns = ["tables"]  # parts of pages, written by benchmarks

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_excludepatterns = ["notebooks/*"]
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "remove"

autodoc_typehints = "none"
autodoc_inherit_docstrings = False
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
numpydoc_show_class_members = False
numpydoc_validation_checks = set()

html_theme = "pydata_sphinx_theme"
html_title = "dicentlib"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"index": [], "tutorial": []}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "use_edit_page_button": False,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_end": ["theme-switcher"],
    "footer_start": [],
    "footer_end": [],
}


def copy_notebooks():
    """Put the notebooks of the run, or of the repository, where the pages can include them."""
    run = os.environ.get("DICENTLIB_RUN", "")
    executed = Path(run).absolute() / "notebooks" if run else None
    if executed and not executed.is_dir():
        raise FileNotFoundError(f"{executed}: no such folder; expected the notebooks of a run")
    shutil.rmtree(NOTEBOOKS, ignore_errors=True)
    NOTEBOOKS.mkdir()
    for path in sorted((executed or ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        text = path.read_text(encoding="utf-8").replace("](../docs/", "](../")
        (NOTEBOOKS / path.name).write_text(text, encoding="utf-8")


copy_notebooks()
write_api_pages(ROOT / "docs" / "api")
