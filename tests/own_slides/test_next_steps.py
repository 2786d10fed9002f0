"""The commands at the end of the page: they run, and name what the notebooks know."""

import re
import shlex
import subprocess
from html import unescape

import numpy as np
import pandas as pd
import pytest
from scoring_set import save_untrained

from dicentlib.ensemble import load_members
from dicentlib.files import find_model
from dicentlib.operating_point import OperatingPoint
from dicentlib.own_slides import next_steps
from dicentlib.own_slides.first_day import PixelSize
from dicentlib.runs import notebook_paths
from dicentlib.runs.parameters import typed_parameters


def table_of(*doses):
    return pd.DataFrame({"dose_gy": np.array(doses, dtype=float)})


def parameters_of(command):
    """The notebook of a papermill command and its parameters."""
    program, notebook, _, *options = shlex.split(command)
    assert program == "papermill"
    found = {}
    while options:
        flag, *rest = options
        if flag == "-y":
            assert rest.pop(0) == "{conditions: {scoring: automatic, images: real}}"
            options = rest
        else:
            found[rest[0]], options = rest[1], rest[2:]
    return notebook, typed_parameters(notebook, found)


@pytest.fixture
def ensemble(tmp_path):
    """A folder of members, with a name that a shell would split."""
    folder = tmp_path / "our ensemble"
    save_untrained(folder / "members", n_members=2)
    OperatingPoint(0.6, 1, n_members=2).write(folder / "operating_point.json")
    return folder


def test_the_detector_is_taken_along_by_the_shell(tmp_path, ensemble):
    run = tmp_path / "first day"
    steps = next_steps.steps_of(table_of(np.nan), tmp_path, ensemble, run, use_filter=True)
    for _ in range(2):  # typed twice: nothing changes
        subprocess.run(["sh", "-ec", "\n".join(steps[0][2])], check=True)
    taken = load_members(run / "curve")
    assert {one.digest for one in taken} == {one.digest for one in load_members(ensemble)}
    point = OperatingPoint.read(run / "curve" / "operating_point.json")
    assert point == OperatingPoint.read(ensemble / "operating_point.json")
    copied = run / "curve" / "filter" / "filter.safetensors"
    known = find_model("filter-small") / "filter.safetensors"
    assert copied.read_bytes() == known.read_bytes()
    without = next_steps.steps_of(table_of(np.nan), tmp_path, ensemble, run, use_filter=False)
    assert len(without[0][2]) == 3


def test_the_notebooks_know_the_parameters(tmp_path):
    folder, run = tmp_path / "it's slides", tmp_path / "run"
    steps = next_steps.steps_of(table_of(np.nan), folder, "giemsa-small", run, use_filter=False)
    notebook, given = parameters_of(steps[1][2][-1])
    assert notebook == str(notebook_paths()["06_dose_curve"])
    assert given["run_dir"] == str(run / "curve")
    assert given["calibration"] == next_steps.SERIES
    assert given["use_filter"] is False
    assert "reference_dose_gy" not in given
    notebook, given = parameters_of(steps[2][2][0])
    assert notebook == str(notebook_paths()["07_dose_report"])
    assert given == {"run_dir": str(run / "curve"), "images": str(folder)}


def test_a_folder_with_doses_is_the_series(tmp_path):
    def curve_of(*doses):
        steps = next_steps.steps_of(table_of(*doses), tmp_path, "giemsa-small", tmp_path / "run",
                                    use_filter=True)  # fmt: skip
        return parameters_of(steps[1][2][-1])[1], parameters_of(steps[2][2][0])[1], steps[1][2][0]

    curve, report, header = curve_of(0, 1, 2, 2)
    assert curve["calibration"] == str(tmp_path)
    assert curve["reference_dose_gy"] == 2.0  # the notebook's 4 Gy is not among them
    assert report["images"] == next_steps.SAMPLES
    for _ in range(2):
        subprocess.run(["sh", "-ec", header], check=True)
        (tmp_path / "annotations.csv").open("a").write("")
    assert (tmp_path / "annotations.csv").read_text() == "image,class,row,col\n"
    assert "reference_dose_gy" not in curve_of(0, 1, 4)[0]
    for doses in ((0, 1, 2, np.nan), (0, 2, 2)):  # not every image, too few doses
        curve, report, _ = curve_of(*doses)
        assert (curve["calibration"], report["images"]) == (next_steps.SERIES, next_steps.SAMPLES)


def test_the_block_links_the_notebooks_and_can_be_pasted(tmp_path):
    folder = tmp_path / "a <b> & c"
    steps = next_steps.steps_of(table_of(np.nan), folder, "giemsa-small", tmp_path, use_filter=True)
    block = str(next_steps.block(steps, pixel_size=PixelSize(0.0645, "estimated")))
    links = re.findall(r'<a href="([^"]+)">([^<]+)</a>', block)
    assert links == [
        (notebook_paths()[name].as_uri(), f"{name}.ipynb")
        for name in ("06_dose_curve", "07_dose_report")
    ]
    pasted = [unescape(text) for text in re.findall(r"<pre[^>]*>(.*?)</pre>", block, re.DOTALL)]
    assert pasted == ["\n".join(commands) for _, _, commands in steps]
    assert "The pixel size is 0.0645 um (estimated): write pixel_size_um" in block
    assert "pixel_size_um" not in next_steps.block(steps, pixel_size=PixelSize(0.1, "stated"))
