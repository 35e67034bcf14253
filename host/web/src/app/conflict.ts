// Two have changed one row: what it was, what the other made of it, and what was to be made of it; one chooses.

import { html, nothing, type TemplateResult } from 'lit';

import type { Row } from '../parts/api.js';
import type { Put } from '../parts/field.js';
import { cell } from '../parts/format.js';
import type { Column } from '../parts/metadata.js';

export type Choice = 'mine' | 'theirs';

export interface Sides {
  readonly before: Row;
  readonly mine: ReadonlyMap<string, Put>;
  readonly theirs: Row;
}

/// Columns that either has changed.
export function differing(columns: readonly Column[], { before, mine, theirs }: Sides): readonly Column[] {
  const changed = (column: Column) => JSON.stringify(before[column.property] ?? null) !== JSON.stringify(theirs[column.property] ?? null);
  return columns.filter((column) => mine.has(column.name) || (changed(column) && !/azurefhir/.test(column.name)));
}

export function conflict(
  columns: readonly Column[],
  sides: Sides & { readonly choices: Map<string, Choice> },
  act: { changed: () => void; save: () => void; leave: () => void },
): TemplateResult {
  const text = (column: Column, row: Row) => cell(column, row).text || '(empty)';
  const mine = (column: Column) => {
    const put = sides.mine.get(column.name);
    if (!put) return nothing;
    const choice = (value: unknown) => column.choices.find((one) => one.value === value)?.label;
    return 'value' in put ? (choice(put.value) ?? (put.value === null ? '(empty)' : String(put.value))) : (put.chosen?.name ?? '(empty)');
  };
  const chosen = (column: Column) => sides.choices.get(column.name) ?? 'mine';
  const radio = (column: Column, side: Choice) =>
    html`<input type="radio" name=${`side-${column.name}`} aria-label=${`${column.label}: ${side}`} .checked=${chosen(column) === side}
      @change=${() => {
        sides.choices.set(column.name, side);
        act.changed();
      }}>`;
  return html`<section class="card conflict" role="alert">
    <h2>Somebody else has changed this row</h2>
    <p>Nothing of yours is lost. Choose what shall stand, then save again.</p>
    <table class="table">
      <thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">Theirs</th><th scope="col">Mine</th></tr></thead>
      <tbody>
        ${differing(columns, sides).map((column) => {
          const own = sides.mine.has(column.name);
          return html`<tr>
            <th scope="row">${column.label}</th>
            <td>${text(column, sides.before)}</td>
            <td><label>${own ? radio(column, 'theirs') : nothing} ${text(column, sides.theirs)}</label></td>
            <td>${own ? html`<label>${radio(column, 'mine')} ${mine(column)}</label>` : nothing}</td>
          </tr>`;
        })}
      </tbody>
    </table>
    <p class="actions">
      <button class="primary" @click=${act.save}>Save what is chosen</button>
      <button class="plain" @click=${act.leave}>Take theirs, drop mine</button>
    </p>
  </section>`;
}
