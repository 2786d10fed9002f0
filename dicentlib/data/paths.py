"""Names of files in tables: they stay below the image folder, and they can be printed."""

import unicodedata
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from dicentlib.errors import InputError, notice


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

    Letter case, blanks, the Unicode form of letters (a Mac decomposes accents), percent signs of
    addresses (``%20``) and backslashes do not matter where exactly one file differs in nothing
    else. A name without folder or without suffix is the one file that has it. What is matched
    so is said in an :class:`~dicentlib.errors.InputWarning`.

    Returns
    -------
    dict
        The file's name by the table's name; names that are a file's, or no file's, are not in it.

    Raises
    ------
    InputError
        A name may be several files, or several names without folder or suffix may be one.
    """
    names, exact = list(dict.fromkeys(names)), set(known)
    found = _unique_files(names, exact, known, _name_key, source)
    taken = exact.intersection(names) | set(found.values())
    shorter = {}
    for key in (_last_part, _without_suffix, lambda name: _without_suffix(_last_part(name))):
        left = [name for name in names if name not in found and name not in shorter]
        free = [name for name in known if name not in taken]
        shorter |= _unique_files(left, exact, free, key, source)
    for name, file in shorter.items():
        again = next((n for n in shorter if n != name and shorter[n] == file), None)
        if again is not None:
            raise InputError(
                f"{source}: images {printable(name)} and {printable(again)} may both be {file}; "
                "allowed: the exact name of one"
            )
    found |= shorter
    said = [name for name in found if name.replace("\\", "/") != found[name]]
    if said:
        notice(
            f"{source}: {len(said)} image name{'s' * (len(said) > 1)} matched to a file that "
            "differs in letter case, blanks or the form of letters, or has the folder or "
            f"suffix that the name lacks: {printable(said[0])} means {found[said[0]]}"
        )
    return found


def _unique_files(names, exact, known, key, source):
    """For names that are no file's: the file of `known` whose `key` is the name's own."""
    alike, found = {}, {}
    for file in known:
        alike.setdefault(key(_name_key(file)), []).append(file)
    for name in names:
        files = [] if name in exact else alike.get(_name_key(name), [])
        if len(files) > 1:
            raise InputError(
                f"{source}: image {printable(name)} may be {' or '.join(files[:3])}; "
                "allowed: the exact name of one"
            )
        if files:
            found[name] = files[0]
    return found


def _name_key(name):
    plain = unicodedata.normalize("NFKC", unquote(name)).casefold().replace("\\", "/")
    return "/".join(" ".join(part.split()) for part in plain.split("/"))


def _last_part(name):
    return name.rpartition("/")[2]


def _without_suffix(name):
    return str(PurePosixPath(name).with_suffix("")) if _last_part(name) else name
