"""Image folders and their tables: index, reading, annotations, targets."""

from dicentlib.conventions import CLASSES, REFERENCE_PIXEL_SIZE_UM
from dicentlib.data.annotations import check_annotations, read_annotations, write_annotations
from dicentlib.data.images import normalise_background, resample
from dicentlib.data.index import ImageIndex, index_images, list_images
from dicentlib.data.pictures import Picture, read_image, read_picture
