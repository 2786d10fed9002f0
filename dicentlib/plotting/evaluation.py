"""Figures with a panel for each class: the threshold surface, intervals, reliability."""

import numpy as np

from dicentlib.conventions import CLASSES
from dicentlib.evaluation.counts import MEASURES
from dicentlib.plotting.style import SYSTEM_COLOURS
from dicentlib.plotting.threshold_view import format_rate
from dicentlib.plotting.thresholds import (
    confidence_edges,
    draw_observed,
    draw_ring,
    draw_surface,
    plot_intervals,
)

ISO_LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)


def plot_surfaces(surfaces, point, *, axs):
    """Precision and recall over T_C and T_A; a ring at the operating point.

    Colours, with iso-lines at 0.5, 0.6 ... 0.9; NaN is grey. The last image of each Axes is the
    surface, for a colour bar.

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
            values = getattr(surfaces[name], measure)[0]
            confidence = surfaces[name].confidence_thresholds
            agreement = surfaces[name].agreement_thresholds
            extent = (agreement[0] - 0.5, agreement[-1] + 0.5, *confidence_edges(confidence))
            draw_surface(values, extent, ax=ax)
            known = values[~np.isnan(values)]
            if min(values.shape) > 1 and known.size and np.ptp(known) > 0:
                look = {"levels": ISO_LEVELS, "colors": "black", "linewidths": 0.8}
                ax.clabel(ax.contour(agreement, confidence, values, **look), fontsize=8)
            draw_ring(point.agreement_threshold[name], point.confidence_threshold[name], ax=ax)
            ax.set(title=f"{name}: {measure}", xlabel="agreement threshold $T_A$ (votes)")
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
        plot_intervals(intervals[name], ax=ax)
        rates = ", ".join(
            f"{measure} {format_rate(getattr(counts[name], measure))}" for measure in MEASURES
        )
        ax.set_title(f"{name}, all members: {rates}")
    return axs


def plot_vote_quality(quality, *, axs):
    """Observed precision at each share of votes, and its calibration as a line.

    One legend below both classes.

    Parameters
    ----------
    quality : dict
        Of :func:`dicentlib.evaluation.summary.vote_quality`.
    axs : sequence of 2 Axes
    """
    for ax, (name, one) in zip(axs, quality.items(), strict=True):
        table, fraction = one.observed, np.linspace(0, 1, 101)
        ax.plot([0, 1], [0, 1], color="black", linewidth=0.8, label="votes as probability")
        look = {"color": SYSTEM_COLOURS["ensemble"], "label": "observed, 90 % interval"}
        draw_observed(table["vote_fraction"], table["precision"], table, ax=ax, **look)
        if one.calibration is not None:
            look = {"color": SYSTEM_COLOURS["model B"], "label": "calibration (validation set)"}
            ax.plot(fraction, one.calibration.probability(fraction), **look)
        ax.set(xlabel="vote fraction", ylabel="observed precision")
        ax.set_title(f"{name}: nothing detected" if one.observed.empty else name)
    fullest = max(axs, key=lambda ax: len(ax.lines))
    handles, labels = fullest.get_legend_handles_labels()
    fullest.figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return axs
