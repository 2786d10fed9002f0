"""Figures and widgets of the latent plane: what is drawn is what was computed."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from dicentlib.data import index_images
from dicentlib.latent import LatentPlane, cluster_trajectories, fit_regions
from dicentlib.latent.disagreement import RankCorrelation
from dicentlib.latent.points import POINT_CLASSES
from dicentlib.latent.trajectories import linked_points
from dicentlib.plotting import latent as draw
from dicentlib.plotting.latent_links import draw_linked_view
from dicentlib.plotting.style import CLASS_COLOURS
from dicentlib.widgets.latent import EpochSlider, LinkedView, Pick

N_IMAGES, N_PLACES = 6, 60


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    rng = np.random.default_rng(0)
    for number in range(N_IMAGES):
        grey = (rng.uniform(0.6, 1, size=(64, 64)) * 255).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"{number}.png")
    return index_images(folder)


def make_plane(n_epochs=3):
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], N_PLACES // 3)
    centres = np.array([[0.0, 4.0], [4.0, -2.0], [-4.0, -2.0]])
    drift = np.linspace(0.6, 1, n_epochs)[:, None, None]
    coordinates = drift * centres[codes] + rng.normal(scale=0.7, size=(n_epochs, N_PLACES, 2))
    points = pd.DataFrame(
        {
            "image": [f"{i % N_IMAGES}.png" for i in range(N_PLACES)],
            "class": np.array(POINT_CLASSES)[codes],
            "row": rng.uniform(0, 63, N_PLACES),
            "col": rng.uniform(0, 63, N_PLACES),
        }
    )
    return LatentPlane(
        points=points,
        epochs=tuple(range(8, 8 + n_epochs)),
        coordinates=coordinates,
        regions=fit_regions(coordinates, codes, grid_size=12, progress=False),
        trajectories=cluster_trajectories(coordinates, codes, n_clusters=3),
    )


@pytest.fixture(scope="module")
def plane():
    return make_plane()


def offsets(ax, name):
    (artist,) = [artist for artist in ax.collections if artist.get_gid() == name]
    return artist.get_offsets()


def draw_epoch(plane, position):
    ax = Figure().subplots()
    return draw.plot_latent(
        plane.coordinates[position],
        plane.codes,
        plane.regions.probabilities[position],
        plane.regions.extent,
        ax=ax,
    )


def test_region_colours_are_those_of_the_likeliest_class_and_white_at_a_tie():
    colours = draw.region_colours(np.array([[1.0, 0, 0], [0, 1, 0], [0.4, 0.3, 0.3]]), strength=1)
    assert_allclose(colours[0], to_rgb(CLASS_COLOURS["dicentric"]))
    assert_allclose(colours[1], to_rgb(CLASS_COLOURS["fragment"]))
    assert (colours[2] > colours[0]).all()
    assert ((colours >= 0) & (colours <= 1)).all()


def test_scatter_holds_every_place_in_its_class(plane):
    ax = draw_epoch(plane, 1)
    for code, name in enumerate(POINT_CLASSES):
        assert_array_equal(offsets(ax, name), plane.coordinates[1][plane.codes == code])
    assert "component" in ax.get_xlabel()


def test_another_epoch_is_shown_in_the_same_artists(plane):
    ax = draw_epoch(plane, 0)
    before = ax.images[0], list(ax.collections)
    draw.update_latent(ax, plane.coordinates[2], plane.codes, plane.regions.probabilities[2])
    assert before == (ax.images[0], list(ax.collections))
    fresh = draw_epoch(plane, 2)
    assert_array_equal(ax.images[0].get_array(), fresh.images[0].get_array())
    for name in POINT_CLASSES:
        assert_array_equal(offsets(ax, name), offsets(fresh, name))


def test_animation_has_one_frame_per_epoch(plane, tmp_path):
    ax = draw_epoch(plane, 0)
    movie = draw.animate_latent(
        ax.figure, ax, plane.coordinates, plane.codes, plane.regions, plane.epochs
    )
    movie.save(tmp_path / "m.gif", writer="pillow", dpi=40)
    with Image.open(tmp_path / "m.gif") as file:
        assert file.n_frames == 3


def test_trajectories_are_lines_with_widths_by_cluster_size(plane):
    ax = Figure().subplots()
    draw.plot_trajectories(plane.table, ax=ax, widest_pt=6)
    lines = {line.get_gid(): line for line in ax.lines if line.get_gid() in set("012345678")}
    assert len(lines) == 9
    sizes, codes = plane.trajectories.sizes, plane.trajectories.codes
    for cluster in range(9):
        line = lines[str(cluster)]
        assert_allclose(line.get_xydata(), plane.trajectories.centroids[cluster])
        largest = sizes[codes == codes[cluster]].max()
        assert_allclose(line.get_linewidth(), max(0.6, 6 * sizes[cluster] / largest))
        assert line.get_color() == CLASS_COLOURS[POINT_CLASSES[codes[cluster]]]


def test_entropy_map_is_scaled_from_0_to_ln_3(plane):
    ax = Figure().subplots()
    draw.plot_entropy_map(plane.entropy, plane.regions.extent, ax=ax)
    assert_allclose(ax.images[0].get_clim(), [0, np.log(3)])
    assert ax.figure.axes[1].get_ylabel() == draw.ENTROPY_LABEL


def test_clusters_are_listed_most_uncertain_first(plane):
    assert (np.diff(plane.clusters["entropy"]) <= 0).all()
    first = plane.clusters.iloc[0]
    own = plane.table[plane.table["cluster"] == first["cluster"]]
    assert_allclose(first["entropy"], own["entropy"].mean())


def test_extremes_are_the_least_and_the_most_certain_large_centroids(plane, monkeypatch):
    unsure, sure = plane.extremes()
    large = plane.clusters.query("`class` != 'background' and size >= 4")
    by_number = large.set_index("cluster")["entropy"]
    assert by_number[unsure] == by_number.max()
    assert by_number[sure] == by_number.min()
    everything = plane.clusters["cluster"]
    monkeypatch.setattr("dicentlib.latent.plane.LARGE", 10**6)
    assert plane.extremes() == (everything.iloc[0], everything.iloc[-1])


def test_a_plane_is_fitted_from_points_and_coordinates(plane):
    fitted = LatentPlane.fit(
        plane.points, plane.epochs, plane.coordinates, n_clusters=3, grid_size=12, mean_epochs=[9]
    )
    np.testing.assert_array_equal(fitted.regions.probabilities, plane.regions.probabilities)
    assert fitted.clusters["size"].sum() == plane.clusters["size"].sum() == N_PLACES
    assert fitted.mean_epochs == (1,)


def test_linked_view_shows_the_crops_of_the_picked_centroid(plane, index):
    figure = Figure(figsize=(11, 5))
    rows = draw_linked_view(figure, plane, index, cluster=2, n_crops=4)
    expected = linked_points(plane.coordinates, plane.trajectories, cluster=2, limit=4)
    assert rows == expected.tolist()
    crops = [ax for ax in figure.axes if ax.get_title() in set(plane.points["image"])]
    assert [ax.get_title() for ax in crops] == plane.points["image"].iloc[rows].tolist()


def test_linked_view_of_a_point_shows_it_first(plane, index):
    titles = [f"place {row}" for row in range(N_PLACES)]
    rows = draw_linked_view(Figure(), plane, index, point=7, titles=titles, n_crops=6)
    assert rows[0] == 7
    assert len(rows) == 6


def test_rank_correlation_figure_states_the_interval_or_that_there_is_none():
    rng = np.random.default_rng(0)
    objects = pd.DataFrame(
        {
            "class": ["dicentric", "fragment"] * 5,
            "latent_entropy": rng.uniform(0, 1, 10),
            "vote_entropy": rng.uniform(0, 0.69, 10),
        }
    )
    known = RankCorrelation(0.41, 0.1, 0.6, 10, 5, 0.95)
    ax = draw.plot_rank_correlation(objects, known, ax=Figure().subplots(), n_members=8)
    assert "0.41 [0.10, 0.60]" in ax.get_title()
    assert sum(len(scatter.get_offsets()) for scatter in ax.collections) == 10
    undefined = RankCorrelation(np.nan, np.nan, np.nan, 10, 5, 0.95)
    ax = draw.plot_rank_correlation(objects, undefined, ax=Figure().subplots(), n_members=8)
    assert "undefined" in ax.get_title()


def test_moving_the_epoch_slider_draws_that_epoch(plane):
    widget = EpochSlider(plane)
    assert widget.epoch == 10
    before = widget.image.value
    widget.slider.value = 8
    assert widget.epoch == 8
    assert widget.image.value != before
    assert widget.ax.get_title() == "Epoch 8"
    assert_array_equal(offsets(widget.ax, "fragment"), plane.coordinates[0][plane.codes == 1])


def test_picking_another_centroid_or_an_object_shows_its_crops(plane, index):
    widget = LinkedView(plane, index)
    assert widget.pick == Pick(cluster=int(plane.clusters["cluster"].iloc[0]))
    before = widget.image.value
    other = int(plane.clusters["cluster"].iloc[3])
    widget.centroid.value = other
    assert widget.pick == Pick(cluster=other)
    assert widget.image.value != before
    members = np.flatnonzero(plane.trajectories.assignment == other)
    assert set(widget.rows) <= set(members.tolist())
    picked = widget.rows[1]
    widget.object.value = picked
    assert widget.pick == Pick(point=picked)
    assert widget.rows[0] == picked
    widget.centroid.value = int(plane.clusters["cluster"].iloc[1])
    assert widget.pick == Pick(cluster=int(plane.clusters["cluster"].iloc[1]))


def test_a_missing_image_is_reported_beside_the_widget(plane, index, monkeypatch):
    widget = LinkedView(plane, index)

    def fail(*_arguments, **_options):
        raise OSError("image gone")

    monkeypatch.setattr("dicentlib.plotting.latent_links.read_crops", fail)
    with pytest.raises(OSError, match="image gone"):
        # Outside a notebook an Output lets the error through; in one it shows it.
        widget.centroid.value = int(plane.clusters["cluster"].iloc[2])


def test_one_epoch_alone_can_be_drawn(index):
    single = make_plane(n_epochs=1)
    ax = Figure().subplots()
    draw.plot_trajectories(single.table, ax=ax)
    assert EpochSlider(single).epoch == 8
    assert len(draw_linked_view(Figure(), single, index, cluster=0)) > 0
