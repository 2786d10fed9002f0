"""Where the network looked: the answer with parts of the image covered.

Occlusion (Zeiler and Fergus 2014, ECCV, section 4.2) needs no gradients and works alike for
every network.
"""

import numpy as np

BACKGROUND = 255  # of the network's input
N_POSITIONS = 13


def occlusion_map(image_filter, network_input):
    r"""Change of the network's probability when a square is replaced by background.

    .. math:: s = p(\text{image}) - p(\text{image with the square covered})

    ``N_POSITIONS`` squares along each side overlap by half.

    Parameters
    ----------
    image_filter : ImageFilter
    network_input : ndarray of uint8, shape (S, S)
        See ``network.network_input``.

    Returns
    -------
    ndarray of float, shape (N_POSITIONS, N_POSITIONS), values in [-1, 1]
        Positive where the square is evidence for "available", negative where against it.
    """
    size = network_input.shape[0]
    edges = np.linspace(0, size, N_POSITIONS + 2).astype(int)
    covered = np.repeat(network_input[None], N_POSITIONS**2 + 1, axis=0)
    for index in range(N_POSITIONS**2):
        row, col = divmod(index, N_POSITIONS)
        covered[index, edges[row] : edges[row + 2], edges[col] : edges[col + 2]] = BACKGROUND
    probabilities = image_filter.probabilities(covered)
    return (probabilities[-1] - probabilities[:-1]).reshape(N_POSITIONS, N_POSITIONS)
