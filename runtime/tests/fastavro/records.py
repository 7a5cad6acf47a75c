"""Writes random records of random schemas with fastavro, and judges what comes back of them.

Each line on standard output is a JSON object with a schema, a reader's schema and the data of a record; each line on standard input is
what was made of it: its JSON text, the data that this was encoded to, and the JSON text as the reader's. The last line out is a summary.
"""

import base64
import datetime
import decimal
import io
import json
import math
import random
import struct
import sys
import uuid

import fastavro

rng = random.Random()
LEAVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
LOGICAL = [
    ("int", "date"), ("int", "time-millis"), ("long", "time-micros"), ("long", "timestamp-millis"), ("long", "timestamp-micros"),
    ("long", "timestamp-nanos"), ("long", "local-timestamp-millis"), ("long", "local-timestamp-micros"), ("long", "local-timestamp-nanos"), ("string", "uuid"),
]


class Schemas:
    """One random schema: names are given once, and a record may hold itself below a union, an array or a map."""

    def __init__(self):
        self.count = 0
        self.done = []
        self.open = []

    def name(self):
        self.count += 1
        return f"{rng.choice(['a.', 'b.c.'])}N{self.count}"

    def any(self, depth):
        kind = rng.randrange(12 if depth else 7)
        if kind < 3:
            return rng.choice(LEAVES)
        if kind == 3:
            of, logical = rng.choice(LOGICAL)
            return {"type": of, "logicalType": logical}
        if kind == 4:
            return {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": rng.randrange(12)}
        if kind == 5 and self.done:
            return rng.choice(self.done)
        if kind in (5, 6):
            return self.named()
        if kind == 7:
            return {"type": "array", "items": self.inner(depth)}
        if kind == 8:
            return {"type": "map", "values": self.inner(depth)}
        if kind == 9:
            return self.union(depth)
        return self.record(depth)

    def inner(self, depth):
        if self.open and rng.random() < 0.15:
            return rng.choice(self.open)
        return self.any(depth - 1)

    def named(self):
        name = self.name()
        kind = rng.randrange(5)
        if kind < 2:
            made = {"type": "enum", "name": name, "symbols": [f"S{i}" for i in range(rng.randrange(1, 6))]}
        elif kind == 2:
            made = {"type": "fixed", "name": name, "size": rng.randrange(0, 20)}
        elif kind == 3:
            made = {"type": "fixed", "name": name, "size": 9, "logicalType": "decimal", "precision": 18, "scale": 5}
        else:
            made = {"type": "fixed", "name": name, "size": 12, "logicalType": "duration"}
        made["namespace"] = ""
        self.done.append(name)
        return made

    def union(self, depth):
        branches, kinds = [], set()
        for _ in range(rng.randrange(1, 6)):
            branch = self.inner(depth)
            kind = branch if isinstance(branch, str) else branch.get("name", branch["type"]) if isinstance(branch, dict) else "union"
            if kind != "union" and kind not in kinds:
                kinds.add(kind)
                branches.append(branch)
            elif isinstance(branch, (dict, list)):
                # A name that is defined in what is thrown away cannot be referred to.
                text = json.dumps(branch)
                self.done = [name for name in self.done if f'"name": "{name}"' not in text]
        if "null" not in kinds:
            branches.insert(rng.randrange(len(branches) + 1), "null")
        return branches

    def record(self, depth):
        name = self.name()
        self.open.append(name)
        fields = []
        for index in range(rng.randrange(6)):
            fields.append({"name": f"f{index}", "type": self.any(depth - 1)})
        self.open.remove(name)
        self.done.append(name)
        return {"type": "record", "name": name, "namespace": "", "fields": fields}


def text():
    return "".join(rng.choice(["a", "é", "😀", '"', "\\", "\n", "\x01", "\u2028", "word ", "string"]) for _ in range(rng.randrange(6)))


def raw(size):
    return bytes(rng.randrange(256) for _ in range(size))


def integer(bits):
    limit = 1 << (bits - 1)
    return rng.choice([0, -1, limit - 1, -limit, rng.randrange(-limit, limit), rng.randrange(-1000, 1000)])


def value(schema, names, depth):
    """A random value: what fastavro takes, and nothing that it would round."""
    if isinstance(schema, list):
        if depth <= 0 and "null" in schema:
            return None
        branch = rng.choice(schema)
        made = value(branch, names, depth)
        # So that fastavro does not have to guess.
        return None if branch == "null" else (tag(branch), made)
    if isinstance(schema, str):
        if schema in names:
            return value(names[schema], names, depth)
        schema = {"type": schema}
    kind, logical = schema["type"], schema.get("logicalType")
    if logical in ("decimal",):
        digits = rng.randrange(1, min(schema["precision"], 18) + 1)
        unscaled = rng.choice([0, 10**digits - 1, 1 - 10**digits, rng.randrange(10**digits), -rng.randrange(10**digits)])
        return decimal.Decimal(unscaled).scaleb(-schema["scale"])
    if logical == "uuid":
        return uuid.UUID(int=rng.getrandbits(128))
    if kind == "null":
        return None
    if kind == "boolean":
        return rng.random() < 0.5
    if kind in ("int", "long"):
        # Logical types stay numbers here: fastavro takes these as they are, whatever the year.
        return integer(32 if kind == "int" else 64)
    if kind == "float":
        number = struct.unpack("<f", raw(4))[0]
        return rng.choice([0.0, -0.0, math.inf, -math.inf, math.nan, 0.10000000149011612, math.nan if math.isnan(number) else number])
    if kind == "double":
        number = struct.unpack("<d", raw(8))[0]
        return rng.choice([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 0.1, math.nan if math.isnan(number) else number])
    if kind == "bytes":
        return raw(rng.randrange(12))
    if kind == "string":
        return text()
    if kind == "fixed":
        return raw(schema["size"])
    if kind == "enum":
        return rng.choice(schema["symbols"])
    count = 0 if depth <= 0 else rng.choice([0, 1, 2, 3, 70 if depth > 3 else 1])
    if kind == "array":
        return [value(schema["items"], names, depth - 1) for _ in range(count)]
    if kind == "map":
        return {f"{text()}{i}": value(schema["values"], names, depth - 1) for i in range(count)}
    return {field["name"]: value(field["type"], names, depth - 1) for field in schema["fields"]}


def tag(branch):
    if isinstance(branch, str):
        return branch
    return branch.get("name", branch["type"])


def define(schema, names):
    """All named types of a schema."""
    if isinstance(schema, list):
        for branch in schema:
            define(branch, names)
    elif isinstance(schema, dict):
        if "name" in schema:
            names[schema["name"]] = schema
        for part in ("items", "values"):
            if part in schema:
                define(schema[part], names)
        for field in schema.get("fields", []):
            define(field["type"], names)


def difference(left, right, ordered=True, path=""):
    """Where two values differ, or None. NaN is equal to itself, -0.0 not to 0.0; `ordered` is about fields and entries."""
    if isinstance(left, float) and isinstance(right, float):
        equal = struct.pack("<d", left) == struct.pack("<d", right) or (math.isnan(left) and math.isnan(right))
    elif isinstance(left, dict) and isinstance(right, dict):
        if (list(left) == list(right)) if ordered else (set(left) == set(right)):
            parts = (difference(left[key], right[key], ordered, f"{path}.{key}") for key in left)
            return next((found for found in parts if found), None)
        left, right, equal = list(left), list(right), False
    elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)) and len(left) == len(right):
        parts = (difference(*pair, ordered, f"{path}[{index}]") for index, pair in enumerate(zip(left, right)))
        return next((found for found in parts if found), None)
    else:
        equal = type(left) is type(right) and left == right
    return None if equal else f"at {path or 'the root'}: {left!r} is not {right!r}"


def strip(schema):
    """A schema without logical types but decimal and uuid, so that fastavro reads numbers of any year."""
    if isinstance(schema, list):
        return [strip(branch) for branch in schema]
    if isinstance(schema, dict):
        made = {key: strip(part) if key in ("items", "values", "type") else part for key, part in schema.items()}
        if "fields" in made:
            made["fields"] = [{**field, "type": strip(field["type"])} for field in made["fields"]]
        if made.get("logicalType") not in (None, "decimal", "uuid"):
            del made["logicalType"]
        return made
    return schema


def evolved(schema):
    """A reader's schema of a record: fields in another order, some gone, some with a wider type, and one that is new."""
    if not (isinstance(schema, dict) and schema["type"] == "record"):
        return schema
    fields = [dict(field) for field in schema["fields"]]
    wider = {"int": ["long", "double"], "long": ["double"], "float": ["double"], "string": ["bytes"]}
    for field in fields:
        if isinstance(field["type"], str) and field["type"] in wider and rng.random() < 0.5:
            field["type"] = rng.choice(wider[field["type"]])
        if rng.random() < 0.3:
            field["aliases"] = [field["name"]]
            field["name"] = "renamed_" + field["name"]
    plain = [field for field in fields if not isinstance(field["type"], (dict, list))]
    for field in plain:
        # What defines no type can go and move, without taking a definition from what refers to it.
        if field["type"] in LEAVES and rng.random() < 0.4:
            fields.remove(field)
            if rng.random() < 0.6:
                fields.append(field)
    fields.append({"name": "added", "type": ["null", "string"], "default": None})
    fields.append({"name": "number", "type": "long", "default": 7})
    return {**schema, "fields": fields}


def takes_wider(schema):
    """Whether a union holds a type behind a wider one. There fastavro reads the wider one, and Java and the codec the same one."""
    if isinstance(schema, list):
        tags = [tag(branch) for branch in schema]
        order = ["int", "long", "float", "double"]
        numbers = [order.index(found) for found in tags if found in order]
        return {"bytes", "string"} <= set(tags) or numbers != sorted(numbers) or any(takes_wider(branch) for branch in schema)
    if isinstance(schema, dict):
        parts = [schema[part] for part in ("items", "values", "type") if part in schema]
        return any(takes_wider(part) for part in parts + [field["type"] for field in schema.get("fields", [])])
    return False


def from_json(schema, names, made):
    """The value that JSON text stands for, by the table of docs/formats.md, written once more and independently."""
    if isinstance(schema, list):
        return union_from_json(schema, names, made)
    if isinstance(schema, str):
        if schema in names:
            return from_json(names[schema], names, made)
        schema = {"type": schema}
    kind, logical = schema["type"], schema.get("logicalType")
    if logical == "decimal":
        assert isinstance(made, str), made
        return decimal.Decimal(made)
    if logical == "uuid":
        return uuid.UUID(made)
    if logical == "duration":
        return struct.pack("<III", made["months"], made["days"], made["millis"])
    if logical and isinstance(made, str):
        return moment(logical, made)
    if kind in ("float", "double"):
        number = float(made.replace("Infinity", "inf")) if isinstance(made, str) else float(made)
        return struct.unpack("<f", struct.pack("<f", number))[0] if kind == "float" else number
    if kind in ("bytes", "fixed"):
        return base64.b64decode(made, validate=True)
    if kind == "array":
        return [from_json(schema["items"], names, item) for item in made]
    if kind == "map":
        return {key: from_json(schema["values"], names, item) for key, item in made.items()}
    if kind == "record":
        return {field["name"]: from_json(field["type"], names, made[field["name"]]) for field in schema["fields"]}
    return made


def union_from_json(schema, names, made):
    if made is None:
        return None
    tags = {tag(branch): branch for branch in schema}
    if isinstance(made, dict) and len(made) == 1 and (key := next(iter(made))) in tags:
        # In a union without tags such an object is a map or a record of the only branch of that kind.
        try:
            return from_json(tags[key], names, made[key])
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
            pass
    kinds = {dict: ("record", "map", "fixed"), list: ("array",), bool: ("boolean",), str: ("string", "bytes", "enum", "fixed")}
    numbers = ("int", "long", "float", "double")
    for branch in schema:
        of = names.get(branch, branch) if isinstance(branch, str) else branch
        of = of if isinstance(of, dict) else {"type": of}
        wanted = kinds.get(type(made), numbers)
        if isinstance(made, str) and (of["type"] in ("float", "double") or of.get("logicalType")):
            wanted = wanted + numbers
        is_duration = of.get("logicalType") == "duration"
        if of["type"] in wanted and (of["type"] != "fixed" or is_duration == isinstance(made, dict)):
            return from_json(of, names, made)
    raise AssertionError(f"{made} is in no branch of {schema}")


def moment(logical, made):
    """The number of a date, a time or a timestamp."""
    if logical == "date":
        if made.startswith("0000"):
            return datetime.date.fromisoformat("0400" + made[4:]).toordinal() - 719163 - 146097
        return datetime.date.fromisoformat(made).toordinal() - 719163
    head, _, fraction = made.removesuffix("Z").partition(".")
    scale = {3: 1000, 6: 1000000, 9: 1000000000}[len(fraction)]
    assert made.endswith("Z") == logical.startswith("timestamp"), made
    day, _, clock = head.rpartition("T")
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    days = moment("date", day) if day else 0
    return ((days * 24 + hours) * 60 + minutes) * 60 * scale + seconds * scale + int(fraction)


def read(data, writer, reader=None):
    source = io.BytesIO(data)
    made = fastavro.schemaless_reader(source, writer, reader, return_record_name=False)
    assert source.read() == b""
    return made


def root():
    """A random schema."""
    return Schemas().any(4) if rng.random() < 0.2 else Schemas().record(5)


def main():
    schemas, records, seed = (int(argument) for argument in sys.argv[1:4])
    rng.seed(seed)
    count = same_bytes = resolved = 0
    for _ in range(schemas):
        schema = root()
        names = {}
        define(schema, names)
        plain, reader = strip(schema), evolved(schema)
        plain_names, reader_names = {}, {}
        define(plain, plain_names)
        define(reader, reader_names)
        parsed, parsed_reader = fastavro.parse_schema(plain), fastavro.parse_schema(strip(reader))
        for _ in range(records // schemas):
            made = value(plain, plain_names, 6)
            out = io.BytesIO()
            fastavro.schemaless_writer(out, parsed, made)
            data = out.getvalue()
            print(json.dumps({"schema": schema, "reader": reader, "data": data.hex()}), flush=True)
            answer = json.loads(sys.stdin.readline())
            where = f"{json.dumps(schema)}\n{data.hex()}\n{answer}"
            assert "error" not in answer, where
            again = bytes.fromhex(answer["data"])
            original = read(data, parsed)
            found = difference(read(again, parsed), original)
            assert not found, f"fastavro reads another value {found}\n{where}"
            # Numbers of more than 53 bits stay whole in Python.
            found = difference(from_json(schema, names, json.loads(answer["json"])), original)
            assert not found, f"the JSON text says something else {found}\n{where}"
            count += 1
            same_bytes += again == data
            if takes_wider(schema):
                continue
            as_reader = read(data, parsed, parsed_reader)
            found = difference(from_json(reader, reader_names, json.loads(answer["as_reader"])), as_reader, ordered=False)
            assert not found, f"resolution differs {found}\n{json.dumps(reader)}\n{where}"
            resolved += reader is not schema
    print(json.dumps({"records": count, "same_bytes": same_bytes, "resolved": resolved, "fastavro": fastavro.__version__}), flush=True)


if __name__ == "__main__":
    main()
