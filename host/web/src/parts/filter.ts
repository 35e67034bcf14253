// Conditions on columns, as people put them together; what they typed stands in the fragment of the address.

import { html, nothing, type TemplateResult } from 'lit';

import { quoted } from './api.js';
import { dayBegins, isHalf } from './date.js';
import type { Column } from './metadata.js';

export interface Condition {
  readonly column: string;
  readonly test: string;
  readonly value: string;
}

const TEXT = { contains: 'contains', startswith: 'begins with', eq: 'is', ne: 'is not' };
const ORDERED = { eq: 'is', gt: 'is more than', ge: 'is at least', lt: 'is less than', le: 'is at most' };
const TIMES = { ge: 'is from', lt: 'is before' };
const SAME = { eq: 'is', ne: 'is not' };
const THERE = { null: 'is empty', notnull: 'is filled' };

export function testsOf(column: Column): Record<string, string> {
  switch (column.kind) {
    case 'String':
    case 'Memo':
      return { ...TEXT, ...THERE };
    case 'DateTime':
      return { ...TIMES, ...THERE };
    case 'Decimal':
    case 'Integer':
    case 'BigInt':
    case 'Double':
      return { ...ORDERED, ...THERE };
    case 'Lookup':
      return { ...THERE };
    default:
      return { ...SAME, ...THERE };
  }
}

/// Conditions out of a fragment; what is none is left out.
export function read(text: string | null): readonly Condition[] {
  try {
    const all = JSON.parse(text ?? '[]');
    return Array.isArray(all) ? all.filter((one) => ['column', 'test', 'value'].every((name) => typeof one?.[name] === 'string')) : [];
  } catch {
    return [];
  }
}

/// What is compared with. Of moments a day is the one that begins where whoever asks is.
export function literalOf(column: Column | undefined, value: string): string {
  return column?.kind === 'DateTime' && !column.day ? dayBegins(value.trim()) : value.trim();
}

/// As `$filter` has them. Conditions without a value say nothing yet.
export function filterOf(conditions: readonly Condition[], columns: readonly Column[]): string[] {
  return conditions.flatMap(({ column: name, test, value }) => {
    const column = columns.find((one) => one.property === name);
    if (!column || !(test in testsOf(column))) return [];
    if (test === 'null') return [`${name} eq null`];
    if (test === 'notnull') return [`${name} ne null`];
    if (value === '') return [];
    const literal = column.kind === 'String' || column.kind === 'Memo' ? quoted(value) : literalOf(column, value);
    return [test === 'contains' || test === 'startswith' ? `${test}(${name},${literal})` : `${name} ${test} ${literal}`];
  });
}

export function filterBar(
  conditions: readonly Condition[],
  columns: readonly Column[],
  changed: (conditions: readonly Condition[]) => void,
): TemplateResult {
  const usable = columns.filter((column) => column.kind !== 'Key');
  const put = (index: number, change: Partial<Condition>) =>
    changed(conditions.map((one, at) => (at === index ? { ...one, ...change } : one)));
  const add = () => {
    const column = usable[0];
    if (column) changed([...conditions, { column: column.property, test: Object.keys(testsOf(column))[0] ?? 'eq', value: '' }]);
  };
  return html`<div class="filters" role="group" aria-label="Filter">
    ${conditions.map((one, index) => {
      const column = columns.find((column) => column.property === one.column) ?? usable[0];
      if (!column) return nothing;
      const tests = testsOf(column);
      const target = (event: Event) => (event.target as HTMLInputElement).value;
      return html`<span class="condition">
        <select aria-label="Column" @change=${(event: Event) => {
          const next = columns.find((column) => column.property === target(event));
          put(index, { column: target(event), test: next ? (Object.keys(testsOf(next))[0] ?? 'eq') : 'eq', value: '' });
        }}>
          ${usable.map((option) => html`<option value=${option.property} ?selected=${option === column}>${option.label}</option>`)}
        </select>
        <select aria-label="Test" @change=${(event: Event) => put(index, { test: target(event) })}>
          ${Object.entries(tests).map(([test, label]) => html`<option value=${test} ?selected=${test === one.test}>${label}</option>`)}
        </select>
        ${one.test === 'null' || one.test === 'notnull' ? nothing : value(column, one, (value) => put(index, { value }))}
        <button class="plain" aria-label="Remove this condition" @click=${() => changed(conditions.filter((_, at) => at !== index))}>×</button>
      </span>`;
    })}
    <button class="plain add" @click=${add}>+ Filter</button>
  </div>`;
}

function value(column: Column, one: Condition, put: (value: string) => void): TemplateResult {
  const changed = (event: Event) => put((event.target as HTMLInputElement).value);
  if (column.choices.length) {
    return html`<select aria-label="Value" @change=${changed}>
      <option value=""></option>
      ${column.choices.map((choice) => html`<option value=${choice.value} ?selected=${String(choice.value) === one.value}>${choice.label}</option>`)}
    </select>`;
  }
  if (column.kind === 'Boolean') {
    return html`<select aria-label="Value" @change=${changed}>
      <option value=""></option>
      <option value="true" ?selected=${one.value === 'true'}>Yes</option>
      <option value="false" ?selected=${one.value === 'false'}>No</option>
    </select>`;
  }
  // A moment that came with the address, to the second, stays what it is.
  if (column.kind === 'DateTime' && /^(\d{4}-\d{2}-\d{2})?$/.test(one.value)) {
    // While a year is typed it is that of each of its digits.
    const whole = (input: HTMLInputElement) => !isHalf(input) && !input.value.startsWith('0');
    return html`<input type="date" aria-label="Value" max="9999-12-31" .value=${one.value} @change=${(event: Event) => (whole(event.target as HTMLInputElement) ? changed(event) : undefined)}>`;
  }
  return html`<input aria-label="Value" .value=${one.value} @change=${changed}>`;
}
