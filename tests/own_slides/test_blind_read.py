"""The blind read: strata, the sample, and estimates against truth and against limits."""

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from dicentlib.errors import InputError
from dicentlib.own_slides import blind_read
from dicentlib.own_slides.blind_read import (
    STRATA,
    answers_of,
    assign_strata,
    draw_sample,
    estimate,
    estimates_by_slide,
    near_any,
    without_votes,
)
from dicentlib.review import ReviewState


def candidates_of(sizes, n_slides=3):
    rows = [
        {"image": f"{k}.png", "class": "dicentric", "row": 10.0 * k, "col": 5.0,
         "stratum": name, "slide": f"s{k % n_slides}", "votes": 1, "vote_fraction": 0.5,
         "peak_mean": 0.5}
        for name, size in sizes.items()
        for k in range(size)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_strata_follow_the_thresholds():
    table = pd.DataFrame({"votes": [8, 7, 5, 4, 1, 0]})
    strata = assign_strata(table, agreement_threshold=4, n_members=8)
    assert strata.to_list() == [
        *("certain", "uncertain", "uncertain", "near miss", "near miss", "no vote")
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 200), min_size=4, max_size=4), st.integers(10, 100))
def test_the_sample_is_as_large_as_can_be(sizes, n):
    candidates = candidates_of(dict(zip(STRATA, sizes, strict=True)))
    if candidates.empty:
        return
    sample = draw_sample(candidates, n=n, seed=1)
    assert len(sample) == min(n, len(candidates))
    assert not sample.duplicated(["image", "stratum"]).any()


def test_slides_take_turns():
    sample = draw_sample(candidates_of({"certain": 100, "near miss": 100}), n=60, seed=2)
    assert sample.groupby(["stratum", "slide"]).size().max() <= 15


def test_many_answers_give_the_shares():
    sizes = {"certain": 1000, "uncertain": 600, "near miss": 800, "no vote": 2000}
    true = {"certain": 900, "uncertain": 300, "near miss": 200, "no vote": 100}
    candidates = candidates_of(sizes)
    answers = candidates.assign(
        true=candidates.groupby("stratum").cumcount() < candidates["stratum"].map(true)
    )
    found = estimate(sizes, answers, n_cells=5000)
    assert found.precision[0] == pytest.approx(1200 / 1600, abs=0.01)
    assert found.recall[0] == pytest.approx(1200 / 1500, abs=0.01)
    assert found.false_per_thousand[0] == pytest.approx(80, abs=2)


def test_strata_read_often_do_not_count_more():
    # 1 of 5 certain ones read, all uncertain ones read: precision weighs by size, not by reading
    sizes = {"certain": 500, "uncertain": 20}
    answers = pd.DataFrame(
        {"stratum": ["certain"] * 100 + ["uncertain"] * 20, "true": [True] * 100 + [False] * 20}
    )
    assert estimate(sizes, answers, n_cells=100).precision[0] == pytest.approx(500 / 520, abs=0.01)


def test_fewer_answers_widen_the_intervals():
    sizes = {"certain": 200, "uncertain": 100, "near miss": 100, "no vote": 1000}
    rng = np.random.default_rng(0)
    answers = candidates_of({"certain": 40, "uncertain": 40, "near miss": 40, "no vote": 40})
    rate = answers["stratum"].map({"certain": 0.95, "uncertain": 0.6, "near miss": 0.1}).fillna(0)
    answers["true"] = rng.random(len(answers)) < rate
    few = answers.groupby("stratum").head(8)
    wide, narrow = (estimate(sizes, part, n_cells=300) for part in (few, answers))
    for name in ("precision", "recall"):
        (_, a, b), (_, c, d) = getattr(wide, name), getattr(narrow, name)
        assert b - a > d - c


def test_coverage_of_the_intervals():
    # 200 reads of slides whose objects are Poisson: the standard error of a share of 0.95 is 0.015
    means = {"certain": 120, "uncertain": 60, "near miss": 60, "no vote": 0}
    rates = {"certain": 0.9, "uncertain": 0.5, "near miss": 0.2}
    true = {name: means[name] * rates[name] for name in rates}
    called = true["certain"] + true["uncertain"]
    expected = {"precision": called / 180, "recall": called / sum(true.values())}
    expected["false_per_thousand"] = (180 - called) * 10
    rng = np.random.default_rng(3)
    hits = dict.fromkeys(expected, 0)
    for _ in range(200):
        sizes = {name: rng.poisson(mean) for name, mean in means.items()}
        population = candidates_of(sizes)
        population["true"] = rng.random(len(population)) < population["stratum"].map(rates)
        read = draw_sample(population, n=60, seed=int(rng.integers(1 << 30)))
        found = estimate(sizes, read, n_cells=100, seed=1)
        for name, value in expected.items():
            _, lower, upper = getattr(found, name)
            hits[name] += lower <= value <= upper
    assert all(0.91 <= n / 200 <= 0.99 for n in hits.values()), hits


def test_slides_of_different_size_do_not_bias_the_whole(monkeypatch):
    monkeypatch.setattr(blind_read, "N_DRAWS", 4000)  # 200 estimates: a third of the time
    # Slides take turns in the sample, so a small bad slide is read as often as a large good one.
    # 900 objects with a share of 0.9 and 100 with 0.1: together 0.82, the plain share is 0.5.
    sizes, rates = {"large": 900, "small": 100}, {"large": 0.9, "small": 0.1}
    population = pd.DataFrame({"slide": ["large"] * 900 + ["small"] * 100})
    population = population.assign(stratum="certain", image="x", row=0.0, col=0.0)
    counted = pd.DataFrame({"slide": list(sizes), "stratum": "certain", "n": list(sizes.values())})
    rng = np.random.default_rng(4)
    middles, hits = [], 0
    for _ in range(200):
        population["true"] = rng.random(1000) < population["slide"].map(rates)
        read = draw_sample(population, n=60, seed=int(rng.integers(1 << 30)))
        assert read["slide"].value_counts().to_list() == [30, 30]
        found = estimates_by_slide(counted, read, pd.Series(sizes))["all slides"]
        middle, lower, upper = found.precision
        middles.append(middle)
        hits += lower <= 0.82 <= upper
    # sd of one estimate: sqrt(0.9^2 * 0.09 / 30 + 0.1^2 * 0.09 / 30) = 0.05; of 200: 0.0035;
    # Jeffreys' prior draws 37 effective answers of share 0.82 down by 0.01
    assert np.mean(middles) == pytest.approx(0.82, abs=0.02)
    assert 0.91 <= hits / 200 <= 1


def test_weights_by_hand():
    # 2 answers for 100 objects each, 4 for 25 each: n = 300^2 / (2 * 100^2 + 4 * 25^2) = 4
    read = pd.DataFrame({"stratum": "certain", "true": [True, False] + [True] * 4,
                         "weight": [100, 100] + [25] * 4})  # fmt: skip
    plain = pd.DataFrame({"stratum": "certain", "true": [True] * 6 + [False] * 3})
    found = estimate({"certain": 300}, read, n_cells=10)
    # Beta(1/2 + 4 * 2/3, 1/2 + 4 / 3): the mean is 3.17 / 5
    assert found.precision[0] == pytest.approx(0.65, abs=0.02)
    expected = beta(0.5 + 8 / 3, 0.5 + 4 / 3).ppf([0.5, 0.025, 0.975])
    assert found.precision == pytest.approx(tuple(expected), abs=0.02)
    assert estimate({"certain": 300}, plain, n_cells=10) == estimate(
        {"certain": 300}, plain.assign(weight=7), n_cells=10
    )


def test_without_an_answer_everything_is_open():
    none = pd.DataFrame({"stratum": pd.Series(dtype=str), "true": pd.Series(dtype=bool)})
    found = estimate({"certain": 10, "no vote": 500}, none, n_cells=10)
    assert found.precision[1] < 0.05
    assert found.precision[2] > 0.95
    assert found.n_read == 0


def test_nothing_called():
    none = pd.DataFrame({"stratum": pd.Series(dtype=str), "true": pd.Series(dtype=bool)})
    found = estimate({"near miss": 3}, none, n_cells=10)
    assert np.isnan(found.precision).all()
    assert found.false_per_thousand[0] < 200  # half an object in ten cells at the most


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: draw_sample(candidates_of({"certain": 9}), n=9, seed=0), "allowed: 10 to 400"),
        (lambda: draw_sample(candidates_of({"certain": 9})[:0], n=50, seed=0), "no candidates"),
        (
            lambda: estimate(
                {"certain": 1}, candidates_of({"certain": 2}).assign(true=True), n_cells=1
            ),
            "2 answers on 1 objects of the stratum 'certain'",
        ),
        (lambda: estimate({}, candidates_of({"certain": 2}), n_cells=0), "0 cells"),
    ],
)
def test_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()


def test_answers_of_a_reviewer_and_of_annotations(tmp_path):
    sample = candidates_of({"certain": 4})
    shown = without_votes(sample)
    state = ReviewState(shown, path=tmp_path / "blind_read.csv")
    assert state.detections["image"].to_list() == sample["image"].to_list()  # the order stays
    state.accept(0)
    state.reject(1)
    state.reclassify(2)
    answers = answers_of(sample, state, None, candidates=sample, pixel_size_um=0.1)
    assert answers["true"].to_list() == [True, False, False]
    annotations = pd.DataFrame(
        {"image": ["1.png", "3.png"], "class": "dicentric", "row": [10.0, 35.0], "col": 5.0}
    )
    # candidates that were not in the sample are answered by annotations too; a reviewer's word
    # comes first
    known = candidates_of({"certain": 6})
    annotations.loc[2] = ["5.png", "dicentric", 50.0, 5.0]
    answers = answers_of(sample, state, annotations, candidates=known, pixel_size_um=0.1)
    true = answers.set_index("image")["true"].sort_index()
    assert true.to_list() == [True, False, False, True, False, True]


def test_annotations_of_other_places_do_not_answer():
    sample = pd.DataFrame({"image": ["a", "a", "b"], "row": [5.0, 50.0, 5.0], "col": 5.0})
    truth = pd.DataFrame({"image": ["a"], "row": [9.0], "col": [5.0]})
    assert near_any(sample, truth, cutoff_px=5).to_list() == [True, False, False]


def test_one_slide_is_not_repeated():
    sizes = pd.DataFrame({"slide": ["x"], "stratum": ["certain"], "n": [4]})
    answers = pd.DataFrame({"slide": ["x"], "stratum": ["certain"], "true": [True]})
    found = estimates_by_slide(sizes, answers, pd.Series({"x": 10}))
    assert list(found) == ["all slides"]
    assert len(astuple(found["all slides"])) == 5
