"""Tables of results as files that a spreadsheet opens."""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd

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
            with pd.ExcelWriter(temporary, engine="openpyxl") as writer:
                table.to_excel(writer, index=False)
                cells = (cell for sheet in writer.book for row in sheet for cell in row)
                for cell in cells:
                    if cell.data_type == "f":  # a name such as =1+1 is no formula
                        cell.data_type = "s"
