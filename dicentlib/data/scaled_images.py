"""The images of an index at one scale, as members see them."""

import numpy as np

from dicentlib import files
from dicentlib.conventions import REFERENCE_PIXEL_SIZE_UM
from dicentlib.data.images import grey_levels
from dicentlib.data.pictures import read_image
from dicentlib.errors import InputError
from dicentlib.threads import map_files


class ScaledImages:
    """Images with usual background, resampled, 8 bits per pixel; read when they are asked for.

    Parameters
    ----------
    index : ImageIndex
    pixel_size_um : float
        The scale to which images are brought.

    Raises
    ------
    InputError
        The index has no image.
    """

    def __init__(self, index, *, pixel_size_um=REFERENCE_PIXEL_SIZE_UM):
        if index.table.empty:
            raise InputError(f"{index.folder}: no image that can be used")
        self.index = index
        self.names = index.table["image"].tolist()
        self.pixel_size_um = pixel_size_um
        self._own_sizes = index.table["pixel_size_um"].to_numpy(float)
        self._own_shapes = index.table[["height_px", "width_px"]].to_numpy(int)
        self._in_memory = ()

    def image(self, i):
        """Image `i`, float32 (H, W), values in [0, 1]."""
        return self.levels(i).astype(np.float32) / 255

    def levels(self, i):
        """Image `i`, uint8 (H, W), from memory or from its file."""
        if i < len(self._in_memory):
            return self._in_memory[i]
        pixels = read_image(self.index.path(self.names[i]))
        try:
            return grey_levels(
                pixels, pixel_size_um=self._own_sizes[i], target_pixel_size_um=self.pixel_size_um
            )
        except InputError as error:
            raise InputError(f"{self.names[i]}: {error}") from error

    def shape(self, i):
        """Height and width of ``image(i)``."""
        factor = self._own_sizes[i] / self.pixel_size_um
        return tuple(max(1, round(side * factor)) for side in self._own_shapes[i].tolist())

    def keep_in_memory(self, gigabytes):
        """Read the first images, as many as fit into so much memory, and keep them."""
        scale = (self._own_sizes / self.pixel_size_um) ** 2
        sizes = (self._own_shapes.prod(axis=1) * scale).cumsum() / 1e9
        n_images = int((sizes <= gigabytes).sum())
        self._in_memory = map_files(self.levels, range(n_images), "read images")

    def content_digest(self):
        """Digest of what the images show: names, bytes of the files, pixel sizes."""
        paths = [self.index.path(name) for name in self.names]
        digests = map_files(files.file_digest, paths, "check images")
        return files.content_digest(
            [self.names, digests, self._own_sizes.tolist(), float(self.pixel_size_um)]
        )
