"""Images, their truth, and folders of them."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from dicentlib.errors import InputError
from dicentlib.simulation import (
    REASONS,
    Yields,
    draw_metaphase,
    simulate_metaphase,
    simulate_set,
)
from dicentlib.simulation.drawing import add_body
from dicentlib.simulation.nuclei import add_nuclei
from dicentlib.simulation.optics import mottle
from dicentlib.simulation.radiation import HIGHEST_GY, draw_counts, irradiate
from dicentlib.simulation.styles import draw_slide_style

SMOOTH = np.zeros((1, 1), np.float32)
HALF = {"height": 444, "width": 504, "pixel_size_um": 0.2}


def test_image_and_table_have_the_agreed_form():
    image, objects = simulate_metaphase(1, dose_gy=3.0, **HALF)
    assert image.shape == (444, 504)
    assert image.dtype == np.float32
    assert 0 <= image.min() < 0.5 < np.median(image) <= 1
    assert {"class", "row", "col", "centromere_1_row", "length_px", "chromosomes"} <= set(objects)
    assert len(objects) >= 46
    assert objects["row"].between(0, 444).all()
    assert objects["col"].between(0, 504).all()


def test_full_size_is_888_by_1008():
    image, _ = simulate_metaphase(1, dose_gy=0.0)
    assert image.shape == (888, 1008)


def test_the_same_seed_gives_the_same_image():
    one, first = simulate_metaphase((4, 2), dose_gy=2.0, **HALF)
    other, second = simulate_metaphase((4, 2), dose_gy=2.0, **HALF)
    different, _ = simulate_metaphase((4, 3), dose_gy=2.0, **HALF)
    assert np.array_equal(one, other)
    pd.testing.assert_frame_equal(first, second)
    assert not np.array_equal(one, different)


def aberrant_cell(seed=11):
    return draw_metaphase(
        seed, dose_gy=None, at_least_one_aberration=True, labels_per_image=(4.0, 6.0), **HALF
    )


def test_a_dicentric_is_marked_on_its_body_between_its_centromeres():
    checked = 0
    for seed in range(6):
        metaphase = aberrant_cell(seed)
        bodies = metaphase.objects.query("`class` == 'dicentric' and visible")
        for body in bodies.to_dict("records"):
            label = int(body["object"])
            # The label image may show a body laid over it; within 3 px the dicentric is there.
            row, col = round(body["row"]), round(body["col"])
            window = metaphase.labels[max(row - 3, 0) : row + 4, max(col - 3, 0) : col + 4]
            near_centre = np.hypot(
                body["row"] - (body["centromere_1_row"] + body["centromere_2_row"]) / 2,
                body["col"] - (body["centromere_1_col"] + body["centromere_2_col"]) / 2,
            )
            assert near_centre < 0.5 * body["length_px"]
            checked += int(label in window)
            marks = metaphase.annotations.query("`class` == 'dicentric'")
            assert np.isclose(marks[["row", "col"]], [body["row"], body["col"]]).all(axis=1).any()
    assert checked >= 8


def test_annotations_are_what_is_visible():
    for seed in range(5):
        metaphase = aberrant_cell(seed)
        visible = metaphase.objects[metaphase.objects["visible"]]["class"].value_counts()
        marks = metaphase.annotations["class"].value_counts()
        assert marks.get("fragment", 0) == visible.get("fragment", 0)
        expected = visible.get("dicentric", 0) + 2 * visible.get("tricentric", 0)
        expected += 3 * visible.get("quadricentric", 0)
        more = visible.get("multicentric", 0)  # five centromeres and above: four marks or more
        assert marks.get("dicentric", 0) >= expected + 4 * more
        assert more or marks.get("dicentric", 0) == expected


def test_labels_are_dark_in_the_image():
    metaphase = draw_metaphase(3, dose_gy=0.0, **HALF)
    body, rest = metaphase.labels > 0, metaphase.labels == 0
    assert metaphase.image[body].mean() < metaphase.image[rest].mean() - 0.2
    assert set(np.unique(metaphase.labels)) - {0} <= set(metaphase.objects["object"])
    # Areas in the table are those of the label image, where nothing lies on top.
    sizes = np.bincount(metaphase.labels.ravel(), minlength=47)[metaphase.objects["object"]]
    assert (sizes <= metaphase.objects["area_px"]).all()


def test_half_resolution_shows_the_same_cell():
    full = draw_metaphase(5, dose_gy=2.0)
    half = draw_metaphase(5, dose_gy=2.0, **HALF)
    for column in ("row", "col", "length_px"):
        assert np.allclose(half.objects[column] * 2, full.objects[column])


def test_mottle_has_the_asked_spread_and_grain():
    rng = np.random.default_rng(0)
    fine, coarse = (mottle(rng, (600, 600), 0.01, grain) for grain in (4.0, 12.0))
    for field in (fine, coarse):
        assert 0.008 < field.std() < 0.014  # two sizes add, interpolation smooths
        assert abs(field.mean()) < 0.002

    def next_to(field, apart):
        return np.corrcoef(field[:, :-apart].ravel(), field[:, apart:].ravel())[0, 1]

    assert next_to(fine, 4) < next_to(coarse, 4)
    assert abs(next_to(fine, 20)) < 0.1


@pytest.fixture(scope="module")
def nuclei_round_a_square():
    """Gaps from nuclei to a square of chromosomes, in reference pixels, over 60 slides."""
    bodies = np.zeros((888, 1008), np.uint16)
    bodies[344:544, 404:604] = 1
    distance = ndimage.distance_transform_edt(bodies == 0)
    positions = np.argwhere(bodies)[::997]
    gaps = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        style = draw_slide_style(rng)
        made = add_nuclei(rng, np.zeros(bodies.shape, np.float32), style, 1.0, bodies, positions)
        for row, col, radius in made:
            inside = np.clip(int(row), 0, 887), np.clip(int(col), 0, 1007)
            gaps.append(distance[inside] - radius)
    return np.array(gaps)


def test_nuclei_keep_clear_of_chromosomes(nuclei_round_a_square):
    assert len(nuclei_round_a_square) > 60
    assert nuclei_round_a_square.min() > -0.5  # pixels: the distance is that of pixel centres


def test_many_nuclei_lie_right_beside_the_spread(nuclei_round_a_square):
    assert 0.3 < np.mean(nuclei_round_a_square < 80) < 0.8


def test_nuclei_over_the_spread_cover_chromosomes():
    bodies = np.zeros((444, 504), np.uint16)
    bodies[200:240, 200:300] = 1
    rng = np.random.default_rng(5)
    style, absorbance = draw_slide_style(rng), np.zeros(bodies.shape, np.float32)
    add_nuclei(rng, absorbance, style, 0.5, bodies, np.array([[220.0, 250.0]]), n_over=1)
    assert absorbance[bodies > 0].max() > 0.3


def test_absorbances_of_two_bodies_add():
    disc = np.array([[20.0, 20.0, 8.0, 1.0]])
    once, twice = np.zeros((40, 40), np.float32), np.zeros((40, 40), np.float32)
    labels = np.zeros((40, 40), np.uint16)
    add_body(once, labels, disc, 0.7, 0.5, 1, SMOOTH)
    add_body(twice, labels, np.vstack([disc, disc]), 0.7, 0.5, 1, SMOOTH)
    assert np.array_equal(once, twice)  # within a body the thickest disc counts
    assert once[20, 20] == pytest.approx(0.7)
    painted, clear = add_body(twice, labels, disc, 0.7, 0.5, 2, SMOOTH)
    assert np.allclose(twice, 2 * once)
    assert painted > 0
    assert clear == 0
    assert (labels[once > 0.35] == 2).all()


def test_a_disc_beyond_the_border_is_cut():
    absorbance, labels = np.zeros((20, 20), np.float32), np.zeros((20, 20), np.uint16)
    assert add_body(absorbance, labels, np.array([[-30.0, 5, 4, 1]]), 1.0, 0.5, 1, SMOOTH) == (0, 0)
    painted, _ = add_body(absorbance, labels, np.array([[0.0, 10, 4, 1]]), 1.0, 0.5, 1, SMOOTH)
    assert 0 < painted < 40


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_shows_in_the_truth(reason):
    metaphase = draw_metaphase(21, dose_gy=0.0, reason=reason, **HALF)
    plain = draw_metaphase(21, dose_gy=0.0, **HALF)
    assert (metaphase.quality, metaphase.reason) == ("rejected", reason)
    assert (plain.quality, plain.reason) == ("available", "")
    if reason == "several_cells":
        assert metaphase.objects["cell"].value_counts().to_dict() == {1: 46, 2: 46}
    elif reason == "few_chromosomes":
        assert 14 <= len(metaphase.objects) < 40
    elif reason == "covered":
        assert (~metaphase.objects["visible"]).sum() > (~plain.objects["visible"]).sum()
    else:
        # Out of focus: less light and dark between neighbouring pixels on the chromosomes.
        def sharpness(m):
            body = ndimage.binary_dilation(m.labels > 0, iterations=4)
            return np.abs(ndimage.laplace(ndimage.gaussian_filter(m.image, 1.0)))[body].mean()

        assert sharpness(metaphase) < 0.7 * sharpness(plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dose_gy": -0.5}, "0 to 15 Gy"),
        ({"dose_gy": float("nan")}, "0 to 15 Gy"),
        ({"dose_gy": None}, "at_least_one_aberration"),
        ({"dose_gy": 1.0, "fraction_irradiated": 1.5}, "0 to 1"),
        ({"dose_gy": 1.0, "height": 200, "width": 300}, "at least 40 x 40 um"),
        ({"dose_gy": 1.0, "pixel_size_um": 0.0}, "0.02 to 0.5"),
        ({"dose_gy": 1.0, "reason": "ugly"}, "several_cells, covered"),
        (
            {"dose_gy": None, "at_least_one_aberration": True, "labels_per_image": (2.0, 1.0)},
            "as many fragments",
        ),
        (
            {"dose_gy": 0.0, "at_least_one_aberration": True,
             "yields": Yields(background=0.0, excess_acentric_background=0.0)},
            "mean number of aberrations is 0",
        ),
    ],
)  # fmt: skip
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        simulate_metaphase(1, **options)


@pytest.mark.parametrize("seed", [-1, 1.5, "7", (1, -2)])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(InputError, match="integer from 0"):
        simulate_metaphase(seed, dose_gy=1.0, **HALF)


@pytest.fixture(scope="module")
def training_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    samples = simulate_set(
        folder, n_images=12, dose_gy=None, seed=3, at_least_one_aberration=True,
        images_per_slide=4, n_workers=1, progress=False, **HALF,
    )  # fmt: skip
    return folder, samples


def test_a_set_is_the_agreed_folder(training_set):
    folder, samples = training_set
    written = pd.read_csv(folder / "samples.csv")
    assert list(written["image"]) == [f"images/{i:06d}.png" for i in range(12)]
    assert {"sample", "donor", "slide", "dose_gy", "pixel_size_um", "quality", "reason"} <= set(
        written
    )
    annotations = pd.read_csv(folder / "annotations.csv")
    assert list(annotations) == ["image", "class", "row", "col"]
    counts = annotations.groupby("image").size().reindex(samples["image"], fill_value=0)
    assert (counts >= 1).all()
    assert (counts.to_numpy() == (samples["n_dicentrics"] + samples["n_fragments"])).all()
    objects = pd.read_parquet(folder / "objects.parquet")
    assert set(objects["image"]) == set(samples["image"])
    image = cv2.imread(str(folder / "images/000003.png"), cv2.IMREAD_UNCHANGED)
    assert image.shape == (444, 504)
    assert image.dtype == np.uint8
    assert written["slide"].nunique() == 3


def test_image_i_depends_on_seed_and_i_alone(training_set, tmp_path):
    folder, _ = training_set
    simulate_set(
        tmp_path, n_images=20, dose_gy=None, seed=3, at_least_one_aberration=True,
        images_per_slide=4, n_workers=2, progress=False, **HALF,
    )  # fmt: skip
    for i in (0, 7, 11):
        name = f"images/{i:06d}.png"
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    everything = pd.read_csv(folder / "annotations.csv")
    more = pd.read_csv(tmp_path / "annotations.csv")
    pd.testing.assert_frame_equal(everything, more[: len(everything)])


def test_negatives_without_a_dose_are_unirradiated(tmp_path):
    samples = simulate_set(
        tmp_path, n_images=8, dose_gy=None, seed=1, at_least_one_aberration=True,
        negative_fraction=0.5, n_workers=1, progress=False, **HALF,
    )  # fmt: skip
    negative = samples["dose_gy"] == 0
    assert 0 < negative.sum() < 8
    assert (samples.loc[~negative, ["n_dicentrics", "n_fragments"]].sum(axis=1) > 0).all()
    assert samples.loc[negative, ["n_dicentrics", "n_fragments"]].to_numpy().sum() == 0


def test_dose_series_negatives_and_reasons(tmp_path):
    samples = simulate_set(
        tmp_path, n_images=8, dose_gy=(0.0, 4.0), seed=5, reasons={"covered": 0.5},
        negative_fraction=0.5, sample="series", n_workers=1, progress=False, **HALF,
    )  # fmt: skip
    assert list(samples["sample"].unique()) == ["series_0_gy", "series_4_gy"]
    assert set(samples["dose_gy"][:8]) == {0.0}
    assert set(samples["dose_gy"][8:]) == {0.0, 4.0}
    assert (samples["dose_gy"] == samples["cell_dose_gy"]).all()
    assert set(samples["reason"]) == {"", "covered"}
    # A smaller set in the same folder leaves none of the earlier images behind.
    simulate_set(tmp_path, n_images=2, dose_gy=1.0, seed=5, n_workers=1, progress=False, **HALF)
    assert len(list((tmp_path / "images").iterdir())) == 2


def test_a_blind_sample_keeps_its_truth_apart(tmp_path):
    samples = simulate_set(
        tmp_path, n_images=4, dose_gy=4.0, seed=6, blind=True, fraction_irradiated=0.5,
        n_workers=1, progress=False, **HALF,
    )  # fmt: skip
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["dose_gy"] == 4.0
    assert truth["fraction_irradiated"] == 0.5
    assert truth["n_cells"] == 4 == sum(truth["cells_with_n_dicentrics"])
    assert samples["dose_gy"].isna().all()
    assert not {"cell_dose_gy", "n_dicentrics", "n_fragments"} & set(samples)
    assert not (tmp_path / "annotations.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_images": 0}, "n_images=0"),
        ({"negative_fraction": -0.1}, "0 to 1"),
        ({"reasons": {"dirty": 0.1}}, "unknown dirty"),
        ({"reasons": {"covered": 0.7, "several_cells": 0.7}}, "at most 1"),
        ({"dose_gy": ()}, "allowed are a dose"),
        ({"dose_gy": (1.0, -1.0)}, "0 to 15 Gy"),
        ({"height": 100}, "too small"),
    ],
)
def test_bad_sets_are_refused_before_anything_is_drawn(tmp_path, options, message):
    arguments = {"n_images": 2, "dose_gy": 1.0, "seed": 0, "progress": False, **HALF} | options
    with pytest.raises(InputError, match=message):
        simulate_set(tmp_path / "set", **arguments)
    assert not list((tmp_path).glob("set/images/*.png"))


SMALL = HALF | {"progress": False, "n_workers": 1, "seed": 0}


def test_the_truth_of_a_blind_set_is_its_own_dose_and_does_not_outlive_it(tmp_path):
    for seed in range(3):
        simulate_set(
            tmp_path, n_images=2, dose_gy=4.0, negative_fraction=0.5, blind=True,
            **SMALL | {"seed": seed},
        )  # fmt: skip
        truth = json.loads((tmp_path / "truth.json").read_text())
        assert (truth["dose_gy"], truth["negative_fraction"]) == (4.0, 0.5)
    with pytest.raises(InputError, match="a blind set has one dose"):
        simulate_set(tmp_path, n_images=1, dose_gy=[0.0, 3.0], blind=True, **SMALL)
    simulate_set(tmp_path, n_images=1, dose_gy=1.0, **SMALL)
    assert not (tmp_path / "truth.json").exists()


def test_bad_options_leave_the_images_that_are_there(tmp_path):
    simulate_set(tmp_path, n_images=3, dose_gy=0.0, **SMALL)
    with pytest.raises(InputError):
        simulate_set(tmp_path, n_images=1, dose_gy=0.0, **SMALL | {"height": 10, "width": 10})
    assert len(list((tmp_path / "images").iterdir())) == 3


def test_negatives_have_no_dose_from_the_other_part_either(tmp_path):
    table = simulate_set(
        tmp_path, n_images=4, dose_gy=4.0, negative_fraction=1.0,
        fraction_irradiated=0.3, other_dose_gy=4.0, **SMALL,
    )  # fmt: skip
    assert (table["cell_dose_gy"] == 0).all()


def test_the_highest_dose_can_be_drawn():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pieces = irradiate(rng, draw_counts(rng, Yields().means(HIGHEST_GY)))
        assert sum(len(piece.centromeres) for piece in pieces) == 46


def test_a_set_that_was_interrupted_has_no_samples(tmp_path, monkeypatch):
    simulate_set(tmp_path, n_images=2, dose_gy=0.0, seed=1, progress=False, **HALF)
    monkeypatch.setattr(cv2, "imwrite", lambda path, *_: not path.endswith("000001.png"))
    with pytest.raises(InputError, match=r"000001.png: cannot be written"):
        simulate_set(tmp_path, n_images=2, dose_gy=0.0, seed=2, progress=False, **HALF)
    assert not (tmp_path / "samples.csv").exists()
