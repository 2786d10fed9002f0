"""Where the network looked: the answer with parts of the image covered.

Occlusion (Zeiler and Fergus 2014, ECCV, section 4.2) needs no gradients and works alike for
every network.
"""

import numpy as np

from dicentlib.errors import InputError

BACKGROUND = 255  # of the network's input


def occlusion_map(image_filter, network_input, *, n_positions=13):
    r"""Change of the network's probability when a square is replaced by background.

    .. math:: s = p(\text{image}) - p(\text{image with the square covered})

    Squares lie on a grid and overlap by half.

    Parameters
    ----------
    image_filter : ImageFilter
    network_input : ndarray of uint8, shape (S, S)
        See ``network.network_input``.
    n_positions : int
        Squares along each side, at least 3.

    Returns
    -------
    ndarray of float, shape (n_positions, n_positions), values in [-1, 1]
        Positive where the square is evidence for "available", negative where against it.
    """
    if n_positions < 3:
        raise InputError(f"n_positions is {n_positions}; it must be at least 3")
    size = network_input.shape[0]
    edges = np.linspace(0, size, n_positions + 2).astype(int)
    covered = np.repeat(network_input[None], n_positions**2 + 1, axis=0)
    for index in range(n_positions**2):
        row, col = divmod(index, n_positions)
        covered[index, edges[row] : edges[row + 2], edges[col] : edges[col + 2]] = BACKGROUND
    probabilities = image_filter.probabilities(covered)
    return (probabilities[-1] - probabilities[:-1]).reshape(n_positions, n_positions)
