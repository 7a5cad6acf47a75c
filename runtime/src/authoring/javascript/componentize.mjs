// From a JavaScript or TypeScript plugin to a component. `sluice plugin build` puts this file into the project's
// `build/` and runs it there, so that Node.js finds the project's own packages:
//
//     node build/made/componentize.mjs ENTRY WIT-FOLDER WORLD OUTPUT [--grant clock] [--grant random]
//
// All features of the engine are off, so it imports nothing of WASI. The SDK itself imports what is granted.

import { componentize, version } from '@bytecodealliance/componentize-js';
import { parse } from 'acorn';
import esbuild from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { find, nodesOf } from './findings.mjs';
import { withPropertyEscapes } from './regexps.mjs';

const WRAPPER = 'sluicebox-wrapper.js';
const FEATURES = ['stdio', 'random', 'clocks', 'http', 'fetch-event'];

/**
 * What a grant adds: interfaces for the world, and functions of theirs for the SDK. They are called `host:` until the
 * component is made, because componentize-js answers all that is called `wasi:` itself where its features are off; with
 * them on it would import much that no grant covers.
 */
const GRANTS = {
  clock: {
    wit: `package host:clocks@0.2.0;
interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
interface monotonic-clock { type instant = u64; now: func() -> instant; }`,
    imports: {
      'host:clocks/wall-clock@0.2.0': 'now as wallClock',
      'host:clocks/monotonic-clock@0.2.0': 'now as monotonicClock',
    },
  },
  random: {
    wit: `package host:random@0.2.0;
interface random { get-random-bytes: func(len: u64) -> list<u8>; }`,
    imports: { 'host:random/random@0.2.0': 'getRandomBytes as randomBytes' },
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { grant: { type: 'string', multiple: true, default: [] } },
});
const [entry, witFolder, world, output] = positionals.map((path, n) => (n === 2 ? path : resolve(path)));
const grants = [...new Set(values.grant)].map((name) => GRANTS[name] ?? fail(`there is no grant ${name}`));
const project = await projectOf(entry);
const bundle = join(dirname(output), `${project.name.split('/').at(-1)}.bundle.js`);

await mkdir(dirname(output), { recursive: true });
const { code, table } = checked(await bundled());
await writeSchema();
const source = `${code}\nglobalThis.sluiceboxSources = ${JSON.stringify(table)};\n`;
if (!(await isBuilt())) {
  await writeFile(bundle, source); // for debugging: what went into the component
  await rm(output, { force: true });
  await writeFile(output, withWasi(await built()));
  await writeFile(keyFile(), await key());
}

async function built() {
  // The text and not the file: a path with a space in it would be torn apart.
  const made = componentize(source, {
    sourceName: basename(bundle),
    witPath: await interfaceFolder(),
    worldName: grants.length === 0 ? world : 'granted',
    disableFeatures: FEATURES,
  });
  const { component } = await made.catch((error) => fail(explained(error, table)));
  return component;
}

/**
 * Whether the last build had the same inputs. Two builds never have the same bytes, because the engine seeds
 * itself.
 */
async function isBuilt() {
  const last = await readFile(keyFile(), 'utf8').catch(() => null);
  return last === (await key()) && existsSync(output);
}

/** Of all that goes into the component. */
async function key() {
  const hash = createHash('sha256').update(source);
  hash.update(JSON.stringify([version, world, values.grant]));
  for (const file of (await readdir(witFolder)).sort()) hash.update(await readFile(join(witFolder, file)));
  return hash.update(await readFile(fileURLToPath(import.meta.url))).digest('hex');
}

function keyFile() {
  return `${output}.key`;
}

/** The component with the interfaces that are granted under their real names, which are as long. */
function withWasi(component) {
  const bytes = Buffer.from(component);
  for (const name of grants.flatMap((grant) => Object.keys(grant.imports))) {
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at)) bytes.write('wasi', at);
  }
  return bytes;
}

/** The nearest package.json, and its folder. */
async function projectOf(file) {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => null);
    if (text !== null) return { folder, version: '0.0.0', ...JSON.parse(text) };
    if (folder === dirname(folder)) fail(`${file}: there is no package.json in the folders above`);
  }
}

/** The plugin, the SDK and all other packages in one file, and the table that leads from its lines to the sources'. */
async function bundled() {
  const result = await esbuild
    .build({ ...bundling(wrapper()), outfile: bundle, external: ['sluicebox:*', 'host:*'], sourcemap: 'external' })
    .catch(() => process.exit(1)); // esbuild has said why
  const [map, code] = [result.outputFiles.find(isMap), result.outputFiles.find((file) => !isMap(file))];
  return { code: code.text, table: sources(JSON.parse(map.text)) };
}

function bundling(contents) {
  return {
    stdin: { contents, resolveDir: project.folder, sourcefile: WRAPPER },
    absWorkingDir: project.folder,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import', 'module'],
    target: 'es2022',
    write: false,
  };
}

/**
 * Leaves the JSON Schema of the configuration to the build. For that the plugin's files are loaded here, in Node.js,
 * as its tests load them.
 */
async function writeSchema() {
  // A copy of the SDK may be older than this file.
  const contents = `import plugin from ${JSON.stringify(entry)};
import * as config from 'sluicebox-plugin/config';
export default config.schemaOf?.(plugin);`;
  try {
    const { outputFiles } = await esbuild.build({ ...bundling(contents), logLevel: 'silent' });
    const file = join(dirname(output), 'config-schema.mjs');
    await writeFile(file, outputFiles[0].text);
    const { default: schema } = await import(pathToFileURL(file));
    const text = JSON.stringify(schema, null, 2);
    if (text !== undefined) await writeFile(join(dirname(output), 'config.schema.json'), text);
  } catch (error) {
    console.error(`warning: the component has no schema, because the plugin does not load in Node.js: ${error.message}`);
  }
}

/** The bundle with property escapes rewritten. What the engine lacks otherwise is reported with file and line. */
function checked({ code, table }) {
  const nodes = nodesOf(parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true }));
  const source = (node) => table.lines[node.loc.start.line];
  const fileOf = (node) => table.files[source(node)?.[0]] ?? '';
  const isOwn = (node) => fileOf(node) !== '' && !fileOf(node).includes('node_modules/');
  const rewritten = withPropertyEscapes(code, nodes);
  const severity = (node) => (isOwn(node) && !node.guarded ? 'error' : 'warning');
  const escapes = rewritten.findings.map(({ node, text }) => ({ node, severity: severity(node), text }));
  const found = [...find(nodes, isOwn, fileOf), ...escapes];
  const findings = found.filter(({ node }) => source(node) !== undefined);
  const shown = findings.map(({ node, severity, text }) => `${severity}: ${fileOf(node)}:${source(node)[1]}: ${text}`);
  for (const line of new Set(shown)) console.error(line);
  if (findings.some(({ severity }) => severity === 'error')) {
    console.error('help: docs/languages.md lists what a plugin in JavaScript does not have');
    process.exit(1);
  }
  return { code: rewritten.code, table };
}

function isMap(file) {
  return file.path.endsWith('.map');
}

/** The entry of the bundle. The sandbox comes first: the plugin's files may use it when they load. */
function wrapper() {
  const imports = {
    'sluicebox:plugin/log@0.1.0': 'write',
    'sluicebox:plugin/metrics@0.1.0': 'count',
    ...Object.assign({}, ...grants.map((grant) => grant.imports)),
  };
  const names = Object.values(imports).map((name) => name.split(' as ').at(-1));
  const about = { name: project.name.split('/').at(-1), version: project.version };
  return `import 'sluicebox-plugin/sandbox';
import plugin from ${JSON.stringify(entry)};
import { component } from 'sluicebox-plugin/component';
${Object.entries(imports).map(([from, name]) => `import { ${name} } from '${from}';`).join('\n')}
export const { lifecycle, packed } = component(plugin, ${JSON.stringify(about)}, { ${names.join(', ')} });
`;
}

/** The folder of the interface, or one of a world that adds what is granted. */
async function interfaceFolder() {
  if (grants.length === 0) return witFolder;
  const folder = join(dirname(output), 'wit-granted');
  await rm(folder, { recursive: true, force: true });
  await cp(witFolder, join(folder, 'deps', 'sluicebox'), { recursive: true });
  for (const [n, grant] of grants.entries()) {
    await mkdir(join(folder, 'deps', `granted-${n}`));
    await writeFile(join(folder, 'deps', `granted-${n}`, 'granted.wit'), grant.wit);
  }
  const imports = grants.flatMap((grant) => Object.keys(grant.imports)).map((name) => `import ${name};`);
  await writeFile(
    join(folder, 'world.wit'),
    `package sluicebox:granted;\nworld granted { include sluicebox:plugin/${world}@0.1.0; ${imports.join(' ')} }\n`,
  );
  return folder;
}

/**
 * `{ bundle, files, lines: { LINE: [file, line] } }`: where each line of the bundle comes from, for the SDK's
 * stacks.
 */
function sources(map) {
  const sdk = dirname(fileURLToPath(import.meta.resolve('sluicebox-plugin/package.json'))) + sep;
  const paths = map.sources.map((path) => resolve(dirname(bundle), path));
  const isShown = paths.map((path) => !path.startsWith(sdk) && !path.endsWith(WRAPPER));
  const lines = {};
  let [source, line] = [0, 0];
  for (const [n, text] of map.mappings.split(';').entries()) {
    for (const segment of text.split(',').filter((segment) => segment !== '')) {
      const [, sourceStep = 0, lineStep = 0] = decodeSegment(segment);
      [source, line] = [source + sourceStep, line + lineStep];
      if (isShown[source]) lines[n + 1] ??= [source, line + 1];
    }
  }
  const files = paths.map((path) => relative(project.folder, path).split(sep).join('/'));
  return { bundle: basename(bundle), files, lines };
}

/** The numbers of a source map's segment, in base 64 VLQ: five bits in each digit, the sign in the lowest. */
function decodeSegment(segment) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const numbers = [];
  let [value, shift] = [0, 0];
  for (const char of segment) {
    const digit = digits.indexOf(char);
    value += (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) === 0) {
      numbers.push(value & 1 ? -(value >> 1) : value >> 1);
      [value, shift] = [0, 0];
    }
  }
  return numbers;
}

/** The engine's error. What a plugin's own files threw when they were loaded is told with its place in them. */
function explained(error, { files, lines }) {
  const [, thrown] = /top-level script\n.*?:\d+:\d+ (.*)/.exec(error.message) ?? [];
  if (thrown === undefined) return error.message;
  const frames = [...error.message.matchAll(/\.bundle\.js:(\d+):\d+/g)].map(([, line]) => lines[line]);
  const place = frames.find((source) => source !== undefined);
  const where = place === undefined ? '' : `${files[place[0]]}:${place[1]}: `;
  return `${where}${thrown}`;
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}
