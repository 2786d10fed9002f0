"""What made the counts: the operating point of an ensemble and what else decides, as one value.

A calibration curve holds only for the detector that produced its counts: another ensemble,
another threshold or another filter has another efficiency and another false rate. The curve
therefore carries its :class:`Scorer`, and ``CalibrationCurve.require_scorer`` refuses any other.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dicentlib.errors import InputError
from dicentlib.files import content_digest, read_json
from dicentlib.operating_point import OperatingPoint

POINT = ("members", "confidence_threshold", "agreement_threshold")
OTHERS = ("co_occurrence", "pixel_size_um", "quantile", "filter_digest")
OPTIONAL = {"quantile", "filter_digest"}


@dataclass(frozen=True)
class Scorer:
    """Everything that decides how many dicentrics are counted on a given image.

    Parameters
    ----------
    operating_point : OperatingPoint
        Thresholds, and the digests of the members' files in their order. Its ``rule`` is left
        out: it decides nothing.
    pixel_size_um : float
        Pixel size to which images are brought before they are scored (micrometres).
    co_occurrence : bool
        A dicentric counts only in a cell where a fragment is detected as well.
    quantile : float, optional
        The quantile of the members' maxima that gave the confidence thresholds.
    filter_digest : str
        Digest of the image filter that rejects cells before they are scored; "" for none.

    Raises
    ------
    InputError
        The operating point does not name its members.

    Examples
    --------
    >>> point = OperatingPoint(0.5, 1, n_members=2, members=("a1", "b2"))
    >>> scorer = Scorer(point, 0.1, co_occurrence=True)
    >>> scorer == Scorer.from_dict(scorer.to_dict())
    True
    """

    operating_point: OperatingPoint
    pixel_size_um: float
    co_occurrence: bool = False
    quantile: float | None = None
    filter_digest: str = ""

    def __post_init__(self):
        if not self.operating_point.members:
            raise InputError("a scorer needs the digest of at least one member, found none")
        object.__setattr__(self, "operating_point", replace(self.operating_point, rule=""))
        object.__setattr__(self, "pixel_size_um", float(self.pixel_size_um))
        object.__setattr__(self, "co_occurrence", bool(self.co_occurrence))
        quantile = None if self.quantile is None else float(self.quantile)
        object.__setattr__(self, "quantile", quantile)
        object.__setattr__(self, "filter_digest", str(self.filter_digest or ""))

    @property
    def digest(self):
        """SHA-256 of :meth:`to_dict`, as hexadecimal text: equal digests mean the same scorer."""
        return content_digest(self.to_dict())

    def to_dict(self):
        """The scorer as plain data, for JSON; the operating point's fields lie among the others."""
        point = asdict(self.operating_point)
        return {name: point[name] for name in POINT} | {
            name: getattr(self, name) for name in OTHERS
        }

    @classmethod
    def from_dict(cls, content):
        """The scorer whose :meth:`to_dict` is `content`.

        Raises
        ------
        InputError
            A field is missing or unknown, or holds a value that is not allowed.
        """
        known = {*POINT, *OTHERS}
        found = set(content) if isinstance(content, dict) else set()
        if not known - OPTIONAL <= found <= known:
            raise InputError(f"a scorer has the fields {sorted(known)}, found {content!r:.200}")
        if not content["members"]:
            raise InputError("a scorer needs the digest of at least one member, found none")
        point = OperatingPoint(
            **{name: content[name] for name in POINT}, n_members=len(content["members"])
        )
        return cls(point, **{name: content[name] for name in OTHERS if name in content})

    @classmethod
    def of_scoring(cls, folder, *, co_occurrence, quantile=None):
        """The scorer that filled a folder of results.

        Parameters
        ----------
        folder : path-like
            ``out`` of :func:`dicentlib.scoring.score_folder`: what scored is read from its
            ``scoring.json``.
        co_occurrence, quantile
            How its detections become counts, and where the thresholds come from; scoring knows
            neither.

        Raises
        ------
        InputError
            The folder holds no results of scoring.
        """
        done = read_json(Path(folder) / "scoring.json")
        known = {name: done.get(name) for name in (*POINT, "pixel_size_um", "filter_digest")}
        return cls.from_dict(known | {"co_occurrence": co_occurrence, "quantile": quantile})
