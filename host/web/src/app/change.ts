// One column of several rows set to one value. Each row is changed by itself, as it was when it was shown: one that somebody
// else has changed meanwhile stays as it is, and is named.

import { html, nothing } from 'lit';

import { API, ask, Refusal, type Row } from '../parts/api.js';
import { call, curl, dialog } from '../parts/dialog.js';
import { bodyOf, field, type Put } from '../parts/field.js';
import { count } from '../parts/format.js';
import type { Schema } from '../parts/metadata.js';
import { refused } from '../parts/page.js';

export function change({ table, columns }: Schema, rows: readonly Row[], done: () => void): void {
  const usable = columns.filter((column) => column.kind !== 'Key' && column.update);
  let [column, put, at]: [(typeof usable)[number] | undefined, Put | undefined, number] = [usable[0], undefined, -1];
  let failed: { readonly row: Row; readonly refusal: Refusal }[] = [];
  let left = rows;
  const url = (row: Row) => `${API}/${table.set}(${String(row[table.key])})`;
  const title = (row: Row) => (table.title && row[table.title] != null ? String(row[table.title]) : String(row[table.key]));
  dialog(`Change ${count(rows.length, 'row')}`, (close, draw) => {
    const body = () => (column && put ? bodyOf([column], new Map([[column.name, put]])) : '{}');
    const go = async () => {
      failed = [];
      for (at = 0; at < left.length; at++) {
        draw();
        const row = left[at]!;
        const etag = row['@odata.etag'];
        try {
          await ask(url(row), { method: 'PATCH', body: body(), headers: typeof etag === 'string' ? { 'if-match': etag } : {} });
        } catch (error) {
          failed = [...failed, { row, refusal: error instanceof Refusal ? error : new Refusal(0, 'Page', String(error)) }];
        }
      }
      at = -1;
      done();
      left = failed.map((one) => one.row);
      if (failed.length) draw();
      else close();
    };
    return html`
      <div class="field"><label for="change-column">Column</label><select id="change-column" ?disabled=${at >= 0} @change=${(event: Event) => {
        column = usable.find((one) => one.name === (event.target as HTMLSelectElement).value);
        put = undefined;
        draw();
      }}>${usable.map((one) => html`<option value=${one.name} ?selected=${one === column}>${one.label}</option>`)}</select></div>
      ${column
        ? field({
            column,
            row: {},
            put,
            wrong: null,
            editable: at < 0,
            change: (next) => {
              put = next;
              draw();
            },
          })
        : html`<p>No column of this table can be changed.</p>`}
      ${failed.length
        ? html`<div role="alert"><p><strong>${count(failed.length, 'row')} stayed as ${failed.length === 1 ? 'it was' : 'they were'}.</strong> The others are changed.</p>
            ${failed.slice(0, 5).map((one) => html`<p>${title(one.row)}</p>${refused(one.refusal)}`)}
            ${failed.length > 5 ? html`<p>and ${failed.length - 5} more</p>` : nothing}</div>`
        : nothing}
      ${put ? call(left.map((row) => curl('PATCH', url(row), body())).join('\n')) : nothing}
      <p class="actions">
        <button class="primary" ?disabled=${at >= 0 || !put} @click=${() => void go()}>${at >= 0 ? `${at + 1} of ${left.length} …` : failed.length ? 'Try these again' : 'Change'}</button>
        <button class="plain" ?disabled=${at >= 0} @click=${close}>${failed.length ? 'Close' : 'Leave as they are'}</button>
      </p>`;
  });
}
