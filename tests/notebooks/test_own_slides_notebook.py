"""Notebook 08 on a small folder: images alone, then with annotations; and its command."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.files import find_model, read_json
from dicentlib.operating_point import OperatingPoint
from dicentlib.runs import notebook_paths
from dicentlib.runs.pipeline import run_notebook
from dicentlib.simulation import simulate_set

pytestmark = [pytest.mark.notebooks, pytest.mark.xdist_group("own slides")]
NOTEBOOK = "08_own_slides"


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
    OperatingPoint(0.6, 1, n_members=2).write(folder / "operating_point.json")
    return folder


def test_images_alone_and_the_command(slides, members):
    out = slides / "images alone"
    images = slides / "slides"
    arguments = ["own-slides", str(images), "--out", str(out), "--members", str(members)]
    result = CliRunner().invoke(app, [*arguments, "--n-read", "20", "--no-use-filter"])
    assert result.exit_code == 0, result.output
    page = (out / "own_slides.html").read_text(encoding="utf-8")
    assert "Not known yet: nothing has been read" in page
    assert "broken.png" in page
    assert "(assumed)" in page
    manifest = read_json(out / "manifest.json")[NOTEBOOK]
    assert (manifest["n_images"], manifest["n_read"]) == (8, 0)
    to_fill_in = pd.read_csv(out / "samples_to_fill_in.csv")
    assert to_fill_in["slide"].to_list() == ["slide 0"] * 4 + ["slide 1"] * 4
    assert to_fill_in["pixel_size_um"].isna().all()  # it was assumed, not stated
    names = {path.name for path in (out / "figures").glob("08_*.png")}
    assert {"08_fields.png", "08_scale.png", "08_looks.png", "08_precision_recall.png"} <= names


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
        {"images": str(images), "members": str(members), "use_filter": False, "n_read": 30,
         "n_folds": 2, "n_cells_learning": [0, 2], "learning_steps": 5},
    )  # fmt: skip
    page = (out / "own_slides.html").read_text(encoding="utf-8")
    assert "(stated)" in page
    assert "Precision" in page
    curve = pd.read_csv(out / "learning_curve.csv")
    assert curve.groupby(["n_cells", "class"]).size().to_list() == [2, 2, 2, 2]
    truth = pd.read_csv(images / "annotations.csv")
    n_true = curve[(curve["n_cells"] == 0)].groupby("class")["n_true"].sum()
    assert n_true.to_dict() == truth["class"].value_counts().to_dict()
    scores = curve["average_precision"].dropna()
    assert scores.between(0, 1).all()
    assert read_json(out / "manifest.json")[NOTEBOOK]["n_read"] == 30


def test_results_among_the_images_are_refused(slides):
    result = CliRunner().invoke(
        app, ["own-slides", str(slides / "slides"), "--out", str(slides / "slides" / "out")]
    )
    assert result.exit_code == 2
    assert "lies in the image folder" in result.output.replace("\n", " ")
