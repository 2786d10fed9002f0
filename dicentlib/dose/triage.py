"""Triage: dose categories with the probability of each."""

import math
from dataclasses import dataclass

import pandas as pd
from scipy.stats import norm

from dicentlib.counts.sample import Sample
from dicentlib.dose.bayesian import bounded_bayesian
from dicentlib.dose.result import BayesianEstimate, DoseEstimate, PartialBodyEstimate
from dicentlib.dose.steps import enough_for, sample_size
from dicentlib.errors import InputError

# Lower ends in Gy; each category ends where the next begins.
SCHEMES = {
    "multibiodose": (("green, < 1 Gy", 0.0), ("yellow, 1-2 Gy", 1.0), ("red, > 2 Gy", 2.0)),
    "iaea": (("< 1 Gy", 0.0), ("1-2 Gy", 1.0), ("2-4 Gy", 2.0), ("4-6 Gy", 4.0), ("> 6 Gy", 6.0)),
}
UNDETERMINED = "undetermined"
TOO_FEW = "not categorised (too few cells)"
REPORTED = ("u", "method", "dose_gy", "lower_gy", "upper_gy")  # of an estimate, in a table


@dataclass(frozen=True)
class Triage:
    """``category`` of the estimated dose, ``probabilities`` of all (they add up to 1).

    Without a category, ``category`` says why (:data:`UNDETERMINED`, :data:`TOO_FEW`) and there are
    no probabilities.
    """

    scheme: str
    category: str
    probabilities: dict

    @property
    def most_probable(self):
        """The category of the greatest probability; near a cut not always that of the dose."""
        if not self.probabilities:
            return self.category
        return max(self.probabilities, key=self.probabilities.get)

    def ranking(self, *, least=0.05):
        """Categories of a probability of `least` and more, the greatest first, in words."""
        if not self.probabilities:
            return self.category
        names = sorted(self.probabilities, key=self.probabilities.get, reverse=True)
        shares = [(name, self.probabilities[name]) for name in names]
        return "; ".join(f"{name} ({p:.0%})" for name, p in shares if p >= least)

    def explain(self):
        """One sentence for a report, or two."""
        if self.category == TOO_FEW:
            return (
                f"Not categorised: triage needs {enough_for('triage')}. The dose and its "
                "interval are an indication only; score more cells."
            )
        if not self.probabilities:
            return (
                "Triage category undetermined: no dose could be estimated, or none agrees with "
                "the counts."
            )
        listed = ", ".join(f"{name} {p:.0%}" for name, p in self.probabilities.items())
        return f"Triage category ({self.scheme}): {self.category}. Probabilities: {listed}."


def triage(estimate, *, scheme="multibiodose"):
    """Category of an estimate and the probability of each category.

    Parameters
    ----------
    estimate : DoseEstimate
        A Bayesian estimate gives the probabilities by its density; a partial-body estimate by a
        normal law about its dose, cut at 0; another whole-body estimate by the Bayesian density
        of its counts and curve under a flat prior.
    scheme : {"multibiodose", "iaea"}
        Cuts at 1 and 2 Gy, or at 1, 2, 4 and 6 Gy.

    Returns
    -------
    Triage
        Without a category where no dose could be estimated, and for fewer than 50 cells with
        fewer than 30 dicentrics: the least for triage (IAEA 2011, ISO 19238), below which a
        category could reassure without ground.
    """
    if not isinstance(estimate, DoseEstimate):
        raise InputError(f"estimate is {estimate!r:.100}: expected a DoseEstimate")
    if scheme not in SCHEMES:
        raise InputError(f"scheme is {scheme!r}: expected one of {', '.join(SCHEMES)}")
    cuts = SCHEMES[scheme]
    if not estimate.estimable or estimate.details.get("conflict"):
        return Triage(scheme, UNDETERMINED, {})
    if sample_size(estimate.n_cells, estimate.n_dicentrics) == "too few":
        return Triage(scheme, TOO_FEW, {})
    probability = _law(estimate)
    ends = [low for _, low in cuts[1:]] + [math.inf]
    probabilities = {
        name: probability(low, high) for (name, low), high in zip(cuts, ends, strict=True)
    }
    category = [name for name, low in cuts if estimate.dose_gy >= low][-1]
    return Triage(scheme, category, probabilities)


def triage_table(estimates):
    """One row per sample, highest dose first; samples without a dose come first of all.

    Parameters
    ----------
    estimates : dict
        Sample name -> :class:`DoseEstimate`.
    """
    rows = [
        estimate_row(name, one, triage(one)) | {"warnings": " ".join(one.warnings)}
        for name, one in estimates.items()
    ]
    table = pd.DataFrame(rows, columns=None if rows else ["sample", "dose_gy"])
    return table.sort_values("dose_gy", ascending=False, na_position="first", ignore_index=True)


def estimate_row(name, estimate, found):
    """What a table says of a sample's estimate and of its :class:`Triage`, as a dict."""
    return {
        "sample": name,
        "n_cells": estimate.n_cells,
        "n_dicentrics": estimate.n_dicentrics,
        "yield": estimate.n_dicentrics / estimate.n_cells,
        **{key: getattr(estimate, key) for key in REPORTED},
        "category": found.category,
        "most_probable": found.most_probable,
        **{f"P({key})": value for key, value in found.probabilities.items()},
    }


def _law(estimate):
    if isinstance(estimate, BayesianEstimate):
        return estimate.probability
    if isinstance(estimate, PartialBodyEstimate):
        law = norm(estimate.dose_gy, max(estimate.details["standard_error_gy"], 1e-9))
        return lambda low, high: float((law.cdf(high) - law.cdf(low)) / law.sf(0))
    counted, details = (estimate.n_cells, estimate.n_dicentrics), estimate.details
    sample = Sample(*counted, estimate.distribution, details.get("slides"))
    curve = estimate.curve.protracted(estimate.protraction)
    detecting = {name: details.get(name) for name in ("detector", "ensemble_yields")}
    return bounded_bayesian(sample, curve, **detecting).probability
