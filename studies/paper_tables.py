"""The paper's Tables 1 and 2 on other data: Model A, Model B, and ensembles of Model B."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from dicentlib.data import CLASSES
from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.data.targets import truth_masks, without_padding
from dicentlib.ensemble import (
    last_member_paths,
    load_members,
    read_member_metadata,
    stored_heatmaps,
)
from dicentlib.errors import InputError
from dicentlib.evaluation import (
    random_ensembles,
    same_share,
    single_members,
    summarise,
    threshold_surface,
)
from dicentlib.files import atomic_path
from dicentlib.training.fit import train
from studies.comparison import interval_texts

SINGLE_CONFIDENCE_THRESHOLD = 0.6  # the paper's operating points
ENSEMBLE_CONFIDENCE_THRESHOLD = 0.5
PAPER_AGREEMENT_THRESHOLD, PAPER_SIZE = 4, 10


def paper_tables(
    train_set, test_set, out, *, parameters, size=PAPER_SIZE, n_draws=100, seed=0, threads=None
):
    """Train Models A and B and measure both, and ensembles of B, on a test set.

    A (lambda 0) and B (lambda as given) start from the same weights and see the same samples.
    Every network of the last half of the epochs is measured alone at T_C = 0.6; ensembles of
    `size` of B's, drawn at random, at T_C = 0.5 and the paper's T_A = 4 of 10 (the same share
    of votes for other sizes).

    Parameters
    ----------
    train_set, test_set : (ImageIndex, DataFrame)
        Images and annotations.
    out : path-like
        Receives ``model_a/`` and ``model_b/`` (an interrupted call goes on where it stopped),
        heatmaps of the test set, and ``tables.csv``.
    parameters : TrainingParameters
        Of Model B.
    size, n_draws : int
        Members of an ensemble; number of random ensembles.
    seed : int
        Of the ensembles.
    threads : int, optional

    Returns
    -------
    DataFrame
        One row per class and system (``model A``, ``model B``, ``ensemble``) and measure
        (``precision``, ``recall``): ``mean, median, lower, upper`` (q05 and q95 over networks
        or ensembles), ``n_undefined``.

    Raises
    ------
    InputError
        Model B without sparse variation, or ensembles larger than the last half of the epochs.
    """
    if parameters.lam == 0:
        raise InputError("lam 0 found; Model B needs a lam above 0 (the paper: 0.2)")
    n_pool = parameters.epochs - parameters.epochs // 2
    if not 1 <= size <= n_pool:
        raise InputError(
            f"ensembles of {size} found; allowed: 1 to {n_pool}, the last half of the epochs"
        )
    out = Path(out)
    members = {}
    for name, lam in (("model A", 0.0), ("model B", parameters.lam)):
        folder = out / name.replace(" ", "_").lower()
        train(*train_set, folder, parameters=replace(parameters, lam=lam), threads=threads)
        members[name] = last_member_paths(folder, n_pool)
    return measure_models(members, test_set, out, size=size, n_draws=n_draws, seed=seed)


def measure_models(members, test_set, out, *, size=PAPER_SIZE, n_draws=100, seed=0):
    """The table of :func:`paper_tables` from networks that are trained.

    Parameters
    ----------
    members : dict of str to list of path-like
        Networks of ``"model A"`` and ``"model B"``, equally many of both.
    test_set, out, size, n_draws, seed
        As of :func:`paper_tables`.
    """
    out, parameters = Path(out), read_member_metadata(members["model B"][0])
    n_pool = len(members["model B"])
    images = MetaphaseDataset(*test_set, pixel_size_um=parameters["pixel_size_um"])
    stores = {
        name: stored_heatmaps(
            out / f"heatmaps_{name.replace(' ', '_').lower()}.parquet", images, load_members(paths)
        )
        for name, paths in members.items()
    }
    shapes = [images.shape(n) for n in range(len(images))]
    truths = [
        without_padding(truth_masks(images.points(n), shape, sigma=parameters["sigma"]), shape)
        for n, shape in enumerate(shapes)
    ]
    singles = single_members(n_pool)
    drawn = random_ensembles(n_pool, size=size, n_draws=n_draws, seed=seed)
    agreement = same_share(PAPER_AGREEMENT_THRESHOLD, n_members=PAPER_SIZE, size=size)
    systems = (
        ("model A", "model A", singles, SINGLE_CONFIDENCE_THRESHOLD, 0),
        ("model B", "model B", singles, SINGLE_CONFIDENCE_THRESHOLD, 0),
        ("ensemble", "model B", drawn, ENSEMBLE_CONFIDENCE_THRESHOLD, agreement),
    )
    rows = []
    for i, class_name in enumerate(CLASSES):
        for system, model, ensembles, confidence, votes in systems:
            surface = threshold_surface(
                (without_padding(stores[model].dense(n)[:, i], s) for n, s in enumerate(shapes)),
                (truth[i] for truth in truths),
                confidence_thresholds=[confidence],
                agreement_thresholds=[votes],
                ensembles=ensembles,
            )
            for measure in ("precision", "recall"):
                summary = summarise(getattr(surface, measure)[:, 0, 0])
                values = {name: value.item() for name, value in summary.items()}
                rows.append({"class": class_name, "system": system, "measure": measure, **values})
    table = pd.DataFrame(rows)
    with atomic_path(out / "tables.csv") as temporary:
        table.to_csv(temporary, index=False)
    return table


def documented(table):
    """A table of :func:`paper_tables` as the documentation shows it: mean [q05, q95], all text."""
    texts = interval_texts(table, "mean", "lower", "upper")
    rows = table.assign(text=texts).pivot_table(
        index=["class", "system"], columns="measure", values="text", aggfunc="first", sort=False
    )
    return rows[["precision", "recall"]].reset_index()


def paper_claims(table):
    """The paper's three claims, each confirmed or refuted by a table of :func:`paper_tables`.

    Returns
    -------
    list of str
        One sentence per claim and class, with the numbers.
    """
    sentences = []
    for class_name in CLASSES:
        rows = table[table["class"] == class_name].set_index(["system", "measure"])
        mean = rows["mean"]
        width = 100 * (rows["upper"] - rows["lower"])
        better = {
            "Model B better than Model A": ("model A", "model B"),
            "The ensemble better than Model B": ("model B", "ensemble"),
        }
        for claim, (low, high) in better.items():
            gains = {m: 100 * (mean[high, m] - mean[low, m]) for m in ("precision", "recall")}
            verdict = "confirmed" if min(gains.values()) > 0 else "not confirmed"
            told = ", ".join(f"{name} {gain:+.1f} points" for name, gain in gains.items())
            sentences.append(f"{class_name}: {claim}: {verdict} ({told}).")
        pairs = [(width["model B", m], width["ensemble", m]) for m in ("precision", "recall")]
        verdict = "confirmed" if all(narrow < wide for wide, narrow in pairs) else "not confirmed"
        told = ", ".join(
            f"{name} {wide:.1f} to {narrow:.1f} points"
            for name, (wide, narrow) in zip(("precision", "recall"), pairs, strict=True)
        )
        sentences.append(f"{class_name}: The ensemble's intervals narrower: {verdict} ({told}).")
    return sentences
