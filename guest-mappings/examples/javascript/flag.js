// `tt_flag` <-> FHIR Flag: a mapping in JavaScript, without an SDK. The contract is wit/mapping.wit; what a mapping
// must do is there, and the three objects at the end are its interfaces.

import { find, parse, set, string } from "./json.js";

const CODE = ["code", "coding", 0];
const CATEGORY = ["category", 0, "coding", 0];

const text = { tag: "text", val: { maxLength: undefined, multiLine: false } };
const STATUS = [
  { value: 935000000, code: "active", system: undefined, label: "Active" },
  { value: 935000001, code: "inactive", system: undefined, label: "Inactive" },
  { value: 935000002, code: "entered-in-error", system: undefined, label: "Entered in error" },
];
const status = { tag: "choice", val: { options: STATUS, open: false, valueSet: undefined } };
const lookup = (table, type, navigation) => ({
  tag: "lookup",
  val: { tables: [table], resourceTypes: [type], navigation },
});

// One line a column: name, label, type, path, and what its kind needs.
const COLUMNS = [
  column("tt_flagid", "Flag", { tag: "key" }, ["id"], { access: { read: true, create: true } }),
  column("tt_name", "Name", text, ["code", "text"]),
  column("tt_status", "Status", status, ["status"], { required: true }),
  column("tt_code_code", "Code (code)", text, [...CODE, "code"]),
  column("tt_code_system", "Code (system)", text, [...CODE, "system"]),
  column("tt_code_display", "Code (display)", text, [...CODE, "display"]),
  column("tt_category_code", "Category (code)", text, [...CATEGORY, "code"]),
  column("tt_category_system", "Category (system)", text, [...CATEGORY, "system"]),
  column("tt_category_display", "Category (display)", text, [...CATEGORY, "display"]),
  column("tt_subjectpatient", "Patient", lookup("contacts", "Patient", "tt_subjectpatient"), ["subject", "reference"]),
  column("tt_encounter", "Encounter", lookup("msemr_encounters", "Encounter", "tt_encounter"), ["encounter", "reference"]),
  column("tt_periodstart", "Start", { tag: "date-time" }, ["period", "start"]),
  column("tt_periodend", "End", { tag: "date-time" }, ["period", "end"]),
  column("tt_version", "Version", text, ["meta", "versionId"], { access: { read: true } }),
];

function column(name, label, kind, path, more = {}) {
  const access = { read: true, create: false, update: false, ...(more.access ?? { create: true, update: true }) };
  return { name, label, kind, path, access, required: more.required ?? false };
}

const index = (name) => COLUMNS.findIndex((column) => column.name === name);

function search(name, param, kind, exact, superset, more = {}) {
  const ops = { eq: false, ne: false, lt: false, le: false, gt: false, ge: false };
  const all = { ...ops, anyOf: false, startsWith: false, contains: false, missing: false };
  const flags = (names) => names.reduce((flags, name) => ({ ...flags, [name]: true }), all);
  return {
    column: index(name),
    param,
    kind,
    exact: flags(exact),
    superset: flags(superset),
    nullIffAbsent: false,
    partial: more.partial ?? false,
    sort: "none",
    template: undefined,
  };
}

const EQUAL = ["eq", "anyOf"];

const TABLE = {
  name: "tt_flag",
  entitySet: "tt_flags",
  label: "Flag",
  description: "A warning that whoever treats the patient should see.",
  sources: [
    {
      resourceType: "Flag",
      profiles: [],
      search: [
        search("tt_subjectpatient", "patient", "reference", EQUAL, []),
        search("tt_encounter", "encounter", "reference", EQUAL, []),
      ],
      fixedParams: [],
      includes: [],
      discriminator: undefined,
    },
  ],
  columns: COLUMNS.map(({ name, label, kind, path, access, required }) => ({
    name,
    label,
    description: "",
    kind,
    access,
    required,
    path: path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("").slice(1),
    elements: [path[0]],
  })),
  concepts: ["tt_code", "tt_category"].map((name) => ({
    name,
    code: index(`${name}_code`),
    system: index(`${name}_system`),
    display: index(`${name}_display`),
    text: undefined,
  })),
  key: index("tt_flagid"),
  primaryName: index("tt_name"),
  version: index("tt_version"),
  access: { read: true, create: true, update: true, delete: true },
  parent: undefined,
  oneRowPerResource: true,
};

// The cell of a column, or what there is to say against it.
function cell(column, document, root) {
  const node = find(document, root, column.path);
  if (!node) return {};
  const value = string(document, node);
  if (value === undefined) return { issue: ["value", "expected a text"] };
  switch (column.kind.tag) {
    case "choice":
      return STATUS.some((option) => option.code === value)
        ? { value }
        : { issue: ["code-invalid", "a code that the choice does not have"] };
    case "lookup":
      // A contained or logical reference, or one to another type, has no row to point to.
      return isReference(value, column.kind.val.resourceTypes[0]) ? { value } : {};
    case "date-time":
      return isMoment(value) ? { value } : { issue: ["value", "expected a date or time as FHIR writes it"] };
    default:
      return { value };
  }
}

const isReference = (value, type) => new RegExp(`(^|/)${type}/[A-Za-z0-9.-]{1,64}(/_history/[^/]+)?$`).test(value);

// Of FHIR's dateTime, with the days that months have.
function isMoment(value) {
  const form = /^(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])(?:T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00)))?)?)?$/;
  const parts = form.exec(value);
  return parts !== null && (parts[3] === undefined || Number(parts[3]) <= new Date(Date.UTC(+parts[1], +parts[2], 0)).getUTCDate());
}

const pointer = (path) => "/" + path.join("/");

function issue(severity, code, index, column, at, message) {
  return { severity, code, index, column, pointer: at, message };
}

function rows({ documents, tables }) {
  return tables.map((asked) => batch(asked, documents));
}

function batch({ table, columns }, documents) {
  if (table !== TABLE.name) throw { tag: "bad-request", val: "the mapping has no table of that name" };
  const asked = columns.map((index) => COLUMNS[index]);
  if (asked.includes(undefined)) throw { tag: "bad-request", val: "the table has no column of that number" };
  const [parts, present, ends, origin, issues] = [[], [], [], [], []];
  let [start, length] = [0, 0];
  documents.ends.forEach((end, at) => {
    const document = utf8(documents.data.subarray(start, end));
    start = end;
    let root;
    try {
      root = parse(document);
    } catch (error) {
      return issues.push(issue("error", "structure", at, undefined, undefined, error.message));
    }
    if (string(document, find(document, root, ["resourceType"])) !== "Flag") {
      return issues.push(issue("error", "structure", at, undefined, "/resourceType", "not a Flag"));
    }
    if (!string(document, find(document, root, ["id"]))) {
      return issues.push(issue("error", "required", at, undefined, "/id", "the resource has no id"));
    }
    // A bit for each cell, and for each that is there where it ends.
    const row = new Array(Math.ceil(asked.length / 8)).fill(0);
    asked.forEach((column, k) => {
      const { value, issue: found } = cell(column, document, root);
      if (value !== undefined) {
        parts.push(value);
        length += byteLength(value);
        ends.push(length);
        row[k >> 3] |= 1 << (k & 7);
      }
      if (found) issues.push(issue("warning", found[0], at, columns[k], pointer(column.path), found[1]));
    });
    present.push(...row);
    origin.push(at);
  });
  return { cells: { text: parts.join(""), present: Uint8Array.from(present), ends }, origin, issues };
}

// The new text of a resource, or the issues that speak against it.
function written(document, assignments, at) {
  const issues = [];
  for (const { column: k, value: given } of assignments) {
    const column = COLUMNS[k];
    // What is not given may come as null.
    const value = given ?? undefined;
    const refuse = (code, message) => issues.push(issue("error", code, at, k, undefined, message));
    if (cell(column, document, parse(document)).value === value) continue;
    if (!column.access.create || column.kind.tag === "key") {
      refuse("not-supported", "the column is read only");
    } else if (column.required && value === undefined) {
      refuse("required", "the column cannot be null");
    } else {
      try {
        // A reference goes as a whole: its display and type are of what it pointed to.
        const whole = column.kind.tag === "lookup";
        const json = value === undefined ? undefined : JSON.stringify(whole ? { reference: value } : value);
        document = set(document, whole ? column.path.slice(0, -1) : column.path, json);
      } catch {
        refuse("conflict", "the resource has something else where the value belongs");
      }
    }
  }
  return { document, issues };
}

function answer(change, at) {
  if (change.operation === "delete") return ok({ tag: "delete" });
  const creating = change.operation === "create";
  const id = change.key == null ? "" : `,"id":${JSON.stringify(change.key)}`;
  const before = creating ? `{"resourceType":"Flag"${id}}` : utf8(change.existing);
  const { document, issues } = written(before, change.assignments, at);
  if (creating && find(document, parse(document), ["status"]) === undefined) {
    issues.push(issue("error", "required", at, index("tt_status"), undefined, "the column must have a value"));
  }
  if (issues.length > 0) return { tag: "err", val: issues };
  if (creating) return ok({ tag: "create", val: bytes(document) });
  return ok(document === before ? { tag: "unchanged" } : { tag: "update", val: bytes(document) });
}

const ok = (val) => ({ tag: "ok", val });

// The engine has no TextDecoder; these three are UTF-8 by way of what it has.
function utf8(data) {
  let binary = "";
  for (let i = 0; i < data.length; i += 4096) binary += String.fromCharCode(...data.subarray(i, i + 4096));
  return decodeURIComponent(escape(binary));
}
const bytes = (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (character) => character.charCodeAt(0));
const byteLength = (text) => (/^[\x00-\x7f]*$/.test(text) ? text.length : bytes(text).length);

export const schema = { describe: () => ({ name: "flag", version: "0.1.0", tables: [TABLE] }) };
export const read = { rows };
export const write = {
  resource(table, changes) {
    if (table !== TABLE.name) throw { tag: "bad-request", val: "the mapping has no table of that name" };
    return changes.map(answer);
  },
};
