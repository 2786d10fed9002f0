"""One shard: some images, one Parquet file that is whole or absent, a key that identifies it."""

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Shard:
    """Images that are scored together, with all that a worker needs for them.

    ``records`` are the images (ImageRecord) in ``folder``; results are in
    ``out/shards/<key>.parquet``.
    """

    folder: Path
    records: tuple
    settings: object  # ScoringSettings
    out: Path

    @property
    def span(self):
        """The first and the last image, for messages."""
        return f"{self.records[0].image} to {self.records[-1].image}"

    def path(self, digests):
        """Where the results lie: the name is a digest of the images' contents and settings."""
        images = [
            [record.image, record.pixel_size_um, digest]
            for record, digest in zip(self.records, digests, strict=True)
        ]
        key = content_digest({"settings": self.settings.key(), "images": images})
        return self.out / "shards" / f"{key}.parquet"

    def find(self):
        """File with complete results, or None; reads the images' bytes, not their pixels."""
        path = self.path([file_digest(self.folder, record) for record in self.records])
        try:
            complete = pq.read_metadata(path).num_rows == len(self.records)
        except (OSError, pa.ArrowException):
            return None
        return path if complete else None

    def score(self, *, n_threads, on_image=lambda: None):
        """Score the images, whether or not there are results, and write their file.

        Parameters
        ----------
        n_threads : int
            On a CPU each thread reads and scores its own images, with one core; on a GPU the
            threads read ahead.
        on_image : callable
            Called after each image.

        Returns
        -------
        Path
            The shard's file.
        """
        settings, voters = self.settings, load_voters(self.settings)

        def ready(record):
            return prepare(self.folder, record, settings, voters.image_filter)

        def scored(record):
            return next(_rows([ready(record)], settings, voters))

        rows = []
        with one_thread_each(n_threads) as pool:
            if settings.batch_size == 1:
                made = pool.map(scored, self.records)
            else:
                prepared = map_ahead(pool, ready, self.records, 2 * settings.batch_size)
                made = _rows(prepared, settings, voters)
            for row in made:
                rows.append(row)
                on_image()
        order = {record.image: position for position, record in enumerate(self.records)}
        rows.sort(key=lambda row: order[row["image"]])
        path = self.path([row["digest"] for row in rows])
        with atomic_path(path) as temporary:
            pq.write_table(pa.Table.from_pylist(rows, schema=SHARD_SCHEMA), temporary)
        return path


def _rows(prepared, settings, voters):
    """Rows of prepared images, batches of one size filled as they come."""
    batches = {}
    for item in prepared:
        if item.status != SCORED:
            yield _row(item)
            continue
        batch = batches.setdefault(item.padded.shape, [])
        batch.append(item)
        if len(batch) == settings.batch_size:
            yield from map(_row, batch, detect_batch(batch, settings, voters))
            batch.clear()
    for batch in filter(None, batches.values()):
        yield from map(_row, batch, detect_batch(batch, settings, voters))


def _row(item, detections=None):
    columns = ("image", "status", "reason", "pixel_size_um", "digest", "picture")
    row = {name: getattr(item, name) for name in columns} | {"note": "; ".join(item.notes)}
    if detections is None:
        return row | {"detections": []}
    counts = {f"n_{name}": int((detections["class"] == name).sum()) for name in CLASSES}
    return row | counts | {"detections": detections.to_dict("records")}
