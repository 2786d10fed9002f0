"""A laboratory's report as one HTML file that needs nothing else; PDF where Chromium is.

:class:`Page` collects blocks by heading; the functions of this module make the blocks.
"""

import base64
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import display
from markupsafe import Markup

from dicentlib.errors import InputError
from dicentlib.files import atomic_path
from dicentlib.report import template

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

LONG_TEXT = 40  # characters; a table with such a cell takes the whole width


class Page:
    """A report in the making: sections in the order in which their headings first came.

    Parameters
    ----------
    title, subtitle : str
        Plain text.
    """

    def __init__(self, title, subtitle=""):
        self.title, self.subtitle, self.sections = title, subtitle, {}

    def add(self, heading, *blocks):
        """Append blocks to a section, and display them where IPython runs.

        A block that the section already holds is not added again, so that a notebook's cell can
        be run twice.

        Parameters
        ----------
        heading : str
            Plain text; "" prints no heading.
        *blocks : Markup
            Made by the functions of this module.
        """
        section = self.sections.setdefault(heading, [])
        section += [block for block in blocks if block not in section]
        display(_Shown("".join(blocks)))

    def replace(self, heading, *blocks):
        """A section whose blocks depend on answers: these blocks instead of those it has.

        Run again with other answers, a notebook's cell leaves nothing of the earlier ones.

        Parameters
        ----------
        heading, *blocks
            As of :meth:`add`.
        """
        self.sections[heading] = []
        self.add(heading, *blocks)

    def write(self, path):
        """Write the report: one file, no scripts, no links to the outside.

        Raises
        ------
        InputError
            Nothing was added.
        """
        if not self.sections:
            raise InputError(f"{path}: a report needs at least one section")
        with atomic_path(path) as temporary:
            temporary.write_text(
                template.page.render(vars(self) | {"css": template.CSS}), encoding="utf-8"
            )


class _Shown(str):
    """Blocks as IPython shows them."""

    def _repr_html_(self):
        return str(self)

    def __repr__(self):
        return f"<{len(self)} characters of the report>"


def text(*paragraphs):
    """Paragraphs of plain text."""
    return template.blocks.text(paragraphs)


def headline(label, value, *sentences):
    """The result in large type, with sentences below it."""
    return template.blocks.headline(label, value, sentences)


def notice(title, statements):
    """A box of warnings; empty where there are none."""
    return template.blocks.notice(title, statements) if statements else Markup()


def facts(entries):
    """Name and value pairs as a two-column table; an empty value reads "not stated"."""
    return template.blocks.facts(entries)


def table(frame, *, caption=""):
    """A data frame without its index; numbers to the right.

    Numbers are written as they are: format them before, and give text where precision matters.
    """
    rows = [[str(item) for item in row] for row in frame.itertuples(index=False, name=None)]
    numeric = [all(map(_reads_as_number, column)) for column in zip(*rows, strict=True)]
    wide = any(len(item) > LONG_TEXT for row in rows for item in row)
    columns = list(zip(map(str, frame.columns), numeric or [False] * frame.shape[1], strict=True))
    return template.blocks.table(columns, rows, caption, wide)


def _reads_as_number(item):
    first = item.lstrip("-−+<>≥≤ ")[:1]
    return first.isdigit() or first in ("", "–")


def figure(fig, caption, *, dpi=130):
    """A Matplotlib figure, embedded as PNG, with its caption (also its alternative text).

    The figure is closed, so that a notebook that shows the block does not show it twice.
    """
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi)
    plt.close(fig)
    return template.blocks.figure(base64.b64encode(buffer.getvalue()).decode(), caption)


def find_browser():
    """Path of a Chromium that can print, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def write_pdf(html_path, path, *, timeout_s=120):
    """Print an HTML report to PDF with headless Chromium.

    Returns
    -------
    bool
        False when no Chromium is installed: the HTML is then the report.

    Raises
    ------
    RuntimeError
        Chromium failed or took longer than `timeout_s` seconds.
    """
    browser = find_browser()
    if browser is None:
        return False
    with atomic_path(path) as temporary, tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
        command += [f"--user-data-dir={profile}", f"--print-to-pdf={temporary}"]
        command += [Path(html_path).absolute().as_uri()]
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{browser} did not print within {timeout_s} s") from error
        if result.returncode or temporary.stat().st_size == 0:
            raise RuntimeError(f"{browser} could not print the report: {result.stderr[-500:]}")
    return True
