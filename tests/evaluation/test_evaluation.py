"""Counts, matching, reliability, intervals and rules."""

import itertools

import numpy as np
import pandas as pd
import pytest

from dicentlib.errors import InputError
from dicentlib.evaluation import (
    Counts,
    choose,
    compare_rules,
    count_matches,
    curve_table,
    false_per_thousand,
    highest_recall_at_false_rate,
    highest_recall_at_precision,
    lowest_false_rate_at_recall,
    mark_detections,
    nearest_precision,
    random_ensembles,
    single_members,
    summarise,
    threshold_surface,
    vote_entropy,
)
from dicentlib.evaluation.bootstrap import bootstrap_intervals
from dicentlib.evaluation.counts import sum_counts
from dicentlib.evaluation.matching import match_points
from dicentlib.evaluation.surface import ThresholdSurface
from dicentlib.evaluation.vote_reliability import (
    average_precision,
    calibration_error,
    fit_vote_calibration,
    reliability,
)


def mask(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


class TestCounts:
    def test_the_papers_toy_example(self):
        # Fig. 2: three true disks, three predictions, two of them overlap: P = R = 2/3.
        truth = mask("##..##..##", "##..##..##", "..........", "..........")
        predicted = mask("#...#.....", "#...#.....", "..........", "......##..")
        counts = count_matches(predicted, truth)
        assert counts == Counts(2, 1, 1)
        assert counts.precision == pytest.approx(2 / 3)
        assert counts.recall == pytest.approx(2 / 3)

    def test_one_prediction_bridging_two_objects(self):
        assert count_matches(mask("#####"), mask("#...#")) == Counts(2, 0, 0)

    def test_two_predictions_on_one_object(self):
        assert count_matches(mask("#...#"), mask("#####")) == Counts(2, 0, 0)

    def test_two_predictions_on_one_object_hide_a_missed_one(self):
        counts = count_matches(mask("#.#......"), mask("###...###"))
        assert counts == Counts(2, 0, 0)
        assert counts.recall == 1

    def test_diagonal_neighbours_are_one_component(self):
        assert count_matches(mask("#.", ".#"), mask("#.", ".#")) == Counts(1, 0, 0)

    def test_nothing_predicted_and_nothing_to_find(self):
        empty = mask("...")
        counts = count_matches(empty, mask("#.#"))
        assert counts == Counts(0, 0, 2)
        assert np.isnan(counts.precision)
        assert counts.recall == 0
        assert np.isnan(count_matches(empty, empty).recall)

    def test_flips_and_turns_change_nothing(self):
        rng = np.random.default_rng(0)
        predicted, truth = rng.random((2, 12, 9)) > 0.7
        expected = count_matches(predicted, truth)
        assert count_matches(predicted[::-1], truth[::-1]) == expected
        assert count_matches(np.rot90(predicted), np.rot90(truth)) == expected

    def test_masks_of_unequal_shape(self):
        with pytest.raises(InputError, match=r"shapes \(2, 3\) .* and \(3, 2\) .* found"):
            count_matches(np.zeros((2, 3), bool), np.zeros((3, 2), bool))

    def test_micro_average_is_the_ratio_of_sums(self):
        total = sum_counts([Counts(1, 0, 0), Counts(1, 2, 1), Counts(0, 0, 0)])
        assert total == Counts(2, 2, 1)
        assert total.precision == 0.5
        assert sum_counts([]) == Counts(0, 0, 0)


class TestMatching:
    def test_the_defects_of_the_overlap_rule_are_seen(self):
        # two predictions on one object, and a missed one: the overlap rule says (2, 0, 0)
        rows, cols = match_points([[10, 10], [10, 14]], [[10, 12], [90, 90]], cutoff_px=8)
        assert (len(rows), cols.tolist()) == (1, [0])

    def test_a_prediction_between_two_objects_finds_one(self):
        rows, cols = match_points([[10, 20]], [[10, 14], [10, 26]], cutoff_px=8)
        assert (rows.tolist(), len(cols)) == ([0], 1)

    def test_as_many_pairs_as_possible_before_short_distances(self):
        # Greedy matching would pair (0, 4) with (0, 5) and leave the others alone.
        predicted, truth = [[0, 0], [0, 4]], [[0, 5], [0, 9]]
        rows, cols = match_points(predicted, truth, cutoff_px=5)
        assert list(zip(rows, cols, strict=True)) == [(0, 0), (1, 1)]

    @pytest.mark.parametrize("seed", range(10))
    def test_against_trying_all_assignments(self, seed):
        rng = np.random.default_rng(seed)
        predicted, truth = rng.uniform(0, 20, (4, 2)), rng.uniform(0, 20, (5, 2))
        distance = np.linalg.norm(predicted[:, None] - truth[None], axis=2)
        best = max(
            sum(distance[i, j] <= 6 for i, j in enumerate(columns))
            for columns in itertools.permutations(range(5), 4)
        )
        rows, cols = match_points(predicted, truth, cutoff_px=6)
        assert len(rows) == best
        assert (distance[rows, cols] <= 6).all()

    def test_a_pair_at_the_cutoff_matches(self):
        assert len(match_points([[0, 5]], [[0, 0]], cutoff_px=5)[0]) == 1

    def test_nothing_on_either_side(self):
        for predicted, truth in (([], []), ([], [[1, 1]]), ([[1, 1]], [])):
            rows, cols = match_points(predicted, truth)
            assert rows.size == cols.size == 0
        with pytest.raises(InputError, match="cutoff_px is 0: expected more than 0 px"):
            match_points([], [], cutoff_px=0)

    def test_tables_are_matched_within_image_and_class(self):
        detections = pd.DataFrame(
            [("a", "dicentric", 10, 10), ("a", "fragment", 50, 50), ("b", "dicentric", 10, 10)],
            columns=["image", "class", "row", "col"],
        )
        annotations = pd.DataFrame(
            [("a", "dicentric", 12, 10), ("b", "fragment", 10, 10), ("c", "dicentric", 1, 1)],
            columns=["image", "class", "row", "col"],
        )
        marked, found = mark_detections(detections, annotations)
        assert marked["true"].tolist() == [True, False, False]
        assert found["found"].tolist() == [True, False, False]
        table = compare_rules(
            {"dicentric": Counts(2, 0, 0), "fragment": Counts(0, 1, 1)}, marked, found
        ).set_index(["class", "rule"])
        assert table.loc[("dicentric", "one-to-one"), ["tp", "fp", "fn"]].tolist() == [1, 1, 1]
        assert table.loc[("dicentric", "difference"), "recall"] == pytest.approx(0.5)
        with pytest.raises(InputError, match=r"annotations: columns \['image'\] missing"):
            mark_detections(detections, annotations.drop(columns="image"))


class TestEnsembles:
    def test_drawn_without_replacement_and_repeatable(self):
        drawn = random_ensembles(50, size=10, seed=3)
        assert drawn.shape == (100, 10)
        assert all(len(set(row)) == 10 for row in drawn)
        assert drawn.min() >= 0
        assert drawn.max() < 50
        np.testing.assert_array_equal(drawn, random_ensembles(50, size=10, seed=3))
        assert not np.array_equal(drawn, random_ensembles(50, size=10, seed=4))

    def test_every_member_is_as_likely(self):
        # each of 50 members is in 2,000 x 10 / 50 = 400 of 2,000 ensembles; binomial sd 18
        drawn = random_ensembles(50, size=10, n_draws=2000, seed=0)
        assert abs(np.bincount(drawn.ravel(), minlength=50) - 400).max() < 5 * 18

    def test_few_subsets_are_listed_once_each(self):
        drawn = random_ensembles(6, size=4, seed=0)
        assert len(drawn) == len({tuple(row) for row in drawn}) == 15

    @pytest.mark.parametrize("size", [0, 7])
    def test_sizes_that_cannot_be(self, size):
        with pytest.raises(InputError, match=f"size: {size} found; allowed: 1 to 6"):
            random_ensembles(6, size=size, seed=0)

    def test_undefined_values_are_left_out_and_counted(self):
        values = np.array([[0.2, np.nan], [0.4, np.nan], [np.nan, np.nan]])
        summary = summarise(values, interval=(0, 1))
        assert summary["mean"][0] == pytest.approx(0.3)
        assert (summary["lower"][0], summary["upper"][0]) == (0.2, 0.4)
        assert summary["n_undefined"].tolist() == [1, 3]
        assert np.isnan(summary["median"][1])

    def test_curves_of_single_members(self):
        heatmaps = np.zeros((1, 2, 3, 3))
        heatmaps[0, :, 1, 1] = 0.9, 0.4
        surface = threshold_surface(
            heatmaps,
            heatmaps[:, 0] > 0,
            confidence_thresholds=[0.3, 0.5],
            agreement_thresholds=[0],
            ensembles=single_members(2),
        )
        table = curve_table(
            surface, agreement_threshold=0, system="model B", class_name="fragment"
        ).set_index(["measure", "confidence_threshold"])
        assert table.loc[("recall", 0.3), "mean"] == 1
        assert table.loc[("recall", 0.5), "mean"] == 0.5
        assert table.loc[("precision", 0.5), "n_undefined"] == 1
        with pytest.raises(InputError, match=r"agreement_threshold: 1 found; allowed: \[0\]"):
            curve_table(surface, agreement_threshold=1, system="", class_name="")


class TestBootstrap:
    def test_identical_images_and_ensembles_have_no_spread(self):
        counts = np.tile(np.array([3, 1, 2])[None, :, None], (20, 1, 5))
        table = bootstrap_intervals(counts, n_draws=50, seed=0)
        assert len(table) == 6
        expected = {"precision": 0.75, "recall": 0.6}
        for row in table.itertuples():
            for value in (row.mean, row.median, row.lower, row.upper):
                assert value == pytest.approx(expected[row.measure])

    def test_image_sampling_widens_the_interval_as_the_binomial_law_says(self):
        # 502 objects in as many images found with probability 0.617: the standard error of the
        # recall is sqrt(0.617 x 0.383 / 502) = 0.0217, its 90 % band +- 1.645 x that = 0.0357.
        rng = np.random.default_rng(1)
        found = (np.arange(502) < round(0.617 * 502)).astype(int)
        counts = np.stack([found, np.zeros_like(found), 1 - found], axis=1)[:, :, None]
        counts = np.repeat(rng.permutation(counts), 4, axis=2)
        table = bootstrap_intervals(counts, n_draws=4000, seed=2)
        recall_rows = table[table["measure"] == "recall"].set_index("source")
        assert recall_rows.loc["ensembles", "upper"] == recall_rows.loc["ensembles", "lower"]
        for source in ("images", "both"):
            width = recall_rows.loc[source, "upper"] - recall_rows.loc[source, "lower"]
            # a quantile of 4,000 draws is known to about 2 %
            assert width == pytest.approx(2 * 0.0357, rel=0.08)

    def test_both_sources_are_wider_than_either(self):
        rng = np.random.default_rng(4)
        skill = rng.uniform(0.4, 0.8, 30)
        found = rng.random((200, 30)) < skill
        counts = np.stack([found, np.zeros_like(found), ~found], axis=1).astype(int)
        table = bootstrap_intervals(counts, n_draws=1000, seed=0)
        width = (table["upper"] - table["lower"])[table["measure"] == "recall"].to_numpy()
        assert width[2] > max(width[0], width[1])

    def test_counts_of_another_shape(self):
        with pytest.raises(InputError, match=r"counts: shape \(3, 2\) found; expected \(N, 3, E\)"):
            bootstrap_intervals(np.zeros((3, 2)), seed=0)

    def test_false_rate_of_published_poisson_limits(self):
        # Garwood's table: 90 % limits of a Poisson mean with 0, 1 and 10 events.
        for n, lower, upper in ((0, 0, 2.996), (1, 0.0513, 4.744), (10, 5.425, 16.962)):
            rate = false_per_thousand(n, 1000)
            assert rate["lower"] == pytest.approx(lower, abs=5e-4)
            assert rate["upper"] == pytest.approx(upper, abs=5e-4)
        assert false_per_thousand(3, 150)["per_thousand"] == pytest.approx(20)
        assert np.isnan(false_per_thousand(0, 0)["upper"])
        with pytest.raises(InputError, match="n_false, n_cells: -1, 10 found"):
            false_per_thousand(-1, 10)


class TestReliability:
    def test_entropy_of_votes(self):
        np.testing.assert_allclose(vote_entropy([0, 0.5, 1]), [0, np.log(2), 0])

    def test_observed_precision_per_vote_fraction(self):
        fractions = np.repeat([0.5, 1.0], [4, 6])
        true = np.array([1, 0, 0, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
        table = reliability(fractions, true)
        assert table["n"].tolist() == [4, 6]
        assert table["precision"].tolist() == [0.25, 1]
        # Clopper-Pearson for 6 of 6: lower limit 0.05 ** (1 / 6), upper 1
        assert table["lower"].iloc[1] == pytest.approx(0.05 ** (1 / 6))
        assert table["upper"].iloc[1] == 1
        # mean of |0.25 - 0.5| over 4 and |1 - 1| over 6 detections
        assert calibration_error(fractions, true) == pytest.approx(0.1)

    def test_no_detections(self):
        assert reliability([], []).empty
        assert np.isnan(calibration_error([], []))
        with pytest.raises(InputError, match="no detections found"):
            fit_vote_calibration([], [])

    def test_calibration_is_monotone_and_recovers_a_known_law(self):
        rng = np.random.default_rng(7)
        fractions = rng.integers(1, 11, 4000) / 10
        true = rng.random(4000) < fractions**2
        fitted = fit_vote_calibration(fractions, true)
        grid = np.arange(1, 11) / 10
        probability = fitted.probability(grid)
        assert (np.diff(probability) >= 0).all()
        # 400 detections per level: standard error at most 0.025
        np.testing.assert_allclose(probability, grid**2, atol=4 * 0.025)
        assert calibration_error(fitted.probability(fractions), true) < calibration_error(
            fractions, true
        )

    def test_average_precision_by_hand(self):
        # ranks: true, false, true of 4 objects: 1/4 x 1 + 1/4 x 2/3
        score = average_precision([0.9, 0.8, 0.7], [True, False, True], n_truth=4)
        assert score == pytest.approx(0.25 + 0.25 * 2 / 3)

    def test_ties_enter_together(self):
        # both orders of the tie must agree: recall goes from 0 to 1/2 at precision 1/2
        for true in ([True, False], [False, True]):
            assert average_precision([0.5, 0.5], true, n_truth=2) == pytest.approx(0.25)

    def test_average_precision_edges(self):
        assert average_precision([], [], n_truth=3) == 0
        assert average_precision([0.3, 0.2], [True, True], n_truth=2) == 1
        assert np.isnan(average_precision([0.5], [False], n_truth=0))
        with pytest.raises(InputError, match="n_truth: 1 found; 2 detections are true"):
            average_precision([0.5, 0.4], [True, True], n_truth=1)


def surface_of(tp, fp, fn, confidence=(0.3, 0.5, 0.7), n_members=4):
    arrays = [np.asarray(values)[None] for values in (tp, fp, fn)]
    n_agreement = arrays[0].shape[2]
    return ThresholdSurface(
        *arrays,
        confidence_thresholds=np.array(confidence),
        agreement_thresholds=np.arange(n_agreement),
        ensembles=np.arange(n_members)[None],
        n_images=1,
    )


class TestRules:
    # precision  [[8/16, 8/10], [7/8, 5/5], [2/2, nan]], recall [[.8, .8], [.7, .5], [.2, 0]]
    surface = surface_of(
        tp=[[8, 8], [7, 5], [2, 0]], fp=[[8, 2], [1, 0], [0, 0]], fn=[[2, 2], [3, 5], [8, 10]]
    )

    def test_highest_recall_at_precision(self):
        choice = highest_recall_at_precision(self.surface, min_precision=0.85)
        assert (choice.confidence_threshold, choice.agreement_threshold) == (0.5, 0)
        assert choice.precision == pytest.approx(7 / 8)
        assert choice.recall == pytest.approx(0.7)
        assert choice.fulfilled

    def test_ties_go_to_the_higher_precision(self):
        choice = highest_recall_at_precision(self.surface, min_precision=0.1)
        assert (choice.confidence_threshold, choice.agreement_threshold) == (0.3, 1)

    def test_a_demand_out_of_reach_is_said_to_be_missed(self):
        poor = surface_of(tp=[[1, 1]], fp=[[3, 1]], fn=[[0, 0]], confidence=[0.5])
        choice = highest_recall_at_precision(poor, min_precision=0.9)
        assert not choice.fulfilled
        assert choice.agreement_threshold == 1
        assert "not reached, highest precision taken" in choice.rule

    def test_nothing_predicted_anywhere_gives_the_published_point(self):
        zero = np.zeros((3, 4), dtype=int)
        choice = highest_recall_at_precision(surface_of(zero, zero, zero + 1), min_precision=0.9)
        assert (choice.confidence_threshold, choice.agreement_threshold) == (0.5, 1)
        assert np.isnan(choice.precision)
        assert not choice.fulfilled

    def test_precision_equal_to_a_target(self):
        choice = nearest_precision(self.surface, target_precision=0.87, tolerance=0.01)
        assert choice.precision == pytest.approx(7 / 8)
        assert choice.fulfilled
        choice = nearest_precision(self.surface, target_precision=0.6, tolerance=0.01)
        assert choice.precision == pytest.approx(0.5)
        assert not choice.fulfilled

    def test_at_most_k_false_per_thousand(self):
        rates = np.array([[50, 20], [10, 2], [1, 0]])
        choice = highest_recall_at_false_rate(self.surface, rates, max_per_thousand=10)
        assert (choice.confidence_threshold, choice.agreement_threshold) == (0.5, 0)
        with pytest.raises(InputError, match=r"false_rates: shape \(2, 3\) found"):
            highest_recall_at_false_rate(self.surface, rates.T, max_per_thousand=10)

    def test_fewest_false_at_a_recall(self):
        rates = np.array([[50, 20], [10, 2], [1, 0]])
        recall = self.surface.recall[0]
        for demand in (0.1, 0.5, float(np.nanmax(recall))):
            choice = lowest_false_rate_at_recall(self.surface, rates, min_recall=demand)
            assert choice.fulfilled
            assert choice.recall >= demand
            row = list(self.surface.confidence_thresholds).index(choice.confidence_threshold)
            column = list(self.surface.agreement_thresholds).index(choice.agreement_threshold)
            assert rates[row, column] == rates[recall >= demand].min()
        missed = lowest_false_rate_at_recall(self.surface, rates, min_recall=1.0)
        assert missed.fulfilled == bool(np.nanmax(recall) >= 1)
        assert missed.recall == pytest.approx(np.nanmax(recall))
        with pytest.raises(InputError, match="min_recall is 2: expected a number from 0 to 1"):
            lowest_false_rate_at_recall(self.surface, rates, min_recall=2)
        with pytest.raises(InputError, match=r"false_rates: shape \(2, 3\) found"):
            lowest_false_rate_at_recall(self.surface, rates.T, min_recall=0.5)

    def test_choose_by_name(self):
        by_name = choose(self.surface, rule="recall_at_precision", min_precision=0.85)
        assert by_name == highest_recall_at_precision(self.surface, min_precision=0.85)
        with pytest.raises(InputError, match="rule: 'best' found; allowed: recall_at_precision"):
            choose(self.surface, rule="best")
        with pytest.raises(InputError, match="false_rates: missing"):
            choose(self.surface, rule="false_per_thousand", max_false=1)
        with pytest.raises(InputError, match="min_precision is 2: expected a number from 0 to 1"):
            choose(self.surface, rule="recall_at_precision", min_precision=2)
