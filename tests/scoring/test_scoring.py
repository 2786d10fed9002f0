"""Scoring a folder: right positions, nothing lost, the same bytes however it was done."""

import json
import os
import re
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from scoring_set import draw_cell, save_untrained, table_bytes, write_images
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.calibration import Scorer
from dicentlib.data import index, inspection, pictures, read_image
from dicentlib.ensemble import engine, load_members, predict_heatmaps
from dicentlib.errors import InputError, InputWarning, ScoringError
from dicentlib.filtering import load_filter
from dicentlib.operating_point import OperatingPoint
from dicentlib.scoring import merge_parts, plan_scoring, preparation, score_folder, score_part
from dicentlib.scoring import shards as scoring_shards
from dicentlib.scoring.drivers import read_part
from dicentlib.scoring.summary import scoring_summary
from dicentlib.voting import detect


@pytest.fixture
def images(tmp_path):
    folder = write_images(tmp_path / "images", 7)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    pd.DataFrame(
        {
            "image": ["cell 1.png", "cell 2.png", "gone.png"],
            "sample": ["A", "B", "B"],
            "dose_gy": [1.0, 2.0, 2.0],
        }
    ).to_csv(folder / "samples.csv", index=False)
    return folder


def test_detections_are_those_of_the_plain_loop(members, images, tmp_path):
    table = score_folder(images, members, out=tmp_path / "out", progress=False)
    loaded = load_members(members)
    point = OperatingPoint.read(members / "operating_point.json")
    expected = []
    for number in range(7):
        image = read_image(images / f"cell {number}.png")
        found = detect(
            predict_heatmaps(loaded, image), operating_point=point, image_shape=image.shape
        )
        found.insert(0, "image", f"cell {number}.png")
        expected.append(found)
    expected = pd.concat(expected, ignore_index=True)
    assert len(expected) > 5
    assert list(table.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-5)


def test_every_image_found_has_a_row_with_its_status(members, images, tmp_path):
    table = score_folder(images, members, out=tmp_path / "out", progress=False)
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet").set_index("image")
    assert len(scored) == 9
    assert scored["status"].value_counts().to_dict() == {"scored": 7, "quarantined": 2}
    assert scored.loc["gone.png", "reason"] == "no such file"
    assert scored.loc["gone.png", "sample"] == "B"
    assert "cannot be read" in scored.loc["broken.png", "reason"] or (
        "truncated" in scored.loc["broken.png", "reason"]
    )
    assert scored["n_dicentric"].isna().tolist() == (scored["status"] != "scored").tolist()
    assert scored.loc["cell 1.png", "note"] == "pixel size assumed 0.1 um"
    counted = table[table["class"] == "dicentric"].groupby("image").size()
    expected = scored["n_dicentric"].dropna()
    assert counted.reindex(expected.index, fill_value=0).tolist() == expected.tolist()
    report = json.loads((tmp_path / "out" / "scoring.json").read_text())
    assert report["images"] == {"scored": 7, "quarantined": 2}
    assert report["n_images"] == 9


def test_what_scored_is_read_back(members, images, tmp_path):
    options = {"filter_weights": "filter-small", "progress": False}
    score_folder(images, members, out=tmp_path / "out", **options)
    scorer = Scorer.of_scoring(tmp_path / "out", co_occurrence=True, quantile=0.4)
    point = OperatingPoint.read(members / "operating_point.json")
    assert scorer.operating_point.confidence_threshold == point.confidence_threshold
    assert scorer.operating_point.members == tuple(one.digest for one in load_members(members))
    assert scorer.filter_digest == load_filter("filter-small").digest
    assert (scorer.co_occurrence, scorer.quantile, scorer.pixel_size_um) == (True, 0.4, 0.1)
    with pytest.raises(InputError, match="no such file"):
        Scorer.of_scoring(tmp_path, co_occurrence=True)


@pytest.mark.parametrize("options", [{"shard_size": 1}, {"shard_size": 4, "n_threads": 1}])
def test_tables_are_the_same_bytes_for_any_shards_and_threads(members, images, tmp_path, options):
    score_folder(images, members, out=tmp_path / "a", progress=False, n_threads=2)
    score_folder(images, members, out=tmp_path / "b", progress=False, **options)
    assert table_bytes(tmp_path / "a") == table_bytes(tmp_path / "b")


def test_batches_give_the_same_detections(members, images, tmp_path):
    single = score_folder(images, members, out=tmp_path / "a", progress=False)
    score_folder(images, members, out=tmp_path / "b", progress=False, batch_size=3)
    score_folder(images, members, out=tmp_path / "c", progress=False, batch_size=3, shard_size=2)
    assert table_bytes(tmp_path / "b") == table_bytes(tmp_path / "c")
    batched = pd.read_parquet(tmp_path / "b" / "detections.parquet")
    pd.testing.assert_frame_equal(batched, single, rtol=1e-4)


def test_parts_of_a_batch_system_merge_to_the_same_bytes(members, images, tmp_path):
    score_folder(images, members, out=tmp_path / "a", progress=False)
    out = tmp_path / "b"
    with pytest.raises(InputError, match=r"arguments\.json: no such file; score the parts"):
        merge_parts(out)
    for part in ("1/3", "3/3"):
        score_part(images, members, out=out, part=part, shard_size=2, progress=False)
    with pytest.raises(ScoringError, match=r"2 of 5 shards are not complete, the first from cell"):
        merge_parts(out)
    assert not (out / "detections.parquet").exists()
    score_part(images, members, out=out, part="2/3", shard_size=2, progress=False)
    assert merge_parts(out) == {"scored": 7, "quarantined": 2}
    assert table_bytes(tmp_path / "a") == table_bytes(out)


def test_command_line(members, images, tmp_path):
    score_folder(images, members, out=tmp_path / "a", progress=False)
    out = ["--out", str(tmp_path / "b"), "--shard-size", "2"]
    for part in ("1/2", "2/2"):
        result = run_command("score", str(images), str(members), *out, "--shard", part)
        assert "shards of images are complete" in result.output
    result = run_command("merge", str(tmp_path / "b"))
    assert "7 images scored" in result.output
    assert "2 images quarantined" in result.output
    assert table_bytes(tmp_path / "a") == table_bytes(tmp_path / "b")


def run_command(*arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result


def test_complete_shards_are_skipped_and_changed_images_are_not(
    members, images, tmp_path, monkeypatch
):
    calls = []
    original = scoring_shards.prepare
    monkeypatch.setattr(
        scoring_shards,
        "prepare",
        lambda folder, record, *rest: calls.append(record.image) or original(folder, record, *rest),
    )

    def score(**options):
        calls.clear()
        score_folder(images, members, out=tmp_path / "out", progress=False, shard_size=3, **options)
        return len(calls)

    assert score() == 9
    before = table_bytes(tmp_path / "out")
    assert score() == 0
    assert table_bytes(tmp_path / "out") == before
    os.utime(images / "cell 2.png")  # another time stamp, the same contents
    assert score() == 0
    Image.fromarray(draw_cell(99)).save(images / "cell 2.png")
    assert score() == 3
    assert score(agreement_threshold=2) == 9
    assert score(precision="bfloat16") == 9
    for path in (tmp_path / "out" / "shards").glob("*.parquet"):
        path.write_bytes(b"damaged")
    assert score() == 9


def test_other_samples_do_not_score_again(members, images, tmp_path, monkeypatch):
    score_folder(images, members, out=tmp_path / "out", progress=False)
    monkeypatch.setattr(scoring_shards, "prepare", None)
    samples = pd.read_csv(images / "samples.csv").assign(sample=["C", "C", "C"])
    samples.to_csv(images / "samples.csv", index=False)
    score_folder(images, members, out=tmp_path / "out", progress=False)
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet")
    assert sorted(scored["sample"].unique()) == ["", "C"]


def test_results_in_the_image_folder_are_no_images_of_the_next_run(members, images):
    for out in (images / "results", images):
        tables = []
        for _ in range(2):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*folders of results skipped")
                score_folder(images, members, out=out, progress=False)
            tables.append((out / "scored_images.parquet").read_bytes())
        assert tables[0] == tables[1]
        assert len(pd.read_parquet(out / "scored_images.parquet")) == 9
        assert len(list((images / "results" / "shards").iterdir())) == 1


def test_early_exit_saves_members_and_changes_nothing(members, tmp_path, monkeypatch):
    calls = []
    original = engine.Network.__call__
    monkeypatch.setattr(
        engine.Network, "__call__", lambda self, images: calls.append(1) or original(self, images)
    )
    blank = tmp_path / "blank"
    blank.mkdir()
    Image.fromarray(draw_cell(3)).save(blank / "a.png")
    options = {"confidence_threshold": 0.999, "progress": False}
    # nobody votes: with T_A = 2 of 4, the second member ends it (0 votes + 2 left <= 2)
    table = score_folder(blank, members, out=tmp_path / "a", agreement_threshold=2, **options)
    assert len(calls) == 2
    assert table.empty
    calls.clear()
    score_folder(blank, members, out=tmp_path / "b", agreement_threshold=0, **options)
    assert len(calls) == 4


def test_another_engine_has_its_own_results(members, images, tmp_path, monkeypatch):
    keys = []
    for name in ("torch", "openvino"):
        monkeypatch.setenv("DICENTLIB_ENGINE", name)
        keys.append(plan_scoring(images, members, out=tmp_path / "out").settings.key())
    assert keys[0] != keys[1]


def test_members_at_another_scale_give_positions_in_the_original_image(tmp_path):
    folder = tmp_path / "members"
    save_untrained(folder, n_members=1, pixel_size_um=0.2)
    (tmp_path / "images").mkdir()
    large = np.kron(draw_cell(1), np.ones((2, 2), dtype=np.uint8))  # each pixel four times
    Image.fromarray(large).save(tmp_path / "images" / "a.png")
    (tmp_path / "small").mkdir()
    Image.fromarray(draw_cell(1)).save(tmp_path / "small" / "a.png")
    heatmap = predict_heatmaps(load_members(folder), draw_cell(1) / np.float32(255))
    options = {
        "confidence_threshold": float(np.quantile(heatmap, 0.98)),
        "agreement_threshold": 0,
        "progress": False,
    }
    table = score_folder(tmp_path / "images", folder, out=tmp_path / "a", **options)
    small = score_folder(
        tmp_path / "small", folder, out=tmp_path / "b", pixel_size_um=0.2, **options
    )
    assert len(table) == len(small) > 0
    # pixel centres: row r of the small image covers rows 2 r and 2 r + 1 of the large one
    np.testing.assert_allclose(table["row"], 2 * small["row"] + 0.5)
    np.testing.assert_allclose(table["col"], 2 * small["col"] + 0.5)
    np.testing.assert_allclose(table["area_px"], 4 * small["area_px"])


@pytest.mark.parametrize("gain", [1, 2])
def test_an_overexposed_image_is_noted(gain):
    image = np.minimum(draw_cell(1) / np.float32(255) * gain, 1)  # background 0.88, or white
    settings = SimpleNamespace(scorer=SimpleNamespace(pixel_size_um=0.1))
    notes = "; ".join(preparation.prepare_pixels(image, 0.1, settings).notes)
    white = (draw_cell(1) > 128).mean()
    assert (f"overexposed: {white:.0%} of the pixels are white" in notes) is (gain == 2)


@pytest.mark.parametrize("grey", [0, 1])
@pytest.mark.parametrize(("rows", "cols"), [(0.2, 0), (0, 0.1), (0.2, 0.1), (0.01, 0)])
def test_edges_of_one_grey_are_noted(rows, cols, grey):
    rng = np.random.default_rng(1)
    image = (draw_cell(1) - rng.integers(0, 9, draw_cell(1).shape)) / np.float32(255)
    height, width = round(rows * image.shape[0]), round(cols * image.shape[1])
    image[: height // 2], image[len(image) - (height - height // 2) :] = grey, grey
    image[:, :width] = grey
    settings = SimpleNamespace(scorer=SimpleNamespace(pixel_size_um=0.1))
    notes = "; ".join(preparation.prepare_pixels(image, 0.1, settings).notes)
    share = 1 - (1 - height / image.shape[0]) * (1 - width / image.shape[1])
    assert (f"{share:.0%} of the image at its edge has one grey" in notes) is (share > 0.02)


def test_a_dark_background_is_normalised_and_noted(members, tmp_path):
    (tmp_path / "images").mkdir()
    dark = (draw_cell(2) * 0.45).astype(np.uint8)
    Image.fromarray(dark).save(tmp_path / "images" / "a.png")
    Image.fromarray(dark * 0).save(tmp_path / "images" / "black.png")
    score_folder(tmp_path / "images", members, out=tmp_path / "out", progress=False)
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet").set_index("image")
    assert re.search(r"background 0\.(39|4[01]) normalised", scored.loc["a.png", "note"])
    assert scored.loc["black.png", "reason"] == "no contrast: all black"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard_size": 0}, "shard_size 0; allowed: integers from 1"),
        ({"precision": "float8"}, "precision 'float8'; allowed: float32, bfloat16"),
        ({"pixel_size_um": -1}, "pixel_size_um -1; allowed"),
        ({"agreement_threshold": 4}, "agreement_threshold of dicentric: 4 found; allowed"),
        ({"confidence_threshold": 1.5}, "confidence_threshold of dicentric: 1.5 found"),
        ({"members": "nowhere"}, "nowhere: no such folder"),
        ({"images": "nowhere"}, "nowhere: no such folder; expected a folder of images"),
        ({"filter_weights": "nowhere"}, "nowhere: no such file"),
    ],
)
def test_wrong_arguments_are_refused_before_any_work(members, images, tmp_path, options, message):
    arguments = {"images": images, "members": members} | options
    places = [arguments.pop("images"), arguments.pop("members")]
    with pytest.raises(InputError, match=message):
        score_folder(*places, out=tmp_path / "out", **arguments)
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_thresholds_are_needed(members, images, tmp_path):
    shutil.copytree(members / "members", tmp_path / "members")
    with pytest.raises(InputError, match=r"no operating_point\.json in it or in the folder above"):
        score_folder(images, tmp_path / "members", out=tmp_path / "out")


def test_an_operating_point_may_name_some_of_the_members(members, images, tmp_path):
    shutil.copytree(members, tmp_path / "run")
    loaded = load_members(members)
    chosen = tuple(loaded[index].digest for index in (2, 0))
    point = OperatingPoint({"dicentric": [0.2, 0.9], "fragment": 0.5}, 1, 2, chosen)
    point.write(tmp_path / "run" / "operating_point.json")
    plan = plan_scoring(images, tmp_path / "run", out=tmp_path / "out")
    names = [Path(path).name for path in plan.settings.members]
    assert names == ["epoch_002.safetensors", "epoch_000.safetensors"]
    assert plan.settings.scorer.operating_point.confidence_threshold["dicentric"] == (0.2, 0.9)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"])
def test_parts_are_from_1_to_n(text):
    with pytest.raises(InputError, match="allowed: i/n with i from 1 to n"):
        read_part(text)


@pytest.mark.real
def test_real_tiffs_are_scored_at_half_resolution(tmp_path, real_data):
    save_untrained(tmp_path / "members", n_members=1, pixel_size_um=0.2)
    score_folder(
        real_data / "adci_demo",
        tmp_path,
        out=tmp_path / "out",
        confidence_threshold=0.9,
        agreement_threshold=0,
        progress=False,
    )
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet")
    assert scored["status"].tolist() == ["scored"] * 16


def test_blank_and_inverted_images_are_refused_without_a_filter_too(members, tmp_path):
    folder = write_images(tmp_path / "images", 1)
    Image.fromarray(255 - draw_cell(0)).save(folder / "inverted.png")
    Image.fromarray(np.full((96, 112), 224, dtype=np.uint8)).save(folder / "blank.png")
    score_folder(folder, members, out=tmp_path / "out", progress=False)
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet").set_index("image")
    assert scored["status"].value_counts().to_dict() == {"quarantined": 2, "scored": 1}
    assert scored.loc["blank.png", "reason"] == "no contrast: all grey"
    assert "dark field" in scored.loc["inverted.png", "reason"]


def test_scale_of_the_file_copies_and_reasons_are_told(members, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", draw_cell(1), resolution=(100000, 100000), resolutionunit=3)
    Image.fromarray(draw_cell(2)).save(folder / "b.png")
    shutil.copy(folder / "b.png", folder / "c.png")
    (folder / "d.png").write_bytes(b"text")
    result = run_command("score", str(folder), str(members), "--out", str(tmp_path / "out"))
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet").set_index("image")
    assert scored.loc["a.tif", "note"] == "pixel size 0.1 um from the file"
    assert "same bytes" not in scored.loc["b.png", "note"]
    assert scored.loc["c.png", "note"].endswith("same bytes as b.png")
    assert "2 of 3 scored images do not state their pixel size" in result.output
    score_folder(folder, members, out=tmp_path / "told", pixel_size_um=0.2, progress=False)
    told = pd.read_parquet(tmp_path / "told" / "scored_images.parquet").set_index("image")
    assert told["pixel_size_um"].to_dict() == pytest.approx(
        {"a.tif": 0.1, "b.png": 0.2, "c.png": 0.2, "d.png": np.nan}, nan_ok=True
    )
    by_function, by_command = ((tmp_path / place / "not_scored.csv") for place in ("told", "out"))
    assert by_function.read_bytes() == by_command.read_bytes()
    assert "1 of 3 scored images are copies of others" in result.output
    assert "content of no known image format" in result.output
    # what was not scored is named, here and in a table
    assert "not scored: 1 of 4 images\n  d.png: quarantined, " in result.output
    assert str(tmp_path / "out" / "not_scored.csv") in result.output
    left = pd.read_csv(tmp_path / "out" / "not_scored.csv")
    assert left[["image", "status"]].to_numpy().tolist() == [["d.png", "quarantined"]]
    assert left.loc[0, "reason"] == scored.loc["d.png", "reason"]


def test_the_command_fails_where_nothing_could_be_scored(members, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"text")
    places = [str(tmp_path / "images"), str(members), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["score", *places])
    assert result.exit_code == 1
    assert "1 image quarantined" in result.output


def test_refusals_of_the_command_are_a_sentence(members, tmp_path):
    places = [str(tmp_path / "nowhere"), str(members), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["score", *places])
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert "no such folder" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("size", [0.0, 0.01, 10.0, "0.1"])
def test_scales_that_no_light_microscope_has_are_refused(members, images, tmp_path, size):
    with pytest.raises(InputError, match=r"pixel_size_um .*allowed"):
        score_folder(images, members, out=tmp_path / "out", pixel_size_um=size)


def test_progress_is_by_image_and_begins_after_what_is_there(
    members, images, tmp_path, monkeypatch
):
    bars = []

    class Bar:
        def __init__(self, items=(), desc="", *, total=None, initial=0, **_):
            self.items, self.updates, self.total, self.initial = items, 0, total, initial
            if total is not None:
                bars.append(self)

        def __iter__(self):
            return iter(self.items)

        def update(self):
            self.updates += 1

        def close(self):
            pass

    monkeypatch.setattr("dicentlib.scoring.drivers.tqdm", Bar)
    places = {"out": tmp_path / "out", "shard_size": 4}
    score_part(images, members, part="1/3", **places)
    score_folder(images, members, **places)
    assert [(bar.total, bar.initial, bar.updates) for bar in bars] == [(4, 0, 4), (9, 4, 5)]


def test_parts_started_otherwise_are_refused(members, images, tmp_path):
    score_part(images, members, out=tmp_path / "out", part="1/2", shard_size=2, progress=False)
    with pytest.raises(
        InputError,
        match=r"other settings .shard_size 2, now 4.; start all parts with the same settings",
    ):
        score_part(images, members, out=tmp_path / "out", part="2/2", shard_size=4, progress=False)
    alike = {"shard_size": 2, "confidence_threshold": (0.5,) * 4, "progress": False}
    for part in ("1/2", "2/2"):
        score_part(images, members, out=tmp_path / "tuple", part=part, **alike)
    score_part(images, members, out=tmp_path / "out", part="1/1", shard_size=4, progress=False)


def test_each_image_is_read_and_inspected_once(members, images, tmp_path, monkeypatch):
    read, inspected = [], []
    read_picture, inspect_image = preparation.read_picture, inspection.inspect_image
    monkeypatch.setattr(
        preparation, "read_picture", lambda path: read.append(path.name) or read_picture(path)
    )
    for module in (index, pictures):
        monkeypatch.setattr(
            module,
            "inspect_image",
            lambda path: inspected.append(Path(path).name) or inspect_image(path),
        )
    found = ["broken.png", *(f"cell {number}.png" for number in range(7)), "gone.png"]
    for _ in range(2):  # what is complete is not read again
        score_folder(images, members, out=tmp_path / "out", progress=False, shard_size=3)
        assert sorted(read) == sorted(inspected) == found


@pytest.mark.parametrize("found", [True, False])
def test_one_picture_in_two_files_and_mixed_scales_are_said(members, tmp_path, found):
    folder = write_images(tmp_path / "images", 3)
    with Image.open(folder / "cell 1.png") as picture:
        picture.save(folder / "once more.tif")
    names = ["cell 0.png", "cell 1.png", "cell 2.png", "once more.tif"]
    sizes = {"sample": ["A", "A", "B", "B"], "pixel_size_um": [0.1, 0.11, 0.11, 0.11]}
    pd.DataFrame({"image": names} | sizes).to_csv(folder / "samples.csv", index=False)
    thresholds = {} if found else {"confidence_threshold": 1.0}
    detections = score_folder(folder, members, out=tmp_path / "out", progress=False, **thresholds)
    assert (detections["image"] == "cell 1.png").any() == found
    table = pd.read_parquet(tmp_path / "out" / "scored_images.parquet").set_index("image")
    assert "same picture as cell 1.png" in table.loc["once more.tif", "note"]
    assert not table.drop("once more.tif")["note"].str.contains("same").any()
    text = "\n".join(scoring_summary(table))
    assert "1 of 4 scored images show exactly the same picture as another file" in text
    assert "1 samples have images of several pixel sizes, the first is A: 0.1 to 0.11 um" in text


def test_results_of_another_folder_are_said_to_be_replaced(members, tmp_path):
    for name in ("one", "other"):
        write_images(tmp_path / name, 1)
    out = tmp_path / "out"
    for _ in range(2):  # the same again is no replacement
        score_part(tmp_path / "one", members, out=out, part="1/1", progress=False)
    with pytest.warns(InputWarning, match=r"the images .*one, are replaced"):
        score_part(tmp_path / "other", members, out=out, part="1/1", progress=False)
