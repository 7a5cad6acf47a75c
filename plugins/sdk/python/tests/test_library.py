"""Modules kept for imports when there are no files, and what a plugin imports."""

import importlib
import importlib.resources
import pkgutil
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from sluicebox_plugin.sandbox.imports import Import, find, keep_packages, load
from sluicebox_plugin.sandbox.library import Library


class Kept(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.finders = list(sys.meta_path)
        self.addCleanup(lambda: sys.meta_path.__setitem__(slice(None), self.finders))

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def test_a_package_is_imported_when_its_files_are_gone(self) -> None:
        self.write("kept_one/__init__.py", "from . import inner")
        self.write("kept_one/inner.py", "VALUE = 'ä'")
        self.write("kept_one/data/zone", "bytes")
        self.write("kept_two.py", "def late():\n    import kept_one\n    return kept_one.inner.VALUE\n")
        library = Library()
        library.keep(str(self.folder))
        library.install()
        shutil.rmtree(self.folder)
        self.assertEqual(importlib.import_module("kept_two").late(), "ä")
        zone = importlib.resources.files("kept_one").joinpath("data", "zone")
        self.assertEqual((zone.read_bytes(), zone.is_file(), zone.is_dir()), (b"bytes", True, False))
        names = [entry.name for entry in importlib.resources.files("kept_one").iterdir()]
        self.assertEqual(names, ["__init__.py", "data", "inner.py"])
        self.assertEqual(pkgutil.get_data("kept_one", "data/zone"), b"bytes")
        self.assertIsNone(library.find_spec("kept_three"))

    def test_packages_that_are_imported_in_functions_of_packages_are_kept(self) -> None:
        self.write("kept_four/__init__.py", "def late():\n    import kept_five\n")
        self.write("kept_five.py", "")
        self.write("kept_six.py", "")
        sys.path.insert(0, str(self.folder))
        self.addCleanup(sys.path.remove, str(self.folder))
        importlib.import_module("kept_four")
        library = Library()
        keep_packages(library, [str(self.folder)])
        found = [name for name in ("kept_four", "kept_five", "kept_six") if library.find_spec(name) is not None]
        self.assertEqual(found, ["kept_four", "kept_five"])

    def test_what_functions_import_is_loaded_and_what_is_not_there_is_named(self) -> None:
        self.write("kept_plugin.py", "def late():\n    import kept_helper\n    import kept_nosuch\n")
        self.write("kept_helper.py", "def late():\n    from colorsys import kept_nothing\n    import wave\n")
        sys.path.insert(0, str(self.folder))
        self.addCleanup(sys.path.remove, str(self.folder))
        importlib.import_module("kept_plugin")
        with self.assertRaises(ImportError) as caught:
            load(str(self.folder))
        self.assertIn("kept_plugin.py:3: import kept_nosuch: No module named", str(caught.exception))
        self.assertIn("kept_helper.py:2: from colorsys import kept_nothing: ", str(caught.exception))
        self.assertIn("wave", sys.modules)


class Finding(unittest.TestCase):
    def test_imports_are_found_everywhere_and_those_that_may_fail_are_marked(self) -> None:
        source = """
import a.b, c
def function():
    from d import e
    importlib.import_module("f")
try:
    import g
except ImportError:
    import h
try:
    import i
except ValueError:
    pass
if TYPE_CHECKING:
    import j
else:
    import k
if sys.platform == "win32":
    import l
with contextlib.suppress(ImportError):
    import m
if __name__ == "__main__":
    import n
from . import o
"""
        found = {imported.module: imported.optional for imported in find(source, "package")}
        optional = {"g", "l", "m"}
        names = ["a.b", "c", "d", "f", "g", "h", "i", "k", "l", "m", "package"]
        self.assertEqual(found, {name: name in optional for name in names})
        self.assertEqual(find("from d import e"), [Import(1, "d", ("e",), False)])
        self.assertEqual(find("from . import o"), [])


if __name__ == "__main__":
    unittest.main()
