"""What may stand in a calibration curve: its numbers checked, its scorer in plain form."""

import dataclasses
import json
import math

import numpy as np

from dicentlib.calibration.curve_files import NAMES
from dicentlib.counts.checked import numbers
from dicentlib.errors import InputError

FLAT = 1e-300  # alpha and beta below are 0: to divide by them would overflow
ONLY_ERRORS = "The curve has no covariances between its coefficients, only standard errors."


def in_order(values, label):
    """Numbers of C, alpha and beta from an object with these names, or from a list of them."""
    if isinstance(values, dict):
        if not {"C", "alpha"} <= set(values) <= set(NAMES):
            raise InputError(f"{label} are {values!r}: expected an object with {NAMES}")
        values = [values[name] for name in NAMES if name in values]
    return [math.nan if value is None else value for value in values]


def padded(values, name):
    """Three numbers; a linear curve's two get a beta of 0."""
    values = numbers(values, f"{name} are {values!r}: expected numbers").ravel()
    if values.size not in (2, 3):
        raise InputError(f"{name} has {values.size} numbers: expected C, alpha and beta (or 2)")
    return np.concatenate([values, np.zeros(3 - values.size)])


def is_flat(coefficients):
    """Whether the yield does not depend on the dose."""
    return not np.any(np.abs(coefficients[1:]) > FLAT)


def checked_coefficients(values):
    """C, alpha and beta: finite, C not negative, not a flat curve."""
    values = padded(values, "coefficients")
    if not np.all(np.isfinite(values)) or is_flat(values):
        raise InputError(
            f"coefficients are {values.tolist()}: expected finite numbers, not a flat curve"
        )
    if values[0] < 0:
        raise InputError(f"background C is {values[0]}: expected 0 or more dicentrics per cell")
    return values


def checked_covariance(covariance, standard_errors):
    """Covariance, standard errors and what is to be said of them, from either of the two.

    Returns
    -------
    (covariance, standard_errors, notes)
        Shapes (3, 3) and (3,), or None where nothing is known or all are zero; notes: list of str.
    """
    notes = []
    if covariance is not None:
        covariance = _covariance(covariance)
    elif standard_errors is not None:
        errors = padded(standard_errors, "standard_errors")
        if np.any(errors < 0) or np.any(np.isinf(errors)):
            raise InputError(f"standard_errors are {errors.tolist()}: expected 0 or more")
        covariance = np.diag(np.nan_to_num(errors) ** 2)
        unknown = [name for name, error in zip(NAMES, errors, strict=True) if error != error]
        notes = [ONLY_ERRORS]
        if unknown:
            notes.append(f"The standard error of {', '.join(unknown)} is not known.")
    if covariance is None or not covariance.any():
        return None, None, []
    return covariance, np.sqrt(np.diag(covariance)), notes


def refuse_other_errors(errors, stated):
    """Refuse stated standard errors that are not those of the covariance, which is used.

    A difference of 5 % may be rounding. None: not known, or not stated; NaN: not stated.
    """
    if errors is None or stated is None:
        return
    stated = padded(stated, "standard_errors")
    if not np.allclose(stated, np.where(np.isnan(stated), stated, errors), 0.05, equal_nan=True):
        raise InputError(
            f"standard_errors are {stated.tolist()}, but the covariance has {errors.tolist()} "
            "(the square roots of its diagonal)"
        )


def checked_range(dose_range_gy):
    """Lowest and highest dose in Gy as floats; None where they are not known."""
    if dose_range_gy is None:
        return None
    low, high = (float(value) for value in dose_range_gy)
    if not (0 <= low <= high < math.inf and high > 0):
        raise InputError(f"dose_range_gy is {dose_range_gy}: expected 0 <= low <= high")
    return low, high


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


def content_of(scorer):
    """A scorer as plain numbers and text, as a file holds it; None: not known."""
    if scorer is None:
        return None
    if hasattr(scorer, "to_dict"):
        scorer = scorer.to_dict()
    elif dataclasses.is_dataclass(scorer):
        scorer = dataclasses.asdict(scorer)
    if not isinstance(scorer, dict):
        raise InputError(f"scorer is {scorer!r}: expected a dict, a dataclass or to_dict()")
    return json.loads(json.dumps(scorer))
