"""Rows of a table of counts that are no sample: totals, means, and what is named so."""

import re

from dicentlib.errors import InputError, notice
from dicentlib.tables import plain_name

TOTALS = (
    "total|totals|sum|summe|gesamt|gesamtsumme|insgesamt|zwischensumme|subtotal|sous total|suma|"
    "somme|totale|totaal|[σ∑]"
)
TOTAL = re.compile(f"(?:grand |sub )?(?:{TOTALS})")
BEGINS = re.compile(rf"(?:grand |sub )?(?:{TOTALS})\b.*")
DOUBTFUL = re.compile("sd|se|sem|cv|min|max")  # and initials of persons
NO_COUNT = re.compile(
    r"(?:(?:mean|average|median|mittelwert|mittel|durchschnitt|moyenne|media|promedio|"
    r"standard deviation|stdev|std|st dev|standardabweichung|ecart type|écart type|"
    r"desviacion estandar|desviación estándar|variance|varianz|varianza|percent|prozent)\b|ø|x̄|%).*"
)


def refuse_means(table, columns):
    """Refuse a row that is named as a mean or another number that is no count.

    Parameters
    ----------
    table : TextTable
    columns : list of str
        Those with counts; a row's names are looked for in the others.
    """
    for row, names in _names(table, columns).items():
        for name in names:
            if NO_COUNT.fullmatch(name):
                raise InputError(
                    f"{table.where(row)}: {name!r} is not a sample; remove the row, or rename "
                    "the sample"
                )
            if DOUBTFUL.fullmatch(name):
                _say(table, row, f"{name!r} read as a sample; remove the row if it is not one")


def total_rows(table, counts):
    """Rows that are the total of samples above, said in an :class:`InputWarning`.

    A total has the sum of the rows since the last total, or of all samples above; an empty cell
    of it agrees with any sum. A row that begins with a word for it, or that has no name, is one
    where its counts say so. Any other row with that sum is a sample, and the sum is said.

    Parameters
    ----------
    table : TextTable
    counts : dict of str to list of int or None
        Its columns of counts.

    Returns
    -------
    list
        Labels of the rows.

    Raises
    ------
    InputError
        A row is named as a total and has another sum; the row is alone, but not as the only one
        of its table.
    """
    names_of = _names(table, list(counts))
    rows = list(table.cells.index)
    found, block, above = [], [], []
    for place, row in enumerate(rows):
        sums = _is_sum(counts, place, block) or _is_sum(counts, place, above)
        names = names_of[row]
        named = next((name for name in names if TOTAL.fullmatch(name)), None)
        begins = any(BEGINS.fullmatch(name) for name in names)
        if sums and (named or begins or not any(names)):
            words = filter(BEGINS.fullmatch, names)
            shown = next(words, next(filter(None, names), "a row without name"))
            _say(table, row, f"{shown!r} is the sum of the rows above and not a sample; skipped")
            found.append(row)
            block = []
            continue
        if named and len(rows) > 1:
            raise InputError(
                f"{table.where(row)}: {_other_sum(counts, place, block or above)}; {named!r} "
                "is not a sample: remove the row of totals, or rename the sample"
            )
        in_words = any(re.search(r"[^\W\d]", name) for name in names)  # not a dose alone
        # with all counts there and above 0 a sum is hardly a coincidence
        counted = all(values[place] for values in counts.values())
        if sums and in_words and len(above) > 1 and counted:
            _say(
                table, row, "has the sum of the rows above; remove the row if it is a total of them"
            )
        block.append(place)
        above.append(place)
    return found


def _names(table, columns):
    cells = table.cells.drop(columns=columns)
    return {
        row: [plain_name(cell) for cell in values]
        for row, values in zip(cells.index, cells.to_numpy(), strict=True)
    }


def _is_sum(counts, place, above):
    if not above:
        return False
    return all(
        values[place] in (None, sum(values[one] or 0 for one in above))
        for values in counts.values()
    )


def _other_sum(counts, place, above):
    """What a total says, and what the rows above it say."""
    for column, values in counts.items() if above else ():
        found = sum(values[one] or 0 for one in above)
        if values[place] not in (None, found):
            return f"{column} is {values[place]}, but the rows above have {found} together"
    return "no rows above it"


def _say(table, row, message):
    notice(f"{table.where(row)}: {message}")
