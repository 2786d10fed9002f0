"""Commands that score images: ``score`` and ``merge``."""

from pathlib import Path
from typing import Annotated

import typer

from dicentlib.commands.app import app, argument, option

MOST_NAMED = 5  # images that were not scored, on the screen


@app.command()
def score(
    images: Annotated[Path, argument("Folder of images (TIFF, PNG, JPEG, BMP ...).")],
    members: Annotated[
        Path,
        argument("Name of a ready ensemble, for example giemsa-small, or a folder of members."),
    ],
    out: Annotated[Path, option("Folder for the results.")],
    part: Annotated[
        str,
        option(
            "Score only part i of n of the images, for example 2/8; merge the parts afterwards.",
            "--shard",
        ),
    ] = "1/1",
    confidence_threshold: Annotated[
        float | None,
        option(
            "Confidence (0 to 1) above which a member votes, for all classes. Default: "
            "operating_point.json of MEMBERS."
        ),
    ] = None,
    agreement_threshold: Annotated[
        int | None,
        option(
            "Votes that a detection must exceed, for all classes. Default: operating_point.json "
            "of MEMBERS."
        ),
    ] = None,
    samples: Annotated[
        Path | None, option("Table of samples. Default: samples.csv in IMAGES, if it exists.")
    ] = None,
    pixel_size_um: Annotated[
        float | None, option("Pixel size (um) of images that do not state one. Default: 0.1.")
    ] = None,
    filter_weights: Annotated[
        Path | None,
        option(
            "Image filter that rejects unsuitable cells: filter-small, or a file. Default: none."
        ),
    ] = None,
    shard_size: Annotated[
        int, option("Images per shard; every shard is saved when it is complete.")
    ] = 64,
    precision: Annotated[
        str | None, option("float32 or bfloat16. Default: as the members were trained.")
    ] = None,
    n_threads: Annotated[int | None, option("Threads. Default: one per processor.")] = None,
):
    """Score a folder of images with an ensemble, or one part of it for a batch system.

    Writes into OUT: detections.parquet, scored_images.parquet, and not_scored.csv, which lists
    every image that was not scored, with the reason.
    """
    given = dict(locals())  # a copy: the options as given
    from dicentlib.scoring import score_part

    typer.echo(f"part {part}: {score_part(**given)} shards of images are complete")
    if part == "1/1":
        merge(out)


@app.command()
def merge(out: Annotated[Path, argument("Folder of the results, as given to `score --shard`.")]):
    """Merge the parts that `score --shard i/n` made in OUT; exit code 1 if no image was scored."""
    import pandas as pd

    from dicentlib.scoring import merge_parts
    from dicentlib.scoring.merging import not_scored
    from dicentlib.scoring.summary import scoring_summary

    merge_parts(out)
    table = pd.read_parquet(out / "scored_images.parquet")
    for line in scoring_summary(table):
        typer.echo(line)
    left = not_scored(table)
    if len(left):
        typer.echo(f"not scored: {len(left)} of {len(table)} images")
        for image, status, reason in left.head(MOST_NAMED).itertuples(index=False, name=None):
            typer.echo(f"  {image}: {status}, {reason}")
        if len(left) > MOST_NAMED:
            typer.echo(f"  and {len(left) - MOST_NAMED} more")
        typer.echo(f"all of them with their reasons: {out / 'not_scored.csv'}")
    typer.echo(f"detections: {out / 'detections.parquet'}")
    typer.echo(f"every image, its sample and counts: {out / 'scored_images.parquet'}")
    if len(left) == len(table):
        raise typer.Exit(1)
