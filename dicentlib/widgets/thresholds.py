"""Sliders for T_C, T_A, class, members and image over the threshold figure."""

import time

import ipywidgets as widgets

from dicentlib.conventions import CLASSES
from dicentlib.evaluation.exploration import ThresholdPosition
from dicentlib.plotting.style import distinct_labels, style
from dicentlib.plotting.threshold_view import ThresholdFigure, format_interval

LABEL_STYLE = {"description_width": "150px"}
WIDE = {"width": "520px"}


class ThresholdExplorer(widgets.VBox):
    """Sliders over an :class:`~dicentlib.evaluation.exploration.Exploration`.

    The widget only explores: what later steps use is written by the rule in the notebook.

    Parameters
    ----------
    exploration : Exploration
    position : ThresholdPosition
        Where the sliders start.

    Attributes
    ----------
    position : ThresholdPosition
        Where the sliders stand.
    view : ThresholdView
        What is shown.
    update_seconds : list of float
        Time from a slider's change to the finished picture, for each change.
    """

    def __init__(self, exploration, position):
        self.exploration = exploration
        self.view = exploration.view(position)
        self.update_seconds = []
        self._moving = False
        with style():
            self.figure = ThresholdFigure(self.view, max_members=exploration.member_counts[-1])
            first = self.figure.jpeg()
        self.picture = widgets.Image(value=first, format="jpeg", layout={"max_width": "100%"})
        self.numbers = widgets.HTML()
        self.errors = widgets.Output()
        self._make_sliders(position)
        self._show_numbers()
        thresholds = widgets.VBox([self.confidence, self.agreement, self.image])
        others = widgets.VBox([self.class_name, self.members, self.numbers])
        super().__init__([widgets.HBox([thresholds, others]), self.picture, self.errors])
        self.add_class("dicentlib-thresholds")

    def _make_sliders(self, position):
        thresholds = [float(value) for value in self.exploration.confidence_thresholds]
        common = {"style": LABEL_STYLE, "layout": WIDE}
        self.confidence = widgets.SelectionSlider(
            description="confidence T_C",
            options=list(zip(distinct_labels(thresholds), thresholds, strict=True)),
            value=min(thresholds, key=lambda value: abs(value - position.confidence_threshold)),
            **common,
        )
        votes = {"min": 0, "max": position.n_members - 1, "value": position.agreement_threshold}
        self.agreement = widgets.IntSlider(description="agreement T_A", **votes, **common)
        sizes = {"options": list(self.exploration.member_counts), "value": position.n_members}
        self.members = widgets.SelectionSlider(description="members", **sizes, **common)
        self.class_name = widgets.ToggleButtons(
            description="class", options=list(CLASSES), value=position.class_name
        )
        images = {"min": 0, "max": len(self.exploration.images) - 1, "value": position.image}
        self.image = widgets.IntSlider(description="image", **images, **common)
        for slider in (self.confidence, self.agreement, self.members, self.class_name, self.image):
            slider.observe(self._on_move, names="value")

    @property
    def position(self):
        """Where the sliders stand."""
        return ThresholdPosition(
            confidence_threshold=self.confidence.value,
            agreement_threshold=self.agreement.value,
            class_name=self.class_name.value,
            n_members=self.members.value,
            image=self.image.value,
        )

    def _on_move(self, change):
        if self._moving:
            return
        start = time.perf_counter()
        with self.errors:
            if change["owner"] is self.members:
                self._moving = True  # the clamped T_A is part of this move
                self.agreement.max = change["new"] - 1
                self._moving = False
            self.show(self.position)
            self.update_seconds.append(time.perf_counter() - start)

    def show(self, position):
        """Draw the view of a position; the sliders stay where they are."""
        self.view = self.exploration.view(position)
        with style():
            self.figure.update(self.view)
            self.picture.value = self.figure.jpeg()
        self._show_numbers()

    def _show_numbers(self):
        lines = [
            f"<b>{measure} {number.mean:.3f}</b> ensembles {format_interval(number.ensembles)}, "
            f"with images {format_interval(number.both)}"
            for measure, number in self.view.numbers.items()
        ]
        lines.append(f"<small>mean and [q05, q95], ensembles: {self.view.n_ensembles}</small>")
        self.numbers.value = f"<div class='dicentlib-numbers'>{'<br>'.join(lines)}</div>"
