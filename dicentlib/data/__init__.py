"""Image folders and their tables: index, reading, annotations, targets, splits."""

from dicentlib.conventions import CLASSES, REFERENCE_PIXEL_SIZE_UM
from dicentlib.data.annotations import check_annotations, read_annotations, write_annotations
from dicentlib.data.images import normalise_background, read_image, resample
from dicentlib.data.index import ImageIndex, index_images, list_images

__all__ = [
    "CLASSES",
    "REFERENCE_PIXEL_SIZE_UM",
    "ImageIndex",
    "check_annotations",
    "index_images",
    "list_images",
    "normalise_background",
    "read_annotations",
    "read_image",
    "resample",
    "write_annotations",
]
