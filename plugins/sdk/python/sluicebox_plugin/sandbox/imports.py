"""Finds what a plugin imports, in functions too, while there are files to import from."""

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from .library import Library

_IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_SURROUNDINGS = {"platform", "name", "version_info", "system", "implementation"}
"""What code looks at (`sys.platform`, `os.name`) before it imports what one system alone has."""


@dataclass(frozen=True)
class Import:
    """An import statement, or a call of `import_module` with a name that is known."""

    line: int
    module: str
    names: tuple[str, ...]
    """What `from module import` names."""
    optional: bool
    """Whether the code goes on without it."""

    def __str__(self) -> str:
        return f"from {self.module} import {', '.join(self.names)}" if self.names else f"import {self.module}"


class _Finder(ast.NodeVisitor):
    def __init__(self, package: str | None) -> None:
        self.found: list[Import] = []
        self._package = package
        self._optional = False

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(node.lineno, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        if node.level and self._package is None:
            return
        if node.level:
            module = importlib.util.resolve_name(module, self._package)
        self._add(node.lineno, module, tuple(alias.name for alias in node.names))

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        argument = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if name in ("import_module", "__import__") and isinstance(argument, str) and not argument.startswith("."):
            self._add(node.lineno, argument)
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        caught = {name for handler in node.handlers for name in _names(handler.type, "Exception")}
        self._visit(node.body, bool(caught & _IMPORT_ERRORS))
        self._visit([*node.handlers, *node.orelse, *node.finalbody])

    def visit_With(self, node: ast.With) -> None:
        suppressed = {name for item in node.items for name in _names(item.context_expr, "")}
        self._visit(node.body, "suppress" in suppressed and bool(suppressed & _IMPORT_ERRORS))

    def visit_If(self, node: ast.If) -> None:
        asked = set(_names(node.test, ""))
        if not asked & {"TYPE_CHECKING", "__name__"}:
            self._visit(node.body, bool(asked & _SURROUNDINGS))
        self._visit(node.orelse, bool(asked & _SURROUNDINGS))

    def _visit(self, nodes: list[ast.AST] | list[ast.stmt], optional: bool = False) -> None:
        before, self._optional = self._optional, self._optional or optional
        for node in nodes:
            self.visit(node)
        self._optional = before

    def _add(self, line: int, module: str, names: tuple[str, ...] = ()) -> None:
        self.found.append(Import(line, module, names, self._optional))


def _names(node: ast.AST | None, where_none: str) -> Iterator[str]:
    """The names in an expression."""
    if node is None:
        yield where_none
        return
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr


def find(source: str, package: str | None = None) -> list[Import]:
    """All imports in a module's source. Relative ones begin at `package`, and without one they are left out."""
    finder = _Finder(package)
    finder.visit(ast.parse(source))
    return finder.found


def load(folder: str, left_out: tuple[str, ...] = ()) -> None:
    """Imports all that the modules in a folder import, so that it is there when they run.

    Raises ImportError with a line for each import that fails.
    """
    problems: list[str] = []
    seen: set[str] = set()
    while modules := [module for module in _modules_in(folder, left_out) if module.__name__ not in seen]:
        for module in modules:
            seen.add(module.__name__)
            package = module.__spec__.parent if module.__spec__ is not None else ""
            file = str(module.__file__)
            for found in find(_read(file), package or ""):
                problem = _load(found)
                if problem is not None and not found.optional:
                    problems.append(f"{os.path.relpath(file, folder)}:{found.line}: {found}: {problem}")
    if problems:
        raise ImportError("\n".join(["what the plugin imports is not there:", *problems]))


def _load(found: Import) -> str | None:
    """Imports it. Returns what is wrong."""
    try:
        module = importlib.import_module(found.module)
        for name in found.names:
            if name != "*" and not hasattr(module, name):
                importlib.import_module(f"{found.module}.{name}")
    except ModuleNotFoundError as error:
        return f"{error}{_advice(error.name or '')}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _advice(name: str) -> str:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return " (this part of Python's library does not exist in a sandbox: docs/languages.md)"
    return " (install the package that has it into the project's .venv, if it is pure Python)"


def keep_packages(library: Library, folders: list[str]) -> None:
    """Keeps the packages in some folders that are loaded, those in them that these import anywhere, and the time
    zones."""
    pending = [*(name for name in sys.modules if "." not in name), "tzdata"]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        path = None if name in seen else _package(name, folders)
        seen.add(name)
        if path is None or (name not in sys.modules and _has_extensions(path)):
            continue
        library.keep(path, f"{name}." if os.path.isdir(path) else "")
        for file in _sources(path):
            try:
                pending.extend(found.module.partition(".")[0] for found in find(_read(file)))
            except (SyntaxError, ValueError):
                continue  # for another Python, or never imported


def _package(name: str, folders: list[str]) -> str | None:
    """The file or folder of a module in some folders."""
    if name in sys.stdlib_module_names:
        return None
    paths = [os.path.join(folder, name) for folder in folders]
    candidates = [path for path in paths if os.path.isdir(path)] + [f"{path}.py" for path in paths]
    return next((path for path in candidates if os.path.exists(path)), None)


def _has_extensions(path: str) -> bool:
    files = (file for _, _, files in os.walk(path) for file in files)
    return any(file.endswith((".so", ".pyd")) for file in files)


def _sources(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
    for folder, _, files in os.walk(path):
        yield from (os.path.join(folder, file) for file in files if file.endswith(".py"))


def _modules_in(folder: str, left_out: tuple[str, ...]) -> list[ModuleType]:
    inner = tuple(os.path.join(folder, name, "") for name in left_out)
    files = ((module, getattr(module, "__file__", None) or "") for module in list(sys.modules.values()))
    is_in = os.path.join(folder, "")
    return [module for module, file in files if file.startswith(is_in) and not file.startswith(inner)]


def _read(file: str) -> str:
    with open(file, encoding="utf-8") as source:
        return source.read()
