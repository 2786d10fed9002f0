"""The filter's threshold as a slider, with the gallery of kept and rejected images."""

import io

import ipywidgets as widgets
from matplotlib.figure import Figure

from dicentlib.filtering.gallery import choose_gallery
from dicentlib.plotting.filtering import plot_gallery
from dicentlib.plotting.style import style


class ThresholdSlider(widgets.VBox):
    """Kept and rejected images at the threshold of a slider; ``.threshold`` reads it back.

    Parameters
    ----------
    table : DataFrame
        As of ``classify_folder``.
    images : dict
        Image name -> ndarray (H, W) in [0, 1], for all rows that may be shown.
    rules : FilterRules
    threshold : float
        Where the slider starts.
    shape : (int, int)
        Rows and columns of the gallery; the images nearest to the threshold are shown.
    """

    def __init__(self, table, images, *, rules, threshold=0.5, shape=(2, 4)):
        self.table, self.images, self.rules = table, images, rules
        self.slider = widgets.FloatSlider(
            threshold, min=0, max=1, step=0.01, description="threshold", continuous_update=False
        )
        self.summary = widgets.HTML()
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.errors = widgets.Output()
        with style():
            self.figure = Figure(figsize=(2.6 * shape[1], 2.6 * shape[0]))
            self.axs = self.figure.subplots(*shape, squeeze=False)
        self._show()
        self.slider.observe(self._follow, names="value")
        super().__init__([self.slider, self.summary, self.image, self.errors])

    @property
    def threshold(self):
        """Value of the slider."""
        return self.slider.value

    def _follow(self, _change):
        self.errors.clear_output()
        with self.errors:
            self._show()

    def _show(self):
        gallery = choose_gallery(
            self.table, threshold=self.threshold, rules=self.rules, n_images=self.axs.size
        )
        shown = gallery.table
        plot_gallery(
            [self.images[name] for name in shown["image"]],
            gallery.titles,
            shown["available"],
            axs=self.axs,
        )
        self.summary.value = f"{gallery.n_kept} kept, {gallery.n_rejected} rejected"
        buffer = io.BytesIO()
        with style():
            self.figure.savefig(buffer, format="png")
        self.image.value = buffer.getvalue()
