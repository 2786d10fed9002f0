"""Doses of many people at once by the route, from tables and on the command line."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.calibration import published_curve, read_counts
from dicentlib.dose import laboratory_route, route_table
from dicentlib.errors import InputError

# biodosetools' example 1, an overdispersed sample near no dose, unexposed cells, sums alone
COUNTS = (
    "ID,N,X,C0,C1,C2,C3,C4\nA,361,100,302,28,22,8,1\nB,500,20,480,20,0,0,0\n"
    "C,500,0,500,0,0,0,0\nD,500,40,,,,,\n"
)


@pytest.fixture
def counts(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text(COUNTS)
    return path


@pytest.fixture(scope="module")
def curve():
    return published_curve("barquinero-1995-co60")


def test_each_row_is_the_route_of_its_sample(counts, curve):
    table = route_table(counts, curve).set_index("sample")
    assert table.index.tolist() == ["A", "D", "B", "C"]
    route = laboratory_route([302, 28, 22, 8, 1], curve)
    assert table.loc["A", "conclusion"] == route.conclusion
    assert table.loc["A", "dose_gy"] == route.estimate.dose_gy
    assert table.loc["A", "fraction"] == route.partial_body.fraction
    assert table.loc["A", "whole_body_gy"] == route.whole_body.dose_gy
    assert table.loc["A", ["partial_by", "category"]].tolist() == ["dispersion", "red, > 2 Gy"]
    probabilities = table.filter(like="P(")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert "still agrees with the counts" in table.loc["B", "reservations"]
    assert not table.loc["C", "above_background"]
    assert "Only the sums are known" in table.loc["D", "reservations"]
    assert np.isnan(table.loc["D", "fraction"])


def test_any_form_of_samples_and_curve_gives_the_same_table(counts, curve, tmp_path):
    curve.save(tmp_path / "curve.json")
    expected = route_table(counts, curve)
    for samples in (read_counts(counts), counts):
        for known in (tmp_path / "curve.json", "barquinero-1995-co60", curve):
            pd.testing.assert_frame_equal(route_table(samples, known), expected)
    samples = {"A": [302, 28, 22, 8, 1], "B": [480, 20]}
    from_counts = route_table(samples, curve)
    routes = {name: laboratory_route(one, curve) for name, one in samples.items()}
    pd.testing.assert_frame_equal(route_table(routes), from_counts)
    assert route_table({}, curve).empty


def test_a_sample_that_cannot_be_estimated_is_a_row_with_its_reason(curve):
    table = route_table({"good": [90, 10], "bad": [90, -1], "none": []}, curve)
    table = table.set_index("sample")
    assert table.loc["good", "dose_gy"] > 0
    assert table.loc["bad", "conclusion"].startswith("Not estimated: cells with 1 dicentrics is -1")
    assert "Not estimated" in table.loc["none", "conclusion"]


def test_wrong_options_and_curves(counts, curve):
    with pytest.raises(InputError, match="no option prtraction"):
        route_table(counts, curve, prtraction=0.5)
    with pytest.raises(InputError, match="no published curve"):
        route_table(counts, "nothing")
    with pytest.raises(InputError, match="expected a curve, a file"):
        route_table(counts, None)
    with pytest.raises(InputError, match="no column n_cells"):
        route_table(pd.DataFrame({"n_dicentrics": [1]}), curve)


def test_the_command_follows_the_route(counts, tmp_path):
    out = tmp_path / "doses.csv"
    arguments = ["dose", str(counts), "barquinero-1995-co60", "--out", str(out)]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0
    assert "A: Dose 4.14 Gy" in found.output
    assert pd.read_csv(out).loc[0, "partial_by"] == "dispersion"
    local = CliRunner().invoke(app, [*arguments, "--local-exposure"])
    assert pd.read_csv(out).set_index("sample").loc["B", "conclusion"].startswith("Dose")
    assert local.exit_code == 0
    plain = CliRunner().invoke(app, [*arguments, "--method", "merkle"])
    assert plain.exit_code == 0
    assert pd.read_csv(out).loc[0, "method"] == "merkle"
    refused = CliRunner().invoke(app, [*arguments, "--method", "merkle", "--local-exposure"])
    assert refused.exit_code == 2


@pytest.mark.parametrize("method", ["route", "merkle"])
def test_the_command_says_once_what_concerns_the_curve(tmp_path, method):
    """Four doses, few cells, a wide band: said once, whatever the number of persons."""
    series, people = tmp_path / "series.csv", tmp_path / "people.csv"
    series.write_text("D,C0,C1,C2,C3\n0,1000,1,0,0\n1,460,38,2,0\n2,200,80,15,2\n4,60,70,40,20\n")
    people.write_text("ID,C0,C1,C2\nA,302,28,22\nB,498,2,0\nC,40,2,0\nD,20,0,0\n")
    out = tmp_path / "doses.csv"
    arguments = ["dose", str(people), str(series), "--method", method, "--out", str(out)]
    found = CliRunner().invoke(app, arguments).output
    for remark in (
        "Curve: Only 4 doses",
        "Curve: The curve fits badly",
        "The curve's lower 83% band",
    ):
        assert found.count(remark) == 1, remark
        assert pd.read_csv(out)["warnings"].str.contains(remark).all()  # a row alone says all
    assert "None" not in found
    assert "NaN" not in found
    assert "not categorised (too few cells)" in found


def test_no_limit_and_no_value_are_shown_as_such(tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("ID,N,X\nA,500,40\nB,5,70\nC,40,2\n")
    found = CliRunner().invoke(app, ["dose", str(people), "barquinero-1995-co60"]).output
    header = found.splitlines()[0].split()
    assert not {"u", "partial_by", "fraction"} & set(header)  # nobody has them
    row = next(line for line in found.splitlines() if line.split()[:1] == ["C"])
    assert row.split()[-3:] == ["-", "-", "-"]  # probabilities of the three categories


def test_calibration_files_with_classes_tell_their_dispersion(counts, tmp_path):
    """The counts of 0.25 Gy of Barquinero 1995: 22 dicentrics in 2008 cells, three pairs."""
    series = tmp_path / "series.csv"
    series.write_text(
        "D,C0,C1,C2\n0,4992,8,0\n0.25,1989,16,3\n0.5,1950,49,3\n1,1066,95,7\n2,251,61,21\n"
        "4,40,34,29\n"
    )
    table = route_table(counts, series)
    assert table["reservations"].str.contains("Counts at 0.25 Gy are overdispersed").all()
    sums = tmp_path / "sums.csv"
    sums.write_text("D,N,X\n0,5000,8\n0.25,2008,22\n0.5,2002,55\n1,1168,109\n2,333,103\n4,103,92\n")
    assert not route_table(counts, sums)["reservations"].str.contains("overdispersed: u").any()


def test_names_that_pandas_made_numbers_of():
    counts = {"n_cells": [500, 500, 500], "n_dicentrics": [60, 30, 3]}
    for names in ([7.0, 8.0, None], ["7", "8", None]):
        table = pd.DataFrame({"sample": names} | counts)
        found = route_table(table, "barquinero-1995-co60")
        assert found["sample"].tolist() == ["7", "8", "3"]  # the last has no name, and is row 3
        assert (
            found["reservations"]
            .iloc[2]
            .endswith("The row has no name: it is named by its number.")
        )
