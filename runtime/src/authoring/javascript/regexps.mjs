// Unicode property escapes (`\p{L}`) for an engine that has no Unicode tables: the classes that they stand for are
// written out.

import rewritePattern from 'regexpu-core';

const PROPERTY = /\\[pP]\{/;

/**
 * The code with every regular expression rewritten that has property escapes and is known when the plugin is built.
 * Lines stay where they are. `findings` of the kind `{ node, text }` tell of those that cannot be rewritten.
 */
export function withPropertyEscapes(code, nodes) {
  const [changes, findings] = [[], []];
  for (const node of nodes) {
    try {
      const text = replacement(node);
      if (text !== undefined) changes.push({ ...node, text });
    } catch (error) {
      findings.push({ node, text: error.message });
    }
  }
  changes.sort((one, other) => other.start - one.start);
  const replace = (text, change) => text.slice(0, change.start) + change.text + text.slice(change.end);
  const changed = changes.reduce(replace, code);
  return { code: changed, findings };
}

/** The text that replaces a node; `undefined`: it stays as it is. */
function replacement(node) {
  if (node.type === 'Literal' && node.regex !== undefined) {
    const { pattern, flags } = node.regex;
    if (!hasProperty(pattern, flags)) return undefined;
    const rewritten = rewrite(pattern, flags);
    return `/${new RegExp(rewritten.pattern, rewritten.flags).source}/${rewritten.flags}`;
  }
  const isCall = node.type === 'NewExpression' || node.type === 'CallExpression';
  if (!isCall || node.callee.name !== 'RegExp' || node.arguments.length === 0) return undefined;
  const [first, second] = node.arguments;
  const [pattern, flags] = [constant(first), second === undefined ? '' : constant(second)];
  if (pattern !== undefined && flags !== undefined) {
    if (!hasProperty(pattern, flags)) return undefined;
    const rewritten = rewrite(pattern, flags);
    return `new RegExp(${JSON.stringify(rewritten.pattern)}, ${JSON.stringify(rewritten.flags)})`;
  }
  if (parts(first).some((part) => PROPERTY.test(part))) {
    const text = '\\p{...} in a pattern that is put together at run time is not available in a plugin';
    throw new Error(`${text}: write the pattern as one literal`);
  }
  return undefined;
}

function hasProperty(pattern, flags) {
  return /[uv]/.test(flags) && PROPERTY.test(pattern);
}

function rewrite(pattern, flags) {
  let changed = flags;
  const text = rewritePattern(pattern, flags, {
    unicodePropertyEscapes: 'transform',
    unicodeSetsFlag: flags.includes('v') ? 'transform' : false,
    // The engine folds the case of few characters in its Unicode mode.
    unicodeFlag: flags.includes('i') ? 'transform' : false,
    onNewFlags: (given) => (changed = given),
  });
  return { pattern: text, flags: changed };
}

/** A string that is known; `undefined`: any other expression. */
function constant(node) {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type === 'TemplateLiteral' && node.expressions.length === 0) return node.quasis[0].value.cooked;
  const isRaw = node.type === 'TaggedTemplateExpression' && node.tag.property?.name === 'raw';
  return isRaw && node.quasi.expressions.length === 0 ? node.quasi.quasis[0].value.raw : undefined;
}

/** The strings that an expression is put together from. */
function parts(node) {
  if (node.type === 'BinaryExpression') return [...parts(node.left), ...parts(node.right)];
  if (node.type === 'TemplateLiteral') return node.quasis.map((quasi) => quasi.value.cooked ?? quasi.value.raw);
  if (node.type === 'TaggedTemplateExpression') return node.quasi.quasis.map((quasi) => quasi.value.raw);
  const text = constant(node);
  return text === undefined ? [] : [text];
}
