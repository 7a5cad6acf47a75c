"""Reads a stage's configuration into a class of the plugin, with errors for the author of the pipeline file."""

import dataclasses
import json
import types
from collections.abc import Callable
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from .errors import ConfigError

Reader: TypeAlias = Callable[[Any, str], Any]
"""From a JSON value and its path to what the plugin gets."""


def read(reader: Reader, text: str) -> Any:
    """Reads the JSON text of a stage's `config:`; `null` (the pipeline file has none) is an empty map."""
    value = json.loads(text)
    return reader({} if value is None else value, "config")


def reader(hint: Any) -> Reader:
    """What reads a value of this type: a dataclass, `str`, `int`, `float`, `bool`, `list[T]`, `dict[str, T]`,
    `T | None`, `Any`."""
    if hint is Any:
        return lambda value, path: value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint)
    if hint in _SIMPLE:
        return _simple(hint)
    origin, args = get_origin(hint) or hint, get_args(hint)
    if origin is list:
        return _list(reader(args[0] if args else Any))
    if origin is dict:
        return _dict(reader(args[1] if args else Any))
    if origin in (Union, types.UnionType) and len(args) == 2 and types.NoneType in args:
        return _optional(reader(next(arg for arg in args if arg is not types.NoneType)))
    raise TypeError(f"{hint!r} is no type that a configuration can have")


def no_config(value: Any, path: str) -> None:
    """Reads the configuration of a plugin that takes none."""
    for key in _map(value, path):
        raise ConfigError(f"{path}.{key}: unknown key, expected none")


_SIMPLE: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a string"),
    int: ((int,), "a whole number"),
    float: ((float, int), "a number"),
    bool: ((bool,), "a boolean"),
}


def _simple(hint: Any) -> Reader:
    accepted, name = _SIMPLE[hint]

    def read(value: Any, path: str) -> Any:
        if type(value) not in accepted:
            raise _mismatch(path, name, value)
        return hint(value)

    return read


def _list(item: Reader) -> Reader:
    def read(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _mismatch(path, "a list", value)
        return [item(entry, f"{path}[{at}]") for at, entry in enumerate(value)]

    return read


def _dict(item: Reader) -> Reader:
    return lambda value, path: {key: item(entry, f"{path}.{key}") for key, entry in _map(value, path).items()}


def _optional(inner: Reader) -> Reader:
    return lambda value, path: None if value is None else inner(value, path)


def _dataclass(cls: type) -> Reader:
    hints = get_type_hints(cls)
    fields = [field for field in dataclasses.fields(cls) if field.init]
    readers = {field.name: reader(hints[field.name]) for field in fields}
    missing = dataclasses.MISSING
    required = [field.name for field in fields if field.default is missing and field.default_factory is missing]

    def read(value: Any, path: str) -> Any:
        for key in _map(value, path):
            if key not in readers:
                raise ConfigError(f"{path}.{key}: unknown key, expected {_one_of(sorted(readers))}")
        for key in required:
            if key not in value:
                raise ConfigError(f"{path}.{key}: missing")
        return cls(**{key: readers[key](entry, f"{path}.{key}") for key, entry in value.items()})

    return read


def _map(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _mismatch(path, "a map", value)
    return value


def _mismatch(path: str, expected: str, value: Any) -> ConfigError:
    return ConfigError(f"{path}: expected {expected}, found {_found(value)}")


def _found(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a map"
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return f"the text {text}"
    return text if value is None or isinstance(value, bool) else f"the number {text}"


def _one_of(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names) or "none"
    return f"{', '.join(names[:-1])} or {names[-1]}"
