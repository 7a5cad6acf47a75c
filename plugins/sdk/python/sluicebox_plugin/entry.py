"""The module that becomes a component: it connects the plugin of the module `plugin` with the host's interface.

It is imported while the component is built. Every instance starts with the state that it has then.
"""

import json
import linecache
import sys
import tomllib
from pathlib import Path
from typing import Any

from componentize_py_types import Err
from wit_world.imports import log as host_log
from wit_world.imports import metrics as host_metrics
from wit_world.imports.types import Config, Failure_Fatal, Failure_Retry, Fields, Manifest, PackedBatch, PackedResult

from . import log, metrics, sandbox
from .errors import ConfigError, FatalError, RetryBatch
from .instance import Instance, Starter
from .plugin import Plugin
from .schema import schema
from .stack import describe
from .stage import Stage

sandbox.install()

import plugin  # noqa: E402  after what it is to find


def _class() -> type[Plugin]:
    """The plugin's class: what the module has that is derived from `Plugin`, the last one where they derive from
    one another."""
    found = {value for value in vars(plugin).values() if isinstance(value, type) and issubclass(value, Plugin)}
    leaves = [cls for cls in found - {Plugin} if not any(other is not cls and issubclass(other, cls) for other in found)]
    if len(leaves) != 1:
        names = ", ".join(sorted(cls.__name__ for cls in leaves)) or "none"
        raise ImportError(f"the module `plugin` has to have one class derived from sluicebox_plugin.Plugin; it has {names}")
    return leaves[0]


def _folder() -> Path:
    """The project's folder, which the module or package `plugin` lies in."""
    assert plugin.__file__ is not None
    file = Path(plugin.__file__)
    return file.parent.parent if file.name == "__init__.py" else file.parent


def _about() -> tuple[str, str]:
    """The plugin's name and version: those of its `pyproject.toml`."""
    try:
        project = tomllib.loads((_folder() / "pyproject.toml").read_text())["project"]
    except (OSError, KeyError):
        return _class().__name__, ""
    return str(project["name"]), str(project.get("version", ""))


def _write_schema() -> None:
    """Leaves the schema of the configuration to `sluice plugin build`, in its folder for intermediate files."""
    folder = _folder() / "build" / "made"
    if _starter.config is not Any and folder.is_dir():
        (folder / "config.schema.json").write_text(json.dumps(schema(_starter.config), indent=2, ensure_ascii=False))


def _remember_sources() -> None:
    """Keeps the lines of the modules that are neither Python's nor generated, for the places in a stack, and has
    them kept when their files are not there."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if not file.startswith(("/python/", "/world/", "/bundled/")):
            linecache.getlines(file)
    linecache.checkcache = lambda filename=None: None


sandbox.gather(str(_folder()))
_starter = Starter(_class())
_write_schema()
_name, _version = _about()
_remember_sources()
_levels = {level.name.lower(): level for level in host_log.Level}
_instance: Instance


class Lifecycle:
    """The interface `lifecycle`."""

    def init(self, config: Config) -> Manifest:
        global _instance
        log.connect(lambda level, message: host_log.write(_levels[level], message))
        metrics.connect(host_metrics.count)
        sandbox.seal(config.stage)
        try:
            _instance = _starter.start(Stage(config.stage, config.outputs), config.json)
        except ConfigError as error:
            raise Err(str(error)) from error
        except BaseException as error:
            raise Err(describe(error)) from error
        finally:
            sandbox.output.flush()
        return Manifest(_name, _version, Fields(_instance.needs.value))


class Packed:
    """The interface `packed`."""

    def process(self, batch: PackedBatch) -> PackedResult:
        try:
            return PackedResult(*_instance.process(batch.index, batch.data))
        except RetryBatch as error:
            raise Err(Failure_Retry(str(error))) from error
        except FatalError as error:
            raise Err(Failure_Fatal(str(error))) from error
        finally:
            sandbox.output.flush()
