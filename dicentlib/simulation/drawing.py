"""Discs to absorbance: the one loop over pixels, compiled."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def add_body(absorbance, labels, discs, strength, profile, label, grain):
    """Add one body to an absorbance image, in place.

    Within the body the thickest disc counts (its chromatids are one object); between bodies
    absorbances add (Beer-Lambert law). A disc's cross-section is
    ``(1 - (d / radius)**2) ** profile`` with an edge one pixel wide.

    Parameters
    ----------
    absorbance : ndarray of float32, shape (H, W)
    labels : ndarray of uint16, shape (H, W)
        Set to `label` where the body absorbs more than a third of `strength`.
    discs : ndarray of float, shape (n, 4)
        Row, col, radius (px of this image) and relative absorbance.
    strength, profile : float
    label : int
    grain : ndarray of float32, shape (h, w)
        Relative variation of absorbance (a texture that repeats), 0 for none.

    Returns
    -------
    painted, clear : int
        Pixels of the body inside the image, and those of them where no body lay before.
    """
    height, width = absorbance.shape
    top = int(np.floor(np.min(discs[:, 0] - discs[:, 2]))) - 1
    left = int(np.floor(np.min(discs[:, 1] - discs[:, 2]))) - 1
    bottom = int(np.ceil(np.max(discs[:, 0] + discs[:, 2]))) + 2
    right = int(np.ceil(np.max(discs[:, 1] + discs[:, 2]))) + 2
    top, left = max(top, 0), max(left, 0)
    bottom, right = min(bottom, height), min(right, width)
    if bottom <= top or right <= left:
        return 0, 0
    patch = np.zeros((bottom - top, right - left), np.float32)
    for k in range(len(discs)):
        row, col, radius, value = discs[k]
        for i in range(max(int(row - radius - 0.5), top), min(int(row + radius) + 2, bottom)):
            for j in range(max(int(col - radius - 0.5), left), min(int(col + radius) + 2, right)):
                squared = (i - row) ** 2 + (j - col) ** 2
                coverage = radius + 0.5 - np.sqrt(squared)
                if coverage > 0.0:
                    inside = max(1.0 - squared / (radius * radius), 0.05)
                    thickness = value * min(coverage, 1.0) * inside**profile
                    if thickness > patch[i - top, j - left]:
                        patch[i - top, j - left] = thickness
    painted = clear = 0
    for i in range(bottom - top):
        for j in range(right - left):
            if patch[i, j] > 0.0:
                texture = 1.0 + grain[(top + i) % grain.shape[0], (left + j) % grain.shape[1]]
                absorbance[top + i, left + j] += strength * patch[i, j] * max(texture, 0.15)
                if patch[i, j] > 0.33:
                    painted += 1
                    if labels[top + i, left + j] == 0:
                        clear += 1
                    labels[top + i, left + j] = label
    return painted, clear
