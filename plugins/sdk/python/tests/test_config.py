"""What a configuration is read into, and what is said of a wrong one."""

import json
import unittest
from dataclasses import dataclass, field
from typing import Any, Optional

from sluicebox_plugin import ConfigError
from sluicebox_plugin.config import read, reader
from sluicebox_plugin.schema import DIALECT, schema


@dataclass
class Nested:
    flag: bool


@dataclass
class Config:
    contains: str
    count: int = 1
    ratio: float = 0.5
    nested: Nested | None = None
    names: list[str] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)
    old: Optional[str] = None
    anything: Any = None


@dataclass
class One:
    contains: str


@dataclass
class Two:
    b: str = ""
    a: str = ""


class Reading(unittest.TestCase):
    def test_every_type_is_read(self) -> None:
        value = {
            "contains": "x",
            "count": 2,
            "ratio": 3,
            "nested": {"flag": True},
            "names": ["a"],
            "limits": {"a": 1},
            "old": None,
            "anything": [1, {}],
        }
        expected = Config("x", 2, 3.0, Nested(True), ["a"], {"a": 1}, None, [1, {}])
        config = read(reader(Config), json.dumps(value))
        self.assertEqual(config, expected)
        self.assertIs(type(config.ratio), float)

    def test_null_is_an_empty_map(self) -> None:
        self.assertEqual(read(reader(Two), "null"), Two())
        self.assertEqual(read(reader(dict[str, str]), "null"), {})

    def test_an_error_names_the_key_what_is_right_and_what_was_found(self) -> None:
        for cls, text, error in [
            (One, '{"contains": 5}', "config.contains: expected a string, found the number 5"),
            (One, '{"contains": true}', "config.contains: expected a string, found true"),
            (One, '{"contains": null}', "config.contains: expected a string, found null"),
            (One, '{"contains": []}', "config.contains: expected a string, found a list"),
            (One, '{"contains": {}}', "config.contains: expected a string, found a map"),
            (One, "{}", "config.contains: missing"),
            (One, "null", "config.contains: missing"),
            (One, '{"contans": "x"}', "config.contans: unknown key, expected contains"),
            (Two, '{"c": "x"}', "config.c: unknown key, expected a or b"),
            (One, "[]", "config: expected a map, found a list"),
            (One, '"é"', 'config: expected a map, found the text "é"'),
            (Config, '{"contains":"","count": true}', "config.count: expected a whole number, found true"),
            (Config, '{"contains":"","count": 1.5}', "config.count: expected a whole number, found the number 1.5"),
            (Config, '{"contains":"","ratio": "x"}', 'config.ratio: expected a number, found the text "x"'),
            (Config, '{"contains":"","nested": {}}', "config.nested.flag: missing"),
            (Config, '{"contains":"","nested": {"flag": 1}}', "config.nested.flag: expected a boolean, found the number 1"),
            (Config, '{"contains":"","names": ["a", 5]}', "config.names[1]: expected a string, found the number 5"),
            (Config, '{"contains":"","limits": {"a": "x"}}', 'config.limits.a: expected a whole number, found the text "x"'),
        ]:
            with self.subTest(text), self.assertRaises(ConfigError) as caught:
                read(reader(cls), text)
            self.assertEqual(str(caught.exception), error)

    def test_several_keys_are_listed(self) -> None:
        expected = "config.x: unknown key, expected anything, contains, count, limits, names, nested, old or ratio"
        with self.assertRaises(ConfigError) as caught:
            read(reader(Config), '{"x": 1}')
        self.assertEqual(str(caught.exception), expected)

    def test_a_type_that_cannot_be_read_is_found_before_it_is_used(self) -> None:
        with self.assertRaisesRegex(TypeError, "is no type that a configuration can have"):
            reader(set[str])

    def test_the_schema_says_what_the_reader_takes(self) -> None:
        text = {"type": "string"}
        nested = {
            "type": "object",
            "properties": {"flag": {"type": "boolean"}},
            "required": ["flag"],
            "additionalProperties": False,
        }
        expected = {
            "$schema": DIALECT,
            "type": "object",
            "properties": {
                "contains": text,
                "count": {"type": "integer", "default": 1},
                "ratio": {"type": "number", "default": 0.5},
                "nested": {"anyOf": [nested, {"type": "null"}], "default": None},
                "names": {"type": "array", "items": text},
                "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
                "old": {"anyOf": [text, {"type": "null"}], "default": None},
                "anything": {"default": None},
            },
            "required": ["contains"],
            "additionalProperties": False,
        }
        self.assertEqual(schema(Config), expected)
        self.assertEqual(schema(None), {"$schema": DIALECT, "type": "object", "additionalProperties": False})


if __name__ == "__main__":
    unittest.main()
