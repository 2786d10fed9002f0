"""What the heading of a column of counts means, in English, German, French and Spanish."""

import re
import unicodedata

from dicentlib.errors import InputError, notice
from dicentlib.tables import plain_name

# Words without accents, as :func:`_plain` gives them.
LANGUAGES = {
    "dose": ("dose", "absorbed dose", "dosis", "dosis absorbida", "dose absorbee"),
    "person": (
        *("sample", "case", "patient", "person", "subject", "donor", "individual", "casualty"),
        *("proben?", "fall", "patientin", "spender", "echantillon", "cas", "personne", "donneur"),
        *("muestra", "caso", "paciente", "persona", "donante"),
    ),
    "number": ("id", "no", "nr", "number", "name", "code", "nummer", "kennung", "numero",
               "codigo"),
    "cells": (
        *("cells?", "metaphases?", "zellen", "metaphasen", "cellules?"),
        *("celulas?", "metafases?"),
    ),
    "dicentrics": (
        *("dicentrics?", "dics?", "dicentric chromosomes?"),
        *("dizentrische[nr]?", "dizentrische[nr]? chromosomen?", "dizentren", "dizentrika"),
        *("dicentriques?", "chromosomes? dicentriques?"),
        *("dicentricos?", "cromosomas? dicentricos?"),
    ),
    "how many": (
        *("total", "n", "no", "nr", "nb", "number", "of", "anzahl", "gesamtzahl", "der"),
        *("nombre", "de", "numero"),
    ),
    "counted": (
        *("scored", "analy[sz]ed", "counted", "total", "n", "gesamt"),
        *("ausgewertete[nr]?", "gezahlte[nr]?", "analysierte[nr]?"),
        *("analysees?", "comptees?"),
        *("analizad[ao]s", "contad[ao]s"),
    ),
    "joined": ("c", "d", "with", "class", "per", "cell", "mit", "klasse", "avec", "con"),
}  # fmt: skip
WORD = {name: "|".join(words) for name, words in LANGUAGES.items()}
FOREIGN = re.compile(
    r"\b(?:dosis|absorb[ie]|prob|fall|patientin|spender|echantillon|cas\b|personne|donneur|muestra|"
    r"paciente|persona|donante|codigo|zell|metaphasen|cellules?|celulas?|metafases?|dizentr|"
    r"dicentriq|dicentrico)"
)
ALLOWED = (
    "also allowed: words for cells (Cells, Zellen, Cellules, Células) and for dicentrics "
    "(Dicentrics, Dizentrische, Dicentriques, Dicéntricos)"
)

DOSE = re.compile(f"(?:d|{WORD['dose']})(?: (?:in |en )?gy)?|gy")
OTHER_UNIT = re.compile(f"(?:d|{WORD['dose']})? ?(?:in |en )?(?:[mcuµμ]gy|rad)")
NUMBERED = re.compile(  # names of the rows where no column is called a sample's
    rf"(?:(?:s|sr|sl|lfd|row|labor?|lab) ?)?(?:{WORD['number']})|"
    "label|identifier|barcode|bezeichnung"
)
SAMPLE = re.compile(f"id|name|code|codigo|(?:{WORD['person']}) ?(?:{WORD['number']})?")
# what surrounds the words for cells and dicentrics: "No. of cells scored", "Total dicentrics"
COUNTED = (
    f"(?:(?:{WORD['how many']}) )*(?:(?:{WORD['counted']}) )?(?:%s)(?: (?:{WORD['counted']}))?"
)
N_CELLS = re.compile("n|zellzahl|" + COUNTED % WORD["cells"])
N_DICENTRICS = re.compile("x|" + COUNTED % WORD["dicentrics"])
N_DAMAGED = re.compile(
    rf"(?:(?:{WORD['how many']}) )*(?:"
    rf"(?:{WORD['cells']}) (?:with|mit|avec|con) (?:{WORD['dicentrics']})|"
    rf"(?:dicentric|dizentrische[nr]?) (?:{WORD['cells']})|"
    rf"(?:{WORD['cells']}) (?:dicentriques|dicentricas))"
)
# a class of the distribution: C3, 3, dic3, "3 dic", "cells with 3 dicentrics" ...
AROUND = "|".join(WORD[name] for name in ("joined", "cells", "dicentrics", "how many"))
CLASS = re.compile(rf"((?:{AROUND}| )*)(\d{{1,2}})((?:{AROUND}| )*)")
OPEN = re.compile(
    r"[+>≥<≤=…]+|\.\.+|\d *[-–] *(?=\d)|\b(?:or|and|oder|und|ou|o|y) "
    r"(?:more|above|over|higher|mehr|plus|mas)|at least|more than|mindestens|"
    r"\b(?:plus|up|over|to|ab|mas)\b"
)
REST = (
    *("more", "rest", "higher", "other", "others", "mehr", "ubrige", "autres", "otros"),
    *("multi", "multiple", "many", "several", "mehrere", "viele", "plusieurs", "varios"),
)
NAMES = ("sample", "dose_gy", "n_cells", "n_dicentrics", "n_damaged")


def is_header(cells):
    """Whether a row names counts: N and X, or at least two classes of the distribution."""
    names = [meaning(cell) for cell in cells]
    classes = {name for name in names if isinstance(name, int)}
    # a row of plain numbers is a row of values
    in_words = any(re.search("[a-zA-Z]", cell) for cell in cells)
    return {"n_cells", "n_dicentrics"} <= set(names) or ({0, 1} <= classes and in_words)


def meaning(column):
    """Our name of a column, the number of a class of the distribution, or None.

    Examples
    --------
    >>> meaning("Cells scored"), meaning("Células"), meaning("Zellen mit 2 Dizentrischen")
    ('n_cells', 'n_cells', 2)
    """
    plain = _plain(column)
    for name, pattern in zip(NAMES, (SAMPLE, DOSE, N_CELLS, N_DICENTRICS, N_DAMAGED), strict=True):
        if pattern.fullmatch(plain):
            return name
    if OPEN.search(_without_accents(column)):
        return None
    match = CLASS.fullmatch(plain)
    return int(match[2]) if match else None


def columns_of(headings, source):
    """Columns by our names, and the columns of the distribution by their class.

    Headings in another language than English are said in an
    :class:`~dicentlib.errors.InputWarning`.

    Raises
    ------
    InputError
        No counts, two columns of one meaning, a gap in the distribution, an open class
        (``C5+``), or doses in another unit than Gy.
    """
    known, classes = {}, {}
    for column in headings:
        means = meaning(column)
        if OTHER_UNIT.fullmatch(_plain(column)):
            raise InputError(f"{source}: column {column!r}; expected doses in Gy")
        if means is None:
            _refuse_open_class(column, source)
        elif means == "sample" and means in known:
            continue  # the first names the sample, others are kept as they are
        elif isinstance(means, int):
            if means in classes:
                raise InputError(f"{source}: both {classes[means]!r} and {column!r}")
            classes[means] = column
        elif means in known:
            raise InputError(f"{source}: both {known[means]!r} and {column!r} are {means}")
        else:
            known[means] = column
    if "sample" not in known and "dose_gy" not in known:
        numbered = [column for column in headings if NUMBERED.fullmatch(_plain(column))]
        known |= {"sample": numbered[0]} if numbered else {}
    if 0 not in classes and not {"n_cells", "n_dicentrics"} <= set(known):
        raise InputError(
            f"{source}: expected the columns N and X, or C0, C1 ...; found {list(headings)}"
            + (f"; {ALLOWED}" if len(headings) > 1 else " (separated by commas or semicolons?)")
        )
    if sorted(classes) != list(range(len(classes))):
        raise InputError(
            f"{source}: columns C0, C1 ... have gaps: found {', '.join(classes.values())}; "
            "expected every class from C0 on"
        )
    if "n_cells" not in known and classes:  # else a class that is not read shows in the sums
        _refuse_unread_class(headings, len(classes), source)
    _say_foreign(known | {f"C{k}": classes[k] for k in sorted(classes)}, source)
    return known, dict(sorted(classes.items()))


def _say_foreign(taken, source):
    foreign = [
        f"{column!r} is {name}" for name, column in taken.items() if FOREIGN.search(_plain(column))
    ]
    if foreign:
        notice(f"{source}: headings understood by their words: {', '.join(foreign)}")


def _refuse_open_class(column, source):
    """Refuse a column that counts cells, but not those with one number of dicentrics."""
    text = _without_accents(column)
    closed = plain_name(OPEN.sub(" ", text))
    is_open = OPEN.search(text) and CLASS.fullmatch(closed)
    if is_open or _plain(column) in REST or re.match(r"(?:c|dics?) ?\d", closed):
        raise InputError(
            f"{source}: column {column!r} is no class with one number of dicentrics per cell; "
            "expected a column for each number: C0, C1, C2 ..."
        )


def _refuse_unread_class(headings, n_classes, source):
    """Refuse a heading with the number of the last class or of the next, in other words."""
    for column in headings:
        numbers = re.findall(r"(?<![\w.])\d+(?![\w.])", column)
        if meaning(column) is None and {*numbers} & {str(n_classes - 1), str(n_classes)}:
            raise InputError(
                f"{source}: column {column!r} may be a class of cells, but does not say so; "
                "expected C0, C1, C2 ..., the number of cells N, or a heading without number"
            )


def _plain(column):
    return plain_name(re.sub("[º°]", " ", _without_accents(column)))


def _without_accents(text):
    letters = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
