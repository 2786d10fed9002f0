"""The page "How this detector does on your slides": its tables, as text."""

import numpy as np
import pandas as pd

from dicentlib.counts.poisson_limits import poisson_limits
from dicentlib.own_slides.page_sentences import counted, estimate_in_words
from dicentlib.scoring.merging import not_scored


def calls_by_dose(table, scan):
    """Called dicentrics by dose, as text, with exact Poisson intervals of 95 %.

    Parameters
    ----------
    table : DataFrame
        ``image, dose_gy`` of an inventory; NaN where no dose is known.
    scan : dicentlib.own_slides.candidates.Scan

    Returns
    -------
    DataFrame
        ``dose (Gy), cells, called dicentrics, called per 1000 cells``; empty without doses.
    """
    doses = table.set_index("image")["dose_gy"]
    cells = scan.scored["image"].map(doses).value_counts().sort_index()
    called = scan.called.loc[scan.called["class"] == "dicentric", "image"].map(doses)
    rows = []
    for dose, n_cells in cells.items():
        n = int((called == dose).sum())
        middle, *limits = 1000 * np.array([n, *poisson_limits(n)]) / n_cells
        rate = f"{middle:.0f} [{limits[0]:.0f}, {limits[1]:.0f}]"
        rows.append((f"{dose:g}", n_cells, n, rate))
    columns = ["dose (Gy)", "cells", "called dicentrics", "called per 1000 cells"]
    return pd.DataFrame(rows, columns=columns)


def agreement_in_words(choice):
    """What each number of votes gives, as text.

    Parameters
    ----------
    choice : dicentlib.own_slides.demand.DemandChoice
        A column in which nothing is known is left out.
    """
    table, of = choice.table, "unexposed cells" if choice.n_unexposed else "cells"
    shares = {
        name: ["–" if pd.isna(value) else f"{value:.2f}" for value in table[name]]
        for name in ("precision", "recall")
        if table[name].notna().any()
    }
    return pd.DataFrame(
        {
            "votes, at least": table["agreement_threshold"] + 1,
            "called": table["called"],
            **shares,
            f"false per 1000 {of}": [f"{value:.0f}" for value in table["false_per_thousand"]],
        }
    )


def series_table(plan):
    """Doses and cells of a planned calibration series, as text.

    Parameters
    ----------
    plan : dicentlib.planning.SeriesPlan
    """
    names = {"dose_gy": "dose (Gy)", "n_cells": "cells", "expected": "dicentrics expected"}
    table = plan.table.rename(columns=names)
    return table.assign(**{"dose (Gy)": [f"{dose:g}" for dose in table["dose (Gy)"]]})


def cells_table(planned):
    """Cells by question as text, "none suffices" where no number does; without the notes."""
    shown = planned.rename(columns={"cells": "cells by eye", "cells_detector": "cells, detector"})
    for name in ("cells by eye", "cells, detector"):
        shown[name] = ["none suffices" if pd.isna(n) else f"{n:,.0f}" for n in shown[name]]
    shown["ratio"] = ["–" if pd.isna(ratio) else f"{ratio:.1f}" for ratio in shown["ratio"]]
    return shown.drop(columns="note")


def slides_without(table, used, reasons, *, otherwise):
    """Slides of which no image was used, with the reasons: they stay in the tables.

    Parameters
    ----------
    table : DataFrame
        ``image, slide`` of all images.
    used : iterable of str
        Images that were used.
    reasons : dict of str to str
        Why an image was not used.
    otherwise : str
        The reason of images that `reasons` does not hold.

    Returns
    -------
    dict of str to str
        Slide to its reasons, each with its number of images.
    """
    found = {}
    used = set(used)
    for slide, images in table.groupby("slide", sort=True)["image"]:
        if used.isdisjoint(images):
            numbers = images.map(reasons).fillna(otherwise).value_counts()
            found[str(slide)] = "; ".join(
                f"{counted(n, 'image')}: {why}" for why, n in numbers.items()
            )
    return found


def unscored_slides(table, scan):
    """Slides without a scored image, with the reasons, see :func:`slides_without`.

    Parameters
    ----------
    table : DataFrame
        Of the inventory.
    scan : dicentlib.own_slides.candidates.Scan
    """
    left = not_scored(scan.images)
    reasons = dict(zip(left["image"], left["status"] + ", " + left["reason"], strict=True))
    return slides_without(table, scan.scored["image"], reasons, otherwise="no longer in the folder")


def looks_table(looks, unmeasured):
    """Light and advice by slide; slides that were not measured come last, with the reason.

    Parameters
    ----------
    looks : dict of slide to Look
    unmeasured : dict of slide to str
        Of :func:`slides_without`.
    """
    rows = [
        (slide, look.light, " ".join(look.advice) or "none needed") for slide, look in looks.items()
    ]
    rows += [(slide, "–", f"not measured: {why}") for slide, why in unmeasured.items()]
    return pd.DataFrame(rows, columns=["slide", "light", "advice"])


def estimates_table(estimates, unscored):
    """Precision, recall and false detections with intervals, as text, by slide.

    Parameters
    ----------
    estimates : dict of str to BlindEstimate
    unscored : dict of slide to str
        Of :func:`unscored_slides`.

    Returns
    -------
    DataFrame
        A slide of which nothing was read or scored has dashes, and a remark says so.
    """
    rows = [
        (name, found.n_read, *estimate_in_words(found), "" if found.n_read else "nothing read")
        for name, found in estimates.items()
    ]
    rows += [(slide, 0, *3 * ["–"], f"nothing scored: {why}") for slide, why in unscored.items()]
    measures = ["precision", "recall", "false per 1000 cells"]
    return pd.DataFrame(rows, columns=["slides", "read", *measures, "remark"])
