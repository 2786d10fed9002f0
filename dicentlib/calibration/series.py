"""A calibration series: its counts by dose, its curve, and the curves of random ensembles."""

import numpy as np
import pandas as pd

from dicentlib.calibration.fit import fit_curve
from dicentlib.calibration.trial import try_counts
from dicentlib.counts.cells import co_occurrence, counts_by_dose, distributions, with_yields
from dicentlib.counts.dispersion import dispersion
from dicentlib.counts.slides import slide_variance, slide_weights


def series_counts(dose_gy, n_dicentrics, *, slides):
    """Counts by dose with yields, their dispersion, and the weight of each dose in the fit.

    Parameters
    ----------
    dose_gy : array of float, shape (N,)
        Dose of each cell (Gy).
    n_dicentrics : array of int, shape (N,)
        Dicentrics of each cell.
    slides : sequence of str, shape (N,)
        Slide of each cell, "" where it is not known.

    Returns
    -------
    DataFrame
        By dose: ``dose_gy, n_cells, n_dicentrics, C0, C1...``, yields with limits (see
        :func:`with_yields`), ``dispersion_index``, ``u``, and ``weight``, 1 where slides do not
        differ by more than chance or cannot be compared.
    """
    counts = counts_by_dose(dose_gy, n_dicentrics)
    spread = [dispersion(row) for row in distributions(counts)]
    weights = slide_weights(dose_gy, slides, n_dicentrics)
    return with_yields(counts).assign(
        dispersion_index=[one.index for one in spread],
        u=[one.u for one in spread],
        weight=1.0 if weights is None else weights,
    )


def fit_series(dose_gy, n_dicentrics, *, slides, **options):
    """The curve of a series; slides that differ weigh down their dose and widen every sample.

    Parameters
    ----------
    dose_gy, n_dicentrics, slides
        As for :func:`series_counts`.
    **options
        Of :func:`dicentlib.calibration.fit_curve`.

    Returns
    -------
    CalibrationCurve
    """
    counts = series_counts(dose_gy, n_dicentrics, slides=slides)
    return fit_curve(
        counts["dose_gy"],
        counts["n_cells"],
        counts["n_dicentrics"],
        weights=counts["weight"] if (counts["weight"] < 1).any() else None,
        slide_variance=slide_variance(dose_gy, slides, n_dicentrics),
        distributions=distributions(counts),
        **options,
    )


def ensemble_trials(found, ensembles, dose_gy, *, require_fragment, model="linear-quadratic"):
    """Counts and curve of each random ensemble.

    Parameters
    ----------
    found : ndarray of int, shape (E, 2, N)
        Of :func:`dicentlib.calibration.count_ensembles`.
    ensembles : ndarray of int, shape (E, m)
        Members of each ensemble.
    dose_gy : array of float, shape (N,)
    require_fragment : bool
        The co-occurrence rule.
    model : {"linear-quadratic", "linear"}

    Returns
    -------
    dict
        The members' positions, separated by blanks, to a Trial.
    """
    return {
        " ".join(map(str, members)): try_counts(
            dose_gy, co_occurrence(*counts) if require_fragment else counts[0], model=model
        )
        for members, counts in zip(np.asarray(ensembles), found, strict=True)
    }


def ensemble_counts(trials, *, agreement_threshold):
    """Counts by ensemble and dose, as ``ensemble_counts.csv`` keeps them."""
    tables = [trial.counts.assign(ensemble=name) for name, trial in trials.items()]
    table = pd.concat(tables, ignore_index=True).assign(agreement_threshold=agreement_threshold)
    return table[["ensemble", "agreement_threshold", "dose_gy", "n_cells", "n_dicentrics"]]
