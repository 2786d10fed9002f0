"""The comparison of systems: counting, absent systems, folders without annotations."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicentlib.data import write_annotations
from dicentlib.errors import InputError
from studies.comparison import compare, documented, find_systems

TRUTH = pd.DataFrame(
    {
        "image": ["a.png", "a.png", "b.png"],
        "class": ["dicentric", "fragment", "dicentric"],
        "row": [40.0, 80.0, 30.0],
        "col": [40.0, 80.0, 30.0],
    }
)


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((100, 120), 220, np.uint8)).save(tmp_path / name)
    write_annotations(tmp_path / "annotations.csv", TRUTH)
    return tmp_path


def test_counts_by_hand(folder):
    def system(index):
        # one dicentric found 10 px off, one missed, a false one; nothing else
        return TRUTH.iloc[[0, 0]].assign(row=[50.0, 90.0], col=[40.0, 20.0])

    table = compare({"simulated": folder}, {"baseline": system, "ensemble": None})
    dicentric = table.query("system == 'baseline' and `class` == 'dicentric'").iloc[0]
    assert (dicentric["precision"], dicentric["recall"]) == (0.5, 0.5)
    assert dicentric["n_annotated"] == 2
    assert dicentric["detections_per_image"] == 1
    assert 0 <= dicentric["recall_lower"] <= 0.5 <= dicentric["recall_upper"] <= 1
    fragment = table.query("system == 'baseline' and `class` == 'fragment'").iloc[0]
    assert np.isnan(fragment["precision"])
    assert fragment["recall"] == 0
    assert table.query("system == 'ensemble'")["note"].tolist() == ["absent", "absent"]
    shown = documented(table)
    assert shown["system"].tolist() == ["baseline", "baseline"]
    assert shown["precision [90 %]"].iloc[0].startswith("0.50 [")


def test_without_annotations_only_detections_are_counted(folder):
    (folder / "annotations.csv").unlink()
    table = compare({"real": folder}, {"baseline": lambda index: TRUTH})
    assert table["detections_per_image"].tolist() == [1.0, 0.5]
    assert table["precision"].isna().all()
    assert (table["note"] == "no annotations").all()


def test_nothing_to_compare(tmp_path):
    with pytest.raises(InputError, match="no system"):
        find_systems(baseline=tmp_path / "absent")
