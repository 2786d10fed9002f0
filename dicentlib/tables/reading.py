"""Tables as people save them: separators, encodings, title lines, empty rows, workbooks."""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from dicentlib.errors import InputError, notice
from dicentlib.files import read_text
from dicentlib.tables.workbook import is_workbook, workbook_sheets

SEPARATORS = (",", ";", "\t", "|")
SEP_LINE = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
# order of bytes, blanks and signs without width, direction of writing, end of a DOS file
MARKS = "\ufeff\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060"
MARKS += "\u2066\u2067\u2068\u2069\x1a"
EXCEL_TEXT = re.compile(r'="[^"]*"')
NO_TABLES = {
    **dict.fromkeys(("<!doctype html", "<html", "<head", "<table"), "a web page (HTML)"),
    **{"<?xml": "XML", "{\\rtf": "a formatted text (RTF)", "%pdf": "a PDF document"},
}
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods", ".numbers")


@dataclass(frozen=True)
class TextTable:
    """A table of text cells.

    ``cells`` has text without surrounding blanks, in Unicode's composed form (NFC), "" where a
    cell is empty; its index is the row's number in the file, from 1. ``separator`` is "" for a
    workbook. ``source`` begins every message.
    """

    source: str
    separator: str
    cells: pd.DataFrame

    def where(self, row):
        """Begin of a message about a row."""
        return f"{self.source}, row {row}"


def with_plain_headings(table, names):
    """The table with the headings `names` also where the file has capitals in them.

    >>> cells = pd.DataFrame([["a.png", "1"]], columns=["Image", "ROW"])
    >>> list(with_plain_headings(TextTable("a.csv", ",", cells), ("image", "row", "col")).cells)
    ['image', 'row']
    """
    meant = {}
    for column in table.cells:
        if (name := column.casefold()) in names and name not in table.cells:
            if name in meant.values():
                raise InputError(f"{table.source}: two columns {name!r}; expected one")
            meant[column] = name
    return replace(table, cells=table.cells.rename(columns=meant))


def plain_name(name):
    """A column's name in small letters, without brackets, signs and repeated blanks.

    >>> plain_name(" Dose [Gy]"), plain_name("n_cells"), plain_name("# of cells")
    ('dose gy', 'n cells', 'of cells')
    """
    return " ".join(re.sub(r"[\s_()\[\].,:/#-]+", " ", name.casefold()).split())


def read_table(path, *, is_header):
    """Read a table from a text file or an Excel workbook.

    Separators are comma, semicolon, tab or ``|``; a first line ``sep=;`` is followed. The
    header is the first row for which `is_header` is true, lines above it are passed over with
    an :class:`~dicentlib.errors.InputWarning`; where there is none, the first row that is not
    empty is taken. Rows and columns of nothing but separators are passed over, and so are lines
    that are a remark (``# ...``) and a first column without a name that only numbers the rows.

    Parameters
    ----------
    path : path-like
        Text in an encoding of :func:`dicentlib.files.read_text`, or ``.xlsx``.
    is_header : callable
        Called with the cells of a row.

    Returns
    -------
    TextTable
        Possibly without rows.

    Raises
    ------
    InputError
        The file is absent, empty, no table; two columns have one name; a value lies in a column
        without name; more than one sheet of a workbook holds such a table.
    """
    path = Path(path)
    separator, rows, start = _located(path, is_header)
    rows = {number: cells for number, cells in enumerate(rows, start=1) if any(cells)}
    if not rows:
        raise InputError(f"{path}: an empty file")
    above = [number for number in rows if number < start]
    if above:
        notice(f"{path}: {_lines(above)} above the header skipped: {_shown(rows[above[0]])}")
    header = rows[start] if start else rows[min(rows)]
    body = {number: cells for number, cells in rows.items() if number > (start or min(rows))}
    remarks = [number for number, cells in body.items() if _is_remark(cells)]
    if remarks:
        notice(f"{path}: {_lines(remarks)} with a remark skipped: {_shown(body[remarks[0]])}")
    body = {number: cells for number, cells in body.items() if number not in remarks}
    return TextTable(str(path), separator, _frame(path, header, body))


def _located(path, is_header):
    """Separator, rows and the header's row number (from 1; 0 where none is found)."""
    found, others = [], []
    for name, separator, rows in _candidates(path):
        start = next((n for n, row in enumerate(rows, 1) if is_header(row)), 0)
        (found if start else others).append((name, separator, rows, start))
    if found and found[0][0]:  # sheets of a workbook
        if len(found) > 1:
            sheets = ", ".join(name for name, *_ in found)
            raise InputError(f"{path}: sheets {sheets} hold such a table; allowed: one")
        return found[0][1:]
    # the header, or else the first line with text, shows the separator
    return max(found or others, key=lambda item: _width(item[2], item[3]))[1:]


def _width(rows, start):
    return len(rows[start - 1]) if start else max((len(row) for row in rows if any(row)), default=0)


def _candidates(path):
    """Sheet name ("" for text), separator and rows of every way to read the file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if is_workbook(path):
        for name, rows in workbook_sheets(path):
            yield name, "", [[_cleaned(cell) for cell in row] for row in rows]
        return
    text = read_text(path)
    for start, kind in NO_TABLES.items():
        if text.lstrip().lower().startswith(start):
            raise InputError(
                f"{path}: {kind}, not a table; open it in a spreadsheet or editor and "
                "save it as 'CSV UTF-8'"
            )
    first, _, rest = text.partition("\n" if "\n" in text else "\r")
    stated = SEP_LINE.fullmatch(first)
    failed, separators = [], stated[1] if stated else SEPARATORS
    for separator in separators:
        try:
            rows = _split(path, separator, rest if stated else text)
            yield "", separator, [[], *rows] if stated else rows
        except InputError as error:  # quotation marks fit one separator only
            failed.append(error)
    if len(failed) == len(separators):
        raise failed[0]


def _split(path, separator, text):
    lines = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    try:
        return [[_cleaned(cell) for cell in row] for row in lines]
    except csv.Error as error:
        raise InputError(
            f"{path}, row {lines.line_num}: not a table ({error}); check its quotation marks"
        ) from error


def _cleaned(cell):
    """A cell without blanks and marks round it; ``="007"`` is the text 007, kept from Excel."""
    text = unicodedata.normalize("NFC", cell).strip().strip(MARKS).strip()
    return text[2:-1].strip() if EXCEL_TEXT.fullmatch(text) else text


def _is_remark(cells):
    """Whether a row holds one text only, which is marked as a remark."""
    first, *others = cells
    return first.startswith("#") and not any(others) and (not others or first.startswith("# "))


def _frame(path, header, body):
    width = max(len(header), *(len(cells) for cells in body.values()), 1) if body else len(header)
    names = header + [""] * (width - len(header))
    table = pd.DataFrame(
        [cells + [""] * (width - len(cells)) for cells in body.values()],
        index=list(body),
        columns=range(width),
        dtype=object,
    )
    unnamed = [column for column in range(width) if not names[column]]
    if unnamed and unnamed[0] == 0 and _numbers_the_rows(table[0]):
        unnamed, table = unnamed[1:], table.drop(columns=0)
    for row, values in zip(table.index, table[unnamed].to_numpy(), strict=True):
        value = next((value for value in values if value), None)
        if value is not None:
            raise InputError(
                f"{path}, row {row}: value {value!r} in a column without name (more values than "
                "columns? merged cells in the header? a decimal comma or thousands separator "
                "between commas?)"
            )
    named = [column for column in table if names[column]]
    table = table[named].set_axis([names[column] for column in named], axis=1)
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError(f"{path}: two columns {twice[0]!r}; expected one")
    return table


def _numbers_the_rows(column):
    """Whether a column counts 0, 1, 2 ... or 1, 2, 3 ..., as R and pandas write row names."""
    counted = [str(number) for number in range(len(column) + 1)]
    return len(column) and column.tolist() in (counted[:-1], counted[1:])


def _lines(numbers):
    return f"line {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} lines"


def _shown(cells):
    return repr(" ".join(cell for cell in cells if cell)[:60])


def find_table(folder, name):
    """The table `name` (``samples.csv``) of a folder, also under nearly that name.

    A name that differs in case, blanks, a doubled suffix (``samples.csv.csv``) or the kind of
    table (``samples.xlsx``) is taken where it is the only one, with an
    :class:`~dicentlib.errors.InputWarning`; any other table whose name begins alike is named as
    not read.

    Returns
    -------
    Path or None

    Raises
    ------
    InputError
        Several tables under nearly that name, and none under it.
    """
    folder, stem = Path(folder), Path(name).stem
    nearly, alike = [], []
    try:
        paths = sorted(folder.iterdir())
    except OSError:  # absent, or may not be listed: whoever needs its files says so
        paths = []
    for path in paths:
        bare, suffixes = _bare_name(path.name)
        if path.name == name or not suffixes or not path.is_file():
            continue
        if bare == stem:
            nearly.append(path.name)
        elif re.match(rf"{stem[:-1]}s?(?![a-z])", bare):
            alike.append(path.name)
    exact = folder / name
    if exact.is_file():
        alike, chosen = nearly, exact
    elif len(nearly) > 1:
        raise InputError(f"{folder}: {', '.join(nearly)} found; expected one table, {name}")
    elif nearly:
        alike, chosen = [], folder / nearly[0]
        notice(f"{chosen}: read as the table {name}")
    else:
        chosen = None
    if alike:
        notice(f"{folder}: {', '.join(alike)} not read; the table that is read is named {name}")
    return chosen


def _bare_name(name):
    """Stem in small letters without blanks and table suffixes, and how many there were."""
    bare, n_suffixes = unicodedata.normalize("NFC", name).casefold().strip(), 0
    while (parts := Path(bare)).suffix.strip() in SUFFIXES:
        bare, n_suffixes = parts.stem.strip(), n_suffixes + 1
    return bare, n_suffixes
