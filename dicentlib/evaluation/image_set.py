"""An annotated image set with the heatmaps of all members: what an evaluation reads."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.data.image_set import read_image_set
from dicentlib.data.targets import without_padding
from dicentlib.ensemble import HeatmapStore, stored_heatmaps
from dicentlib.errors import InputError
from dicentlib.evaluation.surface import image_counts, threshold_surface
from dicentlib.voting import detect, undecided

TRUTH_THRESHOLD = 0.5
BATCH_SIZE = 8  # images computed together


@dataclass(frozen=True)
class EvaluationSet:
    """Images, annotations and heatmaps of one image set, at the members' pixel size.

    Made by :func:`open_evaluation_set`. All positions are in pixels of ``image(i)``.

    Attributes
    ----------
    name : str
    dataset : MetaphaseDataset
    store : HeatmapStore
    truth : ndarray of bool, or list of such, N of shape (2, h, w)
        Disks around the annotated points: target heatmaps above 0.5.
    """

    name: str
    dataset: MetaphaseDataset
    store: HeatmapStore
    truth: list

    def __len__(self):
        """Number of images."""
        return len(self.dataset.names)

    @property
    def names(self):
        """Image names, relative to the set's folder."""
        return self.dataset.names

    def image(self, i):
        """Image `i`, float32 (H, W)."""
        return self.dataset.image(i)

    def heatmaps(self, i):
        """Heatmaps of image `i` with its padding, float32 (M, 2, h, w)."""
        return self.store.dense(i)

    def unpadded(self, i):
        """Heatmaps of image `i` itself, float32 (M, 2, ceil(H / 4), ceil(W / 4))."""
        return without_padding(self.heatmaps(i), self.dataset.shape(i))

    def points(self, i):
        """Annotated points of image `i`: dict of class to array (n, 2) of (row, col)."""
        return self.dataset.points(i)

    def class_heatmaps(self, class_name, *, which=None):
        """Heatmaps of one class, image by image without padding: a generator of (M, h, w).

        `which` gives the images, in order; by default all.
        """
        position = CLASSES.index(class_name)
        which = range(len(self)) if which is None else which
        return (self.unpadded(i)[:, position] for i in which)

    def class_truth(self, class_name, *, which=None):
        """Truth masks of one class, image by image without padding: a generator of bool (h, w)."""
        position = CLASSES.index(class_name)
        which = range(len(self)) if which is None else which
        shape = self.dataset.shape
        return (without_padding(self.truth[i][position], shape(i)) for i in which)

    def annotations(self):
        """All annotated points as a table ``image, class, row, col``."""
        rows = [
            (name, class_name, row, col)
            for i, name in enumerate(self.names)
            for class_name, points in self.points(i).items()
            for row, col in points
        ]
        return pd.DataFrame(rows, columns=["image", "class", "row", "col"])

    def unexposed(self):
        """Which images show a cell known to have had no dose, bool (N,)."""
        table = self.dataset.index.table
        dose = table["cell_dose_gy"] if "cell_dose_gy" in table else table["dose_gy"]
        return (dose == 0).to_numpy()

    def detections(self, operating_point):
        """Detections of all images as one table with the column ``image`` first."""
        tables = [
            detect(self.heatmaps(i), operating_point=operating_point, image_shape=shape)
            for i, shape in enumerate(map(self.dataset.shape, range(len(self))))
        ]
        table = pd.concat(tables, keys=self.names, names=["image"])
        return table.reset_index("image").reset_index(drop=True)


def open_evaluation_set(run, name, members, *, folder=None, suffix=""):
    """Read an image set of a run and the heatmaps that its members give.

    The heatmaps are kept in ``heatmaps/<name><suffix>.parquet`` of the run and used again as
    long as members, images and pixel sizes are the same.

    Parameters
    ----------
    run : pathlib.Path
    name : str
        Folder below ``data/`` of the run, for example ``"validation"``.
    members : sequence of Member
    folder : path-like, optional
        The image set, when it is not ``data/<name>`` of the run.
    suffix : str
        Distinguishes the heatmaps of several ensembles.

    Returns
    -------
    EvaluationSet

    Raises
    ------
    InputError
        No such set, or no annotations.
    """
    index, annotations = read_image_set(folder or run / "data" / name)
    metadata = members[0].metadata
    scale = {key: metadata[key] for key in ("pixel_size_um", "sigma")}
    dataset = MetaphaseDataset(index, annotations, **scale)
    path = run / "heatmaps" / f"{name}{suffix}.parquet"
    store = stored_heatmaps(path, dataset, members, batch_size=BATCH_SIZE)
    truth = [dataset[i]["target"] > TRUTH_THRESHOLD for i in range(len(dataset))]
    for i, (mask, shape) in enumerate(zip(truth, store.shapes, strict=True)):
        if mask.shape != shape[1:]:
            raise InputError(
                f"{dataset.names[i]}: heatmaps {shape[1:]} and truth {mask.shape} found; "
                "expected equal shapes"
            )
    return EvaluationSet(name, dataset, store, truth)


def class_surface(images, class_name, *, which=None, **grid):
    """Threshold surface of one class of an image set.

    Parameters
    ----------
    images : EvaluationSet
    class_name : str
    which : sequence of int, optional
        The images, by default all.
    **grid
        ``confidence_thresholds``, ``agreement_thresholds``, ``ensembles`` of
        :func:`dicentlib.evaluation.threshold_surface`.
    """
    heatmaps = images.class_heatmaps(class_name, which=which)
    truth = images.class_truth(class_name, which=which)
    return threshold_surface(heatmaps, truth, **grid)


def class_surfaces(images, **grid):
    """:func:`class_surface` of every class, as a dict."""
    return {name: class_surface(images, name, **grid) for name in CLASSES}


def counts_at(images, class_name, *, confidence_threshold, agreement_threshold, ensembles):
    """Counts of every image at one operating point, for bootstraps.

    Returns
    -------
    ndarray of int, shape (N, 3, E)
        tp, fp, fn of each image and ensemble.
    """
    counts = image_counts(
        images.class_heatmaps(class_name),
        images.class_truth(class_name),
        confidence_thresholds=[confidence_threshold],
        agreement_thresholds=[agreement_threshold],
        ensembles=ensembles,
    )
    return np.stack([image[:, :, 0, 0] for image in counts])


def false_rates(images, class_name, **grid):
    """False detections per 1000 unexposed cells over the (T_C, T_A) grid of one ensemble.

    Returns
    -------
    ndarray of float, shape (n_T_C, n_T_A), or None
        None when the set has no cell known to be unexposed.
    """
    which = np.flatnonzero(images.unexposed())
    if which.size == 0:
        return None
    surface = class_surface(images, class_name, which=which, **grid)
    return 1000 * surface.fp.mean(axis=0) / which.size


def votes_needed(evaluation_set, operating_point):
    """Members needed until the vote of each image is settled, int (N,), see ``undecided``."""
    needed = np.full(len(evaluation_set), operating_point.n_members)
    for i in range(len(evaluation_set)):
        heatmaps = evaluation_set.heatmaps(i)
        for n_seen in range(1, operating_point.n_members):
            if not undecided(heatmaps[:n_seen], operating_point=operating_point).any():
                needed[i] = n_seen
                break
    return needed
