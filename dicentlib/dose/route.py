"""The route of a laboratory from counts to a signed dose, each turn explained in words.

The order is that of IAEA EPR-Biodosimetry 2011 and ISO 19238: dispersion, background, whole or
partial body, limits, category.
"""

from dataclasses import dataclass, replace
from html import escape

from dicentlib.counts.checked import number
from dicentlib.counts.dispersion import Dispersion, dispersion, expected_dispersion
from dicentlib.counts.exact_dispersion import exact_dispersion_p
from dicentlib.counts.sample import Sample
from dicentlib.dose import steps as turns
from dicentlib.dose.bayesian import bounded_bayesian
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detected_dose import detector_dose
from dicentlib.dose.detector import DetectedCurve
from dicentlib.dose.exposure import (
    DEFAULT_PRIOR,
    LOCAL_PRIOR,
    ExposurePosterior,
    exposure_posterior,
)
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
from dicentlib.dose.steps import Step, sample_size
from dicentlib.dose.triage import triage
from dicentlib.dose.whole_body import merkle
from dicentlib.errors import InputError


@dataclass(frozen=True, repr=False)
class Route:
    """The turns taken, and every result on the way.

    ``estimate`` is the one to report: ``whole_body`` or ``partial_body``. ``above_background``
    False means that the sample does not differ from unexposed cells, neither in the sum of its
    dicentrics nor in their spread: the dose is then reported as below ``estimate.upper_gy``.

    ``partial_by`` is what speaks for a partial exposure where one is reported: "dispersion" or
    "history", else None. ``other`` is the dose to report with it: the whole-body one where history
    alone speaks, or where both intervals overlap. ``dispersion_p`` is the exact p-value of the
    dispersion; ``hidden`` says which partial exposures the counts of a whole-body dose allow;
    ``rogue_cell`` is a single cell that the others do not explain, with the route without it.
    ``posterior`` weighs whole and partial exposure instead of choosing; None without the cells.
    """

    steps: tuple
    estimate: DoseEstimate
    whole_body: DoseEstimate
    partial_body: PartialBodyEstimate | None
    bayesian: BayesianEstimate
    dispersion: Dispersion | None
    limits: CharacteristicLimits
    odds_of_no_dose: float | None
    triage: dict
    above_background: bool
    conclusion: str
    partial_by: str | None = None
    other: DoseEstimate | None = None
    other_triage: dict | None = None
    dispersion_p: float | None = None
    hidden: HiddenPart | None = None
    rogue_cell: RogueCell | None = None
    posterior: ExposurePosterior | None = None

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
        facts = ("conclusion", "above_background", "odds_of_no_dose", "partial_by", "dispersion_p")
        results = ("estimate", "whole_body", "partial_body", "other", "hidden", "posterior")
        content = {name: getattr(self, name) for name in (*facts, *results)}
        content |= {name: content[name] and content[name].to_dict() for name in results}
        content["steps"] = [vars(step) for step in self.steps]
        content["bayesian"] = {"mode_gy": density.dose_gy} | {
            name: getattr(density, name) for name in ("mean_gy", "sd_gy", "lower_gy", "upper_gy")
        }
        content["dispersion"] = self.dispersion and vars(self.dispersion)
        content["limits"] = vars(self.limits)
        content["triage"] = {name: vars(one) for name, one in self.triage.items()}
        content["rogue_cell"] = rogue and {
            "n_dicentrics": rogue.n_dicentrics,
            "chance": rogue.chance,
            "conclusion_without": rogue.without.conclusion,
        }
        return plain(content | {"warnings": self.warnings})


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
    steps = [turns.size_step(sample)]
    expected = expected_dispersion(curve)
    spread, exact = None, None
    if sample.distribution is not None:
        spread = dispersion(sample.distribution, expected=expected)
        exact = exact_dispersion_p(sample.distribution)
    steps.append(turns.dispersion_step(spread, exact, local_exposure))

    limits = characteristic_limits(sample, curve, control=control, detector=detector)
    steps.append(turns.background_step(limits))

    density = bounded_bayesian(sample, curve, **detecting)
    whole_body = _whole_body(sample, curve, detecting if aware else None, density)
    steps.append(turns.whole_body_step(whole_body, limits.above))

    chance = None
    if suspected_gy is not None:
        chance = odds(
            n_cells=sample.n_cells,
            n_dicentrics=sample.n_dicentrics,
            curve=curve,
            suspected_gy=suspected_gy,
            detector=detector,
        )
        steps.append(turns.odds_step(chance, suspected_gy))

    partial, partial_by = None, None
    overdispersed = spread is not None and spread.overdispersed
    if spread is not None and (overdispersed or local_exposure):
        partial = dolphin(
            sample,
            curve,
            d0_gy=d0_gy,
            background="curve" if same_detector and detector is None else None,
            limits="profile",
            **detecting,
        )
        if partial.estimable and (limits.above or partial.lower_gy > 0):
            partial_by = "dispersion" if overdispersed else "history"
    estimate = whole_body if partial_by is None else partial
    other = whole_body if partial_by == "history" else None
    if partial_by == "dispersion" and partial.lower_gy <= whole_body.upper_gy:
        other = whole_body
    if partial is not None:
        steps.append(turns.partial_step(partial, partial_by, other, expected, limits))
    hidden = None
    if spread is not None and partial_by is None and not overdispersed:
        seen = DetectedCurve.of(sample, curve, **detecting)
        hidden = hidden_part(sample, seen, expected, d0_gy=d0_gy)
        steps.append(Step("What could a partial exposure hide?", hidden.explain(), ""))
    rogue = None if spread is None else find_rogue_cell(sample.distribution)
    if rogue is not None:
        without = laboratory_route(
            without_cell(sample.distribution, rogue.n_dicentrics),
            curve,
            control=control,
            same_detector=same_detector,
            local_exposure=local_exposure,
            d0_gy=d0_gy,
            **detecting,
        )
        rogue = replace(rogue, without=without)
        steps.append(turns.rogue_step(rogue))
    posterior, reason = None, ""
    if spread is not None:
        prior = LOCAL_PRIOR if local_exposure else DEFAULT_PRIOR
        try:
            posterior = exposure_posterior(sample, curve, prior=prior, d0_gy=d0_gy, **detecting)
        except InputError as error:
            reason = str(error)
        steps.append(turns.posterior_step(posterior, reason, estimate))
    steps += turns.exposure_steps(curve.protraction, delay_days)
    categories = _categories(density if estimate is whole_body else estimate)
    others = None if other is None else _categories(density)
    steps.append(turns.category_step(categories, others))
    shown = limits.above or partial_by is not None
    return Route(
        steps=tuple(steps),
        estimate=estimate,
        whole_body=whole_body,
        partial_body=partial,
        bayesian=density,
        dispersion=spread,
        limits=limits,
        odds_of_no_dose=chance,
        triage=categories,
        above_background=shown,
        conclusion=turns.conclusion(estimate, other, limits, shown, rogue),
        partial_by=partial_by,
        other=other,
        other_triage=others,
        dispersion_p=exact,
        hidden=hidden,
        rogue_cell=rogue,
        posterior=posterior,
    )


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
