// Dates and moments in fields, by the browser's own calendar: its keys, its wheel on a phone, the order of day and month that people
// are used to. What it could not hold to the digit stays the text that it is, and nothing is made more exact than it was.

import { html, type nothing, type TemplateResult } from 'lit';

import type { Column } from './metadata.js';

/// Which calendar fits a column with this value; none where it would change what stands there.
export type Calendar = 'date' | 'datetime-local' | null;

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

export function calendarOf(column: Column, value: string): Calendar {
  if (column.kind !== 'DateTime') return null;
  if (column.day) return value === '' || DAY.test(value) ? 'date' : null;
  return value === '' || (MOMENT.test(value) && !Number.isNaN(Date.parse(value))) ? 'datetime-local' : null;
}

/// FHIR dates of any precision are texts, of which no part is made up.
export function isAnyDate(column: Column): boolean {
  return column.kind === 'String' && /(date|datetime)$/.test(column.name);
}

const two = (number: number, digits = 2) => String(number).padStart(digits, '0');

/// A moment as people here would write it: `2026-01-31T09:00:00`.
function local(moment: string): string {
  const at = new Date(moment);
  if (moment === '' || Number.isNaN(at.getTime())) return '';
  const parts = `${two(at.getFullYear(), 4)}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.getMilliseconds() ? `${parts}.${two(at.getMilliseconds(), 3)}` : parts;
}

/// And back: the same moment as it stood there, where it is the same.
function moment(text: string, before: string): string {
  const at = new Date(text);
  if (text === '' || Number.isNaN(at.getTime())) return '';
  if (before !== '' && at.getTime() === Date.parse(before)) return before;
  return at.toISOString().replace('.000Z', 'Z');
}

/// The first moment of a day, here.
export function dayBegins(text: string): string {
  return DAY.test(text) ? moment(`${text}T00:00:00`, '') || text : text;
}

/// What the clock of whoever reads this shows beside what is kept.
export function zone(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return `Your time (${timeZone})`;
}

/// A field whose date is typed by half has no value: it is neither taken as empty nor forgotten.
export function isHalf(input: HTMLInputElement): boolean {
  return input.validity.badInput;
}

export interface Dated {
  readonly id: string;
  readonly calendar: 'date' | 'datetime-local';
  readonly value: string;
  readonly invalid: 'true' | typeof nothing;
  readonly described: string | typeof nothing;
  readonly change: (value: string) => void;
}

export function dated({ id, calendar, value, invalid, described, change }: Dated): TemplateResult {
  const isDay = calendar === 'date';
  const shown = isDay ? value : local(value);
  return html`<input id=${id} type=${calendar} step=${isDay ? '1' : /\.\d/.test(shown) ? '0.001' : '1'} min=${isDay ? '0001-01-01' : '0001-01-01T00:00'} max=${isDay ? '9999-12-31' : '9999-12-31T23:59:59.999'}
    title=${value} .value=${shown} aria-invalid=${invalid} aria-describedby=${described}
    @change=${(event: Event) => {
      const input = event.target as HTMLInputElement;
      if (!isHalf(input)) change(isDay ? input.value : moment(input.value, value));
    }}>`;
}

/// A text with a calendar beside it, which writes a whole date into it.
export function anyDate(input: TemplateResult, label: string, value: string, change: (value: string) => void): TemplateResult {
  const open = (event: Event) => {
    const picker = (event.currentTarget as HTMLElement).parentElement?.querySelector<HTMLInputElement>('input[type=date]');
    if (!picker) return;
    picker.value = DAY.test(value) ? value : '';
    picker.showPicker();
  };
  return html`<span class="any-date">${input}
    <button type="button" class="plain" aria-label=${`Calendar: ${label}`} title="Calendar" @click=${open}><svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M3 2.5h10A1.5 1.5 0 0 1 14.5 4v9a1.5 1.5 0 0 1-1.5 1.5H3A1.5 1.5 0 0 1 1.5 13V4A1.5 1.5 0 0 1 3 2.5ZM1.5 6h13M5 1v3M11 1v3" fill="none" stroke="currentColor"></path></svg></button>
    <input type="date" class="behind" tabindex="-1" aria-hidden="true" max="9999-12-31" @change=${(event: Event) => {
      event.stopPropagation();
      const picked = (event.target as HTMLInputElement).value;
      if (picked) change(picked);
    }}></span>`;
}
