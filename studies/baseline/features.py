"""What is measured on every object: size, shape, darkness, and the widths along its axis.

A chromosome is narrow at its centromere: a dicentric has two such constrictions, an acentric
fragment none. Lengths are in chromosome widths, so that features do not depend on the scale.
"""

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.signal import find_peaks
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric
from skimage.measure import regionprops

STEP = 0.12  # of the width profile, in chromosome widths
SMOOTHING = 1.2  # of the profile, in steps
LEAST_PROMINENCE = 0.04  # of a constriction, relative to the object's width
N_CONSTRICTIONS = 3
N_SECTIONS = 20  # of the profiles as they are given to the classifier
SHAPE_FEATURES = (
    "area",
    "length",
    "width",
    "elongation",
    "solidity",
    "eccentricity",
    "compactness",
    "contrast_mean",
    "contrast_sd",
    "contrast_high",
)
PROFILE_FEATURES = (
    "n_constrictions",
    "n_deep",
    *(
        f"{what}_{k}"
        for k in range(1, N_CONSTRICTIONS + 1)
        for what in ("depth", "position", "mass_depth")
    ),
    "separation",
    "depth_ratio",
    "between",
    "end_taper",
    "profile_sd",
    *(f"{what}_{k}" for what in ("width_at", "mass_at") for k in range(1, N_SECTIONS + 1)),
)
RELATIVE_FEATURES = ("area_relative", "length_relative", "contrast_relative", "width_relative")
FEATURES = SHAPE_FEATURES + PROFILE_FEATURES + RELATIVE_FEATURES


def medial_axis(mask):
    """Path along the middle of one object, from end to end.

    The ends are the two pixels farthest apart within the object; the path between them
    prefers pixels far from the border.

    Parameters
    ----------
    mask : ndarray of bool, shape (h, w)
        One connected object.

    Returns
    -------
    ndarray of float, shape (n, 2)
        ``(row, col)``, neighbours at most one diagonal step apart.
    """
    padded = np.pad(mask, 1)
    distance = ndimage.distance_transform_edt(padded)
    inside = np.where(padded, 1.0, np.inf)
    start = np.unravel_index(distance.argmax(), padded.shape)
    first = _farthest(inside, start)
    last = _farthest(inside, first)
    cost = np.where(padded, 1 / distance.clip(0.5) ** 2, np.inf)
    search = MCP_Geometric(cost)
    search.find_costs([first], [last])
    return np.array(search.traceback(last), dtype=float) - 1


def _farthest(cost, start):
    costs, _ = MCP_Geometric(cost).find_costs([start])
    costs[~np.isfinite(costs)] = -1
    return np.unravel_index(costs.argmax(), costs.shape)


def axis_profile(mask, contrast, *, width_px):
    """Width and mass of an object along its medial axis.

    Every pixel of the object belongs to the nearest point of the axis, so separated sister
    chromatids count as one width.

    Returns
    -------
    width, mass : ndarray of float, shape (n,)
        Width in chromosome widths and summed contrast, per step of ``STEP`` widths, smoothed.
    """
    path = medial_axis(mask)
    path = ndimage.gaussian_filter1d(path, 0.25 * width_px, axis=0, mode="nearest")
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    n = max(int(np.ceil(along[-1] / (STEP * width_px))), 3)
    pixels = np.argwhere(mask)
    _, nearest = cKDTree(path).query(pixels)
    bins = np.minimum((along[nearest] / max(along[-1], 1e-9) * n).astype(int), n - 1)
    step_px = max(along[-1], 1) / n
    width = np.bincount(bins, minlength=n) / step_px / width_px
    mass = np.bincount(bins, contrast[mask], minlength=n) / step_px / width_px
    return tuple(ndimage.gaussian_filter1d(p, SMOOTHING, mode="nearest") for p in (width, mass))


def constrictions(profile):
    """Local minima of a profile inside the object.

    Returns
    -------
    DataFrame
        ``index``; ``depth``: prominence divided by the profile's 80 % quantile;
        ``position``: 0 at an end, 0.5 in the middle. Deepest first; those shallower than
        ``LEAST_PROMINENCE`` are left out.
    """
    scale = max(np.quantile(profile, 0.8), 1e-9)
    # ends are background: without them a minimum near an end has no prominence
    relative = np.minimum(profile / scale, 1.0)
    index, found = find_peaks(-relative, prominence=LEAST_PROMINENCE)
    position = (index + 0.5) / len(profile)
    table = pd.DataFrame(
        {
            "index": index,
            "depth": found["prominences"],
            "position": np.minimum(position, 1 - position),
        }
    )
    return table.sort_values("depth", ascending=False, ignore_index=True)


def _profile_features(width, mass):
    table = constrictions(width)
    by_mass = constrictions(mass)
    row = {"n_constrictions": len(table), "n_deep": int((table["depth"] > 0.15).sum())}
    for k in range(N_CONSTRICTIONS):
        there = k < len(table)
        row[f"depth_{k + 1}"] = table["depth"][k] if there else 0.0
        row[f"position_{k + 1}"] = table["position"][k] if there else -1.0
        row[f"mass_depth_{k + 1}"] = by_mass["depth"][k] if k < len(by_mass) else 0.0
    both = len(table) >= 2
    first, second = sorted(table["index"][:2]) if both else (0, 0)
    scale = max(np.quantile(width, 0.8), 1e-9)
    ends = max(len(width) // 8, 1)
    row["separation"] = (second - first) * STEP if both else 0.0
    row["depth_ratio"] = row["depth_2"] / row["depth_1"] if both else 0.0
    row["between"] = width[first : second + 1].max() / scale if both else 0.0
    row["end_taper"] = min(width[:ends].mean(), width[-ends:].mean()) / scale
    row["profile_sd"] = width.std() / scale
    return row | _sections(width, mass)


def _sections(width, mass):
    """Both profiles in `N_SECTIONS` sections of the object, its heavier half first."""
    middles = (np.arange(N_SECTIONS) + 0.5) / N_SECTIONS
    found = {}
    for what, profile in (("mass_at", mass), ("width_at", width)):
        places = (np.arange(len(profile)) + 0.5) / len(profile)
        found[what] = np.interp(middles, places, profile / max(np.quantile(profile, 0.8), 1e-9))
    first, second = found["mass_at"].reshape(2, -1).sum(axis=1)
    turn = -1 if first < second else 1
    return {f"{what}_{k}": v for what, at in found.items() for k, v in enumerate(at[::turn], 1)}


def measure_objects(segmentation):
    """Features of every object of an image.

    Parameters
    ----------
    segmentation : Segmentation

    Returns
    -------
    DataFrame
        One row per object: ``object`` (its label), ``row, col`` (its centroid in pixels of
        the segmentation), ``area_px`` and the columns ``FEATURES``.
    """
    contrast, width_px = segmentation.contrast, segmentation.width_px
    rows = []
    for region in regionprops(segmentation.labels):
        mask = region.image
        values = contrast[region.slice]
        width, mass = axis_profile(mask, values, width_px=width_px)
        inside = values[mask]
        rows.append(
            {
                "object": region.label,
                "row": region.centroid[0],
                "col": region.centroid[1],
                "area_px": int(region.area),
                "area": region.area / width_px**2,
                "length": len(width) * STEP,
                "width": float(np.quantile(width, 0.8)),
                "elongation": region.axis_minor_length / max(region.axis_major_length, 1e-9),
                "solidity": region.solidity,
                "eccentricity": region.eccentricity,
                "compactness": region.perimeter**2 / region.area,
                "contrast_mean": inside.mean(),
                "contrast_sd": inside.std(),
                "contrast_high": np.quantile(inside, 0.95) / max(np.median(inside), 1e-9),
            }
            | _profile_features(width, mass)
        )
    table = pd.DataFrame(rows, columns=["object", "row", "col", "area_px", *FEATURES])
    for name in ("area", "length", "contrast", "width"):
        source = "contrast_mean" if name == "contrast" else name
        table[f"{name}_relative"] = table[source] / max(table[source].median(), 1e-9)
    return table
