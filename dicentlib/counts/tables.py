"""Counts in a plain CSV file: one row per dose, or per sample.

Columns, in any order and case: ``D`` (``dose``, ``dose (Gy)``) or ``ID`` (``sample``, ``case``,
``patient``, ``code``); ``N`` (``n_cells``, ``cells``) and ``X`` (``n_dicentrics``, ``dicentrics``),
or ``C0, C1, C2 ...`` (or ``0, 1, 2 ...``), the cells with 0, 1, 2 ... dicentrics, or both.
Separators are comma, semicolon or tab; with semicolons and tabs a decimal comma is read as well.
"""

import re
from pathlib import Path

import pandas as pd

from dicentlib.counts.sample import Sample
from dicentlib.errors import InputError

ALIASES = {
    "dose_gy": ("d", "d gy", "dose", "dose gy"),
    "sample": (
        *("id", "sample", "sample id", "name", "sample name", "case", "case id"),
        *("patient", "patient id", "code"),
    ),
    "n_cells": ("n", "n cells", "cells", "number of cells"),
    "n_dicentrics": ("x", "n dicentrics", "dicentrics", "dic", "number of dicentrics"),
}


def read_counts(path):
    """Table with ``n_cells``, ``n_dicentrics``, ``distribution`` and what else the file holds.

    ``dose_gy`` (float) and ``sample`` (text) are there where the file has them; ``distribution``
    is a tuple of the cells with 0, 1, 2 ... dicentrics, or None. Other columns are kept as they
    are. An empty cell among ``C0, C1 ...`` is 0.

    Raises
    ------
    InputError
        Naming file, row and column: no counts, a value that is not a number, sums that contradict
        the distribution, more values than columns, two columns of one meaning, doses that are not
        in Gy.
    """
    table = _read(Path(path))
    known, columns = _columns(table, path)
    rows = []
    for i, row in table.iterrows():
        where = f"{path}, row {i + 2}"
        try:
            rows.append(_row(row, known, columns))
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    used = set(known.values()) | set(columns.values())
    extra = table.drop(columns=list(used))
    return pd.concat([pd.DataFrame(rows), extra], axis=1)


def _read(path):
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    if not text.strip():
        raise InputError(f"{path}: an empty file")
    header = text.splitlines()[0]
    separator = max(",;\t", key=header.count)
    try:
        rows = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, comment="#", header=None,
            names=range(max(line.count(separator) for line in text.splitlines()) + 1),
        ).fillna("")  # fmt: skip
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise InputError(f"{path}: not a table with a header line ({error})") from error
    columns = rows.iloc[0].str.strip() if len(rows) else pd.Series(dtype=str)
    surplus = rows.loc[1:, columns[columns == ""].index].map(str.strip)
    for number, row in surplus[(surplus != "").any(axis=1)].iterrows():
        raise InputError(f"{path}, row {number + 1}: value {max(row)!r} in a column without name")
    table = rows.loc[1:, columns[columns != ""].index].set_axis(columns[columns != ""], axis=1)
    if table.empty:
        raise InputError(f"{path}: no rows below the header")
    table = table.reset_index(drop=True).rename_axis(columns=None)
    _refuse_twice(path, table.columns)
    if separator != ",":
        table = table.apply(
            lambda column: column.str.replace(r"^(\d+),(\d+)$", r"\1.\2", regex=True)
        )
    return table


def _refuse_twice(path, columns):
    twice = columns[columns.duplicated()]
    if len(twice):
        raise InputError(f"{path}: two columns {twice[0]!r}")


def _plain(column):
    return " ".join(re.sub(r"[\s_()\[\].,/-]+", " ", column.lower()).split())


def _columns(table, path):
    """File columns by our names, and the columns C0, C1 ... by number."""
    known, numbered = {}, {}
    counted = {"0", "c0"} & {_plain(column) for column in table.columns}
    for column in table.columns:
        plain = _plain(column)
        if re.fullmatch(r"(d|dose) (m|c)gy", plain):
            raise InputError(f"{path}: column {column!r}; expected doses in Gy")
        match = re.fullmatch(r"c?(\d+)", plain) if counted else None
        if match:
            if int(match[1]) in numbered:
                raise InputError(f"{path}: both {numbered[int(match[1])]!r} and {column!r}")
            numbered[int(match[1])] = column
        for name, aliases in ALIASES.items():
            if plain in aliases:
                if name in known and name == "sample":
                    continue  # the first names the sample, others are kept as they are
                if name in known:
                    raise InputError(f"{path}: both {known[name]!r} and {column!r} are {name}")
                known[name] = column
    if sorted(numbered) != list(range(len(numbered))):
        raise InputError(f"{path}: columns C0, C1 ... have gaps: found {sorted(numbered)}")
    if not numbered and not {"n_cells", "n_dicentrics"} <= set(known):
        raise InputError(
            f"{path}: expected the columns N and X, or C0, C1 ...; found {list(table.columns)}"
        )
    return known, dict(sorted(numbered.items()))


def _row(row, known, numbered):
    found = {}
    if "sample" in known:
        found["sample"] = row[known["sample"]].strip()
    if "dose_gy" in known:
        found["dose_gy"] = _number(row[known["dose_gy"]], known["dose_gy"])
    sums = {
        name: _number(row[known[name]], known[name])
        for name in ("n_cells", "n_dicentrics")
        if name in known and row[known[name]].strip()
    }
    cells = [_number(row[column] or "0", column) for column in numbered.values()]
    sample = Sample.of(cells if any(cells) else None, **sums)
    distribution = sample.distribution
    return {
        **found,
        "n_cells": sample.n_cells,
        "n_dicentrics": sample.n_dicentrics,
        "distribution": distribution,
    }


def _number(text, column):
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"column {column} has {text!r}: expected a number") from error
