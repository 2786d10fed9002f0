"""Image sets with heatmaps, the exploration of thresholds, its figure and its sliders."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from threshold_run import make_run

from dicentlib.data import CLASSES
from dicentlib.data.targets import padded_shape
from dicentlib.ensemble import load_members
from dicentlib.errors import InputError
from dicentlib.evaluation import count_matches, random_ensembles
from dicentlib.evaluation.counts import sum_counts
from dicentlib.evaluation.exploration import Exploration, ThresholdPosition
from dicentlib.evaluation.image_set import open_evaluation_set, votes_needed
from dicentlib.plotting.threshold_view import MARKS, ThresholdFigure, vote_overlay
from dicentlib.voting import OperatingPoint, decide, detect, vote
from dicentlib.widgets.thresholds import ThresholdExplorer

CONFIDENCE = np.linspace(0.1, 0.9, 5)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return make_run(folder, n_images=9, n_members=4, shape=(122, 160), sets=("validation",))


@pytest.fixture(scope="module")
def images(run):
    return open_evaluation_set(run, "validation", load_members(run))


@pytest.fixture(scope="module")
def exploration(images):
    return Exploration(
        images, member_counts=[1, 3, 4], confidence_thresholds=CONFIDENCE, n_members=4
    )


@pytest.fixture
def heatmaps_of_digests(monkeypatch):
    """Members that give a constant made of their digest; a list of the times they were asked."""
    calls = []

    def constant(members, images, *, batch_size):
        calls.append(len(members))
        values = [int(member.digest[:4], 16) / 65536 for member in members]
        for image in images:
            height, width = (side // 4 for side in padded_shape(image.shape))
            yield np.tile(np.reshape(values, (-1, 1, 1, 1)), (1, 2, height, width))

    monkeypatch.setattr("dicentlib.ensemble.heatmaps.iterate_heatmaps", constant)
    return calls


class TestEvaluationSet:
    def test_truth_and_heatmaps_fit(self, images):
        assert len(images) == 9
        assert images.image(0).shape == (122, 160)
        # 122 rows are padded to 128: 32 rows of heatmap
        assert images.heatmaps(0).shape == (4, 2, 32, 40)
        assert images.truth[0].shape == (2, 32, 40)
        n_points = images.annotations().groupby("class").size()
        for name in CLASSES:
            n_masks = sum_counts(count_matches(mask, mask) for mask in images.class_truth(name)).tp
            assert 0 < n_masks <= n_points[name]

    def test_surfaces_see_no_padding(self, images):
        assert images.unpadded(0).shape == (4, 2, 31, 40)
        assert next(images.class_heatmaps("dicentric")).shape == (4, 31, 40)
        assert next(images.class_truth("dicentric")).shape == (31, 40)

    def test_other_images_of_the_same_names_are_computed_anew(
        self, run, tmp_path, heatmaps_of_digests
    ):
        members = load_members(run)
        folder = shutil.copytree(run / "data" / "validation", tmp_path / "set")
        opened = {"folder": folder, "suffix": "_changed"}
        for change, n_calls in ((None, 1), (None, 1), ("pixels", 2), ("scale", 3), ("assumed", 4)):
            if change == "pixels":
                shutil.copy(folder / "images" / "000001.png", folder / "images" / "000000.png")
            if change == "scale":
                samples = pd.read_csv(folder / "samples.csv")
                samples.assign(pixel_size_um=0.3).to_csv(folder / "samples.csv", index=False)
            if change == "assumed":
                (folder / "samples.csv").unlink()
            open_evaluation_set(run, "validation", members, **opened)
            assert len(heatmaps_of_digests) == n_calls

    def test_unexposed_cells_are_those_of_no_dose(self, images):
        assert images.unexposed().sum() == 3
        assert set(images.annotations()["image"]) <= set(
            np.array(images.names)[~images.unexposed()]
        )

    def test_heatmaps_are_kept_and_made_again_for_other_members(self, run, heatmaps_of_digests):
        members = load_members(run)[:2]
        first = open_evaluation_set(run, "validation", members, suffix="_two").heatmaps(0)
        assert first.shape == (2, 2, 32, 40)
        assert len(heatmaps_of_digests) == 1
        open_evaluation_set(run, "validation", members, suffix="_two")
        assert len(heatmaps_of_digests) == 1
        again = open_evaluation_set(run, "validation", members[::-1], suffix="_two")
        assert len(heatmaps_of_digests) == 2
        np.testing.assert_array_equal(again.heatmaps(0), first[::-1])

    def test_detections_of_all_images(self, images):
        point = OperatingPoint(0.5, 1, n_members=4)
        table = images.detections(point)
        assert table.columns[0] == "image"
        assert len(table) > 5
        expected = detect(images.heatmaps(4), operating_point=point, image_shape=(122, 160))
        assert len(table[table["image"] == images.names[4]]) == len(expected)

    def test_early_exit_saves_on_empty_cells(self, images):
        point = OperatingPoint(0.6, 1, n_members=4)
        needed = votes_needed(images, point)
        found = set(images.detections(point)["image"])
        for name, n in zip(images.names, needed, strict=True):
            assert n == 4 if name in found else 3 <= n <= 4


class TestExploration:
    def test_numbers_are_those_of_counting_each_image(self, exploration, images):
        position = ThresholdPosition(0.5, 1, "fragment", 3)
        view = exploration.view(position)
        recalls = []
        for members in random_ensembles(4, size=3, seed=0):
            fired = (
                decide(vote(maps[members], confidence_threshold=0.5), agreement_threshold=1)
                for maps in images.class_heatmaps("fragment")
            )
            counts = map(count_matches, fired, images.class_truth("fragment"))
            recalls.append(sum_counts(counts).recall)
        number = view.numbers["recall"]
        assert number.mean == pytest.approx(np.mean(recalls))
        assert number.ensembles == pytest.approx(tuple(np.quantile(recalls, (0.05, 0.95))))
        # other images widen the interval
        assert np.ptp(number.both) > np.ptp(number.ensembles)
        assert view.n_ensembles == 4
        assert view.surfaces["recall"].shape == (5, 3)

    def test_marks_add_up(self, exploration, images):
        for image in range(len(images)):
            for class_name in CLASSES:
                view = exploration.view(ThresholdPosition(0.3, 1, class_name, 4, image))
                assert len(view.found) + len(view.missed) == len(images.points(image)[class_name])
                votes = vote(
                    images.unpadded(image)[:, CLASSES.index(class_name)], confidence_threshold=0.3
                )
                np.testing.assert_array_equal(view.votes, votes)
                point = OperatingPoint(0.3, 1, n_members=4)
                table = detect(images.unpadded(image), operating_point=point)
                assert len(view.true) + len(view.false) == (table["class"] == class_name).sum()

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"n_members": 2}, r"n_members: 2 found; allowed: \[1, 3, 4\]"),
            ({"agreement_threshold": 4}, "agreement_threshold: 4 found; allowed"),
            ({"confidence_threshold": 0.33}, "confidence_threshold: 0.33 found; allowed"),
            ({"image": 9}, "image: 9 found; allowed: 0 to 8"),
        ],
    )
    def test_positions_off_the_grid(self, exploration, change, match):
        fields = {
            "confidence_threshold": 0.5,
            "agreement_threshold": 0,
            "class_name": "dicentric",
            "n_members": 4,
        }
        with pytest.raises(InputError, match=match):
            exploration.view(ThresholdPosition(**(fields | change)))


class TestFigure:
    def test_more_votes_are_darker_and_none_are_clear(self):
        overlay = vote_overlay(np.arange(5)[None], 4, "dicentric")
        assert overlay[0, 0, 3] == 0
        assert (np.diff(overlay[0, 1:, :3].sum(axis=1)) < 0).all()
        assert (np.diff(overlay[0, :, 3]) > 0).all()

    def test_artists_follow_the_view(self, exploration):
        first = exploration.view(ThresholdPosition(0.5, 1, "dicentric", 4, 1))
        figure = ThresholdFigure(first, max_members=4)
        n_artists = len(figure.fig.findobj())
        second = exploration.view(ThresholdPosition(0.3, 0, "fragment", 3, 2))
        figure.update(second)
        assert len(figure.fig.findobj()) == n_artists
        for name in MARKS:
            np.testing.assert_array_equal(
                figure.marks[name].get_xydata()[:, ::-1], getattr(second, name)
            )
        np.testing.assert_array_equal(
            figure.surfaces[0].get_array(), np.ma.masked_invalid(second.surfaces["precision"])
        )
        assert "fragment" in figure.title.get_text()
        assert f"{second.numbers['recall'].mean:.3f}" in figure.titles[1].get_text()

    def test_quick_picture_equals_a_full_drawing(self, exploration):
        positions = [
            ThresholdPosition(0.5, 1, "dicentric", 4, 1),
            ThresholdPosition(0.3, 2, "fragment", 4, 1),
            ThresholdPosition(0.7, 0, "fragment", 1, 2),
        ]
        figure = ThresholdFigure(exploration.view(positions[0]), max_members=4)
        figure.jpeg()
        for position in positions[1:]:
            figure.update(exploration.view(position))
            quick = np.asarray(Image.open(io.BytesIO(figure.jpeg())))
            figure.fig.canvas.draw()
            full = np.asarray(figure.fig.canvas.buffer_rgba())[..., :3]
            # blitting draws the surfaces over the axes' spines; JPEG is near a few grey levels
            assert (abs(quick.astype(int) - full).max(axis=2) > 60).mean() < 0.003


class TestSliders:
    def test_moving_a_slider_shows_its_position(self, exploration):
        start = ThresholdPosition(0.5, 1, "dicentric", 4, 1)
        explorer = ThresholdExplorer(exploration, start)
        assert explorer.position == start
        before = explorer.picture.value
        explorer.confidence.value = float(CONFIDENCE[0])
        explorer.class_name.value = "fragment"
        expected = exploration.view(ThresholdPosition(CONFIDENCE[0], 1, "fragment", 4, 1))
        assert explorer.view.numbers == expected.numbers
        assert f"{expected.numbers['recall'].mean:.3f}" in explorer.numbers.value
        assert explorer.picture.value != before
        assert len(explorer.update_seconds) == 2

    def test_fewer_members_clamp_the_agreement_threshold(self, exploration):
        explorer = ThresholdExplorer(exploration, ThresholdPosition(0.5, 3, "dicentric", 4))
        explorer.members.value = 3
        assert explorer.position.agreement_threshold == 2
        assert explorer.view.position == explorer.position
        explorer.members.value = 1
        assert explorer.position.agreement_threshold == 0
        assert len(explorer.update_seconds) == 2
