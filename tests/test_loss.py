import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from dicentlib.data.targets import target_heatmaps
from dicentlib.errors import InputError
from dicentlib.loss import EPSILON, HeatmapLoss, sparse_variation


def sparse_variation_by_loops(heatmap, rho):
    """Value and gradient of equations 3 and 4 for one map, pixel by pixel."""
    height, width = heatmap.shape
    value, gradient = 0.0, np.zeros_like(heatmap)
    for u in range(height):
        for v in range(width):
            down = heatmap[u, v] - heatmap[u + 1, v] if u + 1 < height else 0.0
            right = heatmap[u, v] - heatmap[u, v + 1] if v + 1 < width else 0.0
            root = np.sqrt(
                rho**2 * (down**2 + right**2) + (1 - rho) ** 2 * heatmap[u, v] ** 2 + EPSILON
            )
            value += root
            gradient[u, v] += (rho**2 * (down + right) + (1 - rho) ** 2 * heatmap[u, v]) / root
            if u + 1 < height:
                gradient[u + 1, v] -= rho**2 * down / root
            if v + 1 < width:
                gradient[u, v + 1] -= rho**2 * right / root
    return value, gradient


@pytest.mark.parametrize("rho", [0.1, 0.5, 1.0])
def test_sparse_variation_by_hand(rho):
    heatmaps = torch.rand(2, 2, 5, 7, generator=torch.Generator().manual_seed(1))
    heatmaps.requires_grad_(True)
    result = sparse_variation(heatmaps, rho=rho)
    result.backward()
    by_hand = [
        [sparse_variation_by_loops(plane.astype(float), rho) for plane in planes]
        for planes in heatmaps.detach().numpy()
    ]
    # summed over classes and pixels, averaged over the batch of 2
    assert result.item() == pytest.approx(sum(v for m in by_hand for v, _ in m) / 2, rel=1e-5)
    expected = np.array([[gradient for _, gradient in m] for m in by_hand]) / 2
    np.testing.assert_allclose(heatmaps.grad, expected, rtol=1e-3, atol=1e-5)


def test_border_differences_are_zero():
    # a constant map has no gradient anywhere, the last row and column included
    heatmaps = torch.full((1, 1, 6, 8), 0.5)
    assert sparse_variation(heatmaps, rho=0.1).item() == pytest.approx(48 * 0.9 * 0.5, rel=1e-5)
    assert sparse_variation(heatmaps, rho=1.0).item() == pytest.approx(48 * EPSILON**0.5, rel=1e-5)


def test_gradient_is_finite_on_the_zero_map():
    heatmaps = torch.zeros(1, 2, 4, 4, requires_grad=True)
    sparse_variation(heatmaps, rho=0.1).backward()
    assert torch.equal(heatmaps.grad, torch.zeros_like(heatmaps))


def test_lambda_zero_is_the_squared_error():
    heatmaps, targets = torch.rand(3, 2, 4, 4), torch.rand(3, 2, 4, 4)
    expected = ((heatmaps - targets) ** 2).sum() / 3
    assert torch.allclose(HeatmapLoss(lam=0.0)(heatmaps, targets), expected)


def test_mean_over_batch_sum_over_pixels():
    heatmaps, targets = torch.rand(2, 2, 4, 4), torch.rand(2, 2, 4, 4)
    loss = HeatmapLoss()
    single = loss(heatmaps, targets)
    assert torch.allclose(loss(heatmaps.repeat(5, 1, 1, 1), targets.repeat(5, 1, 1, 1)), single)
    wide = loss(heatmaps.repeat(1, 3, 1, 1), targets.repeat(1, 3, 1, 1))
    assert torch.allclose(wide, 3 * single, rtol=1e-5)


@pytest.mark.parametrize("lam", [0.0, 0.2])
def test_both_terms_are_sums_over_pixels(lam):
    # a mean in either term would make it smaller in a wider map, and lambda mean something else
    heatmaps, targets = torch.rand(2, 1, 2, 4, 4)
    loss = HeatmapLoss(lam)
    wide = [torch.nn.functional.pad(maps, (1, 1, 1, 1)) for maps in (heatmaps, targets)]
    wider = [torch.nn.functional.pad(maps, (20, 30, 7, 5)) for maps in (heatmaps, targets)]
    assert torch.allclose(loss(*wide), loss(*wider), rtol=1e-3)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_best_heatmap_of_model_b_saturates_at_0_91(sigma):
    # lone pixel: minimising (phi - 1)^2 + 0.2 * 0.9 phi gives 1 - 0.09; a Gaussian 0.908-0.910
    target = target_heatmaps({"dicentric": [(48, 48)]}, (96, 96), sigma=sigma)[:1].astype(float)
    wanted = torch.from_numpy(target)[None].double()

    def value_and_gradient(flat):
        phi = torch.tensor(flat.reshape(wanted.shape), requires_grad=True)
        down, right = phi[..., :-1, :] - phi[..., 1:, :], phi[..., :-1] - phi[..., 1:]
        square = 0.01 * torch.nn.functional.pad(down, (0, 0, 0, 1)).square()
        square = square + 0.01 * torch.nn.functional.pad(right, (0, 1)).square()
        root = torch.sqrt(square + 0.81 * phi.square() + EPSILON)
        loss = (phi - wanted).square().sum() + 0.2 * root.sum()
        loss.backward()
        return loss.item(), phi.grad.numpy().ravel()

    best = minimize(value_and_gradient, target.ravel(), jac=True, method="L-BFGS-B")
    assert 0.905 < best.x.max() < 0.912
    # and the double-precision formula above is the library's
    phi = torch.rand(wanted.shape)
    mine = value_and_gradient(phi.numpy().astype(float))[0]
    assert HeatmapLoss()(phi, wanted).item() == pytest.approx(mine, rel=1e-5)


def test_float32_under_autocast_and_from_half_precision():
    heatmaps, targets = torch.rand(2, 2, 8, 8), torch.rand(2, 2, 8, 8)
    plain = HeatmapLoss()(heatmaps, targets)
    with torch.autocast("cpu", torch.bfloat16):
        under = HeatmapLoss()(heatmaps, targets)
    assert under.dtype == torch.float32
    assert torch.equal(under, plain)
    assert HeatmapLoss()(heatmaps.half(), targets).dtype == torch.float32


def test_bad_input():
    with pytest.raises(InputError, match="lam must be 0 or more, found -1"):
        HeatmapLoss(lam=-1)
    with pytest.raises(InputError, match=r"rho must lie in \[0, 1\], found 2"):
        HeatmapLoss(rho=2)
    with pytest.raises(InputError, match=r"\(1, 2, 4, 4\), targets \(1, 2, 4, 5\)"):
        HeatmapLoss()(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 5))
