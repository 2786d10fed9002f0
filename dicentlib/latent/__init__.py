"""Latent trajectories: how classes separate in feature space from epoch to epoch.

Points (``points``) are looked up in the volume before the head of every epoch's member
(``features``), brought into one frame and into a plane (``alignment``), divided between the
classes (``regions``), followed through training (``trajectories``) and compared with the votes
(``disagreement``). Source: Deschemps et al. (2024), section "Visualization of the training
dynamics of single model", figures 4 to 6, equations 8 and 9.
"""

from dicentlib.latent.alignment import align_epochs, project
from dicentlib.latent.disagreement import (
    object_table,
    rank_correlations,
    vote_titles,
    voting_thresholds,
)
from dicentlib.latent.features import cell_sides_px, extract_features, image_shapes
from dicentlib.latent.limits import choose_epochs, limitations
from dicentlib.latent.members import select_members
from dicentlib.latent.plane import LatentPlane
from dicentlib.latent.points import sample_points
from dicentlib.latent.regions import fit_regions
from dicentlib.latent.trajectories import cluster_trajectories
