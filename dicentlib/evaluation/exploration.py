"""What a threshold explorer shows, computed without it: one view per position of the sliders."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

from dicentlib.conventions import CLASSES, STRIDE
from dicentlib.data.targets import without_padding
from dicentlib.errors import InputError
from dicentlib.evaluation.counts import MEASURES, rate
from dicentlib.evaluation.ensembles import random_ensembles, summarise
from dicentlib.evaluation.surface import grid_position, image_counts
from dicentlib.voting import EIGHT_CONNECTED, decide, vote

N_RESAMPLES = 200  # of the images, for the interval that covers them too


@dataclass(frozen=True)
class ThresholdPosition:
    """Values of the sliders."""

    confidence_threshold: float
    agreement_threshold: int
    class_name: str
    n_members: int
    image: int = 0


@dataclass(frozen=True)
class MeasuredNumber:
    """Precision or recall at a position: mean over ensembles and two intervals [q05, q95].

    ``ensembles``: over random ensembles on these images, the paper's; ``both``: over
    ensembles and other draws of the images.
    """

    mean: float
    ensembles: tuple
    both: tuple

    def at(self, cell):
        """The number at a (row, column) of the grid, of one whose values are arrays over it."""
        ends = (tuple(float(limit[cell]) for limit in pair) for pair in (self.ensembles, self.both))
        return MeasuredNumber(float(self.mean[cell]), *ends)


@dataclass(frozen=True)
class ThresholdView:
    """Everything that is drawn for one position.

    ``found`` and ``missed`` are annotated points that a detection does or does not overlap,
    ``true`` and ``false`` the centres of detections that do or do not overlap an annotation; all
    are arrays (n, 2) of (row, col) in pixels of ``image``. ``surfaces`` maps measure to mean
    over ensembles, shape (n_T_C, n_T_A); ``numbers`` maps measure to its
    :class:`MeasuredNumber` at the position.
    """

    position: ThresholdPosition
    image: np.ndarray
    votes: np.ndarray
    found: np.ndarray
    missed: np.ndarray
    true: np.ndarray
    false: np.ndarray
    surfaces: dict
    numbers: dict
    n_ensembles: int
    confidence_thresholds: np.ndarray


class Exploration:
    """Precomputed surfaces of one image set for several ensemble sizes.

    Parameters
    ----------
    images : object
        An ``EvaluationSet``, or anything with its ``__len__, image, heatmaps, points,
        class_heatmaps, class_truth`` and ``truth``.
    member_counts : sequence of int
        Ensemble sizes to choose from, each at most the number of members.
    confidence_thresholds : sequence of float
        T_C to choose from, ascending.
    n_members : int
        Members of the pool, M.
    n_draws, seed : int
        Of the random ensembles of each size, see :func:`random_ensembles`. The picture shows
        the votes of the first of them.
    """

    def __init__(
        self, images, *, member_counts, confidence_thresholds, n_members, n_draws=100, seed=0
    ):
        self.images = images
        self.confidence_thresholds = np.asarray(confidence_thresholds, dtype=float)
        self.ensembles = {
            size: random_ensembles(n_members, size=size, n_draws=n_draws, seed=seed)
            for size in sorted(set(member_counts))
        }
        self.summaries = {
            (class_name, size): self._summarise(class_name, size, seed)
            for class_name in CLASSES
            for size in self.ensembles
        }
        self._loaded = lru_cache(maxsize=16)(self._load)

    def _summarise(self, class_name, size, seed):
        """Surfaces of one class and size: mean and intervals by measure."""
        ensembles = self.ensembles[size]
        images = image_counts(
            self.images.class_heatmaps(class_name),
            self.images.class_truth(class_name),
            confidence_thresholds=self.confidence_thresholds,
            agreement_thresholds=range(size),
            ensembles=ensembles,
        )
        counts = np.stack(list(images)).astype(np.int32)  # (N, 3, E, n_T_C, n_T_A)
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), N_RESAMPLES)
        chosen = rng.integers(len(ensembles), size=N_RESAMPLES)
        draws = zip(weights, chosen, strict=True)
        resampled = np.stack([np.tensordot(one, counts[:, :, e], axes=1) for one, e in draws])
        result = {}
        for measure in MEASURES:
            over_ensembles = summarise(rate(measure, counts.sum(axis=0)))
            over_both = summarise(rate(measure, np.moveaxis(resampled, 1, 0)))
            intervals = ((one["lower"], one["upper"]) for one in (over_ensembles, over_both))
            result[measure] = MeasuredNumber(over_ensembles["mean"], *intervals)
        return result

    @property
    def member_counts(self):
        """Ensemble sizes to choose from, ascending."""
        return tuple(self.ensembles)

    def _load(self, image):
        return self.images.image(image), self.images.unpadded(image)

    def view(self, position):
        """What to draw at a position of the sliders.

        Raises
        ------
        InputError
            The position is not on the precomputed grid.
        """
        if position.n_members not in self.ensembles:
            raise InputError(
                f"n_members: {position.n_members} found; allowed: {list(self.member_counts)}"
            )
        if not 0 <= position.image < len(self.images):
            raise InputError(f"image: {position.image} found; allowed: 0 to {len(self.images) - 1}")
        row = grid_position(
            self.confidence_thresholds, position.confidence_threshold, "confidence_threshold"
        )
        ensembles = self.ensembles[position.n_members]
        channel = CLASSES.index(position.class_name)
        image, heatmaps = self._loaded(position.image)
        votes = vote(
            heatmaps[ensembles[0], channel], confidence_threshold=self.confidence_thresholds[row]
        )
        fired = decide(
            votes, agreement_threshold=position.agreement_threshold, n_members=position.n_members
        )
        summary = self.summaries[position.class_name, position.n_members]
        cell = (row, position.agreement_threshold)
        return ThresholdView(
            position=position,
            image=image,
            votes=votes,
            **_compare(
                fired,
                without_padding(self.images.truth[position.image][channel], image.shape),
                self.images.points(position.image)[position.class_name],
            ),
            surfaces={measure: number.mean for measure, number in summary.items()},
            numbers={measure: number.at(cell) for measure, number in summary.items()},
            n_ensembles=len(ensembles),
            confidence_thresholds=self.confidence_thresholds,
        )


def _compare(fired, truth, points):
    """Points found and missed, detections true and false, by overlap."""
    labels, n_objects = ndimage.label(fired, EIGHT_CONNECTED)
    truth_labels, _ = ndimage.label(truth, EIGHT_CONNECTED)
    hit = np.zeros(n_objects + 1, dtype=bool)
    hit[labels[truth]] = True
    covered = set(np.unique(truth_labels[fired])) - {0}
    index = np.arange(1, n_objects + 1)
    centres = np.array(ndimage.center_of_mass(fired, labels, index)).reshape(-1, 2)
    centres = centres * STRIDE + (STRIDE - 1) / 2
    points = np.asarray(points, dtype=float).reshape(-1, 2)
    cells = (points // STRIDE).astype(int)
    found = np.array([truth_labels[row, col] in covered for row, col in cells], dtype=bool)
    true = hit[1:]
    return {
        "found": points[found],
        "missed": points[~found],
        "true": centres[true],
        "false": centres[~true],
    }
