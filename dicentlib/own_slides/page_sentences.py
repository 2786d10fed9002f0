"""The page "How this detector does on your slides": its sentences."""

from dataclasses import replace

import numpy as np

from dicentlib.conventions import CLASSES
from dicentlib.dose.steps import enough_for, sample_size
from dicentlib.own_slides.blind_read import BlindEstimate
from dicentlib.own_slides.learning import folds_of

TITLE = "How this detector does on your slides"
NOT_CHOSEN = "not among the fields that are measured"
STOPPED = "Not known: the slides cannot be used as they are"
LIGHTS = (
    "Eighteen measures of each slide are compared with those of the simulated slides that the "
    "detector was trained on. Green: nothing unusual. Amber or red: the advice says what to check."
)
BLIND_READ = (
    "A sample of what the detector called, of what it nearly called and of other chromosomes is "
    "judged without knowing what the detector said."
)
ESTIMATES = (
    "Precision is the share of called dicentrics that are dicentrics; recall is the share of "
    "dicentrics that are called. In brackets: 95 % intervals. A dash means that nothing has "
    "been read. Wide intervals mean that little was read."
)
NEXT = (
    "A dose needs a curve counted by this detector: score a calibration series of your own "
    "irradiated blood and fit its curve (notebook 06), then estimate the doses of your "
    "samples (notebook 07). The commands are for a shell and contain the paths of this run; "
    "replace the paths in capitals by your own. The steps in words: docs/howto/calibration.md "
    "and docs/howto/own_slides.md."
)
NO_CHOICE = (
    "No agreement threshold is chosen: this needs an annotations.csv in the folder of the "
    "images. If you only demand few false dicentrics, unexposed cells are enough (a dose of 0 "
    "in samples.csv)."
)
NO_CELLS = (
    "The numbers of cells for a detection limit, an interval or a calibration are computed "
    "from recall and false dicentrics: judge objects of the blind read first."
)
SERIES = (
    "The doses and cells of a calibration series counted by this detector: the fewest cells "
    "that answer the question, but at least as many as IAEA asks for."
)
DOSES = (
    "Called dicentrics by the dose that samples.csv states, with 95 % intervals. Unexposed "
    "cells have about one dicentric in 1000: all further calls in them are false."
)
CELLS = (
    "The number of cells that answers each question, counted by eye and by this detector with "
    "the efficiency (recall) and the false dicentrics above; ratio: detector to eye. The "
    "central values are used, so these numbers are rough if the intervals above are wide. A "
    "published curve for gamma rays is used in place of the laboratory's own."
)


def objects_caption(n_shown, n):
    """What the sheet of a blind read shows: all of its `n` objects, or the first."""
    of = f"The {n}" if n_shown == n else f"The first {n_shown} of {n}"
    return f"{of} objects to be read: is the object in the middle a dicentric?"


def nearest_caption(n_left):
    """What the pictures of slides and their simulated neighbours show, and what they leave out."""
    left = f" Not shown: {counted(n_left, 'more amber or red slide')}." if n_left else ""
    return (
        "Slides, the least usual first; to the right of each, the simulated slide most like "
        f"it, at the same scale.{left}"
    )


def scale_sentences(by_stated, size):
    """What is used and what the chromosomes say, for each pixel size that is stated.

    Parameters
    ----------
    by_stated : dict of float or None to ScaleEstimate
        Of :func:`dicentlib.own_slides.first_day.estimates_by_stated`.
    size : PixelSize
        Of images that state none, or of all.

    Returns
    -------
    list of str
    """
    if len(by_stated) == 1:
        return [scale_sentence(next(iter(by_stated.values())), size)]
    return [
        scale_sentence(estimate, size if um is None else replace(size, um=um, source="stated"))
        for um, estimate in by_stated.items()
    ]


def scale_sentence(estimate, size):
    """What is used and what the chromosomes say, in one or two sentences."""
    used = f"Pixel size used: {size}."
    if not estimate.n_fields:
        return f"{used} It could not be estimated: too few separate chromosomes."
    text = (
        f"{used} From the chromosomes of {counted(estimate.n_fields, 'field')}: "
        f"{estimate.pixel_size_um:.3f} um (95 % interval {estimate.lower_um:.3f} to "
        f"{estimate.upper_um:.3f})."
    )
    if not estimate.lower_um <= size.um <= estimate.upper_um:
        text += " The two disagree: check the scale before you rely on any count."
    elif size.source == "assumed":
        text += " They agree within the interval; to be sure, state the pixel size in samples.csv."
    return text


def scoring_sentence(scan):
    """How many images were scored, and what was called in them.

    Parameters
    ----------
    scan : dicentlib.own_slides.candidates.Scan
    """
    n, n_scored = len(scan.images), len(scan.scored)
    called = scan.called["class"].value_counts()
    calls = " and ".join(counted(int(called.get(name, 0)), name) for name in CLASSES)
    return (
        f"{n_scored} of {n} images {'was' if n_scored == 1 else 'were'} scored; called in "
        f"{'it' if n_scored == 1 else 'them'}: {calls}."
    )


def size_sentences(scan):
    """What so few cells can and cannot show; empty from 50 scored cells on."""
    n_scored = len(scan.scored)
    if sample_size(n_scored, 0) != "too few":
        return []
    return [
        f"{counted(n_scored, 'scored cell')}: enough to see whether the images are read, at "
        "which scale, how they look, and what is called in them. Too few for a dose (triage "
        f"needs {enough_for('triage')}) and for narrow intervals of precision and recall: add "
        "images of these slides and run this again."
    ]


def learning_sentences(curve, table, *, n_folds, seed):
    """How the learning curve was measured, and what annotation brought.

    Parameters
    ----------
    curve : DataFrame
        Of :func:`dicentlib.own_slides.learning.learning_curve`.
    table : DataFrame
        Column ``slide`` of the annotated images.
    n_folds, seed : int
        As given to it.

    Returns
    -------
    list of str
    """
    _, by_slide = folds_of(table, n_folds=n_folds, seed=seed)
    where = (
        "Measured on slides that were not used for training."
        if by_slide
        else f"Measured on other cells of the same slides: fewer than {n_folds} slides are "
        "annotated, and slides of another day may do worse."
    )
    dicentrics = curve[curve["class"] == "dicentric"].groupby("n_cells")["average_precision"]
    means = dicentrics.mean().dropna()
    if means.empty:
        return [where, "No dicentric is annotated: the gain from annotation is not known."]
    said = ", ".join(f"{mean:.2f} with {n}" for n, mean in means.items())
    spread = (dicentrics.max() - dicentrics.min()).mean()
    return [
        where,
        f"Average precision of dicentrics by annotated cells, mean of {n_folds} folds: {said}. "
        f"The folds differ by {spread:.2f}: smaller gains may be chance. If the curve still "
        "rises at its end, more annotation would improve the detector.",
    ]


def verdict(looks, size, by_stated, scan, found: BlindEstimate | None):
    """One sentence each on scoring, scale, looks and the blind read, for the top of the page.

    Returns
    -------
    headline : str
    sentences : list of str
    """
    lights = [look.light for look in looks.values()]
    sentences = [scoring_sentence(scan), *size_sentences(scan)]
    sentences += scale_sentences(by_stated, size)
    sentences.append(
        "Appearance of the slides: "
        + ", ".join(f"{lights.count(light)} {light}" for light in ("green", "amber", "red"))
        + " (green: like the slides that the detector was trained on)."
    )
    if found is None or not found.n_read:
        return "Not known yet: nothing has been read", [
            *sentences,
            "Precision and recall need answers: open notebook 08 in JupyterLab with the same "
            "images and run_dir, judge the objects of its gallery and run the cells below it "
            "again; or put annotations.csv into the folder of the images and run this again.",
        ]
    sentences.append(
        f"Estimated from {counted(found.n_read, 'object')} judged by a reviewer or by "
        f"annotations, with {100 * found.level:.0f} % intervals; unread objects widen them."
    )
    precision, recall, false = estimate_in_words(found)
    head = f"Precision {precision}, recall {recall}, {false} false dicentrics per 1000 cells"
    return head, sentences


def estimate_in_words(found):
    """Precision, recall and false detections per 1000 cells with intervals; dashes for unknown."""
    measures = ((found.precision, 2), (found.recall, 2), (found.false_per_thousand, 0))
    return [
        "–"
        if np.isnan(middle) or not found.n_read
        else f"{middle:.{digits}f} [{lower:.{digits}f}, {upper:.{digits}f}]"
        for (middle, lower, upper), digits in measures
    ]


def counted(n, what):
    """``1 cell``, ``2 cells``."""
    return f"{n} {what}{'s' * (n != 1)}"
