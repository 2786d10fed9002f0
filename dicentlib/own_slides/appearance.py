"""How a metaphase image looks, in numbers: background, noise, stain, edges, sizes, nuclei.

The same measurements are made on real and on simulated images, so that the two can be
compared quantity by quantity. Lengths are in pixels of the image at 0.1 um: resample first,
and normalise an under-exposed background (``data.images.normalise_background``).
"""

import cv2
import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.filters import threshold_otsu

from dicentlib.errors import InputError

SMALLEST_AREA_PX = 30
NUCLEUS_AREA_PX = 5000  # a disc of 80 px; no chromosome is as large
QUANTITIES = {
    "background": "background grey",
    "background_sd": "background sd",
    "noise": "pixel noise (5-px high-pass sd)",
    "slow_background": "slow background range (2.5-97.5 %)",
    "chromosome_grey": "chromosome grey (mean)",
    "chromosome_core": "chromosome core grey (median)",
    "edge_px": "edge 10-90 % width (px)",
    "n_components": "components of at least 30 px",
    "area_px": "area of a single chromosome (px)",
    "area_p5_px": "chromosome area, 5 % (px)",
    "area_p95_px": "chromosome area, 95 % (px)",
    "length_px": "chromosome length, median (px)",
    "longest_px": "longest chromosome (px)",
    "width_px": "chromosome width (px)",
    "n_nuclei": "round nuclei",
    "nucleus_px": "nucleus diameter (px)",
    "nucleus_grey": "nucleus grey",
    "spread_px": "spread diameter, 90 % of centres (px)",
}  # fmt: skip
# Lowest, median and highest of the 16 public images of the ADCI demonstration set (solid
# Giemsa, two laboratories; F1000Research 2017;6:1396), measured by measure_appearance.
REAL_RANGES = {
    "background": (0.824, 0.881, 0.899),
    "background_sd": (0.0104, 0.0190, 0.0578),
    "noise": (0.00733, 0.00843, 0.0132),
    "slow_background": (0.0195, 0.0413, 0.153),
    "chromosome_grey": (0.254, 0.367, 0.546),
    "chromosome_core": (0.153, 0.253, 0.463),
    "edge_px": (5.5, 7.5, 10.75),
    "n_components": (26, 49.5, 65),
    "area_px": (406, 797, 1626),
    "area_p5_px": (33, 99.2, 502),
    "area_p95_px": (1175, 2259, 3663),
    "length_px": (30.4, 46.3, 61.3),
    "longest_px": (61.7, 93.4, 178),
    "width_px": (13.1, 18.2, 26.6),
    "n_nuclei": (0, 1, 8),
    "nucleus_px": (119, 130, 184),
    "nucleus_grey": (0.116, 0.140, 0.503),
    "spread_px": (465, 670, 1192),
}


def segment(image):
    """Components darker than Otsu's threshold.

    Returns
    -------
    labels : ndarray of int32, shape (H, W)
        0: background; components of fewer than 30 px are left out.
    table : pandas.DataFrame
        One row per component: ``component, kind`` (chromosome, nucleus, clump, border),
        ``row, col, area_px, length_px, width_px, solidity, grey, core``. Length and width are
        the sides of the smallest rectangle, the width as area / length.
    """
    image = np.asarray(image, np.float32)
    if image.ndim != 2 or min(image.shape) < 64:
        raise InputError(f"image of shape {image.shape}: allowed are (H, W), at least 64 x 64")
    threshold = threshold_otsu(image)
    mask = ndimage.binary_fill_holes(image < threshold)
    n, labels, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    rows = []
    for k in range(1, n):
        left, top, width, height, area = stats[k]
        if area < SMALLEST_AREA_PX:
            labels[top : top + height, left : left + width][
                labels[top : top + height, left : left + width] == k
            ] = 0
            continue
        inside = labels[top : top + height, left : left + width] == k
        pixels = image[top : top + height, left : left + width][inside]
        contour = max(
            cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0],
            key=len,
        )
        sides = np.array(cv2.minAreaRect(contour)[1]) + 1
        solidity = area / max(cv2.contourArea(cv2.convexHull(contour)) + len(contour) / 2, 1)
        roundness = sides.min() / sides.max()
        at_border = (
            left == 0
            or top == 0
            or left + width == image.shape[1]
            or (top + height == image.shape[0])
        )
        if area > NUCLEUS_AREA_PX:
            kind = "nucleus" if roundness > 0.75 and solidity > 0.88 else "clump"
        else:
            kind = "chromosome"
        rows.append({
            "component": k, "kind": "border" if at_border else kind, "row": centres[k][1],
            "col": centres[k][0], "area_px": int(area), "length_px": sides.max(),
            "width_px": area / sides.max(), "solidity": solidity, "grey": pixels.mean(),
            "core": np.percentile(pixels, 25),
        })  # fmt: skip
    columns = ["component", "kind", "row", "col", "area_px", "length_px", "width_px", "solidity",
               "grey", "core"]  # fmt: skip
    return labels, pd.DataFrame(rows, columns=columns)


def measure_appearance(image):
    """The quantities named in ``QUANTITIES``, of one image.

    Parameters
    ----------
    image : ndarray, shape (H, W), values in [0, 1]
        At 0.1 um per pixel, bright field.

    Returns
    -------
    pandas.Series
        NaN where a quantity has nothing to be measured on.
    """
    image = np.asarray(image, np.float32)
    labels, table = segment(image)
    background = ~ndimage.binary_dilation(image < threshold_otsu(image), iterations=12)
    values = image[background]
    smooth = cv2.GaussianBlur(image, (0, 0), 2.5)
    filled = np.where(background, image, np.float32(np.median(values)))
    slow = cv2.GaussianBlur(filled, (0, 0), 20)[background]
    chromosomes = table[table["kind"] == "chromosome"]
    single = chromosomes[chromosomes["solidity"] > 0.75]
    nuclei = table[table["kind"] == "nucleus"]
    centres = chromosomes[["row", "col"]].to_numpy()
    spread = np.nan
    if len(centres):
        spread = 2 * np.percentile(np.hypot(*(centres - np.median(centres, axis=0)).T), 90)
    low, high = np.percentile(slow, [2.5, 97.5])
    p5, p95 = _quantiles(chromosomes["area_px"], [0.05, 0.95])
    return pd.Series(
        {
            "background": values.mean(),
            "background_sd": values.std(),
            "noise": (image - smooth)[background].std(),
            "slow_background": high - low,
            "chromosome_grey": chromosomes["grey"].mean(),
            "chromosome_core": chromosomes["core"].median(),
            "edge_px": edge_width(image, labels, chromosomes["component"]),
            "n_components": float(len(table)),
            "area_px": single["area_px"].median(),
            "area_p5_px": p5,
            "area_p95_px": p95,
            "length_px": chromosomes["length_px"].median(),
            "longest_px": single["length_px"].max(),
            "width_px": single["width_px"].median(),
            "n_nuclei": float(len(nuclei)),
            "nucleus_px": nuclei["length_px"].median(),
            "nucleus_grey": nuclei["grey"].median(),
            "spread_px": spread,
        }
    )


def _quantiles(values, levels):
    return values.quantile(levels).to_numpy() if len(values) else np.full(len(levels), np.nan)


def edge_width(image, labels, components, *, reach_px=12, n_profiles=400):
    """Median 10-90 % width in pixels of profiles across the outlines of components.

    Profiles run along the gradient, `reach_px` to either side of the outline, and are scaled
    between their darkest value inside and their brightest outside. NaN without a component.
    """
    mask = np.isin(labels, np.asarray(components))
    outline = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    if not len(outline):
        return np.nan
    outline = outline[:: max(len(outline) // n_profiles, 1)]
    smooth = cv2.GaussianBlur(image, (0, 0), 1.5)
    gradient = np.stack([cv2.Sobel(smooth, cv2.CV_32F, 0, 1), cv2.Sobel(smooth, cv2.CV_32F, 1, 0)])
    direction = gradient[:, outline[:, 0], outline[:, 1]]
    direction = direction / np.maximum(np.hypot(*direction), 1e-9)
    steps = np.arange(-reach_px, reach_px + 0.25, 0.25)
    where = outline.T[:, :, None] + direction[:, :, None] * steps
    profiles = ndimage.map_coordinates(image, where, order=1, mode="nearest")
    middle = len(steps) // 2
    widths = []
    for profile in profiles:
        first = int(np.argmin(profile[:middle]))
        last = middle + int(np.argmax(profile[middle:]))
        rise = profile[first : last + 1]
        if rise[-1] - rise[0] < 0.05:
            continue
        scaled = (rise - rise[0]) / (rise[-1] - rise[0])
        above = np.flatnonzero(scaled >= 0.9)[0]
        below = np.flatnonzero(scaled[: above + 1] <= 0.1)[-1]
        widths.append((above - below) * 0.25)
    return float(np.median(widths)) if widths else np.nan


def compare_appearance(simulated, real=None):
    """Simulated against real, quantity by quantity.

    Parameters
    ----------
    simulated : pandas.DataFrame
        One row per image, columns ``QUANTITIES``.
    real : pandas.DataFrame, optional
        The same of real images; by default the stored ``REAL_RANGES``.

    Returns
    -------
    pandas.DataFrame
        Indexed by quantity: ``real_low, real_median, real_high, simulated_p5,
        simulated_median, simulated_p95, ratio`` of the medians, ``inside`` (the simulated
        median lies in the real range) and ``within_15_percent``.
    """
    ranges = pd.DataFrame(REAL_RANGES, index=["real_low", "real_median", "real_high"]).T
    if real is not None:
        ranges = pd.DataFrame(
            {"real_low": real.min(), "real_median": real.median(), "real_high": real.max()}
        )
    table = ranges.loc[list(QUANTITIES)].assign(
        simulated_p5=simulated.quantile(0.05),
        simulated_median=simulated.median(),
        simulated_p95=simulated.quantile(0.95),
    )
    table["ratio"] = table["simulated_median"] / table["real_median"]
    table["inside"] = table["simulated_median"].between(table["real_low"], table["real_high"])
    table["within_15_percent"] = (table["ratio"] - 1).abs() <= 0.15
    return table
