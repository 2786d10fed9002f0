"""What annotation of one's own slides buys: fine-tuning on more and more cells, cross-validated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dicentlib.conventions import CLASSES
from dicentlib.ensemble import copy_members, last_member_paths, member_paths
from dicentlib.errors import InputError
from dicentlib.evaluation.matching import mark_detections
from dicentlib.evaluation.vote_reliability import average_precision
from dicentlib.files import file_digest
from dicentlib.operating_point import OperatingPoint
from dicentlib.scoring import score_folder
from dicentlib.training import PRESETS, train

SIZES = (0, 10, 25, 50, 100, 200)
N_KEPT = 4  # of the last epochs, and of the members before: so many of each vote
VOTING = 0.5  # T_C of cross-validated members; the agreement threshold is what is chosen


def fine_tuning(*, steps=150):
    """Parameters of a short fine-tuning of the ready ensemble.

    Parameters
    ----------
    steps : int, at least 5
        In five epochs, of 24 crops each.

    Returns
    -------
    TrainingParameters
    """
    if steps < 5:
        raise InputError(f"{steps} steps of fine-tuning; allowed: 5 or more")
    demo = PRESETS["demo"]
    return replace(
        demo,
        epochs=5,
        samples_per_epoch=(steps // 5) * demo.batch_size,
        learning_rate=3e-4,
        lam_delay=0.0,
    )


def voters_after(training, members):
    """Files of the members that vote after a fine-tuning, in voting order.

    The last epochs of one fine-tuning are nearly one network. Beside them vote as many of the
    members that it began with, spread over their epochs.

    Parameters
    ----------
    training : path-like
        Folder of the fine-tuning.
    members : path-like
        The ensemble that it started from.

    Returns
    -------
    list of pathlib.Path
    """
    tuned = member_paths(training)
    tuned = last_member_paths(training, min(N_KEPT, len(tuned)))
    before = member_paths(members)
    step = max(len(before) // len(tuned), 1)
    return [*before[::-1][::step][: len(tuned)][::-1], *tuned]


def tuned_ensemble(index, annotations, members, out, *, agreement_threshold, parameters=None):
    """Fine-tune on all annotated cells, into a folder that scoring takes as an ensemble.

    Parameters
    ----------
    index, annotations, members, parameters
        As of :func:`learning_curve`.
    out : path-like
        Gets ``training/``, ``members/`` and ``operating_point.json``.
    agreement_threshold : int
        For dicentrics, as cross-validated (:func:`choose_on_most_cells`). Fragments need more
        than half of the votes.

    Returns
    -------
    pathlib.Path
        `out`.
    """
    out = Path(out)
    train(
        index,
        annotations,
        out / "training",
        parameters=parameters or fine_tuning(),
        initial_members=members,
    )
    voters = voters_after(out / "training", members)
    names = [f"{number:02d}_{path.name}" for number, path in enumerate(voters)]
    copies = copy_members(voters, out, names=names)
    OperatingPoint(
        VOTING,
        {"dicentric": agreement_threshold, "fragment": len(voters) // 2},
        n_members=len(voters),
        members=tuple(map(file_digest, copies)),
        rule="dicentric: by the laboratory's demand, cross-validated; fragment: majority",
    ).write(out / "operating_point.json")
    return out


def folds_of(table, *, n_folds, seed):
    """Fold of every image: whole slides together, or single images where there is one slide.

    Parameters
    ----------
    table : DataFrame
        Column ``slide``.
    n_folds : int, at least 2
    seed : int

    Returns
    -------
    folds : ndarray of int, values 0 to n_folds - 1
    by_slide : bool
        False where images of one slide lie in several folds, which flatters the result.
    """
    if n_folds < 2:
        raise InputError(f"{n_folds} folds; allowed: 2 or more")
    rng = np.random.default_rng(seed)
    slides = table["slide"].to_numpy()
    names, sizes = np.unique(slides, return_counts=True)
    if len(names) < n_folds:
        order = rng.permutation(len(table))
        folds = np.empty(len(table), int)
        folds[order] = np.arange(len(table)) % n_folds
        return folds, False
    filled = np.zeros(n_folds)
    fold_of = {}
    for k in sorted(range(len(names)), key=lambda k: (-sizes[k], names[k])):  # largest first
        fold = int(np.argmin(filled))
        fold_of[names[k]] = fold
        filled[fold] += sizes[k]
    return np.array([fold_of[slide] for slide in slides]), True


def sizes_that_fit(table, sizes, *, n_folds, seed):
    """Numbers of cells that every fold leaves to train on.

    Parameters
    ----------
    table : DataFrame
        Column ``slide``.
    sizes : sequence of int
    n_folds, seed : int
        As of :func:`folds_of`.

    Returns
    -------
    list of int

    Raises
    ------
    InputError
        A fold is empty, or leaves fewer cells than the smallest size above 0.
    """
    folds, _ = folds_of(table, n_folds=n_folds, seed=seed)
    tested = np.bincount(folds, minlength=n_folds)
    most = len(table) - int(tested.max(initial=0))
    fit = [size for size in sizes if size <= most]
    if tested.min() == 0 or not any(fit):
        raise InputError(
            f"{len(table)} annotated cells in {n_folds} folds leave {most} to fine-tune on; "
            f"allowed: at least {n_folds} cells, and as many left as the smallest of the sizes "
            f"{', '.join(map(str, sizes))} above 0"
        )
    return fit


def learning_curve(
    index, annotations, members, out, *, sizes=SIZES, n_folds=3, parameters=None, seed=0
):
    """Fine-tune on 0, 10, 25 ... annotated cells, and measure on slides that were not trained on.

    Parameters
    ----------
    index : ImageIndex
        Annotated images only; ``slide`` filled.
    annotations : DataFrame
        ``image, class, row, col``; an image without a row holds nothing.
    members : path-like
        The ensemble to start from.
    out : path-like
        A folder per fold and size; trainings that are there are not repeated.
    sizes : sequence of int
        Cells to train on; 0 measures the ensemble as it is. Sizes of which one fold leaves too
        few cells are left out (:func:`sizes_that_fit`): each is measured on all cells.
    n_folds : int
    parameters : TrainingParameters, optional
        Default: :func:`fine_tuning`.
    seed : int

    Returns
    -------
    curve : DataFrame
        One row per fold, size and class: ``fold, n_cells, class, average_precision, n_true``
        (annotated objects in the test fold).
    detections : DataFrame
        Everything that got a vote in the test folds, with ``n_cells, fold, true``.
    """
    parameters = parameters or fine_tuning()
    folds, _ = folds_of(index.table, n_folds=n_folds, seed=seed)
    order = np.random.default_rng(seed).permutation(len(folds))
    sizes = sizes_that_fit(index.table, sizes, n_folds=n_folds, seed=seed)
    rows, found = [], []
    for fold in range(n_folds):
        test = index.table[folds == fold]
        training = index.table.iloc[[k for k in order if folds[k] != fold]]
        truth = annotations[annotations["image"].isin(test["image"])]
        for size in sizes:
            place = Path(out) / f"fold_{fold}" / f"cells_{size:03d}"
            voters = member_paths(members)
            if size:
                chosen = training[:size]
                train(
                    replace(index, table=chosen.reset_index(drop=True)),
                    annotations[annotations["image"].isin(chosen["image"])],
                    place,
                    parameters=parameters,
                    initial_members=members,
                )
                voters = voters_after(place, members)
            detections = score_folder(
                index.folder,
                voters,
                out=place / "scored",
                confidence_threshold=VOTING,
                agreement_threshold=0,
                samples=test,
            )
            marked, _ = mark_detections(detections, truth)
            found.append(marked.assign(n_cells=size, fold=fold))
            for name in CLASSES:
                part = marked[marked["class"] == name]
                n_true = int((truth["class"] == name).sum())
                score = average_precision(
                    part["vote_fraction"] + 1e-3 * part["peak_mean"], part["true"], n_truth=n_true
                )
                rows.append((fold, size, name, score, n_true))
    columns = ["fold", "n_cells", "class", "average_precision", "n_true"]
    return pd.DataFrame(rows, columns=columns), pd.concat(found, ignore_index=True)
