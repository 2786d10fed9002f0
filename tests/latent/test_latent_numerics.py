"""Points, alignment, regions, trajectories and rank correlation on arrays with known answers."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ortho_group, spearmanr

from dicentlib.data.targets import truth_masks
from dicentlib.errors import InputError
from dicentlib.evaluation import vote_entropy
from dicentlib.latent.alignment import align_epochs, project
from dicentlib.latent.disagreement import (
    RankCorrelation,
    object_table,
    rank_correlation,
    rank_correlations,
    vote_titles,
    voting_thresholds,
)
from dicentlib.latent.limits import choose_epochs, limitations
from dicentlib.latent.points import POINT_CLASSES, cells_of, class_codes, sample_points
from dicentlib.latent.regions import (
    Regions,
    class_probabilities,
    entropy,
    entropy_at,
    fit_classifier,
    fit_regions,
    mean_probabilities,
)
from dicentlib.latent.trajectories import cluster_trajectories, linked_points, trajectory_table
from dicentlib.operating_point import OperatingPoint

LN3 = np.log(3)


def truth(*rows):
    return pd.DataFrame(rows, columns=["image", "class", "row", "col"])


# Points -----------------------------------------------------------------------------------


def test_no_background_place_lies_in_a_truth_disk_and_all_are_distinct():
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, [96, 128], size=(12, 2))
    annotations = truth(*(("a", "dicentric", row, col) for row, col in positions))
    points = sample_points(annotations, {"a": (96, 128)}, n_background=150, seed=3)
    background = points[points["class"] == "background"]
    cells = cells_of(background[["row", "col"]])
    disks = truth_masks({"dicentric": positions}, (96, 128))[0]
    assert len(background) == 150
    assert not disks[tuple(cells.T)].any()
    assert len(np.unique(cells, axis=0)) == 150
    assert (cells.min(axis=0) >= 0).all()
    assert (cells.max(axis=0) < [24, 32]).all()


def test_background_can_fill_exactly_what_the_truth_disks_leave():
    annotations = truth(("a", "fragment", 30.0, 30.0))
    free = 16 * 16 - truth_masks({"fragment": [(30, 30)]}, (64, 64))[1].sum()
    points = sample_points(annotations, {"a": (64, 64)}, n_background=int(free))
    assert len(points) == 1 + free
    with pytest.raises(InputError, match=f"a: {free} places outside the truth disks, 256 asked"):
        sample_points(annotations, {"a": (64, 64)}, n_background=256)


def test_places_depend_on_seed_and_image_name_alone():
    shapes = {"a": (64, 64), "b": (64, 64)}
    both = sample_points(truth(), shapes, seed=1)
    alone = sample_points(truth(), {"b": (64, 64)}, seed=1)
    other = sample_points(truth(), {"b": (64, 64)}, seed=2)
    pd.testing.assert_frame_equal(both[both["image"] == "b"].reset_index(drop=True), alone)
    assert not alone.equals(other)
    assert not np.array_equal(
        both.loc[both["image"] == "a", ["row", "col"]].to_numpy(), alone[["row", "col"]].to_numpy()
    )


def test_aberrations_keep_class_and_position_and_images_without_any_give_background():
    annotations = truth(("b", "fragment", 5.5, 60.0), ("b", "dicentric", 40.0, 9.0))
    points = sample_points(annotations, {"a": (64, 64), "b": (64, 64)}, n_background=3)
    assert points["image"].tolist() == ["a"] * 3 + ["b"] * 5
    assert (
        points["class"].tolist()
        == ["background"] * 3 + ["fragment", "dicentric"] + ["background"] * 3
    )
    assert_array_equal(points.loc[3:4, ["row", "col"]], [[5.5, 60.0], [40.0, 9.0]])
    assert_array_equal(class_codes(points), [2, 2, 2, 1, 0, 2, 2, 2])


def test_the_scale_of_the_heatmap_cell_follows_the_image():
    points = sample_points(truth(), {"a": (128, 128)}, n_background=256, stride_px=8.0)
    assert len(points) == 256
    assert_allclose(np.sort(points["row"].unique()), np.arange(16) * 8 + 3.5)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (truth(("a", "dicentric", 64.0, 3.0)), "a: point .*outside its image of 64 x 64"),
        (truth(("c", "dicentric", 3.0, 3.0)), "image c is not among the 1 images"),
        (truth(("a", "ring", 3.0, 3.0)), "class 'ring'; allowed: dicentric, fragment"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(annotations, message):
    with pytest.raises(InputError, match=message):
        sample_points(annotations, {"a": (64, 64)})


# Alignment --------------------------------------------------------------------------------


def moved_copies(seed=0, n=60, width=16, n_epochs=4):
    """The same cloud, turned, scaled and shifted anew at every epoch."""
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(n, width))
    turns = ortho_group.rvs(width, size=n_epochs, random_state=seed)
    copies = [
        scale * cloud @ turn + rng.normal(size=width)
        for scale, turn in zip(rng.uniform(0.1, 20, n_epochs), turns, strict=True)
    ]
    return np.stack(copies)


@pytest.mark.parametrize("reference", ["first", "last", "generalised"])
def test_a_rotated_scaled_shifted_copy_aligns_exactly(reference):
    copies = moved_copies()
    aligned, disparity = align_epochs(
        copies, reference=reference, out=np.empty(copies.shape, np.float64)
    )
    assert_allclose(aligned - aligned[:1], 0, atol=1e-12)
    assert_allclose(disparity, 0, atol=1e-12)
    # The reference is brought to root mean square radius 1 round the origin.
    assert_allclose(aligned.mean(axis=1), 0, atol=1e-12)
    assert_allclose((aligned[0] ** 2).sum(axis=-1).mean(), 1)


def test_the_reference_keeps_its_orientation():
    copies = moved_copies()
    for reference, epoch in (("first", 0), ("last", -1)):
        aligned, _ = align_epochs(copies, reference=reference)
        centred = copies[epoch] - copies[epoch].mean(axis=0)
        scale = np.sqrt((centred**2).sum(axis=-1).mean())
        assert_allclose(aligned[epoch], centred / scale, atol=1e-5)


def test_alignment_reaches_the_distance_that_procrustes_theory_gives():
    # For centred unit-norm A, B the least |A - s B R|^2 is 1 - (sum of singular values of A'B)^2.
    a, b = np.random.default_rng(5).normal(size=(2, 40, 7))
    aligned, disparity = align_epochs(np.stack([a, b]), out=np.empty((2, 40, 7)))
    unit = [(x - x.mean(0)) / np.linalg.norm(x - x.mean(0)) for x in (a, b)]
    nuclear = np.linalg.svd(unit[0].T @ unit[1], compute_uv=False).sum()
    assert_allclose(disparity, [0, 1 - nuclear**2], atol=1e-12)
    assert_allclose(((aligned[0] - aligned[1]) ** 2).sum() / 40, 1 - nuclear**2)


def test_generalised_alignment_lies_closer_to_all_epochs_than_any_single_reference():
    rng = np.random.default_rng(2)
    noisy = moved_copies(n_epochs=6)
    noisy += 0.3 * noisy.std(axis=(1, 2), keepdims=True) * rng.normal(size=noisy.shape)
    sums = {r: align_epochs(noisy, reference=r)[1].sum() for r in ("first", "generalised")}
    assert sums["generalised"] < sums["first"]


def test_alignment_streams_into_a_memory_mapped_file(tmp_path):
    copies = moved_copies().astype(np.float32)
    out = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, copies.shape)
    aligned, _ = align_epochs(copies, out=out)
    assert aligned is out
    assert_allclose(np.load(tmp_path / "a.npy"), align_epochs(copies)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[0], "expected \\(epochs, points, channels\\)"),
        (lambda f: np.where(np.arange(4)[:, None, None] == 2, np.nan, f), "epoch 2 .*NaN"),
        (lambda f: np.where(np.arange(4)[:, None, None] == 1, 3.0, f), "epoch 1 .*60 points coinc"),
    ],
)
def test_features_that_cannot_be_aligned_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        align_epochs(change(moved_copies()))


def test_an_unknown_reference_is_refused():
    with pytest.raises(InputError, match="'best'; allowed: first, last, generalised"):
        align_epochs(moved_copies(), reference="best")


def test_projection_finds_the_plane_that_holds_all_variance():
    rng = np.random.default_rng(0)
    plane = ortho_group.rvs(20, random_state=1)[:2]
    flat = rng.normal(size=(3, 200, 2)) * [3.0, 1.0]
    projection = project(flat @ plane)
    centred = flat.reshape(-1, 2) - flat.reshape(-1, 2).mean(axis=0)
    expected = np.linalg.svd(centred, compute_uv=False) ** 2
    assert_allclose(projection.explained, expected / expected.sum(), rtol=1e-6)
    # Distances in the plane survive.
    found = projection.coordinates.reshape(-1, 2)
    assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(centred, axis=1), rtol=1e-5)


def test_one_channel_projects_to_a_line():
    projection = project(np.arange(12.0).reshape(2, 6, 1))
    assert projection.coordinates.shape == (2, 6, 2)
    assert_allclose(projection.explained, [1, 0])
    assert_allclose(projection.coordinates[..., 1], 0)


# Regions ----------------------------------------------------------------------------------

CENTRES = np.array([[0.0, 4.0], [4.0, -2.0], [-4.0, -2.0]])


def clouds(n=60, spread=0.5, seed=0, n_epochs=2):
    """Three separated clouds, one per class, in each of `n_epochs` epochs."""
    codes = np.repeat([0, 1, 2], n)
    noise = np.random.default_rng(seed).normal(scale=spread, size=(n_epochs, 3 * n, 2))
    return CENTRES[codes] + noise, codes


def test_three_separated_clouds_give_the_right_regions():
    coordinates, codes = clouds()
    regions = fit_regions(coordinates, codes, grid_size=41, progress=False)
    assert_allclose(regions.probabilities.sum(axis=-1), 1)
    mean = mean_probabilities(regions)
    for code, (x, y) in enumerate(CENTRES):
        column, row = np.abs(regions.x - x).argmin(), np.abs(regions.y - y).argmin()
        assert mean[row, column].argmax() == code
        assert mean[row, column, code] > 0.9
    middle = entropy_at(regions, np.array([0.0, 0.0]))
    assert (entropy_at(regions, CENTRES) < 0.5 * middle).all()


def test_shuffled_labels_give_chance():
    # 200 points a class: the mean probability of the true class is 1/3 within a few hundredths.
    coordinates, codes = clouds(n=200, n_epochs=1)
    shuffled = np.random.default_rng(1).permutation(codes)
    classifier = fit_classifier(coordinates[0], shuffled)
    new = class_probabilities(classifier, clouds(n=200, seed=7, n_epochs=1)[0][0], shuffled)
    assert_allclose(new[np.arange(600), codes].mean(), 1 / 3, atol=0.05)
    assert (entropy(new) > 0.9 * LN3).all()


def test_the_number_of_background_places_does_not_move_the_border():
    # Two clouds mirrored in x = 0: the border stays there when one has ten times the points.
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(400, 2))
    shift = np.array([1.0, 0.0])
    few = np.concatenate([cloud[:40] + shift, cloud * (-1, 1) - shift])
    codes = np.repeat([0, 2], [40, 400])
    p = class_probabilities(fit_classifier(few, codes), np.array([[0.0, 0.0]]), codes)
    assert p[0, 1] == 0
    assert_allclose(p[0, 0], 0.5, atol=0.15)


def test_entropy_is_zero_when_certain_and_ln_3_when_uniform():
    assert_array_equal(entropy(np.eye(3)), [0, 0, 0])
    assert_allclose(entropy(np.full((4, 5, 3), 1 / 3)), np.full((4, 5), LN3))
    assert_allclose(entropy([0.5, 0.5, 0.0]), np.log(2))


def test_two_epochs_that_disagree_with_certainty_leave_ln_2():
    # Equation 8 by hand: the mean of (1, 0, 0) and (0, 1, 0) is (1/2, 1/2, 0).
    probabilities = np.zeros((3, 2, 2, 3))
    probabilities[0, ..., 0] = probabilities[1, ..., 1] = probabilities[2, ..., 2] = 1
    regions = Regions(np.arange(2.0), np.arange(2.0), probabilities)
    assert_allclose(entropy(mean_probabilities(regions, epochs=[0, 1])), np.log(2))
    assert_allclose(entropy(mean_probabilities(regions)), LN3)
    assert_allclose(entropy_at(regions, [[0.3, 0.7]], epochs=[2]), 0)


def test_entropy_between_nodes_is_that_of_the_interpolated_probabilities():
    # Along x from (1, 0, 0) to (0, 1, 0); rows are y, so transposed axes would fail here.
    probabilities = np.zeros((1, 3, 2, 3))
    probabilities[0, :, 0, 0] = probabilities[0, :, 1, 1] = 1
    regions = Regions(np.array([0.0, 1.0]), np.array([0.0, 1.0, 2.0]), probabilities)
    positions = np.array([[0.25, 1.7], [0.5, 0.0], [9.0, 1.0]])
    expected = [entropy([0.75, 0.25, 0]), np.log(2), 0]
    assert_allclose(entropy_at(regions, positions), expected, atol=1e-12)


def test_a_class_without_objects_has_no_region_and_the_others_share_the_plane():
    coordinates, codes = clouds()
    kept = codes != 1
    regions = fit_regions(coordinates[:, kept], codes[kept], grid_size=11, progress=False)
    assert (regions.probabilities[..., 1] == 0).all()
    assert_allclose(regions.probabilities.sum(axis=-1), 1)
    assert entropy(mean_probabilities(regions)).max() <= np.log(2) + 1e-12


@pytest.mark.parametrize("n_others", [0, 1])
def test_one_class_alone_owns_everything(n_others):
    coordinates, codes = clouds()
    kept = np.r_[np.arange(n_others), np.flatnonzero(codes == 2)]
    regions = fit_regions(coordinates[:, kept], codes[kept], grid_size=5, progress=False)
    assert_array_equal(regions.probabilities[..., 2], 1)


def test_regions_refuse_labels_of_another_length():
    coordinates, codes = clouds()
    with pytest.raises(InputError, match="with 179 labels"):
        fit_regions(coordinates, codes[:-1], progress=False)


# Trajectories -----------------------------------------------------------------------------


def test_a_centroid_keeps_its_identity_where_clusters_change_places():
    # Two groups of one class swap places: clustered by epoch, cluster 0 would jump.
    rng = np.random.default_rng(0)
    codes = np.zeros(50, int)
    first = np.repeat([[5.0, 0.0], [-5.0, 0.0]], [30, 20], axis=0)
    coordinates = np.stack([first, 0 * first + [0, 1], -first]) + rng.normal(
        scale=0.1, size=(3, 50, 2)
    )
    found = cluster_trajectories(coordinates, codes, n_clusters=2)
    assert_array_equal(found.assignment, np.repeat([0, 1], [30, 20]))
    assert_array_equal(found.sizes, [30, 20])
    assert_allclose(found.centroids[0], coordinates[:, :30].mean(axis=1))
    assert_allclose(found.centroids[:, 0, 0], [5, -5], atol=0.1)
    assert_allclose(found.centroids[:, 2, 0], [-5, 5], atol=0.1)


def test_clusters_hold_one_class_each_and_every_point_once():
    coordinates, codes = clouds(n=30)
    found = cluster_trajectories(coordinates, codes, n_clusters=4)
    assert_array_equal(found.codes, np.repeat([0, 1, 2], 4))
    assert_array_equal(found.codes[found.assignment], codes)
    assert found.sizes.sum() == len(codes)
    for code in range(3):
        assert (np.diff(found.sizes[found.codes == code]) <= 0).all()


def test_small_and_empty_classes_have_fewer_clusters():
    coordinates, codes = clouds(n=5)
    kept = np.r_[0:2, 10:15]
    found = cluster_trajectories(coordinates[:, kept], codes[kept], n_clusters=8)
    assert_array_equal(found.codes, [0, 0, 2, 2, 2, 2, 2])
    assert_array_equal(found.sizes, 1)
    with pytest.raises(InputError, match="n_clusters 0; at least 1"):
        cluster_trajectories(coordinates, codes, n_clusters=0)


def test_trajectory_table_has_the_entropy_of_the_place():
    coordinates, codes = clouds()
    regions = fit_regions(coordinates, codes, grid_size=21, progress=False)
    found = cluster_trajectories(coordinates, codes, n_clusters=2)
    table = trajectory_table(found, regions, [7, 9])
    assert len(table) == 6 * 2
    row = table[(table["cluster"] == 3) & (table["epoch"] == 9)].iloc[0]
    assert row["class"] == POINT_CLASSES[found.codes[3]]
    assert row["size"] == found.sizes[3]
    assert_allclose([row["x"], row["y"]], found.centroids[3, 1])
    assert_allclose(row["entropy"], entropy_at(regions, found.centroids[3, 1]))


def test_linked_points_are_the_members_nearest_first():
    coordinates, codes = clouds(n=30)
    found = cluster_trajectories(coordinates, codes, n_clusters=3)
    members = linked_points(coordinates, found, cluster=4, limit=1000)
    assert_array_equal(np.sort(members), np.flatnonzero(found.assignment == 4))
    gaps = np.linalg.norm(coordinates[:, members] - found.centroids[4][:, None], axis=-1).mean(0)
    assert (np.diff(gaps) >= 0).all()
    assert_array_equal(linked_points(coordinates, found, cluster=4, limit=3), members[:3])


def test_a_picked_point_comes_first_and_its_neighbours_follow():
    coordinates, codes = clouds(n=30)
    found = cluster_trajectories(coordinates, codes)
    linked = linked_points(coordinates, found, point=17, limit=6)
    assert linked[0] == 17
    assert (codes[linked] == 0).all()


@pytest.mark.parametrize(
    ("picked", "message"),
    [
        ({}, "pick a cluster or a point"),
        ({"cluster": 1, "point": 1}, "pick a cluster or a point"),
        ({"cluster": 24}, "cluster 24; allowed: 0 to 23"),
        ({"point": -1}, "point -1; allowed: 0 to 179"),
    ],
)
def test_linked_points_refuse_what_does_not_exist(picked, message):
    coordinates, codes = clouds()
    found = cluster_trajectories(coordinates, codes)
    with pytest.raises(InputError, match=message):
        linked_points(coordinates, found, **picked)


# Disagreement -----------------------------------------------------------------------------


def test_vote_entropy_is_zero_when_unanimous_and_ln_2_at_a_tie():
    assert_allclose(vote_entropy([0, 1, 0.5, 0.25]), [0, 0, np.log(2), entropy([0.25, 0.75])])
    with pytest.raises(InputError, match="allowed: 0 to 1"):
        vote_entropy([1.2])


def test_votes_are_strict_and_of_the_objects_own_class():
    points = truth(("a", "dicentric", 1, 1), ("a", "background", 2, 2), ("b", "fragment", 3, 3))
    peaks = np.zeros((4, 3, 2))
    peaks[:, 0, 0] = [0.5, 0.51, 0.9, 0.1]  # exactly T_C gets no vote
    peaks[:, 0, 1] = 1.0
    peaks[:3, 2, 1] = 0.4
    coordinates, codes = clouds(n=1, n_epochs=4)
    regions = fit_regions(coordinates, codes, grid_size=3, progress=False)
    table = object_table(
        points,
        peaks,
        coordinates,
        regions,
        confidence_threshold={"dicentric": 0.5, "fragment": 0.3},
    )
    assert table["point"].tolist() == [0, 2]
    assert table["votes"].tolist() == [2, 3]
    assert_allclose(table["vote_entropy"], vote_entropy([0.5, 0.75]))
    assert_allclose(table["latent_entropy"], 0, atol=1e-12)  # one point a class: no classifier


def test_images_without_any_aberration_give_an_empty_table_and_no_correlation():
    points = truth(("a", "background", 1, 1), ("a", "background", 2, 2))
    coordinates = np.random.default_rng(0).normal(size=(3, 2, 2))
    regions = fit_regions(coordinates, class_codes(points), grid_size=3, progress=False)
    threshold = {"dicentric": 0.5, "fragment": 0.5}
    table = object_table(
        points, np.zeros((3, 2, 2)), coordinates, regions, confidence_threshold=threshold
    )
    assert len(table) == 0
    assert np.isnan(rank_correlation(table).rho)


def linked_objects(n_images, relation, seed=0):
    rng = np.random.default_rng(seed)
    latent = rng.uniform(size=3 * n_images)
    vote = relation * latent + (1 - abs(relation)) * rng.uniform(size=3 * n_images)
    images = np.repeat(np.arange(n_images), 3)
    return pd.DataFrame({"image": images, "latent_entropy": latent, "vote_entropy": vote})


@pytest.mark.parametrize("sign", [1, -1])
def test_a_monotone_relation_has_rank_correlation_one(sign):
    result = rank_correlation(linked_objects(20, sign), n_resamples=50)
    assert_allclose([result.rho, result.lower, result.upper], sign)
    assert (result.n_objects, result.n_images) == (60, 20)


def test_rank_correlation_agrees_with_scipy_where_votes_tie():
    objects = linked_objects(40, 0.5)
    objects["vote_entropy"] = (objects["vote_entropy"] * 4).round()
    expected = spearmanr(objects["latent_entropy"], objects["vote_entropy"]).statistic
    result = rank_correlation(objects, n_resamples=200)
    assert_allclose(result.rho, expected)
    assert result.lower < expected < result.upper


def test_the_interval_covers_no_relation_about_as_often_as_it_says():
    # 60 independent sets: 90 % intervals miss 0 in 6 of 60 on average; 14 is 3.4 sd above.
    results = [
        rank_correlation(linked_objects(25, 0.0, seed), level=0.9, n_resamples=200)
        for seed in range(60)
    ]
    missed = sum(not r.lower <= 0 <= r.upper for r in results)
    assert missed <= 14


def test_without_disagreement_the_correlation_is_undefined():
    objects = linked_objects(10, 0.5).assign(vote_entropy=0.0)
    result = rank_correlation(objects)
    assert np.isnan([result.rho, result.lower, result.upper]).all()
    assert np.isnan(rank_correlation(objects.iloc[:0]).rho)
    with pytest.raises(InputError, match="level is 95"):
        rank_correlation(objects, level=95)


@pytest.mark.parametrize(
    ("rho", "lower", "upper", "words"),
    [
        (0.4, 0.1, 0.6, "rises with"),
        (-0.4, -0.6, -0.1, "falls with"),
        (0.1, -0.1, 0.3, "shows no clear relation to"),
        (np.nan, np.nan, np.nan, "cannot be compared with"),
    ],
)
def test_the_relation_in_words_follows_the_interval(rho, lower, upper, words):
    assert RankCorrelation(rho, lower, upper, 10, 5, 0.95).relation == words


# Limits -----------------------------------------------------------------------------------


def test_limitations_are_said_for_one_epoch_and_missing_classes():
    points = pd.DataFrame({"class": ["fragment"] + ["background"] * 5})
    messages = "\n".join(limitations(points, [100]))
    assert "1 epoch: trajectories need at least 2" in messages
    assert "no annotated dicentric" in messages
    assert "1 annotated fragment" in messages
    assert "background" not in messages.split("fragment")[-1].split(":")[0]
    full = pd.DataFrame({"class": list(POINT_CLASSES) * 2})
    assert limitations(full, [1, 2]) == []


def test_epochs_fall_back_to_the_last():
    assert choose_epochs([4, 5], [82, 92, 100]) == [4, 5]
    with pytest.raises(InputError, match="0 epochs available"):
        choose_epochs([], [1])


def test_thresholds_of_votes_are_given_or_those_of_the_operating_point(tmp_path):
    path = tmp_path / "operating_point.json"
    assert voting_thresholds(path) == {"dicentric": 0.5, "fragment": 0.5}
    OperatingPoint({"dicentric": (0.2, 0.4), "fragment": 0.6}, 1, n_members=2).write(path)
    assert voting_thresholds(path) == pytest.approx({"dicentric": 0.3, "fragment": 0.6})
    assert voting_thresholds(path, given=0.7) == {"dicentric": 0.7, "fragment": 0.7}


def test_rank_correlations_of_all_and_of_each_class():
    rng = np.random.default_rng(3)
    latent = rng.uniform(0, 1, 60)
    objects = pd.DataFrame(
        {
            "image": [f"{i % 12}.png" for i in range(60)],
            "class": ["dicentric", "fragment"] * 30,
            "latent_entropy": latent,
            "vote_entropy": latent**2,
            "vote_fraction": latent,
        }
    )
    found = rank_correlations(objects, n_resamples=100)
    assert list(found) == ["all", "dicentric", "fragment", "all, with share of missed votes"]
    assert found["all"].rho == found["dicentric"].rho == 1  # monotone, so all ranks agree
    assert found["all, with share of missed votes"].rho == -1
    assert str(found["all"]).startswith("1.00 [")


def test_titles_count_votes_and_name_places_that_are_no_aberrations():
    objects = pd.DataFrame({"point": [2, 0], "votes": [1, 3]})
    titles = vote_titles(objects, n_points=3, n_members=4)
    assert titles == ["3 of 4 votes", "no aberration", "1 of 4 votes"]
