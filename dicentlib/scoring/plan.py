"""What is to be scored, by whom and how: everything that is checked before long work starts."""

import tempfile
from dataclasses import asdict, dataclass
from numbers import Real
from pathlib import Path

import numpy as np
import torch

from dicentlib.calibration.scorer import Scorer
from dicentlib.data import ImageIndex, list_images
from dicentlib.ensemble import member_paths, precision_of, read_member_metadata
from dicentlib.ensemble.engine import engine_for
from dicentlib.ensemble.members import refuse_copies
from dicentlib.errors import InputError
from dicentlib.files import content_digest, file_digest
from dicentlib.filtering.network import filter_file, read_filter_settings
from dicentlib.operating_point import OperatingPoint
from dicentlib.scoring.preparation import check_pixel_size
from dicentlib.scoring.shards import Shard

RESULT_VERSION = 8  # raised whenever the same inputs give other results
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class ScoringSettings:
    """What scores, and how it is put to work; what a worker needs to know."""

    scorer: Scorer  # before detections are counted: without a rule for that
    members: tuple  # its members' files, in voting order
    image_pixel_size_um: float | None = None  # of images that do not state theirs
    filter_weights: str = ""  # file; "" for no filter
    precision: str = "float32"  # of the network; heatmaps are compared in float32
    device: str = "cpu"
    engine: str = "torch"  # what computes the members, see ensemble.engine
    batch_size: int = 1  # images computed together

    def key(self):
        """Digest of all that can change a result."""
        return content_digest(
            {
                "version": RESULT_VERSION,
                "operating_point": asdict(self.scorer.operating_point),
                "pixel_size_um": self.scorer.pixel_size_um,
                "image_pixel_size_um": self.image_pixel_size_um,
                "filter": self.scorer.filter_digest,
                "precision": self.precision,
                "device": torch.device(self.device).type,
                "engine": self.engine,
                "batch_size": self.batch_size,
            }
        )


@dataclass(frozen=True)
class ImageRecord:
    """One image of a shard."""

    image: str
    pixel_size_um: float  # NaN: not known
    refused: str = ""  # why it was quarantined when the folder was listed


@dataclass(frozen=True)
class ScoringPlan:
    """The listed images, cut into shards, and the settings for them."""

    index: ImageIndex
    out: Path
    settings: ScoringSettings
    shard_size: int

    @property
    def n_images(self):
        """Images found, quarantined ones included."""
        return len(self.index.table) + len(self.index.quarantined)

    def shards(self):
        """The images in the order of their names, `shard_size` at a time: list of Shard."""
        table, refused = self.index.table, self.index.quarantined
        pixel_sizes = table["pixel_size_um"].astype(float)
        records = [*map(ImageRecord, table["image"], pixel_sizes)]
        records += [
            ImageRecord(image, np.nan, reason)
            for image, reason in zip(refused["image"], refused["reason"], strict=True)
        ]
        records.sort(key=lambda record: record.image)
        starts = range(0, len(records), self.shard_size)
        parts = (tuple(records[start : start + self.shard_size]) for start in starts)
        return [Shard(self.index.folder, part, self.settings, self.out) for part in parts]


def plan_scoring(images, members, *, out, samples=None, shard_size=64, **options):
    """List the images and check everything that scoring needs.

    Parameters are those of :func:`dicentlib.scoring.score_folder`; `options` are those of
    :func:`scoring_settings`.

    Returns
    -------
    ScoringPlan

    Raises
    ------
    InputError
        Anything is missing or not allowed; no image has been read and nothing computed.
    """
    if isinstance(shard_size, bool) or shard_size != int(shard_size) or shard_size < 1:
        raise InputError(f"shard_size {shard_size!r}; allowed: integers from 1")
    settings = scoring_settings(members, **options)
    index = list_images(images, samples=samples, out=out)
    index = ImageIndex(index.folder.resolve(), index.table, index.quarantined)
    return ScoringPlan(index, _writable(out), settings, int(shard_size))


def scoring_settings(
    members,
    *,
    confidence_threshold=None,
    agreement_threshold=None,
    pixel_size_um=None,
    filter_weights=None,
    precision=None,
    device=None,
    batch_size=None,
):
    """Check all that scoring needs besides the images.

    Parameters, default values and errors are those of :func:`dicentlib.scoring.score_folder`.

    Returns
    -------
    ScoringSettings
    """
    if precision is not None and precision not in PRECISIONS:
        raise InputError(f"precision {precision!r}; allowed: {', '.join(PRECISIONS)}")
    if pixel_size_um is not None:
        if isinstance(pixel_size_um, bool) or not isinstance(pixel_size_um, Real):
            raise InputError(f"pixel_size_um {pixel_size_um!r}; allowed: a number or None")
        check_pixel_size(pixel_size_um)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    headers, point = _voters(members, confidence_threshold, agreement_threshold)
    precision = precision or precision_of(next(iter(headers.values())))
    weights = filter_file(filter_weights) if filter_weights else None
    if weights:
        read_filter_settings(weights)
    digest = file_digest(weights) if weights else ""
    return ScoringSettings(
        Scorer(point, _common_pixel_size(headers), filter_digest=digest),
        members=tuple(str(path.resolve()) for path in headers),
        image_pixel_size_um=None if pixel_size_um is None else float(pixel_size_um),
        filter_weights=str(weights.resolve()) if weights else "",
        precision=precision,
        device=device,
        engine=engine_for(device, precision),
        batch_size=batch_size or (1 if torch.device(device).type == "cpu" else 16),
    )


def _voters(members, confidence_threshold, agreement_threshold):
    """Files of the voting members with their headers, and their operating point."""
    paths = member_paths(members)
    headers = {path: read_member_metadata(path) for path in paths}
    digests = [file_digest(path) for path in paths]
    if confidence_threshold is None or agreement_threshold is None:
        recorded = OperatingPoint.read(operating_point_file(paths[0].parent))
        of_digest = dict(zip(digests, paths, strict=True))
        if recorded.members and set(recorded.members) <= set(digests):
            digests = list(recorded.members)  # a chosen few of a run's epochs, in their order
            paths = [of_digest[digest] for digest in digests]
        recorded.check_members(digests)
        if confidence_threshold is None:
            confidence_threshold = recorded.confidence_threshold
        if agreement_threshold is None:
            agreement_threshold = recorded.agreement_threshold
    refuse_copies(paths, digests)
    point = OperatingPoint(
        confidence_threshold, agreement_threshold, n_members=len(paths), members=tuple(digests)
    )
    return {path: headers[path] for path in paths}, point


def operating_point_file(folder):
    """``operating_point.json`` in the folder of members, or else in the one above."""
    places = [folder / "operating_point.json", folder.parent / "operating_point.json"]
    for place in places:
        if place.is_file():
            return place
    raise InputError(
        f"{folder}: no operating_point.json in it or in the folder above; give "
        "confidence_threshold and agreement_threshold, or write the file"
    )


def _common_pixel_size(headers):
    sizes = {path.name: float(header["pixel_size_um"]) for path, header in headers.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"members were trained at different pixel sizes (um): {sizes}")
    return next(iter(sizes.values()))


def _writable(out):
    out = Path(out).absolute()
    try:
        (out / "shards").mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out / "shards", prefix=".part-"):
            pass
    except OSError as error:
        raise InputError(
            f"{out}: cannot be written to ({error.strerror}); expected a folder for results"
        ) from error
    return out
