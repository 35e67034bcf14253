// Which columns a list begins with: those that tell rows apart, as far as the metadata says.

import type { Column, Schema } from './metadata.js';

const BEGINNING = 6;

export function beginning(schema: Schema): readonly Column[] {
  const { columns, table } = schema;
  const title = columns.filter((column) => column.name === table.title);
  const rest = columns.filter((column) => column.name !== table.title && worth(column) > 0);
  rest.sort((a, b) => worth(b) - worth(a) || columns.indexOf(a) - columns.indexOf(b));
  const chosen = varied(rest).slice(0, BEGINNING - title.length);
  // In the table's own order, behind the name.
  chosen.sort((a, b) => columns.indexOf(a) - columns.indexOf(b));
  const all = [...title, ...chosen];
  return all.length ? all : columns.slice(0, BEGINNING);
}

/// Of each kind no more than a few, so that a list shows who, when and what.
function varied(columns: readonly Column[]): Column[] {
  const MOST: Record<string, number> = { DateTime: 1, Decimal: 1, Lookup: 2, Picklist: 2 };
  const seen = new Map<string, number>();
  const [few, rest]: [Column[], Column[]] = [[], []];
  for (const column of columns) {
    const so = (seen.get(column.kind) ?? 0) + 1;
    seen.set(column.kind, so);
    (so <= (MOST[column.kind] ?? 1) ? few : rest).push(column);
  }
  return [...few, ...rest.filter((column) => column.required)];
}

function worth(column: Column): number {
  // Parts of others, and what only programs ask for.
  if (column.kind === 'Key' || /(system|version|url|number|identifier)$|azurefhir/.test(column.name)) return 0;
  const kinds: Record<string, number> = { Lookup: 2, Picklist: 3, DateTime: 4, Decimal: 3, String: 1, Boolean: 1, Integer: 2 };
  return (kinds[column.kind] ?? 0) + (column.required ? 4 : 0);
}

/// Those that an address names, or the beginning.
export function named(schema: Schema, names: string | null): readonly Column[] {
  if (!names) return beginning(schema);
  const found = names.split(',').flatMap((name) => schema.columns.filter((column) => column.property === name));
  return found.length ? found : beginning(schema);
}
