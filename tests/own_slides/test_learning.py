"""Folds by slide, and thresholds by a laboratory's demand."""

import numpy as np
import pandas as pd
import pytest
from scoring_set import save_untrained

from dicentlib.errors import InputError
from dicentlib.own_slides.candidates import Scan
from dicentlib.own_slides.demand import (
    agreement_table,
    choose_agreement,
    choose_on_most_cells,
    choose_untuned,
    unexposed_images,
)
from dicentlib.own_slides.learning import (
    fine_tuning,
    folds_of,
    voters_after,
)
from dicentlib.own_slides.page_tables import agreement_in_words

MARKED = pd.DataFrame(
    {"votes": [4, 4, 3, 3, 2, 1, 1], "true": [True, True, True, False, True, False, False]}
)


def test_slides_stay_together():
    table = pd.DataFrame({"slide": ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2})
    folds, by_slide = folds_of(table, n_folds=3, seed=0)
    assert by_slide
    assert len(set(zip(table["slide"], folds, strict=True))) == 4
    assert sorted(np.bincount(folds)) == [4, 5, 5]  # largest first: 5, 4, 3 + 2


def test_one_slide_is_cut_by_images():
    folds, by_slide = folds_of(pd.DataFrame({"slide": ["a"] * 10}), n_folds=3, seed=0)
    assert not by_slide
    assert sorted(np.bincount(folds)) == [3, 3, 4]


def test_thresholds_by_hand():
    table = agreement_table(MARKED, n_members=4, n_true=5, n_cells=20)
    assert table["called"].to_list() == [7, 5, 4, 2]
    assert table["precision"].to_list() == pytest.approx([4 / 7, 4 / 5, 3 / 4, 1])
    assert table["recall"].to_list() == pytest.approx([0.8, 0.8, 0.6, 0.4])
    assert table["false_per_thousand"].to_list() == [150, 50, 50, 0]


@pytest.mark.parametrize(
    ("demand", "value", "threshold", "met"),
    [
        ("precision", 0.78, 1, True),  # the lowest that reaches it, though 2 does not
        ("precision", 1.0, 3, True),
        ("recall", 0.6, 2, True),  # the highest that keeps it
        ("recall", 0.9, 0, False),
        ("false_per_thousand", 50, 1, True),
        ("false_per_thousand", 0, 3, True),
    ],
)
def test_demands(demand, value, threshold, met):
    table = agreement_table(MARKED, n_members=4, n_true=5, n_cells=20)
    row, reached = choose_agreement(table, demand=demand, value=value)
    assert (row["agreement_threshold"], reached) == (threshold, met)


def test_the_choice_is_a_sentence():
    detections = MARKED.assign(**{"class": "dicentric", "n_cells": 25})
    annotations = pd.DataFrame({"class": ["dicentric"] * 5})
    choice = choose_on_most_cells(
        detections, annotations, pd.DataFrame(index=range(20)), demand="precision", value=0.78
    )
    assert choice.met
    assert choice.sentence == (
        "After fine-tuning on 25 cells, cross-validated: a precision of at least 0.78 is met with "
        "at least 2 votes: precision 0.80, recall 0.80, 50 false dicentrics per 1000 cells."
    )


UNEXPOSED = frozenset({"c", "d", "e", "f"})  # of ten cells a to j
CALLS = MARKED.assign(image=list("aabbcdd"))  # two false ones with one vote lie in d


def test_false_dicentrics_of_unexposed_cells_by_hand():
    table = agreement_table(CALLS, n_members=4, n_true=5, n_cells=10, unexposed=UNEXPOSED)
    assert table["false"].to_list() == [2, 0, 0, 0]
    assert table["false_per_thousand"].to_list() == [500, 0, 0, 0]  # of 4 cells
    # the others are of all cells
    everywhere = agreement_table(CALLS, n_members=4, n_true=5, n_cells=10)
    shares = ["called", "precision", "recall"]
    pd.testing.assert_frame_equal(table[shares], everywhere[shares])
    assert everywhere["false"].to_list() == [3, 1, 1, 0]
    detections = CALLS.assign(**{"class": "dicentric", "n_cells": 25})
    annotations, images = pd.DataFrame({"class": ["dicentric"] * 5}), pd.DataFrame(index=range(10))
    choice = choose_on_most_cells(
        detections, annotations, images, demand="false_per_thousand", value=10,
        unexposed=UNEXPOSED,
    )  # fmt: skip
    assert choice.sentence == (
        "After fine-tuning on 25 cells, cross-validated: a number of false dicentrics per 1000 "
        "unexposed cells of at most 10 is met with at least 2 votes: precision 0.80, recall 0.80, "
        "0 false dicentrics per 1000 unexposed cells."
    )
    # none seen: the exact upper limit is -ln(0.025) = 3.69 in 4 cells
    assert choice.cells_sentence == (
        "False dicentrics are those of the 4 cells with a dose of 0 in samples.csv: 0 in these, "
        "95 % interval 0 to 922 per 1000."
    )
    # of all ten cells one false one in ten is above 10 per 1000
    choice = choose_on_most_cells(
        detections, annotations, images, demand="false_per_thousand", value=10
    )
    assert choice.row["agreement_threshold"] == 3
    assert choice.cells_sentence.startswith(
        "No cell is known to be unexposed (a dose of 0 in samples.csv): false dicentrics are those "
        "of all 10 cells: 0 in these"
    )


def test_unexposed_cells_are_enough_for_a_demand_of_few_false_dicentrics():
    table = pd.DataFrame({"image": list("abcdefg"), "dose_gy": [2, np.nan, 0, 0, 0, 0, 0]})
    images = pd.DataFrame({"image": list("abcdef"), "status": "scored", "reason": ""})
    unexposed = unexposed_images(table, images["image"])
    assert unexposed == UNEXPOSED  # g was not scored
    fragment = pd.DataFrame({"image": ["c"], "votes": [4], "class": ["fragment"]})
    calls = pd.concat([CALLS.assign(**{"class": "dicentric"}), fragment])
    scan = Scan(calls, images, {"dicentric": 2, "fragment": 2}, 4)
    choice = choose_untuned(None, scan, demand="false_per_thousand", value=300, unexposed=unexposed)
    # in c and d lie calls with 2, 1 and 1 votes
    assert choice.table["false"].to_list() == [3, 1, 0, 0]
    assert choice.row["agreement_threshold"] == 1
    assert choice.table[["precision", "recall"]].isna().all(axis=None)
    assert choice.sentence == (
        "The ensemble as it is, every call in an unexposed cell counted as false: a number of "
        "false dicentrics per 1000 unexposed cells of at most 300 is met with at least 2 votes: "
        "250 false dicentrics per 1000 unexposed cells."
    )
    words = agreement_in_words(choice)
    assert words.columns.to_list() == [
        "votes, at least",
        "called",
        "false per 1000 unexposed cells",
    ]
    # nothing says which calls are true
    assert choose_untuned(None, scan, demand="precision", value=0.9, unexposed=unexposed) is None
    assert choose_untuned(None, scan, demand="false_per_thousand", value=10) is None


def test_members_from_before_vote_beside_the_last_of_a_fine_tuning(tmp_path):
    save_untrained(tmp_path / "before", n_members=8)
    save_untrained(tmp_path / "training" / "members", n_members=5)
    voters = voters_after(tmp_path / "training", tmp_path / "before")
    assert [path.stem[-1] for path in voters] == ["1", "3", "5", "7", "1", "2", "3", "4"]
    assert [path.parent.name for path in voters] == ["before"] * 4 + ["members"] * 4
    save_untrained(tmp_path / "two", n_members=2)
    assert len(voters_after(tmp_path / "training", tmp_path / "two")) == 6


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda t: choose_agreement(t, demand="speed", value=1),
            "demand is 'speed': expected precision, recall",
        ),
        (
            lambda t: choose_agreement(t, demand="recall", value=2),
            r"demanded \(of recall\) is 2: expected a number from 0 to 1",
        ),
        (lambda t: folds_of(pd.DataFrame({"slide": ["a"]}), n_folds=1, seed=0), "1 folds"),
        (lambda t: fine_tuning(steps=2), "2 steps of fine-tuning"),
    ],
)
def test_refused(call, match):
    with pytest.raises(InputError, match=match):
        call(agreement_table(MARKED, n_members=4, n_true=5, n_cells=20))
