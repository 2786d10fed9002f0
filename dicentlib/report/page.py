"""A laboratory's report as one HTML file that needs nothing else; PDF where Chromium is.

The report notebook collects blocks by section, in order; :func:`write_html` turns them into a
page with nbconvert, inputs hidden. Whatever comes from outside (a sample's name, a comment, a
file name) is text and is escaped: it can never become markup.
"""

import base64
import io
import shutil
import subprocess
import tempfile
from html import escape
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from dicentlib.errors import InputError
from dicentlib.files import atomic_path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

LONG_TEXT = 40  # characters; a table with such a cell takes the whole width

CSS = """
@page { size: A4; margin: 16mm 15mm; }
body { font: 14.5px/1.5 "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; color: #1d2329;
  max-width: 54rem; margin: 2.2rem auto 4rem; padding: 0 1.2rem; background: white; }
h1 { font-size: 1.65rem; line-height: 1.2; margin: 0 0 .3rem; font-weight: 600; }
h2 { font-size: 1.12rem; margin: 2.1rem 0 .6rem; padding-bottom: .25rem; font-weight: 600;
  border-bottom: 1px solid #b8c1ca; break-after: avoid; }
p { margin: .5rem 0; max-width: 46rem; }
.subtitle { color: #55606b; margin: 0 0 1.3rem; }
table { border-collapse: collapse; margin: .7rem 0 1rem; font-size: .92em;
  font-variant-numeric: tabular-nums; break-inside: avoid; }
caption { caption-side: top; text-align: left; font-weight: 600; padding-bottom: .35rem; }
th { text-align: left; font-weight: 600; border-bottom: 1.5px solid #55606b;
  padding: .28rem 1.1rem .28rem 0; vertical-align: bottom; }
td { padding: .28rem 1.1rem .28rem 0; border-bottom: 1px solid #e3e7eb; vertical-align: top;
  overflow-wrap: anywhere; }
th.number, td.number { text-align: right; white-space: nowrap; }
table.facts td:first-child { color: #55606b; width: 15rem; }
table.facts td { white-space: pre-line; }
table.wide { width: 100%; }
figure { margin: 1rem 0 1.2rem; break-inside: avoid; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption { color: #3d4751; font-size: .9em; margin-top: .35rem; max-width: 46rem; }
.headline { border: 1px solid #b8c1ca; border-left: 6px solid #0072B2; padding: .9rem 1.2rem;
  margin: 1.1rem 0; break-inside: avoid; }
.headline .label { color: #55606b; font-size: .9em; margin: 0; }
.headline .value { font-size: 1.75rem; font-weight: 600; margin: .1rem 0; line-height: 1.25; }
.headline p { margin: .25rem 0; }
.notice { border-left: 6px solid #E69F00; background: #fdf6e7; padding: .6rem 1.1rem;
  margin: .9rem 0; break-inside: avoid; }
.notice ul { margin: .3rem 0; padding-left: 1.1rem; }
.notice p { margin: .2rem 0; }
.foot { color: #55606b; font-size: .85em; }
@media print { body { font-size: 10.5pt; margin: 0; padding: 0; max-width: none; }
  h2 { margin-top: 1.4rem; } }
"""


def text(*paragraphs):
    """Paragraphs of plain text."""
    return "".join(f"<p>{escape(str(paragraph))}</p>" for paragraph in paragraphs)


def headline(label, value, *sentences):
    """The result in large type, with sentences below it."""
    return (
        f'<div class="headline"><p class="label">{escape(label)}</p>'
        f'<p class="value">{escape(value)}</p>{text(*sentences)}</div>'
    )


def notice(title, statements):
    """A box of warnings; nothing at all where there are none."""
    items = "".join(f"<li>{escape(str(statement))}</li>" for statement in statements)
    if not items:
        return ""
    return f'<div class="notice"><p><b>{escape(title)}</b></p><ul>{items}</ul></div>'


def facts(entries):
    """Name and value pairs as a two-column table; an empty value reads "not stated"."""
    rows = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{_entry(value)}</td></tr>"
        for name, value in entries.items()
    )
    return f'<table class="facts wide">{rows}</table>'


def _entry(value):
    given = escape(str(value)) if value is not None else ""
    return given or '<span style="color:#8a939c">not stated</span>'


def table(frame, *, caption=""):
    """A data frame without its index; numbers to the right.

    Numbers are written as they are: format them before, and give text where precision matters.
    """
    is_text = [frame[name].map(lambda item: isinstance(item, str)).any() for name in frame.columns]
    looks_numeric = [
        not text_column or frame[name].map(_reads_as_number).all()
        for name, text_column in zip(frame.columns, is_text, strict=True)
    ]
    classes = ['class="number"' if numeric else "" for numeric in looks_numeric]
    head = "".join(
        f"<th {kind}>{escape(str(name))}</th>"
        for name, kind in zip(frame.columns, classes, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td {kind}>{escape(str(item))}</td>" for item, kind in zip(row, classes, strict=True)
        )
        + "</tr>"
        for row in frame.itertuples(index=False, name=None)
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    long = frame.map(lambda item: len(str(item)) > LONG_TEXT).to_numpy().any()
    kind = ' class="wide"' if long else ""
    return f"<table{kind}>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _reads_as_number(item):
    first = str(item).lstrip("-−+<>≥≤ ")[:1]
    return first.isdigit() or first in ("", "–")


def figure(fig, caption, *, dpi=130):
    """A Matplotlib figure, embedded as PNG, with its caption (also its alternative text)."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def write_html(path, sections, *, title, subtitle=""):
    """Write the report: one file, no scripts, no links to the outside.

    Parameters
    ----------
    path : path-like
        Where to write, atomically.
    sections : dict
        Lists of blocks (made by the functions of this module) by heading, in order. A heading of
        "" prints none.
    title, subtitle : str
        Plain text.

    Raises
    ------
    InputError
        There are no sections.
    """
    if not sections:
        raise InputError(f"{path}: a report needs at least one section")
    cells = []
    for heading, blocks in sections.items():
        above = f"<h2>{escape(heading)}</h2>" if heading else ""
        output = nbformat.v4.new_output("display_data", {"text/html": above + "".join(blocks)})
        cells.append(nbformat.v4.new_code_cell("", outputs=[output]))
    exporter = HTMLExporter(template_name="basic", exclude_input=True, exclude_output_prompt=True)
    body, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{CSS}</style>'
    above = f'<h1>{escape(title)}</h1><p class="subtitle">{escape(subtitle)}</p>'
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n'
        f"<body>{above}\n{body}</body></html>\n"
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


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
