"""Can a simple classifier tell single real chromosomes from simulated ones?

Its area under the curve (AUC) is an honest figure of what still differs: 0.5 when nothing
that these features see tells them apart, 1 when everything does.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from dicentlib.errors import InputError
from dicentlib.own_slides.appearance import segment

CROP_PX = 96
AREA_RANGE_PX = (150, 3500)
LEVELS = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class CropComparison:
    """Result of :func:`compare_crops`."""

    auc: float
    scores: pd.DataFrame  # image, real (bool), score: probability of being real
    importance: pd.Series  # of the features, sorted


def chromosome_crops(image):
    """Crops of single chromosomes, 96 x 96 pixels, with the features of each.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W), values in [0, 1]
        At 0.1 um per pixel.

    Returns
    -------
    crops : ndarray of float32, shape (n, 96, 96)
    features : pandas.DataFrame
        n rows: size, grey values relative to the background, gradients, texture at three
        scales, background noise.
    """
    labels, table = segment(image)
    chosen = table[
        (table["kind"] == "chromosome")
        & (table["solidity"] > 0.72)
        & table["area_px"].between(*AREA_RANGE_PX)
    ]
    half = CROP_PX // 2
    padded = np.pad(image, half, mode="edge")
    marks = np.pad(labels, half)
    crops, rows = [], []
    for body in chosen.to_dict("records"):
        row, col = round(body["row"]), round(body["col"])
        crop = padded[row : row + CROP_PX, col : col + CROP_PX]
        around = marks[row : row + CROP_PX, col : col + CROP_PX]
        crops.append(crop)
        rows.append(_features(crop, around == body["component"], around > 0, body))
    shape = (len(crops), CROP_PX, CROP_PX)
    return np.array(crops, np.float32).reshape(shape), pd.DataFrame(rows)


def _features(crop, body, dark, facts):
    grown = cv2.dilate(dark.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    outside = crop[~grown] if (~grown).sum() > 50 else crop[~dark]
    level = float(np.median(outside)) if len(outside) else float(crop.max())
    relative = crop / max(level, 1e-3)
    gradient = np.hypot(
        cv2.Sobel(relative, cv2.CV_32F, 1, 0), cv2.Sobel(relative, cv2.CV_32F, 0, 1)
    )
    rim = cv2.dilate(body.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    features = {
        "area": facts["area_px"],
        "length": facts["length_px"],
        "width": facts["width_px"],
        "solidity": facts["solidity"],
        "background sd": float(outside.std()) if len(outside) else 0.0,
    }
    for level_ in LEVELS:
        features[f"grey {level_} %"] = np.percentile(relative[body], level_)
        features[f"gradient {level_} %"] = np.percentile(gradient[rim], level_)
    for sigma in (1.0, 2.0, 4.0):
        fine = cv2.GaussianBlur(relative, (0, 0), sigma)
        texture = fine - cv2.GaussianBlur(fine, (0, 0), 1.6 * sigma)
        features[f"texture {sigma:g} px"] = texture[body].std()
        features[f"skew {sigma:g} px"] = np.mean(texture[body])
        features[f"noise {sigma:g} px"] = texture[~grown].std() if (~grown).any() else 0.0
    return features


def compare_crops(features, images, real, *, folds=5, seed=0):
    """Cross-validated AUC of a random forest that tells real from simulated crops.

    Crops of one image always fall into one fold, so that the look of a slide is not learned.

    Parameters
    ----------
    features : pandas.DataFrame
        n rows, as from :func:`chromosome_crops`.
    images : sequence of str
        The image of each row.
    real : sequence of bool
    folds : int
        At most the number of real and of simulated images.
    seed : int

    Returns
    -------
    CropComparison
    """
    images, real = np.asarray(images), np.asarray(real, dtype=bool)
    for kind, name in ((real, "real"), (~real, "simulated")):
        n_images = len(np.unique(images[kind]))
        if n_images < folds:
            raise InputError(f"{n_images} {name} images: allowed are at least {folds}, the folds")
    forest = RandomForestClassifier(
        300, min_samples_leaf=3, class_weight="balanced", random_state=seed
    )
    scores = np.full(len(real), np.nan)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, test in splitter.split(features, real, images):
        forest.fit(features.iloc[train], real[train])
        scores[test] = forest.predict_proba(features.iloc[test])[:, 1]
    forest.fit(features, real)
    importance = pd.Series(forest.feature_importances_, features.columns)
    return CropComparison(
        auc=float(roc_auc_score(real, scores)),
        scores=pd.DataFrame({"image": images, "real": real, "score": scores}),
        importance=importance.sort_values(ascending=False),
    )
