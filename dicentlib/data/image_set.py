"""An annotated image set: the index of its images and the table of what is marked in them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dicentlib.data.annotations import read_annotations
from dicentlib.data.index import index_images
from dicentlib.errors import InputError
from dicentlib.tables import find_table


def read_image_set(folder, *, annotations=None, n_images=None):
    """Index and annotations of an image set.

    Parameters
    ----------
    folder : path-like
    annotations : path-like, optional
        Default: ``annotations.csv`` in the folder.
    n_images : int, optional
        At most so many images, spread evenly over the index.

    Returns
    -------
    index : ImageIndex
    annotations : DataFrame
        Columns ``image, class, row, col``, of the images of `index`.

    Raises
    ------
    InputError
        No such folder, no annotations, or an annotation that does not fit.
    """
    index = index_images(folder)
    path = annotations or find_table(folder, "annotations.csv")
    if path is None:
        raise InputError(
            f"{Path(folder) / 'annotations.csv'}: no such file; expected image,class,row,col, the "
            "header alone where the truth is not known"
        )
    marks, table = read_annotations(path, index), index.table
    if n_images is not None and n_images < len(table):
        table = table.iloc[np.linspace(0, len(table) - 1, n_images).round().astype(int)]
    chosen = marks[marks["image"].isin(table["image"])].reset_index(drop=True)
    return replace(index, table=table.reset_index(drop=True)), chosen
