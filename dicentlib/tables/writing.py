"""Tables of results as files that a spreadsheet opens."""

from importlib.util import find_spec
from pathlib import Path

from dicentlib.errors import InputError
from dicentlib.files import atomic_path

WRITTEN = (".csv", ".xlsx")


def check_table_name(path):
    """Refuse a name under which no table can be written, before there is one.

    Raises
    ------
    InputError
        The suffix is neither .csv nor .xlsx, or openpyxl is missing for the latter.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITTEN:
        raise InputError(f"{path}: a table; allowed: names ending in {' or '.join(WRITTEN)}")
    if suffix == ".xlsx" and find_spec("openpyxl") is None:
        raise InputError(
            f"{path}: a workbook needs openpyxl (pip install dicentlib[excel]); or end in .csv"
        )


def write_table(table, path):
    """Write a table as its name says: CSV (UTF-8 with a mark that Excel knows) or a workbook.

    Parameters
    ----------
    table : DataFrame
    path : path-like

    Raises
    ------
    InputError
        As :func:`check_table_name`.
    """
    check_table_name(path)
    with atomic_path(path) as temporary:
        if temporary.suffix.lower() == ".csv":
            table.to_csv(temporary, index=False, encoding="utf-8-sig")
        else:
            table.to_excel(temporary, index=False, engine="openpyxl")
