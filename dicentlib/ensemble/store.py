"""Heatmaps of an image set on disk: the pixels above a floor, read back image by image."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dicentlib.errors import InputError
from dicentlib.files import atomic_path

FLOOR = 0.02  # pixels up to here are stored as 0; no useful threshold lies below
KEY = b"dicentlib-heatmaps"
COLUMNS = {"member": pa.uint16(), "class": pa.uint8(), "pixel": pa.uint32(), "value": pa.float32()}


class HeatmapStore:
    """Heatmaps (M, 2, h, w) of many images in one Parquet file, one row group per image.

    Made by :meth:`write` or :meth:`open`.

    Attributes
    ----------
    names : tuple of str
        The images.
    shapes : tuple of (M, 2, h, w)
        Shape of each image's heatmaps.
    digests : tuple of str
        Digests of the members that made the heatmaps, as given to :meth:`write`.
    content : str
        Digest of the images, as given to :meth:`write`.
    """

    def __init__(self, path, names, shapes, digests, content):
        self.path = Path(path)
        self.names = names
        self.shapes = shapes
        self.digests = digests
        self.content = content

    def __len__(self):
        """Number of images."""
        return len(self.names)

    @classmethod
    def write(cls, path, heatmaps, names, *, digests=(), content=""):
        """Write heatmaps as they come, atomically.

        Parameters
        ----------
        path : path-like
            Ends in ``.parquet``.
        heatmaps : iterable of ndarray, shape (M, 2, h, w)
            For example ``iterate_heatmaps(members, images)``.
        names : sequence of str
            The images, in the same order.
        digests : sequence of str
            Digests of the members.
        content : str
            Digest of the images, for example ``MetaphaseDataset.content_digest()``.

        Returns
        -------
        HeatmapStore

        Raises
        ------
        InputError
            The numbers of heatmaps and names differ, or heatmaps have another shape.
        """
        names = tuple(names)
        shapes = []
        schema = pa.schema(COLUMNS.items())
        with (
            atomic_path(path) as temporary,
            pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
        ):
            for stack in heatmaps:
                stack = np.asarray(stack, np.float32)
                if stack.ndim != 4 or stack.shape[1] != 2:
                    raise InputError(f"heatmaps must have shape (M, 2, h, w), found {stack.shape}")
                shapes.append(stack.shape)
                writer.write_table(_sparse(stack, schema), row_group_size=stack.size)
            if len(shapes) != len(names):
                raise InputError(f"{len(shapes)} heatmaps for {len(names)} image names")
            facts = {"names": names, "shapes": shapes, "digests": tuple(digests)}
            writer.add_key_value_metadata({KEY: json.dumps(facts | {"content": content})})
        return cls(path, names, tuple(shapes), tuple(digests), content)

    @classmethod
    def open(cls, path):
        """Open a file written by :meth:`write`.

        Raises
        ------
        InputError
            The file is absent or is not a store of heatmaps.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        try:
            facts = json.loads((pq.read_metadata(path).metadata or {}).get(KEY, b"null"))
        except (pa.ArrowInvalid, OSError, json.JSONDecodeError) as error:
            raise InputError(f"{path}: damaged file of heatmaps ({error})") from error
        if facts is None:
            raise InputError(f"{path}: Parquet file without heatmaps")
        shapes = tuple(tuple(shape) for shape in facts["shapes"])
        digests, content = tuple(facts["digests"]), facts.get("content", "")
        return cls(path, tuple(facts["names"]), shapes, digests, content)

    def dense(self, i):
        """Heatmaps of image `i`, float32 (M, 2, h, w); pixels up to ``FLOOR`` are 0."""
        shape = self.shapes[i]
        with pq.ParquetFile(self.path) as file:
            table = file.read_row_group(i)
        member, class_, pixel, value = (table[name].to_numpy() for name in COLUMNS)
        dense = np.zeros((shape[0], shape[1], shape[2] * shape[3]), np.float32)
        dense[member, class_, pixel] = value
        return dense.reshape(shape)


def _sparse(stack, schema):
    flat = stack.reshape(*stack.shape[:2], -1)
    places = np.nonzero(flat > FLOOR)
    values = (*places, flat[places])
    arrays = [
        pa.array(value, type=kind) for value, kind in zip(values, COLUMNS.values(), strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
