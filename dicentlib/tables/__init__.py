"""The one reader of tables: from any usual spreadsheet's file to text cells and numbers."""

from dicentlib.tables.doses import notice_unusual_doses
from dicentlib.tables.names import as_text, check_names
from dicentlib.tables.numbers import number_style, numbers, whole_numbers
from dicentlib.tables.reading import (
    SUFFIXES,
    TextTable,
    find_table,
    plain_name,
    read_table,
    with_plain_headings,
)
from dicentlib.tables.workbook import is_workbook
from dicentlib.tables.writing import check_table_name, write_table
