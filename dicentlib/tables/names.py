"""Names of samples and slides: as text, spoilt by a spreadsheet, or alike as ``P-07``, ``p7``."""

import re
import unicodedata

import pandas as pd

from dicentlib.errors import InputError, notice
from dicentlib.tables.dates import notice_dates

N_SHOWN = 3
# small letters whose capitals look like Latin ones: Cyrillic, then Greek
LOOK_ALIKES = str.maketrans(
    "авекмнорстухіјѕ" + "αβεζηικμνορτυχ", "abekmhopctyxijs" + "abezhikmnoptyx"
)

# what a spreadsheet shows where a formula has failed, in English and German
FORMULA_ERROR = re.compile(
    r"#(?:N/A|NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|NV|BEZUG!|WERT!|ZAHL!)|#{4,}",
    re.IGNORECASE,
)


def as_text(column):
    """A column of names as text, "" where a value is missing.

    Examples
    --------
    >>> as_text(pd.Series([7.0, None])).to_list()  # whole numbers, of which pandas makes 7.0
    ['7', '']
    """
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype(object).where(column.notna(), "").astype(str)


def check_names(source, names):
    """Refuse names that a spreadsheet has spoilt, and say which it may have changed.

    The error of a failed formula is refused: it would make one person of several. An
    :class:`~dicentlib.errors.InputWarning` names what may be a date made of a name (see
    :func:`dicentlib.tables.dates.notice_dates`), and names that may be two spellings of one.

    Parameters
    ----------
    source : str
        The message begins with it.
    names : Series of str
        ``name`` is the column's, the index the row's number in the file.
    """
    wrong = names[names.map(FORMULA_ERROR.fullmatch).notna()]
    for row, text in wrong.head(1).items():
        raise InputError(
            f"{source}, row {row}: column {names.name} has {text!r}, an error of a spreadsheet "
            "formula; expected a name"
        )
    notice_dates(source, names)
    _notice_spellings(source, names)


def _notice_spellings(source, names):
    """Say which names may be two spellings of one; each is kept as a name of its own.

    They differ in letter case, accents, letters of another script that look alike, zeros before
    a number, or what separates letters from digits.
    """
    spellings = {}
    for name in sorted({*names} - {""}):
        spellings.setdefault(_alike(name), []).append(name)
    several = [group for group in spellings.values() if len(group) > 1]
    if not several:
        return
    shown = ", ".join(" and ".join(map(repr, group)) for group in several[:N_SHOWN])
    notice(
        f"{source}: column {names.name}: {shown} are treated as different names; if they mean "
        "the same, write them in the same way"
    )


def _alike(name):
    letters = unicodedata.normalize("NFKD", name.casefold())
    # neither accents nor signs that are not seen (Cf)
    shown = (x for x in letters if not unicodedata.combining(x) and unicodedata.category(x) != "Cf")
    plain = "".join(shown).translate(LOOK_ALIKES)
    plain = re.sub(r"[\s_\-\u2010-\u2015\u2212]+", "-", plain)
    plain = re.sub(r"(?<=[a-z])-(?=\d)", "", plain)
    return re.sub(r"(?<!\d)(?<!\d[.,])0+(?=\d)", "", plain)
