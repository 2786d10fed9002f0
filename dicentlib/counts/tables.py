"""Tables of counts: one row per dose, or per sample.

Columns, in any order and case: ``D`` (``dose``, ``dose (Gy)``) or ``ID`` (``sample``, ``case``,
``patient``, ``code``); ``N`` (``n_cells``, ``cells scored``, ``metaphases``) and ``X``
(``n_dicentrics``, ``dicentrics``, ``dic``), or ``C0, C1, C2 ...`` (``0, 1, 2 ...``, ``dic0, dic1
...``), the cells with 0, 1, 2 ... dicentrics, or both; also in German, French and Spanish
(:mod:`dicentlib.counts.headings`). Files are those of :func:`dicentlib.tables.read_table`.
"""

from dataclasses import replace

import pandas as pd

from dicentlib.conventions import HIGHEST_DOSE_GY
from dicentlib.counts.headings import columns_of, is_header
from dicentlib.counts.sample import Sample
from dicentlib.counts.summary_rows import TOTAL, refuse_means, total_rows
from dicentlib.errors import InputError, notice
from dicentlib.tables import (
    check_names,
    notice_unusual_doses,
    number_style,
    numbers,
    plain_name,
    read_table,
    whole_numbers,
)

UNUSUAL_YIELD = 3.0  # dicentrics per cell, at about 7 Gy of gamma rays


def read_counts(path):
    """Table with ``n_cells``, ``n_dicentrics``, ``distribution`` and what else the file holds.

    ``dose_gy`` (float) and ``sample`` (text) are there where the file has them; ``distribution``
    is a tuple of the cells with 0, 1, 2 ... dicentrics, or None. Other columns are kept as they
    are, as text. An empty cell among ``C0, C1 ...`` is 0. A row that is named as the total of rows
    above, and is it, is passed over with an :class:`~dicentlib.errors.InputWarning`.

    Raises
    ------
    InputError
        Naming file, row and column: no counts, a value that is not a number, a count that may
        be thousands or decimals, an open class (``C5+``), sums that contradict the
        distribution, more dicentrics than chromosomes, more values than columns, two columns of
        one meaning, a mean or a wrong total, doses that are not in Gy.
    """
    table = read_table(path, is_header=is_header)
    if table.cells.empty:
        raise InputError(f"{path}: no rows below the header")
    known, classes = columns_of(table.cells.columns, path)
    sums = [name for name in ("n_cells", "n_dicentrics", "n_damaged") if name in known]
    columns = [*(known[name] for name in sums), *classes.values()]
    refuse_means(table, columns)
    style = number_style(table, [*columns, *(known[n] for n in ("dose_gy",) if n in known)])
    counts = {column: whole_numbers(table, column, style) for column in columns}
    totals = total_rows(table, counts)
    kept = [place for place, row in enumerate(table.cells.index) if row not in totals]
    counts = {column: [values[place] for place in kept] for column, values in counts.items()}
    table = replace(table, cells=table.cells.iloc[kept])
    found = pd.DataFrame(index=range(len(table.cells)))
    if "sample" in known:
        names = table.cells[known["sample"]]
        check_names(table.source, names)
        found["sample"] = names.to_numpy()
    if "dose_gy" in known:
        found["dose_gy"] = _doses(table, known["dose_gy"], style)
    samples = [
        _sample(
            table.where(row),
            {name: counts[known[name]][i] for name in sums},
            [counts[column][i] or 0 for column in classes.values()],
        )
        for i, row in enumerate(table.cells.index)
    ]
    for name in ("n_cells", "n_dicentrics", "distribution"):
        found[name] = pd.Series([getattr(sample, name) for sample in samples])
    extra = table.cells.drop(columns=[*known.values(), *classes.values()])
    if "n_cells" not in known:
        _say_other_totals(table, extra, samples)
    return pd.concat([found, extra.reset_index(drop=True)], axis=1)


def _say_other_totals(table, columns, samples):
    """Say where a column "Total" has the sum of neither cells nor dicentrics."""
    for column in (name for name in columns if TOTAL.fullmatch(plain_name(name))):
        for (row, text), sample in zip(columns[column].items(), samples, strict=True):
            if text.isdecimal() and int(text) not in (sample.n_cells, sample.n_dicentrics):
                notice(
                    f"{table.where(row)}: column {column} has {text}, but {sample.n_cells} cells "
                    f"with {sample.n_dicentrics} dicentrics are read; is a class of cells missing?"
                )
                break


def _doses(table, column, style):
    doses = numbers(table, column, style)
    for row, text, dose in zip(table.cells.index, table.cells[column], doses, strict=True):
        if dose is None:
            raise InputError(f"{table.where(row)}: no dose; expected a number in Gy")
        if not 0 <= dose <= HIGHEST_DOSE_GY:
            raise InputError(
                f"{table.where(row)}: column {column} has {text!r}; expected a dose in Gy, 0 to "
                f"{HIGHEST_DOSE_GY:g}" + (" (is it in cGy or mGy?)" if dose > 0 else "")
            )
    notice_unusual_doses(table.source, column, doses)
    return doses


def _sample(where, sums, cells):
    try:
        given = {name: value for name, value in sums.items() if value is not None}
        sample = Sample.of(cells if any(cells) else None, **given)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if sample.yield_ > UNUSUAL_YIELD:
        notice(
            f"{where}: {sample.n_dicentrics} dicentrics in {sample.n_cells} cells; are the two "
            "columns exchanged?"
        )
    return sample
