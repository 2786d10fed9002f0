"""Training loss: squared error and sparse variation (Deschemps et al. 2024, equations 1-5)."""

import torch
from torch import nn

from dicentlib.errors import InputError

EPSILON = 1e-12  # keeps the square root differentiable where the heatmap is flat and zero


def sparse_variation(heatmaps, *, rho):
    r"""Sparse variation of heatmaps (equations 3 and 4).

    .. math:: R = \sum_{u,v} \sqrt{\rho^2 \|\nabla\varphi\|^2 + (1 - \rho)^2 \varphi^2}

    with :math:`\nabla\varphi = [\varphi_{u,v} - \varphi_{u+1,v},\ \varphi_{u,v} -
    \varphi_{u,v+1}]`; a difference that would leave the map is zero. Summed over the pixels
    of both classes, averaged over the batch, in float32 whatever the input.

    Parameters
    ----------
    heatmaps : Tensor, shape (N, C, h, w)
    rho : float
        0 gives the sum of magnitudes, 1 the total variation; the paper takes 0.1.

    Returns
    -------
    Tensor, scalar

    Examples
    --------
    A lone pixel of height 1 in a wide map: itself, and the two neighbours whose
    differences reach it.

    >>> heatmaps = torch.zeros(1, 1, 9, 9)
    >>> heatmaps[0, 0, 4, 4] = 1.0
    >>> expected = (2 * 0.1**2 + 0.9**2) ** 0.5 + 2 * 0.1
    >>> bool(abs(sparse_variation(heatmaps, rho=0.1) - expected) < 1e-3)
    True
    """
    heatmaps = heatmaps.float()
    down = nn.functional.pad(heatmaps[..., :-1, :] - heatmaps[..., 1:, :], (0, 0, 0, 1))
    right = nn.functional.pad(heatmaps[..., :, :-1] - heatmaps[..., :, 1:], (0, 1, 0, 0))
    square = rho**2 * (down.square() + right.square()) + (1 - rho) ** 2 * heatmaps.square()
    return torch.sqrt(square + EPSILON).sum() / len(heatmaps)


class HeatmapLoss(nn.Module):
    r"""Squared error plus :math:`\lambda` times sparse variation (equations 1 and 2).

    Both terms are summed over classes and pixels and averaged over the batch, in float32
    also under mixed precision: mixing a mean with a sum would multiply :math:`\lambda` by
    the number of pixels, and half precision loses the small terms.

    Parameters
    ----------
    lam : float
        :math:`\lambda \ge 0`. 0 is the paper's Model A, 0.2 its Model B. May be changed
        between steps (warm-up).
    rho : float in [0, 1]
        See :func:`sparse_variation`.

    Examples
    --------
    >>> HeatmapLoss(lam=0.0)(torch.ones(3, 2, 4, 4), torch.zeros(3, 2, 4, 4))
    tensor(32.)
    """

    def __init__(self, lam=0.2, rho=0.1):
        super().__init__()
        if lam < 0:
            raise InputError(f"lam must be 0 or more, found {lam}")
        if not 0 <= rho <= 1:
            raise InputError(f"rho must lie in [0, 1], found {rho}")
        self.lam = lam
        self.rho = rho

    def forward(self, heatmaps, targets):
        """Loss of heatmaps and targets of one shape (N, 2, h, w), values in [0, 1]."""
        if heatmaps.shape != targets.shape:
            raise InputError(
                f"heatmaps have shape {tuple(heatmaps.shape)}, targets {tuple(targets.shape)}"
            )
        with torch.autocast(heatmaps.device.type, enabled=False):
            loss = (heatmaps.float() - targets.float()).square().sum() / len(heatmaps)
            if self.lam > 0:
                loss = loss + self.lam * sparse_variation(heatmaps, rho=self.rho)
        return loss


def heatmap_cross_entropy(logits, targets):
    r"""Cross entropy of heatmaps and targets, for the first part of a training.

    .. math:: -\sum_{u,v} y \log\varphi + (1 - y) \log(1 - \varphi)

    Its minimum is that of the squared error, the mean target at each pixel, but its gradient
    :math:`\varphi - y` does not vanish where the sigmoid saturates: a network with random
    weights leaves the empty map many times sooner. Not part of the paper's method.

    Parameters
    ----------
    logits, targets : Tensor, shape (N, 2, h, w)
        Heatmaps before the sigmoid; targets in [0, 1].

    Returns
    -------
    Tensor, scalar
        Summed over classes and pixels, averaged over the batch, in float32.

    Examples
    --------
    >>> loss = heatmap_cross_entropy(torch.zeros(3, 2, 4, 4), torch.ones(3, 2, 4, 4))
    >>> bool(torch.isclose(loss, 32 * torch.log(torch.tensor(2.0))))
    True
    """
    with torch.autocast(logits.device.type, enabled=False):
        total = nn.functional.binary_cross_entropy_with_logits(
            logits.float(), targets.float(), reduction="sum"
        )
        return total / len(logits)
