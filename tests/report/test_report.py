"""The report: text stays text, the file stands alone, and its sentences say what was found."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.calibration import CalibrationCurve, Scorer, fit_curve
from dicentlib.dose import estimate_dose, laboratory_route, route_table
from dicentlib.dose.table import dose_table
from dicentlib.errors import InputError
from dicentlib.files import write_json
from dicentlib.operating_point import OperatingPoint
from dicentlib.report import figures as report_figures
from dicentlib.report import findings as report_findings
from dicentlib.report import page as report
from dicentlib.report import results as report_results
from dicentlib.report import tables as report_tables
from dicentlib.scoring.samples import (
    ScoredSamples,
    cells_of_samples,
    folder_name,
    image_summary,
    name_samples,
    require_sample,
    results_folder,
    safe_name,
)
from dicentlib.scoring.summary import noted

NASTY = '<script>alert("1")</script> & *x* $y$ </td></table>'
DOSES = [0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0]


@pytest.fixture(scope="module")
def curve():
    cells = np.array([3000, 2000, 2000, 1000, 500, 300, 200])
    counts = np.round(cells * (0.002 + 0.02 * np.array(DOSES) + 0.06 * np.square(DOSES)))
    return fit_curve(DOSES, cells, counts, name="test", conditions={"images": "simulated"})


@pytest.fixture(scope="module")
def route(curve):
    return laboratory_route([150, 40, 8, 2], curve, same_detector=True, control=(6, 3000))


def written(tmp_path, sections, subtitle=""):
    page = report.Page(NASTY, subtitle)
    for heading, blocks in sections.items():
        page.add(heading, *blocks)
    page.write(tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


def test_whatever_comes_from_outside_is_escaped(tmp_path):
    frame = pd.DataFrame({NASTY: [NASTY]})
    fig = Figure()
    blocks = [
        report.text(NASTY),
        report.headline(NASTY, NASTY, NASTY),
        report.notice(NASTY, [NASTY]),
        report.facts({NASTY: NASTY}),
        report.table(frame, caption=NASTY),
        report.figure(fig, NASTY),
    ]
    page = written(tmp_path, {NASTY: blocks}, subtitle=NASTY)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 10
    assert page.count("</table>") == 2


def test_the_file_needs_nothing_else(tmp_path):
    fig = Figure()
    fig.subplots().plot([0, 1])
    page = written(tmp_path, {"": [report.figure(fig, "a line")], "Next": [report.text("b")]})
    assert page.count('src="data:image/png;base64,') == 1
    assert not re.search(r"<(script|link|iframe)|https?://|@import", page)
    assert page.index("<h1>") < page.index("data:image") < page.index("<h2>Next</h2>")


def test_an_empty_report_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least one section"):
        report.Page("none").write(tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_page_keeps_the_order_and_adds_a_block_once(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(report, "display", shown.append)
    page = report.Page("title")
    for _ in range(2):  # as when a notebook's cells are run again
        page.add("First", report.text("a"))
        page.add("Second", report.text("b"))
    page.add("First", report.text("c"), report.text("a"))
    assert page.sections == {"First": ["<p>a</p>", "<p>c</p>"], "Second": ["<p>b</p>"]}
    assert shown[-1]._repr_html_() == "<p>c</p><p>a</p>"
    page.replace("First", report.text("d"))  # other answers: nothing of the earlier ones is left
    assert page.sections == {"First": ["<p>d</p>"], "Second": ["<p>b</p>"]}
    assert list(page.sections) == ["First", "Second"]
    assert shown[-1]._repr_html_() == "<p>d</p>"


def test_facts_and_tables():
    assert "not stated" in report.facts({"Requested by": ""})
    assert "<td>0</td>" in report.facts({"Dicentrics": 0})
    numbers = report.table(pd.DataFrame({"a": ["1.0", "–"], "b": ["x", "2"]}))
    assert numbers.count('class="number"') == 3  # the head and two cells of the first column
    assert 'class="wide"' in report.table(pd.DataFrame({"a": ["long " * 20]}))
    assert report.notice("nothing", []) == ""


def test_printing_without_a_browser(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "find_browser", lambda: None)
    assert report.write_pdf(tmp_path / "report.html", tmp_path / "report.pdf") is False
    assert not (tmp_path / "report.pdf").exists()


@pytest.mark.skipif(report.find_browser() is None, reason="no Chromium here to print with")
def test_printing(tmp_path):
    written(tmp_path, {"": [report.text("one page")]})
    assert report.write_pdf(tmp_path / "report.html", tmp_path / "report.pdf") is True
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_browser_that_fails_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "find_browser", lambda: "false")
    with pytest.raises(RuntimeError, match="could not print"):
        report.write_pdf(tmp_path / "report.html", tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()


def test_headline_and_reservations(curve, route):
    page = report_findings.headline(NASTY, route)
    assert "<script" not in page
    assert report_tables.gray(route.estimate.dose_gy) in page
    own = report_findings.reservations(curve, route, own_sample=True)
    other = report_findings.reservations(curve, route, own_sample=False, unscored=["b"])
    assert own[0] == report_findings.SIMULATED
    assert report_findings.OTHER_IMAGES in other
    assert other[-1] == "Samples without a scored cell: b"
    assert any("not for a reference estimate" in text for text in own)  # 200 cells, 62 dicentrics


def test_a_sample_like_the_background_has_an_upper_limit(curve):
    route = laboratory_route([199, 1], curve, same_detector=True, control=(6, 3000))
    page = report_findings.headline("s", route)
    assert "below" in page
    assert "not above the background" in page


def test_sixteen_cells_are_said_to_be_too_few(curve):
    route = laboratory_route([14, 2], curve, same_detector=True, control=(6, 3000))
    found = report_findings.reservations(curve, route, own_sample=False)
    assert any("Too few even for triage" in text for text in found)
    assert "Indication only" in report_findings.headline("s", route)


def test_expected_cells_add_up(curve):
    mixed = laboratory_route([300, 20, 22, 12, 6, 2], curve, same_detector=True)
    expected = report_figures.expected_cells(mixed, 40)
    assert list(expected) == ["Poisson with the same yield", "exposed and unexposed cells"]
    for cells in expected.values():
        assert cells.sum() == pytest.approx(362, rel=1e-6)
    observed = np.array([300, 20, 22, 12, 6, 2])
    plain, part = (np.abs(cells[:6] - observed).sum() for cells in expected.values())
    assert part < plain / 3  # the partial-body law fits these counts, the Poisson law does not


def test_parts_of_the_interval_are_named_and_whole(route):
    parts = report_figures.interval_parts(route.estimate)
    assert set(parts) <= set(report_figures.PARTS.values())
    assert sum(parts.values()) == pytest.approx(1)


def test_tables_carry_the_numbers(curve, route):
    facts = report_tables.count_facts(route.dispersion)
    assert (facts["Cells scored, N"], facts["Dicentrics, X"]) == (200, 62)
    assert facts["Dicentrics per cell, y"].startswith("0.3100")
    row = report_tables.distribution_table([150, 40, 8, 2]).iloc[0]
    assert list(row[1:]) == ["150", "40", "8", "2"]
    estimates = {"a": route.estimate, "b": route.bayesian}
    table = report_tables.estimates_table(estimates, reported=route.estimate)
    assert table["Estimate"].to_list() == ["a (reported)", "b"]
    coefficients = report_tables.coefficient_table(curve)
    assert float(coefficients["Estimate"][1]) == pytest.approx(curve.coefficients[1], abs=1e-5)
    assert "7 doses, 9000 cells" in report_tables.curve_facts(curve)["Calibration series"]
    assert "Weights" not in report_tables.curve_facts(curve)
    counted = [curve.fit[key] for key in ("dose_gy", "n_cells", "n_dicentrics")]
    weighted = fit_curve(*counted, weights=[0.5, *[1.0] * 6])
    assert report_tables.curve_facts(weighted)["Weights"] == "0.50 to 1.00 by dose"
    on_bound = fit_curve([0, 1, 2, 4], [1000, 1000, 1000, 1000], [5, 8, 60, 400])
    errors = report_tables.coefficient_table(on_bound)["Standard error"].to_list()
    assert errors[1] == "–"
    assert float(errors[2]) > 0
    published = CalibrationCurve((0.001, 0.02, 0.06))
    assert report_tables.coefficient_table(published)["Standard error"].to_list() == ["–"] * 3
    limits = report_findings.limit_facts(route.limits, (6, 3000))
    assert limits["Background"] == "0.0020 per cell (6 in 3000)"
    categories = report_findings.category_table(route)
    assert set(categories["Scheme"]) == {"MULTIBIODOSE", "IAEA"}


def test_scorer_in_words():
    point = OperatingPoint(
        {"dicentric": (0.2, 0.4), "fragment": 0.5},
        {"dicentric": 0, "fragment": 1},
        n_members=2,
        members=("a", "b"),
    )
    scorer = Scorer(point, 0.2, co_occurrence=True, quantile=0.4)
    facts = report_tables.scorer_facts(scorer)
    assert facts["Scorer"].startswith("ensemble of 2")
    assert "0.200 to 0.400" in facts["Confidence thresholds, T_C"]
    assert facts["Image filter"] == "none"


def test_evaluation_table():
    false = {"per_thousand": 3.21, "lower": 0.52, "upper": 9.87, "n_cells": 500}
    found = {"precision": 0.9, "recall": None, "false_per_thousand_unexposed": false}
    intervals = [{"measure": "precision", "source": "both", "lower": 0.85, "upper": 0.95}]
    evaluation = {"classes": {"dicentric": found | {"intervals": intervals}}}
    row = report_tables.evaluation_table(evaluation).iloc[0]
    assert row.to_list() == ["dicentric", "0.90 (0.85 to 0.95)", "–", "3.2 (0.5 to 9.9; 500 cells)"]


@pytest.fixture(scope="module")
def two_routes(curve, route):
    low = laboratory_route([199, 1], curve, same_detector=True)
    return {"low": low, "high/1": route}


@pytest.fixture(scope="module")
def triage(two_routes):
    return route_table(two_routes)


IMAGES_OF_TWO = pd.DataFrame({"found": [200, 200], "scored": 200}, index=["low", "high/1"])


def test_records_are_plain_and_sorted(tmp_path, route, two_routes, triage):
    records = report_results.dose_records(triage, two_routes, images=IMAGES_OF_TWO)
    assert [one["sample"] for one in records] == ["high/1", "low"]
    assert "true_dose_gy" not in records[0]
    report_results.write_doses(tmp_path, records, triage, scorer="d1")
    whole = json.loads((tmp_path / "dose.json").read_text())
    assert whole["scorer"] == "d1"
    again = whole["samples"][0]
    assert again["dose_gy"] == pytest.approx(route.estimate.dose_gy)
    assert again["distribution"] == [150, 40, 8, 2]
    assert "curve" not in again["whole_body"]
    own = tmp_path / "samples" / safe_name("high/1") / "dose.json"
    assert json.loads(own.read_text()) == again
    doses = pd.read_csv(tmp_path / "doses.csv")
    assert doses["category"].to_list() == triage["category"].to_list()


def test_the_truth_is_recorded_where_it_is_known(tmp_path, two_routes, triage):
    assert report_results.read_truth(tmp_path) is None
    write_json(tmp_path / "truth.json", {"dose_gy": 1.5})
    truth = report_results.read_truth(tmp_path)
    records = report_results.dose_records(
        triage, two_routes, images=IMAGES_OF_TWO, true_dose_gy=truth
    )
    assert [one["true_dose_gy"] for one in records] == [1.5, 1.5]


def test_the_table_of_samples_in_words(two_routes, triage):
    text = report_findings.triage_text(triage, two_routes)
    assert text["Sample"].to_list() == ["high/1", "low"]
    below = report_tables.gray(two_routes["low"].estimate.upper_gy)
    assert text["Dose (Gy)"][1] == f"< {below}"


def test_too_few_cells_have_no_category_anywhere_in_a_report(curve):
    few = {"few": laboratory_route([20], curve, same_detector=True)}
    table = route_table(few)
    texts = [
        report_findings.headline("few", few["few"]),
        report_findings.triage_text(table, few).to_string(),
        report_findings.category_table(few["few"]).to_string(),
        table.to_string(),
    ]
    for text in texts:
        assert "not categorised (too few cells)" in text
        assert "green" not in text


def test_there_is_one_category_of_a_sample(two_routes, triage):
    listed = triage.set_index("sample")["category"]
    for name, one in two_routes.items():
        assert listed[name] == one.triage["multibiodose"].category


def test_facts_of_a_case():
    others = {"sample": "24-017", "delay_days": 3, "reviewer": "A. B."}
    found = report_findings.case_facts({"culture": "48 h"}, **others)
    assert list(found.items())[:3] == [
        ("Sample", "24-017"),
        ("Delay days", 3),
        ("Who reviewed and signed", "A. B."),
    ]
    assert found["Culture: medium, time, temperature"] == "48 h"
    assert found["Circumstances and date of the exposure"] == ""
    with pytest.raises(InputError, match="case: unknown colour; allowed: requested_by, exposure"):
        report_findings.case_facts({"colour": "red"})


def test_estimates_by_name(curve, route):
    merkle = estimate_dose([150, 40, 8, 2], curve)
    found = report_findings.estimates(route, merkle)
    assert len(found) == (3 if route.partial_body is None else 4)
    assert found["whole body, Merkle 83-83"] is merkle
    point = report_figures.point_on_curve(route, "s")
    assert point["yield_lower"] < point["yield"] == 62 / 200 < point["yield_upper"]
    assert point["dose_gy"] == route.whole_body.dose_gy


def test_quality_of_the_detector(tmp_path):
    assert report_findings.detector_quality(tmp_path) == ["<p>This run has no evaluation.</p>"]
    write_json(tmp_path / "evaluation.json", {"images": "test", "n_images": 3, "classes": {}})
    measured, _ = report_findings.detector_quality(tmp_path)
    assert "Measured on 3 images (test)" in measured


def test_no_upper_limit_is_drawn_and_told(route):
    assert report_tables.interval(1.0, float("inf")) == "1.00 to no limit"
    assert report_tables.interval(float("nan"), float("nan")) == "–"
    unlimited = replace(route.estimate, upper_gy=np.inf)
    assert report_figures.triple(unlimited)[1:] == (route.estimate.lower_gy, 10.0)
    table = pd.DataFrame({"dose_gy": [1.0, np.nan], "upper_gy": [np.inf, np.nan]})
    assert report_figures.plottable(table)["upper_gy"].to_list() == [10.0]


def test_truth_sentence(route):
    estimate = route.estimate
    assert "covers the true dose" in report_findings.truth_sentence(estimate.dose_gy, estimate)
    assert "does not cover the true dose" in report_findings.truth_sentence(
        estimate.upper_gy + 1, estimate
    )


IMAGES = pd.DataFrame(
    {
        "image": ["a/1.png", "a/2.png", "b/3.png", "4.png"],
        "sample": ["", "", "named", ""],
        "slide": ["s1", "s1", None, ""],
        "status": ["scored", "rejected by filter", "scored", "quarantined"],
        "reason": ["", "two cells", "", "not an image"],
    }
)


def test_samples_of_a_folder():
    images = name_samples(IMAGES, "some/folder")
    assert images["sample"].to_list() == ["a", "a", "named", "folder"]
    found = pd.DataFrame({"image": ["b/3.png"] * 2, "class": ["dicentric", "fragment"]})
    cells = cells_of_samples(found, images, require_fragment=True)
    assert dict(zip(cells["sample"], cells["n_dicentrics"], strict=True)) == {"a": 0, "named": 1}
    assert cells["slide"].to_list() == ["s1", ""]
    counts = image_summary(images)
    assert counts.loc["a"].to_list() == [2, 1, 1, 0]
    assert counts.loc["folder", "quarantined"] == 1
    assert "rejected by the image filter" in report_findings.image_sentence(counts.loc["a"])
    listed = report_findings.left_out_list(images[images["status"] != "scored"], most=1)
    assert "Images left out: 2 (the first 1)" in listed
    assert report_findings.left_out_list(images[:0]) == ""


def test_samples_of_a_scored_folder(tmp_path):
    images = IMAGES.assign(status=["scored", "scored", "scored", "quarantined"])
    images.to_parquet(tmp_path / "scored_images.parquet")
    found = pd.DataFrame({"image": ["b/3.png", "a/1.png"], "class": ["dicentric", "fragment"]})
    found.to_parquet(tmp_path / "detections.parquet")
    samples = ScoredSamples.read(tmp_path, folder="some/folder", require_fragment=False)
    counts = {name: list(cells) for name, cells in samples.distributions.items()}
    assert counts == {"a": [2], "named": [0, 1]}
    assert samples.unscored == ["folder"]
    assert samples.slides == {"a": [(0, 2)], "named": None}
    own = samples.of("a")
    assert own.images["image"].to_list() == own.cells["image"].to_list() == ["a/1.png", "a/2.png"]
    assert own.detections["class"].to_list() == ["fragment"]
    with pytest.raises(InputError, match="no scored sample named 'folder'"):
        samples.of("folder")


def test_a_folder_without_a_scored_image():
    nothing = IMAGES.iloc[[1, 3]].assign(sample="x")
    with pytest.raises(InputError, match="1 rejected by filter, 1 quarantined"):
        cells_of_samples(pd.DataFrame(columns=["image", "class"]), nothing, require_fragment=True)


@pytest.mark.parametrize("name", ["../../etc", "..", ".", "a/b", "x" * 300, NASTY])
def test_a_sample_name_is_never_a_path(tmp_path, name):
    folder = (tmp_path / safe_name(name)).resolve()
    assert folder.parent == tmp_path.resolve()


def test_long_names_that_differ_at_the_end_stay_apart():
    names = [safe_name("染" * 60 + end) for end in "ab"]
    assert names[0] != names[1]
    assert max(map(len, names)) < 200


def test_doses_of_a_file_of_counts(tmp_path, curve):
    (tmp_path / "counts.csv").write_text("ID,C0,C1,C2\nlow,490,10,0\nhigh,160,38,2\nlow,500,0,0\n")
    curve.save(tmp_path / "curve.json")
    table = dose_table(tmp_path / "counts.csv", tmp_path / "curve.json")
    assert table["sample"].to_list() == ["high", "low", "low'"]
    expected = estimate_dose([160, 38, 2], curve)
    assert table["dose_gy"][0] == pytest.approx(expected.dose_gy)
    assert table["upper_gy"][2] > 0
    published = dose_table(tmp_path / "counts.csv", "barquinero-1995-co60", method="delta")
    assert published["method"].to_list() == ["delta"] * 3


def test_the_dose_command(tmp_path, curve):
    (tmp_path / "counts.csv").write_text("N,X\n200,40\n")
    curve.save(tmp_path / "curve.json")
    arguments = ["dose", str(tmp_path / "counts.csv"), str(tmp_path / "curve.json")]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "doses.csv")])
    assert done.exit_code == 0, done.output
    expected = estimate_dose(n_cells=200, n_dicentrics=40, curve=curve).dose_gy
    assert pd.read_csv(tmp_path / "doses.csv")["dose_gy"][0] == pytest.approx(expected)
    (tmp_path / "counts.csv").write_text("N,X\n200,-1\n")
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2
    assert "row 2" in refused.output


def test_folders_of_one_name_do_not_share_results(tmp_path):
    names = [folder_name(tmp_path / place / "slides") for place in "ab"]
    assert all(name.startswith("slides-") for name in names)
    assert names[0] != names[1]
    assert folder_name(tmp_path / "a" / "slides") == names[0]


def test_results_do_not_lie_among_the_images(tmp_path):
    images = tmp_path / "images"
    for out in (images, images / "results"):
        with pytest.raises(InputError, match="is inside the image folder"):
            results_folder(out, images=images)
    assert results_folder(tmp_path, images=images) == tmp_path


def test_a_sample_that_was_not_scored_is_named_with_those_that_were():
    require_sample("", ["a"])
    require_sample("a", ["a"])
    with pytest.raises(InputError, match="no scored sample named 'b'; there are a"):
        require_sample("b", ["a"])


def test_notes_on_scored_images_are_reservations(curve, route):
    table = pd.DataFrame(
        {
            "status": ["scored", "scored", "quarantined"],
            "note": ["pixel size assumed 0.1 um", "same bytes as a.png", ""],
            "sample": "one",
            "pixel_size_um": [0.1, 0.1, np.nan],
        }
    )
    notes = noted(table)
    assert notes[0].startswith("1 of 2 scored images do not state their pixel size")
    assert notes[1].startswith("1 of 2 scored images are copies")
    assert set(notes) <= set(
        report_findings.reservations(curve, route, own_sample=True, noted=notes)
    )
