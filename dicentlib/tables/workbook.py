"""Sheets of Excel workbooks as rows of text; needs openpyxl (``pip install dicentlib[excel]``)."""

import re
import zipfile
from datetime import date, datetime
from pathlib import Path

from dicentlib.errors import InputError, notice

WAY_OUT = "save it as 'CSV UTF-8' or as .xlsx"
N_SHOWN = 5
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the stream of a workbook with a password
# a format of digits after or between fixed signs: "P-"000, 000\\-000
WITH_SIGNS = re.compile(r'(?:"[^"]*"|\\.|-|0)+0')
SIGN = re.compile(r'"([^"]*)"|\\(.)')


def is_workbook(path):
    """Whether a file is an Excel workbook (``.xlsx``), whatever its name.

    Raises
    ------
    InputError
        A spreadsheet of another kind: ``.xls``, ``.ods``.
    """
    with open(path, "rb") as file:
        start = file.read(8)
        is_old = start.startswith(b"\xd0\xcf\x11\xe0")
        is_locked = is_old and ENCRYPTED in file.read()
    if is_old:
        kind = "a workbook with a password" if is_locked else "a workbook of old Excel (.xls)"
        raise InputError(f"{path}: {kind}; {WAY_OUT}{' without one' * is_locked}")
    if not start.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "xl/workbook.xml" in names:
                return True
            kind = archive.read("mimetype")[:80].decode("latin-1") if "mimetype" in names else ""
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: a damaged workbook ({error})") from error
    found = "an OpenDocument file (.ods)" if "opendocument" in kind else "a compressed archive"
    raise InputError(f"{path}: {found}, not an Excel workbook; {WAY_OUT}")


def workbook_sheets(path):
    """Name and rows of every visible sheet; numbers as text with a decimal point.

    Hidden rows and columns and struck-through cells are read, hidden sheets are not; either is
    said in an :class:`~dicentlib.errors.InputWarning`.

    Raises
    ------
    InputError
        openpyxl is not installed, the workbook is damaged, or a formula has no stored value.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise InputError(
            f"{path}: an Excel workbook; save it as 'CSV UTF-8', or install openpyxl "
            "(pip install 'dicentlib[excel]')"
        ) from error
    try:
        values = openpyxl.load_workbook(Path(path), data_only=True)
        formulas = openpyxl.load_workbook(Path(path))
    except Exception as error:  # openpyxl raises what its parsers raise
        raise InputError(f"{path}: a damaged workbook ({error}); save it again") from error
    for sheet in values.worksheets:
        if sheet.sheet_state != "visible":
            if sheet.max_row > 1:
                notice(f"{path}: the sheet {sheet.title!r} is hidden and not read")
            continue
        written = formulas[sheet.title]
        hidden = [
            name
            for dimensions in (sheet.row_dimensions, sheet.column_dimensions)
            for name, dimension in dimensions.items()
            if dimension.hidden
        ]
        if hidden:
            shown = ", ".join(str(name) for name in hidden[:N_SHOWN])
            notice(f"{path}: {len(hidden)} hidden rows or columns are read too: {shown}")
        struck = [
            cell.coordinate
            for row in sheet.rows
            for cell in row
            if cell.value is not None and cell.font.strike
        ]
        if struck:
            shown = ", ".join(struck[:N_SHOWN])
            notice(f"{path}: {len(struck)} struck-through cells are read too: {shown}")
        yield sheet.title, [[_text(path, cell, written) for cell in row] for row in sheet.rows]


def _text(path, cell, formulas):
    value = cell.value
    if value is None:
        if formulas[cell.coordinate].data_type == "f":
            raise InputError(
                f"{path}, cell {cell.coordinate}: a formula without a stored value; open the "
                "workbook in Excel and save it"
            )
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float | int) and "%" in cell.number_format:
        return f"{100 * value:.15g}%"  # as it is shown
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and WITH_SIGNS.fullmatch(cell.number_format):
        return _as_shown(value, cell.number_format)
    return str(value)


def _as_shown(value, number_format):
    """A whole number in a format of zeros and fixed signs: 7 in ``"P-"000`` is P-007."""
    parts = re.split(r'("[^"]*"|\\.|-)', number_format)
    digits = f"{abs(value):0{sum(map(len, parts[::2]))}d}"
    shown = ""
    for place in range(len(parts) - 1, -1, -1):  # digits in excess belong to the first zeros
        if place % 2:
            shown = SIGN.sub(r"\1\2", parts[place]) + shown
        elif parts[place]:
            is_first = not any(parts[:place:2])
            n = len(digits) if is_first else len(parts[place])
            shown, digits = digits[-n:] + shown, digits[:-n]
    return "-" * (value < 0) + shown
