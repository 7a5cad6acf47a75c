// Elements from plain descriptions. A view says what should be there, and `patch` changes only what differs, so that
// focus, selection and scrolling survive a refresh. Everything that is shown is a text node: nothing is ever parsed.

const SVG = "http://www.w3.org/2000/svg";

/** Describes an element. Children are descriptions, text, numbers, lists of these, or nothing (null, false). */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: children.flat(Infinity).filter(isShown) };
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

/** Makes the children of an element what the descriptions say. */
export function patch(parent, described) {
  const keyed = new Map();
  for (const node of parent.childNodes) {
    if (node.described?.props.key !== undefined) keyed.set(node.described.props.key, node);
  }
  let cursor = parent.firstChild;
  for (const child of [described].flat(Infinity).filter(isShown)) {
    const fit = findFit(child, cursor, keyed);
    const node = fit ?? create(child, parent);
    if (node === cursor) cursor = cursor.nextSibling;
    else parent.insertBefore(node, cursor);
    update(node, child);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

function findFit(child, cursor, keyed) {
  const key = child.props?.key;
  if (key !== undefined) {
    const node = keyed.get(key);
    return node?.described.tag === child.tag ? node : null;
  }
  if (!cursor || cursor.described?.props.key !== undefined) return null;
  if (typeof child !== "object") return cursor.nodeType === Node.TEXT_NODE ? cursor : null;
  return cursor.described?.tag === child.tag ? cursor : null;
}

function create(child, parent) {
  if (typeof child !== "object") return document.createTextNode(String(child));
  const isSvg = child.tag === "svg" || (parent.namespaceURI === SVG && parent.tagName !== "foreignObject");
  return isSvg ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
}

function update(node, child) {
  if (typeof child !== "object") {
    if (node.data !== String(child)) node.data = String(child);
    return;
  }
  const before = node.described?.props ?? {};
  node.described = child;
  for (const name in before) if (!(name in child.props)) setProperty(node, name, null, before[name]);
  for (const name in child.props) setProperty(node, name, child.props[name], before[name]);
  if (child.tag !== "textarea") patch(node, child.children);
  child.props.after?.(node);
}

function setProperty(node, name, value, before) {
  if (name === "key" || name === "after") return;
  if (name.startsWith("on")) {
    node[name] = value;
  } else if (name === "value" || name === "checked" || name === "disabled" || name === "open") {
    if (node[name] !== (value ?? false)) node[name] = value ?? (name === "value" ? "" : false);
  } else if (name === "style") {
    // Not the attribute, which the content security policy forbids.
    for (const property in before ?? {}) if (!(property in (value ?? {}))) node.style.removeProperty(property);
    for (const property in value ?? {}) node.style.setProperty(property, value[property]);
  } else if (value === before) {
    return;
  } else if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? "" : value);
  }
}
