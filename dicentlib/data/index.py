"""An image folder with its table of samples: what is there, and what cannot be used and why."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dicentlib.data.inspection import IMAGE_SUFFIXES, inspect_image
from dicentlib.data.paths import contained_path, matched_names, printable
from dicentlib.data.samples import complete_samples, read_samples
from dicentlib.data.scale import resolve_scale
from dicentlib.errors import InputError, notice
from dicentlib.tables import as_text, find_table
from dicentlib.threads import map_files

# Files that belong to an image set without being images; names beginning with a dot too.
COMPANIONS = (
    *(".csv", ".tsv", ".txt", ".md", ".json", ".xml", ".yaml", ".yml", ".ini", ".log", ".html"),
    *(".pdf", ".xlsx", ".xls", ".ods", ".parquet", ".npy", ".npz", ".safetensors", ".ipynb"),
    *(".py", ".db"),
)

SAMPLES = re.compile(r"samples?\.(csv|tsv|txt|xlsx)", re.IGNORECASE)
N_SHOWN = 3
FROM_HEADER = ("height_px", "width_px", "n_pages")
RESOLVED = (*FROM_HEADER, "pixel_size_from")
# a folder with one of them holds results
RESULTS = ("scoring.json", "params.json", "dose.json", "training/parameters.json")


@dataclass(frozen=True)
class ImageIndex:
    """The images of a folder.

    ``table`` has one row per usable image: ``image`` (path relative to the folder, with ``/``),
    ``sample, donor, slide`` ("" where unknown), ``dose_gy`` (NaN where unknown),
    ``pixel_size_um``, ``pixel_size_from``, any further columns of ``samples.csv``, and
    ``height_px, width_px, n_pages`` from the file's header (only the first page is read).
    ``pixel_size_from`` is where the scale comes from: "table" (``samples.csv``), else "file"
    (OME, ImageJ, CZI, ND2, or a resolution that a light microscope can have), else "given" by
    the caller, else "assumed". ``quarantined`` has one row per unusable file: ``image, sample,
    reason``. Both are in the order of the image names.
    """

    folder: Path
    table: pd.DataFrame
    quarantined: pd.DataFrame

    def path(self, image):
        """File of an image of this index; refuses paths that leave the folder."""
        return contained_path(self.folder, image)


def index_images(folder, *, samples=None, pixel_size_um=None):
    """List the images in a folder and below, and join the table of samples.

    Parameters
    ----------
    folder : path-like
    samples : DataFrame or path-like, optional
        Table with a column ``image`` and any of ``sample, donor, slide, dose_gy,
        pixel_size_um``: exactly its images are indexed. By default ``samples.csv`` in the
        folder is used, if there, and images that it does not list are indexed too.
    pixel_size_um : float, optional
        Of images for which neither the table nor the file states one; by default 0.1 is assumed.

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
    listing = list_images(folder, samples=samples)
    names = listing.table["image"].tolist()
    facts = _inspect_all(listing, names)
    usable = {name: fact for name, fact in facts.items() if not isinstance(fact, str)}
    sizes = pd.DataFrame(
        [(name, fact.height, fact.width, fact.n_pages) for name, fact in usable.items()],
        columns=["image", *FROM_HEADER],
    )
    known = [column for column in listing.table if column not in RESOLVED]
    table = listing.table[known].merge(sizes, on="image")
    scales = [
        resolve_scale(in_table, usable[name].scale, otherwise_um=pixel_size_um)
        for name, in_table in zip(table["image"], table["pixel_size_um"], strict=True)
    ]
    table["pixel_size_um"] = [float(scale.pixel_size_um) for scale in scales]
    table.insert(
        table.columns.get_loc("pixel_size_um") + 1,
        "pixel_size_from",
        [scale.origin for scale in scales],
    )
    refused = listing.table[~listing.table["image"].isin(usable)][["image", "sample"]]
    refused = refused.assign(reason=refused["image"].map(facts))
    quarantined = pd.concat([listing.quarantined, refused]).sort_values("image")
    return ImageIndex(listing.folder, table, quarantined.reset_index(drop=True))


def list_images(folder, *, samples=None, out=None):
    """List an image folder as :func:`index_images` does, without opening any file.

    Folders that hold results are passed over with an
    :class:`~dicentlib.errors.InputWarning`; `out`, where they are being made, without.

    Returns
    -------
    ImageIndex
        ``table`` has the candidates, without the sizes from the headers.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected a folder of images")
    table = find_table(folder, "samples.csv") if samples is None else samples
    if table is not None:
        listed = read_samples(table)
        if "pixel_size_from" in listed:  # the table of an index: what it did not know stays open
            stated = listed["pixel_size_from"].eq("table")
            listed["pixel_size_um"] = listed["pixel_size_um"].where(stated)
    else:
        listed = complete_samples(pd.DataFrame({"image": pd.Series(dtype=str)}))
    unusable = {}
    names = set() if samples is not None else set(_image_files(folder, unusable, out=out))
    listed = _named_as_files(listed, folder, names)
    names = sorted((names | set(listed["image"])) - set(unusable))
    if not names and not unusable:
        raise InputError(
            f"{folder}: no images; expected files ending in {', '.join(IMAGE_SUFFIXES)}"
        )
    table = complete_samples(listed.merge(pd.DataFrame({"image": names}, dtype=str), how="right"))
    quarantined = pd.DataFrame(sorted(unusable.items()), columns=["image", "reason"])
    sample = quarantined["image"].map(listed.set_index("image")["sample"])
    quarantined.insert(1, "sample", as_text(sample))
    return ImageIndex(folder, table, quarantined)


def _named_as_files(listed, folder, names):
    """The table with the names of files, where it writes them a little otherwise."""
    absent = [name for name in listed["image"] if not os.path.lexists(folder / name)]
    if not absent:
        return listed
    source = f"table of samples of {folder}"
    files = sorted(names or _image_files(folder, {}))
    there = {*absent, *files}
    found = matched_names([name for name in listed["image"] if name in there], files, source=source)
    unlisted = sorted({*files} - {*listed["image"]} - {*found.values()})
    alike = {_letters_and_digits(name): name for name in unlisted}
    for name in absent:
        if name not in found and (file := alike.get(_letters_and_digits(name))):
            notice(
                f"{source}: {printable(name)} does not exist, and {file} has no row; are they "
                "the same image? expected the same name in both"
            )
    listed = listed.assign(image=listed["image"].replace(found))
    twice = listed["image"][listed["image"].duplicated()]
    if len(twice):
        raise InputError(f"{source}: image {twice.iloc[0]} is listed a second time")
    return listed


def _letters_and_digits(name):
    """What two names that may mean one image share: no folder, suffix, signs or leading zeros."""
    stem = os.path.splitext(os.path.basename(name))[0].casefold()
    return re.sub(r"[\W_]+|(?<!\d)0+(?=\d)", "", stem)


def _image_files(folder, unusable, *, out=None):
    """Relative names of the files below `folder` that may be images, and why others are not."""
    own = out and Path(out).resolve()
    results = []

    def refuse(error):
        name = os.path.relpath(error.filename, folder)
        unusable[printable(name)] = f"folder cannot be listed ({error.strerror})"

    for parent, folders, files in os.walk(folder, onerror=refuse):
        relative = Path(parent).relative_to(folder)
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = sorted(set(folders) - set(hidden))
        for name in [name for name in folders if _holds_results(os.path.join(parent, name))]:
            folders.remove(name)
            if Path(parent, name).resolve() != own:
                results.append(printable((relative / name).as_posix()))
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):
                link = (relative / name).as_posix()
                unusable[printable(link)] = "link to a folder; links to folders are not followed"
        for name in files:
            path = (relative / name).as_posix()
            suffix = os.path.splitext(name)[1].lower()
            if relative.parts and SAMPLES.fullmatch(name):
                notice(f"{folder}: {path} not read; the table of samples lies in the folder itself")
            if name.startswith(".") or suffix in COMPANIONS:
                continue
            if printable(path) != path:
                unusable[printable(path)] = "file name is not printable text in UTF-8"
            else:
                yield path
    if results:
        shown = ", ".join(sorted(results)[:N_SHOWN])
        notice(f"{folder}: folders of results skipped ({len(results)}): {shown}")


def _holds_results(folder):
    return any(os.path.isfile(os.path.join(folder, name)) for name in RESULTS)


def _inspect_all(index, names):
    """By name, the facts of a usable image, or the reason why it is not."""
    root = index.folder.resolve()

    def inspect(name):
        try:
            path = contained_path(index.folder, name, root=root)
            return inspect_image(path)
        except InputError as error:
            return reason(error, index.folder / name)

    return dict(zip(names, map_files(inspect, names, "index"), strict=True))


def reason(error, path):
    """Text of an error about a file, without the file's place: equal on every computer."""
    return str(error).removeprefix(f"{path}: ").replace(str(path), Path(path).name)
