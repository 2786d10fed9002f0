"""Numbers of aberrations and conservation of lengths."""

import numpy as np
import pytest
from scipy import stats

from dicentlib.errors import InputError
from dicentlib.simulation import Exposure, Yields, chromosome_table
from dicentlib.simulation.karyotype import LENGTH_PERCENT, diploid_set
from dicentlib.simulation.radiation import Piece, draw_counts, irradiate


def equivalents(pieces):
    """Dicentric equivalents: centromeres beyond the first of each body."""
    return sum(max(len(piece.centromeres) - 1, 0) for piece in pieces)


def test_karyotype_is_the_published_table():
    table = chromosome_table().set_index("chromosome")
    assert table["length_percent"][:22].sum() == pytest.approx(100, abs=0.05)
    assert set(table.index[table["acrocentric"]]) == {"13", "14", "15", "21", "22"}
    assert table.loc["1", "centromere_percent"] == 48.36
    assert len(diploid_set("female")) == len(diploid_set("male")) == 46


def test_one_exchange_makes_a_dicentric_and_its_fragment():
    rng = np.random.default_rng(0)
    for _ in range(200):
        pieces = irradiate(rng, (1, 0, 0, 0))
        classes = [piece.class_name for piece in pieces]
        assert classes.count("monocentric") == 44
        assert classes.count("dicentric") == classes.count("fragment") == 1
        made = [piece for piece in pieces if piece.class_name != "monocentric"]
        # The two bodies are made of the same two chromosomes, and nothing is lost.
        assert made[0].chromosomes.split(";") == made[1].chromosomes.split(";")
        whole = sum(LENGTH_PERCENT[name] for name, _, _ in made[0].stretches)
        assert sum(piece.length for piece in made) == pytest.approx(whole)


@pytest.mark.parametrize("counts", [(3, 0, 0, 2), (0, 2, 0, 0), (0, 0, 4, 0), (9, 2, 5, 6)])
def test_lengths_and_centromeres_are_conserved(counts):
    rng = np.random.default_rng(1)
    normal = {sum(LENGTH_PERCENT[name] for name in diploid_set(sex)) for sex in ("female", "male")}
    for _ in range(50):
        pieces = irradiate(rng, counts)
        total = sum(piece.length for piece in pieces)
        assert min(abs(total - length) for length in normal) < 1e-9
        assert sum(len(piece.centromeres) for piece in pieces) == 46
        assert equivalents(pieces) == counts[0]
        # Every dicentric exchange, ring and excess acentric leaves one acentric body.
        assert sum(piece.class_name == "fragment" for piece in pieces) == sum(counts[:3])
        assert sum(piece.ring for piece in pieces) == counts[1]


def test_a_chromosome_that_exchanges_twice_becomes_tricentric():
    rng = np.random.default_rng(2)
    cells = [irradiate(rng, (12, 0, 0, 0)) for _ in range(30)]
    tricentric = [piece for cell in cells for piece in cell if piece.class_name == "tricentric"]
    assert tricentric
    assert all(len(piece.chromosomes.split(";")) >= 2 for piece in tricentric)


def test_translocations_alone_leave_46_monocentrics():
    pieces = irradiate(np.random.default_rng(3), (0, 0, 0, 5))
    assert [piece.class_name for piece in pieces] == ["monocentric"] * 46
    assert any(";" in piece.chromosomes for piece in pieces)


def test_cutting_a_piece_keeps_both_parts():
    piece = Piece((("1", 0.0, 8.44), ("2", 8.02, 5.0)))
    left, right = piece.cut(9.44)
    assert Piece(left).length == pytest.approx(9.44)
    assert Piece(right).length == pytest.approx(piece.length - 9.44)
    assert right[0] == ("2", pytest.approx(7.02), 5.0)


def test_counts_are_poisson_about_the_linear_quadratic_mean():
    rng, yields, n = np.random.default_rng(4), Yields(), 4000
    counts = np.array([draw_counts(rng, yields.means(3.0))[0] for _ in range(n)])
    mean = 0.001 + 0.02104 * 3 + 0.06303 * 9
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / n))
    index = counts.var(ddof=1) / counts.mean()
    u = (index - 1) * np.sqrt((n - 1) / (2 * (1 - 1 / counts.sum())))  # Papworth's u
    assert abs(u) < 3.3  # two-sided probability 0.001
    observed = np.bincount(np.minimum(counts, 4), minlength=5)
    expected = stats.poisson.pmf(np.arange(4), mean)
    expected = n * np.append(expected, 1 - expected.sum())
    assert stats.chisquare(observed, expected).pvalue > 0.001


def test_yield_is_linear_quadratic_with_background_one_in_a_thousand():
    yields = Yields()
    assert yields.dicentrics(0.0) == 0.001
    doses = np.array([0.0, 1.0, 2.0, 4.0])
    fitted = np.polyfit(doses, yields.dicentrics(doses), 2)
    assert fitted == pytest.approx([0.06303, 0.02104, 0.001])


def test_partial_body_is_a_poisson_mixture():
    exposure = Exposure(4.0, fraction=0.5, d0_gy=2.7)
    # Of equal halves, exp(-4 / 2.7) of the irradiated cells reach metaphase.
    survival = np.exp(-4 / 2.7)
    assert exposure.scored_fraction() == pytest.approx(survival / (1 + survival))
    rng, n = np.random.default_rng(5), 6000
    counts = np.array(
        [draw_counts(rng, Yields().means(exposure.draw_dose(rng)))[0] for _ in range(n)]
    )
    share, mean = exposure.scored_fraction(), Yields().dicentrics(4.0)
    assert counts.mean() == pytest.approx(share * mean + (1 - share) * 0.001, rel=0.1)
    assert counts.var() / counts.mean() > 1.5  # overdispersed: 1 + (1 - share) * mean


def test_two_dose_exposure_gives_both_doses():
    exposure = Exposure(4.0, fraction=0.7, other_dose_gy=1.0)
    rng = np.random.default_rng(6)
    doses = [exposure.draw_dose(rng) for _ in range(2000)]
    assert set(doses) == {4.0, 1.0}
    assert np.mean(np.equal(doses, 4.0)) == pytest.approx(exposure.scored_fraction(), abs=0.04)


@pytest.mark.parametrize("labels", [(0.925, 1.389), (2.5, 4.0)])
def test_label_means_hold_with_an_aberration_in_every_image(labels):
    rng = np.random.default_rng(7)
    means = Yields().means_for_labels(*labels)
    counts = np.array([draw_counts(rng, means, at_least_one=True) for _ in range(20000)])
    assert counts[:, :3].sum(axis=1).min() == 1
    assert counts[:, 0].mean() == pytest.approx(labels[0], rel=0.03)
    assert counts[:, :3].sum(axis=1).mean() == pytest.approx(labels[1], rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dose_gy": -1.0}, "0 to 15 Gy"),
        ({"dose_gy": 1.0, "fraction": 1.2}, "0 to 1"),
        ({"dose_gy": 1.0, "other_dose_gy": -2.0}, "other_dose_gy"),
        ({"dose_gy": 1.0, "d0_gy": 0.0}, "above 0"),
    ],
)
def test_impossible_exposures_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Exposure(**arguments)


def test_negative_yields_are_refused():
    with pytest.raises(InputError, match="alpha_per_gy"):
        Yields(alpha_per_gy=-0.1)
