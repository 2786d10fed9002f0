"""The route of a laboratory from counts to a signed dose, each turn explained in words.

The order is that of IAEA EPR-Biodosimetry 2011 and ISO 19238: dispersion, background, whole or
partial body, limits, category.
"""

import math
from dataclasses import dataclass

from dicentlib.counts.dispersion import POISSON, Dispersion, dispersion, expected_dispersion
from dicentlib.counts.sample import Sample
from dicentlib.dose.bayesian import bounded_bayesian
from dicentlib.dose.checks import checked_curve
from dicentlib.dose.detected_dose import detector_dose
from dicentlib.dose.low_dose import CharacteristicLimits, characteristic_limits, odds
from dicentlib.dose.partial_body import dolphin
from dicentlib.dose.result import BayesianEstimate, DoseEstimate, PartialBodyEstimate, plain
from dicentlib.dose.triage import triage
from dicentlib.dose.whole_body import merkle

LONG_DELAY_DAYS = 140  # 20 weeks: dicentrics last about that long undiminished
LARGEST_ODDS = 1e6  # larger ones are said to be larger

# least cells, or dicentrics, for each kind of estimate (ISO 19238)
SIZES = (("reference", 500, 100), ("triage", 50, 30))


@dataclass(frozen=True)
class Step:
    """One turn: what was asked, what was found, what follows."""

    question: str
    finding: str
    consequence: str

    def __str__(self):
        return f"{self.question} {self.finding} {self.consequence}".strip()


@dataclass(frozen=True)
class Route:
    """The turns taken, and every result on the way.

    ``estimate`` is the one to report: ``whole_body`` or ``partial_body``. ``above_background``
    False means that the sample does not differ from unexposed cells, neither in the sum of its
    dicentrics nor in their spread: the dose is then reported as below ``estimate.upper_gy``.
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
        density = self.bayesian
        return {
            "conclusion": self.conclusion,
            "steps": [vars(step) for step in self.steps],
            "above_background": self.above_background,
            "estimate": self.estimate.to_dict(),
            "whole_body": self.whole_body.to_dict(),
            "partial_body": None if self.partial_body is None else self.partial_body.to_dict(),
            "bayesian": plain(
                {
                    "mode_gy": density.dose_gy,
                    "mean_gy": density.mean_gy,
                    "sd_gy": density.sd_gy,
                    "lower_gy": density.lower_gy,
                    "upper_gy": density.upper_gy,
                }
            ),
            "dispersion": None if self.dispersion is None else plain(vars(self.dispersion)),
            "limits": plain(vars(self.limits)),
            "odds_of_no_dose": plain(self.odds_of_no_dose),
            "triage": {name: plain(vars(one)) for name, one in self.triage.items()},
            "warnings": list(self.warnings),
        }


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
        The history speaks for partial-body exposure: look for it even when u does not.
    delay_days : float, optional
        From exposure to blood sampling.

    Returns
    -------
    Route
    """
    sample = Sample.of(cells_with, n_cells=n_cells, n_dicentrics=n_dicentrics, slides=slides)
    curve = checked_curve(curve, scorer).protracted(protraction)
    if same_detector is None:
        same_detector = curve.scorer is not None and detector is None
    detecting = {"detector": detector, "ensemble_yields": ensemble_yields}
    aware = detector is not None or ensemble_yields is not None or same_detector
    steps = [_size_step(sample)]
    expected = expected_dispersion(curve)
    spread = None
    if sample.distribution is not None:
        spread = dispersion(sample.distribution, expected=expected)
    steps.append(_dispersion_step(spread, local_exposure))

    limits = characteristic_limits(sample, curve, control=control, detector=detector)
    steps.append(_background_step(limits))

    method = detector_dose if aware else merkle
    options = detecting if aware else {}
    whole_body = method(sample, curve, **options)
    steps.append(_whole_body_step(whole_body, limits.above))

    chance = None
    if suspected_gy is not None:
        chance = odds(
            n_cells=sample.n_cells,
            n_dicentrics=sample.n_dicentrics,
            curve=curve,
            suspected_gy=suspected_gy,
            detector=detector,
        )
        steps.append(_odds_step(chance, suspected_gy))

    partial, estimate, shown = None, whole_body, limits.above
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
        if overdispersed and partial.estimable and (limits.above or partial.lower_gy > 0):
            estimate, shown = partial, True
        steps.append(_partial_step(partial, whole_body, estimate is partial, expected, limits))
    steps += _exposure_steps(curve.protraction, delay_days)
    density = bounded_bayesian(sample, curve, **detecting)
    base = estimate if estimate is partial else density
    categories = {name: triage(base, scheme=name) for name in ("multibiodose", "iaea")}
    steps.append(Step("Which category?", categories["multibiodose"].explain(), ""))
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
        conclusion=_conclusion(estimate, limits, partial, shown),
    )


def sample_size(n_cells, n_dicentrics):
    """What a sample is enough for: "reference", "triage", or "too few" for either.

    Examples
    --------
    >>> sample_size(200, 100), sample_size(50, 2), sample_size(49, 29)
    ('reference', 'triage', 'too few')
    """
    enough = (name for name, n, x in SIZES if n_cells >= n or n_dicentrics >= x)
    return next(enough, "too few")


def _size_step(sample):
    follows = {
        "reference": "Enough for a reference estimate (500 cells or 100 dicentrics).",
        "triage": "Enough for triage (50 cells or 30 dicentrics), good to about 1 Gy; not for a "
        "reference estimate (500 cells or 100 dicentrics).",
        "too few": "Too few even for triage (50 cells or 30 dicentrics): score more cells.",
    }[sample_size(sample.n_cells, sample.n_dicentrics)]
    finding = f"{sample.n_dicentrics} dicentrics in {sample.n_cells} cells."
    return Step("How much was scored?", finding, follows)


def _dispersion_step(spread, local_exposure):
    question = "Are the dicentrics spread as by chance?"
    if spread is None:
        return Step(
            question, "Only the sums are known.", "Partial-body exposure cannot be looked for."
        )
    if spread.overdispersed:
        follows = "Partial-body exposure is looked for below."
    elif spread.underdispersed:
        follows = "Check how cells were selected and scored before trusting the interval."
    elif local_exposure:
        follows = "The history speaks for local exposure, which is looked for all the same."
    elif math.isinf(spread.expected.error):
        follows = "Partial-body exposure is not looked for; the history must speak for it."
    else:
        follows = "The whole body is taken as exposed alike."
    return Step(question, spread.explain(), follows)


def _background_step(limits):
    follows = "A dose is estimated." if limits.above else "Their sum shows no dose."
    return Step("Is the yield above the background?", limits.explain(), follows)


def _whole_body_step(estimate, above):
    finding = f"{estimate.summary()}."
    if not above:
        return Step("Which whole-body dose?", finding, "Only the upper limit counts.")
    return Step("Which whole-body dose?", finding, "")


def _odds_step(chance, suspected_gy):
    likelier, other = ("no dose", f"{suspected_gy:g} Gy")[:: 1 if chance >= 1 else -1]
    times = max(chance, 1 / chance) if chance > 0 else math.inf
    factor = f"{times:.3g}" if times < LARGEST_ODDS else f"over {LARGEST_ODDS:,.0f}"
    finding = f"{likelier[0].upper()}{likelier[1:]} is {factor} times as likely as {other}."
    return Step("How does a suspected dose compare with none?", finding, "")


def _partial_step(partial, whole_body, reported, expected, limits):
    question = "Was only a part exposed?"
    if not partial.estimable:
        return Step(
            question,
            partial.summary() + ".",
            "The whole-body dose is reported; it is too low if only a part was exposed.",
        )
    finding = (
        f"{partial.summary()}, to {partial.fraction:.0%} ({partial.fraction_lower:.0%} to "
        f"{partial.fraction_upper:.0%}) of the body."
    )
    if expected.index > 1 and expected != POISSON:
        finding += (
            " It takes the counts of exposed cells as Poisson; this scorer's spread wider, which "
            "makes the dose of the part too high and the part too small."
        )
    if not reported:
        follows = (
            "Its interval reaches down to no dose: whole-body is reported."
            if not limits.above and partial.lower_gy == 0
            else "Dispersion does not ask for it: whole-body is reported."
        )
        return Step(question, finding, follows)
    apart = partial.lower_gy > whole_body.upper_gy
    if not limits.above:
        follows = (
            "The sum is not above the background, but unexposed cells do not have several "
            "dicentrics each: the partial-body dose is reported."
        )
        return Step(question, finding, follows)
    follows = (
        "It differs clearly from the whole-body dose, which would mislead: the partial-body dose "
        "is reported."
        if apart
        else "Its interval overlaps that of the whole-body dose; both should be told. The "
        "partial-body dose is reported."
    )
    return Step(question, finding, follows)


def _exposure_steps(protraction, delay_days):
    steps = []
    if protraction < 1:
        steps.append(
            Step(
                "Was the exposure acute?",
                f"No: G = {protraction:.3g}.",
                "The quadratic term is reduced by G; for an acute exposure the dose would be less.",
            )
        )
    if delay_days is not None and delay_days > LONG_DELAY_DAYS:
        steps.append(
            Step(
                "Was blood taken in time?",
                f"{delay_days:g} days after the exposure.",
                "Dicentrics are lost with the years (half in about 3 years, less evenly after "
                "high doses): the dose is likely too low, and is not corrected.",
            )
        )
    return steps


def _conclusion(estimate, limits, partial, shown):
    if not shown and math.isinf(estimate.upper_gy):
        return "Not above background; counts and curve are too uncertain for an upper limit."
    if not shown:
        return (
            f"Not above background: dose below {estimate.upper_gy:.2f} Gy "
            f"(upper end of the {estimate.level:.0%} interval)."
        )
    text = f"Dose {estimate.summary()}"
    if estimate is partial:
        text += f", to {estimate.fraction:.0%} of the body"
        if not limits.above:
            text += " (shown by the spread of the dicentrics, not by their sum)"
    return text + "."
