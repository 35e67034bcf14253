// JSON with places: a value knows where in its text it stands, so that a change touches its own bytes and no other.
// `JSON.parse` and `JSON.stringify` would rewrite decimals (1.50 becomes 1.5), and FHIR counts their digits.

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const MAX_DEPTH = 100;

// { start, end } and, for an object, `members` (Map of name to { key, value }); for an array, `items`.
// Throws a SyntaxError that says where, never what.
export function parse(text) {
  let at = 0;
  const skip = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const fail = () => {
    throw new SyntaxError(`not JSON at character ${at}`);
  };
  const take = (character) => {
    skip(SPACE);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const value = (depth) => {
    if (depth > MAX_DEPTH) fail();
    skip(SPACE);
    const start = at;
    if (take("{")) {
      const members = new Map();
      if (!take("}")) {
        do {
          skip(SPACE);
          const key = at;
          if (text[at] !== '"' || !skip(SCALAR)) fail();
          const name = JSON.parse(text.slice(key, at));
          if (members.has(name) || !take(":")) fail();
          members.set(name, { key, value: value(depth + 1) });
        } while (take(","));
        if (!take("}")) fail();
      }
      return { start, end: at, members };
    }
    if (take("[")) {
      const items = [];
      if (!take("]")) {
        do items.push(value(depth + 1));
        while (take(","));
        if (!take("]")) fail();
      }
      return { start, end: at, items };
    }
    if (!skip(SCALAR)) fail();
    return { start, end: at };
  };
  const root = value(0);
  skip(SPACE);
  if (at !== text.length) fail();
  return root;
}

// The value at a path of names and indexes; undefined where there is none, or null.
export function find(text, root, path) {
  let node = root;
  for (const step of path) {
    node = typeof step === "number" ? node.items?.[step] : node.members?.get(step)?.value;
    if (!node || text.slice(node.start, node.end) === "null") return undefined;
  }
  return node;
}

// The characters of a string; undefined for anything else.
export function string(text, node) {
  return node && text[node.start] === '"' ? JSON.parse(text.slice(node.start, node.end)) : undefined;
}

// The text with the member or item at `path` set to the JSON text `json`, or removed where that is undefined.
// A container that is not there is made; one that would be left empty goes too.
export function set(text, path, json) {
  const root = parse(text);
  let depth = path.length;
  while (depth > 0 && find(text, root, path.slice(0, depth)) === undefined) depth -= 1;
  if (depth === path.length) {
    if (json === undefined) return remove(text, root, path);
    const old = find(text, root, path);
    return text.slice(0, old.start) + json + text.slice(old.end);
  }
  if (json === undefined) return text;
  const made = path.slice(depth + 1).reduceRight(
    (inner, step) => (typeof step === "number" ? `[${inner}]` : `{${JSON.stringify(step)}:${inner}}`),
    json,
  );
  const container = find(text, root, path.slice(0, depth));
  const step = path[depth];
  const present = container.members?.get(step)?.value ?? container.items?.[step];
  if (present) return text.slice(0, present.start) + made + text.slice(present.end); // It is null.
  if (!container.members && !container.items) throw new TypeError("no object where one is needed");
  const parts = container.items ?? [...container.members.values()].map((member) => member.value);
  const end = parts.length > 0 ? parts.at(-1).end : container.start + 1;
  const part = container.items ? made : `${JSON.stringify(step)}:${made}`;
  return text.slice(0, end) + (parts.length > 0 ? "," : "") + part + text.slice(end);
}

function remove(text, root, path) {
  const container = find(text, root, path.slice(0, -1));
  const step = path.at(-1);
  const spans = container.items
    ? container.items.map((item) => ({ start: item.start, end: item.end }))
    : [...container.members.values()].map((member) => ({ start: member.key, end: member.value.end }));
  const index = container.items ? step : [...container.members.keys()].indexOf(step);
  if (spans.length === 1 && path.length > 1) return remove(text, root, path.slice(0, -1));
  const [from, to] =
    index > 0 ? [spans[index - 1].end, spans[index].end] : [spans[0].start, spans[1]?.start ?? spans[0].end];
  return text.slice(0, from) + text.slice(to);
}
