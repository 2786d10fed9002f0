"""Epoch slider and linked view of the latent plane, around functions that work without them."""

from dataclasses import dataclass

import ipywidgets as widgets

from dicentlib.plotting.latent import class_legend, plot_epoch
from dicentlib.plotting.latent_links import draw_linked_view
from dicentlib.widgets.explorer import FigureExplorer

ALL = -1  # value of the object slider where no single object is picked


class EpochSlider(FigureExplorer):
    """The latent plane at the epoch of a slider; ``.epoch`` reads it back.

    Parameters
    ----------
    plane : LatentPlane
    """

    def __init__(self, plane):
        self.plane = plane
        self.slider = widgets.SelectionSlider(
            options=list(plane.epochs),
            value=plane.epochs[-1],
            description="epoch",
            continuous_update=False,
        )
        super().__init__(self.slider, figsize=(7.5, 4.6))

    @property
    def epoch(self):
        """Value of the slider."""
        return self.slider.value

    def _draw(self, figure):
        self.ax = figure.subplots()
        plot_epoch(self.plane, self.epoch, ax=self.ax)
        class_legend(self.ax, loc="upper left", bbox_to_anchor=(1, 1))


@dataclass(frozen=True)
class Pick:
    """A centroid, or one of the points: the other is None."""

    cluster: int | None = None
    point: int | None = None


class LinkedView(FigureExplorer):
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
        centroids = [
            (f"{one['class']}, {one['size']} places, entropy {one['entropy']:.2f}", one["cluster"])
            for one in plane.clusters.to_dict("records")
        ]
        self.centroid = widgets.Dropdown(options=centroids, description="centroid")
        self.object = widgets.SelectionSlider(
            options=[("all", ALL)], description="object", continuous_update=False
        )
        super().__init__(self.centroid, self.object, figsize=(11, 5))
        self._offer_objects()

    @property
    def pick(self):
        """What is picked, as a plain value."""
        if self.object.value == ALL:
            return Pick(cluster=self.centroid.value)
        return Pick(point=self.object.value)

    def _follow(self, change):
        if change["owner"] is self.centroid:
            self.object.value = ALL
        super()._follow(change)
        if change["owner"] is self.centroid:
            self._offer_objects()

    def _offer_objects(self):
        numbered = [(f"{number}", row) for number, row in enumerate(self.rows, start=1)]
        self.object.options = [("all", ALL), *numbered]

    def _draw(self, figure):
        self.rows = draw_linked_view(
            figure, self.plane, self.index, titles=self.titles, **vars(self.pick)
        )
