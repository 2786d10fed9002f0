"""Numerics of :mod:`dicentlib.dose.exposure`: posterior masses on grids of yield and fraction.

A cell of an unexposed part has the yield p_0, one of the exposed part p_0 + eta. Given p_0, the
cells of a sample depend on eta and the scored fraction f alone, and the dose on eta alone, through
the uncertain curve. So the likelihood is put on a grid of (eta, F), and the dose follows from

.. math:: p(D \\mid \\eta) \\propto p(D)\\, \\mathrm{N}(\\eta;\\; m(D) - p_0,\\; \\mathrm{var})

which holds whether counts or curve are the sharper. p_0 runs over nodes of its own law.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtr, xlogy
from scipy.stats import gamma as gamma_law

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


def cell_log_law(k, mean, index):
    """log P(k dicentrics in a cell): Poisson, or negative binomial of variance index * mean.

    `mean` gets a last axis for k.
    """
    mean = np.asarray(mean, dtype=float)[..., None]
    if index <= 1 + 1e-9:
        return xlogy(k, mean) - mean - gammaln(k + 1)
    size = mean / (index - 1)
    # Gamma(k + size) / Gamma(size) is a product of k factors; as a difference it loses its digits.
    product = np.where(k > 0, gammaln(k + size) - gammaln(np.maximum(size, 1e-300)), 0.0)
    return product - gammaln(k + 1) - size * np.log(index) + k * np.log1p(-1 / index)


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
    shared = _covariance(detected, dose)
    given = np.maximum(variance - shared**2 / v0, 0.0)
    return np.maximum(mean - m0 + (shared / v0 - 1) * (p0 - m0), 0.0), np.sqrt(given)


def _covariance(detected, dose):
    """Covariance of m(D) and m(0): what raises the background raises the other yields too."""
    real, unexposed = detected.curve.yield_at(dose), float(detected.curve.yield_at(0.0))
    mean, m0 = detected.mean_at(dose), float(detected.mean_at(0.0))
    shared = real * unexposed * detected.detector.efficiency_error**2
    shared = shared + detected.detector.false_rate_error**2
    shared = shared + mean * m0 * detected.ensemble_cv**2
    shared = shared + np.sqrt(detected.slide_variance(mean) * detected.slide_variance(m0))
    if detected.curve.covariance is not None:
        row = detected.curve.covariance[0]
        along = row[0] + row[1] * dose + row[2] * dose**2
        shared = shared + detected.detector.efficiency**2 * along
    return shared


class ExposureGrid:
    """Grids for one sample, and the components on them.

    Parameters
    ----------
    distribution : sequence of int
    detected : DetectedCurve
    dose_log_prior : callable
        Of an array of doses.
    highest_gy : float
        Where the prior of the dose ends.
    fraction_law : scipy.stats distribution
        Prior of the exposed fraction of the body, given that it is a part.
    d0_gy : float
    indices : array of float
        Dispersion indices of single cells, equally probable.
    """

    def __init__(
        self, distribution, detected, dose_log_prior, highest_gy, fraction_law, d0_gy, indices
    ):
        counts = np.asarray(distribution, dtype=float)
        self.k = np.flatnonzero(counts)
        self.counts = counts[self.k]
        self.n = counts.sum()
        self.x = float(self.counts @ self.k)
        self.detected, self.dose_log_prior = detected, dose_log_prior
        self.highest, self.law, self.d0 = highest_gy, fraction_law, d0_gy
        self.indices = indices
        self.nodes, self.log_weights, self.node_law = background_nodes(detected, N_NODES)
        self.top = self._largest_eta()

    def components(self):
        """(whole, part): evidences on a common scale, and the masses."""
        for _ in range(4):
            logs = self._evaluate()
            total = np.logaddexp.reduce(logs, axis=1)
            weight = np.exp(total - np.logaddexp.reduce(total))
            if self.node_law is None or weight.max() < 0.8:
                break
            self.nodes, self.log_weights = refined(self.nodes, total, self.node_law)
        return self.found

    def _evaluate(self):
        """Log-evidence by node and component; fills :attr:`found`."""
        widest = max(self.indices)
        margin = 10 * np.sqrt(widest * (self.x + 1)) + 40
        low = max((self.x - margin) / self.n - self.nodes.max(), 0.0)
        high = max((self.x + margin) / self.n - self.nodes.min(), 1e-6)
        whole = self._eta(low, min(high, self.top)) if low < self.top else None
        middle = self.nodes[len(self.nodes) // 2]
        # The part: eta where some fraction explains the mean and its spread agrees.
        fine = self.top * np.linspace(1e-3, 1, 2000) ** 2
        share = np.clip((self.x / self.n - middle) / fine, 0.0, 1.0)
        profile = self._log_likelihood(fine, share[:, None], middle, np.mean(self.indices))[:, 0]
        kept = np.flatnonzero(profile > profile.max() - NEGLIGIBLE)
        pad = self.nodes.max() - self.nodes.min()
        start = 0.0 if kept[0] == 0 else max(0.9 * fine[kept[0]] - pad, 0.0)
        end = min(1.1 * fine[kept[-1]] + pad, self.top)
        part = self._eta(start, end)
        f_low = np.clip(np.divide(low, part, out=np.zeros_like(part), where=part > 0), 0, 1)
        f_high = np.clip(np.divide(high, part, out=np.ones_like(part), where=part > 0), 0, 1)
        delta = self._dose_of(part)
        growth = np.exp(delta / self.d0)
        ends = [f * growth / (1 - f + f * growth) for f in (f_low, f_high)]
        steps = np.linspace(0, 1, N_FRACTION)
        fraction = ends[0][:, None] + (ends[1] - ends[0])[:, None] * steps
        f = fraction / (fraction + (1 - fraction) * growth[:, None])
        weight = self.law.pdf(fraction) * np.gradient(fraction, axis=1)
        weight[:, [0, -1]] /= 2
        grids = [] if whole is None else [(whole, np.ones((len(whole), 1)), None)]
        grids.append((part, f, weight))
        return self._sum_over_nodes(grids, fraction)

    def _sum_over_nodes(self, grids, fraction):
        logs = np.full((len(self.nodes), 2), -np.inf)
        terms = []
        for number, (p0, log_weight) in enumerate(zip(self.nodes, self.log_weights, strict=True)):
            for place, (eta, f, weight) in zip((0, 1)[2 - len(grids) :], grids, strict=True):
                dose, prior, conditional = self._dose_given(eta, p0)
                by_index = [self._log_likelihood(eta, f, p0, one) for one in self.indices]
                log = np.logaddexp.reduce(by_index, axis=0) - np.log(len(self.indices))
                with np.errstate(divide="ignore"):
                    log = log + log_weight + np.log(prior)[:, None]
                    log = log if weight is None else log + np.log(weight)
                logs[number, place] = np.logaddexp.reduce(log, axis=None)
                terms.append((place, log, dose, conditional))
        scale = logs.max()
        found = [None, None]
        for place, (eta, f, weight) in zip((0, 1)[2 - len(grids) :], grids, strict=True):
            own = [term[1:] for term in terms if term[0] == place]
            masses = [np.exp(log - scale) for log, _, _ in own]
            by_dose = sum(
                conditional * mass.sum(axis=1)
                for mass, (_, _, conditional) in zip(masses, own, strict=True)
            )
            body = np.ones_like(f) if weight is None else fraction
            found[place] = Component(own[0][1], by_dose, body, sum(masses), f * eta[:, None])
        self.found = tuple(found)
        return logs

    def _largest_eta(self):
        mean = float(self.detected.mean_at(self.highest)) - float(self.detected.mean_at(0.0))
        return mean + 4 * float(np.sqrt(self.detected.variance_at(self.highest)))

    @staticmethod
    def _eta(low, high):
        return np.linspace(np.sqrt(low), np.sqrt(high), N_ETA) ** 2

    def _dose_of(self, eta):
        m0 = float(self.detected.mean_at(0.0))
        grid = np.linspace(0, self.highest, 4001)
        return np.interp(m0 + eta, self.detected.mean_at(grid), grid)

    def _dose_given(self, eta, p0):
        """Grid of doses, prior mass of each eta, and p(D | eta), shape (dose, eta)."""
        wide = np.linspace(0, self.highest, 2001)
        mean, sd = excess_law(self.detected, wide, p0)
        near = np.flatnonzero((mean + 6 * sd >= eta[0]) & (mean - 6 * sd <= eta[-1]))
        first, last = (near[0], near[-1]) if len(near) else (0, len(wide) - 1)
        key = (eta[0], eta[-1])
        if key not in self._ranges():  # the same doses for every node of the background
            self._ranges()[key] = np.linspace(
                wide[max(first - 2, 0)], wide[min(last + 2, len(wide) - 1)], N_DOSE
            )
        dose = self._ranges()[key]
        mean, sd = excess_law(self.detected, dose, p0)
        prior = np.exp(self.dose_log_prior(dose)) * np.gradient(dose)
        prior[[0, -1]] /= 2
        masses = prior[:, None] * hat_masses(eta, mean, sd)
        total = masses.sum(axis=0)
        return dose, total, masses / np.where(total > 0, total, 1.0)

    def _ranges(self):
        return self.__dict__.setdefault("_dose_grids", {})

    def _log_likelihood(self, eta, f, p0, index):
        """log L of eta (n,) and f (n, m), given p_0."""
        exposed = np.exp(cell_log_law(self.k, p0 + eta, index))[:, None, :]
        unexposed = np.exp(cell_log_law(self.k, p0, index))
        mixed = unexposed + f[..., None] * (exposed - unexposed)
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(mixed, 1e-300)) @ self.counts
