"""The calibration curve: yield against dose, its inverse and its confidence band.

.. math:: Y(D) = C + \\alpha D + \\beta\\, G\\, D^2

in dicentrics per cell, with the covariance of (C, alpha, beta) and whatever is known of how the
curve was made. A linear curve has beta = 0.
"""

import dataclasses
import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from dicentlib.calibration.curve_files import NAMES, read_curve_content
from dicentlib.counts.checked import number, numbers
from dicentlib.errors import InputError, ScorerMismatchError
from dicentlib.files import atomic_path

ONLY_ERRORS = "The curve has no covariances between its coefficients, only standard errors."
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
    standard_errors: np.ndarray | None = dataclasses.field(default=None, kw_only=True)
    dose_range_gy: tuple | None = dataclasses.field(default=None, kw_only=True)
    name: str = dataclasses.field(default="", kw_only=True)
    reference: str = dataclasses.field(default="", kw_only=True)
    radiation: str = dataclasses.field(default="", kw_only=True)
    conditions: dict = dataclasses.field(default_factory=dict, kw_only=True)
    fit: dict = dataclasses.field(default_factory=dict, kw_only=True)
    scorer: dict | None = dataclasses.field(default=None, kw_only=True)
    warnings: tuple = dataclasses.field(default=(), kw_only=True)
    protraction: float = dataclasses.field(default=1.0, kw_only=True)
    acute: "CalibrationCurve | None" = dataclasses.field(default=None, kw_only=True, repr=False)

    def __post_init__(self):
        if self.protraction != 1 and self.acute is None:
            raise InputError("a curve takes no protraction: use curve.protracted(G)")
        coefficients = _coefficients(self.coefficients)
        notes = [str(text) for text in self.warnings]
        covariance, errors = self.covariance, self.standard_errors
        if covariance is not None:
            covariance = _covariance(covariance)
        elif errors is not None:
            errors = _padded(errors, "standard_errors")
            if np.any(errors < 0) or np.any(np.isinf(errors)):
                raise InputError(f"standard_errors are {errors.tolist()}: expected 0 or more")
            unknown = [name for name, error in zip(NAMES, errors, strict=True) if error != error]
            covariance = np.diag(np.nan_to_num(errors) ** 2)
            texts = []
            if covariance.any():
                texts = [ONLY_ERRORS]
            if covariance.any() and unknown:
                texts.append(f"The standard error of {', '.join(unknown)} is not known.")
            notes += [text for text in texts if text not in notes]
        if covariance is not None and not covariance.any():
            covariance, errors = None, None
        if covariance is not None:
            covariance.setflags(write=False)
            errors = np.sqrt(np.diag(covariance))
        coefficients.setflags(write=False)
        if self.dose_range_gy is not None:
            low, high = (float(value) for value in self.dose_range_gy)
            if not (0 <= low <= high < math.inf and high > 0):
                raise InputError(
                    f"dose_range_gy is {self.dose_range_gy}: expected 0 <= low <= high"
                )
            object.__setattr__(self, "dose_range_gy", (low, high))
        object.__setattr__(self, "coefficients", coefficients)
        object.__setattr__(self, "covariance", covariance)
        object.__setattr__(self, "standard_errors", errors)
        object.__setattr__(self, "conditions", dict(self.conditions))
        object.__setattr__(self, "fit", dict(self.fit))
        object.__setattr__(self, "scorer", _content_of(self.scorer))
        object.__setattr__(self, "warnings", tuple(notes))

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
        factor = check_protraction(protraction)
        if factor == 1:
            return self
        acute = self.acute or self
        factor *= self.protraction
        scale = np.array([1.0, 1.0, factor])
        if not np.any((acute.coefficients * scale)[1:]):
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
        other = _content_of(scorer)
        if self.scorer is None or other is None or other == self.scorer:
            return
        keys = sorted(set(self.scorer) | set(other))
        different = [k for k in keys if self.scorer.get(k) != other.get(k)]
        found = "; ".join(
            f"{k}: curve {self.scorer.get(k)!r}, sample {other.get(k)!r}" for k in different
        )
        raise ScorerMismatchError(
            f"The curve {self.describe()} was made by another scorer than the sample's counts "
            f"({found}). Score the sample with the curve's scorer, or fit a curve with the sample's"
        )

    def with_scorer(self, scorer):
        """The same curve, tied to the scorer that made its counts."""
        return dataclasses.replace(self, scorer=_content_of(scorer), standard_errors=None)

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
            "name": self.name,
            "reference": self.reference,
            "radiation": self.radiation,
            "conditions": self.conditions,
            "fit": self.fit,
            "scorer": self.scorer,
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, content):
        """Inverse of :meth:`to_dict`; a curve from elsewhere may be written more shortly.

        ``coefficients`` and ``standard_errors`` may be objects, ``{"C": .001, "alpha": .02,
        "beta": .06}`` (a linear curve has no beta), or lists in that order.
        """
        expected = {field.name for field in dataclasses.fields(cls)} - {"acute"}
        unknown = sorted(set(content) - expected)
        if unknown or "coefficients" not in content:
            raise InputError(
                f"not a calibration curve: expected the keys {sorted(expected)}, "
                f"found {sorted(content)}"
            )
        content = dict(content)
        coefficients = _in_order(content.pop("coefficients"), "coefficients")
        if content.get("standard_errors") is not None:
            errors = _in_order(content["standard_errors"], "standard_errors")
            content["standard_errors"] = errors + [math.nan] * (len(coefficients) - len(errors))
        factor = content.pop("protraction", 1.0)
        curve = cls(coefficients, content.pop("covariance", None), **content)
        return curve.protracted(factor)

    def save(self, path):
        """Write ``.json`` (or ``.csv``, the same content as a name,value table), atomically."""
        content = self.to_dict()
        with atomic_path(path) as temporary:
            if str(path).endswith(".csv"):
                rows = [(name, json.dumps(value)) for name, value in _flat(content)]
                pd.DataFrame(rows, columns=["name", "value"]).to_csv(temporary, index=False)
            else:
                temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")

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


def check_protraction(protraction):
    """G as a float; anything outside [0, 1] is an error."""
    try:
        value = float(protraction)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(f"protraction is {protraction!r}: expected G(x) from 0 to 1")
    return value


def _in_order(values, label):
    """Numbers of C, alpha and beta from an object with these names, or from a list of them."""
    if isinstance(values, dict):
        if not {"C", "alpha"} <= set(values) <= set(NAMES):
            raise InputError(f"{label} are {values!r}: expected an object with {NAMES}")
        values = [values[name] for name in NAMES if name in values]
    return [math.nan if value is None else value for value in values]


def _padded(values, name):
    values = numbers(values, f"{name} are {values!r}: expected numbers").ravel()
    if values.size not in (2, 3):
        raise InputError(f"{name} has {values.size} numbers: expected C, alpha and beta (or 2)")
    return np.concatenate([values, np.zeros(3 - values.size)])


def _coefficients(values):
    values = _padded(values, "coefficients")
    if not np.all(np.isfinite(values)) or not np.any(values[1:]):
        raise InputError(
            f"coefficients are {values.tolist()}: expected finite numbers, not a flat curve"
        )
    if values[0] < 0:
        raise InputError(f"background C is {values[0]}: expected 0 or more dicentrics per cell")
    return values


def _covariance(values):
    matrix = numbers(values, f"covariance is {values!r:.100}: expected numbers")
    if matrix.shape not in ((2, 2), (3, 3)) or not np.all(np.isfinite(matrix)):
        raise InputError(
            f"covariance has shape {matrix.shape}: expected 3 x 3 finite numbers for (C, alpha, "
            "beta), or 2 x 2 for a linear curve"
        )
    matrix = np.pad(matrix, (0, 3 - len(matrix)))
    scale = np.sqrt(np.abs(np.diag(matrix)))
    # Published matrices are rounded to three digits: allow that much, no more.
    if not np.allclose(matrix, matrix.T, rtol=1e-6, atol=1e-12) or np.any(np.diag(matrix) < 0):
        raise InputError("covariance is not symmetric with variances of 0 or more")
    safe = np.where(scale > 0, scale, 1.0)
    if np.linalg.eigvalsh(matrix / np.outer(safe, safe)).min() < -0.01:
        raise InputError("covariance is not positive semi-definite: check its rows and signs")
    return matrix


def _content_of(scorer):
    if scorer is None:
        return None
    if hasattr(scorer, "to_dict"):
        scorer = scorer.to_dict()
    elif dataclasses.is_dataclass(scorer):
        scorer = dataclasses.asdict(scorer)
    if not isinstance(scorer, dict):
        raise InputError(f"scorer is {scorer!r}: expected a dict, a dataclass or to_dict()")
    return json.loads(json.dumps(scorer))


def _flat(content):
    for name, value in content.items():
        if name == "coefficients":
            yield from ((f"coefficient_{key}", number) for key, number in value.items())
        elif name == "covariance" and value is not None:
            for row, numbers in zip(NAMES, value, strict=True):
                for column, number in zip(NAMES, numbers, strict=True):
                    yield f"covariance_{row}_{column}", number
        else:
            yield name, value
