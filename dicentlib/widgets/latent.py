"""Epoch slider and linked view of the latent plane, around functions that work without them."""

import io
from dataclasses import dataclass

import ipywidgets as widgets
from matplotlib.figure import Figure

from dicentlib.plotting.latent import class_legend, plot_epoch, update_latent
from dicentlib.plotting.latent_links import draw_linked_view
from dicentlib.plotting.style import style

ALL = -1  # value of the object slider where no single object is picked


class EpochSlider(widgets.VBox):
    """The latent plane at the epoch of a slider; ``.epoch`` reads it back.

    Parameters
    ----------
    plane : LatentPlane
    epoch : int, optional
        Where the slider starts; the last epoch by default.
    """

    def __init__(self, plane, *, epoch=None):
        self.plane = plane
        self.slider = widgets.SelectionSlider(
            options=list(plane.epochs),
            value=plane.epochs[-1] if epoch is None else epoch,
            description="epoch",
            continuous_update=False,
        )
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.errors = widgets.Output()
        with style():
            self.figure = Figure(figsize=(7.5, 4.6))
            self.ax = self.figure.subplots()
            plot_epoch(plane, self.epoch, ax=self.ax)
            class_legend(self.ax, loc="upper left", bbox_to_anchor=(1, 1))
        self._show()
        self.slider.observe(self._follow, names="value")
        super().__init__([self.slider, self.image, self.errors])

    @property
    def epoch(self):
        """Value of the slider."""
        return self.slider.value

    def _follow(self, _change):
        self.errors.clear_output()
        with self.errors:
            self._show()

    def _show(self):
        position = self.plane.epochs.index(self.epoch)
        probabilities = self.plane.regions.probabilities[position]
        update_latent(self.ax, self.plane.coordinates[position], self.plane.codes, probabilities)
        self.ax.set_title(f"Epoch {self.epoch}")
        self.image.value = _as_png(self.figure)


@dataclass(frozen=True)
class Pick:
    """A centroid, or one of the points: the other is None."""

    cluster: int | None = None
    point: int | None = None


class LinkedView(widgets.VBox):
    """Pick a centroid, or one of its objects, and see the images behind it.

    ``.pick`` reads back what is picked, ``.rows`` the rows of the points table that are shown.

    Parameters
    ----------
    plane : LatentPlane
    index : ImageIndex
    titles : sequence of str, length n, optional
        See ``draw_linked_view``.
    """

    def __init__(self, plane, index, *, titles=None):
        self.plane, self.index, self.titles = plane, index, titles
        labels = [
            f"{name}, {size} places, entropy {entropy:.2f}"
            for name, size, entropy in plane.clusters[["class", "size", "entropy"]].itertuples(
                index=False
            )
        ]
        clusters = plane.clusters["cluster"].tolist()
        self.centroid = widgets.Dropdown(
            options=list(zip(labels, clusters, strict=True)), description="centroid"
        )
        self.object = widgets.SelectionSlider(
            options=[("all", ALL)], description="object", continuous_update=False
        )
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.errors = widgets.Output()
        with style():
            self.figure = Figure(figsize=(11, 5))
        self._pick_centroid()
        self.centroid.observe(self._follow_centroid, names="value")
        self.object.observe(self._follow_object, names="value")
        controls = widgets.HBox([self.centroid, self.object])
        super().__init__([controls, self.image, self.errors])

    @property
    def pick(self):
        """What is picked, as a plain value."""
        if self.object.value == ALL:
            return Pick(cluster=self.centroid.value)
        return Pick(point=self.object.value)

    def _follow_centroid(self, _change):
        self.errors.clear_output()
        with self.errors:
            self._pick_centroid()

    def _pick_centroid(self):
        self.object.options = [("all", ALL)]
        self._show()
        numbered = [(f"{number}", row) for number, row in enumerate(self.rows, start=1)]
        self.object.options = [("all", ALL), *numbered]

    def _follow_object(self, _change):
        self.errors.clear_output()
        with self.errors:
            self._show()

    def _show(self):
        pick = self.pick
        with style():
            self.rows = draw_linked_view(
                self.figure,
                self.plane,
                self.index,
                cluster=pick.cluster,
                point=pick.point,
                titles=self.titles,
            )
        self.image.value = _as_png(self.figure)


def _as_png(figure):
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
