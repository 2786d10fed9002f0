"""Files of microscope makers: CZI and ND2, the first plane of each, and their scale."""

import numpy as np
from defusedxml import ElementTree

from dicentlib.data.scale import StatedScale, stated


def nd2_facts(path):
    """Height, width, number of planes and scale of an ND2 file."""
    import nd2

    with nd2.ND2File(path) as file:
        return *_planes(dict(file.sizes), samples="S"), _nd2_scale(file)


def czi_facts(path):
    """Height, width, number of planes and scale of a CZI file."""
    import czifile

    with czifile.CziFile(str(path)) as file:
        sizes = dict(zip(file.axes, file.shape, strict=True))
        return *_planes(sizes, samples="0"), _czi_scale(file)


def _planes(sizes, *, samples):
    """Height, width and number of planes from the sizes of the axes; `samples` are a colour's."""
    height, width = sizes.pop("Y"), sizes.pop("X")
    sizes.pop(samples, None)
    return height, width, int(np.prod(list(sizes.values())))


def _nd2_scale(file):
    """The scale where it is calibrated; the reader fills in 1 um elsewhere."""
    try:
        volume = file.metadata.channels[0].volume
        calibrated, sizes = volume.axesCalibrated[0], volume.axesCalibration
    except Exception:  # no or odd metadata do not make the image unusable
        return StatedScale()
    return stated(sizes[0], sizes[1]) if calibrated else StatedScale()


def _czi_scale(file):
    try:
        metadata = ElementTree.fromstring(file.metadata())
        metres = [
            metadata.findtext(f".//Scaling/Items/Distance[@Id='{side}']/Value", "nan")
            for side in "XY"
        ]
        sizes = [1e6 * float(value) for value in metres]
    except Exception:
        return StatedScale()
    return stated(*sizes)


def read_nd2(path):
    """Values of the first plane of an ND2 file, (H, W) or (H, W, 3).

    Raises
    ------
    ValueError
        The frame is missing in a damaged file, which the reader fills with zeros.
    """
    import nd2

    with nd2.ND2File(path) as file:
        frame = np.array(file.read_frame(0))  # a copy: the file is mapped; all channels
    if not frame.any():
        raise ValueError("the first frame is missing or completely black")
    return frame[0] if frame.ndim == 3 and frame.shape[-1] not in (3, 4) else frame


def read_czi(path):
    """Values of the first plane of a CZI file, (H, W) or (H, W, 3), and notes.

    Tiles are put where the file says. Its reduced copies are left out. czifile lacks Zstandard,
    which ZEN writes by default, and with several threads it turns a tile that cannot be decoded
    into black: so tiles are decoded here, one after the other.

    Raises
    ------
    ValueError
        The tiles cover less than half of the image.
    """
    import czifile

    with czifile.CziFile(str(path)) as file:
        row_axis, col_axis = file.axes.index("Y"), file.axes.index("X")
        height, width, samples = (file.shape[axis] for axis in (row_axis, col_axis, -1))
        pixels = np.zeros((height, width, samples), np.dtype(file.dtype).base)
        covered = np.zeros((height, width), bool)
        for entry in file.filtered_subblock_directory:
            corner = [at - first for at, first in zip(entry.start, file.start, strict=True)]
            row, col = corner[row_axis], corner[col_axis]
            if sum(corner) > row + col or tuple(entry.stored_shape) != tuple(entry.shape):
                continue  # of another plane, or a reduced copy
            tile = _tile(entry).reshape(entry.shape[row_axis], entry.shape[col_axis], samples)
            pixels[row : row + tile.shape[0], col : col + tile.shape[1]] = tile
            covered[row : row + tile.shape[0], col : col + tile.shape[1]] = True
    share = covered.mean()
    if share < 0.5:
        raise ValueError(f"tiles cover {share:.0%} of the image")
    notes = () if share == 1 else (f"tiles cover {share:.0%} of the image, the rest is black",)
    return (pixels[..., 0] if samples == 1 else pixels), notes


def _tile(entry):
    import imagecodecs

    segment = entry.data_segment()
    if entry.compression not in (2, 5, 6):  # LZW, Zstandard, Zstandard with a header
        return segment.data(resize=False)
    data = segment.data(raw=True)
    if entry.compression == 2:
        data = imagecodecs.lzw_decode(data)
    elif entry.compression == 5:
        data = imagecodecs.zstd_decode(data)
    else:
        data = _zstd_with_header(data)
    tile = np.frombuffer(data, np.dtype(entry.dtype).base).reshape(entry.stored_shape)
    return tile[..., ::-1] if tile.shape[-1] == 3 else tile  # stored as blue, green, red


def _zstd_with_header(data):
    """A header of 1 byte, or of 3 that can say: low and high bytes lie apart."""
    import imagecodecs

    size = data[0]
    decoded = imagecodecs.zstd_decode(data[size:])
    apart = size == 3 and data[1] == 1 and data[2] & 1
    return np.frombuffer(decoded, np.uint8).reshape(2, -1).T.tobytes() if apart else decoded
