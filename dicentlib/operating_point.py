"""The operating point of an ensemble: the two thresholds of each class, and for whom they hold."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real

import numpy as np

from dicentlib.conventions import CLASSES
from dicentlib.errors import InputError
from dicentlib.files import read_json, write_json


def check_confidence_threshold(value, *, n_members=None, name="confidence_threshold"):
    """Return T_C as a float, or as a tuple of M floats, each within 0 to 1."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}: {value!r} found; allowed: numbers from 0 to 1")
    if not np.all((array >= 0) & (array <= 1)):
        raise InputError(f"{name}: {value} found; allowed: 0 to 1")
    if array.ndim == 0:
        return float(array)
    if array.ndim != 1 or array.size == 0 or (n_members is not None and array.size != n_members):
        expected = "one per member" if n_members is None else n_members
        raise InputError(f"{name}: shape {array.shape} found; expected one value or {expected}")
    return tuple(float(item) for item in array)


def check_agreement_threshold(value, *, n_members=None, name="agreement_threshold"):
    """Return T_A as an int, at least 0 and, where M is known, below M."""
    allowed = "integers from 0" if n_members is None else f"integers from 0 to {n_members - 1}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise InputError(f"{name}: {value!r} found; allowed: {allowed}")
    if value != value or value != int(value):
        raise InputError(f"{name}: {value!r} found; allowed: {allowed}")
    if value < 0 or (n_members is not None and value >= n_members):
        reason = "" if value < 0 else f" (more than {value} of {n_members} votes cannot happen)"
        raise InputError(f"{name}: {value} found; allowed: {allowed}{reason}")
    return int(value)


@dataclass(frozen=True)
class OperatingPoint:
    r"""Confidence and agreement thresholds per class, and the members they were chosen for.

    Parameters
    ----------
    confidence_threshold : float or dict of class to float, or to M floats
        :math:`T_C` in [0, 1]; M floats give every member its own. One value serves all classes.
    agreement_threshold : int or dict of class to int
        :math:`T_A`, 0 to M - 1.
    n_members : int
        M, the number of members that vote.
    members : tuple of str
        SHA-256 digests of the members' files in voting order; empty when unknown.
    rule : str
        How the thresholds were chosen, in words.

    Raises
    ------
    InputError
        A threshold is out of range, a class is missing or unknown, or the number of digests
        is not M.

    Examples
    --------
    >>> point = OperatingPoint(0.5, {"dicentric": 4, "fragment": 3}, n_members=10)
    >>> point.confidence_threshold["fragment"]
    0.5
    """

    confidence_threshold: dict
    agreement_threshold: dict
    n_members: int
    members: tuple = ()
    rule: str = ""

    def __post_init__(self):
        if not isinstance(self.n_members, Integral) or self.n_members < 1:
            raise InputError(f"n_members: {self.n_members!r} found; allowed: integers from 1")
        members = tuple(self.members)
        if members and len(members) != self.n_members:
            raise InputError(f"members: {len(members)} digests found; expected {self.n_members}")
        for name, check in (
            ("confidence_threshold", check_confidence_threshold),
            ("agreement_threshold", check_agreement_threshold),
        ):
            per_class = _per_class(getattr(self, name), name)
            checked = {
                key: check(value, n_members=self.n_members, name=f"{name} of {key}")
                for key, value in per_class.items()
            }
            object.__setattr__(self, name, checked)
        object.__setattr__(self, "members", members)
        object.__setattr__(self, "n_members", int(self.n_members))

    def confidence_thresholds(self):
        """T_C as an array of shape (M, 2): member, class in the order of ``data.CLASSES``."""
        columns = [
            np.broadcast_to(self.confidence_threshold[name], self.n_members) for name in CLASSES
        ]
        return np.stack(columns, axis=1).astype(float)

    def check_members(self, digests):
        """Refuse members other than those the thresholds were chosen for.

        Parameters
        ----------
        digests : sequence of str
            Digests of the members about to vote, in any order.

        Raises
        ------
        InputError
            Their number or their digests differ; without recorded digests only the number
            is compared.
        """
        digests = list(digests)
        if len(digests) != self.n_members:
            raise InputError(
                f"members: {len(digests)} found; the operating point is for {self.n_members}"
            )
        strangers = sorted((Counter(digests) - Counter(self.members)).elements())
        if self.members and strangers:
            raise InputError(
                f"members: {len(strangers)} of {len(digests)} are not those of the operating "
                f"point (first: {strangers[0][:12]}); expected digests beginning "
                f"{', '.join(digest[:12] for digest in self.members)}"
            )

    def write(self, path):
        """Write the point as JSON, atomically (``operating_point.json``)."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path):
        """Read a point that :meth:`write` wrote.

        Raises
        ------
        InputError
            The file is absent, is not JSON, lacks a field, has an unknown one, or holds a
            value that is not allowed.
        """
        content = read_json(path)
        known = {field.name for field in fields(cls)}
        found = set(content) if isinstance(content, dict) else set()
        required = {"confidence_threshold", "agreement_threshold", "n_members"}
        if not required <= found <= known:
            raise InputError(
                f"{path}: fields {sorted(found)} found; required: {sorted(required)}, "
                f"also allowed: {sorted(known - required)}"
            )
        try:
            return cls(**content)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def _per_class(value, name):
    if not isinstance(value, Mapping):
        return dict.fromkeys(CLASSES, value)
    if set(value) != set(CLASSES):
        raise InputError(f"{name}: classes {sorted(value)} found; expected {sorted(CLASSES)}")
    return {key: value[key] for key in CLASSES}
