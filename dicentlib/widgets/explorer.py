"""Base of the explorers: controls above a picture that follows them."""

import io

import ipywidgets as widgets
from matplotlib.figure import Figure

from dicentlib.plotting.style import style


class FigureExplorer(widgets.VBox):
    """Controls above a picture, drawn again whenever one of them moves.

    A subclass draws in ``_draw(figure)`` what its controls choose. An error while drawing is shown
    below the picture, which then stays as it was.

    Parameters
    ----------
    *controls : Widget
        With a ``value``.
    figsize : (float, float)
        Of the picture, in inches.
    """

    def __init__(self, *controls, figsize):
        self._figsize = figsize
        self.image = widgets.Image(format="png", layout={"max_width": "100%"})
        self.errors = widgets.Output()
        self._show()
        for control in controls:
            control.observe(self._follow, names="value")
        bar = widgets.HBox(controls, layout={"flex_flow": "row wrap"})
        super().__init__([bar, self.image, self.errors])

    def _follow(self, _change):
        self.errors.clear_output()
        with self.errors:
            self._show()

    def _show(self):
        picture = io.BytesIO()
        with style():
            figure = Figure(figsize=self._figsize)
            self._draw(figure)
            figure.savefig(picture, format="png", dpi=100)
        self.image.value = picture.getvalue()
