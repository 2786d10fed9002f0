"""The turns of a laboratory's route in words: what was asked, what was found, what follows."""

import math
from dataclasses import dataclass

from dicentlib.dose.bayesian import ANOTHER_SCORER

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


def sample_size(n_cells, n_dicentrics):
    """What a sample is enough for: "reference", "triage", or "too few" for either.

    Examples
    --------
    >>> sample_size(200, 100), sample_size(50, 2), sample_size(49, 29)
    ('reference', 'triage', 'too few')
    """
    enough = (name for name, n, x in SIZES if n_cells >= n or n_dicentrics >= x)
    return next(enough, "too few")


def enough_for(kind):
    """The least cells or dicentrics for a kind of estimate, in words.

    Examples
    --------
    >>> enough_for("triage")
    '50 cells or 30 dicentrics'
    """
    n_cells, n_dicentrics = next(least for name, *least in SIZES if name == kind)
    return f"{n_cells} cells or {n_dicentrics} dicentrics"


def _probability(p):
    return f"{p:.2g}" if p >= 1e-6 else "below 0.000001"


def route_steps(route):
    """The turns that a route took, in their order, as a tuple of :class:`Step`."""
    turns = (_size, _dispersion, _background, _whole_body, _suspected_dose, _part, _hidden_part)
    turns += (_rogue_cell, _posterior, _protraction, _delay, _category)
    return tuple(step for turn in turns if (step := turn(route)) is not None)


def _size(route):
    n_cells, n_dicentrics = route.whole_body.n_cells, route.whole_body.n_dicentrics
    triage, reference = enough_for("triage"), enough_for("reference")
    follows = {
        "reference": f"Enough for a reference estimate ({reference}).",
        "triage": f"Enough for triage ({triage}), accurate to about 1 Gy; not for a reference "
        f"estimate ({reference}).",
        "too few": f"Too few even for triage ({triage}): score more cells.",
    }[route.size]
    finding = f"{n_dicentrics} dicentric{'s' * (n_dicentrics != 1)} in {n_cells} cells."
    return Step("How much was scored?", finding, follows)


def _dispersion(route):
    spread, exact = route.dispersion, route.dispersion_p
    question = "Are the dicentrics distributed as expected by chance?"
    if spread is None:
        return Step(
            question, "Only the sums are known.", "Partial-body exposure cannot be looked for."
        )
    if spread.overdispersed:
        follows = "Partial-body exposure is looked for below."
    elif spread.underdispersed:
        follows = "Check how cells were selected and scored before trusting the interval."
    elif route.history["local_exposure"]:
        follows = "The history suggests local exposure, which is looked for in any case."
    elif math.isinf(spread.expected.error):
        follows = "Partial-body exposure is not looked for unless the history suggests it."
    else:
        follows = "The whole body is assumed to be exposed uniformly."
    finding = spread.explain()
    if exact is not None:
        finding += (
            " Exact probability that chance alone puts as many pairs of dicentrics, or more, into "
            f"the same cells: {_probability(exact)}."
        )
    return Step(question, finding, follows)


def _background(route):
    follows = (
        "A dose is estimated." if route.limits.above else "The number of dicentrics shows no dose."
    )
    return Step("Is the yield above the background?", route.limits.explain(), follows)


def _whole_body(route):
    follows = "" if route.limits.above else "Only the upper limit is meaningful."
    return Step("Which whole-body dose?", f"{route.whole_body.summary()}.", follows)


def _suspected_dose(route):
    chance, suspected_gy = route.odds_of_no_dose, route.history["suspected_gy"]
    if chance is None:
        return None
    likelier, other = ("no dose", f"{suspected_gy:g} Gy")[:: 1 if chance >= 1 else -1]
    times = max(chance, 1 / chance) if chance > 0 else math.inf
    factor = f"{times:.3g}" if times < LARGEST_ODDS else f"over {LARGEST_ODDS:,.0f}"
    finding = f"{likelier[0].upper()}{likelier[1:]} is {factor} times as likely as {other}."
    return Step("How does the suspected dose compare with no dose?", finding, "")


def _part(route):
    partial, question = route.partial_body, "Was only a part exposed?"
    if partial is None:
        return None
    if not partial.estimable:
        follows = "The whole-body dose is reported; it is too low if only a part was exposed."
        return Step(question, partial.summary() + ".", follows)
    finding = f"{partial.summary()}, {exposed_part(partial)}."
    if route.dispersion.expected.index > 1:
        finding += (
            " It assumes Poisson counts in exposed cells. This scorer's counts are "
            "overdispersed, so the dose is too high and the part too small."
        )
    if route.partial_by_one_cell:
        follows = (
            "Only one cell, named below, supports it: the whole-body dose is reported, and "
            "this dose applies only if that cell is not a rogue cell."
        )
    elif route.partial_by is None:
        follows = "Its interval includes 0 Gy: the whole-body dose is reported."
    elif route.partial_by == "history":
        follows = (
            "The dispersion does not suggest it, but the history does: this dose is reported, "
            "with the whole-body dose."
        )
    elif not route.limits.above:
        follows = (
            "The sum is not above the background, but unexposed cells do not have several "
            "dicentrics each: the partial-body dose is reported."
        )
    elif route.other is None:
        follows = (
            "It differs clearly from the whole-body dose, which would be misleading: the "
            "partial-body dose is reported."
        )
    else:
        follows = (
            "Its interval overlaps that of the whole-body dose: both are reported, the "
            "partial-body dose first."
        )
    return Step(question, finding, follows)


def exposed_part(partial):
    """The size of the exposed part with its limits."""
    return (
        f"to {partial.fraction:.0%} ({partial.fraction_lower:.0%} to "
        f"{partial.fraction_upper:.0%}) of the body"
    )


def _hidden_part(route):
    if route.hidden is None:
        return None
    return Step("What could a partial exposure hide?", route.hidden.explain(), "")


def _rogue_cell(route):
    rogue = route.rogue_cell
    if rogue is None:
        return None
    return Step(
        "Is one cell unlike the others?",
        f"A single cell has {rogue.n_dicentrics} dicentrics; given the other cells, the "
        f"probability of such a cell is {_probability(rogue.chance)}: a possible rogue cell, "
        "which unexposed people have too.",
        f"Without it: {rogue.without.conclusion}",
    )


def _posterior(route):
    """Both hypotheses weighed, and where that differs from the dose reported."""
    question, posterior = "How probable is a partial exposure?", route.posterior
    if route.dispersion is None:
        return None
    if posterior is None:
        return Step(question, f"Not judged: {route.no_posterior}.", "")
    finding = " ".join([posterior.explain(), *posterior.warnings])
    return Step(question, finding, posterior.compare(route.estimate))


def _protraction(route):
    factor = route.whole_body.protraction
    if factor == 1:
        return None
    return Step(
        "Was the exposure acute?",
        f"No: G = {factor:.3g}.",
        "The quadratic term is multiplied by G; for an acute exposure the dose would be lower.",
    )


def _delay(route):
    days = route.history["delay_days"]
    if days is None or days <= LONG_DELAY_DAYS:
        return None
    return Step(
        "Was blood taken in time?",
        f"{days:g} days after the exposure.",
        "Dicentrics are lost with the years (half in about 3 years, less evenly after high "
        "doses): the dose is likely too low, and is not corrected.",
    )


def _category(route):
    found, others = route.triage["multibiodose"].explain(), route.other_triage
    if others is not None and others["multibiodose"].probabilities:
        found += f" If the whole body was exposed: {others['multibiodose'].category}."
    return Step("Which category?", found, "")


def route_conclusion(route):
    """The sentence to sign."""
    estimate, other, rogue = route.estimate, route.other, route.rogue_cell
    shown = route.above_background
    if not shown and estimate.details.get("conflict"):
        text = f"Far below the background, no dose agrees: {ANOTHER_SCORER}."
    elif not shown and math.isinf(estimate.upper_gy):
        text = "Not above background; counts and curve are too uncertain for an upper limit."
    elif not shown:
        text = (
            f"Not above background: dose below {gray(estimate.upper_gy)} Gy "
            f"(upper end of the {estimate.level:.0%} interval)."
        )
    elif estimate.method != "dolphin":
        text = f"Dose {estimate.summary()}."
    else:
        text = f"Dose {estimate.summary()}, to {estimate.fraction:.0%} of the body"
        if not route.limits.above:
            text += " (shown by the overdispersion, not by the number of dicentrics)"
        text += "." if other is None else f"; if the whole body was exposed: {other.summary()}."
    if rogue is not None:
        text += f" One cell has {rogue.n_dicentrics} dicentrics, a possible rogue cell; "
        if route.partial_by_one_cell:
            part = route.partial_body
            text += f"if it is not: {part.summary()}, to {part.fraction:.0%} of the body; "
        text += f"without it: {rogue.without.conclusion[0].lower()}{rogue.without.conclusion[1:]}"
    return text


def gray(dose_gy):
    """A dose in Gy for a sentence: two decimals, or as many as make it differ from 0.

    Examples
    --------
    >>> gray(1.234), gray(0.0012)
    ('1.23', '0.0012')
    """
    return f"{dose_gy:.2f}" if dose_gy >= 0.01 or dose_gy == 0 else f"{dose_gy:.2g}"
