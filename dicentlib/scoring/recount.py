"""The same samples counted by random ensembles: the spread that the choice of members adds."""

from dataclasses import replace

import numpy as np
from tqdm import tqdm

from dicentlib.calibration.fit import curve_or_reason
from dicentlib.calibration.grid import count_ensembles
from dicentlib.counts.cells import co_occurrence
from dicentlib.data.scaled_images import ScaledImages
from dicentlib.data.targets import without_padding
from dicentlib.ensemble import iterate_heatmaps


def ensemble_yields(index, cells, recounted, *, members, scorer, curve):
    """Yields of each sample as random ensembles see it, carried to the curve in use.

    Every ensemble counts the sample, reads the dose on its own curve, and the yield of the curve
    in use at that dose is kept: what shifts curve and sample alike cancels, as it does in the
    dose.

    Parameters
    ----------
    index : ImageIndex
        Of the samples' folder.
    cells : DataFrame
        ``image`` and ``sample`` of the scored cells.
    recounted : DataFrame
        ``ensemble`` (its members' positions, separated by blanks), ``agreement_threshold``,
        ``dose_gy``, ``n_cells``, ``n_dicentrics``: one row per ensemble and dose.
    members : sequence of Member
        In the scorer's order.
    scorer : Scorer
    curve : CalibrationCurve
        The curve in use.

    Returns
    -------
    dict
        Sample to ndarray, shape (E,), of yields (dicentrics per cell), or to None where fewer
        than two ensembles have a curve.
    """
    model = curve.fit.get("model", "linear-quadratic")
    by_ensemble = recounted.groupby("ensemble", sort=False)
    curves = {name: curve_or_reason(rows, model=model)[0] for name, rows in by_ensemble}
    curves = {name: own for name, own in curves.items() if own is not None}
    if len(curves) < 2:
        return dict.fromkeys(cells["sample"].unique())
    chosen = index.table.set_index("image").loc[cells["image"]].reset_index()
    images = ScaledImages(replace(index, table=chosen), pixel_size_um=scorer.pixel_size_um)
    stacks = iterate_heatmaps(members, map(images.image, range(len(chosen))))
    heatmaps = (without_padding(stack, images.shape(i)) for i, stack in enumerate(stacks))
    found = count_ensembles(
        tqdm(heatmaps, total=len(chosen), desc="random ensembles", unit="image"),
        np.array([[int(member) for member in name.split()] for name in curves]),
        confidence_threshold=scorer.operating_point.confidence_thresholds(),
        agreement_threshold=int(recounted["agreement_threshold"].iloc[0]),
    )
    counts = co_occurrence(found[:, 0], found[:, 1]) if scorer.co_occurrence else found[:, 0]
    return {
        sample: np.array(
            [
                float(curve.yield_at(own.dose_at(one[rows].mean())))
                for own, one in zip(curves.values(), counts, strict=True)
            ]
        )
        for sample, rows in cells.groupby("sample").indices.items()
    }
