import json

import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure

from dicentlib import runs
from dicentlib.errors import InputError
from dicentlib.files import atomic_path, content_digest, file_digest, read_json, write_json


def test_atomic_path_replaces_whole_files(tmp_path):
    target = tmp_path / "folder" / "table.csv"
    with atomic_path(target) as temporary:
        temporary.write_text("a,b\n")
        assert not target.exists()
        assert temporary.suffix == ".csv"
    assert target.read_text() == "a,b\n"


def test_atomic_path_leaves_the_old_file_and_nothing_else_after_an_error(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")

    def write_and_fail():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_and_fail()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_json_round_trip_with_arrays_and_nan(tmp_path):
    content = {"a": np.arange(3), "b": (1.5, np.float32(2)), "c": float("nan"), 4: tmp_path}
    write_json(tmp_path / "x.json", content)
    read = read_json(tmp_path / "x.json")
    assert read == {"a": [0, 1, 2], "b": [1.5, 2.0], "c": None, "4": str(tmp_path)}


def test_read_json_names_the_file(tmp_path):
    with pytest.raises(InputError, match=r"absent\.json: no such file"):
        read_json(tmp_path / "absent.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match=r"bad\.json: not JSON"):
        read_json(tmp_path / "bad.json")


def test_digests(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, example B.1: SHA-256 of "abc".
    assert file_digest(tmp_path / "a").startswith("ba7816bf8f01cfea")
    assert content_digest({"x": 1, "y": [2]}) == content_digest({"y": (2,), "x": 1})
    assert content_digest({"x": 1}) != content_digest({"x": 2})


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two notebooks, and the folder that their runs are in."""
    (tmp_path / "pyproject.toml").write_text("")
    for name, source in {"01_one": "seed = 1", "02_two": "epochs = 2  # passes"}.items():
        cell = nbformat.v4.new_code_cell(f'run_dir = "runs/demo"  # the run\n{source}')
        cell.metadata.tags = ["parameters"]
        notebook = nbformat.v4.new_notebook(cells=[cell])
        notebook.metadata.kernelspec = {"name": "python3", "language": "python"}
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_open_run_keeps_every_notebooks_entry(project):
    runs.open_run("01_one", {"run_dir": "runs/demo", "seed": 3, "other": 4})
    run = runs.open_run("02_two", {"run_dir": "runs/demo", "epochs": 2})
    run.record(device="cpu")
    assert run.folder == project / "runs" / "demo"
    assert (run.name, run.parameters) == ("demo", {"epochs": 2})
    parameters = json.loads((run / "params.json").read_text())
    assert parameters == {"01_one": {"seed": 3}, "02_two": {"epochs": 2}}
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["02_two"]["device"] == "cpu"
    assert "numpy" in manifest["01_one"]["versions"]
    assert (run / "figures").is_dir()
    assert "device" in run.stamp().index


def test_a_figure_is_saved_under_the_notebooks_number(tmp_path):
    run = runs.Run(tmp_path / "run", "04_thresholds", {})
    run.save(Figure(), "curves")
    run.at(tmp_path / "elsewhere").save(Figure(), "curves")
    for folder in ("run", "elsewhere"):
        assert (tmp_path / folder / "figures" / "04_curves.png").stat().st_size > 100


def test_a_parameter_injected_by_papermill_must_be_known(project):
    cells = ["", "x = 1", "# Parameters\nrun_dir = 'r'\ntypo = 3\n"]
    with pytest.raises(InputError, match="unknown parameter typo; allowed: run_dir, seed"):
        runs.open_run("01_one", {"In": cells, "run_dir": "r", "seed": 1})
    assert not (project / "r").exists()


def test_resolve_finds_the_project_from_the_notebooks_folder(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert runs.resolve("runs/demo") == tmp_path / "runs" / "demo"
    assert runs.resolve(tmp_path / "x") == tmp_path / "x"


def test_tables_of_a_run_that_another_program_saved_are_refused(tmp_path):
    run = runs.Run(tmp_path, "07_dose_report", {})
    (tmp_path / "counts.csv").write_text("ensemble,dose_gy,n_cells\n0 1,0.5,26\n007,1,26\n")
    table = run.read_numbers("counts.csv", ["dose_gy", "n_cells"], text=["ensemble"])
    assert table["ensemble"].tolist() == ["0 1", "007"]
    assert table["dose_gy"].tolist() == [0.5, 1.0]
    with pytest.raises(InputError, match="column n_found is missing"):
        run.read_numbers("counts.csv", ["n_found"])
    for text in ("ensemble;dose_gy;n_cells\n0 1;0,5;26\n", 'ensemble,dose_gy\n0 1,"0,5"\n'):
        (tmp_path / "counts.csv").write_text(text)
        with pytest.raises(InputError, match="dose_gy is missing or not numeric"):
            run.read_numbers("counts.csv", ["dose_gy"], text=["ensemble"])
