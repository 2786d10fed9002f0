import json

import nbformat
import pytest
from typer.testing import CliRunner

from dicentlib.__main__ import app
from dicentlib.errors import InputError
from dicentlib.files import write_json
from dicentlib.runs import pipeline


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two small notebooks and one preset."""
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "notebooks" / "presets").mkdir(parents=True)
    for name, code in {"01_one": "total = 1 + number", "02_two": "raise ValueError('x')"}.items():
        notebook = nbformat.v4.new_notebook()
        parameters = nbformat.v4.new_code_cell("run_dir = 'r'\nnumber = 1")
        parameters.metadata.tags = ["parameters"]
        notebook.cells = [parameters, nbformat.v4.new_code_cell(code)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata.kernelspec = kernel
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
    preset = tmp_path / "notebooks" / "presets" / "small.json"
    preset.write_text(json.dumps({"01_one": {"number": 5}}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_notebooks_run_with_the_presets_parameters(project):
    pipeline.run_pipeline("small", project / "run", last="01_one")
    executed = nbformat.read(project / "run" / "notebooks" / "01_one.ipynb", as_version=4)
    injected = [c.source for c in executed.cells if "injected-parameters" in c.metadata.tags]
    assert "number = 5" in injected[0]


def test_an_unknown_parameter_stops_before_anything_runs(project):
    preset = project / "p.json"
    preset.write_text(json.dumps({"02_two": {"nonsense": 5}}))
    with pytest.raises(InputError, match=r"02_two\.ipynb: unknown parameter nonsense; allowed: n"):
        pipeline.run_pipeline(preset, project / "run")
    assert not (project / "run" / "notebooks" / "01_one.ipynb").exists()


def test_a_value_of_another_type_stops_before_anything_runs(project):
    preset = project / "p.json"
    preset.write_text(json.dumps({"01_one": {}, "02_two": {"number": "many"}}))
    with pytest.raises(InputError, match=r"02_two\.ipynb: number is 'many'; allowed: a whole"):
        pipeline.run_pipeline(preset, project / "run")
    assert not (project / "run" / "notebooks" / "01_one.ipynb").exists()
    preset.write_text(json.dumps({"01_one": {"number": "5"}}))
    pipeline.run_pipeline(preset, project / "run", last="01_one")
    executed = nbformat.read(project / "run" / "notebooks" / "01_one.ipynb", as_version=4)
    assert any("number = 5\n" in cell.source for cell in executed.cells)


def test_a_failing_notebook_is_named(project):
    with pytest.raises(RuntimeError, match=r"02_two\.ipynb failed"):
        pipeline.run_pipeline("small", project / "run", first="02_two")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), ("{", "not JSON"), ('{"09_x": {}}', "no notebook named 09_x")],
)
def test_bad_presets(project, content, message):
    preset = project / "p.json"
    if content is not None:
        preset.write_text(content)
    with pytest.raises(InputError, match=message):
        pipeline.read_preset(preset)


def test_a_dose_of_an_earlier_run_is_not_shown_as_this_one(project, monkeypatch):
    run = project / "run"
    run.mkdir()
    write_json(run / "dose.json", {"samples": []})
    monkeypatch.setattr(pipeline, "summary", lambda run: "an earlier dose")
    options = ["report", "--preset", "small", "--run-dir", str(run)]
    result = CliRunner().invoke(app, [*options, "--last", "01_one"])
    assert "no dose, 07_dose_report was not run" in result.output
    assert "an earlier dose" not in result.output
    result = CliRunner().invoke(app, [*options, "--first", "02_two", "--last", "01_one"])
    assert result.exit_code == 2
    assert "Error: 01_one comes before 02_two" in result.output


def test_unknown_first_notebook(project):
    with pytest.raises(InputError, match="09_x: no such notebook"):
        pipeline.run_pipeline("small", project / "run", first="09_x")


def test_a_folder_without_notebooks(tmp_path):
    with pytest.raises(InputError, match="no numbered notebooks"):
        pipeline.notebook_paths(tmp_path)


def test_summary_tells_dose_truth_and_report(tmp_path):
    sample = {
        "sample": "blind",
        "dose_gy": 2.04,
        "lower_gy": 1.8,
        "upper_gy": 2.3,
        "level": 0.95,
        "method": "merkle",
        "above_background": True,
        "true_dose_gy": 2.0,
    }
    (tmp_path / "dose.json").write_text(json.dumps({"samples": [sample]}))
    text = pipeline.summary(tmp_path)
    assert "blind: 2.04 Gy, 95% interval 1.80 Gy to 2.30 Gy (merkle)" in text
    assert "true dose of this simulated sample: 2.00 Gy" in text
    assert "report.html" in text
    (tmp_path / "dose.json").write_text(json.dumps({"samples": [sample | {"upper_gy": None}]}))
    assert "1.80 Gy to no limit" in pipeline.summary(tmp_path)
    # few cells may be no more than the background and still have a lower limit above 0
    (tmp_path / "dose.json").write_text(
        json.dumps({"samples": [sample | {"above_background": False}]})
    )
    assert (
        "blind: not above the background, upper end of the 95% interval (merkle): 2.30 Gy"
        in pipeline.summary(tmp_path)
    )


def test_the_demo_is_the_notebooks_own_parameters():
    # so that a notebook opened after `make report` continues the same run
    assert pipeline.read_preset("demo") == {}
