"""Annotated metaphases as training samples: image, target heatmaps and points."""

from collections import defaultdict

import numpy as np

from dicentlib.conventions import CLASSES, REFERENCE_PIXEL_SIZE_UM, STRIDE
from dicentlib.data.annotations import check_annotations
from dicentlib.data.augmentation import Augmentation, change_exposure, change_focus, turn
from dicentlib.data.scaled_images import ScaledImages
from dicentlib.data.targets import checked_points, pad_to_stride, render_heatmaps
from dicentlib.errors import InputError

SHARES = (0.5, 0.25, 0.25)


class MetaphaseDataset(ScaledImages):
    """Images of an index with their annotations, whole or in crops.

    Images are read once, brought to `pixel_size_um`, and kept in memory with 8 bits per
    pixel as far as `cache_gb` reaches; the rest is read at every visit. Sample ``(epoch, i)``
    depends on ``(seed, epoch, i)`` alone: not on the number of workers, nor on what was
    drawn before.

    Parameters
    ----------
    index : ImageIndex
    annotations : DataFrame
        Columns image, class, row, col, in pixels of the original images.
    crop_px : int, optional
        Side of square crops, a multiple of 16. Default: whole images, padded to multiples of 16.
    crop_shares : (float, float, float)
        Of the crops: round a dicentric, round a fragment, anywhere. Their sum is 1.
    samples_per_epoch : int, optional
        Crops that make an epoch; default one per image. Whole images are always visited once.
    pixel_size_um : float, optional
        Scale of the samples; default the reference of 0.1 um.
    augmentation : Augmentation
    sigma : float
        Of the target heatmaps, in heatmap pixels.
    seed : int
    cache_gb : float

    Raises
    ------
    InputError
        No images; an image that cannot be read; an annotation outside its image; `crop_px`
        that is not a multiple of 16.
    """

    def __init__(
        self,
        index,
        annotations,
        *,
        crop_px=None,
        crop_shares=SHARES,
        samples_per_epoch=None,
        pixel_size_um=REFERENCE_PIXEL_SIZE_UM,
        augmentation=None,
        sigma=2.0,
        seed=0,
        cache_gb=4.0,
    ):
        if crop_px is not None and (crop_px < 16 or crop_px % 16):
            raise InputError(f"crop_px must be a multiple of 16, found {crop_px}")
        super().__init__(index, pixel_size_um=pixel_size_um)
        self.crop_px = crop_px
        self.crop_shares = tuple(crop_shares)
        self.augmentation = augmentation or Augmentation()
        self.sigma = sigma
        self.seed = seed
        annotations = check_annotations(annotations, index)
        marked = defaultdict(list)
        columns = ("image", "class", "row", "col")
        for image, name, row, col in zip(*(annotations[c] for c in columns), strict=True):
            marked[image, name].append((row, col))
        self._points = [self._scaled_points(i, marked) for i in range(len(self.names))]
        self.keep_in_memory(cache_gb)
        self._objects = {
            name: [
                (i, j)
                for i, by_class in enumerate(self._points)
                for j in range(len(by_class[name]))
            ]
            for name in CLASSES
        }
        self._n_samples = samples_per_epoch if crop_px and samples_per_epoch else len(self.names)

    def __len__(self):
        """Samples in an epoch."""
        return self._n_samples

    def __getitem__(self, key):
        """Sample `i` of epoch 0, or sample ``(epoch, i)``.

        Returns
        -------
        dict
            ``image`` (1, H, W) and ``target`` (2, H/4, W/4), float32 in [0, 1]; ``points``,
            dict of class to array (n, 2) in pixels of the sample; ``name`` of the image.
        """
        epoch, i = key if isinstance(key, tuple) else (0, int(key))
        rng = np.random.default_rng((self.seed, epoch, i))
        if self.crop_px is None:
            image, target, points = self._whole(i)
            name = self.names[i]
        else:
            image, target, points, name = self._crop(rng)
        if self.augmentation.flips:
            image, target, points = turn(image, target, points, rng)
        if self.augmentation.intensity:
            image = change_exposure(image, rng, intensity=self.augmentation.intensity)
        if self.augmentation.blur_px:
            image = change_focus(image, rng, blur_px=self.augmentation.blur_px)
        return {"image": image[None], "target": target, "points": points, "name": name}

    def points(self, i):
        """Annotated points of image `i`: dict of class to array (n, 2), in pixels of `image(i)`."""
        return self._points[i]

    def _scaled_points(self, i, marked):
        """Points of an image after resampling; pixel centres are at integers."""
        before, after = self._own_shapes[i].astype(float), np.array(self.shape(i))
        points = {}
        for name in CLASSES:
            try:
                own = checked_points(marked.get((self.names[i], name), ()), before)
            except InputError as error:
                raise InputError(f"{self.names[i]}: {error}") from error
            scaled = (own + 0.5) * after / before - 0.5
            points[name] = np.clip(scaled, 0, after - 1e-3)
        return points

    def _whole(self, i):
        image = pad_to_stride(self.levels(i)).astype(np.float32) / 255
        shape = tuple(side // STRIDE for side in image.shape)
        return image, render_heatmaps(self._points[i], shape, sigma=self.sigma), self._points[i]

    def _crop(self, rng):
        """Crop round a drawn object, or anywhere; its corner lies on the heatmap's grid."""
        side = self.crop_px
        kind = rng.choice(len(self.crop_shares), p=self.crop_shares)
        objects = self._objects[CLASSES[kind]] if kind < len(CLASSES) else []
        if objects:
            i, j = objects[rng.integers(len(objects))]
            centre = self._points[i][CLASSES[kind]][j]
        else:
            i = int(rng.integers(len(self.names)))
            centre = None
        grey = self.levels(i)
        room = np.maximum(0, np.array(grey.shape) - side)
        if centre is None:
            corner = rng.integers(0, room + 1)
        else:
            # the object lies anywhere in the crop's middle three quarters
            corner = np.round(centre - side * rng.uniform(0.125, 0.875, size=2))
        corner = (np.clip(corner, 0, room) // STRIDE * STRIDE).astype(int)
        piece = grey[corner[0] : corner[0] + side, corner[1] : corner[1] + side]
        missing = [(0, side - length) for length in piece.shape]
        image = np.pad(piece, missing, mode="edge").astype(np.float32) / 255
        shifted = {name: xy - corner for name, xy in self._points[i].items()}
        shape = (side // STRIDE, side // STRIDE)
        target = render_heatmaps(shifted, shape, sigma=self.sigma)
        inside = {name: xy[((xy >= 0) & (xy < side)).all(axis=1)] for name, xy in shifted.items()}
        return image, target, inside, self.names[i]
