"""An image folder becomes a table of detections."""

import pandas as pd

from dicentlib.scoring.drivers import cannot_write, run_in_process
from dicentlib.scoring.merging import merge
from dicentlib.scoring.plan import plan_scoring


def score_folder(images, members, *, out, n_threads=None, client=None, progress=True, **options):
    """Score every image in a folder with an ensemble.

    Results are kept per shard of images under a key of their contents, the members, the
    thresholds and the filter; what is complete is not computed again, so an interrupted run
    is continued by running it again. The merged tables are the same bytes for any number of
    workers and any shard size (on one kind of machine).

    Parameters
    ----------
    images : path-like
        Folder of images, with or without ``samples.csv``.
    members : path-like or sequence of path-like
        Name of a ready ensemble (``"giemsa-small"``), a folder with ``members/`` in it or of
        ``*.safetensors``, or a list of files.
    out : path-like
        Folder for the results: ``detections.parquet``; ``scored_images.parquet``, one row per
        image found with ``status`` ("scored", "rejected by filter", "quarantined"), ``reason``,
        ``note``, ``sample``, ``n_dicentric``, ``n_fragment`` (empty unless scored);
        ``not_scored.csv``, the images that were not scored, with the reasons; ``scoring.json``,
        the settings; ``shards/``.
    confidence_threshold : float, or dict of class to float or to M floats, optional
        :math:`T_C`, see ``OperatingPoint``. Default: ``operating_point.json`` in the members'
        folder or the one above. If that file names some of the members only, these score.
    agreement_threshold : int or dict of class to int, optional
        :math:`T_A`, default as before.
    samples : DataFrame or path-like, optional
        Instead of the folder's ``samples.csv``; only its images are scored.
    pixel_size_um : float, optional
        Of images for which neither ``samples.csv`` nor the file states it. Default: 0.1, noted as
        assumed.
    filter_weights : path-like, optional
        An image filter, or the name of a ready one (``"filter-small"``); images that it
        rejects are not scored.
    shard_size : int
        Images per shard: what is lost at most when a worker dies.
    precision : {"float32", "bfloat16"}, optional
        Of the network. Default: what the members were trained in, which thresholds are for.
    device : str, optional
        Default: ``"cuda"`` where there is one, else ``"cpu"``.
    batch_size : int, optional
        Images computed together. Default: 16 on a GPU; 1 on a CPU, where images run in
        parallel threads, which is faster.
    n_threads : int, optional
        Threads of this process; default: its cores.
    client : distributed.Client, optional
        Shards go to the workers of this Dask cluster instead of this process.
    progress : bool
        Show a bar with the time left.

    Returns
    -------
    DataFrame
        One row per detection, in the order of the images: ``image, class, row, col, votes,
        vote_fraction, peak_mean, peak_sd, area_px``. Positions and areas are in pixels of the
        original image.

    Raises
    ------
    InputError
        Before long work: something is missing or not allowed.
    ScoringError
        Something else than an image failed (disk, memory, cluster). No table is written.

    Notes
    -----
    An image that cannot be read, or cannot hold a metaphase (no contrast, dark field), is
    quarantined, never an error. An under-exposed background is normalised
    (``data.normalise_background``) and noted.
    """
    plan = plan_scoring(images, members, out=out, **options)
    if client is None:
        paths = run_in_process(plan, n_threads=n_threads, progress=progress)
    else:
        from dicentlib.scoring.dask_driver import run_on_cluster

        paths = run_on_cluster(plan, client, progress=progress)
    merge_safely(plan, paths=paths)
    return pd.read_parquet(plan.out / "detections.parquet")


def merge_safely(plan, *, paths=None):
    """:func:`dicentlib.scoring.merging.merge`, a full disk being a ScoringError."""
    try:
        return merge(plan, paths=paths)
    except OSError as error:
        raise cannot_write(plan, error, n_done=len(plan.shards())) from error
