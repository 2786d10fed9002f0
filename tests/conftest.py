"""What all tests share: the folders of reference material, and the tiny run of all notebooks."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# the reference computes; tests of another engine ask for it
os.environ.setdefault("DICENTLIB_ENGINE", "torch")
sys.modules.setdefault("openvino_telemetry", None)  # as in ensemble.engine


def _reference_folder(variable, default):
    """Folder that `variable` names, else the default beside the checkout, else skip."""
    folder = Path(os.environ.get(variable, ROOT.parent / "shared" / "data" / default))
    if not folder.is_dir():
        pytest.skip(f"{variable} names no folder: reference material is not here")
    return folder


@pytest.fixture(scope="session")
def real_data():
    """Folder with the real metaphase images."""
    return _reference_folder("DICENTLIB_REAL_DATA", "real")


@pytest.fixture(scope="session")
def reference_data():
    """Folder with the published dose-statistics numbers."""
    return _reference_folder("DICENTLIB_REFERENCE_DATA", "biodosimetry")
