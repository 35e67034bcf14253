// One column in a form: the field that fits its kind, and what is wrong with what stands in it.

import './lookup.js';

import { html, nothing, type TemplateResult } from 'lit';

import type { Json, Row } from './api.js';
import { anyDate, calendarOf, dated, isAnyDate, zone } from './date.js';
import { webLink } from './format.js';
import type { Chosen } from './lookup.js';
import type { Column } from './metadata.js';

/// What was put into a field: a value of the column, or the row that a lookup is to lead to.
export type Put = { readonly value: Json } | { readonly chosen: Chosen | null };

export interface Field {
  readonly column: Column;
  readonly row: Row;
  readonly put: Put | undefined;
  readonly wrong: string | null;
  readonly editable: boolean;
  readonly change: (put: Put) => void;
}

export function field({ column, row, put, wrong, editable, change }: Field): TemplateResult {
  const id = `field-${column.name}`;
  const value = put && 'value' in put ? put.value : (row[column.property] ?? null);
  const text = value === null ? '' : String(value);
  const hint = !editable ? '' : calendarOf(column, text) === 'datetime-local' ? zone() : isAnyDate(column) ? 'As exactly as it is known: 1987, 1987-05 or 1987-05-31' : '';
  const note = [column.description, hint].filter(Boolean).join(' ');
  const notes = [wrong ? `${id}-wrong` : '', note ? `${id}-note` : ''].filter(Boolean).join(' ');
  const input = control({ id, notes, column, row, put, value, wrong, editable, change });
  return html`<div class="field ${wrong ? 'wrong' : ''} ${put ? 'changed' : ''}" data-column=${column.name}>
    <label for=${id}>${column.label}${column.required ? html`<span class="required" title="Required" aria-hidden="true"> *</span>` : nothing}</label>
    ${input}
    ${wrong ? html`<p class="error" id=${`${id}-wrong`}>${wrong}</p>` : nothing}
    ${note ? html`<p class="note" id=${`${id}-note`}>${note}</p>` : nothing}
  </div>`;
}

interface Control extends Field {
  readonly id: string;
  readonly notes: string;
  readonly value: Json;
}

function control({ id, notes, column, row, put, value, wrong, editable, change }: Control): TemplateResult {
  const text = value === null ? '' : String(value);
  const invalid = wrong ? 'true' : nothing;
  const described = notes || nothing;
  const set = (event: Event) => change({ value: valueOf(column, (event.target as HTMLInputElement).value) });
  switch (column.kind) {
    case 'Picklist':
    case 'State':
    case 'Status':
      return html`<select id=${id} aria-invalid=${invalid} aria-describedby=${described} ?disabled=${!editable} @change=${set}>
        <option value="" ?selected=${text === ''}></option>
        ${known(column, row, text).map((one) => html`<option value=${one.value} ?selected=${String(one.value) === text}>${one.label}</option>`)}
      </select>`;
    case 'Boolean':
      return html`<select id=${id} aria-invalid=${invalid} aria-describedby=${described} ?disabled=${!editable} @change=${set}>
        <option value="" ?selected=${text === ''}></option>
        <option value="true" ?selected=${text === 'true'}>Yes</option>
        <option value="false" ?selected=${text === 'false'}>No</option>
      </select>`;
    case 'Lookup': {
      const chosen = put && 'chosen' in put ? put.chosen : current(column, row);
      return html`<tt-lookup
        .column=${column}
        .chosen=${chosen}
        .name=${id}
        .describedby=${notes}
        .disabled=${!editable}
        @chosen=${(event: CustomEvent<Chosen | null>) => change({ chosen: event.detail })}
      ></tt-lookup>`;
    }
    case 'Memo':
      return html`<textarea id=${id} rows="3" aria-invalid=${invalid} aria-describedby=${described} ?readonly=${!editable} .value=${text} @change=${set}></textarea>`;
    default: {
      const calendar = editable ? calendarOf(column, text) : null;
      if (calendar) return dated({ id, calendar, value: text, invalid, described, change: (text) => change({ value: text || null }) });
      // The name of a system is no place to go to.
      const link = /system$/.test(column.name) ? null : webLink(value);
      const input = html`<input
          id=${id}
          .value=${text}
          inputmode=${['Decimal', 'Integer', 'BigInt', 'Double'].includes(column.kind) ? 'decimal' : nothing}
          placeholder=${column.kind === 'DateTime' && editable ? (column.day ? '2026-01-31' : '2026-01-31T08:00:00Z') : nothing}
          aria-invalid=${invalid}
          aria-describedby=${described}
          ?readonly=${!editable}
          @change=${set}
        >${link ? html`<a class="out" href=${link} target="_blank" rel="noreferrer noopener">Open ↗</a>` : nothing}`;
      return editable && isAnyDate(column) ? anyDate(input, column.label, text, (text) => change({ value: text })) : input;
    }
  }
}

/// The choices there are, and the one that the row has where it is none of them.
function known(column: Column, row: Row, text: string): readonly { value: number; label: string }[] {
  if (text === '' || column.choices.some((one) => String(one.value) === text)) return column.choices;
  const label = row[`${column.property}@OData.Community.Display.V1.FormattedValue`];
  return [...column.choices, { value: Number(text), label: String(label ?? text) }];
}

/// The row that a lookup leads to now, as far as the row tells.
function current(column: Column, row: Row): Chosen | null {
  const key = row[column.property];
  if (key == null) return null;
  const name = row[`${column.property}@OData.Community.Display.V1.FormattedValue`];
  return { table: null as never, navigation: '', key: String(key), name: String(name ?? key) };
}

/// What is typed, as a value of the column; what is none is sent as it is, and the server says what is wrong with it.
function valueOf(column: Column, text: string): Json {
  if (text === '') return null;
  switch (column.kind) {
    case 'Picklist':
    case 'State':
    case 'Status':
      return Number(text);
    case 'Boolean':
      return text === 'true';
    default:
      return text;
  }
}

/// What is sent for what was put into the fields. Numbers go as they were typed, digit by digit.
export function bodyOf(columns: readonly Column[], puts: ReadonlyMap<string, Put>): string {
  const members: string[] = [];
  for (const column of columns) {
    const put = puts.get(column.name);
    if (!put) continue;
    if ('value' in put) {
      members.push(`${JSON.stringify(column.property)}:${written(column, put.value)}`);
    } else if (put.chosen) {
      const { navigation, table, key } = put.chosen;
      members.push(`${JSON.stringify(`${navigation}@odata.bind`)}:${JSON.stringify(`/${table.set}(${key})`)}`);
    } else {
      for (const { navigation } of column.targets.slice(0, 1)) members.push(`${JSON.stringify(`${navigation}@odata.bind`)}:null`);
    }
  }
  return `{${members.join(',')}}`;
}

function written(column: Column, value: Json): string {
  const isNumber = ['Decimal', 'Integer', 'BigInt', 'Double'].includes(column.kind);
  if (isNumber && typeof value === 'string' && /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return value;
  return JSON.stringify(value);
}
