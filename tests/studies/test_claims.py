"""The study of the paper's claims, at a size that proves that it compares what it should."""

from dataclasses import replace

import pandas as pd
import pytest

from dicentlib.ensemble import HeatmapStore
from dicentlib.errors import InputError
from dicentlib.simulation import simulate_set
from studies import claims


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Sets of eight and two images, a tiny network, cycles of an epoch of two steps."""
    size = {"height": 224, "width": 224, "pixel_size_um": 0.2, "progress": False}
    for name, n_images in (("train", 8), ("test_exposed", 2)):
        place = tmp_path / "data" / name
        simulate_set(place, n_images=n_images, dose_gy=4.0, seed=n_images, **size)
    monkeypatch.setattr(claims.shutil, "which", lambda name: None)  # compiles for a minute
    b = replace(
        claims.MODEL_B, encoder="tu-test_resnet", encoder_weights=None, decoder_channels=(8, 8),
        epochs=6, cycle_epochs=1, samples_per_epoch=8, batch_size=4, crop_px=64,
    )  # fmt: skip
    monkeypatch.setattr(claims, "SHARED", 2)
    monkeypatch.setattr(claims, "MODEL_B", b)
    monkeypatch.setattr(claims, "MODEL_A", replace(b, lam=0.0, lam_delay=0.0, epochs=4))
    return tmp_path


def test_claims_compare_the_same_epochs_of_both_models(folder, capsys):
    with pytest.raises(InputError, match="model B: 1 epochs done"):
        claims.main(folder, minutes=0, threads=1)
    claims.main(folder, threads=1, table_file=folder / "claims.csv")
    assert len(list((folder / "claims" / "model_a" / "members").iterdir())) == 4  # 2 are shared
    for name in ("model_a", "model_b"):
        store = HeatmapStore.open(folder / "claims" / f"heatmaps_{name}.parquet")
        assert store.shapes[0][0] == 2  # the last half of A's epochs
    table = pd.read_csv(folder / "claims.csv")
    assert table["system"].tolist() == ["model A", "model B", "ensemble"] * 2
    assert capsys.readouterr().out.count("Model B better than Model A") == 2


def test_the_shared_epochs_are_those_before_lambda_counts():
    assert claims.MODEL_B.lam_delay * claims.MODEL_B.epochs == claims.SHARED
    assert claims.MODEL_A.epochs == claims.MODEL_B.epochs - claims.SHARED
    assert (claims.MODEL_A.lam, claims.MODEL_A.lam_delay) == (0, 0)
