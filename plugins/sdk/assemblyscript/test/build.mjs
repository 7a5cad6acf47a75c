// Compiles a plugin of the tests, in a project like those that users have.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NAME = "sluicebox-plugin-assemblyscript";
const test = dirname(fileURLToPath(import.meta.url));
const sdk = dirname(test);
const compiler = join(dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")), "bin/asc.js");

/** Makes `build/NAME` of the SDK a project with the sources in `folder`, and compiles it: the core module. */
export function build(name, folder = join(test, "guest")) {
  const project = join(sdk, "build", name);
  const modules = join(project, "node_modules");
  mkdirSync(modules, { recursive: true });
  if (!existsSync(join(modules, NAME))) symlinkSync(sdk, join(modules, NAME), "dir");
  cpSync(folder, join(project, "assembly"), { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name, version: "1.2.3" }));
  writeFileSync(join(project, "asconfig.json"), JSON.stringify({ extends: `./node_modules/${NAME}/asconfig.json` }));
  const options = ["assembly/index.ts", "--config", "asconfig.json", "--outFile", "module.wasm"];
  execFileSync(process.execPath, [compiler, ...options], { cwd: project, stdio: ["ignore", "inherit", "pipe"] });
  return join(project, "module.wasm");
}
