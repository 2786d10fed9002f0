"""An annotated image set: the index of its images and the table of what is marked in them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dicentlib.data.annotations import read_annotations
from dicentlib.data.index import index_images
from dicentlib.errors import InputError
from dicentlib.tables import find_table


def read_image_set(folder, *, annotations=None, n_images=None, dose_gy=None):
    """Index and annotations of an image set.

    Parameters
    ----------
    folder : path-like
    annotations : path-like, optional
        Default: ``annotations.csv`` in the folder.
    n_images : int, optional
        At most so many images, spread evenly over the index.
    dose_gy : float, optional
        Only images of this dose.

    Returns
    -------
    index : ImageIndex
    annotations : DataFrame
        Columns ``image, class, row, col``, of the images of `index`.

    Raises
    ------
    InputError
        No such folder, no annotations, an annotation that does not fit, or no image of that dose.
    """
    index = index_images(folder)
    path = annotations or find_table(folder, "annotations.csv")
    if path is None:
        raise InputError(
            f"{Path(folder) / 'annotations.csv'}: no such file; expected image,class,row,col, the "
            "header alone where the truth is not known"
        )
    marks, table = read_annotations(path, index), index.table
    if dose_gy is not None:
        table = table[table["dose_gy"] == dose_gy]
        if table.empty:
            doses = sorted(set(index.table["dose_gy"].dropna().tolist()))
            raise InputError(f"{folder}: no image of {dose_gy} Gy; found: {doses}")
    if n_images is not None and n_images < len(table):
        table = table.iloc[np.linspace(0, len(table) - 1, n_images).round().astype(int)]
    chosen = marks[marks["image"].isin(table["image"])].reset_index(drop=True)
    return replace(index, table=table.reset_index(drop=True)), chosen
