"""Scoring an image folder: shards that are done once, on one computer or many."""

from dicentlib.scoring.drivers import run_in_process
from dicentlib.scoring.ensemble import Ensemble
from dicentlib.scoring.folder import score_folder
from dicentlib.scoring.merging import merge
from dicentlib.scoring.parts import merge_parts, score_part
from dicentlib.scoring.plan import ScoringPlan, ScoringSettings, plan_scoring, scoring_settings
