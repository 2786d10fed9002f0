"""The review gallery: a page of crops with buttons and keys over a ReviewState."""

import html
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import ipywidgets as widgets
import numpy as np

from dicentlib.data import ImageIndex, read_image, write_annotations
from dicentlib.data.paths import contained_path
from dicentlib.plotting.review import FIELD_PX, crop_png
from dicentlib.review import ACCEPTED, REJECTED, ReviewState

FRAMES = {"": "#d0d0d0", ACCEPTED: "#0072B2", REJECTED: "#000000"}
KEYS = "a accept · r reject · c other class · u undo · n next page · p previous page"
N_COLUMNS, N_ROWS = 5, 2  # crops on a page


class Tile(widgets.VBox):
    """One detection: crop, caption, three buttons."""

    def __init__(self, act):
        self.picture = widgets.Image(format="png", layout={"width": "160px", "height": "160px"})
        self.caption = widgets.HTML()
        labels = {"accept": "accept", "reject": "reject", "reclassify": "other"}
        layout = {"width": "62px", "padding": "0"}
        self.buttons = _buttons(labels, partial(act, self), layout=layout)
        super().__init__(
            [self.picture, self.caption, widgets.HBox(list(self.buttons.values()))],
            layout={"padding": "4px", "border": "3px solid #d0d0d0", "width": "212px"},
        )
        self.add_class("dicentlib-tile")


class ReviewGallery(widgets.VBox):
    """Review detections as crops, the least certain first.

    A page is shown at a time, in widgets that are used again for the next one, so that a
    thousand detections are as quick as ten. After every action ``review.csv`` is written and
    the dose is estimated again.

    Parameters
    ----------
    detections : DataFrame
        As of ``scoring.score_folder``.
    images : path-like or ImageIndex
        The image folder.
    path : path-like
        ``review.csv``; decisions in it are used again. Exported annotations are written
        to ``reviewed_annotations.csv`` in the same folder.
    estimate : callable, optional
        From a table of detections and the share of them that is reviewed (0 to 1) to an object
        with ``dose_gy, lower_gy, upper_gy, method``, or None where there is no dose.
    blind : bool
        Show neither votes nor file names, so that nothing but the picture decides. There is no
        button to export annotations: a sample of objects annotates no whole image.
    size_px : int
        Side of a crop in pixels of the image.

    Attributes
    ----------
    state : ReviewState
        The decisions; all that the gallery does is done by its methods.
    current : int or None
        Position of the detection that keys act on.
    """

    def __init__(self, detections, images, *, path, estimate=None, blind=False, size_px=FIELD_PX):
        self.state = ReviewState(detections, path=path)
        folder = images.folder if isinstance(images, ImageIndex) else Path(images)
        self.read = lru_cache(maxsize=64)(lambda name: read_image(contained_path(folder, name)))
        self.estimate = estimate
        self.size_px = size_px
        self.blind = blind
        self.page_size = N_COLUMNS * N_ROWS
        self.automatic = None if estimate is None else estimate(self.state.detections, 0.0)
        self._ahead = ThreadPoolExecutor(1)
        self.tiles = [Tile(self._on_tile) for _ in range(self.page_size)]
        self.errors = widgets.Output()
        self._make_controls()
        grid = widgets.GridBox(
            self.tiles, layout={"grid_template_columns": f"repeat({N_COLUMNS}, 216px)"}
        )
        self.current = self.state.next_undecided()
        bar = widgets.HBox([self.bar, self.progress])
        controls = widgets.HBox([self.key_box, *self.controls.values()])
        super().__init__([self.dose, bar, controls, grid, self.errors])
        self.add_class("dicentlib-review")
        self.show_page((self.current or 0) // self.page_size)

    def _make_controls(self):
        self.dose = widgets.HTML()
        self.progress = widgets.HTML()
        n_detections = len(self.state.detections)
        self.bar = widgets.IntProgress(max=max(1, n_detections), layout={"width": "300px"})
        self.key_box = widgets.Text(
            placeholder="click here, then press keys", layout={"width": "220px"}
        )
        self.key_box.add_class("dicentlib-keys")
        self.key_box.tooltip = KEYS
        self.key_box.observe(self._on_key, names="value")
        labels = {"undo": "undo", "previous": "previous page", "next": "next page"}
        if not self.blind:  # a blind read shows a sample: what it accepts annotates no image
            labels["export"] = "export annotations"
        self.controls = _buttons(labels, self.act)

    @property
    def n_pages(self):
        """Number of pages, at least 1."""
        return max(1, -(-len(self.state.detections) // self.page_size))

    def act(self, action, position=None):
        """Do what a button or key does.

        Parameters
        ----------
        action : str
            "accept", "reject", "reclassify" (about one detection), "undo", "next", "previous",
            "export".
        position : int, optional
            The detection; by default the current one.
        """
        with self.errors:
            self._act(action, self.current if position is None else position)

    def _act(self, action, position):
        if action in ("accept", "reject", "reclassify"):
            if position is None:
                return
            getattr(self.state, action)(position)
            self.current = self.state.next_undecided(position + 1)
            self._follow(position)
        elif action == "undo":
            taken_back = self.state.undo()
            if taken_back is not None:
                self.current = taken_back
                self._follow(taken_back)
        elif action == "export":
            self.export()
        else:
            self.show_page(self.page + (1 if action == "next" else -1))

    def export(self):
        """Write the accepted objects as annotations; returns the file."""
        path = self.state.path.with_name("reviewed_annotations.csv")
        write_annotations(path, self.state.annotations())
        self._show_progress(note=f"written: {path.name}")
        return path

    def show_page(self, page):
        """Show a page, from 0; beyond the last it is the last."""
        self.page = int(np.clip(page, 0, self.n_pages - 1))
        for tile, position in zip(self.tiles, self._positions(self.page), strict=True):
            self._show_tile(tile, position)
        self._show_numbers()
        for position in self._positions(min(self.page + 1, self.n_pages - 1)):
            if position is not None:  # so that the next page is there at once
                self._ahead.submit(self.read, self.state.detections["image"].iloc[position])

    def _positions(self, page):
        first, n = page * self.page_size, len(self.state.detections)
        return [p if p < n else None for p in range(first, first + self.page_size)]

    def _follow(self, position):
        """Show what an action changed, and turn the page when all of the page is decided."""
        page = (position if self.current is None else self.current) // self.page_size
        if page != self.page:
            self.show_page(page)
            return
        for tile, shown in zip(self.tiles, self._positions(page), strict=True):
            self._show_frame(tile, shown)
        self._show_numbers()

    def _show_tile(self, tile, position):
        tile.position = position
        tile.layout.visibility = "hidden" if position is None else "visible"
        if position is None:
            return
        found = self.state.detections.iloc[position]
        image = self.read(found["image"])
        tile.picture.value = crop_png(
            image, found["row"], found["col"], class_name=found["class"], size_px=self.size_px
        )
        self._show_frame(tile, position)

    def _show_frame(self, tile, position):
        if position is None:
            return
        found = self.state.detections.iloc[position]
        decision, class_name = self.state.decisions[position], self.state.classes[position]
        colour = "#CC79A7" if position == self.current else FRAMES[decision]
        tile.layout.border = f"3px solid {colour}"
        changed = f" → {class_name}" if class_name != found["class"] else ""
        votes = "" if self.blind else f", {found['vote_fraction']:.0%} of votes"
        name = "" if self.blind else html.escape(Path(found["image"]).name[-24:])
        tile.caption.value = (
            f"<div style='line-height:1.3'>{position + 1}. {found['class']}{changed}{votes}<br>"
            f"<b>{decision or 'undecided'}</b> <small>{name}</small></div>"
        )

    def _show_numbers(self):
        lines = [f"automatic: {_dose_text(self.automatic)}"]
        if self.automatic is not None:
            n, done = len(self.state.detections), self.state.n_reviewed
            dose = self.estimate(self.state.reviewed_detections(), done / n if n else 1.0)
            note = "" if done == n else f" (provisional: {n - done} undecided)"
            lines.append(f"after review: {_dose_text(dose)}{note}")
            self.dose.value = f"<div class='dicentlib-dose'>{'<br>'.join(lines)}</div>"
        self._show_progress()

    def _show_progress(self, note=""):
        n, reviewed = len(self.state.detections), self.state.n_reviewed
        left = self.state.seconds_left
        time_left = "" if np.isnan(left) else f", about {left / 60:.0f} min left"
        if lost := self.state.n_unplaced:
            note = f"{lost} decisions in {self.state.path.name} belong to no detection. {note}"
        self.bar.value = reviewed
        self.progress.value = (
            f"<span class='dicentlib-progress'>{reviewed} of {n} reviewed{time_left}; "
            f"page {self.page + 1} of {self.n_pages}. {html.escape(note)}</span>"
            f"<br><small>{KEYS}</small>"
        )

    def _on_tile(self, tile, action):
        self.act(action, tile.position)

    def _on_key(self, change):
        # only what was added counts; emptying the box here would race with a quick typist
        old, new = change["old"], change["new"]
        typed = new[len(old) :] if new.startswith(old) else ""
        actions = {"a": "accept", "r": "reject", "c": "reclassify", "u": "undo"}
        actions |= {"n": "next", "p": "previous"}
        for key in typed:
            if key.lower() in actions:
                self.act(actions[key.lower()])


def _buttons(labels, act, **look):
    """A button for each action, by its name, that calls `act` with it."""
    buttons = {name: widgets.Button(description=label, **look) for name, label in labels.items()}
    for name, button in buttons.items():
        button.on_click(lambda _, name=name: act(name))
        button.add_class(f"dicentlib-{name}")
    return buttons


def _dose_text(dose):
    if dose is None:
        return "no dose after review: the calibration series has no annotations"
    return f"{dose.dose_gy:.2f} Gy [{dose.lower_gy:.2f}, {dose.upper_gy:.2f}], {dose.method}"
