"""Simulated images compared with real ones, and a detector tried on real ones: tables, figures."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from tqdm import tqdm

from dicentlib.data import normalise_background, read_image
from dicentlib.files import atomic_path
from dicentlib.own_slides.appearance import QUANTITIES, measure_appearance
from dicentlib.plotting.metaphases import plot_marked_metaphase
from dicentlib.simulation import draw_metaphase
from studies.crops import chromosome_crops, compare_crops
from studies.figures import plot_appearance, plot_crop_rows, plot_score_histogram
from studies.transfer import adci_agreement, real_image_sets, score_real_sets

FEWEST_IMAGES = 5  # of either kind, for the crop classifier's cross-validation
N_SHOWN = 16
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


def appearance_study(out, *, real="", n_images=60, dose_gy=3.0, seed=21):
    """Measure simulated fields of 1024 x 1280 pixels against the real ADCI fields.

    Writes ``appearance.csv`` and ``appearance.png``, and ``crops.png``; with real images at hand
    ``real_or_simulated.png`` and ``importance.csv`` of the crop classifier.

    Parameters
    ----------
    out : path-like
    real : path-like
        As for :func:`studies.transfer.real_image_sets`; without real images the stored ranges
        of the ADCI fields are compared with.
    n_images : int
        Simulated fields.
    dose_gy : float
        Of the simulated cells; the real ones are irradiated, their dose is not published.
    seed : int

    Returns
    -------
    table : DataFrame
        Of :func:`compare_appearance`.
    auc : float or None
        Of the crop classifier; None with too few images.
    """
    simulated = [
        draw_metaphase((seed, 100 + i), dose_gy=dose_gy, height=1024, width=1280).image
        for i in tqdm(range(n_images), desc="draw")
    ]
    folder = real_image_sets(real).get("adci_demo")
    paths = sorted(folder.glob("*.TIF")) if folder else []
    fields = {"simulated": simulated, "real": [normalise_background(read_image(p)) for p in paths]}
    fields = {kind: images for kind, images in fields.items() if images}
    measured = {
        kind: pd.DataFrame([measure_appearance(image) for image in tqdm(images, desc=kind)])
        for kind, images in fields.items()
    }
    table = compare_appearance(measured["simulated"], measured.get("real"))
    _write(out, "appearance", table)
    fig, ax = plt.subplots(figsize=(9, 7))
    plot_appearance(table, ax=ax, labels=QUANTITIES)
    ax.set_title(f"Appearance: {n_images} simulated and {len(paths) or 16} real images")
    _save(fig, out, "appearance")
    crops = {kind: [chromosome_crops(image) for image in images] for kind, images in fields.items()}
    _draw_crops(crops, out, seed)
    if min(len(crops.get(kind, ())) for kind in ("simulated", "real")) < FEWEST_IMAGES:
        return table, None
    return table, _classify(crops, out)


def _draw_crops(crops, out, seed, *, n_shown=12):
    rng = np.random.default_rng(seed)
    stacks = {kind: np.concatenate([c for c, _ in found]) for kind, found in crops.items()}
    rows = {kind: stack[rng.permutation(len(stack))[:n_shown]] for kind, stack in stacks.items()}
    fig, axs = plt.subplots(len(rows), n_shown, figsize=(14, 1.45 * len(rows)), squeeze=False)
    plot_crop_rows(rows, axs=axs)
    _save(fig, out, "crops")


def _classify(crops, out):
    parts = [
        features.assign(image=f"{kind} {k}", real=kind == "real")
        for kind, found in crops.items()
        for k, (_, features) in enumerate(found)
    ]
    pooled = pd.concat(parts, ignore_index=True)
    inputs = pooled.drop(columns=["image", "real"])
    found = compare_crops(inputs, pooled["image"], pooled["real"])
    _write(out, "importance", found.importance.to_frame("importance"))
    fig, ax = plt.subplots(figsize=(6.5, 4))
    plot_score_histogram(found.scores, ax=ax, auc=found.auc)
    _save(fig, out, "real_or_simulated")
    return found.auc


def transfer_study(members, out, *, real=""):
    """Score every real set with an ensemble at its operating point.

    Writes ``transfer.csv``, ``transfer_<set>.png`` with the images in which it calls dicentrics,
    and ``adci_agreement.csv``: agreement with another program's calls, which are not the truth.

    Parameters
    ----------
    members : path-like
    out : path-like
    real : path-like
        As for :func:`studies.transfer.real_image_sets`.

    Returns
    -------
    DataFrame
        One row per real set; empty where there are no real images.
    """
    transfer = score_real_sets(real_image_sets(real), members, out=Path(out) / "scored")
    _write(out, "transfer", transfer.summary)
    for name, folder in transfer.folders.items():
        found = transfer.detections.query("set == @name")
        _save(_called(found, folder, name), out, f"transfer_{name}")
    if "adci_demo" in transfer.folders:
        calls = pd.read_csv(transfer.folders["adci_demo"] / "adci_objects.csv")
        found = transfer.detections.query("set == 'adci_demo'")
        _write(out, "adci_agreement", adci_agreement(found, calls))
    return transfer.summary


def _called(found, folder, name):
    images = sorted(set(found.query("`class` == 'dicentric'")["image"]))[:N_SHOWN]
    n_rows = max(1, -(-len(images) // 4))
    fig, axs = plt.subplots(n_rows, 4, figsize=(15, 3.3 * n_rows), squeeze=False)
    for ax in axs.flat:
        ax.axis("off")
    for ax, image in zip(axs.flat, images, strict=False):
        picture = normalise_background(read_image(folder / image))
        plot_marked_metaphase(picture, found.query("image == @image"), ax=ax, title=image)
    fig.suptitle(f"{name}: dicentrics (orange), fragments (green)")
    return fig


def _write(out, name, table):
    with atomic_path(Path(out) / f"{name}.csv") as temporary:
        table.to_csv(temporary)


def _save(fig, out, name):
    with atomic_path(Path(out) / f"{name}.png") as temporary:
        fig.savefig(temporary)
    plt.close(fig)
