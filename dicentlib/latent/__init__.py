"""Latent trajectories: how classes separate in feature space from epoch to epoch.

Points (``points``) are looked up in the volume before the head of every epoch's member
(``features``), brought into one frame and into a plane (``alignment``), divided between the
classes (``regions``), followed through training (``trajectories``) and compared with the votes
(``disagreement``). Source: Deschemps et al. (2024), section "Visualization of the training
dynamics of single model", figures 4 to 6, equations 8 and 9.
"""

from dicentlib.latent.alignment import Projection, align_epochs, project
from dicentlib.latent.crops import read_crops
from dicentlib.latent.disagreement import (
    RankCorrelation,
    object_table,
    rank_correlation,
    rank_correlations,
    vote_titles,
    voting_thresholds,
)
from dicentlib.latent.features import (
    LatentFeatures,
    cell_sides_px,
    extract_features,
    image_shapes,
)
from dicentlib.latent.limits import choose_epochs, epoch_positions, limitations
from dicentlib.latent.members import select_members
from dicentlib.latent.plane import LatentPlane
from dicentlib.latent.points import POINT_CLASSES, class_codes, sample_points
from dicentlib.latent.regions import (
    Regions,
    entropy,
    entropy_at,
    fit_regions,
    mean_probabilities,
)
from dicentlib.latent.trajectories import (
    Trajectories,
    cluster_trajectories,
    linked_points,
    trajectory_table,
)

__all__ = [
    "POINT_CLASSES",
    "LatentFeatures",
    "LatentPlane",
    "Projection",
    "RankCorrelation",
    "Regions",
    "Trajectories",
    "align_epochs",
    "cell_sides_px",
    "choose_epochs",
    "class_codes",
    "cluster_trajectories",
    "entropy",
    "entropy_at",
    "epoch_positions",
    "extract_features",
    "fit_regions",
    "image_shapes",
    "limitations",
    "linked_points",
    "mean_probabilities",
    "object_table",
    "project",
    "rank_correlation",
    "rank_correlations",
    "read_crops",
    "sample_points",
    "select_members",
    "trajectory_table",
    "vote_titles",
    "voting_thresholds",
]
