"""The classical detector: objects, their features, boosted trees, a table of detections.

"DCScore-like": as the commercial classical scorers do, it cuts the cell into objects and
decides on each from its outline. Its file holds the training table, not the trees: they
are grown again on loading, from a fixed seed, so that loading runs no code.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from tqdm import tqdm

from dicentlib.conventions import CLASSES, REFERENCE_PIXEL_SIZE_UM
from dicentlib.data import read_image, resample
from dicentlib.errors import InputError
from dicentlib.files import atomic_path, refuse_pointer
from dicentlib.segmentation import SegmentationParameters, segment
from studies.baseline.features import FEATURES, measure_objects

OTHER = "other"  # monocentric chromosomes, clusters, dirt
WORKING_PIXEL_SIZE_UM = 0.1
DETECTION_COLUMNS = ("class", "row", "col", "probability", "area_px")
FILE_FORMAT = "dicentlib-baseline-2"


@dataclass(frozen=True)
class BaselineParameters:
    """How objects are cut out and classified; thresholds were set on validation images."""

    segmentation: SegmentationParameters = field(default_factory=SegmentationParameters)
    n_rounds: int = 150  # of boosting
    learning_rate: float = 0.03
    max_leaves: int = 10  # of a tree
    min_leaf: int = 20  # objects
    dicentric_threshold: float = 0.5  # least probability of a detection
    fragment_threshold: float = 0.5
    seed: int = 0

    def __post_init__(self):
        for name, least in (("n_rounds", 1), ("max_leaves", 2), ("min_leaf", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be above 0")
        for name in CLASSES:
            if not 0 < self.threshold(name) <= 1:
                raise InputError(
                    f"{name}_threshold is {self.threshold(name)}; allowed: above 0, at most 1"
                )

    def threshold(self, class_name):
        """Least probability of a detection of one class."""
        return getattr(self, f"{class_name}_threshold")


@dataclass(frozen=True)
class Baseline:
    """A trained baseline: parameters, training table, classifier."""

    parameters: BaselineParameters
    training_table: pd.DataFrame
    classifier: HistGradientBoostingClassifier


def train_baseline(table, *, parameters=None):
    """Grow boosted trees on measured objects of known class.

    Parameters
    ----------
    table : DataFrame
        The columns ``features.FEATURES`` and ``class``: dicentric, fragment or other.
    parameters : BaselineParameters, optional

    Raises
    ------
    InputError
        A column is missing or a class has no example.
    """
    parameters = parameters or BaselineParameters()
    missing = [name for name in (*FEATURES, "class") if name not in table]
    if missing:
        raise InputError(f"training table: columns {', '.join(missing)} are missing")
    absent = sorted({*CLASSES, OTHER} - set(table["class"]))
    if absent:
        raise InputError(f"training table: no object of class {', '.join(absent)}")
    classifier = HistGradientBoostingClassifier(
        max_iter=parameters.n_rounds,
        learning_rate=parameters.learning_rate,
        max_leaf_nodes=parameters.max_leaves,
        min_samples_leaf=parameters.min_leaf,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=parameters.seed,
    )
    # in 16 bits, as the file keeps them: trees want no more, and the file is a third as large
    table = table[[*FEATURES, "class"]].astype(dict.fromkeys(FEATURES, np.float16))
    classifier.fit(table[list(FEATURES)].to_numpy(np.float32), table["class"].to_numpy(str))
    return Baseline(parameters, table, classifier)


def find_objects(image, *, pixel_size_um=REFERENCE_PIXEL_SIZE_UM, parameters=None):
    """Segment an image and measure its objects.

    Returns
    -------
    objects : DataFrame
        As of ``features.measure_objects``; ``row, col, area_px`` in pixels of `image`.
    segmentation : Segmentation
        At ``WORKING_PIXEL_SIZE_UM``.
    """
    parameters = parameters or BaselineParameters()
    working = resample(
        image, pixel_size_um=pixel_size_um, target_pixel_size_um=WORKING_PIXEL_SIZE_UM
    )
    segmentation = segment(
        working, pixel_size_um=WORKING_PIXEL_SIZE_UM, parameters=parameters.segmentation
    )
    objects = measure_objects(segmentation)
    scale = np.array(image.shape) / working.shape
    for axis, name in enumerate(("row", "col")):
        objects[name] = (objects[name] + 0.5) * scale[axis] - 0.5
    objects["area_px"] = np.rint(objects["area_px"] * scale.prod()).astype(int)
    return objects, segmentation


def detect(image, baseline, *, pixel_size_um=REFERENCE_PIXEL_SIZE_UM):
    """Dicentrics and fragments in one image.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
    baseline : Baseline
    pixel_size_um : float

    Returns
    -------
    DataFrame
        ``class``; ``row, col``: the object's centroid in image pixels; ``probability`` from
        the classifier, at least the threshold of the class; ``area_px``. An object is at most
        one detection: of the class with the larger probability.
    """
    objects, _ = find_objects(image, pixel_size_um=pixel_size_um, parameters=baseline.parameters)
    return decide(objects.join(probabilities(objects, baseline)), baseline.parameters)


def probabilities(objects, baseline):
    """Probability of every class for measured objects, as columns ``p_<class>``."""
    classes = [f"p_{name}" for name in baseline.classifier.classes_]
    if objects.empty:
        return pd.DataFrame(columns=classes, dtype=float)
    values = baseline.classifier.predict_proba(objects[list(FEATURES)].to_numpy(np.float32))
    return pd.DataFrame(values, columns=classes, index=objects.index)


def decide(objects, parameters):
    """Detections among objects with probabilities, see :func:`detect`."""
    tables = []
    for name in CLASSES:
        likelier = objects[[f"p_{other}" for other in CLASSES]].max(axis=1)
        p = objects[f"p_{name}"]
        chosen = objects[(p >= parameters.threshold(name)) & (p == likelier)]
        tables.append(chosen.assign(**{"class": name, "probability": p[chosen.index]}))
    return pd.concat(tables, ignore_index=True)[list(DETECTION_COLUMNS)]


def detect_images(index, baseline, *, n_threads=2):
    """Detections in all images of an index, with a leading column ``image``."""

    def detect_file(name, size):
        found = detect(read_image(index.path(name)), baseline, pixel_size_um=size)
        found.insert(0, "image", name)
        return found

    names = index.table["image"]
    with ThreadPoolExecutor(n_threads) as pool:
        results = pool.map(detect_file, names, index.table["pixel_size_um"])
        tables = list(tqdm(results, total=len(names), desc="baseline", unit="image"))
    if not tables:
        return pd.DataFrame(columns=["image", *DETECTION_COLUMNS])
    return pd.concat(tables, ignore_index=True)


def save_baseline(path, baseline):
    """Write parameters and training table as one parquet file, atomically."""
    table = pa.Table.from_pandas(baseline.training_table, preserve_index=False)
    header = {"format": FILE_FORMAT, "parameters": json.dumps(asdict(baseline.parameters))}
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(header), temporary, compression="zstd")


def load_baseline(path):
    """Read a file of :func:`save_baseline`, or the ``baseline.parquet`` of a folder.

    Raises
    ------
    InputError
        No such file, or not a baseline's file.
    """
    path = Path(path)
    path = path / "baseline.parquet" if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a trained baseline (baseline.parquet)")
    refuse_pointer(path)
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: damaged baseline file ({error})") from error
    header = table.schema.metadata or {}
    if header.get(b"format") != FILE_FORMAT.encode():
        raise InputError(f"{path}: not a baseline's file (no {FILE_FORMAT} in its header)")
    values = json.loads(header[b"parameters"])
    values["segmentation"] = SegmentationParameters(**values["segmentation"])
    return train_baseline(table.to_pandas(), parameters=BaselineParameters(**values))
