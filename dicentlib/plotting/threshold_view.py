"""The threshold explorer's figure: one metaphase, two surfaces, artists updated in place."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from dicentlib.plotting.thresholds import (
    MARKS,
    confidence_edges,
    draw_ring,
    draw_surface,
    heatmap_extent,
    plot_points,
    vote_overlay,
)


def format_interval(values):
    """An interval as text.

    Examples
    --------
    >>> format_interval((0.837, 0.883))
    '[0.837, 0.883]'
    """
    lower, upper = values
    return f"[{lower:.3f}, {upper:.3f}]"


def format_rate(value):
    """A precision or a recall as text.

    Examples
    --------
    >>> format_rate(0.851), format_rate(float("nan"))
    ('0.85', 'undefined')
    """
    return f"{value:.2f}" if value == value else "undefined"


def format_number(number):
    """Mean and the wider interval of a ``MeasuredNumber``; "undefined" without predictions."""
    if number.mean != number.mean:
        return "undefined"
    return f"{number.mean:.3f} {format_interval(number.both)}"


class ThresholdFigure:
    """The figure of one :class:`~dicentlib.evaluation.exploration.ThresholdView`.

    Axes, ticks and legend are drawn once; :meth:`update` only changes artists, and
    :meth:`jpeg` redraws only these.

    Parameters
    ----------
    view : ThresholdView
        What to show first.
    max_members : int
        Largest ensemble that will be shown; the T_A axis reaches to it.
    fig : Figure, optional
        An empty figure to draw into; by default one outside pyplot.
    """

    def __init__(self, view, *, max_members, fig=None):
        self.fig = fig or Figure(figsize=(11, 5.4), dpi=100, layout="constrained")
        if fig is None:
            FigureCanvasAgg(self.fig)
        left, right = self.fig.subfigures(1, 2, width_ratios=(1.25, 1))
        self.ax_image = left.subplots()
        self.axs_surface = right.subplots(2, 1, sharex=True)
        self._max_members = max_members
        self._drawn_image = self._drawn_shape = None
        self._frame = self._background = None  # axes; axes with the image
        self._make_image(view)
        self._make_surfaces(view)
        self._under = (self.image, *self.ax_image.spines.values())
        self._dynamic = (self.overlay, *self.marks.values(), self.title)
        self._dynamic += (*self.surfaces, *self.points, *self.titles)
        self.update(view)

    def _make_image(self, view):
        ax = self.ax_image
        self.image = ax.imshow(view.image, cmap="gray", vmin=0, vmax=1)
        self.overlay = ax.imshow(np.zeros((*view.votes.shape, 4)), interpolation="nearest")
        self.marks = {
            name: plot_points([], name, ax=ax, path_effects=None).lines[-1] for name in MARKS
        }
        ax.set(xlabel="column (px)", ylabel="row (px)")
        ax.grid(False)
        self.title = ax.set_title(" ", y=1.0)  # y given: not moved while drawing
        ax.figure.legend(
            handles=list(self.marks.values()),
            loc="outside lower center",
            ncols=4,
            fontsize=9,
            markerscale=0.6,
            columnspacing=1.2,
            handletextpad=0.3,
        )

    def _make_surfaces(self, view):
        self.surfaces, self.points, self.titles = [], [], []
        self._rows = confidence_edges(view.confidence_thresholds)
        for ax in self.axs_surface:
            nothing = np.full((1, 1), np.nan)
            self.surfaces.append(draw_surface(nothing, (-0.5, 0.5, *self._rows), ax=ax))
            self.points += draw_ring([], [], ax=ax)
            self.titles.append(ax.set_title(" ", y=1.0))
            ax.set(xlim=(-0.5, self._max_members - 0.5), ylim=self._rows)
        self.axs_surface[1].set_xlabel("agreement threshold $T_A$ (votes; grey: undefined)")
        self.axs_surface[0].figure.colorbar(
            self.surfaces[0], ax=self.axs_surface, label="precision, recall", fraction=0.06
        )

    def update(self, view):
        """Show another view in the same artists."""
        position = view.position
        if self._drawn_image != position.image:
            self.image.set_data(view.image)
            self._drawn_image, self._background = position.image, None
        if self._drawn_shape != view.image.shape:
            height, width = view.image.shape
            self.image.set_extent((-0.5, width - 0.5, height - 0.5, -0.5))
            self.ax_image.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
            self._drawn_shape, self._frame = view.image.shape, None
        self.overlay.set_data(vote_overlay(view.votes, position.n_members, position.class_name))
        self.overlay.set_extent(heatmap_extent(view.votes.shape))
        for name, line in self.marks.items():
            line.set_data(getattr(view, name)[:, 1], getattr(view, name)[:, 0])
        self.title.set_text(
            f"image {position.image}, {position.class_name}: votes, "
            f"ensemble of {position.n_members} (darker: more)"
        )
        for i, (measure, surface) in enumerate(view.surfaces.items()):
            self.surfaces[i].set_data(surface)
            self.surfaces[i].set_extent((-0.5, surface.shape[1] - 0.5, *self._rows))
            self.titles[i].set_text(f"{measure} {format_number(view.numbers[measure])}")
            for line in self.points[2 * i : 2 * i + 2]:
                line.set_data([position.agreement_threshold], [position.confidence_threshold])

    def jpeg(self):
        """The figure as JPEG bytes; only what :meth:`update` changes is redrawn."""
        canvas = self.fig.canvas
        if self._frame is None:
            canvas.draw()  # lays out the axes, which stay where they are from here on
            self.fig.set_layout_engine("none")
            for artist in self._under + self._dynamic:
                artist.set_visible(False)
            canvas.draw()
            self._frame = canvas.copy_from_bbox(self.fig.bbox)
            for artist in self._under + self._dynamic:
                artist.set_visible(True)
        if self._background is None:
            self._draw_over(self._frame, self._under)
            self._background = canvas.copy_from_bbox(self.fig.bbox)
        self._draw_over(self._background, self._dynamic)
        buffer = io.BytesIO()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        # a third of the time of PNG; full colour resolution keeps text and thin lines sharp
        picture.save(buffer, "jpeg", quality=92, subsampling=0)
        return buffer.getvalue()

    def _draw_over(self, background, artists):
        self.fig.canvas.restore_region(background)
        for artist in artists:
            artist.axes.draw_artist(artist)


def draw_threshold_view(view, *, max_members, fig):
    """Draw one view into an empty figure and return the figure, for runs without sliders."""
    return ThresholdFigure(view, max_members=max_members, fig=fig).fig
