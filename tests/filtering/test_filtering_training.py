"""Training of the filter, its assessment and its figures, on drawn inputs."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dicentlib.calibration import CalibrationCurve
from dicentlib.errors import InputError
from dicentlib.filtering import FilterRules, build_network
from dicentlib.filtering.assessment import filter_effect, reliability_by_probability
from dicentlib.filtering.gallery import choose_gallery
from dicentlib.filtering.image_set import open_filter_set
from dicentlib.filtering.network import N_HINTS, as_batch
from dicentlib.filtering.training import (
    AUXILIARY_WEIGHT,
    COUNT_WEIGHT,
    FilterModule,
    FilterTrainingParameters,
    augment,
    auxiliary_loss,
    train_filter,
)
from dicentlib.plotting.filtering import plot_filter_effect, plot_gallery
from dicentlib.simulation import REASONS, simulate_set
from dicentlib.widgets.filtering import ThresholdSlider

LIGHTNING = pytest.mark.filterwarnings("ignore")


def spots(n, *, seed):
    """Half the inputs have a dark square somewhere: those are available."""
    rng = np.random.default_rng(seed)
    inputs = np.full((n, 128, 128), 250, np.uint8)
    available = np.arange(n) % 2 == 0
    for index in np.flatnonzero(available):
        row, col = rng.integers(30, 70, 2)
        inputs[index, row : row + 30, col : col + 30] = 20
    return inputs, available


@LIGHTNING
def test_training_learns_and_keeps_the_best_epoch():
    recipe = FilterTrainingParameters(architecture="small", epochs=4, batch_size=8, seed=1)
    trained = train_filter(spots(48, seed=0), spots(16, seed=1), parameters=recipe, progress=False)
    history = trained.history
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["training_loss"].iloc[-1] < 0.5 * history["training_loss"].iloc[0]
    best = history.set_index("epoch")["validation_loss"]
    assert best[trained.best_epoch] == best.min()
    inputs, available = spots(16, seed=1)
    with torch.inference_mode():
        logits = trained.network(as_batch(inputs))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.as_tensor(available, dtype=torch.float32)
    )
    assert loss.item() == pytest.approx(best.min(), rel=1e-3)


@LIGHTNING
def test_a_start_is_kept_where_training_makes_it_worse():
    torch.manual_seed(0)
    start = build_network("small")
    recipe = FilterTrainingParameters(architecture="small", epochs=1, batch_size=8, seed=0)
    inputs, available = spots(16, seed=0)
    trained = train_filter(
        (inputs, ~available), (inputs, available), parameters=recipe, start=start, progress=False
    )
    assert trained.history["epoch"].tolist() == [0, 1]
    assert np.isnan(trained.history["training_loss"][0])
    assert trained.history["validation_loss"].idxmin() == 0
    assert trained.best_epoch == 0
    for old, new in zip(start.parameters(), trained.network.parameters(), strict=True):
        torch.testing.assert_close(old, new)


def test_auxiliary_loss_by_hand():
    one = torch.tensor([2.0])
    plain = torch.nn.functional.binary_cross_entropy_with_logits(one, torch.tensor([1.0]))
    assert auxiliary_loss(one, torch.tensor([1.0]), None) == plain
    out = torch.tensor([[0.0, 0.0, 0.0, 2.0, 1.5], [0.0, 0.0, 0.0, 0.0, 0.5]])
    hints = torch.tensor([[0.0, 0.0, 1.0, 1.0, 1.0], [np.nan] * 5])
    first = 3 * np.log(2) + np.log1p(np.exp(-2)) + COUNT_WEIGHT * 0.5
    loss = auxiliary_loss(out, torch.zeros(2), hints)  # the second image has no hints
    assert loss.item() == pytest.approx(first / 2, rel=1e-6)


@LIGHTNING
def test_hints_teach_the_number_of_bodies():
    """The number of squares is learnt, though the answer does not depend on it."""
    rng = np.random.default_rng(0)
    inputs, available = spots(96, seed=0)
    hints = np.full((96, N_HINTS), np.nan)
    for index in range(96):
        n_more = rng.integers(0, 4)
        for col in 30 * np.arange(n_more):
            inputs[index, 105:120, col : col + 20] = 20
        hints[index, -1] = n_more / 4
    recipe = FilterTrainingParameters(
        architecture="small", epochs=12, batch_size=8, free_rotation=False, dropout=0, decay=1
    )
    trained = train_filter(
        (inputs, available), (inputs, available), hints=hints, parameters=recipe, progress=False
    )
    network = trained.network.train()
    with torch.inference_mode():
        counted = network(as_batch(inputs))[1][:, -1].numpy()
    assert np.corrcoef(counted, hints[:, -1])[0, 1] > 0.75
    with pytest.raises(InputError, match=r"hints of shape \(96, 2\); expected \(96, 5\)"):
        train_filter((inputs, available), (inputs, available), hints=hints[:, :2])


def test_training_needs_both_kinds():
    inputs, _ = spots(4, seed=0)
    both = np.array([True, False, True, False])
    with pytest.raises(InputError, match="validation set: 4 inputs, 4 answers of 1 kinds"):
        train_filter((inputs, both), (inputs, both | True))


def test_parameters_are_checked():
    with pytest.raises(InputError, match="decay is 0"):
        FilterTrainingParameters(decay=0)
    with pytest.raises(InputError, match="epochs is 0"):
        FilterTrainingParameters(epochs=0)


def test_augmentation_by_quarter_turns_moves_pixels_and_changes_none():
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(1, 1, 32, 32, generator=generator)
    turned = augment(image.repeat(16, 1, 1, 1), generator=generator, free_rotation=False)
    expected = [torch.rot90(f, k, (2, 3)) for f in (image, image.flip(3)) for k in range(4)]
    distances = [[(one[None] - other).abs().max().item() for other in expected] for one in turned]
    assert np.max(np.min(distances, axis=1)) < 1e-3
    assert len(np.unique(np.argmin(distances, axis=1))) > 3


def test_inputs_are_prepared_and_turned_where_they_lie():
    # "meta" stands for a GPU: a tensor there cannot be read by NumPy
    inputs = torch.zeros(3, 20, 20, dtype=torch.uint8, device="meta")
    turned = augment(as_batch(inputs), generator=torch.Generator().manual_seed(0))
    assert turned.device.type == "meta"
    assert turned.shape == (3, 1, 20, 20)


def test_augmentation_fills_with_background():
    turned = augment(
        as_batch(np.full((8, 32, 32), 255)), generator=torch.Generator().manual_seed(0)
    )
    assert not turned.any()


def test_augmentation_shifts_as_far_as_the_zoom_leaves_room():
    image = torch.zeros(1, 1, 64, 64)
    image[..., 22:42, 22:42] = -1
    turned = augment(image.repeat(300, 1, 1, 1), generator=torch.Generator().manual_seed(0))[:, 0]
    weight = turned / turned.sum((1, 2), keepdim=True)
    place = torch.arange(64.0) - 31.5
    off = torch.stack([(weight.sum(2) * place).sum(1), (weight.sum(1) * place).sum(1)]).abs()
    # a zoom of 0.7 leaves 0.3 of the half width, more along a diagonal and when stretched
    assert 0.2 * 32 < off.max() < 0.3 * 32 * 1.42 * 1.12
    rim = torch.cat([turned[:, 0], turned[:, -1], turned[:, :, 0], turned[:, :, -1]], dim=1)
    assert not rim.any()


def test_effect_by_hand():
    # 4 cells with 0, 1, 1, 2: mean 1, variance (0 + 1 + 1 + 4 - 16/4) / 3 = 2/3
    curve = CalibrationCurve((0.0, 0.0, 0.25), np.zeros((3, 3)))
    effect = filter_effect([0, 1, 1, 2, 5], [True, True, True, True, False], curve=curve)
    assert effect.loc["kept", "yield"] == 1
    assert effect.loc["kept", "dispersion_index"] == pytest.approx(2 / 3)
    assert effect.loc["kept", "dose_gy"] == pytest.approx(2.0)  # 0.25 D^2 = 1
    assert effect.loc["rejected", "n_dicentrics"] == 5
    assert effect["n_cells"].tolist() == [5, 4, 1]


def test_effect_of_keeping_nothing():
    effect = filter_effect([1, 2], [False, False])
    assert effect["n_cells"].tolist() == [2, 0, 2]
    assert np.isnan(effect.loc["kept", "yield"])


def test_reliability_counts_every_image_once():
    p = np.array([0.0, 0.01, 0.5, 0.99, 1.0])
    table = reliability_by_probability(p, [False, True, True, True, True])
    assert table["n"].sum() == 5
    assert table["observed"].tolist() == [0.5, 1.0, 1.0]
    assert table["predicted"].iloc[-1] == pytest.approx(0.995)


def filter_table():
    n = 6
    return pd.DataFrame(
        {
            "image": [f"{k}.png" for k in range(n)],
            "p_available": [0.1, 0.3, 0.45, 0.55, 0.7, np.nan],
            "available": False,
            "reason": "",
            "n_objects": 46,
            "overlap": 0.0,
            "second_cell": 0.0,
            "particles": 0.0,
            "edge_width": 0.3,
        }
    )


def test_gallery_shows_what_the_threshold_decides():
    gallery = choose_gallery(filter_table(), threshold=0.5, rules=FilterRules(), n_images=2)
    assert gallery.table["image"].tolist() == ["3.png", "2.png"]
    assert gallery.table["available"].tolist() == [True, False]
    assert (gallery.n_kept, gallery.n_rejected) == (2, 4)


def test_moving_the_slider_changes_the_gallery():
    images = {f"{k}.png": np.full((20, 30), 0.5) for k in range(6)}
    widget = ThresholdSlider(filter_table(), images, rules=FilterRules())
    assert widget.summary.value == "2 kept, 4 rejected"
    widget.slider.value = 0.2
    assert widget.threshold == 0.2
    assert widget.summary.value == "4 kept, 2 rejected"
    assert widget.errors.outputs == ()


def test_figures_say_what_they_show():
    fig, axs = plt.subplots(1, 2)
    plot_gallery([np.zeros((4, 4))], ["good"], [True], axs=axs)
    assert axs[0].get_title() == "good"
    assert not axs[1].images
    plot_filter_effect(filter_effect([1, 2, 0], [True, True, False]), axs=axs)
    assert [text.get_text() for text in axs[0].get_xticklabels()][1] == "kept\n(2 cells)"
    plt.close(fig)


def test_set_of_simulated_images(tmp_path):
    simulate_set(
        tmp_path, n_images=4, dose_gy=0.0, seed=0, height=444, width=504, pixel_size_um=0.2,
        reasons={"few_chromosomes": 0.5}, n_workers=1, progress=False,
    )  # fmt: skip
    opened = open_filter_set(tmp_path)
    few = opened.table["true_reason"] == "few_chromosomes"
    assert opened.hints[:, REASONS.index("few_chromosomes")].tolist() == few.tolist()
    assert ((46 * opened.hints[:, -1] < 40) == few).all()
    assert opened.inputs.shape == (4, 299, 299)
    assert opened.available.tolist() == (opened.table["true_reason"] == "").tolist()
    images = sorted((tmp_path / "images").glob("*.png"))
    Image.new("L", (504, 444), 200).save(images[1])
    images[2].write_bytes(b"no image")
    with pytest.warns(UserWarning, match="2 images left out, for example images/000002.png"):
        rest = open_filter_set(tmp_path)
    assert rest.table["image"].tolist() == opened.table["image"].tolist()[::3]
    assert (rest.inputs == opened.inputs[::3]).all()
    for path in images[0], images[3]:
        Image.new("L", (504, 444), 200).save(path)
    with pytest.raises(InputError, match="4 images left out"):
        open_filter_set(tmp_path)
    (tmp_path / "samples.csv").unlink()
    with pytest.raises(InputError, match="no column quality"):
        open_filter_set(tmp_path)


def test_the_papers_recipe():
    recipe = FilterTrainingParameters()
    numbers = (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.decay, recipe.dropout)
    assert numbers == (20, 32, 1e-3, 0.9, 0.2)
    assert AUXILIARY_WEIGHT == 0.4
    module = FilterModule(build_network("small"), recipe)
    setup = module.configure_optimizers()
    assert isinstance(setup["optimizer"], torch.optim.Adam)
    assert not isinstance(setup["lr_scheduler"], dict)  # so the engine steps it once per epoch
    rates = []
    for _ in range(3):
        rates.append(setup["optimizer"].param_groups[0]["lr"])
        setup["optimizer"].step()
        setup["lr_scheduler"].step()
    np.testing.assert_allclose(rates, [1e-3, 0.9e-3, 0.81e-3])
