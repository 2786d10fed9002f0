"""Commands that score images: ``score`` and ``merge``."""

from pathlib import Path
from typing import Annotated

import typer

from dicentlib.commands.app import app, argument, option


@app.command()
def score(
    images: Annotated[Path, argument("Folder of images.")],
    members: Annotated[Path, argument("Name of a ready ensemble, or its folder.")],
    out: Annotated[Path, option("Folder for the results.")],
    part: Annotated[
        str, option("Part i/n of the images only; merge the parts afterwards.", "--shard")
    ] = "1/1",
    confidence_threshold: Annotated[
        float | None, option("T_C of all classes. Default: operating_point.json of MEMBERS.")
    ] = None,
    agreement_threshold: Annotated[
        int | None, option("T_A of all classes. Default: operating_point.json of MEMBERS.")
    ] = None,
    samples: Annotated[Path | None, option("Table of samples instead of samples.csv.")] = None,
    pixel_size_um: Annotated[
        float | None, option("Pixel size (um) of images that do not state one.")
    ] = None,
    filter_weights: Annotated[
        Path | None, option("Name of a ready image filter, or its file. Default: none.")
    ] = None,
    shard_size: Annotated[int, option("Images computed between two saved results.")] = 64,
    precision: Annotated[
        str | None, option("float32 or bfloat16. Default: as the members were trained.")
    ] = None,
    n_threads: Annotated[int | None, option("Threads. Default: one per processor.")] = None,
):
    """Score a folder of images with an ensemble, or one part of it for a batch system."""
    given = dict(locals())  # a copy: the options as given
    from dicentlib.scoring import score_part

    typer.echo(f"part {part}: {score_part(**given)} shards of images are complete")
    if part == "1/1":
        merge(out)


@app.command()
def merge(out: Annotated[Path, argument("Folder with the parts' results.")]):
    """Merge the parts that `score --shard i/n` made in OUT; exit code 1 without a scored image."""
    import pandas as pd

    from dicentlib.scoring import merge_parts
    from dicentlib.scoring.summary import scoring_summary

    merge_parts(out)
    table = pd.read_parquet(out / "scored_images.parquet")
    for line in scoring_summary(table):
        typer.echo(line)
    typer.echo(f"every image with its reason: {out / 'scored_images.parquet'}")
    if not (table["status"] == "scored").any():
        raise typer.Exit(1)
