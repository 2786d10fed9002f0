r"""The size of a pixel, estimated from the chromosomes themselves.

A human karyotype has 46 chromosomes of known relative lengths. Lengths and widths vary with
condensation, but against each other: a long chromosome is thin. A regression learns from
simulated fields of all looks how the measured sizes of a field depend on its scale; the table
that it learns from is ``models/scale/scale.parquet`` (``python -m studies.recipes.ready_scale``).
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import skeletonize
from sklearn.ensemble import ExtraTreesRegressor

from dicentlib.data import resample
from dicentlib.errors import InputError
from dicentlib.own_slides.appearance import outline_shape
from dicentlib.segmentation import CHROMOSOME_WIDTH_UM, flatten, foreground

MEASURING_PIXEL_UM = 0.2  # images are brought to this pixel size before they are measured
RANGE_UM = (0.02, 0.5)  # pixel sizes that are considered
FEATURES = (
    *("thickness_25", "thickness_50", "thickness_75", "thickness_90"),
    *("width_25", "width_50", "width_75"),
    *("length_10", "length_25", "length_50", "length_75", "length_90"),
    *("area_10", "area_25", "area_50", "area_75", "area_90"),
    *("n_objects", "n_single", "total_area", "total_length", "n_nuclei"),
)
OFFSETS = (-0.3, -0.15, 0.0, 0.15, 0.3)  # logarithms of the scales tried around a guess
SMALLEST_SHARE = 0.3  # of the typical area; smaller objects are debris
ROUNDS = 2


@dataclass(frozen=True)
class ScaleEstimate:
    """An estimated pixel size.

    Attributes
    ----------
    pixel_size_um, lower_um, upper_um : float
        Median over the fields, and its 95 % interval: the spread between fields and the error
        that all fields of one slide share (measured on simulated slides).
    n_fields : int
        Fields that could be measured.
    fields : pandas.Series
        The estimate of each field by name; NaN where no chromosomes were found.
    """

    pixel_size_um: float
    lower_um: float
    upper_um: float
    n_fields: int
    fields: pd.Series


def field_sizes(image, *, pixel_size_um):
    """Sizes of chromosome-like objects in a field, as natural logarithms.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
        Bright field.
    pixel_size_um : float
        The scale that is assumed; sizes are in pixels of 0.2 um under this assumption.

    Returns
    -------
    ndarray of float, shape (len(FEATURES),), or None
        None where fewer than five separate objects can be measured.
    """
    small = resample(image, pixel_size_um=pixel_size_um, target_pixel_size_um=MEASURING_PIXEL_UM)
    if min(small.shape) < 64:
        return None
    width_px = CHROMOSOME_WIDTH_UM / MEASURING_PIXEL_UM
    mask, nuclei = foreground(flatten(small, width_px=width_px), width_px=width_px)
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    axis = skeletonize(mask)
    thickness = distance[axis]
    thickness = thickness[thickness > 1]
    objects = _objects(mask)
    if len(thickness) < 50 or not len(objects):
        return None
    typical = np.average(objects["area"], weights=objects["area"])
    objects = objects[objects["area"] > SMALLEST_SHARE * typical]
    single = objects[objects["solidity"] > 0.75]
    if len(single) < 5:
        return None
    sizes = [
        *np.quantile(thickness, [0.25, 0.5, 0.75, 0.9]),
        *single["width"].quantile([0.25, 0.5, 0.75]),
        *single["length"].quantile([0.1, 0.25, 0.5, 0.75, 0.9]),
        *single["area"].quantile([0.1, 0.25, 0.5, 0.75, 0.9]),
        *(len(objects), len(single), mask.sum(), axis.sum()),
    ]
    return np.append(np.log(sizes), np.log1p(ndimage.label(nuclei)[1]))


def _objects(mask):
    """Area, length, width and solidity of the objects that do not touch the border."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    rows = []
    for k in range(1, n):
        left, top, width, height, area = stats[k]
        inner = left and top and left + width < mask.shape[1] and top + height < mask.shape[0]
        if not inner or not 15 <= area <= 3000:
            continue
        sides, solidity = outline_shape(labels[top : top + height, left : left + width] == k)
        rows.append((area, sides.max(), area / sides.max(), solidity))
    return pd.DataFrame(rows, columns=["area", "length", "width", "solidity"], dtype=float)


def first_guess(image):
    """Pixel size in um at which the typical thickness of dark objects is a chromosome's width.

    NaN where nothing is darker than the background.
    """
    contrast = np.clip(1 - image / max(np.median(image), 1e-3), 0, 1).astype(np.float32)
    shrunk = min(1.0, 1200 / max(image.shape))
    contrast = cv2.resize(contrast, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
    contrast = cv2.GaussianBlur(contrast, (0, 0), 1.0)
    mask = contrast > max(threshold_otsu(contrast), 0.06)
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    thickness = distance[skeletonize(mask)]
    thickness = thickness[thickness > 1.5]
    if len(thickness) < 20:
        return np.nan
    for _ in range(5):  # nuclei and clumps are thicker
        thickness = thickness[thickness < 2 * np.median(thickness)]
    return float(CHROMOSOME_WIDTH_UM / (2 * np.median(thickness)) * shrunk)


@dataclass(frozen=True)
class ScaleModel:
    """The regression, and its errors on simulated slides (standard deviations of logarithms)."""

    regression: ExtraTreesRegressor
    field_sd: float
    slide_sd: float


def fit_scale_model(table, *, field_sd=np.nan, slide_sd=np.nan):
    """Learn the offset of an assumed scale from the sizes measured under it.

    Parameters
    ----------
    table : DataFrame
        Columns ``FEATURES`` and ``offset``, the logarithm of the true over the assumed pixel
        size.

    Returns
    -------
    ScaleModel
    """
    regression = ExtraTreesRegressor(300, min_samples_leaf=3, random_state=0, n_jobs=1)
    regression.fit(table[list(FEATURES)].to_numpy(), table["offset"].to_numpy())
    return ScaleModel(regression, field_sd, slide_sd)


@lru_cache(maxsize=2)
def load_scale_model(path):
    """The regression from its table of simulated fields.

    Raises
    ------
    InputError
        The file is absent or is not such a table.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the table of the scale estimate")
    table = pq.read_table(path)
    errors = json.loads((table.schema.metadata or {}).get(b"errors", b"null"))
    if errors is None or not {*FEATURES, "offset"} <= set(table.column_names):
        raise InputError(f"{path}: not a table of the scale estimate")
    return fit_scale_model(table.to_pandas(), **errors)


def estimate_field(image, model):
    """Pixel size of one field in um; NaN where it has too few separate chromosomes."""
    scale = first_guess(image)
    for _ in range(ROUNDS):
        if not np.isfinite(scale):
            return np.nan
        scales = np.clip(scale * np.exp(OFFSETS), *RANGE_UM)
        found = [(s, field_sizes(image, pixel_size_um=s)) for s in scales]
        found = [(s, sizes) for s, sizes in found if sizes is not None]
        if not found:
            return np.nan
        offsets = model.regression.predict(np.stack([sizes for _, sizes in found]))
        scale = float(np.exp(np.median(np.log([s for s, _ in found]) + offsets)))
    return scale


def estimate_scale(images, model):
    """Pixel size of fields that share one scale.

    Parameters
    ----------
    images : iterable of (str, ndarray)
        Name and image ``(H, W)``, values in [0, 1], of each field.
    model : ScaleModel

    Returns
    -------
    ScaleEstimate
        All NaN where no field could be measured.
    """
    return combine_fields(
        pd.Series({name: estimate_field(image, model) for name, image in images}, dtype=float),
        model,
    )


def combine_fields(fields, model):
    """Pixel size from the estimates of single fields that share one scale.

    Parameters
    ----------
    fields : pandas.Series
        Of :class:`ScaleEstimate`.
    model : ScaleModel

    Returns
    -------
    ScaleEstimate
        All NaN where no field could be measured.
    """
    logs = np.log(fields.dropna().to_numpy())
    if not len(logs):
        return ScaleEstimate(np.nan, np.nan, np.nan, 0, fields)
    # a median of n values has 1.25 times the standard error of their mean
    spread = max(model.field_sd, float(logs.std(ddof=1)) if len(logs) > 2 else 0.0)
    error = np.hypot(model.slide_sd, 1.25 * spread / np.sqrt(len(logs)))
    lower, middle, upper = np.exp(np.median(logs) + 1.96 * error * np.array([-1, 0, 1]))
    return ScaleEstimate(float(middle), float(lower), float(upper), len(logs), fields)
