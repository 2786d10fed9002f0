"""How slides and cells differ in look: the random ranges, in one place.

Lengths are in reference pixels of 0.1 um. The ranges are somewhat wider than those measured
on public images of solid-Giemsa metaphases (``docs/simulation.md``).
"""

from dataclasses import dataclass

import numpy as np

GREY = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class SlideStyle:
    """What all cells of one slide share: microscope, camera, stain, debris."""

    scale: float  # magnification relative to 0.1 um per pixel
    blur_px: float  # standard deviation of the main blur
    skirt: float  # share of the light in the wide blur
    sharpening: float  # strength of the camera's unsharp mask
    background: float  # grey of the empty slide
    shading: float  # range of slow background
    mottle: float  # standard deviation of the dried film's unevenness
    mottle_px: float  # its grain
    noise: float  # standard deviation per pixel
    noise_grain_px: float  # blur of the noise
    stain: float  # absorbance of a chromatid's middle, where the stain absorbs most (green)
    stain_rgb: tuple  # absorbance in red, green and blue relative to that
    light_rgb: tuple  # hue of the empty slide; green is 1
    debris: float  # dust, bubbles and grains relative to an ordinary slide
    specks: float  # mean number of specks of dye, as dark as chromosomes and smaller
    haze: float  # absorbance of the cytoplasm
    halo: float  # absorbance of the rim round chromosomes, relative to theirs
    halo_px: float  # its width
    halo_grain: float  # its relative variation over a pixel or two
    nuclei: float  # mean number of round nuclei
    nucleus_stain: float  # absorbance of a nucleus
    jpeg_quality: int  # 0: not compressed
    burnt_in_number: bool
    banded: float  # contrast of G-bands; 0: solid stain
    variety: float = 1.0  # how widely looks are drawn, 0 to 1


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
    waists: float  # thin places of an arm that are no centromere, per pixel of length
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
    ragged: float  # depth of the dents in its outline, relative to the radius
    strays: float  # probability that a chromosome lies outside it
    crowding: float  # clear margin round each chromosome; negative: they touch


@dataclass(frozen=True)
class _Draw:
    """Random draws whose width shrinks with `variety`: 1 the full ranges, 0 their middle."""

    rng: np.random.Generator
    variety: float

    def lognormal(self, median, spread, low, high):
        value = median * np.exp(self.variety * spread * self.rng.standard_normal())
        return float(np.clip(value, low, high))

    def between(self, low, high):
        half = 0.5 * self.variety * (high - low)
        return float(self.rng.uniform(0.5 * (low + high) - half, 0.5 * (low + high) + half))

    def chance(self, probability):
        """True with a rare look's probability, which shrinks with the variety."""
        return bool(self.rng.random() < self.variety * probability)


def draw_slide_style(rng, *, variety=1.0):
    """A slide's look, drawn at random.

    Parameters
    ----------
    rng : numpy.random.Generator
    variety : float, 0 to 1
        1: slides of many laboratories; smaller: more alike, as in one laboratory.

    Returns
    -------
    SlideStyle
    """
    draw = _Draw(rng, variety)
    banded = draw.chance(0.12)
    pale, dim, coloured = draw.chance(0.12), draw.chance(0.2), draw.chance(0.5)
    return SlideStyle(
        scale=draw.lognormal(1.0, 0.09, 0.78, 1.22),
        blur_px=draw.lognormal(1.6, 0.27, 0.85, 2.8),
        skirt=draw.between(0.12, 0.42),
        sharpening=max(0.0, draw.between(-0.5, 0.6)),
        background=draw.between(0.36, 0.78) if dim else draw.between(0.80, 0.96),
        shading=draw.lognormal(0.041, 0.45, 0.005, 0.14),
        mottle=draw.lognormal(0.006, 0.7, 0.0, 0.03),
        mottle_px=draw.between(3.0, 12.0),
        noise=draw.lognormal(0.0085, 0.3, 0.003, 0.022),
        noise_grain_px=draw.between(0.25, 0.85),
        stain=draw.lognormal(1.62, 0.32, 0.6, 2.5)
        * (0.7 if banded else 1.0)
        * (draw.between(0.35, 0.75) if pale else 1.0),
        # Giemsa: purple to blue on a field from grey-blue to yellowish
        stain_rgb=(draw.between(0.4, 1.0), 1.0, draw.between(0.2, 0.7)) if coloured else GREY,
        light_rgb=(draw.between(0.8, 1.1), 1.0, draw.between(0.8, 1.2)) if coloured else GREY,
        debris=draw.lognormal(0.6, 1.2, 0.0, 6.0),
        specks=draw.lognormal(2.5, 1.0, 0.0, 14.0),
        haze=max(0.0, draw.between(-0.08, 0.09)),
        halo=draw.between(0.03, 0.28),
        halo_px=draw.between(6.0, 16.0),
        halo_grain=draw.between(0.1, 0.6),
        nuclei=draw.lognormal(1.8, 0.8, 0.0, 7.0),
        nucleus_stain=draw.between(1.95, 2.5) if rng.random() < 0.78 else draw.between(0.5, 1.6),
        jpeg_quality=int(rng.integers(70, 97)) if draw.chance(0.25) else 0,
        burnt_in_number=rng.random() < 0.3,
        banded=draw.between(0.3, 0.7) if banded else 0.0,
        variety=variety,
    )


# Sister chromatids: (share, half distance in radii, splay, closing at the tips, cohesion).
CHROMATID_MODES = {
    "closed": (0.13, (0.66, 0.84), (0.0, 0.1), (0.0, 0.25), (0.9, 1.0)),
    "parallel": (0.63, (0.98, 1.26), (0.0, 0.2), (0.0, 0.35), (0.8, 1.0)),
    "splayed": (0.20, (0.9, 1.12), (0.25, 1.0), (0.0, 0.1), (0.8, 1.0)),
    "separated": (0.04, (1.25, 2.0), (0.0, 0.2), (0.0, 0.1), (0.0, 0.5)),
}


def draw_cell_style(rng, slide):
    """A cell's look on a slide, drawn at random.

    Parameters
    ----------
    rng : numpy.random.Generator
    slide : SlideStyle
        Its variety holds for its cells too.

    Returns
    -------
    CellStyle
    """
    draw = _Draw(rng, slide.variety)
    shares = np.array([mode[0] for mode in CHROMATID_MODES.values()])
    shares[-1] *= slide.variety  # separated sisters come with some cultures only
    mode = rng.choice(list(CHROMATID_MODES), p=shares / shares.sum())
    mode = "closed" if slide.banded else mode
    _, separation, splay, closing, cohesion = CHROMATID_MODES[mode]
    px_per_percent = draw.lognormal(11.2, 0.21, 6.4, 16.8) * (1.25 if slide.banded else 1.0)
    condensation = (11.2 / px_per_percent) ** 0.45
    radius = draw.lognormal(5.6, 0.16, 3.9, 8.8) * condensation
    coiled = rng.random() < (0.2 if mode == "closed" else 0.5)
    long = px_per_percent > 9
    return CellStyle(
        px_per_percent=px_per_percent,
        radius_px=radius,
        separation=draw.between(0.45, 0.75) if slide.banded else draw.between(*separation),
        splay=draw.between(*splay),
        tip_closing=draw.between(*closing),
        cohesion=draw.between(*cohesion),
        knobs=draw.between(0.06, 0.28),
        constriction_radius=draw.between(0.33, 0.6 if slide.banded else 0.66),
        constriction_px=draw.lognormal(3.0, 0.25, 1.8, 5.5),
        waists=0.0 if mode == "separated" else draw.between(0.0, 0.025 if slide.banded else 0.012),
        coil=draw.between(0.15, 0.48) if coiled else draw.between(0.0, 0.15),
        coil_period_px=draw.between(6.0, 10.5),
        beads=draw.between(0.1, 0.55) if coiled else draw.between(0.0, 0.2),
        roughness_px=draw.between(0.2, 0.7),
        bend=draw.lognormal(0.15 if not long else 0.24, 0.6, 0.03, 1.6),
        kink=draw.lognormal(0.17, 0.6, 0.03, 0.9),
        twist=draw.between(0.01, 0.04) if draw.chance(0.04) else 0.0,
        irregular=draw.between(0.4, 1.3),
        profile=draw.between(0.3, 0.95),
        grain=draw.between(0.1, 0.42),
        fuzz=draw.between(0.0, 0.9),
        spread_px=draw.lognormal(250.0, 0.25, 165.0, 460.0),
        ragged=draw.between(0.0, 0.6),
        strays=draw.between(0.0, 0.06),
        crowding=draw.between(-2.0, 8.0),
    )
