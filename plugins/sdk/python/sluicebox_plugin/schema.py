"""The JSON Schema of a configuration, from the class that it is read into."""

import dataclasses
import inspect
import json
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema(hint: Any) -> dict[str, Any]:
    """The schema of all that a configuration of this type may be. `None`: the plugin takes no configuration."""
    type_schema = {"type": "object", "additionalProperties": False} if hint is None else _schema(hint)
    return {"$schema": DIALECT, **type_schema}


def _schema(hint: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint)
    if hint in _SIMPLE:
        return {"type": _SIMPLE[hint]}
    origin, args = get_origin(hint) or hint, get_args(hint)
    if origin is list:
        return {"type": "array", **({"items": _schema(args[0])} if args else {})}
    if origin is dict:
        return {"type": "object", **({"additionalProperties": _schema(args[1])} if args else {})}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(arg) if arg is not types.NoneType else {"type": "null"} for arg in args]}
    return {}


def _dataclass(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field in (field for field in dataclasses.fields(cls) if field.init):
        properties[field.name] = _schema(hints[field.name])
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append(field.name)
        elif _is_json(field.default):
            properties[field.name]["default"] = field.default
    return {
        "type": "object",
        **_description(cls),
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _description(cls: type) -> dict[str, str]:
    """A class without a docstring gets its signature for one."""
    text = inspect.cleandoc(cls.__doc__ or "")
    return {} if not text or text.startswith(f"{cls.__name__}(") else {"description": text}


def _is_json(value: Any) -> bool:
    if value is dataclasses.MISSING:
        return False
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
