"""What radiation does to a cell's chromosomes: exchanges, rings and acentric fragments."""

from dataclasses import dataclass

import numpy as np
from scipy.special import pdtrik

from dicentlib.errors import InputError
from dicentlib.simulation.karyotype import (
    ACROCENTRIC,
    CENTROMERE_PERCENT,
    LENGTH_PERCENT,
    SECONDARY_CONSTRICTION_PERCENT,
    diploid_set,
)

# 5,021 dicentrics and 7,540 fragments on 5,430 images: Deschemps et al. 2024.
PAPER_LABELS_PER_IMAGE = (0.925, 1.389)
HIGHEST_GY = 15.0  # beyond, a cell has not enough chromosomes for its exchanges
# By the number of centromeres; the last one is five and more.
CENTRIC_CLASSES = (
    "fragment",
    "monocentric",
    "dicentric",
    "tricentric",
    "quadricentric",
    "multicentric",
)


@dataclass(frozen=True)
class Yields:
    r"""How often aberrations form: means per cell, Poisson distributed.

    The dicentric yield is linear-quadratic, :math:`Y = C + \alpha D + \beta D^2`. The
    defaults are those of cobalt-60 gamma rays (Barquinero et al. 1995, Mutat. Res. 326:65)
    with a background of one dicentric per 1000 cells (IAEA 2011, EPR-Biodosimetry).
    """

    background: float = 0.001  # C, dicentrics per cell
    alpha_per_gy: float = 0.02104  # linear coefficient
    beta_per_gy2: float = 0.06303  # quadratic coefficient
    ring_ratio: float = 0.06  # centric rings per dicentric (IAEA 2011: 5 to 10 %)
    # Acentrics that belong to no dicentric or ring, per dicentric: 7,540 fragments for 5,021
    # dicentrics (Deschemps et al. 2024) less the one that comes with each dicentric and ring.
    excess_acentric_ratio: float = 0.44
    excess_acentric_background: float = 0.004  # per cell, unirradiated (IAEA 2011)
    interstitial_share: float = 0.4  # of the excess acentrics: paired minutes
    translocation_ratio: float = 1.0  # symmetrical exchanges per dicentric; not scored

    def __post_init__(self):
        for name, value in vars(self).items():
            if not value >= 0:
                raise InputError(f"Yields({name}={value}): allowed are numbers >= 0")

    def dicentrics(self, dose_gy):
        """Mean number of dicentrics per cell at a dose in Gy."""
        return self.background + self.alpha_per_gy * dose_gy + self.beta_per_gy2 * dose_gy**2

    def means(self, dose_gy):
        """Means per cell at a dose: dicentrics, rings, excess acentrics, translocations."""
        dicentrics = self.dicentrics(dose_gy)
        induced = dicentrics - self.background
        acentrics = self.excess_acentric_background + self.excess_acentric_ratio * induced
        translocations = self.translocation_ratio * dicentrics
        return dicentrics, self.ring_ratio * dicentrics, acentrics, translocations

    def means_for_labels(self, dicentrics, fragments):
        r"""Means whose zero-truncated draw has the given labels per image.

        With :math:`\lambda = a + b` the mean number of dicentric exchanges and of other
        fragment makers, an image with at least one has on average
        :math:`a / (1 - e^{-\lambda})` dicentrics and :math:`\lambda / (1 - e^{-\lambda})`
        fragments; solved for a and b.
        """
        total = fragments
        for _ in range(200):
            total = fragments * -np.expm1(-total)
        share = dicentrics / fragments
        rings = min(self.ring_ratio * share, 1 - share) * total
        return share * total, rings, (1 - share) * total - rings, share * total


@dataclass(frozen=True)
class Exposure:
    """Who got which dose: the whole body, or a part of it.

    A cell was irradiated with `dose_gy` with probability `fraction`, otherwise with
    `other_dose_gy` (0: partial-body exposure; above 0: two-dose exposure). Irradiated cells
    reach metaphase with probability ``exp(-dose / d0_gy)`` (Lloyd et al. 1973; IAEA 2011:
    D0 of 2.7 to 3.5 Gy), so the share among the scored cells is smaller than `fraction`.
    """

    dose_gy: float
    fraction: float = 1.0
    other_dose_gy: float = 0.0
    d0_gy: float = 2.7

    def __post_init__(self):
        for name in ("dose_gy", "other_dose_gy"):
            value = getattr(self, name)
            if not 0 <= value <= HIGHEST_GY:
                raise InputError(f"{name}={value}: allowed are doses from 0 to {HIGHEST_GY:g} Gy")
        if not 0 <= self.fraction <= 1:
            raise InputError(f"fraction_irradiated={self.fraction}: allowed are 0 to 1")
        if not self.d0_gy > 0:
            raise InputError(f"d0_gy={self.d0_gy}: allowed are doses above 0 Gy")

    def scored_fraction(self):
        """Share of the scored cells that received `dose_gy`."""
        hit = self.fraction * np.exp(-self.dose_gy / self.d0_gy)
        spared = (1 - self.fraction) * np.exp(-self.other_dose_gy / self.d0_gy)
        return float(hit / (hit + spared))

    def draw_dose(self, rng):
        """Dose in Gy of one scored cell."""
        return self.dose_gy if rng.random() < self.scored_fraction() else self.other_dose_gy


@dataclass(frozen=True)
class Piece:
    """One body in the metaphase: stretches of chromosomes joined end to end.

    `stretches` are ``(chromosome, start, end)`` in units of relative length (%), measured
    from the tip of the short arm; ``start > end`` is a stretch turned round.
    """

    stretches: tuple
    ring: bool = False

    @property
    def length(self):
        """Length in % of the haploid autosome length."""
        return sum(abs(end - start) for _, start, end in self.stretches)

    @property
    def centromeres(self):
        """Positions of the centromeres from the body's first end, in the unit of `length`."""
        return self._positions(CENTROMERE_PERCENT)

    @property
    def secondary_constrictions(self):
        """Positions of heterochromatin that can look constricted, as of `centromeres`."""
        return self._positions(SECONDARY_CONSTRICTION_PERCENT)

    def _positions(self, percent):
        """Where a point of each chromosome, ``percent[chromosome]`` of its length, lies here."""
        found, before = [], 0.0
        for chromosome, start, end in self.stretches:
            if chromosome in percent:
                position = percent[chromosome] / 100 * LENGTH_PERCENT[chromosome]
                if min(start, end) <= position < max(start, end):
                    found.append(before + abs(position - start))
            before += abs(end - start)
        return tuple(found)

    @property
    def class_name(self):
        """Class of the body: monocentric, dicentric, tricentric, fragment or ring."""
        return "ring" if self.ring else CENTRIC_CLASSES[min(len(self.centromeres), 5)]

    @property
    def chromosomes(self):
        """Chromosomes it is made of, for example ``"3;11"``."""
        names = dict.fromkeys(chromosome for chromosome, _, _ in self.stretches)
        return ";".join(names)

    @property
    def satellite_ends(self):
        """Which ends (first, last) are the satellited short arm of an acrocentric."""
        (first, start, _), (last, _, end) = self.stretches[0], self.stretches[-1]
        return (start == 0 and first in ACROCENTRIC, end == 0 and last in ACROCENTRIC)

    def cut(self, position):
        """The two parts on either side of `position`, as tuples of stretches."""
        left, right, before = [], [], 0.0
        for chromosome, start, end in self.stretches:
            size = abs(end - start)
            inside = min(max(position - before, 0.0), size)
            middle = start + (inside if end > start else -inside)
            if inside > 0:
                left.append((chromosome, start, middle))
            if inside < size:
                right.append((chromosome, middle, end))
            before += size
        return tuple(left), tuple(right)


def reverse(stretches):
    """The same stretches read from the other end."""
    return tuple((chromosome, end, start) for chromosome, start, end in reversed(stretches))


def irradiate(rng, counts, *, interstitial_share=0.4, shows=lambda piece: True):
    """A cell's chromosomes after a given number of aberrations.

    Parameters
    ----------
    rng : numpy.random.Generator
    counts : sequence of int
        Dicentric exchanges, centric rings, excess acentrics, translocations.
    interstitial_share : float
        Share of the excess acentrics that are interstitial (minutes).
    shows : callable
        Whether a scorer sees all centromeres of a `Piece`. A dicentric exchange that does not
        show is drawn again, up to 50 times: published yields count what scorers see.

    Returns
    -------
    tuple of Piece
        Lengths are conserved: they add up to those of the 46 chromosomes. A body that
        exchanges twice becomes tricentric and leaves two fragments.
    """
    sex = "female" if rng.random() < 0.5 else "male"
    pieces = [Piece(((name, 0.0, LENGTH_PERCENT[name]),)) for name in diploid_set(sex)]
    dicentrics, rings, acentrics, translocations = (int(count) for count in counts)
    events = ["dicentric"] * dicentrics + ["ring"] * rings
    events += ["acentric"] * acentrics + ["translocation"] * translocations
    for event in rng.permutation(events) if events else []:
        candidates = [k for k, piece in enumerate(pieces) if piece.centromeres and not piece.ring]
        if event in ("ring", "acentric"):
            candidates = [k for k in candidates if len(pieces[k].centromeres) == 1]
        lengths = np.array([pieces[k].length for k in candidates])
        wanted = 2 if event in ("dicentric", "translocation") else 1
        picked = rng.choice(candidates, size=wanted, replace=False, p=lengths / lengths.sum())
        chosen = [pieces[k] for k in picked]
        if event == "ring":
            made = _ring(rng, chosen[0])
        elif event == "acentric":
            made = _excess_acentric(rng, chosen[0], rng.random() < interstitial_share)
        else:
            made = _exchange(rng, *chosen, asymmetrical=event == "dicentric", shows=shows)
        pieces = [piece for k, piece in enumerate(pieces) if k not in set(picked.tolist())] + made
    return tuple(pieces)


def _break(rng, piece):
    """Break a body outside its centromeres: (part with them, part without), broken ends inside."""
    first, last, length = piece.centromeres[0], piece.centromeres[-1], piece.length
    if rng.random() * (first + length - last) < first:
        acentric, centric = piece.cut(rng.uniform(0.03, 0.97) * first)
        return reverse(centric), acentric
    centric, acentric = piece.cut(last + rng.uniform(0.03, 0.97) * (length - last))
    return centric, reverse(acentric)


def _exchange(rng, one, other, *, asymmetrical, shows):
    for _ in range(50):
        (centric_1, acentric_1), (centric_2, acentric_2) = _break(rng, one), _break(rng, other)
        if not asymmetrical:
            return [Piece(centric_1 + reverse(acentric_2)), Piece(centric_2 + reverse(acentric_1))]
        joined = Piece(centric_1 + reverse(centric_2))
        if shows(joined):
            break
    return [joined, Piece(acentric_1 + reverse(acentric_2))]


def _ring(rng, piece):
    centromere, length = piece.centromeres[0], piece.length
    first = rng.uniform(0.03, 0.8) * centromere
    last = length - rng.uniform(0.03, 0.8) * (length - centromere)
    tip_1, rest = piece.cut(first)
    body, tip_2 = Piece(rest).cut(last - first)
    return [Piece(body, ring=True), Piece(tip_1 + tip_2)]


def _excess_acentric(rng, piece, interstitial):
    centric, arm = _break(rng, piece)
    if not interstitial:
        return [Piece(centric), Piece(arm)]
    size = min(rng.uniform(0.25, 0.9), 0.9 * Piece(arm).length)  # % of the genome: minutes
    tip, minute = Piece(arm).cut(Piece(arm).length - size)
    return [Piece(centric + reverse(tip)), Piece(minute)]


def draw_counts(rng, means, *, at_least_one=False):
    """Poisson numbers of dicentrics, rings, excess acentrics and translocations.

    With `at_least_one` the first three are redrawn until their sum is above zero (the
    zero-truncated distribution, drawn exactly).
    """
    means = np.asarray(means, dtype=float)
    if not at_least_one:
        return rng.poisson(means)
    total = means[:3].sum()
    if not total > 0:
        raise InputError("at_least_one_aberration: the mean number of aberrations is 0")
    # Zero-truncated Poisson total by inverting its distribution, then split among the kinds.
    n = max(int(np.ceil(pdtrik(rng.uniform(np.exp(-total), 1.0), total))), 1)
    return np.append(rng.multinomial(n, means[:3] / total), rng.poisson(means[3]))
