// Finds code in a plugin that uses what the engine does not have.

/** Names that do not exist in a plugin, each with the reason or with what to use instead. */
const MISSING = {
  Intl: 'there is no data on languages and time zones',
  WebAssembly: 'a plugin cannot load another module',
  SharedArrayBuffer: 'a plugin has one thread',
  Atomics: 'a plugin has one thread',
  Worker: 'a plugin has one thread',
  MessageChannel: 'a plugin has one thread',
  BroadcastChannel: 'a plugin has one thread',
  WebSocket: 'a plugin has no network',
  XMLHttpRequest: 'a plugin has no network',
  process: 'a plugin does not run in Node.js, and has no environment',
  Buffer: 'a plugin does not run in Node.js: use Uint8Array, TextEncoder and TextDecoder',
  require: 'a plugin does not run in Node.js: use import',
  setImmediate: 'nothing in a plugin can wait',
  navigator: 'a plugin does not run in a browser',
  localStorage: 'a plugin keeps nothing from one start to the next',
  Temporal: 'use Date',
  URLPattern: 'use a regular expression',
  TextDecoderStream: 'use TextDecoder',
};

/** Methods whose result differs from that in Node.js, with what they do in a plugin. */
const DIFFERENT = {
  toLocaleString: 'knows no languages and no time zones, and writes the same as toString',
  toLocaleDateString: 'knows no languages and no time zones, and writes MM/DD/YYYY in UTC',
  toLocaleTimeString: 'knows no languages and no time zones, and writes HH:MM:SS in UTC',
  localeCompare: 'compares code units, not letters in the order of a language',
  toLocaleUpperCase: 'ignores the language that it is given',
  toLocaleLowerCase: 'ignores the language that it is given',
};

/** All nodes of a syntax tree, each with its parent, its scope, and whether it is in a `try` with a handler. */
export function nodesOf(ast) {
  const nodes = [];
  const visit = (node, parent, scope, guarded) => {
    const inner = opensScope(node) ? { outer: scope, names: declared(node) } : scope;
    nodes.push({ ...node, parent, scope: inner, guarded });
    for (const [key, value] of Object.entries(node)) {
      const children = Array.isArray(value) ? value : [value];
      const isTried = node.type === 'TryStatement' && key === 'block' && node.handler !== null;
      for (const child of children) {
        if (typeof child?.type === 'string') visit(child, node, inner, guarded || isTried);
      }
    }
  };
  visit(ast, null, undefined, false);
  return nodes;
}

/**
 * What is missing or different: `{ node, severity, text }`. `isOwn(node)`: whether it is in the plugin's files, not
 * a package's.
 */
export function find(nodes, isOwn, fileOf) {
  const asked = new Set(nodes.filter(isTypeof).map((node) => `${fileOf(node)} ${node.argument.name}`));
  const findings = [];
  for (const node of nodes) {
    if (isReference(node) && Object.hasOwn(MISSING, node.name) && !isDeclared(node)) {
      if (node.parent.type === 'UnaryExpression' && node.parent.operator === 'typeof') continue;
      const isChecked = node.guarded || asked.has(`${fileOf(node)} ${node.name}`);
      if (isChecked && !isOwn(node)) continue;
      const severity = isOwn(node) && !isChecked ? 'error' : 'warning';
      findings.push({ node, severity, text: `${node.name} is not available in a plugin: ${MISSING[node.name]}` });
    }
    const method = calledMethod(node);
    const isDifferent = method !== undefined && Object.hasOwn(DIFFERENT, method);
    if (isDifferent && (node.arguments.length > 0 || !method.endsWith('Case'))) {
      findings.push({ node, severity: 'warning', text: `in a plugin ${method} ${DIFFERENT[method]}` });
    }
  }
  return findings;
}

function isTypeof(node) {
  return node.type === 'UnaryExpression' && node.operator === 'typeof' && node.argument.type === 'Identifier';
}

function calledMethod(node) {
  const isMethod = node.type === 'CallExpression' && node.callee.type === 'MemberExpression' && !node.callee.computed;
  return isMethod ? node.callee.property.name : undefined;
}

/** Whether an identifier reads a variable, and is not a key, label or declaration. */
function isReference({ type, parent, start }) {
  if (type !== 'Identifier') return false;
  const is = (child) => child !== null && child !== undefined && child.start === start;
  switch (parent.type) {
    case 'MemberExpression':
      return parent.computed || !is(parent.property);
    case 'Property':
      return parent.computed || parent.shorthand || is(parent.value);
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return parent.computed || !is(parent.key);
    case 'LabeledStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
    case 'ImportSpecifier':
    case 'ExportSpecifier':
    case 'MetaProperty':
      return false;
    default:
      return true;
  }
}

function isDeclared({ name, scope }) {
  for (let at = scope; at !== undefined; at = at.outer) if (at.names.has(name)) return true;
  return false;
}

function opensScope(node) {
  return node.type === 'Program' || isFunction(node);
}

function isFunction(node) {
  return /^(Function|ArrowFunction)/.test(node.type);
}

/** The names that a function declares, in its blocks too, without those of functions in it. */
function declared(scope) {
  const names = new Set(isFunction(scope) && scope.id ? [scope.id.name] : []);
  const bind = (pattern) => {
    switch (pattern?.type) {
      case 'Identifier':
        return names.add(pattern.name);
      case 'ObjectPattern':
        return pattern.properties.forEach((property) => bind(property.value ?? property.argument));
      case 'ArrayPattern':
        return pattern.elements.forEach(bind);
      case 'AssignmentPattern':
        return bind(pattern.left);
      case 'RestElement':
        return bind(pattern.argument);
    }
  };
  const visit = (node) => {
    if (node.type === 'VariableDeclarator') bind(node.id);
    if (/^(Function|Class)Declaration$/.test(node.type)) bind(node.id);
    if (node.type === 'CatchClause') bind(node.param);
    if (/^Import.*Specifier$/.test(node.type)) bind(node.local);
    if (isFunction(node)) return;
    children(node).forEach(visit);
  };
  (scope.params ?? []).forEach(bind);
  children(scope).forEach(visit);
  return names;
}

function children(node) {
  return Object.values(node).flat().filter((child) => typeof child?.type === 'string');
}
