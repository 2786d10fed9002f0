"""Annotations of other programs, in and out: napari, COCO, CVAT, YOLO.

Every reader gives the table ``image, class, row, col`` and raises InputError for anything that
is not of its form; every writer takes that table. Reading what was written gives the same
annotations, to a billionth of a pixel; formats with a file or element per image group them by
image.

CVAT and YOLO count from the *corner* of the top left pixel, napari and COCO keypoints from its
centre as dicentlib does: half a pixel is added or taken away accordingly.
"""

from dicentlib.data.formats.coco import read_coco, write_coco
from dicentlib.data.formats.cvat import read_cvat, write_cvat
from dicentlib.data.formats.napari import read_napari, write_napari
from dicentlib.data.formats.yolo import read_yolo, write_yolo
