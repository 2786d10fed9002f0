"""Complete shards become two tables, the same bytes whatever the shards were."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dicentlib.errors import ScoringError
from dicentlib.files import atomic_path, write_json
from dicentlib.scoring.plan import settings_report
from dicentlib.scoring.preparation import SCORED
from dicentlib.scoring.shards import DETECTION, find_shard
from dicentlib.tables import write_table

COPY = "same bytes as"
SAME_PICTURE = "same picture as"
ROWS_PER_GROUP = 65536
DETECTIONS_SCHEMA = pa.schema([("image", pa.string()), *DETECTION])
SCORED_SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("sample", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("n_dicentric", pa.int64()),
        ("n_fragment", pa.int64()),
        ("note", pa.string()),
        ("donor", pa.string()),
        ("slide", pa.string()),
        ("dose_gy", pa.float64()),
        ("pixel_size_um", pa.float64()),
        ("digest", pa.string()),
    ]
)


def merge(plan, *, paths=None):
    """Write the tables of a scored folder, see ``score_folder``, and ``scoring.json``.

    Parameters
    ----------
    plan : ScoringPlan
    paths : dict of shard number to path, optional
        Files of the shards where they are known; by default they are looked for by the
        contents of the images.

    Returns
    -------
    dict
        Number of images by status.

    Raises
    ------
    ScoringError
        A shard is not complete; its images are named and no table is written.
    """
    shards = plan.shards()
    if paths is None:
        paths = {
            number: find_shard(plan.index.folder, records, plan.settings, plan.out)
            for number, records in enumerate(shards)
        }
    missing = [number for number in range(len(shards)) if paths.get(number) is None]
    if missing:
        first = shards[missing[0]]
        raise ScoringError(
            f"{len(missing)} of {len(shards)} shards are not complete, the first from "
            f"{first[0].image} to {first[-1].image}; score them, then merge"
        )
    first_of, samples = {}, _samples(plan)
    scored, detections = [SCORED_SCHEMA.empty_table()], [DETECTIONS_SCHEMA.empty_table()]
    for number in range(len(shards)):
        shard = pq.read_table(paths[number])
        detections.append(_exploded(shard))
        scored.append(_with_samples(_noting_copies(shard, first_of), samples))
    scored, detections = pa.concat_tables(scored), pa.concat_tables(detections)
    with (
        atomic_path(plan.out / "scored_images.parquet") as scored_part,
        atomic_path(plan.out / "detections.parquet") as detections_part,
    ):
        _write(scored, scored_part)
        _write(detections, detections_part)
    write_table(not_scored(scored.to_pandas()), plan.out / "not_scored.csv")
    counts = dict(Counter(scored.column("status").to_pylist()))
    report = settings_report(plan) | {"n_images": plan.n_images, "images": counts}
    write_json(plan.out / "scoring.json", report)
    return counts


def not_scored(images):
    """Images that were not scored, unusable files before rejected ones: name, status and reason.

    Parameters
    ----------
    images : DataFrame
        Columns ``image, status, reason`` of ``scored_images.parquet``.
    """
    left = images.loc[images["status"] != SCORED, ["image", "status", "reason"]]
    return left.sort_values(["status", "image"])


def _samples(plan):
    """By image: sample, donor, slide and dose."""
    table = plan.index.table[["image", "sample", "donor", "slide", "dose_gy"]]
    samples = {row[0]: row[1:] for row in table.itertuples(index=False, name=None)}
    refused = plan.index.quarantined[["image", "sample"]].itertuples(index=False, name=None)
    return samples | {image: (sample, "", "", None) for image, sample in refused}


def _noting_copies(shard, first_of):
    """The shard with a note on scored images that came before; `first_of` remembers.

    Bytes show a copy, and so do equal pixels in files of two formats.
    """
    notes = []
    for row in shard.select(["image", "status", "note", "digest", "picture"]).to_pylist():
        copy = ""
        if row["status"] == SCORED:
            first = first_of.setdefault(row["digest"], row["image"])
            if first != row["image"]:
                copy = f"{COPY} {first}"
            else:
                first = first_of.setdefault(row["picture"], row["image"])
                copy = f"{SAME_PICTURE} {first}" if first != row["image"] else ""
        notes.append("; ".join(filter(None, (row["note"], copy))))
    place = shard.schema.get_field_index("note")
    return shard.set_column(place, "note", pa.array(notes, pa.string()))


def _with_samples(shard, samples):
    known = [samples[image] for image in shard.column("image").to_pylist()]
    columns = zip(*known, strict=True)
    for name, values in zip(("sample", "donor", "slide", "dose_gy"), columns, strict=True):
        column = pa.array(values, SCORED_SCHEMA.field(name).type, from_pandas=True)
        shard = shard.append_column(name, column)
    return shard.select(SCORED_SCHEMA.names)


def _exploded(shard):
    """One row per detection."""
    lists = shard.column("detections").combine_chunks()
    parents = pc.list_parent_indices(lists)
    images = shard.column("image").take(parents)
    fields = pc.list_flatten(lists)
    columns = [images, *(pc.struct_field(fields, name) for name in DETECTIONS_SCHEMA.names[1:])]
    return pa.table(columns, schema=DETECTIONS_SCHEMA)


def _write(table, path):
    """In one piece, so that the bytes do not depend on how the rows lay in the shards."""
    table = table.combine_chunks()
    pq.write_table(table, path, compression="zstd", row_group_size=ROWS_PER_GROUP)
