"""What a number of cells would reach: detection limit, interval, power."""

import numpy as np

from dicentlib.plotting.style import SYSTEM_COLOURS

COLOURS = {"by eye": SYSTEM_COLOURS["truth"], "detector": SYSTEM_COLOURS["ensemble"]}


def plot_planning(table, choice, *, axs):
    """Detection limit, expected interval and power against the number of cells.

    Parameters
    ----------
    table : DataFrame
        Of :func:`dicentlib.planning.planning_by_cells`.
    choice : PlanningChoice
        Its number of cells is marked; its dose and part are in the titles.
    axs : three Axes
    """
    for scoring, rows in table.groupby("scoring", sort=False):
        cells, colour = rows["n_cells"], COLOURS[scoring]
        axs[0].plot(cells, rows["detectable_gy"], color=colour, label=scoring)
        upper = rows["upper_gy"].replace(np.inf, np.nan)
        axs[1].plot(cells, rows["lower_gy"], color=colour, label=scoring)
        axs[1].plot(cells, upper, color=colour)
        axs[1].fill_between(cells, rows["lower_gy"], upper, color=colour, alpha=0.12, linewidth=0)
        axs[2].plot(cells, rows["power"], color=colour, label=scoring)
    axs[1].axhline(choice.dose_gy, color="black", linewidth=0.6)
    axs[0].set(ylabel="Dose (Gy)", title="Detection limit (detected with probability 0.9)")
    axs[1].set(ylabel="Dose (Gy)", title=f"Expected 95 % interval at {choice.dose_gy:g} Gy")
    axs[2].set(ylabel="Power of the dispersion test", ylim=(0, 1.02))
    axs[2].set_title(f"{choice.dose_gy:g} Gy to {choice.fraction:.0%} of the body is detected")
    for ax in axs:
        ax.axvline(choice.n_cells, color="#7F7F7F", linestyle=":", linewidth=1)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set(xlabel="Cells scored", xlim=(table["n_cells"].min(), table["n_cells"].max()))
    for ax in axs[:2]:
        ax.set_ylim(bottom=0)
    axs[0].legend()
    return axs
