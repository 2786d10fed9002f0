"""Changes that keep a training sample's labels: flips, quarter turns, illumination, focus."""

from dataclasses import dataclass

import cv2
import numpy as np

from dicentlib.errors import InputError


@dataclass(frozen=True)
class Augmentation:
    """What is varied between visits to the same image; the default is nothing, as in the paper.

    Parameters
    ----------
    flips : bool
        Mirror and turn by quarters (images that are not square: by halves).
    intensity : float, 0 to 1
        Strength of changes in exposure: gain within 1 +- 0.2, offset +- 0.1 and gamma within
        factors of 1.5, each times this strength.
    blur_px : float
        Largest standard deviation of a Gaussian blur; the draw is uniform from 0.
    """

    flips: bool = False
    intensity: float = 0.0
    blur_px: float = 0.0

    def __post_init__(self):
        if not 0 <= self.intensity <= 1:
            raise InputError(f"intensity must lie in [0, 1], found {self.intensity}")
        if not 0 <= self.blur_px <= 10:
            raise InputError(f"blur_px must lie in [0, 10], found {self.blur_px}")


def change_exposure(image, rng, *, intensity):
    """Image with another gain, offset and gamma, clipped to [0, 1]."""
    gain = 1 + 0.2 * intensity * rng.uniform(-1, 1)
    offset = 0.1 * intensity * rng.uniform(-1, 1)
    gamma = 1.5 ** (intensity * rng.uniform(-1, 1))
    return np.clip(gain * image**gamma + offset, 0, 1).astype(np.float32)


def change_focus(image, rng, *, blur_px):
    """Image blurred by a Gaussian of random width up to `blur_px`."""
    sigma = rng.uniform(0, blur_px)
    # OpenCV takes a width of 0 to mean "choose one"
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.05 else image


def turn(image, target, points, rng):
    """Mirror and turn an image, its target heatmaps and its points alike.

    Parameters
    ----------
    image : ndarray, shape (H, W)
    target : ndarray, shape (2, h, w)
    points : dict of class to ndarray, shape (n, 2)
    rng : numpy.random.Generator
        One of the eight symmetries of a square, or the four of a rectangle, is drawn.
    """
    square = image.shape[0] == image.shape[1]
    quarters = int(rng.integers(4)) if square else 2 * int(rng.integers(2))
    mirror = bool(rng.integers(2))
    turned = {name: turn_points(xy, image.shape, quarters, mirror) for name, xy in points.items()}
    image = np.rot90(image, quarters)
    target = np.rot90(target, quarters, axes=(1, 2))
    if mirror:
        image, target = image[:, ::-1], target[:, :, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(target), turned


def turn_points(points, shape, quarters, mirror):
    """Positions after counter-clockwise quarter turns and then a mirroring of the columns."""
    height, width = shape
    for _ in range(quarters % 4):
        points = np.column_stack([width - 1 - points[:, 1], points[:, 0]])
        height, width = width, height
    if mirror:
        points = np.column_stack([points[:, 0], width - 1 - points[:, 1]])
    return points
