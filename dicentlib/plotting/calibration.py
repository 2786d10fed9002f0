"""Figures of how a calibration was chosen and how much it depends on the members."""

import matplotlib.pyplot as plt

from dicentlib.plotting.dose import CURVE_COLOUR, plot_curve


def plot_quantile_errors(errors, nested_error_gy, *, ax=None):
    """Error of the doses left out, by quantile.

    Parameters
    ----------
    errors : DataFrame
        ``quantile, error_gy``, of :func:`dicentlib.calibration.choose_quantile`.
    nested_error_gy : float
        The error when the choice of the quantile is repeated without each dose.
    """
    ax = ax or plt.gca()
    ax.plot(errors["quantile"], errors["error_gy"], "o-", color=CURVE_COLOUR)
    ax.axhline(
        nested_error_gy,
        color="black",
        linestyle="--",
        linewidth=1,
        label=("choice of q repeated without the dose"),
    )
    ax.set(xlabel="Quantile $q$", ylabel="Error of doses left out (Gy)", ylim=(0, None))
    ax.legend()
    return ax


def plot_ensemble_curves(trials, curve, *, ax=None):
    """Curves of random ensembles (grey) below the curve of all members.

    Parameters
    ----------
    trials : dict
        Of :func:`dicentlib.calibration.series.ensemble_trials`; those without a curve are not
        drawn.
    curve : CalibrationCurve
    """
    ax = ax or plt.gca()
    for trial in trials.values():
        if trial.curve:
            plot_curve(trial.curve, ax=ax, level=None, colour="0.7")
    plot_curve(curve, ax=ax, level=None, label="all members")
    ax.plot([], [], color="0.7", label="random half of the members")
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax
