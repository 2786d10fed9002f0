"""The object on which the members of an ensemble disagree most."""

from dataclasses import dataclass

import numpy as np

from dicentlib.conventions import CLASSES, STRIDE


@dataclass(frozen=True)
class Disagreement:
    """Where the members' peaks on an annotated object spread most.

    Attributes
    ----------
    image : int
        Position of the image in its set.
    class_name : str
    heatmaps : ndarray of float32, shape (M, h, w)
        Of that image and class, with its padding.
    ranked : ndarray of int, shape (M,)
        Members from the lowest peak on annotated objects to the highest.
    centre : (row, col)
        Of the widest spread, in pixels of the image.
    """

    image: int
    class_name: str
    heatmaps: np.ndarray
    ranked: np.ndarray
    centre: tuple

    def members(self, n):
        """At most `n` members, evenly from the lowest peak to the highest."""
        n = min(n, len(self.ranked))
        return self.ranked[np.linspace(0, len(self.ranked) - 1, n).round().astype(int)]


def widest_spread(images):
    """Image and class whose members' peaks on annotated objects have the largest spread.

    Parameters
    ----------
    images : EvaluationSet

    Returns
    -------
    Disagreement
    """
    inside = (np.where(truth, images.heatmaps(i), 0) for i, truth in enumerate(images.truth))
    peaks = np.array([values.max(axis=(2, 3)) for values in inside])  # image, member, class
    spread = peaks.std(axis=1)
    image, channel = np.unravel_index(spread.argmax(), spread.shape)
    heatmaps = images.heatmaps(image)[:, channel]
    inside = np.where(images.truth[image][channel], heatmaps.std(axis=0), 0)
    row, col = np.unravel_index(inside.argmax(), inside.shape)
    return Disagreement(
        image=int(image),
        class_name=CLASSES[channel],
        heatmaps=heatmaps,
        ranked=np.argsort(peaks[image, :, channel]),
        centre=(float(STRIDE * row), float(STRIDE * col)),
    )
