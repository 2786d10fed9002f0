"""Names of files in tables: they stay below the image folder, and they can be printed."""

from pathlib import Path, PurePosixPath

from dicentlib.errors import InputError


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
    dicentlib.errors.InputError: ../secret.png: path leaves the image folder; allowed: ...
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
            f"{path}: link that leads nowhere or round in a circle, or a name that is too long"
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
            f"{printable(image)}: path leaves the image folder; allowed: paths below it"
        )


def printable(name):
    """`name` with everything that is not printable text escaped."""
    escaped = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in escaped)
