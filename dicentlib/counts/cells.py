"""Dicentrics counted per cell and per dose, with or without the co-occurrence rule."""

import numpy as np
import pandas as pd

from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.errors import InputError


def co_occurrence(n_dicentrics, n_fragments):
    """Dicentrics of the cells in which a fragment was detected too; 0 in the other cells.

    A dicentric arises together with an acentric fragment, so a dicentric without any fragment
    in its cell is likely a false one (Deschemps et al. 2024). The rule also removes true
    dicentrics whose fragment was missed: curve and sample must share it.

    Parameters
    ----------
    n_dicentrics, n_fragments : array of int, the same shape
        Detections per cell.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> co_occurrence([1, 2, 0], [0, 1, 3])
    array([0, 2, 0])
    """
    n_dicentrics, n_fragments = np.asarray(n_dicentrics), np.asarray(n_fragments)
    if n_dicentrics.shape != n_fragments.shape:
        raise InputError(
            f"dicentrics and fragments of the same cells are needed, found shapes "
            f"{n_dicentrics.shape} and {n_fragments.shape}"
        )
    return np.where(n_fragments > 0, n_dicentrics, 0)


def count_cells(detections, images, *, require_fragment):
    """Aberrations per scored cell.

    Parameters
    ----------
    detections : DataFrame
        Columns ``image`` and ``class``; one row per detection.
    images : sequence of str
        Every cell that was scored: one without detections counts as a cell with none.
    require_fragment : bool
        Apply :func:`co_occurrence`.

    Returns
    -------
    DataFrame
        Columns ``image``, ``n_detected`` (dicentrics before the rule), ``n_dicentrics`` (that
        count), ``n_fragments``; one row per image, in the order given.

    Raises
    ------
    InputError
        A detection lies in an image that is not among `images`, or an image is named twice.

    Examples
    --------
    >>> found = pd.DataFrame({"image": ["a", "b", "b"], "class": ["dicentric"] * 2 + ["fragment"]})
    >>> count_cells(found, ["a", "b", "c"], require_fragment=True)["n_dicentrics"].to_list()
    [0, 1, 0]
    """
    images = pd.Index(images, name="image")
    if images.has_duplicates:
        raise InputError(f"image {images[images.duplicated()][0]} is named twice")
    unknown = sorted(set(detections["image"]) - set(images))
    if unknown:
        raise InputError(f"detections in {unknown[0]}, which is not among the scored images")
    found = pd.crosstab(detections["image"], detections["class"]).reindex(
        index=images, columns=["dicentric", "fragment"], fill_value=0
    )
    cells = found.set_axis(["n_detected", "n_fragments"], axis="columns").reset_index()
    dicentrics = cells["n_detected"]
    if require_fragment:
        dicentrics = co_occurrence(dicentrics, cells["n_fragments"])
    cells.insert(2, "n_dicentrics", dicentrics)
    return cells


def cell_distribution(n_dicentrics):
    """Cells with 0, 1, 2, ... dicentrics.

    Parameters
    ----------
    n_dicentrics : array of int
        Dicentrics of each cell.

    Returns
    -------
    ndarray of int
        Its sum is the number of cells; the last entry is not 0 unless it is the only one.

    Raises
    ------
    InputError
        No cells, or counts that are negative or fractional.

    Examples
    --------
    >>> cell_distribution([0, 2, 0, 1])
    array([2, 1, 1])
    """
    counts = np.asarray(n_dicentrics)
    if counts.size == 0:
        raise InputError("no cells: nothing to count")
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise InputError("dicentrics per cell must be whole numbers of 0 or more")
    return np.bincount(counts.astype(int))


def counts_by_dose(dose_gy, n_dicentrics):
    """Cells and dicentrics at each dose of a calibration series.

    Parameters
    ----------
    dose_gy : array of float, shape (N,)
        Dose of each cell (Gy).
    n_dicentrics : array of int, shape (N,)
        Dicentrics of each cell.

    Returns
    -------
    DataFrame
        Columns ``dose_gy`` (rising), ``n_cells``, ``n_dicentrics`` and ``C0``, ``C1``, ...
        (cells with that many dicentrics).

    Examples
    --------
    >>> counts_by_dose([0, 0, 2, 2], [0, 0, 1, 2])["n_dicentrics"].to_list()
    [0, 3]
    """
    cells = pd.DataFrame({"dose_gy": np.asarray(dose_gy, dtype=float), "k": n_dicentrics})
    if cells["dose_gy"].isna().any():
        raise InputError("every cell of a calibration series needs its dose_gy")
    classes = range(len(cell_distribution(cells["k"])))
    found = pd.crosstab(cells["dose_gy"], cells["k"].astype(int))
    found = found.reindex(columns=classes, fill_value=0)
    table = found.add_prefix("C").rename_axis(columns=None).reset_index()
    table.insert(1, "n_cells", found.sum(axis=1).to_numpy())
    table.insert(2, "n_dicentrics", found.to_numpy() @ np.array(classes))
    return table


def distributions(counts):
    """The columns C0, C1, ... of :func:`counts_by_dose` alone, int (n_doses, K)."""
    return counts.filter(regex=r"^C\d+$").to_numpy()


def with_yields(counts):
    """Add dicentrics per cell and its exact 95 % Poisson limits.

    Parameters
    ----------
    counts : DataFrame
        Columns ``n_cells`` and ``n_dicentrics``.

    Returns
    -------
    DataFrame
        A copy with ``yield``, ``yield_lower`` and ``yield_upper`` (dicentrics per cell).

    Examples
    --------
    >>> counts = pd.DataFrame({"n_cells": [100], "n_dicentrics": [25]})
    >>> with_yields(counts)[["yield", "yield_lower", "yield_upper"]].round(3).to_numpy().tolist()
    [[0.25, 0.162, 0.369]]
    """
    limits = np.array([poisson_limits(int(x)) for x in counts["n_dicentrics"]])
    return counts.assign(
        **{
            "yield": counts["n_dicentrics"] / counts["n_cells"],
            "yield_lower": limits[:, 0] / counts["n_cells"],
            "yield_upper": limits[:, 1] / counts["n_cells"],
        }
    )
