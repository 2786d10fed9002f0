"""An image folder with its table of samples: what is there, and what cannot be used and why."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from tqdm import tqdm

from dicentlib.data.inspection import IMAGE_SUFFIXES, inspect_image
from dicentlib.errors import InputError

COLUMNS = ("image", "sample", "donor", "slide", "dose_gy", "pixel_size_um")
TEXT_COLUMNS = ("image", "sample", "donor", "slide")
# Files that belong to an image set without being images; names beginning with a dot too.
COMPANIONS = (
    *(".csv", ".tsv", ".txt", ".md", ".json", ".xml", ".yaml", ".yml", ".ini", ".log", ".html"),
    *(".pdf", ".xlsx", ".xls", ".ods", ".parquet", ".npy", ".npz", ".safetensors", ".ipynb"),
    *(".py", ".db"),
)


@dataclass(frozen=True)
class ImageIndex:
    """The images of a folder.

    ``table`` has one row per usable image: ``image`` (path relative to the folder, with ``/``),
    ``sample, donor, slide`` ("" where unknown), ``dose_gy, pixel_size_um`` (NaN where unknown),
    any further columns of ``samples.csv``, and ``height_px, width_px, n_pages`` from the file's
    header (only the first page is read). ``quarantined`` has one row per unusable file:
    ``image, sample, reason``.
    """

    folder: Path
    table: pd.DataFrame
    quarantined: pd.DataFrame

    def path(self, image):
        """File of an image of this index; refuses paths that leave the folder."""
        return contained_path(self.folder, image)


def index_images(folder, *, samples=None):
    """List the images in a folder and below, and join the table of samples.

    Parameters
    ----------
    folder : path-like
    samples : DataFrame or path-like, optional
        Table with a column ``image`` and any of ``sample, donor, slide, dose_gy,
        pixel_size_um``: exactly its images are indexed. By default ``samples.csv`` in the
        folder is used, if there, and images that it does not list are indexed too.

    Returns
    -------
    ImageIndex
        In the order of the image names. Files that cannot be used (damaged, not images, listed
        but absent, links out of the folder...) are in ``quarantined`` with the reason; tables
        and texts lying beside the images are passed over.

    Raises
    ------
    InputError
        The folder is missing or holds no image file at all; the table of samples cannot be
        read, names an image twice or outside the folder, or holds an impossible number.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected a folder of images")
    default = folder / "samples.csv"
    listed = None
    if samples is not None or default.is_file():
        listed = read_samples(default if samples is None else samples)
    unusable = {}
    names = [] if samples is not None else list(_image_files(folder, unusable))
    if listed is not None:
        names += listed["image"].tolist()
    names = sorted(set(names) - set(unusable))
    if not names and not unusable:
        raise InputError(
            f"{folder}: no images; expected files ending in {', '.join(IMAGE_SUFFIXES)}"
        )
    facts = _inspect_all(folder, names, unusable)
    table = pd.DataFrame(
        [(name, fact.height, fact.width, fact.n_pages) for name, fact in facts.items()],
        columns=["image", "height_px", "width_px", "n_pages"],
    )
    quarantined = pd.DataFrame(sorted(unusable.items()), columns=["image", "reason"])
    if listed is None:
        listed = complete_samples(pd.DataFrame({"image": pd.Series(dtype=str)}))
    table = complete_samples(listed.merge(table, on="image", how="right"))
    known = listed.set_index("image")["sample"]
    quarantined.insert(1, "sample", as_text(quarantined["image"].map(known)))
    return ImageIndex(folder, table, quarantined)


def _image_files(folder, unusable):
    """Relative names of the files below `folder` that may be images, and why others are not."""

    def refuse(error):
        name = os.path.relpath(error.filename, folder)
        unusable[printable(name)] = f"folder cannot be listed ({error.strerror})"

    for parent, folders, files in os.walk(folder, onerror=refuse):
        relative = Path(parent).relative_to(folder)
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = sorted(set(folders) - set(hidden))
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):
                link = (relative / name).as_posix()
                unusable[printable(link)] = "link to a folder; links to folders are not followed"
        for name in files:
            path = (relative / name).as_posix()
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or suffix in COMPANIONS:
                continue
            if printable(path) != path:
                unusable[printable(path)] = "file name is not printable text in UTF-8"
            else:
                yield path


def printable(name):
    """`name` with everything that is not printable text escaped."""
    escaped = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in escaped)


def _inspect_all(folder, names, unusable):
    """Facts of the usable images, by name; the reasons of the others go to `unusable`."""
    root = folder.resolve()

    def inspect(name):
        try:
            return inspect_image(contained_path(folder, name, root=root))
        except InputError as error:
            return str(error)

    facts = {}
    with ThreadPoolExecutor() as pool:
        found = zip(names, pool.map(inspect, names), strict=True)
        for name, fact in tqdm(found, "index", len(names), unit="image", delay=5):
            if isinstance(fact, str):
                unusable[name] = fact
            else:
                facts[name] = fact
    return facts


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
        if path.is_symlink() and not path.exists():
            raise InputError(f"{image}: link that leads nowhere or round in a circle")
    except (OSError, RuntimeError) as error:
        raise InputError(f"{image[:200]}: cannot be followed ({error})") from error
    if not inside:
        raise InputError(f"{image}: link leads out of the image folder; allowed: files in it")
    return path


def check_relative(image):
    """Refuse image names that cannot be a path below a folder."""
    path = PurePosixPath(image)
    bad = path.is_absolute() or ".." in path.parts or not path.parts or "\0" in image
    if bad or "\\" in image or image[1:3] == ":/":
        raise InputError(
            f"{printable(image)}: path leaves the image folder; allowed: paths below it"
        )


def read_samples(samples):
    """Table of samples from a CSV file or a DataFrame, checked and completed.

    Raises
    ------
    InputError
        Naming file and row: no column ``image``, an image twice, a path that leaves the folder,
        a dose or pixel size that is not a possible number.
    """
    if isinstance(samples, pd.DataFrame):
        name, table = "table of samples", samples.reset_index(drop=True)
    else:
        name, table = str(samples), read_csv(samples, text=TEXT_COLUMNS)
    if "image" not in table:
        raise InputError(
            f"{name}: columns {', '.join(map(str, table.columns))}; "
            f"required: image; known: {', '.join(COLUMNS)}"
        )
    for column in TEXT_COLUMNS:
        if column in table:
            table = table.assign(**{column: as_text(table[column])})
    for row, image in enumerate(table["image"], start=2):
        try:
            check_relative(image)
        except InputError as error:
            raise InputError(f"{name}, row {row}: {error}") from error
    table = table.assign(image=[PurePosixPath(image).as_posix() for image in table["image"]])
    for column, lowest in (("dose_gy", 0.0), ("pixel_size_um", np.nextafter(0, 1))):
        if column not in table:
            continue
        numbers = pd.to_numeric(table[column], errors="coerce")
        text = as_text(table[column]).str.strip().str.lower()
        absent = text.isin(["", "nan", "na"])
        wrong = ~absent & ~((numbers >= lowest) & np.isfinite(numbers))
        if wrong.any():
            row = int(wrong.idxmax())
            allowed = "0 or above" if column == "dose_gy" else "above 0"
            raise InputError(
                f"{name}, row {row + 2}: {column} {table[column].iloc[row]!r}; allowed: {allowed}"
            )
        table = table.assign(**{column: numbers.astype(float)})
    twice = table["image"].duplicated()
    if twice.any():
        row = int(twice.idxmax())
        raise InputError(
            f"{name}, row {row + 2}: image {table['image'].iloc[row]} is listed a second time"
        )
    return complete_samples(table)


def complete_samples(table):
    """The agreed columns first, "" or NaN where they are unknown, then any others."""
    table = table.copy()
    for column in COLUMNS[1:]:
        if column not in table:
            table[column] = "" if column in TEXT_COLUMNS else np.nan
        text = column in TEXT_COLUMNS
        table[column] = as_text(table[column]) if text else table[column].astype(float)
    return table[[*COLUMNS, *(c for c in table.columns if c not in COLUMNS)]]


def as_text(column):
    """A column as text, "" where a value is missing."""
    return column.astype(object).where(column.notna(), "").astype(str)


def read_csv(path, *, text=()):
    """A CSV file in UTF-8 as a DataFrame; `text` columns stay text.

    Raises
    ------
    InputError
        The file is absent, empty or not a CSV table in UTF-8.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        table = pd.read_csv(
            path,
            dtype=dict.fromkeys(text, str),
            encoding="utf-8-sig",
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
        )
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path}: not a CSV table in UTF-8 ({error})") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(f"{path}: rows have more fields than the header has columns")
    return table
