"""The threshold explorer in a real browser: notebook 04 is run and its sliders are moved."""

import base64
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from threshold_run import make_run

from dicentlib.ensemble import load_members
from dicentlib.evaluation import ensemble_sizes
from dicentlib.evaluation.exploration import Exploration, ThresholdPosition
from dicentlib.evaluation.image_set import open_evaluation_set
from dicentlib.plotting.style import style
from dicentlib.plotting.threshold_view import ThresholdFigure, format_interval

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "04_thresholds.ipynb"
N_MEMBERS = 6
ENSEMBLE_SIZE = 3
EXPLORER = ".dicentlib-thresholds"
# From key press to the frame after the new picture is decoded.
WATCH_LATENCY = """() => {
  window.latencies = [];
  let start = null;
  document.addEventListener('keydown', () => { start = performance.now(); }, true);
  document.querySelector('.dicentlib-thresholds img').addEventListener('load', () => {
    requestAnimationFrame(() => {
      if (start !== null) { window.latencies.push(performance.now() - start); start = null; }
    });
  });
}"""
READ_PICTURE = """async () => {
  const img = document.querySelector('.dicentlib-thresholds img');
  const bytes = new Uint8Array(await (await fetch(img.src)).arrayBuffer());
  return btoa(Array.from(bytes, b => String.fromCharCode(b)).join(''));
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return make_run(folder, n_images=40, n_members=N_MEMBERS, shape=(444, 504))


@pytest.fixture(scope="module")
def exploration(run):
    return Exploration(
        open_evaluation_set(run, "test", load_members(run)),
        member_counts=ensemble_sizes(N_MEMBERS, always=[ENSEMBLE_SIZE]),
        confidence_thresholds=np.linspace(0.05, 0.95, 19).round(2),
        n_members=N_MEMBERS,
    )


class Sliders:
    """What a user sees of the explorer."""

    def __init__(self, page):
        self.page = page
        self.box = page.locator(EXPLORER)

    def slider(self, label):
        return self.box.locator(".widget-hslider", has=self.page.get_by_text(label, exact=True))

    def handle(self, label):
        return self.slider(label).locator(".noUi-handle")

    def value(self, label):
        return self.slider(label).locator(".widget-readout").inner_text().strip()

    def position(self):
        return ThresholdPosition(
            confidence_threshold=float(self.value("confidence T_C")),
            agreement_threshold=int(self.value("agreement T_A")),
            class_name=self.box.locator(".widget-toggle-button.mod-active").inner_text().strip(),
            n_members=int(self.value("members")),
            image=int(self.value("image")),
        )

    def numbers(self):
        return self.box.locator(".dicentlib-numbers").inner_text()

    def picture(self):
        encoded = self.page.evaluate(READ_PICTURE)
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))

    def press(self, label, key, times=1):
        """Press a key on a slider's handle and wait for the new picture each time."""
        self.handle(label).focus()
        for _ in range(times):
            before = self.page.evaluate("window.latencies.length")
            self.page.keyboard.press(key)
            self.page.wait_for_function(f"window.latencies.length > {before}")

    def drag(self, label, share):
        """Drag a handle with the mouse to a share of the track, and wait for the kernel."""
        track = self.slider(label).locator(".noUi-target").bounding_box()
        grip = self.handle(label).bounding_box()
        source = self.box.locator("img").get_attribute("src")
        self.page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
        self.page.mouse.down()
        y = track["y"] + track["height"] / 2
        self.page.mouse.move(track["x"] + share * track["width"], y, steps=6)
        self.page.mouse.up()
        self.page.wait_for_function(
            "s => document.querySelector('.dicentlib-thresholds img').src !== s", arg=source
        )


def assert_agrees(sliders, exploration):
    """Numbers and picture on the screen are those of the library at the sliders' position."""
    view = exploration.view(sliders.position())
    for measure, number in view.numbers.items():
        for text in (f"{measure} {number.mean:.3f}", format_interval(number.ensembles)):
            sliders.page.wait_for_function(
                "t => document.querySelector('.dicentlib-numbers').innerText.includes(t)", arg=text
            )
        assert format_interval(number.both) in sliders.numbers()
    with style():
        drawn = ThresholdFigure(view, max_members=N_MEMBERS).jpeg()
    expected = np.asarray(Image.open(io.BytesIO(drawn))).astype(int)
    shown = sliders.picture()
    assert shown.shape == expected.shape
    assert (abs(shown - expected).max(axis=2) > 60).mean() < 0.003


def test_sliders_move_picture_and_numbers(
    jupyterlab, page, run_notebook, run, exploration, record_property, tmp_path
):
    url = jupyterlab.place(
        NOTEBOOK, run_dir=str(run), ensemble_size=ENSEMBLE_SIZE, bootstrap_draws=200
    )
    run_notebook(url, wait_for=f"{EXPLORER} img")
    screenshots = Path(os.environ.get("DICENTLIB_SCREENSHOTS", tmp_path))
    page.locator(EXPLORER).scroll_into_view_if_needed()
    sliders = Sliders(page)
    # the last cells are still running: the kernel answers when they are through
    page.wait_for_function("document.querySelectorAll('.jp-InputPrompt').length > 0")
    page.locator(".jp-OutputArea-output", has_text="dicentlib version").first.wait_for()
    page.locator(EXPLORER).scroll_into_view_if_needed()
    page.evaluate(WATCH_LATENCY)
    assert_agrees(sliders, exploration)
    page.screenshot(path=screenshots / "explorer_start.png")
    start, first_picture, first_numbers = (
        sliders.position(),
        sliders.picture(),
        sliders.numbers(),
    )

    sliders.press("confidence T_C", "ArrowRight", 4)
    moved = sliders.position()
    assert moved.confidence_threshold == pytest.approx(start.confidence_threshold + 0.2)
    assert sliders.numbers() != first_numbers
    assert (sliders.picture() != first_picture).any()
    assert_agrees(sliders, exploration)

    sliders.drag("agreement T_A", 0.02)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.dicentlib-thresholds .widget-readout')]"
        ".some(r => r.innerText.trim() === '0')"
    )
    assert sliders.position().agreement_threshold == 0
    assert_agrees(sliders, exploration)

    page.locator(EXPLORER).get_by_role("button", name="fragment").click()
    sliders.drag("image", 0.6)
    assert sliders.position().class_name == "fragment"
    assert sliders.position().image > start.image or start.image > 20
    assert_agrees(sliders, exploration)

    sliders.press("members", "ArrowLeft", 2)
    assert sliders.position().n_members == 3
    assert_agrees(sliders, exploration)
    page.screenshot(path=screenshots / "explorer_moved.png")

    page.evaluate("window.latencies = []")
    for label, keys in {
        "confidence T_C": ("ArrowLeft", "ArrowRight"),
        "agreement T_A": ("ArrowRight", "ArrowLeft"),
        "image": ("ArrowRight", "ArrowLeft"),
    }.items():
        for key in keys:
            sliders.press(label, key, 5 if label != "agreement T_A" else 2)
    latency = np.array(page.evaluate("window.latencies"))
    assert len(latency) == 24
    for share in (50, 95):
        record_property(f"slider_latency_p{share}_ms", round(float(np.percentile(latency, share))))
    print(
        f"slider to screen: median {np.median(latency):.0f} ms, "
        f"95th percentile {np.percentile(latency, 95):.0f} ms of {len(latency)} moves"
    )
    # The target of 100 ms needs a core to itself; a busy machine must still answer.
    assert np.median(latency) < 5000
