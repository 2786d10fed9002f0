"""Chromosomes as labelled objects, by thresholds and distance transforms.

Lengths are in units of the chromosome width, :data:`CHROMOSOME_WIDTH_UM`, so the same
numbers serve every pixel size. The image filter measures images with the same functions.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.errors import InputError

CHROMOSOME_WIDTH_UM = 1.8
MINIMUM_CONTRAST = 0.06


@dataclass(frozen=True)
class SegmentationParameters:
    """How chromosomes are cut out; lengths in chromosome widths, areas in squared widths."""

    threshold_factor: float = 0.9  # times Otsu's threshold of the image without nuclei
    core_fraction: float = 0.55  # of the darkest value near by: opens gaps between neighbours
    nucleus_width: float = 2.3  # a disk of this diameter that fits into an object: a nucleus
    split_depth: float = 0.2  # how much narrower a neck must be than its sides to be cut
    minimum_area: float = 0.45  # smaller objects are dirt
    maximum_area: float = 14.0  # larger objects are unresolved clusters

    def __post_init__(self):
        for name in ("threshold_factor", "core_fraction", "nucleus_width", "minimum_area"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0 < self.minimum_area < self.maximum_area:
            raise InputError(
                f"maximum_area is {self.maximum_area}; it must be above minimum_area, "
                f"{self.minimum_area}"
            )


@dataclass(frozen=True)
class Segmentation:
    """The objects of one image.

    Attributes
    ----------
    labels : ndarray of int32, shape (H, W)
        0 for the background, 1 to n for the objects.
    contrast : ndarray of float32, shape (H, W)
        See :func:`flatten`.
    nuclei : ndarray of bool, shape (H, W)
    width_px : float
        The chromosome width that lengths were measured in.
    """

    labels: np.ndarray
    contrast: np.ndarray
    nuclei: np.ndarray
    width_px: float


def width_in_pixels(pixel_size_um):
    """Chromosome width in pixels of `pixel_size_um`; ``InputError`` unless that is above 0."""
    if not pixel_size_um > 0:
        raise InputError(f"pixel_size_um is {pixel_size_um}; it must be above 0")
    return CHROMOSOME_WIDTH_UM / pixel_size_um


def flatten(image, *, width_px):
    r"""Darkness relative to the local background.

    .. math:: c = 1 - I / B

    :math:`B` is a Gaussian mean (5 widths) of the background pixels: those not darker than
    the median by more than 3 robust standard deviations.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
        Bright field.
    width_px : float
        Chromosome width.

    Returns
    -------
    contrast : ndarray of float32, shape (H, W), values in [-0.2, 1]
        0 in the background, towards 1 where nothing passes. Independent of the exposure.
    """
    height, width = image.shape
    step = max(1, int(width_px))
    size = (max(1, width // step), max(1, height // step))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    level = np.median(small)
    spread = 1.4826 * np.median(np.abs(small - level))
    empty = (small > level - max(3 * spread, 0.03 * level)).astype(np.float32)
    sigma = 5 * width_px / step
    total = cv2.GaussianBlur(small * empty, (0, 0), sigma)
    weight = cv2.GaussianBlur(empty, (0, 0), sigma)
    background = (total + 1e-3 * level) / (weight + 1e-3)
    background = cv2.resize(background, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(1 - image / np.maximum(background, 1e-3), -0.2, 1).astype(np.float32)


def disk(diameter):
    """Elliptical structuring element, at least 1 pixel wide."""
    size = max(1, round(diameter))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def foreground(contrast, *, width_px, parameters=None):
    """Chromosome pixels, and the nuclei that were taken out first.

    Otsu's threshold is found twice: nuclei are darker and larger than chromosomes and would
    set it alone.

    Returns
    -------
    chromosomes, nuclei : ndarray of bool, shape (H, W)
        Both empty where nothing is darker than the background by ``MINIMUM_CONTRAST``.
    """
    parameters = parameters or SegmentationParameters()
    threshold = _otsu(contrast)
    dark = (contrast > 0.8 * threshold).astype(np.uint8)
    nuclei = cv2.morphologyEx(dark, cv2.MORPH_OPEN, disk(parameters.nucleus_width * width_px))
    nuclei = cv2.dilate(nuclei, disk(width_px)) & dark
    near = cv2.dilate(nuclei, disk(0.5 * width_px)).astype(bool)
    if near.all():
        return np.zeros(contrast.shape, bool), nuclei.astype(bool)
    threshold = _otsu(contrast[~near])
    chromosomes = (contrast > parameters.threshold_factor * threshold) & ~near
    return chromosomes, nuclei.astype(bool)


def _otsu(values):
    return max(threshold_otsu(values), MINIMUM_CONTRAST)


def core(contrast, chromosomes, *, width_px, parameters=None):
    """Pixels darker than a fraction of the darkest value within about one width."""
    parameters = parameters or SegmentationParameters()
    dark = np.where(chromosomes, contrast, 0).astype(np.float32)
    darkest = cv2.dilate(dark, disk(1.6 * width_px))
    darkest = cv2.GaussianBlur(darkest, (0, 0), 0.2 * width_px)
    return chromosomes & (contrast > parameters.core_fraction * darkest)


def split(mask, *, width_px, depth):
    """Label `mask`, cutting touching objects at necks of their distance transform.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
    width_px : float
        Chromosome width.
    depth : float
        A neck is cut when its half-width is less than that of the narrower of the two
        bodies beside it by this many chromosome widths.

    Returns
    -------
    labels : ndarray of int32, shape (H, W)
    """
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    distance = cv2.GaussianBlur(distance, (0, 0), 0.1 * width_px)
    # maxima that stay apart when all are lowered by the depth
    seed, lowered = np.maximum(distance - depth * width_px, 0), np.zeros_like(distance)
    for window in ndimage.find_objects((distance > 0).astype(np.uint8)):  # one; none if empty
        lowered[window] = reconstruction(seed[window], distance[window])
    peaks = local_maxima(lowered) & mask & (lowered > 0)
    markers, _ = ndimage.label(peaks, structure=np.ones((3, 3)))
    thin, n_thin = ndimage.label(mask, structure=np.ones((3, 3)))
    unmarked = np.setdiff1d(np.arange(1, n_thin + 1), np.unique(thin[markers > 0]))
    extra = np.isin(thin, unmarked) & mask
    markers = np.where(extra, thin + markers.max(), markers)
    return watershed(-distance, markers, mask=mask).astype(np.int32)


def segment(image, *, pixel_size_um=REFERENCE_PIXEL_SIZE_UM, parameters=None):
    """Cut a metaphase into chromosome-like objects.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
        Bright field.
    pixel_size_um : float
        Micrometres per pixel.
    parameters : SegmentationParameters, optional

    Returns
    -------
    Segmentation
    """
    parameters = parameters or SegmentationParameters()
    width_px = width_in_pixels(pixel_size_um)
    contrast = flatten(image, width_px=width_px)
    contrast = cv2.GaussianBlur(contrast, (0, 0), 0.06 * width_px)
    chromosomes, nuclei = foreground(contrast, width_px=width_px, parameters=parameters)
    cores = core(contrast, chromosomes, width_px=width_px, parameters=parameters)
    labels = split(cores, width_px=width_px, depth=parameters.split_depth)
    area = np.bincount(labels.ravel()) / width_px**2
    kept = (area >= parameters.minimum_area) & (area <= parameters.maximum_area)
    kept[0] = False
    new = np.cumsum(kept) * kept
    return Segmentation(new[labels].astype(np.int32), contrast, nuclei, width_px)
