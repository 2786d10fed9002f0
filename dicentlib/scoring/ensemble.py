"""One image in one line: an ensemble, its operating point and its filter as one detector."""

import os
from pathlib import Path

import numpy as np

from dicentlib.data.scale import FROM_FILE, StatedScale, resolve_scale
from dicentlib.errors import InputError, notice
from dicentlib.scoring.network import detect_batch, read_voters
from dicentlib.scoring.plan import ImageRecord, scoring_settings
from dicentlib.scoring.preparation import SCORED, prepare, prepare_pixels


class Ensemble:
    """The detector of single images; it does to one image what ``score_folder`` does to many.

    Parameters
    ----------
    settings : ScoringSettings
        See :meth:`load`.

    Attributes
    ----------
    operating_point : OperatingPoint
        Thresholds of the votes.
    pixel_size_um : float
        Scale of the members, to which images are resampled.

    Examples
    --------
    >>> from dicentlib.simulation import simulate_metaphase
    >>> image, objects = simulate_metaphase(0, dose_gy=4, height=444, width=504, pixel_size_um=0.2)
    >>> ensemble = Ensemble.load("giemsa-small")
    >>> list(ensemble.detect(image, pixel_size_um=0.2).columns[:4])
    ['class', 'row', 'col', 'votes']
    """

    def __init__(self, settings):
        self._settings = settings
        self._voters = read_voters(settings)
        self.operating_point = settings.scorer.operating_point
        self.pixel_size_um = settings.scorer.pixel_size_um

    @classmethod
    def load(cls, members, **options):
        """Load an ensemble.

        Parameters
        ----------
        members : path-like or sequence of path-like
            Name of a ready ensemble, folder or files, as for :func:`~dicentlib.score_folder`.
        **options
            ``confidence_threshold, agreement_threshold, filter_weights, precision, device`` of
            :func:`~dicentlib.score_folder`.

        Returns
        -------
        Ensemble

        Raises
        ------
        InputError
            Something is missing or not allowed.
        """
        return cls(scoring_settings(members, **options))

    def detect(self, image, *, pixel_size_um=None):
        """Detections in one image.

        Parameters
        ----------
        image : path-like, or ndarray of float, shape (H, W), values in [0, 1]
            A file, or a bright-field image: background near 1, chromosomes dark.
        pixel_size_um : float, optional
            Of the image. Default: what the file states, else 0.1, with a warning.

        Returns
        -------
        DataFrame
            One row per detection: ``class, row, col, votes, vote_fraction, peak_mean, peak_sd,
            area_px``. Positions and areas are in pixels of the original image.

        Raises
        ------
        InputError
            The image cannot be read, cannot hold a metaphase, or is rejected by the filter.

        Warns
        -----
        InputWarning
            The pixel size is assumed, only the first of several pages is used, or the
            background is normalised.
        """
        if isinstance(image, (str, os.PathLike)):
            name, path = str(image), Path(image)
            size = np.nan if pixel_size_um is None else pixel_size_um
            record = ImageRecord(path.name, size)
            prepared = prepare(path.parent, record, self._settings, self._voters.image_filter)
        else:
            name, prepared = "image", self._prepare_array(image, pixel_size_um)
        if prepared.status != SCORED:
            raise InputError(f"{name}: {prepared.reason}")
        if notes := [note for note in prepared.notes if not note.endswith(FROM_FILE)]:
            notice(f"{name}: {'; '.join(notes)}")
        return detect_batch([prepared], self._settings, self._voters)[0]

    def _prepare_array(self, image, pixel_size_um):
        image = np.asarray(image)
        flat = image.dtype.kind == "f" and image.ndim == 2 and image.size
        if not flat or not np.all((image >= 0) & (image <= 1)):
            found = f"{image.min():g} to {image.max():g}" if image.size else "no values"
            raise InputError(
                f"image: {image.dtype}, shape {image.shape}, {found}; allowed: floating point "
                "from 0 to 1 of shape (H, W), as dicentlib.data.read_image returns"
            )
        scale = resolve_scale(np.nan, StatedScale(), otherwise_um=pixel_size_um)
        try:
            return prepare_pixels(
                image.astype(np.float32, copy=False),
                scale.pixel_size_um,
                self._settings,
                self._voters.image_filter,
                notes=scale.notes,
            )
        except InputError as error:
            raise InputError(f"image: {error}") from error
