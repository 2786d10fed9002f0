import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dicentlib.data import CLASSES
from dicentlib.data.targets import target_heatmaps
from dicentlib.plotting.training import (
    plot_false_by_epoch,
    plot_heatmaps_over_epochs,
    plot_losses,
    plot_rate_by_epoch,
    plot_sample,
)
from dicentlib.training import epoch_rates

POINTS = {"dicentric": np.array([[20.0, 30.0]]), "fragment": np.empty((0, 2))}


@pytest.fixture
def metrics():
    table = pd.DataFrame({"epoch": [1, 2], "train_loss": [9.0, 5.0], "validation_loss": [90, 80]})
    for name in CLASSES:
        table = table.assign(
            **{f"{name}_tp": [0, 3], f"{name}_fp": [0, 1], f"{name}_fn": [4, 1]},
            **{f"zero_dose_false_{name}s": [0, 1]},
        )
    return table.assign(zero_dose_images=[20, 20])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_rates_and_their_gaps(metrics):
    rates = epoch_rates(metrics)
    assert np.isnan(rates["dicentric_precision"][0])
    assert rates["dicentric_precision"][1] == 0.75
    assert rates["fragment_recall"].tolist() == [0, 0.75]
    assert rates["false_dicentrics_per_1000"].tolist() == [0, 50]
    none = epoch_rates(metrics.assign(zero_dose_images=0))
    assert none["false_dicentrics_per_1000"].isna().all()


def test_curves_by_epoch(metrics):
    _, axs = plt.subplots(1, 3)
    rates = epoch_rates(metrics)
    plot_losses(metrics, ax=axs[0])
    plot_rate_by_epoch(rates, "recall", ax=axs[1])
    plot_false_by_epoch(rates, ax=axs[2])
    assert axs[0].get_ylabel() == "Training loss per sample"
    assert [ax.get_xlabel() for ax in axs] == ["Epoch"] * 3
    assert [line.get_label() for line in axs[1].lines] == list(CLASSES)
    np.testing.assert_array_equal(axs[1].lines[0].get_ydata(), [0, 0.75])
    np.testing.assert_array_equal(axs[2].lines[0].get_ydata(), [0, 50])


def test_sample_shows_contours_and_points():
    target = target_heatmaps(POINTS, (64, 64))
    sample = {"image": np.ones((1, 64, 64)), "target": target, "points": POINTS, "name": "a"}
    ax = plot_sample(sample, ax=plt.subplots()[1])
    assert len(ax.images) == 1
    assert len(ax.collections) == 1  # one class has a target
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[30, 20]])


def test_heatmaps_over_epochs_are_named():
    _, axs = plt.subplots(2, 3)
    heatmaps = np.zeros((2, 2, 16, 16))
    plot_heatmaps_over_epochs(np.ones((64, 64)), POINTS, heatmaps, [1, 9], axs=axs)
    assert [ax.get_title() for ax in axs[0]] == ["image", "epoch 1", "epoch 9"]
    assert axs[1, 0].get_ylabel() == "fragment"
    assert axs[0, 1].images[0].get_clim() == (0, 1)
