"""The review gallery in a real browser: a thousand detections, clicks, keys, a closed page."""

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicentlib.data import read_annotations

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

N_DETECTIONS = 1000
CELLS = (
    "from types import SimpleNamespace\n"
    "import pandas as pd\n"
    "from dicentlib.widgets import ReviewGallery",
    "def estimate(table, share):\n"
    "    dose = 0.001 * (table['class'] == 'dicentric').sum()\n"
    "    return SimpleNamespace(dose_gy=dose, lower_gy=dose / 2, upper_gy=dose * 2, method='test')",
    "ReviewGallery(pd.read_csv('detections.csv'), 'images', path='review.csv', estimate=estimate)",
)


@pytest.fixture(scope="module")
def notebook(jupyterlab):
    """A notebook with the gallery, and what it shows."""
    rng = np.random.default_rng(6)
    (jupyterlab.root / "images").mkdir()
    for number in range(20):
        values = rng.normal(225, 8, (444, 504)).clip(0, 255).astype(np.uint8)
        Image.fromarray(values).save(jupyterlab.root / "images" / f"{number}.png")
    votes = rng.integers(3, 7, N_DETECTIONS)
    table = pd.DataFrame(
        {
            "image": [f"{number % 20}.png" for number in range(N_DETECTIONS)],
            "class": rng.choice(["dicentric", "fragment"], N_DETECTIONS),
            "row": rng.uniform(0, 443, N_DETECTIONS),
            "col": rng.uniform(0, 503, N_DETECTIONS),
            "votes": votes,
            "vote_fraction": votes / 6,
            "peak_mean": rng.uniform(0.5, 0.9, N_DETECTIONS),
        }
    )
    table.to_csv(jupyterlab.root / "detections.csv", index=False)
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(content, jupyterlab.root / "gallery.ipynb")
    return jupyterlab.url("gallery.ipynb")


class Gallery:
    """What a reviewer sees."""

    def __init__(self, page):
        self.page = page
        self.box = page.locator(".dicentlib-review")

    def tile(self, number):
        return self.box.locator(".dicentlib-tile").nth(number)

    def click(self, action, number):
        self.tile(number).locator(f".dicentlib-{action}").click()

    def press(self, keys):
        self.box.locator(".dicentlib-keys input").click()
        self.page.keyboard.press("End")
        self.page.keyboard.type(keys, delay=30)

    def wait_for_progress(self, text):
        self.box.locator(".dicentlib-progress", has_text=text).wait_for()

    def dose(self):
        return self.box.locator(".dicentlib-dose").inner_text()


def test_a_reviewer_decides_undoes_closes_and_continues(
    notebook, jupyterlab, page, run_notebook, tmp_path
):
    root = jupyterlab.root
    run_notebook(notebook, wait_for=".dicentlib-review .dicentlib-tile img")
    gallery = Gallery(page)
    gallery.wait_for_progress(f"0 of {N_DETECTIONS} reviewed")
    before = gallery.dose()
    automatic, reviewed = (line.split(": ", 1)[1] for line in before.split("\n"))
    assert reviewed == f"{automatic} (provisional: {N_DETECTIONS} undecided)"

    gallery.click("accept", 0)
    gallery.wait_for_progress("1 of 1000")
    gallery.click("reject", 1)
    gallery.wait_for_progress("2 of 1000")
    gallery.press("arc")
    gallery.wait_for_progress("5 of 1000")
    saved = pd.read_csv(root / "review.csv")
    assert saved["decision"].value_counts().to_dict() == {"accepted": 3, "rejected": 2}
    assert (saved["class"] != saved["reviewed_class"]).sum() == 1
    gallery.press("u")
    gallery.wait_for_progress("4 of 1000")
    assert len(pd.read_csv(root / "review.csv")) == 4

    gallery.box.locator(".dicentlib-export").click()
    gallery.wait_for_progress("written: reviewed_annotations.csv")
    assert len(read_annotations(root / "reviewed_annotations.csv")) == 2
    page.screenshot(path=tmp_path / "gallery.png")

    picture = gallery.tile(0).locator("img").get_attribute("src")
    for number in range(2, 22):  # through 200 of the thousand
        gallery.box.locator(".dicentlib-next").click()
        gallery.wait_for_progress(f"page {number} of 100")
        now = gallery.tile(0).locator("img").get_attribute("src")
        assert now != picture
        picture = now
    assert gallery.box.locator(".dicentlib-tile").count() == 10  # the same few, used again

    page.goto("about:blank")  # the browser is closed without saving anything
    run_notebook(notebook, wait_for=".dicentlib-review .dicentlib-tile img")
    Gallery(page).wait_for_progress("4 of 1000")


def test_a_blind_read_shows_neither_votes_nor_names(notebook, jupyterlab, page, run_notebook):
    cells = [
        CELLS[0],
        "from dicentlib.own_slides.blind_read import without_votes\n"
        "sample = without_votes(pd.read_csv('detections.csv')[:20])\n"
        "ReviewGallery(sample, 'images', path='blind_read.csv', blind=True)",
    ]
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    content.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(content, jupyterlab.root / "blind.ipynb")
    run_notebook(jupyterlab.url("blind.ipynb"), wait_for=".dicentlib-review .dicentlib-tile img")
    gallery = Gallery(page)
    gallery.wait_for_progress("0 of 20 reviewed")
    caption = gallery.tile(0).inner_text()
    assert "undecided" in caption
    assert "%" not in caption
    assert ".png" not in caption
    first = pd.read_csv(jupyterlab.root / "detections.csv").iloc[0]
    gallery.click("accept", 0)
    gallery.wait_for_progress("1 of 20")
    saved = pd.read_csv(jupyterlab.root / "blind_read.csv").iloc[0]
    assert (saved["image"], saved["decision"]) == (first["image"], "accepted")
