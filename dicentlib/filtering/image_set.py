"""A labelled folder as the filter's training needs it: inputs, measures, truth."""

import warnings
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from dicentlib.conventions import REASONS
from dicentlib.data import index_images
from dicentlib.errors import InputError
from dicentlib.filtering.classify import MEASURES, prepare_images
from dicentlib.filtering.explain import COMPLEMENT
from dicentlib.filtering.network import N_HINTS

QUALITIES = ("available", "rejected")


@dataclass(frozen=True)
class FilterSet:
    """Images of known quality.

    ``inputs``, uint8 (N, S, S), of ``network.network_input``; ``table``, one row per image:
    the columns of ``samples.csv``, with ``true_reason`` for ``reason`` ("" where available),
    ``objection`` (empty), and the measures. ``available``: bool (N,). ``hints``: float
    (N, ``network.N_HINTS``).
    """

    inputs: np.ndarray
    table: pd.DataFrame

    @property
    def available(self):
        return (self.table["quality"] == "available").to_numpy()

    @property
    def hints(self):
        """What training may learn from in addition to the answer, see ``training.auxiliary_loss``.

        Reasons where the table has ``true_reason``, bodies where it has ``n_bodies``; NaN else.
        """
        hints = np.full((len(self.table), N_HINTS), np.nan)
        if "true_reason" in self.table:
            for column, reason in enumerate(REASONS):
                hints[:, column] = self.table["true_reason"] == reason
        if "n_bodies" in self.table:
            hints[:, -1] = self.table["n_bodies"] / COMPLEMENT
        return hints


def open_filter_set(folder, *, image_size=299):
    """Read, measure and label an image set with the column ``quality`` in its samples.

    Images that cannot be read or cannot hold a metaphase never reach the network: they are left
    out, and a warning says how many.

    Raises
    ------
    InputError
        No column ``quality``, a value other than available and rejected, or no image left.
    """
    index = index_images(folder)
    if "quality" not in index.table:
        raise InputError(f"{folder}: samples.csv has no column quality")
    strange = sorted(set(index.table["quality"].astype(str)) - set(QUALITIES))
    if strange:
        raise InputError(f"{folder}: quality {strange[0]!r}; allowed: {', '.join(QUALITIES)}")
    shown = {"total": len(index.table), "desc": f"measure {index.folder.name}", "unit": "image"}
    prepared = tqdm(prepare_images(index, image_size=image_size), **shown)
    inputs, rows = [], []
    left_out = dict(index.quarantined[["image", "reason"]].itertuples(index=False, name=None))
    for name, item in prepared:
        if item.objection:
            left_out[name] = item.objection
            continue
        inputs.append(item.network_input)
        rows.append({"image": name, "objection": ""} | asdict(item.measures))
    if left_out:
        name, why = next(iter(left_out.items()))
        told = f"{folder}: {len(left_out)} images left out, for example {name}: {why}"
        if not inputs:
            raise InputError(told)
        warnings.warn(told, stacklevel=2)
    samples = index.table.rename(columns={"reason": "true_reason"})
    measures = pd.DataFrame(rows, columns=["image", "objection", *MEASURES])
    table = samples.merge(measures, on="image")
    if "true_reason" in table:
        table["true_reason"] = table["true_reason"].astype(object).fillna("")
    return FilterSet(np.stack(inputs), table)
