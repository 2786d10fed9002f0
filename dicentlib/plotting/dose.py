"""Calibration curves, doses and cells per number of dicentrics."""

import matplotlib.pyplot as plt
import numpy as np

from dicentlib.plotting.style import CLASS_COLOURS, SYSTEM_COLOURS

CURVE_COLOUR = SYSTEM_COLOURS["ensemble"]
SAMPLE_COLOUR = "#0072B2"
CUT_COLOUR = "#7F7F7F"


def literal(text):
    """`text` as Matplotlib draws it literally: a sample's name is never mathematics.

    Examples
    --------
    >>> print(literal("case $7"))
    case \\$7
    """
    return str(text).replace("$", "\\$")


def plot_yields(table, *, ax=None, label=None, colour=CURVE_COLOUR, marker="o", offset_gy=0.0):
    """Counted yields with their Poisson limits.

    Parameters
    ----------
    table : DataFrame
        Columns ``dose_gy``, ``yield``, ``yield_lower``, ``yield_upper`` (dicentrics per cell).
    offset_gy : float
        Shift along the dose axis, so that two series at the same doses stay apart.
    """
    ax = ax or plt.gca()
    look = {"fmt": marker, "color": colour, "markersize": 4.5, "linewidth": 1, "capsize": 2}
    limits = _to_limits(table, "yield")
    ax.errorbar(table["dose_gy"] + offset_gy, table["yield"], limits, label=label, **look)
    return _dose_axes(ax)


def _to_limits(table, name):
    """Distances of a column from its limits, shape (2, n), as error bars want them."""
    lower, upper = table[f"{name}_lower"], table[f"{name}_upper"]
    return np.stack([table[name] - lower, upper - table[name]])


def plot_curve(curve, *, ax=None, max_dose_gy=None, level=0.95, label=None, colour=CURVE_COLOUR):
    """A calibration curve with its confidence band; dashed beyond the calibrated doses.

    Parameters
    ----------
    curve : CalibrationCurve
    max_dose_gy : float, optional
        Where to stop (default: the highest calibrated dose).
    level : float or None
        Level of the band; None draws none.
    """
    ax = ax or plt.gca()
    highest = curve.dose_range_gy[1] if curve.dose_range_gy else max_dose_gy
    dose = np.linspace(0, max_dose_gy or highest, 200)
    inside = dose <= highest
    ax.plot(dose[inside], curve.yield_at(dose[inside]), color=colour, label=label)
    ax.plot(dose[~inside], curve.yield_at(dose[~inside]), ":", color=colour)
    if level is not None:
        lower, upper = curve.band_at(dose, level=level)
        ax.fill_between(dose, np.maximum(lower, 0), upper, color=colour, alpha=0.18, linewidth=0)
    return _dose_axes(ax)


def _dose_axes(ax):
    ax.set(xlabel="Dose (Gy)", ylabel="Dicentrics per cell")
    return ax


def plot_trials(trials, *, ax=None, truth=None, title=""):
    """Curves and points of several combinations of thresholds, and that of the annotations.

    Parameters
    ----------
    trials : dict
        Label to Trial; a number is labelled as the quantile q, a text may hold mathematics. A
        trial without a curve shows its points only. The points have their Poisson limits and lie
        slightly offset from the dose, so that those of several trials do not overlap.
    truth : CalibrationCurve, optional
    """
    ax = ax or plt.gca()
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.88, len(trials)))
    places = np.arange(len(trials)) - (len(trials) - 1) / 2
    for (name, trial), colour, place in zip(trials.items(), colours, places, strict=True):
        label = name if isinstance(name, str) else f"q = {name:g}"
        if trial.curve is not None:
            plot_curve(trial.curve, ax=ax, level=None, label=label, colour=colour)
        beside = 0.006 * place * trial.counts["dose_gy"].max()
        plot_yields(trial.counts, ax=ax, colour=colour, offset_gy=beside, marker=".")
    if truth is not None:
        black = SYSTEM_COLOURS["truth"]
        plot_curve(truth, ax=ax, level=None, label="annotated", colour=black)
    ax.set_ylim(bottom=0)
    ax.set_title(title)
    return _dose_axes(ax)


def plot_sample_on_curve(sample, *, ax=None):
    """A sample's yield carried over the curve to its dose, with both intervals.

    Parameters
    ----------
    sample : mapping
        ``sample`` (its name), ``yield``, ``yield_lower``, ``yield_upper``, ``dose_gy``,
        ``lower_gy``, ``upper_gy``.
    """
    ax = ax or plt.gca()
    dose, yield_, look = sample["dose_gy"], sample["yield"], {"color": SAMPLE_COLOUR}
    ax.plot([0, dose, dose], [yield_, yield_, 0], linewidth=1, linestyle="--", **look)
    ax.plot([0, 0], [sample["yield_lower"], sample["yield_upper"]], linewidth=5, **look)
    ax.plot([sample["lower_gy"], sample["upper_gy"]], [0, 0], linewidth=5, **look)
    ax.plot(dose, yield_, "D", markersize=7, label=literal(sample["sample"]), **look)
    return _dose_axes(ax)


def plot_dose_density(dose_gy, density, *, ax=None, interval=None, cuts=(), estimates=None):
    """Probability density of the dose.

    Parameters
    ----------
    dose_gy, density : array, shape (n,)
        Density per Gy.
    interval : (float, float), optional
        Shaded below the curve.
    cuts : sequence of float
        Limits of the triage categories (Gy), as vertical lines.
    estimates : dict, optional
        Other estimates to mark below the axis: label to (estimate, lower, upper) in Gy.
    """
    ax = ax or plt.gca()
    dose_gy, density = np.asarray(dose_gy), np.asarray(density)
    ax.plot(dose_gy, density, color=SAMPLE_COLOUR)
    if interval is not None:
        inside = (dose_gy >= interval[0]) & (dose_gy <= interval[1])
        shade = {"color": SAMPLE_COLOUR, "alpha": 0.2, "linewidth": 0}
        ax.fill_between(dose_gy[inside], density[inside], **shade)
    top = density.max()
    ends = [end for _, *limits in (estimates or {}).values() for end in limits if np.isfinite(end)]
    shown = [*dose_gy[density > 0.001 * top], *ends]
    low, high = min(shown), max(shown)
    ax.set_xlim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    for cut in cuts:
        ax.axvline(cut, color=CUT_COLOUR, linewidth=0.8, linestyle=":")
    for row, (label, (estimate, lower, upper)) in enumerate((estimates or {}).items(), start=1):
        height = -0.07 * top * row
        marker = "os^D"[(row - 1) % 4]
        ax.plot([lower, upper], [height, height], color="black", linewidth=1.4)
        ax.plot(estimate, height, marker, color="black", markersize=5, label=literal(label))
    if estimates:
        ax.legend(loc="upper left", bbox_to_anchor=(0, -0.18), ncols=1, fontsize=9)
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set(xlabel="Dose (Gy)", ylabel="Probability density (1/Gy)")
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top * 1.1])
    return ax


def plot_cell_distribution(observed, expected, *, ax=None):
    """Cells with 0, 1, 2, ... dicentrics, and what chance alone would give.

    Parameters
    ----------
    observed : array of int, shape (K,)
    expected : dict
        Label to array of float, shape (K,): expected cells.
    """
    ax = ax or plt.gca()
    k = np.arange(len(observed))
    ax.bar(k, observed, width=0.62, color=SAMPLE_COLOUR, alpha=0.45, label="observed")
    markers = zip(("o", "s", "^"), ("black", CURVE_COLOUR, "#009E73"), strict=True)
    for (label, cells), (marker, colour) in zip(expected.items(), markers, strict=False):
        ax.plot(k, cells, marker, color=colour, markersize=6, fillstyle="none", label=label)
    ax.set_yscale("log")
    ax.set_ylim(0.3, max(np.max(observed), 1) * 2.2)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_xticks(k)
    ax.set(xlabel="Dicentrics in the cell", ylabel="Cells (logarithmic scale)")
    ax.legend()
    return ax


def plot_quantile_functions(maxima, *, axs, quantile=None):
    """Quantile functions of each member's maxima (Deschemps et al. 2024, Fig. 9).

    Parameters
    ----------
    maxima : ndarray, shape (N, M, 2)
        Largest heatmap value by image, member and class (dicentric, fragment).
    axs : two Axes
    quantile : float, optional
        The quantile in use, as a vertical line; where it crosses a curve is that member's
        confidence threshold.
    """
    probability = (np.arange(len(maxima)) + 0.5) / len(maxima)
    for ax, values, name in zip(axs, np.moveaxis(maxima, 2, 0), CLASS_COLOURS, strict=False):
        ax.plot(probability, np.sort(values, axis=0), color=CLASS_COLOURS[name], alpha=0.7, lw=1)
        if quantile is not None:
            ax.axvline(quantile, color="black", linestyle="--", linewidth=1)
        ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="Quantile $q$ of the images")
        ax.set(ylabel="Largest heatmap value", title=f"{name}, one line per member")
    return axs


def plot_left_out_doses(table, *, ax=None):
    """Dose of each calibration point estimated with the curve of the others.

    Parameters
    ----------
    table : DataFrame
        Columns ``dose_gy`` and ``estimate_gy``.
    """
    ax = ax or plt.gca()
    highest = np.nanmax(table[["dose_gy", "estimate_gy"]].to_numpy()) * 1.05
    ax.plot([0, highest], [0, highest], color="black", linewidth=0.8)
    ax.plot(table["dose_gy"], table["estimate_gy"], "o", color=CURVE_COLOUR, markersize=5)
    ax.set(xlabel="Delivered dose (Gy)", ylabel="Dose estimated without it (Gy)")
    return ax


def plot_detector_by_dose(table, *, axs):
    """Efficiency and false detections per cell against dose, with 95 % limits.

    Parameters
    ----------
    table : DataFrame
        Columns ``dose_gy``, ``efficiency``, ``false_per_cell`` and both with ``_lower`` and
        ``_upper``; undefined values leave gaps.
    axs : two Axes
    """
    labels = {
        "efficiency": "True dicentrics found (share)",
        "false_per_cell": "False dicentrics per cell",
    }
    for ax, (name, label) in zip(axs, labels.items(), strict=True):
        look = {"fmt": "o", "color": CURVE_COLOUR, "capsize": 2, "lw": 1}
        ax.errorbar(table["dose_gy"], table[name], _to_limits(table, name), **look)
        if table[name].isna().all():
            ax.text(0.5, 0.5, "not known", ha="center", transform=ax.transAxes)
        ax.set(xlabel="Dose (Gy)", ylabel=label)
        ax.set_ylim(bottom=0)
    axs[0].set_ylim(top=1.02)
    return axs


def plot_interval_parts(parts, *, ax=None):
    """Share of each source in the variance.

    Parameters
    ----------
    parts : dict
        Source to share, 0 to 1.
    """
    ax = ax or plt.gca()
    names, values = list(parts), list(parts.values())
    if not parts:
        ax.text(0.5, 0.5, "not defined without dicentrics", ha="center", transform=ax.transAxes)
    bars = ax.barh(range(len(names)), values, color=SAMPLE_COLOUR, alpha=0.6, height=0.6)
    ax.bar_label(bars, [f"{value:.1%}" for value in values], padding=4, size=9)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.12)
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.set_xlabel("Share of the variance of the yield")
    ax.grid(axis="y", visible=False)
    return ax


def plot_triage(table, *, ax=None, cuts=(1, 2)):
    """Samples with their intervals, the highest dose on top.

    Parameters
    ----------
    table : DataFrame
        Columns ``sample``, ``dose_gy``, ``lower_gy``, ``upper_gy``; drawn in the order of rows.
    cuts : sequence of float
        Limits of the triage categories (Gy).
    """
    ax = ax or plt.gca()
    rows = np.arange(len(table))
    for cut in cuts:
        ax.axvline(cut, color=CUT_COLOUR, linewidth=0.8, linestyle=":")
    ax.hlines(rows, table["lower_gy"], table["upper_gy"], color=SAMPLE_COLOUR, linewidth=2)
    ax.plot(table["dose_gy"], rows, "D", color=SAMPLE_COLOUR, markersize=6)
    ax.set_yticks(rows, [literal(name) for name in table["sample"]])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("Dose (Gy)")
    ax.grid(axis="y", visible=False)
    return ax
