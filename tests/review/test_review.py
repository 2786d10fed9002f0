"""Review: nothing decided is lost, everything can be taken back, the numbers follow."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicentlib.calibration import CalibrationCurve, fit_curve
from dicentlib.data import read_annotations, read_image
from dicentlib.data.crops import crop
from dicentlib.errors import InputError
from dicentlib.plotting.review import crop_png, plot_contact_sheet
from dicentlib.review import ReviewState, both_ends, least_certain_first, reviewed_dose
from dicentlib.widgets import ReviewGallery

HEADER = "image,class,row,col,decision,reviewed_class,seconds\n"


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        values = np.full((60, 70), 225 - 30 * number, dtype=np.uint8)
        Image.fromarray(values).save(folder / f"cell <b>{number}.png")
    return folder


def make_detections(n=7):
    rng = np.random.default_rng(1)
    votes = rng.integers(3, 7, n)
    return pd.DataFrame(
        {
            "image": [f"cell <b>{i % 3}.png" for i in range(n)],
            "class": [("dicentric", "fragment")[i % 2] for i in range(n)],
            "row": rng.uniform(0, 60, n),
            "col": rng.uniform(0, 70, n),
            "votes": votes,
            "vote_fraction": votes / 6,
            "peak_mean": rng.uniform(0.5, 0.9, n),
        }
    )


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


def test_least_certain_come_first():
    ordered = least_certain_first(make_detections())
    assert ordered["vote_fraction"].is_monotonic_increasing
    same = ordered[ordered["vote_fraction"] == ordered["vote_fraction"][0]]
    assert same["peak_mean"].is_monotonic_increasing
    assert least_certain_first(make_detections(0)).empty


def test_decisions_change_the_detections_that_count():
    state = ReviewState(make_detections())
    before = state.detections["class"].value_counts()
    dicentric = int(state.detections.index[state.detections["class"] == "dicentric"][0])
    fragment = int(state.detections.index[state.detections["class"] == "fragment"][0])
    state.reject(dicentric)
    after = state.reviewed_detections()["class"].value_counts()
    assert after["dicentric"] == before["dicentric"] - 1
    state.reclassify(fragment)
    after = state.reviewed_detections()["class"].value_counts()
    assert after.to_dict() == {
        "dicentric": before["dicentric"],
        "fragment": before["fragment"] - 1,
    }
    assert state.n_reviewed == 2
    assert state.annotations()["class"].tolist() == ["dicentric"]  # accepted as the other class


def test_undo_goes_back_to_the_very_start():
    state = ReviewState(make_detections())
    untouched = state.reviewed_detections()
    for position in (0, 3, 3, 5):
        state.reject(position)
        state.accept(position)
    for expected in (5, 5, 3, 3, 3, 3, 0, 0):
        assert state.undo() == expected
    assert state.undo() is None
    assert state.n_reviewed == 0
    pd.testing.assert_frame_equal(state.reviewed_detections(), untouched)


def test_every_action_is_saved_and_taken_up_again(tmp_path):
    path = tmp_path / "review.csv"
    state = ReviewState(make_detections(), path=path)
    state.accept(2)
    state.reject(0)
    state.reclassify(4)
    again = ReviewState(make_detections(), path=path)
    assert again.decisions == state.decisions
    pd.testing.assert_frame_equal(again.reviewed_detections(), state.reviewed_detections())
    state.undo()
    assert ReviewState(make_detections(), path=path).n_reviewed == 2


def test_decisions_about_other_detections_stay_in_the_file(tmp_path):
    path = tmp_path / "review.csv"
    state = ReviewState(make_detections(), path=path)
    state.accept(0)
    state.accept(1)
    fewer = ReviewState(state.detections.iloc[1:], path=path)
    assert fewer.n_reviewed == 1
    fewer.reject(0)
    again = ReviewState(make_detections(), path=path)
    assert again.decisions[:2] == ["accepted", "rejected"]


def general_format(number):
    """A number as a spreadsheet cell of the format General saves it: 11 characters."""
    return f"{number:.11g}" if len(f"{number:.11g}") <= 11 else f"{number:.7f}".rstrip("0")


@pytest.mark.parametrize("separator", [",", ";"])
def test_decisions_survive_a_spreadsheet(tmp_path, separator):
    path = tmp_path / "review.csv"
    state = ReviewState(make_detections(), path=path)
    for position in range(3):
        state.accept(position)
    state.reject(3)
    saved = pd.read_csv(path)
    for column in ("row", "col", "seconds"):
        saved[column] = saved[column].map(general_format)
        if separator == ";":  # a German spreadsheet
            saved[column] = saved[column].str.replace(".", ",")
    saved.to_csv(path, index=False, sep=separator, lineterminator="\r\n")
    again = ReviewState(make_detections(), path=path)
    assert again.decisions == state.decisions
    assert again.n_unplaced == 0
    again.accept(0)
    assert len(pd.read_csv(path)) == 4


def test_decisions_that_belong_to_no_detection_are_counted_and_kept(tmp_path, images):
    path = tmp_path / "review.csv"
    state = ReviewState(make_detections(), path=path)
    state.accept(0)
    moved = pd.read_csv(path).assign(row=lambda table: (table["row"] + 20) % 60)
    moved.to_csv(path, index=False)
    gallery = ReviewGallery(make_detections(), images, path=path)
    assert (gallery.state.n_reviewed, gallery.state.n_unplaced) == (0, 1)
    assert "1 decisions in review.csv belong to no detection" in gallery.progress.value
    gallery.state.accept(0)
    assert len(pd.read_csv(path)) == 2


def test_two_decisions_about_one_object_are_refused(tmp_path):
    path = tmp_path / "review.csv"
    state = ReviewState(make_detections(), path=path)
    state.accept(0)
    once = path.read_text()
    path.write_text(once + once.splitlines()[1] + "\n")  # the same decision twice
    assert ReviewState(make_detections(), path=path).n_reviewed == 1
    path.write_text(once + once.splitlines()[1].replace("accepted", "rejected") + "\n")
    with pytest.raises(InputError, match=r"two decisions about the object at row .* of cell <b>"):
        ReviewState(make_detections(), path=path)


def test_time_left_is_the_median_decision_times_what_is_left(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("dicentlib.review.state.monotonic", clock)
    state = ReviewState(make_detections())
    assert np.isnan(state.seconds_left)
    for position, moment in enumerate((0.0, 2.0, 5.0, 900.0)):  # the last after a break
        clock.time = moment
        state.accept(position)
    assert state.seconds_left == pytest.approx(2.5 * 3)  # median of 2 and 3 s, 3 of 7 left


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,class\n", r"review\.csv: columns image, class; expected image, class, row"),
        (
            f"{HEADER}a,dicentric,1,1,maybe,dicentric,1\n",
            r"review\.csv, row 2: decision 'maybe'; allowed: accepted, rejected",
        ),
        (
            f"{HEADER}a,dicentric,x,1,accepted,dicentric,1\n",
            r"review\.csv, row 2: column row has 'x': expected a number",
        ),
    ],
)
def test_a_file_that_is_no_review_is_refused(tmp_path, text, message):
    (tmp_path / "review.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        ReviewState(make_detections(), path=tmp_path / "review.csv")


def test_crops_are_centred_and_repeat_the_edge():
    image = np.zeros((30, 40), dtype=np.float32)
    image[10, 20] = 1
    part = crop(image, 10.3, 19.8, side_px=8)
    assert np.argwhere(part == 1).tolist() == [[4, 4]]
    ramp = np.arange(30, dtype=np.float32)[:, None] + np.zeros(40, dtype=np.float32)
    assert crop(ramp, 0, 0, side_px=8)[:, 0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3]
    assert crop_png(image, 0, 0, class_name="fragment").startswith(b"\x89PNG")


def test_contact_sheet_shows_every_row(images):
    detections = make_detections(5)
    fig = plot_contact_sheet(detections, lambda name: read_image(images / name), n_columns=3)
    drawn = [ax for ax in fig.axes if ax.images]
    assert len(drawn) == 5
    assert drawn[0].get_title() == f"{detections['vote_fraction'][0]:.0%} of votes"
    assert len(fig.legends) == 1
    blind = plot_contact_sheet(detections, lambda name: read_image(images / name), votes=False)
    assert [ax.get_title() for ax in blind.axes if ax.images] == ["1", "2", "3", "4", "5"]
    assert not blind.legends  # a legend would say what each is called
    assert {ax.spines["left"].get_edgecolor()[:3] for ax in blind.axes if ax.images} == {(0.6,) * 3}


@pytest.fixture
def gallery(images, tmp_path):
    def estimate(detections, share):
        n = int((detections["class"] == "dicentric").sum())
        return SimpleNamespace(
            dose_gy=n / 10, lower_gy=n / 20, upper_gy=n / 5, method=f"share {share:.2f}"
        )

    return ReviewGallery(
        make_detections(25), images, path=tmp_path / "review.csv", estimate=estimate
    )


def test_buttons_and_keys_do_the_same_as_the_state(gallery, tmp_path):
    assert gallery.n_pages == 3
    gallery.tiles[1].buttons["reject"].click()
    assert gallery.state.decisions[1] == "rejected"
    gallery.current = 0
    gallery.key_box.value = "a"
    assert gallery.state.decisions[0] == "accepted"
    assert gallery.current == 2  # 1 is decided already
    gallery.key_box.value = "ac"
    assert gallery.state.classes[2] != gallery.state.detections["class"][2]
    gallery.key_box.value = "acu"
    assert gallery.state.decisions[2] == ""
    gallery.controls["export"].click()
    written = read_annotations(tmp_path / "reviewed_annotations.csv")
    assert len(written) == 1
    gallery.key_box.value = "ac"  # a character taken away does nothing
    gallery.key_box.value = "AC"  # nor does a text that was replaced
    assert "2 of 25 reviewed" in gallery.progress.value


def test_a_blind_read_exports_no_annotations(images, tmp_path):
    gallery = ReviewGallery(make_detections(3), images, path=tmp_path / "read.csv", blind=True)
    assert "export" not in gallery.controls


def test_pages_turn_by_themselves_and_dose_follows(gallery):
    assert "automatic: 1.30 Gy [0.65, 2.60], share 0.00" in gallery.dose.value
    assert "(provisional: 25 undecided)" in gallery.dose.value
    gallery.key_box.value = "r" * 10
    assert gallery.page == 1
    rejected = gallery.state.detections["class"][:10].eq("dicentric").sum()
    assert f"after review: {(13 - rejected) / 10:.2f} Gy" in gallery.dose.value
    gallery.act("next")
    gallery.act("next")
    assert gallery.page == 2
    assert [tile.layout.visibility for tile in gallery.tiles].count("hidden") == 5
    gallery.key_box.value += "r" * 20
    assert gallery.current is None
    assert gallery.state.n_reviewed == 25


def test_a_gallery_without_detections(images, tmp_path):
    empty = ReviewGallery(make_detections(0), images, path=tmp_path / "review.csv")
    empty.act("accept")
    empty.act("undo")
    assert "0 of 0 reviewed" in empty.progress.value


def test_names_of_images_are_text_not_markup(gallery):
    captions = " ".join(tile.caption.value for tile in gallery.tiles)
    assert "cell &lt;b&gt;" in captions
    assert "cell <b>" not in captions


def test_two_reviews_of_one_file_keep_each_others_decisions(tmp_path):
    detections = make_detections(4)
    path = tmp_path / "review.csv"
    first, second = (ReviewState(part, path=path) for part in (detections[:2], detections[2:]))
    first.accept(0)
    second.reject(0)
    first.reject(1)
    assert len(pd.read_csv(path)) == 3
    assert ReviewState(detections, path=path).n_reviewed == 3


def test_both_ends_of_the_detections():
    ordered = least_certain_first(make_detections(7))
    assert both_ends(ordered, 7)["votes"].to_list() == ordered["votes"].to_list()
    few = both_ends(ordered, 3)
    assert few.index.to_list() == [0, 1, 6]
    assert both_ends(ordered, 20).shape == ordered.shape
    assert both_ends(ordered[:0], 3).empty


def test_dose_of_the_detections_that_are_left():
    # the detector finds 80 % of the true dicentrics and adds 0.05 false ones to each cell
    doses, cells = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.full(5, 2000)
    found = np.round(0.8 * cells * (0.03 * doses + 0.06 * doses**2))
    curve = fit_curve(doses, cells, found + 0.05 * cells)
    by_dose = pd.DataFrame({"dose_gy": doses, "n_cells": cells, "n_found": found})
    images = [f"{number}.png" for number in range(200)]
    true = pd.DataFrame({"image": images[:48], "class": "dicentric"})  # 0.24: 2 Gy
    false = pd.DataFrame({"image": images[-10:], "class": "dicentric"})  # 0.05 per cell
    estimate = reviewed_dose(curve, by_dose, images, require_fragment=False)
    automatic = estimate(pd.concat([true, false]), 0.0)
    reviewed = estimate(true, 1.0)
    assert automatic.dose_gy == pytest.approx(2, abs=0.02)
    assert reviewed.dose_gy == pytest.approx(2, abs=0.02)
    assert estimate(true, 0.0).dose_gy < 1.85  # the detector's own curve would mislead
    without = reviewed_dose(curve, None, images, require_fragment=False)
    assert without(true, 0.5) is None
    assert isinstance(without(true, 0.0).curve, CalibrationCurve)
