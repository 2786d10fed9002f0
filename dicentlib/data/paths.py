"""Names of files in tables: they stay below the image folder, and they can be printed."""

import unicodedata
import warnings
from pathlib import Path, PurePosixPath

from dicentlib.errors import InputError, InputWarning


def contained_path(folder, image, *, root=None):
    """Path of an image named in a table, which must lie in the folder.

    Raises
    ------
    InputError
        The name is absolute, has ``..`` in it, or is a link that leads out of the folder, round
        in a circle or nowhere.

    Examples
    --------
    >>> contained_path("/data/set", "images/1.png").as_posix()
    '/data/set/images/1.png'
    >>> contained_path("/data/set", "../secret.png")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    dicentlib.errors.InputError: ../secret.png: path leaves the image folder, or does not ...
    """
    check_relative(image)
    path = Path(folder) / image
    try:
        inside = path.resolve().is_relative_to(root or Path(folder).resolve())
        dangling = path.is_symlink() and not path.exists()
    except (OSError, RuntimeError):  # a circle of links, before Python 3.13
        dangling = True
    if dangling:
        raise InputError(
            f"{path}: link that leads nowhere or to itself, or a name that is too long"
        )
    if not inside:
        raise InputError(f"{path}: link leads out of the image folder; allowed: files in it")
    return path


def check_relative(image):
    """Refuse image names that cannot be a path below a folder."""
    path = PurePosixPath(image)
    bad = path.is_absolute() or ".." in path.parts or not path.parts or "\0" in image
    if bad or "\\" in image or image[1:3] == ":/":
        raise InputError(
            f"{printable(image) or 'an empty name'}: path leaves the image folder, or does not "
            "begin in it; allowed: paths below it"
        )


def files_below(folder, suffixes):
    """Files below a folder with one of some suffixes in any letter case, hidden ones left out."""
    for path in Path(folder).rglob("*"):
        if path.suffix.casefold() in suffixes and not path.name.startswith("."):
            yield path


def printable(name):
    """`name` with everything that is not printable text escaped."""
    escaped = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in escaped)


def matched_names(names, known, *, source):
    """Names of a table that stand for a file, though written a little otherwise.

    Letter case, surrounding blanks, the Unicode form of accents (a Mac decomposes them) and
    backslashes do not matter where exactly one file differs in nothing else. What is matched so
    is said in an :class:`~dicentlib.errors.InputWarning`.

    Returns
    -------
    dict
        The file's name by the table's name; names that are a file's, or no file's, are not in it.

    Raises
    ------
    InputError
        Several files differ from a name in this way only.
    """
    exact, alike = set(known), {}
    for name in known:
        alike.setdefault(_name_key(name), []).append(name)
    found = {}
    for name in dict.fromkeys(names):
        candidates = [] if name in exact else alike.get(_name_key(name), [])
        if len(candidates) > 1:
            raise InputError(
                f"{source}: image {printable(name)} may be {' or '.join(candidates)}; "
                "allowed: the exact name of one"
            )
        if candidates:
            found[name] = candidates[0]
    said = [name for name in found if name.replace("\\", "/") != found[name]]
    if said:
        warnings.warn(
            f"{source}: {len(said)} image name{'s' * (len(said) > 1)} taken for a file that "
            "differs in letter case, blanks or the form of accents only: "
            f"{printable(said[0])} is {found[said[0]]}",
            InputWarning,
            stacklevel=2,
        )
    return found


def _name_key(name):
    parts = unicodedata.normalize("NFC", name).casefold().replace("\\", "/").split("/")
    return "/".join(part.strip() for part in parts)
