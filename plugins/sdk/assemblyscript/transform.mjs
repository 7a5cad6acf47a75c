// What the compiler cannot be told by options: the plugin's name and version out of its package.json, a garbage collector
// that is there from the start, exports with the names of the interface (an AssemblyScript export is an identifier), and
// a word about imports that no plugin has.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const SDK = "~lib/sluicebox-plugin-assemblyscript/assembly/";

const EXPORTS = {
  init: "sluicebox:plugin/lifecycle@0.1.0#init",
  process: "sluicebox:plugin/packed@0.1.0#process",
  cabi_realloc: "cabi_realloc",
};

const IMPORTS = ["sluicebox:plugin/log@0.1.0", "sluicebox:plugin/metrics@0.1.0"];

export default class Component {
  /** Changes two sources before they are compiled. */
  afterParse(parser) {
    const source = (path) => parser.sources.find(({ internalPath }) => internalPath === path);
    const { name, version } = JSON.parse(readFileSync(join(this.baseDir, "package.json"), "utf8"));
    writeManifest(source(`${SDK}manifest`), { NAME: name, VERSION: version ?? "0.0.0" });
    startCollectorFirst(source("~lib/rt/tcms"));
  }

  /** Names the exports, and refuses imports that a plugin cannot have. */
  afterCompile(module) {
    for (const { name, value } of exportsOf(module, this.binaryen)) {
      if (name === "memory") continue;
      module.removeExport(name);
      if (value.startsWith(`${SDK}glue/`)) module.addFunctionExport(value, EXPORTS[name]);
    }
    const stray = importsOf(module, this.binaryen).filter(({ module }) => !IMPORTS.includes(module));
    if (stray.length > 0) {
      const names = stray.map(({ module, base }) => `${module}.${base}`).join(", ");
      const error = new Error(
        `a plugin cannot import ${names}: the sandbox has no clock, no files and no network ` +
          "(for the time of a record see record.timestamp)",
      );
      error.stack = error.message; // what asc prints
      throw error;
    }
  }
}

/** Puts constants into the declarations of their names. */
function writeManifest({ statements }, constants) {
  for (const { declarations } of statements) {
    for (const { name, initializer } of declarations) initializer.value = constants[name.text];
  }
}

/**
 * Has the lists of the garbage collector made before anything else starts. As `@lazy` they are made in the module that is
 * compiled when the compiler first meets them, which may start behind others: what those allocate would be in no list.
 */
function startCollectorFirst({ statements }) {
  for (const declaration of statements.flatMap(({ declarations }) => declarations ?? [])) {
    declaration.decorators = declaration.decorators?.filter(({ name }) => name.text !== "lazy") ?? null;
  }
}

function exportsOf(module, binaryen) {
  const count = module.getNumExports();
  return Array.from({ length: count }, (_, n) => binaryen.getExportInfo(module.getExportByIndex(n)));
}

function importsOf(module, binaryen) {
  const count = module.getNumFunctions();
  const functions = Array.from({ length: count }, (_, n) => binaryen.getFunctionInfo(module.getFunctionByIndex(n)));
  return functions.filter(({ module }) => module !== "");
}
