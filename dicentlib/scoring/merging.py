"""Complete shards become two tables, the same bytes whatever the shards were."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.errors import ScoringError
from dicentlib.files import atomic_path, write_json
from dicentlib.scoring.preparation import SCORED
from dicentlib.scoring.shards import DETECTION, SHARD_SCHEMA
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
        paths = {number: shard.find() for number, shard in enumerate(shards)}
    missing = [number for number in range(len(shards)) if paths.get(number) is None]
    if missing:
        raise ScoringError(
            f"{len(missing)} of {len(shards)} shards are not complete, the first from "
            f"{shards[missing[0]].span}; score them, then merge"
        )
    tables = [SHARD_SCHEMA.empty_table(), *(pq.read_table(paths[n]) for n in range(len(shards)))]
    table = pa.concat_tables(tables).combine_chunks()
    scored, detections = _with_samples(table, plan.index), _exploded(table)
    with (
        atomic_path(plan.out / "scored_images.parquet") as scored_part,
        atomic_path(plan.out / "detections.parquet") as detections_part,
    ):
        _write(scored, scored_part)
        _write(detections, detections_part)
    write_table(not_scored(scored.to_pandas()), plan.out / "not_scored.csv")
    counts = dict(Counter(scored.column("status").to_pylist()))
    report = plan.settings.scorer.to_dict()
    del report["co_occurrence"], report["quantile"]  # scoring does not know them
    report |= {
        "assumed_pixel_size_um": REFERENCE_PIXEL_SIZE_UM,
        "precision": plan.settings.precision,
        "engine": plan.settings.engine,
        "key": plan.settings.key(),
        "n_images": plan.n_images,
        "images": counts,
    }
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


def _with_samples(table, index):
    """One row per image, with its sample and a note on a scored image that came before."""
    images = table.select(["image", "status", "note", "digest", "picture"]).to_pandas()
    scored = images[images["status"] == SCORED]
    # bytes show a copy, and so do equal pixels in files of two formats
    for word, content in ((COPY, "digest"), (SAME_PICTURE, "picture")):
        first = scored.groupby(content)["image"].transform("first")
        for row in scored.index[scored["image"] != first]:
            notes = filter(None, (images.loc[row, "note"], f"{word} {first[row]}"))
            images.loc[row, "note"] = "; ".join(notes)
        scored = scored[scored["image"] == first]
    columns = ["sample", "donor", "slide", "dose_gy"]
    known = index.table.set_index("image")[columns].reindex(images["image"])
    refused = index.quarantined.set_index("image")["sample"]
    known.loc[refused.index, "sample"] = refused
    known.loc[refused.index, ["donor", "slide"]] = ""
    known["note"] = images["note"].to_numpy()
    table = table.drop_columns("note")
    for name in known:
        column = pa.array(known[name], SCORED_SCHEMA.field(name).type, from_pandas=True)
        table = table.append_column(name, column)
    return table.select(SCORED_SCHEMA.names)


def _exploded(table):
    """One row per detection."""
    lists = table.column("detections").combine_chunks()
    parents = pc.list_parent_indices(lists)
    images = table.column("image").take(parents)
    fields = pc.list_flatten(lists)
    columns = [images, *(pc.struct_field(fields, name) for name in DETECTIONS_SCHEMA.names[1:])]
    return pa.table(columns, schema=DETECTIONS_SCHEMA)


def _write(table, path):
    """In one piece, so that the bytes do not depend on how the rows lay in the shards."""
    table = table.combine_chunks()
    pq.write_table(table, path, compression="zstd", row_group_size=ROWS_PER_GROUP)
