// Values as people read them; what is shown is always text.

import type { Json, Row } from './api.js';
import type { Column } from './metadata.js';

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const FORMATTED = '@OData.Community.Display.V1.FormattedValue';

/// A cell: its text, and what stands beside it on hover.
export function cell(column: Column, row: Row): { text: string; title: string } {
  const value = row[column.property];
  if (value === null || value === undefined) return { text: '', title: '' };
  const formatted = row[`${column.property}${FORMATTED}`];
  const text = shown(column.kind, value, typeof formatted === 'string' ? formatted : null);
  return { text, title: text === String(value) ? '' : String(value) };
}

function shown(kind: string, value: Json, formatted: string | null): string {
  const text = String(value);
  switch (kind) {
    // Whole dates have no time, and are the same everywhere.
    case 'DateTime':
      return /^\d{4}-\d{2}-\d{2}$/.test(text) ? date(text, DATE) : date(text, TIME);
    case 'Boolean':
      return formatted ?? (value === true ? 'Yes' : 'No');
    // As they are, to the digit.
    case 'Decimal':
    case 'Integer':
    case 'BigInt':
    case 'Double':
      return text;
    default:
      return formatted ?? text;
  }
}

function date(text: string, format: Intl.DateTimeFormat): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : format.format(time);
}

/// A key is of use to programs; people see its beginning.
export function short(key: string): string {
  return key.length > 13 ? `${key.slice(0, 8)}…` : key;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

/// A link only where it is one of the web.
export function webLink(value: Json | undefined): string | null {
  return typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value) ? value : null;
}
