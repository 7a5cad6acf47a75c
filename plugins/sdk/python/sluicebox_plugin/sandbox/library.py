"""Modules for imports that happen after the build, when there are no files: Python's own library, and the packages that
a plugin uses.

They are kept as compressed sources, and compiled when they are imported. With a package its data files are kept, for
`importlib.resources`.
"""

import io
import os
import sys
import zlib
from collections.abc import Collection, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_LEFT_OUT = frozenset(
    "__pycache__ __phello__ _pyrepl config-3.14-wasm32-wasi ensurepip idlelib pydoc_data site-packages test tests "
    "tkinter turtle.py turtledemo venv".split()
)
"""What is no use without a terminal, a screen or an installation, and tests."""

_COMPILED = (".pyc", ".so", ".pyd")


class Library:
    """The modules that are kept: a finder and loader of the import system."""

    def __init__(self) -> None:
        self._modules: dict[str, tuple[str, bool, bytes]] = {}
        """By name: the file, whether it is a package, and the compressed source."""
        self._files: dict[str, bytes] = {}
        """Data files, compressed, by path."""

    def keep(self, path: str, prefix: str = "", left_out: Collection[str] = _LEFT_OUT) -> None:
        """Keeps a module or package, or all in a folder. `prefix` is the name of the package that it is in, with
        a dot."""
        base = os.path.basename(path)
        if os.path.isdir(path):
            for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
                if entry.name not in left_out:
                    inner = f"{prefix}{entry.name}." if entry.is_dir() else prefix
                    self.keep(entry.path, inner, left_out)
        elif base.endswith(".py"):
            is_package = base == "__init__.py"
            name = prefix[:-1] if is_package else prefix + base[:-3]
            self._modules[name] = (path, is_package, _compressed(path))
        elif prefix and not base.endswith(_COMPILED):
            self._files[path] = _compressed(path)

    def install(self) -> None:
        """Has modules found here before files are looked for. Those that are loaded already ask this loader for
        their data."""
        at = next((at for at, finder in enumerate(sys.meta_path) if finder is PathFinder), len(sys.meta_path))
        sys.meta_path.insert(at, self)
        for module in list(sys.modules.values()):
            spec = getattr(module, "__spec__", None)
            if spec is not None and spec.name in self._modules and spec.origin == self._modules[spec.name][0]:
                spec.loader = module.__loader__ = self

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name not in self._modules:
            return None
        file, is_package, _ = self._modules[name]
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(file)]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Python's own way."""

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        name = module.__spec__.name
        exec(compile(self._source(name), self._modules[name][0], "exec", dont_inherit=True), module.__dict__)

    def is_package(self, name: str) -> bool:
        return self._modules[name][1]

    def get_source(self, name: str) -> str:
        return io.TextIOWrapper(io.BytesIO(self._source(name)), encoding="utf-8", errors="replace").read()

    def get_data(self, path: str) -> bytes:
        """The content of a data file, for `pkgutil`."""
        try:
            return zlib.decompress(self._files[path])
        except KeyError:
            raise FileNotFoundError(path) from None

    def has_data(self, path: str) -> bool:
        """Whether there is such a data file."""
        return path in self._files

    def get_resource_reader(self, name: str) -> "Resources":
        return Resources(self, os.path.dirname(self._modules[name][0]))

    def names(self, folder: str) -> set[str]:
        """What lies in a folder."""
        paths = [*self._files, *(file for file, _, _ in self._modules.values())]
        return {path[len(folder) + 1 :].split("/")[0] for path in paths if path.startswith(folder + "/")}

    def _source(self, name: str) -> bytes:
        return zlib.decompress(self._modules[name][2])


def _compressed(path: str) -> bytes:
    with open(path, "rb") as file:
        return zlib.compress(file.read())


class Resources:
    """What `importlib.resources` asks for the data of a package."""

    def __init__(self, library: Library, folder: str) -> None:
        self._library, self._folder = library, folder

    def files(self) -> "Resource":
        return Resource(self._library, self._folder)


class Resource:
    """A data file or a folder of a package: a `Traversable`. The class of that name would import much before
    there is a sandbox for it."""

    def __init__(self, library: Library, path: str) -> None:
        self._library, self._path = library, path

    @property
    def name(self) -> str:
        return os.path.basename(self._path)

    def iterdir(self) -> Iterator["Resource"]:
        return (self.joinpath(name) for name in sorted(self._library.names(self._path)))

    def is_dir(self) -> bool:
        return bool(self._library.names(self._path))

    def is_file(self) -> bool:
        return self._library.has_data(self._path)

    def joinpath(self, *parts: str) -> "Resource":
        return Resource(self._library, "/".join([self._path, *parts]))

    __truediv__ = joinpath

    def read_bytes(self) -> bytes:
        return self._library.get_data(self._path)

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self.read_bytes().decode(encoding, errors)

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        content = io.BytesIO(self.read_bytes())
        return content if "b" in mode else io.TextIOWrapper(content, *args, **kwargs)
