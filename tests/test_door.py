"""The door: what ``import dicentlib`` offers, and the ready models after an installation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

import dicentlib
from dicentlib.errors import InputError, InputWarning
from dicentlib.files import READY_MODELS, find_model
from dicentlib.scoring import score_folder
from dicentlib.simulation import simulate_metaphase

ROOT = Path(__file__).resolve().parents[1]
LARGEST_WHEEL = 40e6
OPTIONS = {  # thresholds at which every cell has detections
    "filter_weights": "filter-small",
    "confidence_threshold": 0.1,
    "agreement_threshold": 1,
}
NAMES = {
    "CalibrationCurve",
    "Ensemble",
    "estimate_dose",
    "fit_curve",
    "laboratory_route",
    "read_counts",
    "score_folder",
    "simulate_metaphase",
}


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    """File of a simulated metaphase at half resolution, which says nothing of its scale."""
    path = tmp_path_factory.mktemp("slides") / "cell.tif"
    image, _ = simulate_metaphase(3, dose_gy=4, height=444, width=504, pixel_size_um=0.2)
    iio.imwrite(path, np.round(image * 255).astype(np.uint8))
    return path


@pytest.fixture(scope="module")
def ensemble():
    return dicentlib.Ensemble.load("giemsa-small", **OPTIONS)


def test_names_at_the_door():
    assert set(dicentlib.__all__) == NAMES | {"__version__"}
    assert set(dir(dicentlib)) >= NAMES
    for name in NAMES:
        assert getattr(dicentlib, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = dicentlib.nothing


def test_importing_costs_nothing():
    code = (
        "import sys, time; start = time.process_time(); import dicentlib; "
        "print(time.process_time() - start, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, *heavy = result.stdout.split()
    assert heavy == ["False", "False"]
    assert float(seconds) < 0.2


def test_one_image_is_scored_as_a_folder_is(cell, ensemble, tmp_path):
    table = ensemble.detect(cell, pixel_size_um=0.2)
    assert len(table) > 0
    scored = score_folder(cell.parent, "giemsa-small", out=tmp_path, pixel_size_um=0.2, **OPTIONS)
    pd.testing.assert_frame_equal(scored.drop(columns="image"), table)
    from_array = ensemble.detect(iio.imread(cell) / 255, pixel_size_um=0.2)
    pd.testing.assert_frame_equal(from_array, table)


def test_an_assumed_scale_is_said(cell, ensemble):
    with pytest.warns(InputWarning, match=r"cell\.tif: pixel size assumed 0\.1 um"):
        ensemble.detect(cell)
    with pytest.warns(InputWarning, match=r"image: pixel size assumed 0\.1 um"):
        ensemble.detect(iio.imread(cell) / 255)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("no_such.tif", r"no_such\.tif: .*no such file"),
        (np.full((500, 500), 255.0), "255 to 255; allowed: floating point from 0 to 1"),
        (np.ones((500, 500), np.uint8), "image: uint8"),
        (np.ones((1, 500, 500)), r"shape \(1, 500, 500\)"),
        (np.full((500, 500), np.nan), "nan"),
        (np.zeros((0, 500)), "no values"),
        (np.full((500, 500), 0.9), "image: no contrast"),
        (np.ones((5, 5)), "image: too small"),
    ],
)
def test_what_is_no_metaphase_is_refused(ensemble, image, message):
    with pytest.raises(InputError, match=message):
        ensemble.detect(image, pixel_size_um=0.2)


def test_the_filter_rejects_single_images_too(cell, ensemble):
    image = iio.imread(cell)
    image[:, 230:] = np.median(image)  # few chromosomes are left
    with pytest.raises(InputError, match="few chromosomes"):
        ensemble.detect(image / 255, pixel_size_um=0.2)


def test_a_place_comes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_model("giemsa-small") == READY_MODELS / "giemsa-small"
    assert find_model("models/giemsa-small") == Path("models/giemsa-small")
    shutil.copytree(READY_MODELS / "giemsa-small", "giemsa-small")
    assert find_model("giemsa-small") == Path("giemsa-small")


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"gimsa: no such folder.*ready ensemble: giemsa-small"):
        dicentlib.Ensemble.load("gimsa")
    with pytest.raises(InputError, match=r"none: no such file.*ready filter: filter-small"):
        dicentlib.Ensemble.load("giemsa-small", filter_weights="none")


@pytest.mark.slow
def test_ready_models_after_an_installation(cell, tmp_path):
    """A wheel of the package, unpacked elsewhere, scores with the models found by name."""
    source = tmp_path / "source"
    left_out = shutil.ignore_patterns("__pycache__")
    for name in ("dicentlib", "models"):
        shutil.copytree(ROOT / name, source / name, ignore=left_out)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < LARGEST_WHEEL
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    cards = {f"dicentlib/ready/{path.parent.name}/README.md" for path in ROOT.glob("models/*/*.md")}
    modules = {
        path.relative_to(ROOT).as_posix()
        for ending in ("py", "csv")
        for path in ROOT.glob(f"dicentlib/**/*.{ending}")
    }
    assert cards | modules <= names
    assert not any(name.startswith(("studies", "tests")) for name in names)
    score = [sys.executable, "-m", "dicentlib", "score", cell.parent, "giemsa-small"]
    subprocess.run(
        [*score, "--out", "out", "--filter-weights", "filter-small", "--pixel-size-um", "0.2"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        check=True,
    )
    scored = pd.read_parquet(tmp_path / "out" / "scored_images.parquet")
    assert scored["status"].tolist() == ["scored"]


def test_former_places_of_names_still_work():
    from dicentlib.data.image_set import read_image_set
    from dicentlib.training import commands

    assert commands.read_image_set is read_image_set
