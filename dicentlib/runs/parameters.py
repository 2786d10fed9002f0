"""Parameters of notebooks: their names and defaults, and values of the default's type.

papermill turns what is passed with ``-p`` into numbers where it looks like one (``007`` becomes
7) and leaves ``false`` as text. Here every value gets the type that the parameters cell gives
the parameter, or is refused.
"""

import ast
import math
import re
from dataclasses import dataclass
from pathlib import Path

from dicentlib.errors import InputError
from dicentlib.files import read_json

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}
IN_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "True or False"}
IN_WORDS |= {list: "a list", dict: "names with values, {...}"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: name, default, type, and whether None is a value of it.

    None is a value where it is the default, or where the parameter's comment says what
    ``None`` means.
    """

    name: str
    default: object
    type: type
    optional: bool


def notebook_parameters(path):
    """Parameters of a notebook by name, from its parameters cell.

    The type is that of the annotation (``dose_gy: float = None``), else of the default.

    Raises
    ------
    InputError
        The notebook is absent, or a parameter has neither a literal default with a type nor an
        annotation ``str``, ``int``, ``float``, ``bool``, ``list`` or ``dict``.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such notebook")
    cells = read_json(path)["cells"]
    sources = ["".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", [])]
    source = sources[0] if sources else ""
    try:
        nodes = ast.parse(source).body
    except SyntaxError as error:
        raise InputError(f"{path}: the parameters cell is not Python ({error})") from error
    assigned = [node for node in nodes if isinstance(node, ast.Assign | ast.AnnAssign)]
    found = [_parameter(path.name, source, node) for node in assigned if node.value]
    return {parameter.name: parameter for parameter in found}


def _parameter(notebook, source, node):
    """The parameter of one assignment; its comment follows on the same line."""
    annotated = isinstance(node, ast.AnnAssign)
    name = ast.unparse(node.target if annotated else node.targets[0])
    place = f"{notebook}: {name} = {ast.unparse(node.value)}"
    try:
        value = ast.literal_eval(node.value)
    except ValueError as error:
        raise InputError(f"{place}: the default must be a plain value") from error
    kind = TYPES.get(ast.unparse(node.annotation)) if annotated else type(value)
    if kind not in IN_WORDS:
        raise InputError(f"{place}: write its type, for example {name}: float = None")
    comment = source.splitlines()[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
    return Parameter(name, value, kind, value is None or "None" in comment)


def typed_parameters(path, values):
    """`values` by name, each with the type of the notebook's parameter.

    Whole numbers are taken for floats, text for a number where it is one, ``true`` and
    ``false`` for truth values, text of a list or dict for that. Text is never made of a number:
    its leading zeros are gone.

    Raises
    ------
    InputError
        Naming notebook, parameter, value and what is allowed: an unknown parameter, or a value
        of another type.
    """
    path, allowed = Path(path), notebook_parameters(path)
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise InputError(
            f"{path.name}: unknown parameter {', '.join(unknown)}; "
            f"allowed: {', '.join(sorted(allowed))}"
        )
    return {name: _typed(path.name, allowed[name], value) for name, value in values.items()}


def _typed(notebook, parameter, value):
    if value is None and parameter.optional:
        return None
    try:
        typed = _convert(value, parameter.type)
        return _with_typed_items(typed, parameter.default)
    except ValueError as error:
        none = " or None" if parameter.optional else ""
        hint = ""
        if parameter.type is str:
            hint = f" (papermill: -r {parameter.name} passes text as it is written)"
        raise InputError(
            f"{notebook}: {parameter.name} is {value!r:.60}; "
            f"allowed: {IN_WORDS[parameter.type]}{none}{hint}"
        ) from error


def _with_typed_items(value, default):
    """A list or dict with items of the type of the default's, where these have one type."""
    if not isinstance(value, list | dict) or not default:
        return value
    kinds = {type(item) for item in (default.values() if isinstance(default, dict) else default)}
    if len(kinds) > 1:
        return value
    (kind,) = kinds
    if isinstance(value, dict):
        return {name: _convert(item, kind) for name, item in value.items()}
    return [_convert(item, kind) for item in value]


def _convert(value, kind):
    """`value` as `kind`; ValueError where it is something else."""
    if isinstance(value, str) and kind is not str:
        value = _from_text(value.strip(), kind)
    if isinstance(value, tuple):
        value = list(value)
    if kind in (int, float) and type(value) in (int, float) and math.isfinite(value):
        value = kind(value) if kind(value) == value else value
    if type(value) is not kind or value in (math.inf, -math.inf) or value != value:
        raise ValueError(value)
    return value


def _from_text(text, kind):
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in (int, float):
        return float(text) if NUMBER.fullmatch(text) else text
    if kind is list and not text.startswith(("[", "(")):
        return text  # 0,5 may be one number with a decimal comma
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
