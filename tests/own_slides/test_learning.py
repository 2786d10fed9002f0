"""Folds by slide, and thresholds by a laboratory's demand."""

import numpy as np
import pandas as pd
import pytest
from scoring_set import save_untrained

from dicentlib.errors import InputError
from dicentlib.own_slides.demand import (
    agreement_table,
    choose_agreement,
    choose_on_most_cells,
)
from dicentlib.own_slides.learning import (
    fine_tuning,
    folds_of,
    voters_after,
)

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
        (lambda t: choose_agreement(t, demand="speed", value=1), "demand 'speed'; allowed"),
        (lambda t: choose_agreement(t, demand="recall", value=2), "recall 2; allowed: 0 to 1"),
        (lambda t: folds_of(pd.DataFrame({"slide": ["a"]}), n_folds=1, seed=0), "1 folds"),
        (lambda t: fine_tuning(steps=2), "2 steps of fine-tuning"),
    ],
)
def test_refused(call, match):
    with pytest.raises(InputError, match=match):
        call(agreement_table(MARKED, n_members=4, n_true=5, n_cells=20))
