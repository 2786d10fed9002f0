"""Numerics of :mod:`dicentlib.dose.exposure`: posterior masses on grids of yield and fraction.

A cell of an unexposed part has the yield p_0, one of the exposed part p_0 + eta. Given p_0, the
cells of a sample depend on eta and the scored fraction f alone, and the dose on eta alone, through
the uncertain curve. So the likelihood is put on a grid of (eta, F), and the dose follows from

.. math:: p(D \\mid \\eta) \\propto p(D)\\, \\mathrm{N}(\\eta;\\; m(D) - p_0,\\; \\mathrm{var})

which holds whether counts or curve are the sharper. p_0 runs over nodes of its own law.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import gamma as gamma_law

from dicentlib.dose.count_law import log_count_probability
from dicentlib.dose.joint import body_fraction, scored_fraction
from dicentlib.dose.low_dose import USUAL_BACKGROUND

N_ETA, N_FRACTION, N_DOSE, N_NODES = 140, 64, 300, 5
NEGLIGIBLE = 30.0  # in log-likelihood


@dataclass
class Component:
    """One hypothesis: its evidence and masses, summed over the nodes of the background.

    ``mass`` (n_dose, n_eta): posterior of dose and eta; ``fraction`` (n_eta, n_fraction) of the
    body with the mass ``fraction_mass``; ``excess`` (same shape) yield of all cells above p_0.
    """

    dose_gy: np.ndarray
    mass: np.ndarray
    fraction: np.ndarray
    fraction_mass: np.ndarray
    excess: np.ndarray

    @property
    def evidence(self):
        """Probability of the counts under the hypothesis, on the scale of its sibling."""
        return float(self.fraction_mass.sum())


def background_nodes(detected, n):
    """Values of the unexposed yield with log-probabilities: a gamma law of its mean and variance.

    A background of 0 that is not known exactly is exponential; one without a variance is a value,
    the usual one where it is 0.
    """
    mean, variance = float(detected.mean_at(0.0)), float(detected.variance_at(0.0))
    if variance <= 0:
        return np.array([mean or USUAL_BACKGROUND]), np.zeros(1), None
    if mean**2 < variance:
        mean = np.sqrt(variance)
    law = gamma_law(mean**2 / variance, scale=variance / mean)
    return law.ppf((np.arange(n) + 0.5) / n), np.full(n, -np.log(n)), law


def refined(nodes, log_evidence, law):
    """Nodes about the one that takes most of the evidence, where the counts know p_0 better."""
    best = int(np.argmax(log_evidence))
    low = nodes[best - 1] if best else nodes[0] / 4
    high = nodes[best + 1] if best < len(nodes) - 1 else 2 * nodes[-1] - nodes[-2] / 2
    finer = np.linspace(low, high, len(nodes) + 2)[1:-1]
    return finer, law.logpdf(finer) + np.log(finer[1] - finer[0])


def hat_masses(grid, mean, sd):
    """Shares of normal laws on the points of a grid, linearly between them; rows are the laws.

    All that lies beyond the grid goes to its ends, what lies below 0 nowhere. Exact for sd = 0.
    """
    above = mean[:, None] - grid
    wide = np.maximum(sd, 1e-12)[:, None]
    z = np.clip(above / wide, -30, 30)
    expected = above * ndtr(z) + wide * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    share = (expected[:, :-1] - expected[:, 1:]) / np.diff(grid)
    masses = -np.diff(share, axis=1, prepend=1.0, append=0.0)
    possible = ndtr(np.minimum(mean / wide[:, 0], 30))
    possible[sd <= 0] = 1.0
    masses[:, 0] -= np.where(grid[0] <= 0, 1 - possible, 0.0)
    return np.maximum(masses, 0.0) / np.maximum(possible, 1e-12)[:, None]


def excess_law(detected, dose, p0):
    """Mean and standard deviation of eta = m(D) - p_0 at `dose` (n,), given p_0."""
    mean, variance = detected.mean_at(dose), detected.variance_at(dose)
    m0, v0 = float(detected.mean_at(0.0)), float(detected.variance_at(0.0))
    if v0 <= 0:
        return mean - m0, np.sqrt(variance)
    shared = detected.shared_variance(dose, 0.0)
    shared = shared + np.sqrt(detected.slide_variance(mean) * detected.slide_variance(m0))
    given = np.maximum(variance - shared**2 / v0, 0.0)
    return np.maximum(mean - m0 + (shared / v0 - 1) * (p0 - m0), 0.0), np.sqrt(given)


class ExposureGrid:
    """Grids for one sample, and the components on them; the dose has a uniform prior.

    Parameters
    ----------
    distribution : sequence of int
    detected : DetectedCurve
    highest_gy : float
        Where the prior of the dose ends.
    fraction_law : scipy.stats distribution
        Prior of the exposed fraction of the body, given that it is a part.
    d0_gy : float
    indices : array of float
        Dispersion indices of single cells, equally probable.
    """

    def __init__(self, distribution, detected, highest_gy, fraction_law, d0_gy, indices):
        counts = np.asarray(distribution, dtype=float)
        self.k = np.flatnonzero(counts)
        self.counts = counts[self.k]
        self.n = counts.sum()
        self.x = float(self.counts @ self.k)
        self.detected, self.indices = detected, indices
        self.highest, self.law, self.d0 = highest_gy, fraction_law, d0_gy
        self.nodes, self.log_weights, self.node_law = background_nodes(detected, N_NODES)
        mean = float(detected.mean_at(highest_gy)) - float(detected.mean_at(0.0))
        self.top = mean + 4 * float(np.sqrt(detected.variance_at(highest_gy)))
        self.dose_ranges = {}

    def components(self):
        """(whole, part): evidences on a common scale, and the masses; 0 without any evidence."""
        for _ in range(4):
            found, logs = self._evaluate()
            total = np.logaddexp.reduce(logs, axis=0)
            if self.node_law is None or not np.isfinite(total.max()):
                break
            if np.exp(total - np.logaddexp.reduce(total)).max() < 0.8:
                break
            self.nodes, self.log_weights = refined(self.nodes, total, self.node_law)
        return found

    def _evaluate(self):
        """Both components, and their log-evidence by node, shape (2, n_nodes)."""
        margin = 10 * np.sqrt(max(self.indices) * (self.x + 1)) + 40
        low = max((self.x - margin) / self.n - self.nodes.max(), 0.0)
        high = max((self.x + margin) / self.n - self.nodes.min(), 1e-6)
        grids = [self._whole_grid(low, high), self._part_grid(low, high)]
        terms = [[] if grid is None else self._by_node(*grid) for grid in grids]
        logs = np.full((2, len(self.nodes)), -np.inf)
        for own, of_node in zip(logs, terms, strict=True):
            own[: len(of_node)] = [np.logaddexp.reduce(log, axis=None) for log, _, _ in of_node]
        scale = max(logs.max(), np.finfo(float).min)  # of no evidence at all the masses are 0
        found = []
        for grid, of_node in zip(grids, terms, strict=True):
            if grid is None:
                found.append(None)
                continue
            eta, body, f, _ = grid
            masses = [np.exp(log - scale) for log, _, _ in of_node]
            by_dose = sum(
                given_eta * mass.sum(axis=1)
                for mass, (_, _, given_eta) in zip(masses, of_node, strict=True)
            )
            found.append(Component(of_node[0][1], by_dose, body, sum(masses), f * eta[:, None]))
        return found, logs

    def _whole_grid(self, low, high):
        """eta, exposed fractions of body and cells, and prior masses of these; or None."""
        if low >= self.top:
            return None
        eta = self._eta(low, min(high, self.top))
        return eta, *np.ones((3, len(eta), 1))

    def _part_grid(self, low, high):
        """As :meth:`_whole_grid`: eta where some fraction explains the mean and the spread."""
        middle = self.nodes[len(self.nodes) // 2]
        fine = self.top * np.linspace(1e-3, 1, 2000) ** 2
        share = np.clip((self.x / self.n - middle) / fine, 0.0, 1.0)
        profile = self._log_likelihood(fine, share[:, None], middle, np.mean(self.indices))[:, 0]
        kept = np.flatnonzero(profile > profile.max() - NEGLIGIBLE)
        pad = self.nodes.max() - self.nodes.min()
        start = 0.0 if kept[0] == 0 else max(0.9 * fine[kept[0]] - pad, 0.0)
        eta = self._eta(start, min(1.1 * fine[kept[-1]] + pad, self.top))
        grid, m0 = np.linspace(0, self.highest, 4001), float(self.detected.mean_at(0.0))
        dose = np.interp(m0 + eta, self.detected.mean_at(grid), grid)
        ends = []
        for limit, otherwise in ((low, 0.0), (high, 1.0)):
            f = np.divide(limit, eta, out=np.full_like(eta, otherwise), where=eta > 0)
            ends.append(body_fraction(np.clip(f, 0, 1), dose, self.d0)[0])
        body = np.linspace(*ends, N_FRACTION, axis=1)
        f = scored_fraction(body, dose[:, None], self.d0)
        weight = self.law.pdf(body) * np.gradient(body, axis=1)
        weight[:, [0, -1]] /= 2
        return eta, body, f, weight

    def _by_node(self, eta, _, f, weight):
        """Log-masses of (eta, f), doses, and p(D | eta), for every node of the background."""
        found = []
        for p0, log_weight in zip(self.nodes, self.log_weights, strict=True):
            dose, prior, given_eta = self._dose_given(eta, p0)
            by_index = [self._log_likelihood(eta, f, p0, one) for one in self.indices]
            log = np.logaddexp.reduce(by_index, axis=0) - np.log(len(self.indices))
            with np.errstate(divide="ignore"):
                log = log + log_weight + np.log(prior)[:, None] + np.log(weight)
            found.append((log, dose, given_eta))
        return found

    @staticmethod
    def _eta(low, high):
        return np.linspace(np.sqrt(low), np.sqrt(high), N_ETA) ** 2

    def _dose_given(self, eta, p0):
        """Grid of doses, prior mass of each eta, and p(D | eta), shape (dose, eta)."""
        key = (eta[0], eta[-1])
        if key not in self.dose_ranges:  # the same doses for every node of the background
            wide = np.linspace(0, self.highest, 2001)
            mean, sd = excess_law(self.detected, wide, p0)
            near = np.flatnonzero((mean + 6 * sd >= eta[0]) & (mean - 6 * sd <= eta[-1]))
            first, last = (near[0], near[-1]) if len(near) else (0, len(wide) - 1)
            self.dose_ranges[key] = wide[max(first - 2, 0)], wide[min(last + 2, len(wide) - 1)]
        dose = np.linspace(*self.dose_ranges[key], N_DOSE)
        mean, sd = excess_law(self.detected, dose, p0)
        prior = np.gradient(dose) / self.highest
        prior[[0, -1]] /= 2
        masses = prior[:, None] * hat_masses(eta, mean, sd)
        total = masses.sum(axis=0)
        return dose, total, masses / np.where(total > 0, total, 1.0)

    def _log_likelihood(self, eta, f, p0, index):
        """log L of eta (n,) and f (n, m), given p_0."""
        means = p0 + np.append(eta, 0.0)[:, None]
        law = np.exp(log_count_probability(self.k, 1, means, (index - 1) * means))
        exposed, unexposed = law[:-1, None], law[-1]
        mixed = unexposed + f[..., None] * (exposed - unexposed)
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(mixed, 1e-300)) @ self.counts
