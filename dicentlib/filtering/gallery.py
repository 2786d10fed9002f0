"""Which images to look at for a threshold: those that it decides."""

import textwrap
from dataclasses import dataclass

import pandas as pd

from dicentlib.filtering.classify import verdicts


@dataclass(frozen=True)
class Gallery:
    """Images to show with their titles, and how many there are of each kind in all."""

    table: pd.DataFrame
    titles: tuple[str, ...]
    n_kept: int
    n_rejected: int


def choose_gallery(table, *, threshold, rules, n_images=8):
    """The kept and rejected images whose probability is nearest to a threshold, half of each.

    Parameters
    ----------
    table : DataFrame
        As of ``classify_folder``; images without a probability are not shown.
    threshold : float
        From 0 to 1.
    rules : FilterRules
    n_images : int

    Returns
    -------
    Gallery
        Kept images first; each title is the probability and the first reason.
    """
    asked = table[table["p_available"].notna()]
    judged = verdicts(asked.assign(objection=""), threshold=threshold, rules=rules)
    order = (judged["p_available"] - threshold).abs().sort_values(kind="stable").index
    judged = judged.loc[order]
    kept, rejected = judged[judged["available"]], judged[~judged["available"]]
    n_kept = min(len(kept), max(n_images // 2, n_images - len(rejected)))
    shown = pd.concat([kept[:n_kept], rejected[: n_images - n_kept]])
    titles = tuple(
        "\n".join(textwrap.wrap(f"p {row.p_available:.2f}  {row.reason.split(';')[0]}", 34)[:3])
        for row in shown.itertuples()
    )
    return Gallery(shown, titles, len(kept), len(table) - len(kept))
