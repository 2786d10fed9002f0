"""Threshold surfaces against labelling every threshold with scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dicentlib.errors import InputError
from dicentlib.evaluation import count_matches, threshold_surface
from dicentlib.evaluation.counts import sum_counts
from dicentlib.evaluation.surface import ThresholdSurface, image_counts
from dicentlib.voting import decide, vote


def labelled_counts(heatmaps, truth, surface):
    """tp, fp, fn of every ensemble and threshold by labelling each decision."""
    result = np.zeros((3, *surface.tp.shape), dtype=int)
    for e, members in enumerate(surface.ensembles):
        for c, confidence in enumerate(surface.confidence_thresholds):
            votes = [vote(stack[members], confidence_threshold=confidence) for stack in heatmaps]
            for a, agreement in enumerate(surface.agreement_thresholds):
                fired = [decide(v, agreement_threshold=int(agreement)) for v in votes]
                result[:, e, c, a] = sum_counts(map(count_matches, fired, truth))
    return result


def assert_equal_to_labelling(heatmaps, truth, **grid):
    surface = threshold_surface(heatmaps, truth, **grid)
    expected = labelled_counts(heatmaps, truth, surface)
    np.testing.assert_array_equal(np.stack([surface.tp, surface.fp, surface.fn]), expected)
    return surface


def stack_of_levels(levels, n_members):
    """Heatmaps whose votes at T_C = 0.5 are `levels`."""
    return (np.arange(n_members)[:, None, None] < levels).astype(np.float32)[None]


def ring(size, radius):
    rows, cols = np.indices((size, size)) - size // 2
    return np.maximum(abs(rows), abs(cols)) == radius


ADVERSARIAL = {
    "ring with a core": 3 * ring(11, 4) + 5 * ring(11, 0) + 1 * ring(11, 2),
    "nested rings rising inward": sum((5 - r) * ring(11, r) for r in range(5)),
    "nested rings falling inward": sum(r * ring(11, r) for r in range(6)),
    "bridge lower than its ends": np.array([[5, 5, 1, 5, 5], [5, 5, 0, 5, 5]]),
    "bridge of one level each": np.array([[5, 4, 3, 2, 1, 2, 3, 4, 5]]),
    "diagonal touch": np.array([[5, 0, 0], [0, 4, 0], [0, 0, 5]]),
    "checkerboard": 5 * (np.indices((7, 7)).sum(axis=0) % 2),
    "columns apart": np.tile([5, 0, 3, 0, 1], (6, 1)),
    "plateau": np.full((6, 8), 3),
    "full frame": np.full((6, 8), 5),
    "empty frame": np.zeros((6, 8), dtype=int),
    "comb joined at its foot": np.vstack([np.tile([5, 0], (4, 5)), np.full((1, 10), 2)]),
    "one row": np.array([[1, 5, 0, 5, 1]]),
    "one column": np.array([[1, 5, 0, 5, 1]]).T,
    "corners": np.pad(np.zeros((3, 3), int), 1, constant_values=0)
    + 5 * np.outer([1, 0, 0, 0, 1], [1, 0, 0, 0, 1]),
}


@pytest.mark.parametrize("truth_kind", ["none", "all", "same", "shifted", "every second"])
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_maps(name, truth_kind):
    levels = ADVERSARIAL[name]
    truth = {
        "none": np.zeros_like(levels, dtype=bool),
        "all": np.ones_like(levels, dtype=bool),
        "same": levels > 2,
        "shifted": np.roll(levels > 2, 1, axis=1),
        "every second": np.indices(levels.shape).sum(axis=0) % 2 == 0,
    }[truth_kind]
    assert_equal_to_labelling(
        stack_of_levels(levels, 5),
        truth[None],
        confidence_thresholds=[0.5],
        agreement_thresholds=range(5),
        ensembles=[range(5), [4, 3, 2, 1, 0], [0, 0, 1, 1, 2]],
    )


# Values on a coarse grid make many ties, and pixels exactly at a threshold.
STACKS = st.tuples(
    st.integers(1, 3), st.integers(1, 5), st.integers(1, 12), st.integers(1, 12)
).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.int8, shape, elements=st.integers(0, 4)).map(lambda a: a / np.float32(4)),
        hnp.arrays(bool, (shape[0], *shape[2:])),
    )
)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(stack=STACKS, data=st.data())
def test_random_maps(stack, data):
    heatmaps, truth = stack
    n_members = heatmaps.shape[1]
    size = data.draw(st.integers(1, n_members))
    ensembles = data.draw(hnp.arrays(np.int64, (2, size), elements=st.integers(0, n_members - 1)))
    thresholds = st.lists(st.sampled_from([0, 0.25, 0.3, 0.5, 0.75, 1]), min_size=1, max_size=4)
    assert_equal_to_labelling(
        heatmaps,
        truth,
        confidence_thresholds=data.draw(thresholds),
        agreement_thresholds=data.draw(
            st.lists(st.integers(0, size - 1), min_size=1, max_size=size)
        ),
        ensembles=ensembles,
    )


def test_smooth_maps_of_realistic_size():
    rng = np.random.default_rng(5)
    rows, cols = np.indices((60, 70))
    heatmaps = np.zeros((2, 4, 60, 70), dtype=np.float32)
    truth = np.zeros((2, 60, 70), dtype=bool)
    for image in range(2):
        for row, col in rng.uniform(0, 60, (8, 2)):
            truth[image] |= np.hypot(rows - row, cols - col) < 2.35
            for member in range(4):
                r, c = rng.normal((row, col), 1.5)
                bump = rng.uniform(0.2, 1) * np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / 8)
                np.maximum(heatmaps[image, member], bump, out=heatmaps[image, member])
    surface = assert_equal_to_labelling(
        heatmaps,
        truth,
        confidence_thresholds=np.linspace(0.05, 0.95, 19),
        agreement_thresholds=[0, 1, 2],
        ensembles=[[0, 1, 2], [1, 2, 3]],
    )
    assert surface.n_images == 2
    assert surface.tp.max() > 4


def test_equal_in_single_precision_at_the_threshold():
    heatmaps = np.full((1, 2, 1, 1), 0.6, dtype=np.float32)  # above the 64-bit 0.6
    surface = assert_equal_to_labelling(
        heatmaps,
        np.ones((1, 1, 1), bool),
        confidence_thresholds=[0.6],
        agreement_thresholds=[0],
        ensembles=[[0, 1]],
    )
    assert surface.tp.item() == 0


def test_streamed_images_of_different_sizes():
    rng = np.random.default_rng(2)
    heatmaps = [rng.random((3, 8, 9)), rng.random((3, 5, 4))]
    truth = [stack[0] > 0.8 for stack in heatmaps]
    grid = {
        "confidence_thresholds": [0.7, 0.3],
        "agreement_thresholds": [1],
        "ensembles": [[0, 1, 2]],
    }
    surface = threshold_surface(iter(heatmaps), iter(truth), **grid)
    per_image = list(image_counts(heatmaps, truth, **grid))
    np.testing.assert_array_equal(
        np.sum(per_image, axis=0), np.stack([surface.tp, surface.fp, surface.fn])
    )
    np.testing.assert_array_equal(labelled_counts(heatmaps, truth, surface)[0], surface.tp)


def test_undefined_precision_is_nan_and_recall_is_not():
    surface = threshold_surface(
        np.zeros((1, 1, 4, 4)),
        np.eye(4, dtype=bool)[None],
        confidence_thresholds=[0.5],
        agreement_thresholds=[0],
        ensembles=[[0]],
    )
    assert np.isnan(surface.precision).all()
    assert surface.recall.item() == 0
    assert surface.fn.item() == 1


def test_no_images_gives_zero_counts():
    surface = threshold_surface(
        [], [], confidence_thresholds=[0.5], agreement_thresholds=[0], ensembles=[[0]]
    )
    assert surface.n_images == 0
    assert np.isnan(surface.recall).all()


def test_surface_file_round_trip(tmp_path):
    rng = np.random.default_rng(3)
    surface = threshold_surface(
        rng.random((2, 3, 6, 6)),
        rng.random((2, 6, 6)) > 0.7,
        confidence_thresholds=[0.2, 0.6],
        agreement_thresholds=[0, 1],
        ensembles=[[0, 1], [1, 2]],
    )
    surface.write(tmp_path / "surface.npz")
    again = ThresholdSurface.read(tmp_path / "surface.npz")
    np.testing.assert_array_equal(again.tp, surface.tp)
    np.testing.assert_array_equal(again.precision, surface.precision)
    assert again.n_images == 2
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"broken\.npz: not a threshold surface"):
        ThresholdSurface.read(tmp_path / "broken.npz")


GRID = {"confidence_thresholds": [0.5], "agreement_thresholds": [0], "ensembles": [[0, 1]]}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"agreement_thresholds": [2]}, "agreement_threshold: 2 found; allowed: integers from 0"),
        ({"agreement_thresholds": [-1]}, "agreement_threshold: -1 found"),
        ({"confidence_thresholds": [1.01]}, "confidence_threshold: 1.01 found; allowed: 0 to 1"),
        ({"confidence_thresholds": []}, "empty; at least one each"),
        ({"ensembles": [[0, 3]]}, "ensembles: member 3 found; allowed: 0 to 2"),
        ({"ensembles": [[-1, 0]]}, "ensembles: member -1 found"),
        ({"ensembles": [0, 1]}, r"ensembles: shape \(2,\)"),
        ({"ensembles": [[0.0, 1.0]]}, "expected integers"),
    ],
)
def test_grids_that_cannot_be(change, match):
    with pytest.raises(InputError, match=match):
        threshold_surface(np.zeros((1, 3, 4, 4)), np.zeros((1, 4, 4), bool), **(GRID | change))


def test_unequal_shapes_and_numbers_are_refused():
    with pytest.raises(InputError, match=r"image 0: heatmaps \(3, 4, 4\) and truth \(4, 5\)"):
        threshold_surface(np.zeros((1, 3, 4, 4)), np.zeros((1, 4, 5), bool), **GRID)
    with pytest.raises(InputError, match=r"image 1: heatmaps \(2, 4, 4\) .* expected \(3, H, W\)"):
        threshold_surface(
            [np.zeros((3, 4, 4)), np.zeros((2, 4, 4))], np.zeros((2, 4, 4), bool), **GRID
        )
    with pytest.raises(InputError, match="truth: 1 images found; the other input has more"):
        threshold_surface(np.zeros((2, 3, 4, 4)), np.zeros((1, 4, 4), bool), **GRID)


def test_nan_names_the_image():
    heatmaps = np.zeros((2, 3, 4, 4))
    heatmaps[1, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="heatmaps of image 1: 1 NaN found"):
        threshold_surface(heatmaps, np.zeros((2, 4, 4), bool), **GRID)
