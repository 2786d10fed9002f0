"""How large the package is: lines of code without blank lines, comments and docstrings."""

import ast
import io
import tokenize
from pathlib import Path

NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_lines(source):
    """Lines on which a token of code begins, docstrings left out.

    Examples
    --------
    >>> code_lines('def f():\\n    "Doc."\\n\\n    return 1  # one\\n')
    2
    """
    documentation = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            documentation |= set(range(text.lineno, text.end_lineno + 1))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return len({token.start[0] for token in tokens if token.type not in NO_CODE} - documentation)


def package_size(folder):
    """Code lines and files of each part of a package: ``{part: (lines, files)}``."""
    folder, sizes = Path(folder), {}
    for path in sorted(folder.rglob("*.py")):
        part = path.relative_to(folder).parts[0]
        lines, files = sizes.get(part, (0, 0))
        sizes[part] = lines + code_lines(path.read_text()), files + 1
    return sizes
