"""Numbers in text cells: decimal point or comma, thousands separators, whole counts.

``1.000`` is one thousand for a German spreadsheet and one for an English one. Which it is is
decided by the other numbers of the table, and where these do not decide, it is an error.
"""

import re
from dataclasses import dataclass

from dicentlib.errors import InputError
from dicentlib.tables.dates import is_date

GROUP = r"[1-9][0-9]{0,2}"
SPACES = re.compile(rf"({GROUP})((?:[\s'’´`][0-9]{{3}})+)([.,][0-9]+)?")
GROUPED = re.compile(rf"{GROUP}(?:([.,])[0-9]{{3}})(?:\1[0-9]{{3}})*")
BOTH = re.compile(rf"({GROUP}(?:([.,])[0-9]{{3}})(?:\2[0-9]{{3}})*)(?!\2)([.,])([0-9]+)")
DECIMAL = re.compile(r"([0-9]*)([.,])([0-9]*)((?:[eE][+-]?[0-9]+)?)")
WHOLE = re.compile(r"[0-9]+")
UNITS = re.compile(r"(.*\d)\s*([^\W\d]+|%)", re.DOTALL)
SCIENTIFIC = re.compile(r"[0-9]+[eE][+-]?[0-9]+")


@dataclass(frozen=True)
class NumberStyle:
    """Decimal marks that the numbers of a table show, and the table's separator."""

    marks: frozenset
    separator: str

    def decimal(self, mark):
        """Whether `mark` is the decimal mark: True, False, or None where it is not certain."""
        if len(self.marks) == 1:
            return mark in self.marks
        return None


def number_style(table, columns):
    """What the cells of some columns say about their numbers.

    Parameters
    ----------
    table : TextTable
    columns : sequence of str
        Those with numbers.
    """
    marks = {"."} if table.separator == "" else set()  # numbers of a workbook
    for column in columns:
        marks |= {_decimal_mark(text) for text in table.cells[column].unique()}
    return NumberStyle(frozenset(marks - {None}), table.separator)


def _decimal_mark(text):
    """The decimal mark of a number that leaves no doubt about it, else None."""
    text = text.lstrip("+-")
    if both := BOTH.fullmatch(text):
        return both[3]
    if spaced := SPACES.fullmatch(text):
        return spaced[3][0] if spaced[3] else None
    match = DECIMAL.fullmatch(text)
    if match is None or GROUPED.fullmatch(text) or not (match[1] or match[3]):
        return None
    return match[2]


def numbers(table, column, style):
    """Numbers of a column, as a list of float; None where a cell is empty.

    Raises
    ------
    InputError
        Naming row, column and text: not a number, or one with a mark that may be the decimal
        mark or a thousands separator.
    """
    return _convert(table, column, lambda text: _number(text, style))


def whole_numbers(table, column, style):
    """Counts of a column, as a list of int; None where a cell is empty.

    A thousands separator is taken for one where it is certain: blanks and apostrophes, more
    than one group, another decimal mark elsewhere in the table, or small counts in the same
    column that are written without decimals.

    Raises
    ------
    InputError
        Naming row, column and text: not a whole number, or one that may be thousands or
        decimals.
    """
    texts = [text for text in table.cells[column] if WHOLE.fullmatch(text)]
    without_decimals = bool(texts) and all(len(text) <= 3 for text in texts)
    return _convert(table, column, lambda text: _whole(text, style, without_decimals))


def _convert(table, column, convert):
    values = []
    for row, text in table.cells[column].items():
        try:
            values.append(convert(text) if text else None)
        except InputError as error:
            raise InputError(f"{table.where(row)}: column {column} has {text!r}: {error}") from None
    return values


def _number(text, style):
    written = text
    sign = -1.0 if text.startswith("-") else 1.0
    text = text[1:] if text[:1] in ("+", "-") else text
    if spaced := SPACES.fullmatch(text):
        text = re.sub(r"[^0-9]", "", spaced[1] + spaced[2]) + (spaced[3] or "")
    if both := BOTH.fullmatch(text):
        text = re.sub(r"[.,]", "", both[1]) + "." + both[4]
    elif grouped := GROUPED.fullmatch(text):
        mark = grouped[1]
        decimal = style.decimal(mark)
        if text.count(mark) > 1:
            decimal = None if decimal else False
        elif decimal is None and not style.marks:
            # a comma between semicolons, a point between commas: what programs write
            decimal = True if (mark, style.separator) in ((",", ";"), (".", ",")) else None
        if decimal is None:
            raise _ambiguous(text, mark)
        text = text.replace(mark, "." if decimal else "")
    elif match := DECIMAL.fullmatch(text):
        if not (match[1] or match[3]):
            raise _no_number(written, "a number")
        text = f"{match[1]}.{match[3]}{match[4]}"
    elif not WHOLE.fullmatch(text) and not SCIENTIFIC.fullmatch(text):
        raise _no_number(written, "a number")
    return sign * float(text)


def _whole(text, style, without_decimals):
    if WHOLE.fullmatch(text):
        if len(text) > 1 and text.startswith("0"):
            raise InputError(
                "expected a whole number; is this the end of a number with a separator?"
            )
        return int(text)
    if (spaced := SPACES.fullmatch(text)) and not (spaced[3] or "").strip(".,0"):
        return int(re.sub(r"[^0-9]", "", spaced[1] + spaced[2]))
    if (both := BOTH.fullmatch(text)) and not both[4].strip("0"):
        return int(re.sub(r"[.,]", "", both[1]))
    if grouped := GROUPED.fullmatch(text):
        mark = grouped[1]
        decimal = style.decimal(mark)
        several = text.count(mark) > 1 and not decimal
        if decimal is False or several or (without_decimals and not style.marks):
            return int(text.replace(mark, ""))
        raise _ambiguous(text, mark)
    if (match := DECIMAL.fullmatch(text)) and match[1] and not match[3].strip("0") + match[4]:
        return int(match[1])
    raise _no_number(text, "a whole number of 0 or more")


def _no_number(text, expected):
    """The error about a text that is no number, with the reason where it can be seen."""
    if is_date(text):
        hint = " (a date, which a spreadsheet makes of 3-4 or 3.4: type it again, in a text cell)"
    elif text.startswith("#"):
        hint = " (an error of the spreadsheet's formula)"
    elif text.startswith("="):
        hint = " (a formula: save the table with its values)"
    elif "whole" in expected and re.fullmatch("[-–—]|n[./]?[ad][.]?|na[nd]?", text.lower()):
        hint = "; write 0 where none was found, and leave out what was not counted"
    elif UNITS.fullmatch(text):
        hint = ", without a unit or sign"
    else:
        hint = ""
    return InputError(f"expected {expected}{hint}")


def _ambiguous(text, mark):
    whole, decimals = text.replace(mark, ""), text.replace(mark, ".")
    return InputError(f"it may be {whole} or {decimals}; write {whole} or {float(decimals):g}")
