"""Whatever happens to a run, a rerun completes and its tables are the same bytes."""

import errno
import os
import random
import signal
import time

import pandas as pd
import pytest
from PIL import Image
from scoring_set import draw_cell, table_bytes, write_images

from dicentlib.errors import InputError, ScoringError
from dicentlib.scoring import merging, preparation, score_folder, shards
from dicentlib.scoring.folder import merge_safely
from dicentlib.scoring.plan import plan_scoring

OPTIONS = {"shard_size": 2, "progress": False, "n_threads": 2}


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images", 12)


@pytest.fixture(scope="module")
def expected(members, tmp_path_factory):
    """Tables of a run to which nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    score_folder(write_images(folder / "images", 12), members, out=folder / "out", **OPTIONS)
    return table_bytes(folder / "out")


def test_a_run_killed_at_random_moments_is_completed_by_a_rerun(
    members, images, tmp_path, expected
):
    rng = random.Random(4)
    n_killed, out = 0, tmp_path / "out"
    for _ in range(20):
        child = os.fork()
        if child == 0:
            try:
                score_folder(images, members, out=out, **OPTIONS)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0.01, 0.15))
        os.kill(child, signal.SIGKILL)
        n_killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert n_killed > 3
    score_folder(images, members, out=out, **OPTIONS)
    assert table_bytes(out) == expected


@pytest.mark.parametrize("n_written", [0, 3, 6, 7])
def test_a_full_disk(members, images, tmp_path, expected, monkeypatch, n_written):
    """The disk is full after some files; six shards are written, then two tables."""
    written = []

    def fails_when_full(original):
        def write(*arguments, **options):
            if len(written) >= n_written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written.append(1)
            return original(*arguments, **options)

        return write

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(shards.pq, "write_table", fails_when_full(shards.pq.write_table))
        patch.setattr(merging.pq, "ParquetWriter", fails_when_full(merging.pq.ParquetWriter))
        message = rf"No space left on device\); {min(n_written, 6)} shards are complete and kept"
        with pytest.raises(ScoringError, match=message):
            score_folder(images, members, out=out, **OPTIONS)
    assert not list(out.glob("*.parquet"))
    assert not list(out.rglob(".part-*"))
    assert len(list((out / "shards").iterdir())) == min(n_written, 6)
    score_folder(images, members, out=out, **OPTIONS)
    assert table_bytes(out) == expected


def test_a_full_disk_while_parts_are_merged(members, images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    score_folder(images, members, out=out, **OPTIONS)
    plan = plan_scoring(images, members, out=out, shard_size=2)

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(merging.pq, "write_table", full)
    with pytest.raises(ScoringError, match="6 shards are complete and kept"):
        merge_safely(plan)


def test_a_folder_that_cannot_be_written_to_is_refused_at_once(members, images, tmp_path):
    (tmp_path / "file").write_text("")
    for out in ("/sys/dicentlib", tmp_path / "file" / "out"):
        with pytest.raises(InputError, match=r"cannot be written to \(.*expected a folder for"):
            score_folder(images, members, out=out, **OPTIONS)


def test_an_image_that_vanishes_after_listing_is_counted(
    members, images, tmp_path, expected, monkeypatch
):
    target, original = images / "cell 5.png", preparation.read_picture
    kept = target.read_bytes()

    def vanishing(path):
        target.unlink(missing_ok=True)
        return original(path)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "read_picture", vanishing)
        score_folder(images, members, out=out, **OPTIONS)
    scored = pd.read_parquet(out / "scored_images.parquet").set_index("image")
    assert len(scored) == 12
    assert scored.loc["cell 5.png", ["status", "reason"]].tolist() == [
        "quarantined",
        "no such file",
    ]
    assert (scored["status"] == "scored").sum() == 11
    target.write_bytes(kept)
    score_folder(images, members, out=out, **OPTIONS)
    assert table_bytes(out) == expected


def test_an_image_that_changes_while_it_is_read_is_read_again(
    members, images, tmp_path, expected, monkeypatch
):
    target, original = images / "cell 5.png", preparation.read_picture
    final = target.read_bytes()
    Image.fromarray(draw_cell(77)).save(target)

    def replaced(path):
        image = original(path)
        if path == target and target.read_bytes() != final:
            target.write_bytes(final)
        return image

    monkeypatch.setattr(preparation, "read_picture", replaced)
    score_folder(images, members, out=tmp_path / "out", **OPTIONS)
    assert table_bytes(tmp_path / "out") == expected


def test_an_image_that_keeps_changing_is_quarantined(members, images, tmp_path, monkeypatch):
    target, original = images / "cell 5.png", preparation.read_picture
    seeds = iter(range(100))

    def changing(path):
        if path == target:
            Image.fromarray(draw_cell(next(seeds), (96, 112 + next(seeds)))).save(target)
        return original(path)

    monkeypatch.setattr(preparation, "read_picture", changing)
    score_folder(images, members, out=tmp_path / "out", **OPTIONS)
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet").set_index("image")
    assert scored.loc["cell 5.png", "reason"] == "file changes while it is read"


def test_a_shard_that_fails_is_listed_and_the_others_stay(
    members, images, tmp_path, expected, monkeypatch
):
    original, out = shards.detect_batch, tmp_path / "out"

    def fails_on_one(batch, *rest):
        if batch[0].image == "cell 5.png":
            raise MemoryError("too little")
        return original(batch, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "detect_batch", fails_on_one)
        with pytest.raises(ScoringError, match=r"1 of 6 shards failed.*\n.*MemoryError: too litt"):
            score_folder(images, members, out=out, **OPTIONS)
    assert not (out / "detections.parquet").exists()
    assert len(list((out / "shards").iterdir())) == 5
    score_folder(images, members, out=out, **OPTIONS)
    assert table_bytes(out) == expected
