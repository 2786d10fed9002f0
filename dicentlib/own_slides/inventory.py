"""What is in a folder of slides: images, formats, scales, samples, slides, what is left out."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from dicentlib.data.index import ImageIndex, index_images
from dicentlib.data.inspection import inspect_image
from dicentlib.data.scale import CONFLICT
from dicentlib.errors import InputError
from dicentlib.scoring.samples import name_samples
from dicentlib.tables import write_table

GALLERY = re.compile(r"gallery|thumb|overview|montage|contact.?sheet|(^|[^a-z])index", re.I)
GALLERY_PICTURE = "gallery picture"
NUMBERED = re.compile(r"^(.*?)[\s_.~-]*\d+$")
FORMULA_STARTS = ("=", "+", "-", "@")  # a spreadsheet would compute what begins so


@dataclass(frozen=True)
class Inventory:
    """The images of a folder, with a sample and a slide each.

    Attributes
    ----------
    index : ImageIndex
        ``index.table`` has no galleries, and ``sample`` and ``slide`` are filled.
    left_out : pandas.DataFrame
        ``image, reason``: files that cannot be used, and galleries.
    assumed : tuple of str
        Sentences on what neither a table nor a file states.
    """

    index: ImageIndex
    left_out: pd.DataFrame
    assumed: tuple

    @property
    def table(self):
        """One row per image that can be used."""
        return self.index.table

    def by_slide(self):
        """Images, formats, sizes and stated pixel sizes of every slide.

        Returns
        -------
        DataFrame
            ``sample, slide, images, formats, size (px), pixel size (um)`` (text; "not stated").
            A folder of which no file can be used has 0 images and dashes.
        """
        rows = []
        for (sample, slide), part in self.table.groupby(["sample", "slide"], sort=True):
            suffixes = {PurePosixPath(name).suffix.lower().lstrip(".") for name in part["image"]}
            sizes = {f"{h} x {w}" for h, w in zip(part["height_px"], part["width_px"], strict=True)}
            rows.append({
                "sample": sample, "slide": slide, "images": len(part),
                "formats": ", ".join(sorted(suffixes)), "size (px)": ", ".join(sorted(sizes)),
                "pixel size (um)": _stated(part),
            })  # fmt: skip
        for folder in self._unusable_folders():
            rows.append({
                "sample": folder.parts[0], "slide": str(folder), "images": 0, "formats": "–",
                "size (px)": "–", "pixel size (um)": "–",
            })  # fmt: skip
        return pd.DataFrame(rows)

    def _unusable_folders(self):
        """Folders with files that cannot be used and no other image; galleries do not count."""
        left_out = self.left_out.loc[self.left_out["reason"] != GALLERY_PICTURE, "image"]
        used = {PurePosixPath(name).parent for name in self.table["image"]}
        return sorted({PurePosixPath(n).parent for n in left_out} - used - {PurePosixPath(".")})


def _stated(table):
    stated = is_stated(table)
    if not stated.any():
        return "not stated"
    known = sorted(set(table.loc[stated, "pixel_size_um"].round(4)))
    text = ", ".join(f"{size:g}" for size in known)
    return text if stated.all() else f"{text}; {int((~stated).sum())} not stated"


def is_stated(table):
    """Whether a table of samples or the file states the pixel size of each image."""
    return table["pixel_size_from"].isin(["table", "file"])


def scale_conflicts(inventory):
    """Sentences on pixel sizes that contradict each other.

    A table of samples says one and the file another (the table's is used), or images of one
    slide differ, which one objective and camera cannot do.

    Parameters
    ----------
    inventory : Inventory

    Returns
    -------
    list of str
    """
    found, other = [], []
    table = inventory.table
    for record in table[table["pixel_size_from"] == "table"].itertuples():
        try:
            in_file = inspect_image(inventory.index.path(record.image)).pixel_size_um
        except InputError:  # gone meanwhile: whoever reads its pixels says so
            continue
        if abs(in_file / record.pixel_size_um - 1) > CONFLICT:
            other.append((record.image, record.pixel_size_um, in_file))
    if other:
        image, in_table, in_file = other[0]
        found.append(
            f"The table of samples and the file contradict each other on the pixel size of "
            f"{len(other)} image{'s' * (len(other) > 1)}: for {image} the table says "
            f"{in_table:.4g} um, the file {in_file:.4g} um. The table is used; correct it if it is "
            "wrong."
        )
    for slide, part in table[is_stated(table)].groupby("slide", sort=True):
        low, high = part["pixel_size_um"].min(), part["pixel_size_um"].max()
        if high > (1 + CONFLICT) * low:
            found.append(
                f"Images of slide {slide} have pixel sizes from {low:.4g} to {high:.4g} um. Each "
                "image is used at its own; check whether they were recorded with one objective."
            )
    return found


def take_inventory(folder, *, samples=None):
    """Index a folder of slides in one of the forms that laboratories have.

    A folder per slide with numbered images and a gallery picture (as automatic microscopes
    write them), folders of such folders per sample, or one flat folder. What ``samples.csv``
    states is taken; where it states no slide, the slide is the folder of the image, in a flat
    folder the part of the file name before its number if that names several slides.

    Parameters
    ----------
    folder : path-like
    samples : DataFrame or path-like, optional
        Instead of ``samples.csv`` in the folder.

    Returns
    -------
    Inventory

    Raises
    ------
    InputError
        As :func:`dicentlib.data.index_images`. Where every image is left out, the inventory says
        why and :func:`require_images` refuses it.
    """
    index = index_images(folder, samples=samples)
    table = name_samples(index.table, index.folder.resolve())
    galleries = _galleries(table)
    left_out = pd.concat(
        [
            index.quarantined[["image", "reason"]],
            pd.DataFrame({"image": table.loc[galleries, "image"], "reason": GALLERY_PICTURE}),
        ]
    ).sort_values("image")
    table = table[~galleries].reset_index(drop=True)
    if table.empty:
        index = ImageIndex(index.folder, table, index.quarantined)
        return Inventory(index, left_out.reset_index(drop=True), ())
    no_slide = table["slide"] == ""
    table["slide"] = table["slide"].where(~no_slide, _slides(table["image"]))
    assumed = []
    if (index.table["sample"] == "").any():
        assumed.append("Samples are named after the folders: no table states them.")
    assumed += _how_slides(table[no_slide])
    shared = table.groupby("slide")["sample"].transform("nunique") > 1
    if shared.any():
        first = table.loc[shared, "slide"].iloc[0]
        table["slide"] = table["slide"].mask(shared, table["sample"] + "/" + table["slide"])
        assumed.append(
            f"Slides with the same name in several samples, such as {first}, are treated as "
            "different slides: the name of the sample is put before theirs."
        )
    index = ImageIndex(index.folder, table, index.quarantined)
    return Inventory(index, left_out.reset_index(drop=True), tuple(assumed))


def require_images(inventory):
    """Refuse an inventory of which every image is left out.

    Raises
    ------
    InputError
        Naming the first file that cannot be used, with its reason.
    """
    if inventory.table.empty:
        first = inventory.left_out.iloc[0]
        raise InputError(
            f"{inventory.index.folder}: none of {len(inventory.left_out)} files is an image that "
            f"can be used; the first, {first['image']}: {first['reason']}"
        )


def files_sentence(folder):
    """How many files of which kind lie in a folder and below it, images or not."""
    names = [name for _, _, files in os.walk(folder) for name in files]
    if not names:
        return "The folder holds no file."
    suffixes = Counter(PurePosixPath(name).suffix.lower() or "without a suffix" for name in names)
    ordered = sorted(suffixes.items(), key=lambda kind: (-kind[1], kind[0]))  # most first
    kinds = ", ".join(f"{n} {suffix}" for suffix, n in ordered)
    return f"{len(names)} file{'s' * (len(names) != 1)} in the folder and below it: {kinds}."


def _galleries(table):
    """Pictures of many cells: named so, and of another size than most images of their folder."""
    named = table["image"].map(lambda name: bool(GALLERY.search(PurePosixPath(name).stem)))
    named = named.astype(bool)  # of no image too
    size = table["height_px"].astype(str) + "x" + table["width_px"].astype(str)
    parent = table["image"].map(lambda name: PurePosixPath(name).parent.as_posix())
    usual = size.groupby(parent).transform(lambda sizes: sizes.mode().iloc[0])
    alone = parent.map(parent.value_counts()) == 1
    return named & ((size != usual) | alone)


def _how_slides(table):
    """Sentences on where the slides of images come from that no table gives one."""
    flat = ~table["image"].str.contains("/")
    how, found = [], table.loc[flat, "slide"].unique()
    if not flat.all():
        how.append(f"The slide of {_images(~flat)} is the folder: no table states it.")
    if len(found) > 1:
        how.append(
            f"The slide of {_images(flat)} is the part of the file name before the number: no "
            "table states it."
        )
    elif flat.sum() == 1:
        how.append(f"1 image in the folder itself is treated as one slide, called {found[0]}.")
    elif flat.any():
        how.append(
            f"{_images(flat)} in the folder itself are treated as one slide, called "
            f"{found[0]}: the file names do not name several slides of two images or more "
            "each. If there are several, write them into samples.csv."
        )
    return how


def _images(chosen):
    n = int(chosen.sum())
    return "1 image" if n == 1 else f"{n} images"


def _slides(images):
    """Folder of each image; in a flat folder what precedes the number in its name."""
    parents = images.map(lambda name: PurePosixPath(name).parent.as_posix())
    flat = parents == "."
    matches = images.map(lambda name: NUMBERED.match(PurePosixPath(name).stem))
    prefixes = matches.map(lambda match: match.group(1) if match else "")
    several = prefixes[flat].value_counts()
    named = (several >= 2).sum() >= 2 and (several >= 2).all() and "" not in several.index
    return parents.where(~flat, prefixes if named else "1")


def write_samples(path, inventory):
    """Write a ``samples.csv`` to be filled in with a spreadsheet.

    Columns ``image, sample, donor, slide, dose_gy, pixel_size_um``; what is not known is empty.
    Image names that a spreadsheet would take for a formula begin with ``./``, which names the
    same file; a sample or slide that it would compute is refused.

    Raises
    ------
    InputError
        The file exists (it may hold somebody's work), or a name begins like a formula.
    """
    columns = ["image", "sample", "donor", "slide", "dose_gy", "pixel_size_um"]
    table = inventory.table[columns].copy()
    table["pixel_size_um"] = table["pixel_size_um"].where(is_stated(inventory.table))
    for column in ("sample", "donor", "slide"):
        bad = table.loc[table[column].str.startswith(FORMULA_STARTS), column]
        if len(bad):
            raise InputError(
                f"{column} {bad.iloc[0]!r} begins like a formula of a spreadsheet; "
                f"allowed: names that do not begin with {' '.join(FORMULA_STARTS)}"
            )
    formula = table["image"].str.startswith(FORMULA_STARTS)
    table["image"] = table["image"].mask(formula, "./" + table["image"])
    try:
        path.touch(exist_ok=False)
    except FileExistsError as error:
        raise InputError(f"{path}: exists already; remove it or give another name") from error
    write_table(table, path)
