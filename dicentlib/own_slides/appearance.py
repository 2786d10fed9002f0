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
REACH_PX, N_PROFILES = 12, 400  # of the profiles across outlines
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


COLUMNS = (
    *("component", "kind", "row", "col", "area_px", "length_px", "width_px"),
    *("solidity", "grey", "core"),
)


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
        box = slice(top, top + height), slice(left, left + width)
        inside = labels[box] == k
        if area < SMALLEST_AREA_PX:
            labels[box][inside] = 0
            continue
        pixels = image[box][inside]
        sides, solidity = outline_shape(inside)
        roundness = sides.min() / sides.max()
        kind = "chromosome"
        if not (left and top and left + width < labels.shape[1] and top + height < labels.shape[0]):
            kind = "border"
        elif area > NUCLEUS_AREA_PX:
            kind = "nucleus" if roundness > 0.75 and solidity > 0.88 else "clump"
        lengths = int(area), sides.max(), area / sides.max()
        greys = pixels.mean(), np.percentile(pixels, 25)
        rows.append((k, kind, *centres[k][::-1], *lengths, solidity, *greys))
    return labels, pd.DataFrame(rows, columns=COLUMNS)


def outline_shape(inside):
    """Sides in px of the smallest rectangle about a component, and its solidity.

    Solidity is its area over that of its convex hull, near 1 for a disc or a bar; `inside` (h, w)
    marks its pixels.
    """
    outlines, _ = cv2.findContours(
        inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    outline = max(outlines, key=len)
    # Contours run through the centres of pixels: half a pixel is missing all round.
    hull = cv2.contourArea(cv2.convexHull(outline)) + len(outline) / 2
    return np.array(cv2.minAreaRect(outline)[1]) + 1, inside.sum() / max(hull, 1)


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
    p5, p95 = chromosomes["area_px"].astype(float).quantile([0.05, 0.95])
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


def edge_width(image, labels, components):
    """Median 10-90 % width in pixels of profiles across the outlines of components.

    Profiles run along the gradient, 12 px to either side of the outline, and are scaled
    between their darkest value inside and their brightest outside. NaN without a component.
    """
    mask = np.isin(labels, np.asarray(components))
    outline = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    if not len(outline):
        return np.nan
    outline = outline[:: max(len(outline) // N_PROFILES, 1)]
    smooth = cv2.GaussianBlur(image, (0, 0), 1.5)
    gradient = np.stack([cv2.Sobel(smooth, cv2.CV_32F, 0, 1), cv2.Sobel(smooth, cv2.CV_32F, 1, 0)])
    direction = gradient[:, outline[:, 0], outline[:, 1]]
    direction = direction / np.maximum(np.hypot(*direction), 1e-9)
    steps = np.arange(-REACH_PX, REACH_PX + 0.25, 0.25)
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
