"""Notebook 08 on a small folder: images alone, then with annotations; and its command."""

import inspect
import json
import re
import shlex
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.commands.notebooks import _options_of, _results, own_slides
from dicentlib.ensemble import member_paths
from dicentlib.files import find_model, read_json
from dicentlib.operating_point import OperatingPoint
from dicentlib.own_slides import page_sentences
from dicentlib.runs import notebook_paths
from dicentlib.runs.pipeline import run_notebook
from dicentlib.scoring import score_folder
from dicentlib.simulation import simulate_set

pytestmark = [pytest.mark.notebooks, pytest.mark.xdist_group("own slides")]
NOTEBOOK = "08_own_slides"
AGREEMENT = 1  # of two members: both


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """Eight cells on two slides, without any table; the truth apart from them."""
    folder = tmp_path_factory.mktemp("laboratory")
    simulate_set(
        folder, n_images=8, dose_gy=4.0, seed=31, height=444, width=504, pixel_size_um=0.2,
        images_per_slide=4, n_workers=1, progress=False,
    )  # fmt: skip
    truth = pd.read_csv(folder / "annotations.csv")
    for number, path in enumerate(sorted((folder / "images").glob("*.png"))):
        place = folder / "slides" / f"slide {number // 4}"
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)
    place = truth["image"].str.extract(r"(\d+)\.png")[0].astype(int) // 4
    names = truth["image"].str.replace("images/", "")
    truth["image"] = [f"slide {k}/{name}" for k, name in zip(place, names, strict=True)]
    truth.to_csv(folder / "truth.csv", index=False)
    (folder / "slides" / "notes.txt").write_text("not an image")
    (folder / "slides" / "slide 0" / "broken.png").write_bytes(b"nothing")
    return folder


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """Two members of the ready ensemble: a quarter of its work."""
    folder = tmp_path_factory.mktemp("ensemble")
    (folder / "members").mkdir()
    for path in sorted(find_model("giemsa-small").glob("members/*"))[-2:]:
        (folder / "members" / path.name).symlink_to(path.absolute())
    OperatingPoint(0.6, AGREEMENT, n_members=2).write(folder / "operating_point.json")
    return folder


def row_of(page, name):
    """Cells of a row of the page's tables, after its name."""
    row = re.search(rf"<td>{name}</td>(.*?)</tr>", page, re.DOTALL)[1]
    return [cell.strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]


def within(value, interval):
    lower, upper = (float(text) for text in re.search(r"\[(.*), (.*)\]", interval).groups())
    return lower <= value <= upper


def true_and_called(scan, annotations):
    """Called dicentrics, and those with an annotated one within 1.8 um (9 px of 0.2 um)."""
    found = pd.read_parquet(scan / "detections.parquet")
    found = found[found["class"] == "dicentric"]
    called = found[found["votes"] > AGREEMENT]
    truth = pd.read_csv(annotations)
    truth = truth[truth["class"] == "dicentric"]
    near = [
        np.hypot(part["row"] - row, part["col"] - col).min() <= 9
        for image, row, col in zip(called["image"], called["row"], called["col"], strict=True)
        if len(part := truth[truth["image"] == image])
    ]
    return sum(near), len(called)


def test_images_alone_and_the_command(slides, members):
    out = slides / "images alone"
    images = slides / "slides"
    (images / "annotations.csv").write_text("image,class,row,col\nother/1.png,dicentric,5,5\n")
    arguments = ["own-slides", str(images), "--out", str(out), "--members", str(members)]
    result = CliRunner().invoke(app, [*arguments, "--n-read", "20", "--no-use-filter"])
    assert result.exit_code == 0, result.output
    page = (out / "own_slides.html").read_text(encoding="utf-8")
    assert "Not known yet: nothing has been read" in page
    assert "broken.png" in page
    assert "(assumed)" in page
    assert "The slide of 8 images is the folder: no table states it." in page
    assert "8 of 8 images were scored" in page
    # the annotations of another folder are a sentence, and the rest goes on
    assert "The annotations are not used" in page
    assert "image &#39;other/1.png&#39; is not in" in page
    assert page_sentences.NO_CELLS in page
    assert page_sentences.NEXT in page
    assert f"-p images {images}" in page  # no dose is stated: these are samples
    # nothing was read: no intervals
    assert row_of(page, "all slides") == ["0", "–", "–", "–", "nothing read"]
    # the last lines name every result and the next command
    assert f"page: {out / 'own_slides.html'}" in result.output
    assert (str(out / "own_slides.pdf") in result.output) == (out / "own_slides.pdf").exists()
    assert f"table: {out / 'samples_to_fill_in.csv'}" in result.output
    assert f"images = {str(images)!r} and run_dir = {str(out)!r}" in result.output
    # ... with the options of this one: else other detections, and other objects to be judged
    again = ["own-slides", str(images), "--out", str(out), "--members", str(members)]
    assert shlex.join([*again, "--no-use-filter", "--n-read", "20"]) in result.output
    (images / "annotations.csv").unlink()
    manifest = read_json(out / "manifest.json")[NOTEBOOK]
    assert (manifest["n_images"], manifest["n_read"]) == (8, 0)
    to_fill_in = pd.read_csv(out / "samples_to_fill_in.csv")
    assert to_fill_in["slide"].to_list() == ["slide 0"] * 4 + ["slide 1"] * 4
    assert to_fill_in["pixel_size_um"].isna().all()  # it was assumed, not stated
    names = {path.name for path in (out / "figures").glob("08_*.png")}
    assert {"08_fields.png", "08_scale.png", "08_looks.png", "08_blind_read.png"} <= names
    assert "08_precision_recall.png" not in names


def test_annotations_answer_and_teach(slides, members):
    images = slides / "slides"
    (slides / "truth.csv").rename(images / "annotations.csv")
    pd.DataFrame(
        {"image": sorted(f"{p.parent.name}/{p.name}" for p in images.glob("slide*/0*.png"))}
    ).assign(pixel_size_um=0.2).to_csv(images / "samples.csv", index=False)
    out = slides / "annotated"
    run_notebook(
        notebook_paths()[NOTEBOOK],
        out,
        {"images": str(images), "members": str(members), "use_filter": False, "n_read": 400,
         "n_folds": 2, "n_cells_learning": [0, 2], "learning_steps": 5},
    )  # fmt: skip
    page = (out / "own_slides.html").read_text(encoding="utf-8")
    assert "(stated)" in page
    n_sample = re.search(r"The first 80 of (\d+) objects to be read", page)[1]
    assert 80 < int(n_sample) <= 400
    # everything is read: the intervals hold what the annotations say of all called dicentrics
    n_true, n_called = true_and_called(out / "scan", images / "annotations.csv")
    read, precision, recall, false, remark = row_of(page, "all slides")
    assert remark == ""
    assert 1 <= n_true <= n_called
    assert within(n_true / n_called, precision)
    assert within(1000 * (n_called - n_true + 0.5) / 8, false)  # the prior adds half an object
    n_dicentric = (pd.read_csv(images / "annotations.csv")["class"] == "dicentric").sum()
    assert within((n_true + 0.5) / (n_dicentric + 1), recall)  # half a found one, half a missed
    # the operating point of the ensemble as it is, and the calibration series
    assert "The ensemble as it is, chosen and measured on these cells: a precision of at" in page
    cells = [f'<td class="number">{number}</td>' for number in (AGREEMENT + 1, n_called)]
    assert "".join(cells) in page
    assert "Measured on slides that were not used for training." in page
    assert page_sentences.SERIES in page
    assert "For the detection limit of 0.5 Gy, with samples of at most" in page
    assert "For ±0.25 Gy at 2 Gy, half of it from the curve" in page
    # what is fine-tuned goes on to notebooks 06 and 07
    assert f"cp {shlex.quote(str(out / 'tuned' / 'members'))}/*.safetensors " in unescape(page)
    curve = pd.read_csv(out / "learning_curve.csv")
    assert curve.groupby(["n_cells", "class"]).size().to_list() == [2, 2, 2, 2]
    truth = pd.read_csv(images / "annotations.csv")
    n_true = curve[(curve["n_cells"] == 0)].groupby("class")["n_true"].sum()
    assert n_true.to_dict() == truth["class"].value_counts().to_dict()
    scores = curve["average_precision"].dropna()
    assert scores.between(0, 1).all()
    # the fine-tuned ensemble scores: members from before and new ones
    point = OperatingPoint.read(out / "tuned" / "operating_point.json")
    assert point.n_members == len(member_paths(members)) + 4
    scored = score_folder(images, out / "tuned", out=out / "scored", progress=False)
    dicentrics = scored[scored["class"] == "dicentric"]
    assert (dicentrics["votes"] > point.agreement_threshold["dicentric"]).all()
    assert read_json(out / "scored" / "scoring.json")["images"]["scored"] == 8
    # all that got a vote, and the chromosomes that got none
    assert read_json(out / "manifest.json")[NOTEBOOK]["n_read"] == int(read)
    voted = pd.read_parquet(out / "scan" / "detections.parquet")
    assert int(read) > (voted["class"] == "dicentric").sum()


@pytest.mark.parametrize(
    ("n_read", "source", "use_filter", "end"),
    [
        (0, "assumed", True, "own-slides a --out OUT --use-estimated-scale --seed 4"),
        (7, "stated", True, "giemsa-small --out OUT/scored --filter-weights filter-small"),
        (7, "estimated", False, "giemsa-small --out OUT/scored --pixel-size-um 0.0645"),
    ],
)
def test_the_next_commands_keep_filter_scale_and_seed(tmp_path, n_read, source, use_filter, end):
    (tmp_path / "own_slides.html").touch()
    facts = {"n_read": n_read, "pixel_size_um": 0.0645, "pixel_size_from": source}
    (tmp_path / "manifest.json").write_text(json.dumps({NOTEBOOK: facts}))
    parameters = inspect.signature(own_slides).parameters
    given = {name: parameter.default for name, parameter in parameters.items()}
    asked = _options_of(own_slides, given | {"use_estimated_scale": True, "seed": 4})
    lines = _results(Path("a"), tmp_path, "giemsa-small", asked, use_filter=use_filter)
    assert lines[-1].endswith(end.replace("OUT", str(tmp_path)))


def test_results_among_the_images_are_refused(slides):
    result = CliRunner().invoke(
        app, ["own-slides", str(slides / "slides"), "--out", str(slides / "slides" / "out")]
    )
    assert result.exit_code == 2
    assert "is inside the image folder" in result.output.replace("\n", " ")


def test_a_demand_that_cannot_be_is_refused_before_anything_runs(slides):
    asked = ["own-slides", str(slides / "slides"), "--out", str(slides / "asked")]
    result = CliRunner().invoke(app, [*asked, "--demand", "speed"])
    assert result.exit_code == 2
    assert "--demand is 'speed': expected precision, recall, false_per_thousand" in " ".join(
        result.output.split()
    )
    assert not (slides / "asked").exists()


def test_one_image_is_enough(slides, members):
    folder = slides / "one"
    folder.mkdir()
    image = next((slides / "slides" / "slide 1").glob("*.png"))
    (folder / "1.png").write_bytes(image.read_bytes())
    out = slides / "of one"
    arguments = ["own-slides", str(folder), "--out", str(out), "--members", str(members)]
    result = CliRunner().invoke(app, [*arguments, "--n-read", "10", "--no-use-filter"])
    assert result.exit_code == 0, result.output
    page = (out / "own_slides.html").read_text(encoding="utf-8")
    assert "1 of 1 images was scored" in page
    assert "1 scored cell: enough to see whether the images are read" in page
    manifest = read_json(out / "manifest.json")[NOTEBOOK]
    assert (manifest["n_images"], manifest["n_read"]) == (1, 0)
    assert len(pd.read_parquet(out / "scan" / "scored_images.parquet")) == 1


def test_a_folder_that_cannot_be_scored_has_a_page_and_a_sentence(slides):
    folder = slides / "dark"
    folder.mkdir()
    for number in range(2):
        Image.fromarray(np.full((100, 120), 9, np.uint8)).save(folder / f"{number}.png")
    out = slides / "of dark"
    result = CliRunner().invoke(app, ["own-slides", str(folder), "--out", str(out)])
    assert result.exit_code == 2
    assert "none of 2 images can be read; the first, 0.png: background grey 0.0" in " ".join(
        result.output.split()
    )
    assert "Traceback" not in result.output
    assert f"page: {out / 'own_slides.html'}" in result.output
    page = (out / "own_slides.html").read_text(encoding="utf-8")
    assert "Not known: the slides cannot be used as they are" in page
    assert "100 x 120" in page


@pytest.mark.parametrize(
    ("files", "said", "on_page"),
    [
        ({}, "no images; expected files ending in", ["The folder holds no file."]),
        (
            {"notes.txt": b"words", "a/table.xlsx": b""},
            "no images; expected files ending in",
            ["2 files in the folder and below it: 1 .txt, 1 .xlsx."],
        ),
        (
            {"s1/1.png": b"nothing", "s2/2.tif": b""},
            "none of 2 files is an image that can be used; the first, s1/1.png",
            ["2 files in the folder and below it: 1 .png, 1 .tif.", "Left out", "s2/2.tif"],
        ),
    ],
    ids=["empty", "no image", "unreadable"],
)
def test_a_folder_without_a_usable_image_has_a_page(tmp_path, files, said, on_page):
    images, out = tmp_path / "slides", tmp_path / "out"
    images.mkdir()
    for name, content in files.items():
        (images / name).parent.mkdir(exist_ok=True)
        (images / name).write_bytes(content)
    result = CliRunner().invoke(app, ["own-slides", str(images), "--out", str(out)])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert f"page: {out / 'own_slides.html'}" in result.output
    page = (out / "own_slides.html").read_text(encoding="utf-8")
    assert page_sentences.STOPPED in page
    for text in [said, *on_page]:
        assert text in page
