"""Measurements on images whose answers are known, and on real ones where they are at hand."""

from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.errors import InputError
from dicentlib.own_slides.appearance import (
    QUANTITIES,
    edge_width,
    measure_appearance,
    segment,
)
from dicentlib.plotting import metaphases as plots
from dicentlib.simulation import draw_metaphase
from studies.against_real import (
    REAL_RANGES,
    appearance_study,
    compare_appearance,
    transfer_study,
)
from studies.crops import chromosome_crops, compare_crops
from studies.figures import plot_appearance
from studies.transfer import (
    VARIABLE,
    adci_agreement,
    count_chromosomes,
    real_image_sets,
    score_real_sets,
)


def drawn_field(sigma=2.0):
    """Grey 0.9 with noise; 20 bars of 60 x 18 px at 0.3 and one disc of 130 px at 0.15."""
    image = np.full((700, 800), 0.9, np.float32)
    for k in range(20):
        row, col = 60 + 90 * (k // 5), 60 + 100 * (k % 5)
        image[row : row + 18, col : col + 60] = 0.3
    cv2.circle(image, (650, 600), 65, 0.15, -1)
    image = cv2.GaussianBlur(image, (0, 0), sigma)
    return image + np.random.default_rng(0).normal(0, 0.008, image.shape).astype(np.float32)


def test_quantities_of_a_drawn_field():
    found = measure_appearance(drawn_field())
    assert set(found.index) == set(QUANTITIES) == set(REAL_RANGES)
    assert found["background"] == pytest.approx(0.9, abs=0.005)
    # A 5-px high pass leaves 1 - 1 / (4 pi 2.5^2) of the variance of white noise.
    assert found["noise"] == pytest.approx(0.008, rel=0.05)
    assert found["n_components"] == 21
    assert found["n_nuclei"] == 1
    assert found["nucleus_px"] == pytest.approx(131, abs=2)
    assert found["nucleus_grey"] == pytest.approx(0.17, abs=0.02)
    assert found["length_px"] == pytest.approx(60, abs=2)
    assert found["width_px"] == pytest.approx(18, abs=1)
    assert found["area_px"] == pytest.approx(60 * 18, rel=0.05)
    assert found["chromosome_core"] == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("sigma", [1.5, 2.5, 3.5])
def test_edge_width_is_that_of_a_blurred_step(sigma):
    # A step blurred by a Gaussian rises from 10 to 90 % over 2.563 sigma.
    image = np.full((200, 200), 0.9, np.float32)
    image[60:140, 60:140] = 0.2
    image = cv2.GaussianBlur(image, (0, 0), sigma)
    labels, table = segment(image)
    width = edge_width(image, labels, table["component"])
    assert width == pytest.approx(2.563 * sigma, abs=0.5)


def test_nothing_to_measure_is_nan():
    image = np.full((100, 100), 0.9, np.float32)
    image[:2, :2] = 0.1
    found = measure_appearance(image)
    assert np.isnan(found["edge_px"])
    assert np.isnan(found["spread_px"])
    assert found["n_nuclei"] == 0


def test_images_too_small_to_measure_are_refused():
    with pytest.raises(InputError, match="at least 64 x 64"):
        segment(np.ones((10, 10)))


def test_comparison_flags_what_is_off():
    middle = {name: median for name, (_, median, _) in REAL_RANGES.items()}
    simulated = pd.DataFrame([middle] * 5)
    simulated["width_px"] *= 1.2
    simulated["noise"] *= 10
    table = compare_appearance(simulated)
    assert table.loc["width_px", "ratio"] == pytest.approx(1.2)
    assert table.loc["width_px", "inside"]
    assert not table.loc["noise", "inside"]
    assert (~table["within_15_percent"]).sum() == 2


def test_simulated_medians_lie_in_the_real_ranges():
    rows = [
        measure_appearance(draw_metaphase((77, i), dose_gy=1.0, height=1024, width=1280).image)
        for i in range(8)
    ]
    table = compare_appearance(pd.DataFrame(rows))
    # Eight images: the median of a wide quantity may still fall outside once or twice.
    assert table["inside"].sum() >= 16


def test_crops_hold_single_chromosomes():
    crops, features = chromosome_crops(drawn_field())
    assert crops.shape == (20, 96, 96)
    assert len(features) == 20
    assert features["length"].median() == pytest.approx(60, abs=2)
    assert features.notna().all().all()


def test_classifier_finds_a_difference_and_none_where_there_is_none():
    sharp, soft = chromosome_crops(drawn_field(1.5))[1], chromosome_crops(drawn_field(3.0))[1]
    images = [f"{kind}{k % 5}" for kind in "ab" for k in range(20)]
    real = [True] * 20 + [False] * 20
    different = compare_crops(pd.concat([sharp, soft], ignore_index=True), images, real)
    assert different.auc > 0.99
    noise = pd.DataFrame(np.random.default_rng(3).normal(size=(400, 4)), columns=list("abcd"))
    images = [f"{k % 20}" for k in range(400)]
    alike = compare_crops(noise, images, [int(name) < 10 for name in images])
    assert alike.auc == pytest.approx(0.5, abs=0.12)  # standard error about 0.03
    assert len(alike.scores) == 400


def test_too_few_images_for_the_folds_are_refused():
    with pytest.raises(InputError, match="2 real images"):
        compare_crops(pd.DataFrame({"a": [1.0] * 4}), ["r", "s", "t", "u"], [1, 1, 0, 0])


def test_agreement_counts_detections_inside_called_boxes():
    objects = pd.DataFrame(
        {"image": ["a.tif", "a.tif", "b.tif"], "x": [10, 200, 5], "y": [20, 200, 5],
         "w": [50, 50, 9], "h": [40, 40, 9], "n_sigma_DC": [3, 0, 1]}
    )  # fmt: skip
    detections = pd.DataFrame(
        {"image": ["a.tif", "a.tif", "a.tif"], "class": ["dicentric", "dicentric", "fragment"],
         "row": [30.0, 210.0, 30.0], "col": [40.0, 210.0, 40.0]}
    )  # fmt: skip
    table = adci_agreement(detections, objects).set_index("image")
    assert table.loc["a.tif"].to_dict() == {"adci": 1, "detected": 2, "both": 1}
    assert table.loc["b.tif"].to_dict() == {"adci": 1, "detected": 0, "both": 0}


def test_without_real_images_there_is_nothing_to_transfer_to(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert real_image_sets() == {}
    transfer = score_real_sets({}, None, out=tmp_path)
    assert transfer.detections.empty
    assert transfer.summary.empty
    with pytest.raises(InputError, match="no such folder"):
        real_image_sets(tmp_path / "nowhere")
    assert transfer_study(None, tmp_path / "out").empty
    assert (tmp_path / "out" / "transfer.csv").is_file()


def test_the_study_of_appearance_without_real_images(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    table, auc = appearance_study(tmp_path, n_images=1)
    assert auc is None
    assert table["real_median"].notna().all()
    assert pd.read_csv(tmp_path / "appearance.csv", index_col=0).index.tolist() == list(QUANTITIES)
    for name in ("appearance", "crops"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


@pytest.mark.real
def test_real_images_measure_as_stored(real_data):
    sets = real_image_sets(real_data)
    assert count_chromosomes("cohesion_giemsa", sets["cohesion_giemsa"]) == 465
    path = sorted(Path(sets["adci_demo"]).glob("*.TIF"))[6]
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    found = measure_appearance(image).dropna()  # there is no nucleus on it
    ranges = pd.DataFrame(REAL_RANGES, index=["low", "median", "high"]).T.loc[found.index]
    assert len(found) >= 16
    slack = 0.02 * ranges["median"]
    assert ((found >= ranges["low"] - slack) & (found <= ranges["high"] + slack)).all()


def test_figures_show_what_they_were_given():
    cell = draw_metaphase(
        2, dose_gy=None, at_least_one_aberration=True, height=444, width=504, pixel_size_um=0.2
    )
    fig, axs = plt.subplots(1, 4)
    plots.plot_marked_metaphase(cell.image, cell.annotations, ax=axs[0], title="a cell")
    assert len(axs[0].patches) == len(cell.annotations)
    plots.plot_count_distribution([0, 0, 1, 2], 0.75, ax=axs[1])
    assert axs[1].get_xlabel() == "Dicentrics per cell"
    table = pd.DataFrame({"dose_gy": [0.0, 2.0], "n_cells": [10, 10], "n_dicentrics": [0, 3]})
    plots.plot_yield_by_dose(table, lambda dose: 0.1 * dose, ax=axs[2])
    assert axs[2].get_xlabel() == "Dose (Gy)"
    simulated = pd.DataFrame([{name: m for name, (_, m, _) in REAL_RANGES.items()}])
    plot_appearance(compare_appearance(simulated), ax=axs[3], labels=QUANTITIES)
    assert len(axs[3].get_yticklabels()) == len(QUANTITIES)
    plt.close(fig)


def test_simulate_command_writes_a_set(tmp_path):
    folder = tmp_path / "set"
    half = ["--height", "444", "--width", "504", "--pixel-size-um", "0.2", "--workers", "1"]
    done = CliRunner().invoke(app, ["simulate", str(folder), "--n-images", "2", *half])
    assert done.exit_code == 0
    samples = pd.read_csv(folder / "samples.csv")
    assert (samples["n_dicentrics"] + samples["n_fragments"] >= 1).all()
    for dose, message in (("-1", "0 to 15 Gy"), ("much", "allowed: doses")):
        wrong = CliRunner().invoke(app, ["simulate", str(folder), "--dose-gy", dose, *half])
        assert wrong.exit_code == 2
        assert message in " ".join(wrong.output.replace("│", " ").split())
