"""What made the counts: members, thresholds and rules, as one comparable value.

A calibration curve holds only for the detector that produced its counts: another ensemble,
another threshold or another filter has another efficiency and another false rate. The curve
therefore carries its :class:`Scorer`, and ``CalibrationCurve.require_scorer`` refuses any other.
"""

from dataclasses import asdict, dataclass, fields

from dicentlib.conventions import CLASSES
from dicentlib.errors import InputError
from dicentlib.files import content_digest


@dataclass(frozen=True)
class Scorer:
    """Everything that decides how many dicentrics are counted on a given image.

    Parameters
    ----------
    members : tuple of str
        Digests of the members' files, in the order of their thresholds.
    confidence_threshold : dict
        By class, :math:`T_C`: one number for all members, or a tuple with one per member.
    agreement_threshold : dict
        By class, :math:`T_A`: a pixel fires when more than this many members vote for it.
    co_occurrence : bool
        A dicentric counts only in a cell where a fragment is detected as well.
    pixel_size_um : float
        Pixel size to which images are brought before they are scored (micrometres).
    quantile : float, optional
        The quantile of the members' maxima that gave `confidence_threshold`.
    filter_digest : str, optional
        Digest of the image filter that rejects cells before they are scored; "" for none.

    Raises
    ------
    InputError
        No members, a class without thresholds, or not one threshold for each member.

    Examples
    --------
    >>> thresholds = {"dicentric": (0.5, 0.6), "fragment": (0.4, 0.4)}
    >>> scorer = Scorer(("a1", "b2"), thresholds, {"dicentric": 1, "fragment": 1}, True, 0.1)
    >>> scorer == Scorer.from_dict(scorer.to_dict())
    True
    """

    members: tuple
    confidence_threshold: dict
    agreement_threshold: dict
    co_occurrence: bool
    pixel_size_um: float
    quantile: float | None = None
    filter_digest: str = ""

    def __post_init__(self):
        if not self.members:
            raise InputError("a scorer needs at least one member, found none")
        plain = {name: _plain(value) for name, value in self.confidence_threshold.items()}
        votes = {name: int(value) for name, value in self.agreement_threshold.items()}
        for label, given in (("confidence_threshold", plain), ("agreement_threshold", votes)):
            if set(given) != set(CLASSES):
                raise InputError(f"{label} needs {CLASSES}, found {tuple(given)}")
        for name in CLASSES:
            size = len(plain[name]) if isinstance(plain[name], tuple) else len(self.members)
            if size != len(self.members):
                raise InputError(
                    f"{size} {name} thresholds for {len(self.members)} members: "
                    "give one number, or one for each member"
                )
            if not 0 <= votes[name] < len(self.members):
                raise InputError(
                    f"agreement threshold {votes[name]} for {name} can never be exceeded by "
                    f"{len(self.members)} members: allowed 0 to {len(self.members) - 1}"
                )
        object.__setattr__(self, "members", tuple(str(digest) for digest in self.members))
        object.__setattr__(self, "confidence_threshold", plain)
        object.__setattr__(self, "agreement_threshold", votes)
        object.__setattr__(self, "co_occurrence", bool(self.co_occurrence))
        object.__setattr__(self, "pixel_size_um", float(self.pixel_size_um))
        object.__setattr__(self, "quantile", _plain(self.quantile))
        object.__setattr__(self, "filter_digest", str(self.filter_digest or ""))

    @property
    def digest(self):
        """SHA-256 of all fields, as hexadecimal text: equal digests mean the same scorer."""
        return content_digest(self.to_dict())

    def to_dict(self):
        """The fields as plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content):
        """The scorer whose :meth:`to_dict` is `content`.

        Raises
        ------
        InputError
            A field is missing or unknown.
        """
        known = {field.name for field in fields(cls)}
        required = known - {"quantile", "filter_digest"}
        if not isinstance(content, dict) or set(content) - known or required - set(content):
            raise InputError(f"a scorer has the fields {sorted(known)}, found {content!r:.200}")
        return cls(**content)


def _plain(value):
    if value is None:
        return None
    if hasattr(value, "__len__"):
        return tuple(float(item) for item in value)
    return float(value)
