"""Absorbance to a camera image: illumination, blur, noise, compression."""

import cv2
import numpy as np

from dicentlib.data.channels import GREY_WEIGHTS


def slow_field(rng, shape, amplitude, *, cells=4):
    """Slow random variation over an image, peak to peak about 4 `amplitude`, float32."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32) * np.float32(amplitude)
    # Smooth at an eighth of the size, then linear: as smooth to the eye, and much faster.
    middle = (shape[1] // 8 + 1, shape[0] // 8 + 1)
    smooth = cv2.resize(coarse, middle, interpolation=cv2.INTER_CUBIC)
    return cv2.resize(smooth, shape[::-1], interpolation=cv2.INTER_LINEAR)


def mottle(rng, shape, amplitude, grain_px):
    """Uneven film of dried cytoplasm: random variation over `grain_px` and over twice that."""
    field = np.zeros(shape, np.float32)
    for size in (grain_px, 2 * grain_px):
        cells = (int(shape[0] / size) + 2, int(shape[1] / size) + 2)
        noise = rng.standard_normal(cells).astype(np.float32) * np.float32(amplitude)
        field += cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return field


def transmitted(absorbance, stain_rgb, light_rgb):
    r"""Luminance of the light that passes, relative to the empty slide's.

    .. math:: L = \sum_c w_c b_c e^{-a_c A} / \sum_c w_c b_c

    with the luminance weights :math:`w_c` of red, green and blue that colour images are read
    with, the hue :math:`b_c` of the light and the stain's relative absorbance :math:`a_c`.

    Parameters
    ----------
    absorbance : ndarray of float32, shape (H, W)
    stain_rgb, light_rgb : (float, float, float)

    Returns
    -------
    ndarray of float32, shape (H, W), at most 1

    Examples
    --------
    >>> light = transmitted(np.ones((1, 1), np.float32), (1, 1, 1), (0.9, 1, 1.1))
    >>> round(float(light[0, 0]), 3)
    0.368
    """
    shares = GREY_WEIGHTS * np.asarray(light_rgb)
    shares = (shares / shares.sum()).astype(np.float32)
    if len(set(stain_rgb)) == 1:
        return cv2.exp(-absorbance * np.float32(stain_rgb[0]))
    return sum(
        share * cv2.exp(-absorbance * np.float32(relative))
        for share, relative in zip(shares, stain_rgb, strict=True)
    )


def expose(rng, absorbance, style, *, pixel_size_um, defocus_px=0.0):
    r"""Image of an absorbing slide: Beer-Lambert law, blur, shading, noise.

    .. math:: I = B \cdot (\mathrm{PSF} * e^{-A}) + \mathrm{noise}

    Parameters
    ----------
    rng : numpy.random.Generator
    absorbance : ndarray of float32, shape (H, W)
    style : SlideStyle
    pixel_size_um : float
        Blur and noise are given for pixels of 0.1 um; larger pixels average over more.
    defocus_px : float
        Extra blur, reference pixels.

    Returns
    -------
    ndarray of float32, shape (H, W), values in [0, 1]
    """
    unit = 0.1 / pixel_size_um
    light = transmitted(absorbance, style.stain_rgb, style.light_rgb)
    sigma = unit * float(np.hypot(style.blur_px * style.scale, defocus_px))
    sharp = cv2.GaussianBlur(light, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REPLICATE)
    coarse = cv2.resize(light, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(
        coarse, (0, 0), max(0.75 * sigma, 0.3), borderType=cv2.BORDER_REPLICATE
    )
    wide = cv2.resize(coarse, light.shape[::-1], interpolation=cv2.INTER_LINEAR)
    # The unsharp mask of many cameras is a negative share of the wide blur.
    share = np.float32(style.skirt - 0.25 * style.sharpening)
    image = cv2.addWeighted(sharp, float(1 - share), wide, float(share), 0.0)
    background = slow_field(rng, light.shape, style.shading / 4)
    background += mottle(rng, light.shape, style.mottle, style.mottle_px * unit)
    image *= np.float32(style.background) * (1 + background)
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    grain = style.noise_grain_px * unit
    if grain > 0.3:
        noise = cv2.GaussianBlur(noise, (0, 0), grain) * np.float32(max(1.0, 2 * grain * 1.77))
    image += noise * np.float32(style.noise * unit)
    np.clip(image, 0.0, 1.0, out=image)
    return image


def compress(image, quality):
    """The image after 8-bit JPEG compression, float32 in [0, 1]."""
    ok, data = cv2.imencode(
        ".jpg", np.round(image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    )
    assert ok, "OpenCV encodes any 8-bit image as JPEG"
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255


def burn_in_number(rng, image, pixel_size_um):
    """Write an image number into the top left corner, as scanning systems do; in place."""
    unit = 0.1 / pixel_size_um
    height, width = round(16 * unit), round(40 * unit)
    ramp = np.linspace(0.05, 0.5, width, dtype=np.float32)
    image[:height, :width] = ramp
    text = np.zeros((16, 40), np.uint8)
    cv2.putText(
        text,
        str(rng.integers(1, 999)),
        (10, 13),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.42,
        255,
        1,
        cv2.LINE_AA,
    )
    glyphs = cv2.resize(text, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255)
    image[:height, :width] += glyphs * (1 - image[:height, :width])
