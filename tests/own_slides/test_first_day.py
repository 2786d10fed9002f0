"""What becomes of a folder that contradicts itself, changes meanwhile, or cannot be scored."""

import re
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.calibration import published_curve
from dicentlib.dose import Detector
from dicentlib.errors import InputError
from dicentlib.own_slides import candidates, first_day, page_sentences, page_tables
from dicentlib.own_slides.asked import check_asked
from dicentlib.own_slides.blind_read import answers_of, estimate, estimates_by_slide
from dicentlib.own_slides.calibration_plan import measured_detector, planned_series
from dicentlib.own_slides.demand import choose_untuned
from dicentlib.own_slides.inventory import scale_conflicts, take_inventory
from dicentlib.own_slides.scale import ScaleEstimate, ScaleModel
from dicentlib.plotting.own_slides import plot_blind_read, plot_fields, plot_scale
from dicentlib.report import page as report
from dicentlib.review import ReviewState

SIZES = pd.DataFrame(
    {"slide": ["a", "a", "b"], "stratum": ["certain", "no vote", "certain"], "n": [40, 400, 30]}
)
CELLS = pd.Series({"a": 50, "b": 50})


def write(path, *, um=None, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.random.default_rng(seed).normal(220, 5, (80, 96))
    grey[30:40, 20:70] = 60
    resolution = None if um is None else (1e4 / um, 1e4 / um)
    tifffile.imwrite(path, grey.clip(0, 255).astype(np.uint8), resolution=resolution,
                     resolutionunit=3)  # fmt: skip


def answers(slide, n):
    return pd.DataFrame({"slide": slide, "stratum": "certain", "true": [True] * n})


def test_nothing_is_shown_where_nothing_was_read():
    none = estimates_by_slide(SIZES, answers("a", 0), CELLS)
    table = page_tables.estimates_table(none, {})
    assert (table[["precision", "recall", "false per 1000 cells"]] == "–").all(axis=None)
    one = estimates_by_slide(SIZES, answers("a", 20), CELLS)
    table = page_tables.estimates_table(one, {"c": "3 images: blurred"}).set_index("slides")
    assert table.loc["b", "precision"] == "–"
    assert table.loc["a", "precision"].startswith("0.9")  # 20 of 20, 95 % interval
    assert table["read"].to_list() == [20, 20, 0, 0]
    assert table["remark"].to_list() == [
        *("", "", "nothing read", "nothing scored: 3 images: blurred")
    ]
    fig = plot_blind_read(one)
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["all slides", "a"]
    plt.close(fig)


def test_fields_of_different_size_have_one_scale():
    fig = plot_fields([np.ones((80, 100)), np.ones((90, 60))], ["a", "b"], n_columns=2)
    assert {ax.get_xlim() for ax in fig.axes} == {(-0.5, 99.5)}
    assert {ax.get_ylim() for ax in fig.axes} == {(89.5, -0.5)}
    plt.close(fig)


def test_an_assumed_scale_is_not_called_confirmed():
    fields = pd.Series([0.095, 0.105])
    estimate = ScaleEstimate(0.1, 0.085, 0.118, 2, fields)
    said = page_sentences.scale_sentence(estimate, first_day.PixelSize(0.1, "assumed"))
    assert said.endswith("to be sure, state the pixel size in samples.csv.")
    said = page_sentences.scale_sentence(estimate, first_day.PixelSize(0.1, "stated"))
    assert said.endswith("0.085 to 0.118).")
    said = page_sentences.scale_sentence(estimate, first_day.PixelSize(0.2, "assumed"))
    assert said.endswith("The two disagree: check the scale before you rely on any count.")


def test_annotations_of_another_folder_are_a_sentence(tmp_path):
    write(tmp_path / "a.tif")
    index = take_inventory(tmp_path).index
    assert first_day.annotations_of(index) == (None, [])
    path = tmp_path / "annotations.csv"
    path.write_text("image,class,row,col\nother.tif,dicentric,1,2\n")
    annotations, notes = first_day.annotations_of(index)
    assert annotations is None
    assert len(notes) == 1
    assert "annotations are not used" in notes[0]
    assert "image 'other.tif' is not in" in notes[0]
    path.write_text("image,class,row,col\na.tif,dicentric,1,2\n")
    annotations, notes = first_day.annotations_of(index)
    assert (len(annotations), notes) == (1, [])
    write(tmp_path / "b.tif", seed=1)
    annotations, notes = first_day.annotations_of(take_inventory(tmp_path).index)
    assert len(annotations) == 1
    assert "1 of 2 images has no row in annotations.csv" in notes[0]


def test_pixel_sizes_that_contradict_are_sentences(tmp_path):
    for number, um in enumerate((0.1, 0.1, 0.2)):
        write(tmp_path / "s1" / f"{number}.tif", um=um, seed=number)
        write(tmp_path / "s2" / f"{number}.tif", um=0.1, seed=number)
    found = take_inventory(tmp_path)
    assert scale_conflicts(found) == [
        "Images of slide s1 have pixel sizes from 0.1 to 0.2 um. Each image is used at its own; "
        "check whether they were recorded with one objective."
    ]
    (tmp_path / "samples.csv").write_text(
        "image,pixel_size_um\n" + "".join(f"s1/{n}.tif,0.1\n" for n in range(3))
    )
    found = take_inventory(tmp_path)
    assert scale_conflicts(found) == [
        "The table of samples and the file contradict each other on the pixel size of 1 image: "
        "for s1/2.tif the table says 0.1 um, the file 0.2 um. The table is used; correct it if it "
        "is wrong."
    ]
    (tmp_path / "s1" / "2.tif").unlink()
    assert scale_conflicts(found) == []  # gone meanwhile


def test_each_stated_scale_is_compared_with_its_own_chromosomes():
    table = pd.DataFrame({
        "image": list("abcdef"), "pixel_size_um": [0.1, 0.1, 0.06, 0.06, 0.1, 0.1],
        "pixel_size_from": ["file"] * 2 + ["table"] * 2 + ["assumed"] * 2,
    })  # fmt: skip
    fields = pd.Series(dict(zip("abcdef", [0.1, 0.1, 0.09, 0.1, 0.2, 0.2], strict=True)))
    estimate = ScaleEstimate(0.1, 0.09, 0.11, 6, fields)
    model = ScaleModel(None, field_sd=0.08, slide_sd=0.05)
    by_stated = first_day.estimates_by_stated(estimate, table, model)
    assert list(by_stated) == [0.06, 0.1, None]
    assert by_stated[0.06].pixel_size_um == pytest.approx(np.sqrt(0.09 * 0.1))
    # standard error: 0.05 of the slide and 1.25 * 0.08 / sqrt(2) of the fields, together 0.0866
    assert by_stated[0.1].upper_um == pytest.approx(0.1 * np.exp(1.96 * 0.0866), rel=1e-3)
    # the estimate for images that state nothing is made of these alone
    size = first_day.pixel_size_to_use(table, by_stated[None], use_estimate=True)
    assert size == first_day.PixelSize(0.2, "estimated")
    said = page_sentences.scale_sentences(by_stated, size)
    assert [text.startswith(f"Pixel size used: {um} um ({how}).") for text, um, how in zip(
        said, (0.06, 0.1, 0.2), ("stated", "stated", "estimated"), strict=True
    )] == [True] * 3  # fmt: skip
    assert ["disagree" in text for text in said] == [True, False, False]
    stated = first_day.estimates_by_stated(estimate, table[:2], model)
    assert len(page_sentences.scale_sentences(stated, first_day.PixelSize(0.1, "stated"))) == 1
    ax = plot_scale(estimate, used_um=[0.06, 0.1, 0.2], used_is="estimated")
    used = [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"]
    assert used == [0.06, 0.1, 0.2]
    plt.close(ax.figure)


def scan_of(images, detections, *, least=1, n_members=4):
    images = images.assign(status="scored", reason="")
    thresholds = {"dicentric": least, "fragment": least}
    return candidates.Scan(detections, images, thresholds, n_members)


def test_annotations_know_what_no_candidate_shows():
    images = pd.DataFrame({"image": ["a", "b"], "slide": "s", "pixel_size_um": [0.1, 0.2]})
    found = pd.DataFrame({
        "image": ["a", "a", "b"], "class": "dicentric", "row": [10.0, 90.0, 10.0], "col": 10.0,
        "votes": [4, 1, 0], "vote_fraction": 0.5, "peak_mean": 0.5, "slide": "s",
        "stratum": ["certain", "near miss", "no vote"],
    })  # fmt: skip
    sizes = pd.DataFrame({"slide": "s", "stratum": ["no vote"], "n": [70]})  # extrapolated
    scan = scan_of(images, found)
    assert candidates.with_annotations(found, sizes, None, scan) == (found, sizes)
    annotations = pd.DataFrame({
        # 10 px off: 1 um in a (found), 2 um in b (missed); far off in a; of an image not scored
        "image": ["a", "b", "a", "c"], "class": "dicentric", "row": [20.0, 20.0, 50.0, 1.0],
        "col": 10.0,
    })  # fmt: skip
    known, sizes = candidates.with_annotations(found, sizes, annotations, scan)
    assert sizes.set_index("stratum")["n"].to_dict() == {"certain": 1, "near miss": 1, "no vote": 3}
    state = ReviewState(found[:1])
    answers = answers_of(
        found[:1], state, annotations, candidates=known,
        pixel_size_um=images.set_index("image")["pixel_size_um"],
    )  # fmt: skip
    assert answers["true"].to_list() == [True, False, False, True, True]
    # one called and true of three true ones; with one vote enough, one false one joins
    choice = choose_untuned(answers, scan, demand="precision", value=0.9)
    assert choice.table["called"].to_list() == [2, 1, 1, 1]
    assert choice.table["recall"].to_list() == pytest.approx([1 / 3] * 4)
    assert choice.sentence == (
        "The ensemble as it is, chosen and measured on these cells: a precision of at least 0.9 "
        "is met with at least 2 votes: precision 1.00, recall 0.33, 0 false dicentrics per 1000 "
        "cells."
    )
    words = page_tables.agreement_in_words(choice)
    assert words.iloc[0].to_list() == [1, 2, "0.50", "0.33", "500"]


def test_chromosomes_are_extrapolated_from_fields_that_were_not_cut_alone(tmp_path, monkeypatch):
    for number in range(4):
        write(tmp_path / f"{number}.tif", seed=number)
    centres = {0: 40, 1: 60, 2: 50, 3: 0}
    monkeypatch.setattr(
        candidates, "unvoted_chromosomes",
        lambda image, voted, *, pixel_size_um: np.zeros((centres[round(pixel_size_um)], 2)),
    )  # fmt: skip
    index = take_inventory(tmp_path).index
    images = pd.DataFrame({"image": index.table["image"], "slide": ["s", "t", "t", "t"],
                           "pixel_size_um": [0.0, 1, 2, 3]})  # fmt: skip
    columns = ["image", "class", "row", "col", "votes", "vote_fraction", "peak_mean"]
    scan = scan_of(images, pd.DataFrame(columns=columns))
    _, sizes = candidates.find_candidates(scan, index)
    assert sizes.set_index("slide")["n"].to_dict() == {"s": 40, "t": 110}  # every field was cut
    monkeypatch.setattr(candidates, "N_SEGMENTED", 3)
    _, sizes = candidates.find_candidates(scan, index, seed=1)
    cut = set(images["image"].iloc[np.random.default_rng(1).permutation(4)[:3]])
    counts = images["image"].isin(cut) * images["pixel_size_um"].map(centres)
    left = images.loc[~images["image"].isin(cut), "slide"].item()
    expected = counts.groupby(images["slide"]).sum()
    expected[left] += round(counts.sum() / 3)
    assert sizes.set_index("slide")["n"].to_dict() == expected[expected > 0].to_dict()


def test_calls_by_dose_by_hand():
    table = pd.DataFrame({"image": list("abcde"), "dose_gy": [0, 0, 2.5, np.nan, 2.5]})
    images = pd.DataFrame({"image": list("abcd"), "slide": "s", "pixel_size_um": 0.1})
    calls = pd.DataFrame({"image": list("cccdb"), "class": ["dicentric"] * 4 + ["fragment"],
                          "votes": [2, 2, 1, 4, 4]})  # fmt: skip
    found = page_tables.calls_by_dose(table, scan_of(images, calls))
    # none in 2 cells: exact upper limit -ln(0.025) = 3.69, per 1000 cells 1844; two calls above one
    # vote in one cell of 2.5 Gy: 0.242 to 7.22 (Poisson tables)
    assert found.to_numpy().tolist() == [
        ["0", 2, 0, "0 [0, 1844]"], ["2.5", 1, 2, "2000 [242, 7225]"]
    ]  # fmt: skip
    table["dose_gy"] = np.nan
    assert page_tables.calls_by_dose(table, scan_of(images, calls)).empty


def test_a_sheet_says_how_much_it_shows():
    assert page_sentences.objects_caption(60, 60).startswith("The 60 objects to be read")
    assert page_sentences.objects_caption(80, 400).startswith(
        "The first 80 of 400 objects to be read"
    )


def test_what_cannot_be_learnt_on_is_a_note():
    table = pd.DataFrame({"slide": ["a"] * 6 + ["b"] * 3 + ["c"] * 3})
    truth = pd.DataFrame({"image": []})
    learn = partial(first_day.cells_to_learn_on, n_folds=3, seed=0)
    assert learn(table, truth, []) == ([], [])
    # the fold that tests slide a leaves 6 of 12
    sizes, notes = learn(table, truth, [0, 5, 10, 25])
    assert sizes == [0, 5]
    assert notes == [
        "Not in the learning curve, because there are too few annotated cells: 10, 25."
    ]
    sizes, notes = learn(table, None, [0, 5])
    assert (sizes, len(notes)) == ([], 1)
    assert "needs an annotations.csv" in notes[0]
    for few, sizes, left in ((table[:2], [0, 1], 1), (table, [0, 10], 6)):
        assert learn(few, truth, sizes)[0] == []
        assert f"leave {left} to fine-tune on" in learn(few, truth, sizes)[1][0]


def test_the_learning_curve_says_what_it_brought():
    curve = pd.DataFrame({
        "fold": [0, 1, 0, 1], "n_cells": [0, 0, 10, 10], "class": "dicentric",
        "average_precision": [0.6, 0.8, 0.8, 0.9], "n_true": 9,
    })  # fmt: skip
    one, several = pd.DataFrame({"slide": ["a"] * 4}), pd.DataFrame({"slide": ["a", "a", "b", "b"]})
    said = page_sentences.learning_sentences(curve, several, n_folds=2, seed=0)
    assert said[0] == "Measured on slides that were not used for training."
    assert "mean of 2 folds: 0.70 with 0, 0.85 with 10. The folds differ by 0.15" in said[1]
    said = page_sentences.learning_sentences(curve, one, n_folds=2, seed=0)
    assert said[0].startswith("Measured on other cells of the same slides: fewer than 2 slides")
    none = curve.assign(average_precision=np.nan)
    assert "is not known" in page_sentences.learning_sentences(none, one, n_folds=2, seed=0)[1]


def test_the_series_on_the_page_is_that_of_the_command():
    read = pd.DataFrame({"stratum": ["certain"] * 40, "true": [True] * 36 + [False] * 4})
    detector = measured_detector(estimate({"certain": 40}, read, n_cells=200))
    planned, refused = planned_series(
        published_curve("barquinero-1995-co60"), detect_gy=0.5, width_at_gy=2.0,
        half_width_gy=0.25, detector=detector,
    )  # fmt: skip
    assert refused == []
    assert [one.purpose.split(",")[0] for one in planned] == [
        *("For the detection limit of 0.5 Gy", "For ±0.25 Gy at 2 Gy")
    ]
    limit, table = (page_tables.series_table(one.plan) for one in planned)
    asked = ["plan", "barquinero-1995-co60", "--efficiency", str(detector.efficiency)]
    result = CliRunner().invoke(app, [*asked, "--false-rate", str(detector.false_rate)])
    lines = result.output.splitlines()
    start = next(k for k, line in enumerate(lines) if "for the detection limit" in line) + 2
    for shown, first in ((limit, start), (table, len(lines) - len(table))):
        printed = [line.split() for line in lines[first : first + len(shown)]]
        assert [(float(dose), int(n)) for dose, n, _ in printed] == [
            (float(dose), n) for dose, n in zip(shown["dose (Gy)"], shown["cells"], strict=True)
        ]


def test_a_question_without_a_series_says_why():
    curve = published_curve("barquinero-1995-co60")
    planned, refused = planned_series(
        curve, detect_gy=0.05, width_at_gy=2.0, half_width_gy=1e-3,
        detector=Detector(0.5, 0, 0.5, 0),
    )  # fmt: skip
    assert planned == []
    assert len(refused) == 2
    assert "100000 cells do not detect 0.05 Gy" in refused[0]
    assert "more than 1,000,000: allow wider ones." in refused[1]


ASKED = {"demand": "recall", "demanded": 0.8, "detect_gy": 0.5, "width_at_gy": 2.0,
         "half_width_gy": 0.25, "n_read": 60, "seed": 1}  # fmt: skip
BAD = [
    ("demand", "speed", "is 'speed': expected precision, recall, false_per_thousand"),
    ("demanded", 1.5, "(of recall) is 1.5: expected a number from 0 to 1"),
    ("demanded", float("nan"), "(of recall) is nan: expected a number from 0 to 1"),
    ("detect_gy", 0.0, "is 0.0: expected a number between 0 and 100 Gy"),
    ("width_at_gy", 150.0, "is 150.0: expected a number between 0 and 100 Gy"),
    ("half_width_gy", -0.25, "is -0.25: expected a number between 0 and 100 Gy"),
    ("half_width_gy", float("inf"), "is inf: expected a number between 0 and 100 Gy"),
    ("n_read", 9, "is 9: expected a number from 10 to 400"),
    ("seed", -1, "is -1: expected 0 or more"),
]


@pytest.mark.parametrize(("parameter", "value", "message"), BAD)
def test_what_cannot_be_asked_is_refused_before_anything_runs(tmp_path, parameter, value, message):
    check_asked(**ASKED)
    with pytest.raises(InputError, match="^" + re.escape(f"{parameter} {message}")):
        check_asked(**ASKED | {parameter: value})
    option = f"--{parameter.replace('_', '-')}"
    (tmp_path / "slides").mkdir()
    arguments = ["own-slides", str(tmp_path / "slides"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, "--demand", "recall", option, str(value)])
    assert result.exit_code == 2
    assert f"Error: {option} {message}" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_false_dicentrics_have_no_upper_limit_but_infinity():
    few = ASKED | {"demand": "false_per_thousand"}
    check_asked(**few | {"demanded": 40})
    with pytest.raises(InputError, match="is inf: expected 0 or more"):
        check_asked(**few | {"demanded": float("inf")})


def test_annotations_answer_at_the_scale_of_each_image(tmp_path):
    # 12 px away: 1.2 um at 0.1 um (the same object, a chromosome is 1.8 um wide), 2.4 um at 0.2
    sample = pd.DataFrame(
        {"image": ["a", "b"], "class": "dicentric", "row": 50.0, "col": 62.0, "votes": 1,
         "vote_fraction": 0.5, "peak_mean": 0.5}
    )  # fmt: skip
    truth = pd.DataFrame({"image": ["a", "b"], "class": "dicentric", "row": 50.0, "col": 50.0})
    state = ReviewState(sample, path=tmp_path / "review.csv")
    sizes = pd.Series({"a": 0.1, "b": 0.2})
    answers = answers_of(sample, state, truth, candidates=sample, pixel_size_um=sizes)
    assert answers["true"].to_list() == [True, False]


def test_images_that_vanish_are_named_and_left_out(tmp_path):
    for number in range(3):
        write(tmp_path / "slides" / f"{number}.tif", seed=number)
    found = take_inventory(tmp_path / "slides")
    names = found.table["image"].to_list()
    images = found.table.assign(status="scored", reason="", slide="1")
    detections = pd.DataFrame({"image": names, "class": "dicentric", "votes": 3})
    scan = candidates.Scan(detections, images, {"dicentric": 2, "fragment": 2}, 4)
    (tmp_path / "slides" / names[1]).unlink()
    left, gone = candidates.still_there(scan, found.index)
    assert gone == [names[1]]
    assert left.scored["image"].to_list() == left.detections["image"].to_list() == names[::2]
    fields, refused = first_day.read_fields(found.index, found.table)
    assert list(fields) == names[::2]
    assert refused == {names[1]: "no such file"}
    for name in names[::2]:
        (tmp_path / "slides" / name).unlink()
    with pytest.raises(InputError, match="all 3 scored images have gone"):
        candidates.still_there(scan, found.index)


def test_slides_without_a_scored_or_measured_image_stay_with_their_reasons(tmp_path):
    for slide in "abc":
        for number in range(2):
            write(tmp_path / slide / f"{number}.tif", seed=number)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "broken.tif").write_bytes(b"nothing")
    found = take_inventory(tmp_path)
    assert found.by_slide()[["slide", "images"]].to_numpy().tolist() == [
        *(["a", 2], ["b", 2], ["c", 2], ["d", 0])
    ]
    images = pd.DataFrame(
        {
            "image": ["a/0.tif", "a/1.tif", "b/0.tif", "b/1.tif"],
            "status": ["scored", *["rejected by filter"] * 3],
            "reason": ["", "blurred", "two cells", "two cells"],
        }
    )
    scan = candidates.Scan(pd.DataFrame(), images, {}, 4)
    assert page_tables.unscored_slides(found.table, scan) == {
        "b": "2 images: rejected by filter, two cells",
        "c": "2 images: no longer in the folder",
    }
    unmeasured = page_tables.slides_without(
        found.table, ["a/0.tif"], {"b/0.tif": "no such file"}, otherwise=page_sentences.NOT_CHOSEN
    )
    assert unmeasured["c"] == "2 images: not among the fields that are measured"
    assert set(unmeasured["b"].split("; ")) == {
        "1 image: no such file",
        "1 image: not among the fields that are measured",
    }
    table = page_tables.looks_table({}, unmeasured)
    assert table["slide"].to_list() == ["b", "c"]
    assert table["light"].to_list() == ["–", "–"]


@pytest.mark.parametrize(("n", "few"), [(1, True), (49, True), (50, False)])
def test_what_few_cells_cannot_show_is_said(n, few):
    images = pd.DataFrame({"image": map(str, range(n)), "status": "scored", "reason": ""})
    calls = pd.DataFrame({"class": ["dicentric"], "votes": [4]})
    scan = candidates.Scan(calls, images, {"dicentric": 2, "fragment": 2}, 4)
    said = page_sentences.size_sentences(scan)
    assert bool(said) == few
    if n == 1:
        assert said[0].startswith("1 scored cell: enough to see")
        assert page_sentences.scoring_sentence(scan) == (
            "1 of 1 images was scored; called in it: 1 dicentric and 0 fragments."
        )


def test_a_refused_step_leaves_a_page(tmp_path):
    write(tmp_path / "slides" / "a.tif")
    found = take_inventory(tmp_path / "slides")
    Image.fromarray(np.full((80, 96), 9, np.uint8)).save(tmp_path / "slides" / "b.png")
    (tmp_path / "slides" / "a.tif").unlink()
    page = report.Page(page_sentences.TITLE)
    page.add("Verdict")
    page.add("What is in the folder", report.table(found.by_slide()))
    assert first_day.refusal_of(first_day.read_fields, found.index, found.table) == [
        "none of 1 images can be read; the first, a.tif: no such file."
    ]
    assert first_day.refusal_of(len, "ab") == []
    with pytest.raises(
        InputError, match=r"none of 1 images can be read; the first, a\.tif: no such"
    ):
        first_day.attempt(page, tmp_path, first_day.read_fields, found.index, found.table)
    text = (tmp_path / "own_slides.html").read_text(encoding="utf-8")
    assert page_sentences.STOPPED in text
    assert "none of 1 images can be read" in text
    assert text.index("Verdict") < text.index("What is in the folder")
    assert first_day.attempt(page, tmp_path, dict, out=1) == {"out": 1}
