"""The layout of the package: what may import what."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dicentlib"
MODULES_AT_THE_ROOT = 11


def imported(path):
    """Modules of this project that a file imports, at the top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in ("dicentlib", "studies"))


def part(name):
    """The package or root module that a dotted name belongs to; None for dicentlib itself."""
    pieces = name.split(".")
    known = len(pieces) > 1 and (
        (PACKAGE / pieces[1]).is_dir() or (PACKAGE / f"{pieces[1]}.py").is_file()
    )
    return pieces[1] if known else None


def parts_imported():
    """For each package or root module, the other ones that it imports."""
    links = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        links[own] |= {part(name) for name in imported(path)} - {own, None}
    return links


def test_few_modules_at_the_root():
    modules = sorted(path.name for path in PACKAGE.glob("*.py"))
    assert len(modules) <= MODULES_AT_THE_ROOT, modules


def test_no_circle_between_packages():
    links = parts_imported()
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for other in sorted(links[name]):
                visit(other)
            path.pop()
            done.add(name)

    for name in list(links):
        visit(name)
    assert {"scoring", "dose", "voting"} <= done


def test_nothing_installed_imports_the_studies():
    for path in PACKAGE.rglob("*.py"):
        assert not any(name.split(".")[0] == "studies" for name in imported(path)), path


def test_only_the_command_imports_the_simulator():
    users = {own for own, others in parts_imported().items() if "simulation" in others}
    assert users <= {"commands"}, users
