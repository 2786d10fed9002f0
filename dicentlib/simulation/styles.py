"""How slides and cells differ in look: the random ranges, in one place.

Lengths are in reference pixels of 0.1 um. The ranges are somewhat wider than those measured
on public images of solid-Giemsa metaphases (``docs/simulation.md``).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SlideStyle:
    """What all cells of one slide share: microscope, camera, stain, debris."""

    scale: float  # magnification relative to 0.1 um per pixel
    blur_px: float  # standard deviation of the main blur
    skirt: float  # share of the light in the wide blur
    sharpening: float  # strength of the camera's unsharp mask
    background: float  # grey of the empty slide
    shading: float  # range of slow background
    noise: float  # standard deviation per pixel
    noise_grain_px: float  # blur of the noise
    stain: float  # absorbance of a chromatid's middle
    debris: float  # dust, bubbles and grains relative to an ordinary slide
    haze: float  # absorbance of the cytoplasm
    halo: float  # absorbance of the rim round chromosomes, relative to theirs
    halo_px: float  # its width
    nuclei: float  # mean number of round nuclei
    nucleus_stain: float  # absorbance of a nucleus
    jpeg_quality: int  # 0: not compressed
    burnt_in_number: bool
    banded: float  # contrast of G-bands; 0: solid stain


@dataclass(frozen=True)
class CellStyle:
    """What the chromosomes of one cell share: condensation and chromatids."""

    px_per_percent: float  # length of 1 % of the haploid autosome length
    radius_px: float  # of a chromatid
    separation: float  # half distance between sister axes, in radii
    splay: float  # growth of the separation away from the centromere
    tip_closing: float  # how far sisters close again at the tips
    cohesion: float  # 1: sisters meet at the centromere, 0: wholly apart
    constriction_radius: float  # chromatid radius at the centromere, in radii
    constriction_px: float  # half length of the constriction
    coil: float  # sideways amplitude of the coil, in radii
    coil_period_px: float
    beads: float  # variation of absorbance along the coil
    roughness_px: float  # of the outline
    knobs: float  # swelling of the coil's turns, in radii
    bend: float  # curvature, radians over 80 px
    kink: float  # angle between the arms at a centromere, radians
    twist: float  # probability that the sisters cross within an arm
    irregular: float  # differences between chromosomes of the cell
    profile: float  # power of the chromatid's cross-section: 0 flat, 0.5 round
    grain: float  # variation of absorbance over a few pixels
    fuzz: float  # chromatin hairs per pixel of outline
    spread_px: float  # radius of the spread
    crowding: float  # clear margin round each chromosome; negative: they touch


def _lognormal(rng, median, spread, low, high):
    return float(np.clip(median * np.exp(spread * rng.standard_normal()), low, high))


def _between(rng, low, high):
    return float(rng.uniform(low, high))


def draw_slide_style(rng):
    """A slide's look, drawn at random.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    SlideStyle
    """
    banded = rng.random() < 0.08
    return SlideStyle(
        scale=_lognormal(rng, 1.0, 0.09, 0.78, 1.22),
        blur_px=_lognormal(rng, 1.6, 0.27, 0.85, 3.2),
        skirt=_between(rng, 0.12, 0.42),
        sharpening=max(0.0, _between(rng, -0.5, 0.6)),
        background=_between(rng, 0.80, 0.96),
        shading=_lognormal(rng, 0.026, 0.6, 0.005, 0.14),
        noise=_lognormal(rng, 0.009, 0.3, 0.003, 0.022),
        noise_grain_px=_between(rng, 0.0, 0.8),
        stain=_lognormal(rng, 1.5, 0.32, 0.6, 2.5) * (0.7 if banded else 1.0),
        debris=_lognormal(rng, 0.6, 1.2, 0.0, 6.0),
        haze=max(0.0, _between(rng, -0.08, 0.09)),
        halo=_between(rng, 0.02, 0.2),
        halo_px=_between(rng, 6.0, 16.0),
        nuclei=_lognormal(rng, 2.0, 0.8, 0.0, 7.0),
        nucleus_stain=_between(rng, 1.95, 2.5) if rng.random() < 0.68 else _between(rng, 0.5, 1.6),
        jpeg_quality=int(rng.integers(70, 97)) if rng.random() < 0.25 else 0,
        burnt_in_number=rng.random() < 0.3,
        banded=_between(rng, 0.3, 0.7) if banded else 0.0,
    )


# Sister chromatids: (share, half distance in radii, splay, closing at the tips, cohesion).
CHROMATID_MODES = {
    "closed": (0.26, (0.66, 0.84), (0.0, 0.1), (0.0, 0.25), (0.9, 1.0)),
    "parallel": (0.44, (0.86, 1.14), (0.0, 0.2), (0.0, 0.35), (0.8, 1.0)),
    "splayed": (0.23, (0.85, 1.1), (0.25, 1.1), (0.0, 0.1), (0.8, 1.0)),
    "separated": (0.07, (1.25, 2.0), (0.0, 0.2), (0.0, 0.1), (0.0, 0.5)),
}


def draw_cell_style(rng, slide):
    """A cell's look on a slide, drawn at random.

    Parameters
    ----------
    rng : numpy.random.Generator
    slide : SlideStyle

    Returns
    -------
    CellStyle
    """
    shares = [mode[0] for mode in CHROMATID_MODES.values()]
    mode = rng.choice(list(CHROMATID_MODES), p=shares) if not slide.banded else "closed"
    _, separation, splay, closing, cohesion = CHROMATID_MODES[mode]
    px_per_percent = _lognormal(rng, 11.4, 0.21, 6.5, 17.0) * (1.25 if slide.banded else 1.0)
    condensation = (11.4 / px_per_percent) ** 0.45
    radius = _lognormal(rng, 6.0, 0.16, 3.9, 8.8) * condensation
    coiled = rng.random() < (0.2 if mode == "closed" else 0.5)
    long = px_per_percent > 9
    return CellStyle(
        px_per_percent=px_per_percent,
        radius_px=radius,
        separation=_between(rng, 0.45, 0.75) if slide.banded else _between(rng, *separation),
        splay=_between(rng, *splay),
        tip_closing=_between(rng, *closing),
        cohesion=_between(rng, *cohesion),
        knobs=_between(rng, 0.02, 0.12),
        constriction_radius=_between(rng, 0.35, 0.6 if slide.banded else 0.75),
        constriction_px=_lognormal(rng, 3.0, 0.25, 1.8, 5.5),
        coil=_between(rng, 0.15, 0.48) if coiled else _between(rng, 0.0, 0.15),
        coil_period_px=_between(rng, 6.0, 10.5),
        beads=_between(rng, 0.1, 0.55) if coiled else _between(rng, 0.0, 0.2),
        roughness_px=_between(rng, 0.2, 0.7),
        bend=_lognormal(rng, 0.25 if not long else 0.35, 0.6, 0.03, 1.6),
        kink=_lognormal(rng, 0.22, 0.6, 0.03, 0.9),
        twist=_between(rng, 0.0, 0.12),
        irregular=_between(rng, 0.4, 1.3),
        profile=_between(rng, 0.3, 0.95),
        grain=_between(rng, 0.1, 0.45),
        fuzz=_between(rng, 0.0, 0.6),
        spread_px=_lognormal(rng, 300.0, 0.25, 190.0, 540.0),
        crowding=_between(rng, -4.0, 5.0),
    )
