"""The filter's threshold as a slider, with the gallery of kept and rejected images."""

import ipywidgets as widgets

from dicentlib.filtering.gallery import choose_gallery
from dicentlib.plotting.filtering import plot_gallery
from dicentlib.widgets.explorer import FigureExplorer

SHAPE = (2, 4)  # rows and columns of the gallery


class ThresholdSlider(FigureExplorer):
    """Kept and rejected images at the threshold of a slider; ``.threshold`` reads it back.

    Those nearest to the threshold are shown.

    Parameters
    ----------
    table : DataFrame
        As of ``classify_folder``.
    images : dict
        Image name -> ndarray (H, W) in [0, 1], for all rows that may be shown.
    rules : FilterRules
    threshold : float
        Where the slider starts.
    """

    def __init__(self, table, images, *, rules, threshold=0.5):
        self.table, self.images, self.rules = table, images, rules
        self.slider = widgets.FloatSlider(
            threshold, min=0, max=1, step=0.01, description="threshold", continuous_update=False
        )
        self.summary = widgets.HTML()
        super().__init__(self.slider, figsize=(2.6 * SHAPE[1], 2.6 * SHAPE[0]))
        self.children = (self.slider, self.summary, *self.children[1:])

    @property
    def threshold(self):
        """Value of the slider."""
        return self.slider.value

    def _draw(self, figure):
        axs = figure.subplots(*SHAPE)
        gallery = choose_gallery(
            self.table, threshold=self.threshold, rules=self.rules, n_images=axs.size
        )
        shown = gallery.table
        images = [self.images[name] for name in shown["image"]]
        plot_gallery(images, gallery.titles, shown["available"], axs=axs)
        self.summary.value = f"{gallery.n_kept} kept, {gallery.n_rejected} rejected"
