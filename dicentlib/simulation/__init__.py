"""Metaphase images with known truth: karyotype, radiation, shapes, slide, optics.

>>> from dicentlib.simulation import simulate_metaphase
>>> image, objects = simulate_metaphase((1, 0), dose_gy=2.0, height=444, width=504,
...                                     pixel_size_um=0.2)
"""

from dicentlib.conventions import REASONS
from dicentlib.simulation.image_set import simulate_set
from dicentlib.simulation.karyotype import chromosome_table
from dicentlib.simulation.metaphase import Metaphase, draw_metaphase, simulate_metaphase
from dicentlib.simulation.radiation import PAPER_LABELS_PER_IMAGE, Exposure, Yields
