"""One shard: some images, one Parquet file that is whole or absent, a key that identifies it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dicentlib.conventions import CLASSES
from dicentlib.files import atomic_path, content_digest
from dicentlib.scoring.network import detect_batch, load_voters
from dicentlib.scoring.preparation import SCORED, file_digest, prepare
from dicentlib.threads import map_ahead, one_thread_each

DETECTION = pa.struct(
    [
        ("class", pa.string()),
        ("row", pa.float64()),
        ("col", pa.float64()),
        ("votes", pa.int64()),
        ("vote_fraction", pa.float64()),
        ("peak_mean", pa.float64()),
        ("peak_sd", pa.float64()),
        ("area_px", pa.float64()),
    ]
)
SHARD_SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("note", pa.string()),
        ("n_dicentric", pa.int64()),
        ("n_fragment", pa.int64()),
        ("pixel_size_um", pa.float64()),
        ("digest", pa.string()),
        ("picture", pa.string()),
        ("detections", pa.list_(DETECTION)),
    ]
)


def shard_path(out, records, digests, settings):
    """Where the results of a shard lie: its name is a digest of images' contents and settings."""
    images = [
        [record.image, record.pixel_size_um, digest]
        for record, digest in zip(records, digests, strict=True)
    ]
    key = content_digest({"settings": settings.key(), "images": images})
    return Path(out) / "shards" / f"{key}.parquet"


def find_shard(folder, records, settings, out):
    """File with the results of a shard, or None; reads the images' bytes, not their pixels."""
    digests = [file_digest(folder, record) for record in records]
    path = shard_path(out, records, digests, settings)
    return path if is_complete(path, len(records)) else None


def is_complete(path, n_images):
    """Whether a shard's file is there and readable."""
    try:
        return pq.read_metadata(path).num_rows == n_images
    except (OSError, pa.ArrowException):
        return False


def run_shard(folder, records, settings, out, *, n_threads=1):
    """Score a shard's images, unless a complete result for the same contents is there.

    Parameters
    ----------
    folder : Path
        The image folder.
    records : sequence of ImageRecord
    settings : ScoringSettings
    out : Path
        Results are in ``out/shards/<key>.parquet``.
    n_threads : int
        On a CPU each thread reads and scores its own images, with one core; on a GPU the
        threads read ahead.

    Returns
    -------
    Path
        The shard's file.
    """
    found = find_shard(folder, records, settings, out)
    return found or score_shard(folder, records, settings, out, n_threads=n_threads)


def score_shard(folder, records, settings, out, *, n_threads=1, on_image=None):
    """:func:`run_shard` without looking for a result; `on_image` is called after each image."""
    voters = load_voters(settings)

    def ready(record):
        return prepare(folder, record, settings, voters.image_filter)

    def scored(record):
        item = ready(record)
        tables = detect_batch([item], settings, voters) if item.status == SCORED else [None]
        return _row(item, tables[0])

    with one_thread_each(n_threads) as pool:
        if settings.batch_size == 1:
            rows = _counted(pool.map(scored, records), on_image)
        else:
            prepared = map_ahead(pool, ready, records, 2 * settings.batch_size)
            rows = _counted(_batched_rows(prepared, settings, voters), on_image)
    order = {record.image: position for position, record in enumerate(records)}
    rows.sort(key=lambda row: order[row["image"]])
    path = shard_path(out, records, [row["digest"] for row in rows], settings)
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SHARD_SCHEMA), temporary)
    return path


def _counted(rows, on_image):
    kept = []
    for row in rows:
        kept.append(row)
        if on_image:
            on_image()
    return kept


def _batched_rows(prepared, settings, voters):
    """Rows of prepared images, batches of one size filled as they come."""
    batches = {}
    for item in prepared:
        if item.status != SCORED:
            yield _row(item, None)
            continue
        batch = batches.setdefault(item.padded.shape, [])
        batch.append(item)
        if len(batch) == settings.batch_size:
            yield from map(_row, batch, detect_batch(batch, settings, voters))
            batch.clear()
    for batch in filter(None, batches.values()):
        yield from map(_row, batch, detect_batch(batch, settings, voters))


def _row(item, detections):
    counts = dict.fromkeys(CLASSES)
    if detections is not None:
        counts = {name: int((detections["class"] == name).sum()) for name in CLASSES}
    return {
        "image": item.image,
        "status": item.status,
        "reason": item.reason,
        "note": "; ".join(item.notes),
        "n_dicentric": counts["dicentric"],
        "n_fragment": counts["fragment"],
        "pixel_size_um": item.pixel_size_um,
        "digest": item.digest,
        "picture": item.picture,
        "detections": [] if detections is None else detections.to_dict("records"),
    }
