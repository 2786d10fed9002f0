"""Tables of counts: one row per dose, or per sample.

Columns, in any order and case: ``D`` (``dose``, ``dose (Gy)``) or ``ID`` (``sample``, ``case``,
``patient``, ``code``); ``N`` (``n_cells``, ``cells scored``, ``metaphases``) and ``X``
(``n_dicentrics``, ``dicentrics``, ``dic``), or ``C0, C1, C2 ...`` (``0, 1, 2 ...``, ``dic0, dic1
...``), the cells with 0, 1, 2 ... dicentrics, or both. Files are those of
:func:`dicentlib.tables.read_table`.
"""

import re
import warnings
from dataclasses import replace

import pandas as pd

from dicentlib.counts.sample import Sample
from dicentlib.errors import InputError, InputWarning
from dicentlib.tables import number_style, numbers, plain_name, read_table, whole_numbers

DOSE = re.compile("(?:d|dose|absorbed dose)(?: gy)?|gy")
PERSONS = "sample|case|patient|person|subject|donor|individual|casualty"
SAMPLE = re.compile(rf"id|name|code|(?:{PERSONS})(?: (?:id|no|nr|number|name|code))?")
# what surrounds the words for cells and dicentrics: "No. of cells scored", "Total dicentrics"
COUNTED = (
    "(?:total |n |no |nr |nb |number )*(?:of )?(?:scored |analy[sz]ed |counted )?{words}"
    "(?: scored| analy[sz]ed| counted| total| n)?"
)
N_CELLS = re.compile("n|" + COUNTED.format(words="(?:cells?|metaphases?)"))
N_DICENTRICS = re.compile(
    "x|" + COUNTED.format(words="(?:dicentrics?|dics?|dicentric chromosomes?)")
)
# a class of the distribution: C3, 3, dic3, "3 dic", "cells with 3 dicentrics" ...
WORDS = r"(?:c|d|cells?|with|dics?|dicentrics?|n|no|number|of|class|per|cell|metaphases?| )*"
CLASS = re.compile(rf"({WORDS})(\d{{1,2}})({WORDS})")
OPEN = re.compile(
    r"[+>≥<≤=…]+|\.\.+|\d *[-–] *(?=\d)|\b(?:or|and) (?:more|above|over|higher)|at least|more than|"
    r"\b(?:plus|up|over|to)\b"
)
REST = ("more", "rest", "higher", "other", "others")
MEAN = re.compile("mean|average|median|mittelwert|moyenne|media|promedio")
TOTAL = "(?:grand )?(?:total|totals|sum|summe|gesamt|suma|somme|totale|totaal)"
SUMMARY = re.compile(f"{TOTAL}|{MEAN.pattern}")  # names of rows that are no sample
CHROMOSOMES = 46  # of a cell: a dicentric is made of two of them


def read_counts(path):
    """Table with ``n_cells``, ``n_dicentrics``, ``distribution`` and what else the file holds.

    ``dose_gy`` (float) and ``sample`` (text) are there where the file has them; ``distribution``
    is a tuple of the cells with 0, 1, 2 ... dicentrics, or None. Other columns are kept as they
    are, as text. An empty cell among ``C0, C1 ...`` is 0. A last row that is named as the total
    of the others, and is it, is passed over with an :class:`~dicentlib.errors.InputWarning`.

    Raises
    ------
    InputError
        Naming file, row and column: no counts, a value that is not a number, a count that may
        be thousands or decimals, an open class (``C5+``), sums that contradict the
        distribution, more values than columns, two columns of one meaning, doses that are not
        in Gy.
    """
    table = read_table(path, is_header=_is_header)
    if table.cells.empty:
        raise InputError(f"{path}: no rows below the header")
    known, classes = _columns(table.cells.columns, path)
    table = _without_total(table, known, classes)
    counts = [*(known[name] for name in ("n_cells", "n_dicentrics") if name in known)]
    style = number_style(table, [*counts, *classes.values(), *_named(known, "dose_gy")])
    sums = {
        name: whole_numbers(table, known[name], style)
        for name in ("n_cells", "n_dicentrics")
        if name in known
    }
    cells = {k: whole_numbers(table, column, style) for k, column in classes.items()}
    found = pd.DataFrame(index=range(len(table.cells)))
    if "sample" in known:
        found["sample"] = table.cells[known["sample"]].to_numpy()
    if "dose_gy" in known:
        doses = numbers(table, known["dose_gy"], style)
        if None in doses:
            row = table.cells.index[doses.index(None)]
            raise InputError(f"{table.where(row)}: no dose; expected a number in Gy")
        found["dose_gy"] = doses
    samples = [
        _sample(
            table.where(row),
            {name: values[i] for name, values in sums.items()},
            [values[i] or 0 for values in cells.values()],
        )
        for i, row in enumerate(table.cells.index)
    ]
    for name in ("n_cells", "n_dicentrics", "distribution"):
        found[name] = pd.Series([getattr(sample, name) for sample in samples])
    extra = table.cells.drop(columns=[*known.values(), *classes.values()])
    return pd.concat([found, extra.reset_index(drop=True)], axis=1)


def _named(known, name):
    return [known[name]] if name in known else []


def _is_header(cells):
    """Whether a row names counts: N and X, or at least two classes of the distribution."""
    names = [_meaning(cell) for cell in cells]
    classes = {name for name in names if isinstance(name, int)}
    # a row of plain numbers is a row of values
    in_words = any(re.search("[a-zA-Z]", cell) for cell in cells)
    return {"n_cells", "n_dicentrics"} <= set(names) or ({0, 1} <= classes and in_words)


def _meaning(column):
    """Our name of a column, the number of a class of the distribution, or None."""
    plain = plain_name(column)
    if DOSE.fullmatch(plain):
        return "dose_gy"
    if SAMPLE.fullmatch(plain):
        return "sample"
    if N_CELLS.fullmatch(plain):
        return "n_cells"
    if N_DICENTRICS.fullmatch(plain):
        return "n_dicentrics"
    if OPEN.search(column.casefold()):
        return None
    match = CLASS.fullmatch(plain)
    return int(match[2]) if match else None


def _columns(columns, path):
    """File columns by our names, and the columns of the distribution by their class."""
    known, classes = {}, {}
    for column in columns:
        plain, meaning = plain_name(column), _meaning(column)
        if re.fullmatch(r"(?:d|dose|absorbed dose) [mcuµ]gy", plain):
            raise InputError(f"{path}: column {column!r}; expected doses in Gy")
        if meaning is None:
            _refuse_open_class(column, path)
        elif meaning == "sample" and meaning in known:
            continue  # the first names the sample, others are kept as they are
        elif isinstance(meaning, int):
            if meaning in classes:
                raise InputError(f"{path}: both {classes[meaning]!r} and {column!r}")
            classes[meaning] = column
        elif meaning in known:
            raise InputError(f"{path}: both {known[meaning]!r} and {column!r} are {meaning}")
        else:
            known[meaning] = column
    if 0 not in classes and not {"n_cells", "n_dicentrics"} <= set(known):
        raise InputError(
            f"{path}: expected the columns N and X, or C0, C1 ...; found {list(columns)}"
        )
    if sorted(classes) != list(range(len(classes))):
        raise InputError(
            f"{path}: columns C0, C1 ... have gaps: found {', '.join(classes.values())}; expected "
            "every class from C0 on"
        )
    return known, dict(sorted(classes.items()))


def _refuse_open_class(column, path):
    """Refuse a column that counts cells, but not those with one number of dicentrics."""
    closed = plain_name(OPEN.sub(" ", column.casefold()))
    is_open = OPEN.search(column.casefold()) and CLASS.fullmatch(closed)
    if is_open or plain_name(column) in REST or re.match(r"(?:c|dics?) ?\d", closed):
        raise InputError(
            f"{path}: column {column!r} is no class with one number of dicentrics per cell; "
            "expected a column for each number: C0, C1, C2 ..."
        )


def _without_total(table, known, classes):
    """The table without a last row that is the total of the others."""
    cells, last = table.cells, table.cells.index[-1]
    columns = [*_named(known, "n_cells"), *_named(known, "n_dicentrics"), *classes.values()]
    names = cells.drop(columns=columns).map(plain_name).to_numpy()
    found = [next((name for name in row if SUMMARY.fullmatch(name)), "") for row in names]
    named = pd.Series(found, index=cells.index)
    if (named.iloc[:-1] != "").any() or MEAN.fullmatch(named[last]):
        row = named[named != ""].index[0]
        raise InputError(
            f"{table.where(row)}: {named[row]!r} is no sample; remove the row, or name the "
            "sample otherwise"
        )
    unnamed = "sample" in known and not any(names[-1])
    if len(cells) < 2 or not (named[last] or unnamed):
        return table
    above = replace(table, cells=cells.iloc[:-1])
    style = number_style(table, [*columns, *_named(known, "dose_gy")])
    for column in columns:
        *values, total = whole_numbers(table, column, style)
        found = sum(value or 0 for value in values)
        if total in (None, found):
            continue
        if unnamed:
            return table
        raise InputError(
            f"{table.where(last)}: {column} is {total}, but the rows above have {found} together; "
            "remove the row of totals, or name the sample otherwise"
        )
    warnings.warn(
        f"{table.where(last)}: {named[last] or 'a row without name'!r} is the sum of the rows "
        "above and no sample; passed over",
        InputWarning,
        stacklevel=3,
    )
    return above


def _sample(where, sums, cells):
    try:
        given = {name: value for name, value in sums.items() if value is not None}
        sample = Sample.of(cells if any(cells) else None, **given)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if sample.n_dicentrics > (CHROMOSOMES - 1) * sample.n_cells:
        raise InputError(
            f"{where}: {sample.n_dicentrics} dicentrics in {sample.n_cells} cells; a cell has "
            f"{CHROMOSOMES} chromosomes (a thousands separator between commas?)"
        )
    return sample
