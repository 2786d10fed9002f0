"""The calibration curve: yield against dose, its inverse and its confidence band.

.. math:: Y(D) = C + \\alpha D + \\beta\\, G\\, D^2

in dicentrics per cell, with the covariance of (C, alpha, beta) and whatever is known of how the
curve was made. A linear curve has beta = 0.
"""

import dataclasses
import math
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from scipy.stats import chi2

from dicentlib.calibration.curve_checks import (
    checked_coefficients,
    checked_covariance,
    checked_range,
    content_of,
    in_order,
    is_flat,
    refuse_other_errors,
)
from dicentlib.calibration.curve_files import NAMES, read_curve_content, write_curve_content
from dicentlib.counts.checked import number
from dicentlib.errors import InputError, ScorerMismatchError

PLAIN = ("name", "reference", "radiation", "conditions", "fit", "scorer")  # as a file holds them
SHORTEST_CURVE = (
    'the shortest is a file .json with {"coefficients": {"C": 0.001, "alpha": 0.02, "beta": 0.06}, '
    '"standard_errors": {"C": 0.0005, "alpha": 0.005, "beta": 0.004}, "dose_range_gy": [0, 5]}'
)


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Linear-quadratic dose-effect curve with its covariance.

    Parameters
    ----------
    coefficients : sequence of 3 floats (or 2, for a linear curve)
        C in dicentrics per cell, alpha per Gy, beta per Gy^2. Finite; not all of alpha, beta zero.
    covariance : array_like (3, 3) (or (2, 2)), optional
        Covariance of the coefficients, same order. ``None``, or zeros alone: unknown; intervals
        then leave the curve's own uncertainty out and say so.
    standard_errors : sequence of 3 floats, optional, keyword
        Used only without `covariance`: a diagonal covariance is made of them (IAEA 2011 eq. 8).
        NaN: unknown, which the curve then says.
    dose_range_gy : (low, high), optional, keyword
        Lowest and highest calibrated dose in Gy. Doses outside are flagged, never silently given.
    name, reference, radiation : str, keyword
        What a report prints.
    conditions : dict, keyword
        Irradiation and scoring conditions: dose rate, dose quantity, temperature, incubation ...
    fit : dict, keyword
        Made by :func:`fit_curve`: family, dispersion, goodness of fit, counts, warnings.
    scorer : dict or object with ``to_dict()``, or dataclass, keyword
        What made the counts; another scorer is refused (:meth:`require_scorer`).
    warnings : sequence of str, keyword
        Statements about the curve that every estimate made with it repeats.
    protraction, acute : keyword
        Of a curve that :meth:`protracted` made: its G, and the curve of an acute exposure.

    Examples
    --------
    >>> curve = CalibrationCurve((0.001, 0.0164, 0.0492), None)
    >>> round(float(curve.yield_at(1.0)), 4)
    0.0666
    >>> round(float(curve.dose_at(0.0666)), 4)
    1.0
    """

    coefficients: np.ndarray
    covariance: np.ndarray | None = None
    _: KW_ONLY
    standard_errors: np.ndarray | None = None
    dose_range_gy: tuple | None = None
    name: str = ""
    reference: str = ""
    radiation: str = ""
    conditions: dict = field(default_factory=dict)
    fit: dict = field(default_factory=dict)
    scorer: dict | None = None
    warnings: tuple = ()
    protraction: float = 1.0
    acute: "CalibrationCurve | None" = field(default=None, repr=False)

    def __post_init__(self):
        if self.protraction != 1 and self.acute is None:
            raise InputError("protraction is no argument of a curve: use curve.protracted(G)")
        coefficients = checked_coefficients(self.coefficients)
        covariance, errors, notes = checked_covariance(self.covariance, self.standard_errors)
        notes = [note for note in notes if note not in self.warnings]
        for values in (coefficients, covariance):
            if values is not None:
                values.setflags(write=False)
        checked = {
            "coefficients": coefficients,
            "covariance": covariance,
            "standard_errors": errors,
            "dose_range_gy": checked_range(self.dose_range_gy),
            "conditions": dict(self.conditions),
            "fit": dict(self.fit),
            "scorer": content_of(self.scorer),
            "warnings": (*map(str, self.warnings), *notes),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def n_parameters(self):
        """Coefficients that the band counts: with a variance, or not zero without any (1 to 3).

        Those of the acute curve: a beta that is multiplied by G = 0 was estimated all the same.
        """
        if self.acute is not None:
            return self.acute.n_parameters
        free = self.coefficients != 0
        if self.covariance is not None:
            free = np.diag(self.covariance) > 0
        return max(int(free.sum()), 1)

    def protracted(self, protraction):
        """The curve of an exposure that is not acute: beta and its covariances times G.

        .. math:: Y(D) = C + \\alpha D + (G \\beta) D^2, \\quad
                  \\Sigma_G = T \\Sigma T, \\; T = \\mathrm{diag}(1, 1, G)

        Parameters
        ----------
        protraction : float in [0, 1]
            G(x) of :func:`dicentlib.dose.protraction_factor`; 1 gives the same curve. On a curve
            that is protracted already the two factors multiply.

        Returns
        -------
        CalibrationCurve
            With ``acute``, the curve it was made from, whose ``n_parameters`` it keeps.

        Examples
        --------
        >>> curve = CalibrationCurve((0.001, 0.02, 0.06)).protracted(0.5)
        >>> curve.coefficients.tolist(), curve.protraction
        ([0.001, 0.02, 0.03], 0.5)
        """
        factor = number("protraction", protraction, least=0, most=1)
        if factor == 1:
            return self
        acute = self.acute or self
        factor *= self.protraction
        scale = np.array([1.0, 1.0, factor])
        if is_flat(acute.coefficients * scale):
            raise InputError(
                f"protraction is {protraction:g}, but the curve {acute.describe()} has no alpha: "
                "it would not rise with the dose"
            )
        covariance = acute.covariance
        if covariance is not None:
            covariance = covariance * np.outer(scale, scale)
        return dataclasses.replace(
            acute,
            coefficients=acute.coefficients * scale,
            covariance=covariance,
            standard_errors=None,
            protraction=factor,
            acute=acute,
        )

    def yield_at(self, dose_gy):
        """Dicentrics per cell at `dose_gy` (Gy, >= 0, any shape)."""
        dose = np.asarray(dose_gy, dtype=float)
        if not np.all(dose >= 0):
            raise InputError(f"dose_gy is {dose_gy}: expected doses of 0 Gy or more")
        background, alpha, beta = self.coefficients
        return background + alpha * dose + beta * dose**2

    def dose_at(self, yield_):
        """Dose in Gy at which the curve reaches `yield_` (any shape): the smallest root.

        At or below the background C the dose is 0. A yield that a curve with negative alpha or
        beta never reaches is an :class:`InputError`.

        .. math:: D = \\frac{2 (y - C)}{\\alpha + \\sqrt{\\alpha^2 + 4 \\beta (y - C)}}
        """
        yields = np.asarray(yield_, dtype=float)
        if not np.all(np.isfinite(yields)) or np.any(yields < 0):
            raise InputError(f"yield_ is {yield_}: expected finite yields of 0 or more")
        background, alpha, beta = self.coefficients
        excess = np.maximum(yields - background, 0.0)
        discriminant = alpha**2 + 4 * beta * excess
        # This form of the root keeps its digits when beta is small; beta = 0 needs no case.
        denominator = alpha + np.sqrt(np.maximum(discriminant, 0.0))
        unreachable = (excess > 0) & ((discriminant < 0) | (denominator <= 0))
        if np.any(unreachable):
            raise InputError(
                f"The curve {self.describe()} never reaches {np.max(yields):.4g} dicentrics per "
                "cell"
            )
        return np.divide(2 * excess, denominator, out=np.zeros_like(excess), where=excess > 0)

    def slope_at(self, dose_gy):
        """Derivative of the yield, alpha + 2 beta D, per cell and Gy."""
        _, alpha, beta = self.coefficients
        return alpha + 2 * beta * np.asarray(dose_gy, dtype=float)

    def variance_at(self, dose_gy):
        """Variance of the yield, v' Sigma v with v = (1, D, D^2); 0 without covariance."""
        dose = np.asarray(dose_gy, dtype=float)
        if self.covariance is None:
            return np.zeros_like(dose)
        v = np.stack([np.ones_like(dose), dose, dose**2])
        return np.maximum(np.einsum("i...,ij,j...->...", v, self.covariance, v), 0.0)

    def band_factor(self, level):
        """R of the simultaneous band, sqrt of the chi-squared quantile; 0 at level 0."""
        if number("curve level", level, least=0, most=1) == 1:
            raise InputError(f"curve level is {level}: expected a number from 0 to below 1")
        return math.sqrt(chi2.ppf(level, self.n_parameters))

    def band_at(self, dose_gy, *, level=0.95):
        """Lower and upper band at `dose_gy`: Y -/+ R sqrt(v' Sigma v) (Merkle 1983).

        The lower band is not cut at zero: where it is negative, it says nothing.
        """
        centre = self.yield_at(dose_gy)
        variance = self.variance_at(dose_gy)
        half = self.band_factor(level) * np.sqrt(variance)
        return centre - half, centre + half

    def describe(self):
        """The equation in words: ``Y = 0.0013 + 0.021 D + 0.063 D^2``."""
        background, alpha, beta = self.coefficients
        quadratic = f" + {beta:.4g} D^2" if beta else ""
        title = f"'{self.name}' " if self.name else ""
        factor = f" (G = {self.protraction:.4g})" if self.acute else ""
        return f"{title}Y = {background:.4g} + {alpha:.4g} D{quadratic}{factor}"

    def require_scorer(self, scorer):
        """Raise :class:`ScorerMismatchError` unless `scorer` is the one that made the curve."""
        other = content_of(scorer)
        if self.scorer is None or other is None or other == self.scorer:
            return
        keys = sorted(set(self.scorer) | set(other))
        different = [k for k in keys if self.scorer.get(k) != other.get(k)]
        found = "; ".join(
            f"{k}: curve {self.scorer.get(k)!r}, sample {other.get(k)!r}" for k in different
        )
        raise ScorerMismatchError(
            f"The curve {self.describe()} was made by a different scorer from the sample's "
            f"counts ({found}). Score the sample with the curve's scorer, or fit a curve with "
            "the sample's scorer"
        )

    def with_scorer(self, scorer):
        """The same curve, tied to the scorer that made its counts."""
        return dataclasses.replace(self, scorer=content_of(scorer), standard_errors=None)

    def to_dict(self):
        """Plain numbers and text; :meth:`from_dict` gives the same curve back exactly.

        A protracted curve is written as the acute one and its ``protraction``.
        """
        if self.acute is not None:
            return {**self.acute.to_dict(), "protraction": self.protraction}
        return {
            "coefficients": dict(zip(NAMES, self.coefficients.tolist(), strict=True)),
            "covariance": None if self.covariance is None else self.covariance.tolist(),
            "dose_range_gy": None if self.dose_range_gy is None else list(self.dose_range_gy),
            **{name: getattr(self, name) for name in PLAIN},
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, content):
        """Inverse of :meth:`to_dict`; a curve from elsewhere may be written more shortly.

        ``coefficients`` and ``standard_errors`` may be objects, ``{"C": .001, "alpha": .02,
        "beta": .06}`` (a linear curve has no beta), or lists in that order.
        """
        expected = {one.name for one in dataclasses.fields(cls)} - {"acute"}
        unknown = sorted(set(content) - expected)
        if unknown or "coefficients" not in content:
            raise InputError(
                f"not a calibration curve: expected the keys {sorted(expected)}, "
                f"found {sorted(content)}"
            )
        content = dict(content)
        coefficients = in_order(content.pop("coefficients"), "coefficients")
        if content.get("standard_errors") is not None:
            errors = in_order(content["standard_errors"], "standard_errors")
            content["standard_errors"] = errors + [math.nan] * (len(coefficients) - len(errors))
        factor = content.pop("protraction", 1.0)
        curve = cls(coefficients, content.pop("covariance", None), **content)
        refuse_other_errors(curve.standard_errors, content.get("standard_errors"))
        return curve.protracted(factor)

    def save(self, path):
        """Write ``.json`` (or ``.csv``, the same content as a name,value table), atomically."""
        write_curve_content(path, self.to_dict())

    @classmethod
    def load(cls, path):
        """Read what :meth:`save` wrote, every digit of it; see :meth:`from_dict` for other curves.

        Raises
        ------
        InputError
            Naming the file: absent, or not a calibration curve.
        """
        try:
            return cls.from_dict(read_curve_content(path))
        except InputError as error:
            text = str(error).removeprefix(f"{path}: ")
            raise InputError(f"{path}: {text}; {SHORTEST_CURVE}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}: not a calibration curve ({error}); {SHORTEST_CURVE}"
            ) from error
