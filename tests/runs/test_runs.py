import json
from types import SimpleNamespace

import numpy as np
import pytest

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


def test_open_run_keeps_every_notebooks_entry(tmp_path):
    run = runs.open_run(tmp_path / "run", "01_metaphases", {"seed": 1})
    runs.open_run(run, "03_train", {"epochs": 2})
    runs.record(run, "03_train", device="cpu")
    parameters = json.loads((run / "params.json").read_text())
    assert parameters == {"01_metaphases": {"seed": 1}, "03_train": {"epochs": 2}}
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["03_train"]["device"] == "cpu"
    assert "numpy" in manifest["01_metaphases"]["versions"]
    assert (run / "figures").is_dir()
    assert "device" in runs.stamp(run, "03_train").index


def test_a_parameter_injected_by_papermill_must_be_known(tmp_path, monkeypatch):
    history = ["", "x = 1", "# Parameters\nrun_dir = 'r'\ntypo = 3\n"]
    shell = SimpleNamespace(user_ns={"In": history})
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    with pytest.raises(InputError, match="unknown parameter typo; allowed: run_dir, seed"):
        runs.open_run(tmp_path, "01_metaphases", {"seed": 1})


def test_resolve_finds_the_project_from_the_notebooks_folder(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert runs.resolve("runs/demo") == tmp_path / "runs" / "demo"
    assert runs.resolve(tmp_path / "x") == tmp_path / "x"
