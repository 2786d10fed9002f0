"""The samples of a scored folder: which cells belong to which, and how they were counted."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import pandas as pd

from dicentlib.counts.cells import cell_distribution, count_cells
from dicentlib.errors import InputError
from dicentlib.files import content_digest
from dicentlib.scoring.preparation import REJECTED, SCORED

LONGEST_NAME = 150


@dataclass(frozen=True)
class ScoredSamples:
    """The samples of a folder that ``score_folder`` has scored."""

    images: pd.DataFrame  # one row per image found, see name_samples
    cells: pd.DataFrame  # one row per scored cell, see cells_of_samples
    detections: pd.DataFrame

    @classmethod
    def read(cls, out, *, folder, require_fragment):
        """Read back the tables that ``score_folder(folder, ..., out=out)`` wrote.

        Raises
        ------
        InputError
            No image could be scored.
        """
        detections = pd.read_parquet(Path(out) / "detections.parquet")
        images = name_samples(pd.read_parquet(Path(out) / "scored_images.parquet"), folder)
        cells = cells_of_samples(detections, images, require_fragment=require_fragment)
        return cls(images, cells, detections)

    @cached_property
    def distributions(self):
        """Sample to its cells with 0, 1, 2, ... dicentrics; samples with a scored cell only."""
        return {
            name: cell_distribution(cells["n_dicentrics"])
            for name, cells in self.cells.groupby("sample")
        }

    @property
    def unscored(self):
        """Samples without a single scored cell."""
        return sorted(set(self.images["sample"]) - set(self.distributions))

    @property
    def slides(self):
        """Sample to its counts by slide, see :func:`counts_by_slide`."""
        return {name: counts_by_slide(cells) for name, cells in self.cells.groupby("sample")}

    def of(self, sample):
        """The same tables, of one sample.

        Raises
        ------
        InputError
            No cell of a sample of this name was scored.
        """
        require_sample(sample, self.distributions)
        cells = self.cells[self.cells["sample"] == sample]
        found = self.detections[self.detections["image"].isin(cells["image"])]
        return ScoredSamples(self.images[self.images["sample"] == sample], cells, found)


def name_samples(images, folder):
    """Give every image a sample.

    Parameters
    ----------
    images : DataFrame
        Columns ``image`` (path relative to the folder) and ``sample`` ("" where unknown).
    folder : path-like
        The image folder.

    Returns
    -------
    DataFrame
        A copy in which an image without a sample belongs to the first folder of its path, and
        one that lies in the folder itself to a sample of the folder's name.

    Examples
    --------
    >>> import pandas as pd
    >>> images = pd.DataFrame({"image": ["x.png", "b/y.png"], "sample": ["", ""]})
    >>> name_samples(images, "case")["sample"].to_list()
    ['case', 'b']
    """
    default = Path(folder).name
    folders = [next(iter(PurePosixPath(image).parts[:-1]), default) for image in images["image"]]
    samples = images["sample"].fillna("")
    return images.assign(sample=samples.where(samples != "", folders))


def cells_of_samples(detections, images, *, require_fragment):
    """Aberrations per scored cell, with its sample.

    Parameters
    ----------
    detections : DataFrame
        Of :func:`dicentlib.scoring.score_folder`.
    images : DataFrame
        Columns ``image, sample, slide, status``, as of :func:`name_samples`.
    require_fragment : bool
        The co-occurrence rule.

    Returns
    -------
    DataFrame
        As :func:`dicentlib.calibration.count_cells`, with ``sample`` and ``slide`` ("" where
        unknown); scored images only.

    Raises
    ------
    InputError
        No image could be scored; the message counts why.
    """
    scored = images[images["status"] == SCORED]
    if scored.empty:
        found = ", ".join(f"{n} {status}" for status, n in images["status"].value_counts().items())
        raise InputError(f"no image could be scored ({found}): there is nothing to estimate from")
    cells = count_cells(detections, scored["image"], require_fragment=require_fragment)
    return cells.assign(
        sample=scored["sample"].to_numpy(), slide=scored["slide"].fillna("").to_numpy()
    )


def counts_by_slide(cells):
    """Cells and dicentrics of each slide of one sample, or None where a cell has no slide.

    Parameters
    ----------
    cells : DataFrame
        Columns ``slide, n_dicentrics``, as of :func:`cells_of_samples`.

    Returns
    -------
    list of (n_dicentrics, n_cells) or None
    """
    if (cells["slide"] == "").any():
        return None
    return list(
        cells.groupby("slide")["n_dicentrics"]
        .agg(["sum", "size"])
        .itertuples(index=False, name=None)
    )


def image_summary(images):
    """Images by sample and status.

    Returns
    -------
    DataFrame
        Index ``sample``; ``found``, ``scored``, ``rejected`` (by the filter), ``quarantined``.
    """
    statuses = images["status"].replace({REJECTED: "rejected"})
    counts = pd.crosstab(images["sample"], statuses)
    counts = counts.reindex(columns=["scored", "rejected", "quarantined"], fill_value=0)
    counts.insert(0, "found", counts.sum(axis=1))
    return counts


def safe_name(sample):
    """A folder name for a sample: reversible unless it is very long, and never a path.

    Examples
    --------
    >>> safe_name("../case 7"), safe_name("..")
    ('..%2Fcase%207', '%2E%2E')
    """
    name = quote(sample, safe="")
    if len(name) > LONGEST_NAME:  # a digest keeps names apart that differ at the end
        name = f"{name[:LONGEST_NAME]}-{content_digest(sample)[:8]}"
    return name.replace(".", "%2E") if set(name) <= {"."} else name


def folder_name(folder):
    """Name for the results of an image folder: its own, and six digits of its whole path.

    Folders of one name in different places do not share results.
    """
    folder = Path(folder).resolve()
    return f"{safe_name(folder.name)}-{content_digest(str(folder))[:6]}"


def results_folder(out, *, images):
    """`out`, unless it lies among the images, where its figures would be scored as cells.

    Raises
    ------
    InputError
        `out` is the image folder or lies in it.
    """
    place, folder = Path(out).resolve(), Path(images).resolve()
    if place == folder or folder in place.parents:
        raise InputError(f"{out}: is inside the image folder {images}; results need another folder")
    return out


def require_sample(sample, found):
    """Refuse a sample that is asked for ("" for none) and not among those `found`."""
    if sample and sample not in found:
        raise InputError(f"no scored sample named {sample!r}; there are {', '.join(sorted(found))}")
