from dataclasses import replace

import pandas as pd
import pytest
from training_case import PARAMETERS, make_image_set

from dicentlib.data import CLASSES
from dicentlib.errors import InputError
from dicentlib.training import TrainingParameters
from studies.paper_tables import documented, paper_claims, paper_tables


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Image sets, parameters and a table made from them."""
    folder = tmp_path_factory.mktemp("tables")
    image_set = make_image_set(folder / "images")
    parameters = TrainingParameters(**PARAMETERS | {"epochs": 4})
    table = paper_tables(
        image_set, image_set, folder / "out", parameters=parameters, size=2, n_draws=5
    )
    return folder, image_set, parameters, table


def test_a_row_per_class_system_and_measure(case):
    folder, _, _, table = case
    assert len(table) == len(CLASSES) * 3 * 2
    defined = table.dropna(subset=["mean"])
    assert defined[["mean", "lower", "upper"]].min().min() >= 0
    assert defined[["mean", "lower", "upper"]].max().max() <= 1
    assert (defined["lower"] <= defined["upper"]).all()
    written = pd.read_csv(folder / "out" / "tables.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False)


def test_called_again_it_reads_what_is_there(case):
    folder, image_set, parameters, table = case
    heatmaps = folder / "out" / "heatmaps_model_b.parquet"
    before = heatmaps.stat().st_mtime_ns
    again = paper_tables(
        image_set, image_set, folder / "out", parameters=parameters, size=2, n_draws=5
    )
    pd.testing.assert_frame_equal(again, table)
    assert heatmaps.stat().st_mtime_ns == before


def test_refuses(case):
    folder, image_set, parameters, _ = case
    with pytest.raises(InputError, match="lam 0 found; Model B needs"):
        paper_tables(image_set, image_set, folder, parameters=replace(parameters, lam=0))
    with pytest.raises(InputError, match="ensembles of 3 found; allowed: 1 to 2"):
        paper_tables(image_set, image_set, folder, parameters=parameters, size=3)


def test_claims_in_words():
    # the paper's Table 1 (dicentrics) and Table 2 (fragments): all three claims hold
    dicentric = [(76.6, 68.8, 84.7), (45.2, 31.6, 56.4), (83.6, 75.4, 92.2), (51.2, 37.0, 62.7)]
    dicentric += [(85.8, 83.7, 88.3), (61.7, 57.1, 65.8)]
    fragment = [(70.8, 62.0, 77.4), (49.4, 37.8, 59.7), (79.3, 71.8, 84.2), (55.0, 46.0, 66.3)]
    fragment += [(81.0, 78.5, 83.3), (65.5, 62.4, 68.5)]
    paper = {"dicentric": dicentric, "fragment": fragment}
    systems = [(s, m) for s in ("model A", "model B", "ensemble") for m in ("precision", "recall")]
    rows = [
        {
            "class": name,
            "system": s,
            "measure": m,
            "mean": a / 100,
            "lower": b / 100,
            "upper": c / 100,
        }
        for name, values in paper.items()
        for (s, m), (a, b, c) in zip(systems, values, strict=True)
    ]
    sentences = paper_claims(pd.DataFrame(rows))
    assert len(sentences) == 6
    assert all(": confirmed (" in sentence for sentence in sentences)
    assert "recall 25.7 to 8.7 points" in sentences[2]
    worse = pd.DataFrame(rows)
    worse.loc[worse["system"] == "ensemble", "mean"] = 0.1
    assert sum("not confirmed" in sentence for sentence in paper_claims(worse)) == 2
    shown = documented(pd.DataFrame(rows))
    assert shown["system"].tolist() == ["model A", "model B", "ensemble"] * 2
    assert shown["recall"].tolist()[1] == "0.51 [0.37, 0.63]"
