"""Values of notebook parameters keep the type of their default, whoever passes them."""

import ast

import nbformat
import papermill
import pytest

from dicentlib.errors import InputError
from dicentlib.runs.folder import notebook_paths, open_run
from dicentlib.runs.parameters import notebook_parameters, typed_parameters

CELL = """\
run_dir = "runs/demo"  # the run folder
sample_code = ""  # the laboratory's code
local_exposure = False  # history
n_shown = 24  # detections; None: all
share = 0.5
dose_gy: float = None  # a dose
epochs: list = None
doses_gy = [0.0, 1.0]
shown_epochs = [82, 92]
seeds = {"train": 11, "test": 12}
"""


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "09_topic.ipynb", CELL)


def write_notebook(path, source):
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata.tags = ["parameters"]
    content = nbformat.v4.new_notebook(cells=[cell])
    content.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(content, path)
    return path


@pytest.mark.parametrize(
    ("name", "passed", "expected"),
    [
        ("sample_code", "007", "007"),
        ("local_exposure", "false", False),  # papermill -p local_exposure false passes this text
        ("local_exposure", "True", True),
        ("n_shown", 24.0, 24),  # -p n_shown 2.4e1
        ("n_shown", "24", 24),  # -r n_shown 24
        ("n_shown", None, None),
        ("share", 1, 1.0),
        ("share", " 1e-3 ", 0.001),
        ("dose_gy", 2, 2.0),
        ("dose_gy", None, None),
        ("epochs", "[1, 2]", [1, 2]),
        ("doses_gy", "[0, 2]", [0.0, 2.0]),
        ("shown_epochs", (1, 2.0), [1, 2]),
        ("seeds", {"train": "3"}, {"train": 3}),
    ],
)
def test_a_value_gets_the_type_of_its_default(notebook, name, passed, expected):
    value = typed_parameters(notebook, {name: passed})[name]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("name", "passed", "message"),
    [
        # papermill -p sample_code 007 has lost the zeros already
        ("sample_code", 7, r"09_topic\.ipynb: sample_code is 7; allowed: text .*-r sample_code"),
        ("sample_code", True, "sample_code is True; allowed: text"),
        ("sample_code", None, "sample_code is None; allowed: text"),
        ("run_dir", 2026, "run_dir is 2026; allowed: text"),
        ("local_exposure", "no", "local_exposure is 'no'; allowed: True or False"),
        ("local_exposure", 0, "local_exposure is 0; allowed: True or False"),
        ("n_shown", 2.5, "n_shown is 2.5; allowed: a whole number or None"),
        ("n_shown", True, "n_shown is True"),
        ("share", None, "share is None; allowed: a number$"),
        ("share", "0,5", "share is '0,5'; allowed: a number"),
        ("share", "nan", "share is 'nan'"),
        ("share", float("inf"), "share is inf"),
        ("doses_gy", 2.0, r"doses_gy is 2.0; allowed: a list"),
        ("doses_gy", "0,5", r"doses_gy is '0,5'; allowed: a list"),  # a decimal comma, or a list
        ("doses_gy", [0.0, "x"], r"doses_gy is \[0.0, 'x'\]"),
        ("seeds", "[1]", "seeds is .*allowed: names with values"),
        ("typo", 1, "unknown parameter typo; allowed: .*sample_code"),
    ],
)
def test_another_type_is_refused(notebook, name, passed, message):
    with pytest.raises(InputError, match=message):
        typed_parameters(notebook, {name: passed})


def test_a_run_is_opened_with_the_types_of_the_notebooks_defaults(tmp_path):
    # as papermill's -p leaves them: a word as text, 007 as a number
    parameters = notebook_parameters(notebook_paths()["07_dose_report"])
    namespace = {name: item.default for name, item in parameters.items()}
    namespace |= {"run_dir": str(tmp_path), "local_exposure": "false", "delay_days": 2}
    run = open_run("07_dose_report", namespace)
    assert namespace["local_exposure"] is False
    assert type(run.parameters["delay_days"]) is float
    with pytest.raises(InputError, match=r"sample_code is 7; allowed: text .*-r sample_code"):
        open_run("07_dose_report", namespace | {"sample_code": 7})
    with pytest.raises(InputError, match=r"detail_sample is 24; allowed: text"):
        open_run("07_dose_report", namespace | {"detail_sample": 24})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a = None", "a = None: write its type"),
        ("a = b", "a = b: the default must be a plain value"),
        ("a = = 1", "the parameters cell is not Python"),
    ],
)
def test_a_parameters_cell_that_states_no_type(tmp_path, line, message):
    path = write_notebook(tmp_path / "01_x.ipynb", line)
    with pytest.raises(InputError, match=message):
        notebook_parameters(path)


@pytest.mark.parametrize("path", notebook_paths().values(), ids=lambda path: path.stem)
def test_papermill_sees_every_parameter_of_every_notebook_with_its_type(path):
    # papermill reads the cell by regular expressions: a second "=" in a line hides it
    cells = nbformat.read(path, as_version=4).cells
    source = next(c.source for c in cells if "parameters" in c.metadata.get("tags", []))
    defaults = {
        (node.target if isinstance(node, ast.AnnAssign) else node.targets[0]).id: node.value
        for node in ast.parse(source).body
    }
    values = {name: ast.literal_eval(value) for name, value in defaults.items()}
    seen = papermill.inspect_notebook(str(path))
    assert {name: ast.literal_eval(item["default"]) for name, item in seen.items()} == values
    parameters = notebook_parameters(path)
    assert {name: item.default for name, item in parameters.items()} == values
    typed = typed_parameters(path, {name: item.default for name, item in parameters.items()})
    assert list(typed) == list(defaults)
