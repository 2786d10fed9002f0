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

DOSE = ("d", "d gy", "dose", "dose gy")
SAMPLE = (
    *("id", "sample", "sample id", "name", "sample name", "case", "case id"),
    *("patient", "patient id", "code"),
)
# what surrounds the words for cells and dicentrics: "No. of cells scored", "Total dicentrics"
COUNTED = (
    r"(?:(?:total |n |no |nr |number )?(?:of )?){words}(?: scored| analysed| analyzed| counted)?"
)
N_CELLS = re.compile("n|" + COUNTED.format(words="(?:cells?|metaphases?)") + "|scored cells")
N_DICENTRICS = re.compile("x|" + COUNTED.format(words="(?:dicentrics?|dics?)"))
# a class of the distribution: C3, 3, dic3, "3 dic", "cells with 3 dicentrics" ...
WORDS = r"(?:c|d|cells?|with|dics?|dicentrics?|n|no|number|of|class|per|cell|metaphases?| )*"
CLASS = re.compile(rf"({WORDS})(\d{{1,2}})({WORDS})")
OPEN = re.compile(r"[+>≥<≤=]+|or more|and more|or above|and above|at least|more than|\bup\b|\.\.|…")
TOTAL = re.compile(r"(?:grand )?(?:total|totals|sum|summe|gesamt|suma|somme|totale|totaal)")
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
    if plain in DOSE:
        return "dose_gy"
    if plain in SAMPLE:
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
        if re.fullmatch(r"(d|dose) (m|c)gy", plain):
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
    rest = OPEN.sub(" ", column.casefold())
    if rest != column.casefold() and CLASS.fullmatch(plain_name(rest)):
        number = int(CLASS.fullmatch(plain_name(rest))[2])
        raise InputError(
            f"{path}: column {column!r} is an open class, its cells have an unknown number of "
            f"dicentrics; expected a column for each number: C{number}, C{number + 1} ..."
        )


def _without_total(table, known, classes):
    """The table without a last row that is the total of the others."""
    cells = table.cells
    names = cells[[*_named(known, "sample"), *_named(known, "dose_gy")]].iloc[-1]
    if len(cells) < 2 or not any(TOTAL.fullmatch(plain_name(name)) for name in names):
        return table
    body, last = replace(table, cells=cells.iloc[:-1]), replace(table, cells=cells.iloc[-1:])
    columns = [known[name] for name in ("n_cells", "n_dicentrics") if name in known]
    columns += classes.values()
    style = number_style(table, [*columns, *_named(known, "dose_gy")])
    for column in columns:
        total = whole_numbers(last, column, style)[0]
        found = sum(value or 0 for value in whole_numbers(body, column, style))
        if total is not None and total != found:
            raise InputError(
                f"{table.where(cells.index[-1])}: {column} is {total}, but the rows above have "
                f"{found} together; remove the row of totals, or name the sample otherwise"
            )
    warnings.warn(
        f"{table.where(cells.index[-1])}: {' '.join(names)!r} is the sum of the rows above and "
        "no sample; passed over",
        InputWarning,
        stacklevel=3,
    )
    return body


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
