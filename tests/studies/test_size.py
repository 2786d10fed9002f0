"""What counts as a line of code."""

from typer.testing import CliRunner

from studies.__main__ import app
from studies.size import code_lines, package_size

SOURCE = '''"""A module."""

# a comment
import os


def f(x):
    """Twice
    x."""
    text = """a
    long text"""
    return (
        2 * x
    )
'''


def test_blank_lines_comments_and_docstrings_do_not_count():
    assert code_lines("") == 0
    assert code_lines(SOURCE) == 6  # import, def, text, return, 2 * x, parenthesis


def test_sizes_of_a_package(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "one.py").write_text("x = 1\n")
    (tmp_path / "part" / "two.py").write_text(SOURCE)
    assert package_size(tmp_path) == {"one.py": (1, 1), "part": (6, 1)}
    result = CliRunner().invoke(app, ["size", "--package", str(tmp_path)])
    assert "7 lines    2 files  in all; 1 modules at the root" in result.output
