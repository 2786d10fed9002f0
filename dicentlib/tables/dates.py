"""Names that a spreadsheet turned into dates: ``1-2`` becomes ``01.Feb`` or ``2-Jan``."""

import re
import unicodedata

from dicentlib.errors import notice

MONTH = re.compile(  # English, German, French and Spanish, without accents
    r"jan(?:uary|uar|v|vier)?|ene(?:ro)?|feb(?:ruary|ruar|rero)?|fevr?(?:ier)?|"
    r"mar(?:ch|s|z|zo)?|mrz|maerz|apr(?:il)?|avr(?:il)?|abr(?:il)?|may|mayo|mai|"
    r"june?|juni|juin|junio|july?|juli|juil|juillet|julio|aug(?:ust)?|aout|ago(?:sto)?|"
    r"sept?(?:ember|embre|iembre)?|oct(?:ober|obre|ubre)?|okt(?:ober)?|"
    r"nov(?:ember|embre|iembre)?|de[cz](?:ember|embre)?|diciembre"
)
DAY = r"(?:0?[1-9]|[12]\d|3[01])"
DAY_MONTH = re.compile(rf"{DAY}[.\-/ ]+([^\W\d_]+)\.?(?:[.\-/ ]+(?:\d{{4}}|\d\d))?")
MONTH_FIRST = re.compile(r"([^\W\d_]+)\.?[.\-/ ](?:\d{1,2}|\d{4})")
NUMERIC = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{1,2}:\d\d.*)?|\d{1,2}([./-])\d{1,2}\1\d{4}|"
    r"\d\d\.\d\d\.\d\d|\d{1,2}/\d{1,2}/\d\d|"
    r"(?:\d+ days?, )?\d{1,2}:\d\d(?::\d\d)?(?: [ap]m)?|"  # a time of day, of 1:2
    rf"{DAY}-dic(?:-\d\d)?"  # December in Spanish; "2 dic" are two dicentrics
)
SHORTENED = re.compile(r"\d[.,]\d+E\+\d\d")  # of a long number: other digits are lost
SERIALS = range(40_000, 60_000)  # days since 1900: the years 2009 to 2064
N_SHOWN = 5


def is_date(text):
    """Whether a text is a date as spreadsheets write it, in four languages.

    Examples
    --------
    >>> [is_date(text) for text in ("01.Feb", "2-Jan", "3. Mär 26", "2026-02-01 00:00:00")]
    [True, True, True, True]
    >>> [is_date(text) for text in ("1-2", "1-control", "12 cells", "P-2026")]
    [False, False, False, False]
    """
    if NUMERIC.fullmatch(text):
        return True
    match = DAY_MONTH.fullmatch(text) or MONTH_FIRST.fullmatch(text)
    letters = unicodedata.normalize("NFD", match[1].casefold()) if match else ""
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return MONTH.fullmatch(plain) is not None


def notice_dates(source, names):
    """Say in an :class:`~dicentlib.errors.InputWarning` which names a spreadsheet may have changed.

    Where all names are dates with a year, samples may be named by them, and nothing is said. Day
    numbers (46054) count as dates where another name is neither a date nor a whole number. A long
    number that was shortened (``3.91E+16``) is said too.

    Parameters
    ----------
    source : str
        The message begins with it.
    names : Series of str
        ``name`` is the column's, the index the row's number in the file.
    """
    filled = names[names != ""]
    for row, text in filled[filled.map(SHORTENED.fullmatch).notna()].head(1).items():
        notice(
            f"{source}: column {names.name}: row {row} {text!r} is a long number that a "
            "spreadsheet has shortened; read as it is. Type the whole number in a text cell"
        )
    dates = filled.map(is_date).astype(bool)
    whole = filled.map(re.compile(r"\d+").fullmatch).notna()
    if (~dates & ~whole).any():
        dates |= whole & filled.map(lambda text: text.isdecimal() and int(text) in SERIALS)
    without_year = filled.map(lambda text: re.search(r"\d\D+\d|\d{3}", text) is None)
    if not dates.any() or (dates.all() and not without_year.any()):
        return
    found = filled[dates].drop_duplicates()
    shown = [f"row {row} {text!r}" for row, text in found.head(N_SHOWN).items()]
    if len(found) > N_SHOWN:
        shown.append(f"{len(found) - N_SHOWN} more")
    notice(
        f"{source}: column {names.name}: {', '.join(shown)} may be a date that a spreadsheet made "
        "of a name such as 1-2; read as it is. If the name was another, type it again in a text "
        "cell"
    )
