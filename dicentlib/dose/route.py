"""The route of a laboratory from counts to a signed dose, each turn explained in words.

The order is that of IAEA EPR-Biodosimetry 2011 and ISO 19238: dispersion, background, whole or
partial body, limits, category.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from html import escape

from dicentlib.counts.checked import number
from dicentlib.counts.dispersion import Dispersion, dispersion, expected_dispersion
from dicentlib.counts.exact_dispersion import exact_dispersion_p
from dicentlib.counts.sample import Sample
from dicentlib.dose.bayesian import bounded_bayesian
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detected_dose import detector_dose
from dicentlib.dose.detector import DetectedCurve
from dicentlib.dose.exposure import exposure_posterior
from dicentlib.dose.exposure_result import DEFAULT_PRIOR, LOCAL_PRIOR, ExposurePosterior
from dicentlib.dose.hidden_part import HiddenPart, hidden_part
from dicentlib.dose.low_dose import CharacteristicLimits, characteristic_limits, odds
from dicentlib.dose.partial_body import dolphin
from dicentlib.dose.result import (
    BayesianEstimate,
    DoseEstimate,
    PartialBodyEstimate,
    plain,
    warnings_html,
)
from dicentlib.dose.rogue_cell import RogueCell, find_rogue_cell, without_cell
from dicentlib.dose.steps import route_conclusion, route_steps, sample_size
from dicentlib.dose.triage import triage
from dicentlib.dose.whole_body import merkle
from dicentlib.errors import InputError

# what a file keeps of a route, beside the density of the dose and the rogue cell
IN_FILES = (
    *("conclusion", "above_background", "odds_of_no_dose", "partial_by", "dispersion_p"),
    *("estimate", "whole_body", "partial_body", "other", "hidden", "posterior", "steps"),
    *("dispersion", "limits", "triage", "warnings"),
)


@dataclass(frozen=True, repr=False)
class Route:
    """Every result on the way of a laboratory, and the turns that follow from them.

    ``whole_body`` is its whole-body dose, ``bayesian`` the density of it, ``limits`` what as many
    cells distinguish from the background, ``odds_of_no_dose`` those against a suspected dose.
    ``partial_by`` is what speaks for a partial exposure where one is reported: "dispersion" or
    "history", else None. ``dispersion_p`` is the exact p-value of the ``dispersion``; ``hidden``
    says which partial exposures the counts of a whole-body dose allow; ``rogue_cell`` is a single
    cell that the others do not explain, with the route without it: where its cells show no
    partial exposure, the dispersion of all does not count as one. ``posterior`` weighs whole and
    partial exposure instead of choosing, or is None, with the reason in ``no_posterior``. Of
    sums alone, ``dispersion`` to ``posterior`` are None. ``history`` is what was given of the
    exposure.
    """

    history: dict
    whole_body: DoseEstimate
    bayesian: BayesianEstimate
    limits: CharacteristicLimits
    odds_of_no_dose: float | None = None
    dispersion: Dispersion | None = None
    dispersion_p: float | None = None
    partial_body: PartialBodyEstimate | None = None
    partial_by: str | None = None
    hidden: HiddenPart | None = None
    rogue_cell: RogueCell | None = None
    posterior: ExposurePosterior | None = None
    no_posterior: str = ""

    @property
    def estimate(self):
        """The dose to report: ``whole_body`` or ``partial_body``."""
        return self.whole_body if self.partial_by is None else self.partial_body

    @property
    def other(self):
        """The whole-body dose where it is to be reported too, else None.

        That is where history alone speaks for a partial exposure, or where both intervals overlap.
        """
        if self.partial_by is None:
            return None
        overlap = self.partial_body.lower_gy <= self.whole_body.upper_gy
        return self.whole_body if self.partial_by == "history" or overlap else None

    @property
    def partial_by_one_cell(self):
        """Whether one possible rogue cell alone speaks for a partial exposure."""
        return (
            self.rogue_cell is not None
            and self.partial_by is None
            and self.dispersion.overdispersed
            and self.partial_body.estimable
        )

    @property
    def above_background(self):
        """Whether the sample differs from unexposed cells, by the sum or by the spread.

        Where it does not, the dose is reported as below ``estimate.upper_gy``.
        """
        return self.limits.above or self.partial_by is not None

    @cached_property
    def triage(self):
        """Categories of the dose to report, by scheme."""
        return _categories(self.bayesian if self.partial_by is None else self.partial_body)

    @cached_property
    def other_triage(self):
        """Categories of ``other``, or None."""
        return None if self.other is None else _categories(self.bayesian)

    @cached_property
    def steps(self):
        """The turns in words."""
        return route_steps(self)

    @cached_property
    def conclusion(self):
        """The sentence to sign."""
        return route_conclusion(self)

    def __repr__(self):
        return f"Route({self.conclusion!r})"

    def _repr_html_(self):
        rows = "".join(
            f"<tr><th>{escape(step.question)}</th><td>{escape(step.finding)} "
            f"{escape(step.consequence)}</td></tr>"
            for step in self.steps
        )
        return (
            f"<p><b>{escape(self.conclusion)}</b></p>"
            f"<details><summary>Each turn</summary><table>{rows}</table></details>"
            + warnings_html(self.warnings)
        )

    @property
    def size(self):
        """What was scored is enough for: "reference", "triage", or "too few" for either."""
        return sample_size(self.estimate.n_cells, self.estimate.n_dicentrics)

    @property
    def warnings(self):
        """All warnings, each once, those of the reported estimate first."""
        found = [*self.estimate.warnings, *self.whole_body.warnings, *self.bayesian.warnings]
        return tuple(dict.fromkeys(found))

    def explain(self):
        """The route as text: one numbered line per turn, and the conclusion."""
        lines = [f"{number}. {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join([*lines, self.conclusion])

    def to_dict(self):
        """Plain content for JSON (without the density of the dose)."""
        density, rogue = self.bayesian, self.rogue_cell
        content = {name: getattr(self, name) for name in IN_FILES}
        content["bayesian"] = {"mode_gy": density.dose_gy} | {
            name: getattr(density, name) for name in ("mean_gy", "sd_gy", "lower_gy", "upper_gy")
        }
        content["rogue_cell"] = rogue and {
            "n_dicentrics": rogue.n_dicentrics,
            "chance": rogue.chance,
            "conclusion_without": rogue.without.conclusion,
        }
        return plain(content)


def laboratory_route(
    cells_with=None,
    curve=None,
    *,
    n_cells=None,
    n_dicentrics=None,
    control=None,
    detector=None,
    ensemble_yields=None,
    slides=None,
    same_detector=None,
    suspected_gy=None,
    local_exposure=False,
    delay_days=None,
    d0_gy=2.7,
    protraction=1.0,
    scorer=None,
):
    """Follow a laboratory's route and explain each turn.

    Parameters
    ----------
    cells_with, curve, n_cells, n_dicentrics, slides, protraction, scorer
        As in :func:`dicentlib.dose.estimate_dose`.
    control : (n_dicentrics, n_cells), optional
        Unexposed cells scored like the sample; else the curve's background.
    detector : Detector, optional
        For a curve of real dicentrics, scored by eye.
    ensemble_yields : sequence of float, optional
        Yields of this sample by random ensembles.
    same_detector : bool, optional
        The curve's counts were made by the detector that scored the sample: its C holds the false
        positives, which then lie in unexposed cells too. None: if the curve carries a scorer and
        no `detector` is given.
    suspected_gy : float, optional
        A dose to weigh against none, as of a badge.
    local_exposure : bool
        The history speaks for partial-body exposure: it is reported, with the whole-body dose,
        even when u does not ask for it, and the posterior has :data:`LOCAL_PRIOR`.
    delay_days : float, optional
        From exposure to blood sampling.

    Returns
    -------
    Route
    """
    sample = Sample.of(cells_with, n_cells=n_cells, n_dicentrics=n_dicentrics, slides=slides)
    curve = checked_curve(curve, scorer).protracted(protraction)
    number("d0_gy", d0_gy, least=0, open_ends=True, unit=" Gy")
    if delay_days is not None:
        number("delay_days", delay_days, least=0, unit=" days")
    if same_detector is None:
        same_detector = curve.scorer is not None and detector is None
    detecting = {"detector": detector, "ensemble_yields": ensemble_yields}
    aware = detector is not None or ensemble_yields is not None or same_detector
    limits = characteristic_limits(sample, curve, control=control, detector=detector)
    density = bounded_bayesian(sample, curve, **detecting)
    whole_body = _whole_body(sample, curve, detecting if aware else None, density)
    history = {"local_exposure": local_exposure, "suspected_gy": suspected_gy}
    found = {"history": history | {"delay_days": delay_days}}
    if suspected_gy is not None:
        counted = {"n_cells": sample.n_cells, "n_dicentrics": sample.n_dicentrics}
        chance = odds(**counted, curve=curve, suspected_gy=suspected_gy, detector=detector)
        found["odds_of_no_dose"] = chance
    if sample.distribution is not None:
        options = {"same_detector": same_detector, "local_exposure": local_exposure, "d0_gy": d0_gy}
        found |= _by_cells(sample, curve, limits.above, detecting, **options)
        if rogue := find_rogue_cell(sample.distribution):
            others = without_cell(sample.distribution, rogue.n_dicentrics)
            without = laboratory_route(others, curve, control=control, **options, **detecting)
            found["rogue_cell"] = replace(rogue, without=without)
            if found.get("partial_by") == "dispersion" and without.partial_by is None:
                found["partial_by"] = None
    return Route(whole_body=whole_body, bayesian=density, limits=limits, **found)


def _by_cells(sample, curve, above, detecting, *, same_detector, local_exposure, d0_gy):
    """What the cells with 0, 1, 2 ... dicentrics say of a partial exposure: fields of a route.

    `above`: the sum of the dicentrics is above the background.
    """
    spread = dispersion(sample.distribution, expected=expected_dispersion(curve))
    found = {"dispersion": spread, "dispersion_p": exact_dispersion_p(sample.distribution)}
    if spread.overdispersed or local_exposure:
        own_background = same_detector and detecting["detector"] is None
        known = {"background": "curve" if own_background else None, "limits": "profile"}
        partial = dolphin(sample, curve, d0_gy=d0_gy, **known, **detecting)
        found["partial_body"] = partial
        if partial.estimable and (above or partial.lower_gy > 0):
            found["partial_by"] = "dispersion" if spread.overdispersed else "history"
    if "partial_by" not in found and not spread.overdispersed:
        seen = DetectedCurve.of(sample, curve, **detecting)
        found["hidden"] = hidden_part(sample, seen, spread.expected, d0_gy=d0_gy)
    prior = LOCAL_PRIOR if local_exposure else DEFAULT_PRIOR
    try:
        posterior = exposure_posterior(sample, curve, prior=prior, d0_gy=d0_gy, **detecting)
        return found | {"posterior": posterior}
    except InputError as error:
        return found | {"no_posterior": str(error)}


def _whole_body(sample, curve, detecting, density):
    """The whole-body dose, the density's where the method has none: a yield above a summit."""
    try:
        if detecting is None:
            return merkle(sample, curve)
        return detector_dose(sample, curve, **detecting)
    except InputError as error:
        return replace(density, warnings=(*density.warnings, f"{error}."))


def _categories(estimate):
    return {name: triage(estimate, scheme=name) for name in ("multibiodose", "iaea")}
