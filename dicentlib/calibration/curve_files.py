"""Files of calibration curves: JSON, or the same content as a table ``name, value``."""

import json
from pathlib import Path

import pandas as pd

from dicentlib.counts.headings import is_header as names_counts
from dicentlib.files import atomic_path, read_json, read_text
from dicentlib.tables import is_workbook, read_table, with_plain_headings

COLUMNS = ("name", "value")
NAMES = ("C", "alpha", "beta")
OTHER_FORMS = {"alpha", "parameter", "parameters", "coefficient", "coefficients", "term"}


def is_curve_file(path):
    """Whether an existing file holds a curve, in whatever form, not calibration counts."""
    return _is_json(path) or _names_curve(_read(path).cells.columns)


def read_curve_content(path):
    """The plain content of a curve's file, see ``CalibrationCurve.from_dict``.

    Raises
    ------
    InputError, ValueError, KeyError
        The file is absent, or is of another form.
    """
    if not Path(path).is_file() or _is_json(path):
        return read_json(path)
    table = _read(path).cells
    if not set(COLUMNS) <= set(table.columns):
        raise ValueError(
            f"columns {list(table.columns)}; expected a table with the columns name, value and "
            "the rows C, alpha, beta"
        )
    unread = [column for column in table if column not in COLUMNS and table[column].any()]
    if unread:
        raise ValueError(
            f"column {unread[0]!r} next to name and value; write errors as rows "
            "covariance_C_C, covariance_C_alpha ..., or as standard_errors in a .json file"
        )
    twice = table["name"][table["name"].duplicated()]
    if len(twice):
        raise ValueError(f"{twice.iloc[0]!r} occurs twice")
    content = _nested({row["name"]: _value(row["value"]) for row in table.to_dict("records")})
    _refuse_rounded(content)
    return content


def write_curve_content(path, content):
    """Write plain content as ``.json``, or as ``.csv``, a table name, value; atomically."""
    with atomic_path(path) as temporary:
        if str(path).endswith(".csv"):
            rows = [(name, json.dumps(value)) for name, value in _flat(content)]
            pd.DataFrame(rows, columns=COLUMNS).to_csv(temporary, index=False)
        else:
            temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")


def _is_json(path):
    if Path(path).suffix.casefold() == ".json":
        return True
    return not is_workbook(path) and read_text(path).lstrip().startswith(("{", "["))


def _read(path):
    table = read_table(path, is_header=lambda cells: _names_curve(cells) or names_counts(cells))
    return with_plain_headings(table, COLUMNS)


def _names_curve(cells):
    """Whether a row is the header of a curve's table, or of a curve in another form."""
    words = {cell.casefold() for cell in cells}
    return set(COLUMNS) <= words or bool(words & OTHER_FORMS)


def _value(text):
    """A value as it was saved, or as a spreadsheet has rewritten it: 0,021 and TRUE."""
    if text in ("TRUE", "FALSE"):
        return text == "TRUE"
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return float(text.replace(",", "."))


def _nested(rows):
    content = {"coefficients": {}, "covariance": None}
    entries = {}
    for name, value in rows.items():
        if (short := name.removeprefix("coefficient_")) in NAMES:
            content["coefficients"][short] = value
        elif name.startswith("covariance_"):
            entries[tuple(name.split("_")[1:])] = value
        else:
            content[name] = value
    if entries:
        content["covariance"] = [[entries[(row, column)] for column in NAMES] for row in NAMES]
    return content


def _refuse_rounded(content):
    """Refuse a fitted curve whose variances a spreadsheet has rounded to zero."""
    fit, covariance = content.get("fit"), content["covariance"]
    if not fit or covariance is None:
        return
    fixed = fit.get("fixed_background") is not None
    for place, name in enumerate(NAMES):
        estimated = content["coefficients"].get(name) and not (fixed and name == "C")
        if estimated and not covariance[place][place]:
            raise ValueError(
                f"covariance_{name}_{name} is 0, but {name} was fitted; were the numbers rounded "
                "in a spreadsheet? expected the file as it was written"
            )


def _flat(content):
    for name, value in content.items():
        if name == "coefficients":
            yield from ((f"coefficient_{key}", number) for key, number in value.items())
        elif name == "covariance" and value is not None:
            for row, numbers in zip(NAMES, value, strict=True):
                for column, number in zip(NAMES, numbers, strict=True):
                    yield f"covariance_{row}_{column}", number
        else:
            yield name, value
