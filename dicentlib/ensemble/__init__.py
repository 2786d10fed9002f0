"""Ensembles: members in files, and the heatmaps they see."""

from dicentlib.ensemble.engine import precision_of
from dicentlib.ensemble.heatmaps import iterate_heatmaps, predict_heatmaps, stored_heatmaps
from dicentlib.ensemble.members import (
    ARCHITECTURE,
    Member,
    copy_members,
    keep_last_members,
    last_member_paths,
    load_members,
    member_paths,
    read_member_metadata,
    save_member,
)
from dicentlib.ensemble.store import FLOOR, HeatmapStore
