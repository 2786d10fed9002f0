"""Are two calibration curves the same, as of two scorers, laboratories or years?"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, f

from dicentlib.calibration.curve import NAMES, CalibrationCurve
from dicentlib.calibration.fit import fit_curve
from dicentlib.errors import InputError

LEVEL = 0.05


@dataclass(frozen=True)
class CurveComparison:
    """``chi2`` of the coefficients' differences with ``df`` and ``p_value``; where both curves
    hold their counts also ``ratio_p``, of the likelihood ratio of one curve against two."""

    chi2: float
    df: int
    p_value: float
    ratio_p: float | None
    differences: dict

    def explain(self):
        """One sentence for a report."""
        p = self.p_value if self.ratio_p is None else self.ratio_p
        verdict = "The curves differ" if p < LEVEL else "No evidence that the curves differ"
        text = f"{verdict}: chi-squared {self.chi2:.3g}, df = {self.df}, p =  {self.p_value:.2g}"
        if self.ratio_p is not None:
            text += f"; likelihood ratio test of one common curve, p = {self.ratio_p:.2g}"
        return text + "."


def compare_curves(first, second):
    """Joint test that two independent curves have the same coefficients.

    .. math:: \\chi^2 = (b_1 - b_2)^T (\\Sigma_1 + \\Sigma_2)^{-1} (b_1 - b_2)

    over the coefficients that have a variance. Where both curves were fitted here, the counts
    are fitted together as well and the likelihoods compared: 2 (l_1 + l_2 - l_12) is chi-squared,
    or, where the counts about both curves spread significantly wider than Poisson's, an F ratio
    with their dispersion. That test also holds with a coefficient on its bound, and is the one to
    believe.

    Parameters
    ----------
    first, second : CalibrationCurve

    Returns
    -------
    CurveComparison

    Raises
    ------
    InputError
        A curve without a covariance.

    Examples
    --------
    >>> doses, cells = [0, 1, 2, 4], [2000, 1000, 500, 100]
    >>> curves = [fit_curve(doses, cells, x) for x in ([2, 80, 150, 110], [1, 60, 100, 70])]
    >>> compare_curves(*curves).p_value < 0.001
    True
    """
    for curve in (first, second):
        if not isinstance(curve, CalibrationCurve):
            raise InputError(f"curve is {curve!r}: expected a CalibrationCurve")
        if curve.covariance is None:
            raise InputError(f"The curve {curve.describe()} has no covariance: it cannot be tested")
    covariance = first.covariance + second.covariance
    free = np.diag(covariance) > 0
    apart = first.coefficients - second.coefficients
    fixed = [name for name, one, gap in zip(NAMES, free, apart, strict=True) if not one and gap]
    if fixed:
        raise InputError(
            f"{', '.join(fixed)} differs, but has no variance in either curve: it cannot be tested"
        )
    solved = np.linalg.lstsq(covariance[np.ix_(free, free)], apart[free], rcond=None)[0]
    statistic, df = float(apart[free] @ solved), int(free.sum())
    return CurveComparison(
        statistic,
        df,
        float(chi2.sf(statistic, df)),
        _ratio_p(first, second),
        dict(zip(NAMES, apart.tolist(), strict=True)),
    )


def _ratio_p(first, second):
    """p of the likelihood ratio; None where a curve lacks its counts or the models differ."""
    fits = [first.fit, second.fit]
    needed = {"dose_gy", "n_cells", "n_dicentrics", "log_likelihood", "model"}
    if not all(needed <= set(fit) for fit in fits) or fits[0]["model"] != fits[1]["model"]:
        return None
    changed = ("weights", "fixed_background")
    if any(fit.get(name) is not None for fit in fits for name in changed):
        return None
    doses, cells, counts = (
        np.concatenate([fit[name] for fit in fits])
        for name in ("dose_gy", "n_cells", "n_dicentrics")
    )
    together = fit_curve(doses, cells, counts, model=fits[0]["model"])
    terms = 3 if fits[0]["model"] == "linear-quadratic" else 2
    gain = 2 * (sum(fit["log_likelihood"] for fit in fits) - together.fit["log_likelihood"])
    gain = max(gain, 0.0)
    df = sum(fit["df"] for fit in fits)
    misfit = sum(fit["chi2"] for fit in fits)
    if df and chi2.sf(misfit, df) < LEVEL:
        return float(f.sf(gain / terms / (misfit / df), terms, df))
    return float(chi2.sf(gain, terms))
