"""Figures with a panel for each class: the threshold surface, intervals, reliability."""

from dicentlib.conventions import CLASSES
from dicentlib.evaluation.counts import MEASURES
from dicentlib.plotting import thresholds as plots
from dicentlib.plotting.threshold_view import format_rate


def plot_surfaces(surfaces, point, *, axs):
    """Precision and recall over T_C and T_A; a ring at the operating point.

    Parameters
    ----------
    surfaces : dict
        Class to ThresholdSurface of one ensemble.
    point : OperatingPoint
    axs : ndarray of Axes, shape (2, 2)
        Rows precision and recall, columns dicentric and fragment.
    """
    for row, measure in zip(axs, MEASURES, strict=True):
        for ax, name in zip(row, CLASSES, strict=True):
            surface = surfaces[name]
            plots.plot_surface(
                getattr(surface, measure)[0],
                surface.confidence_thresholds,
                surface.agreement_thresholds,
                ax=ax,
                point=(point.confidence_threshold[name], point.agreement_threshold[name]),
            )
            ax.set_title(f"{name}: {measure}")
            ax.label_outer()
    return axs


def plot_class_intervals(counts, intervals, *, axs):
    """Intervals of each class; the title has what all members reach.

    Parameters
    ----------
    counts, intervals : dict
        Of :func:`dicentlib.evaluation.summary.measure`.
    axs : sequence of 2 Axes
    """
    for ax, name in zip(axs, CLASSES, strict=True):
        plots.plot_intervals(intervals[name], ax=ax)
        rates = ", ".join(
            f"{measure} {format_rate(getattr(counts[name], measure))}" for measure in MEASURES
        )
        ax.set_title(f"{name}, all members: {rates}")
    return axs


def plot_vote_quality(quality, *, axs):
    """Observed precision by share of votes, with one legend below both classes.

    Parameters
    ----------
    quality : dict
        Of :func:`dicentlib.evaluation.summary.vote_quality`.
    axs : sequence of 2 Axes
    """
    for ax, (name, one) in zip(axs, quality.items(), strict=True):
        plots.plot_reliability(one.observed, ax=ax, calibration=one.calibration)
        ax.set_title(f"{name}: nothing detected" if one.observed.empty else name)
    fullest = max(axs, key=lambda ax: len(ax.lines))
    handles, labels = fullest.get_legend_handles_labels()
    fullest.figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return axs
