// Rows are deleted after a question that names them.

import { html, nothing } from 'lit';

import { API, ask, Refusal, type Row } from '../parts/api.js';
import { call, curl, dialog } from '../parts/dialog.js';
import { count } from '../parts/format.js';
import type { Schema } from '../parts/metadata.js';
import { refused } from '../parts/page.js';

export function removal({ table }: Schema, rows: readonly Row[], done: () => void): void {
  let [at, refusal]: [number, Refusal | null] = [-1, null];
  const url = (row: Row) => `${API}/${table.set}(${String(row[table.key])})`;
  const remove = async (close: () => void, draw: () => void) => {
    refusal = null;
    for (at = 0; at < rows.length; at++) {
      draw();
      const row = rows[at]!;
      const etag = row['@odata.etag'];
      try {
        await ask(url(row), { method: 'DELETE', headers: typeof etag === 'string' ? { 'if-match': etag } : {} });
      } catch (error) {
        refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
        rows = rows.slice(at);
        at = -1;
        draw();
        return;
      }
    }
    close();
    done();
  };
  dialog(rows.length === 1 ? 'Delete this row?' : `Delete ${count(rows.length, 'row')}?`, (close, draw) => {
    const title = (row: Row) => (table.title && row[table.title] != null ? String(row[table.title]) : String(row[table.key]));
    return html`
      <ul>${rows.slice(0, 10).map((row) => html`<li>${title(row)}</li>`)}${rows.length > 10 ? html`<li>and ${rows.length - 10} more</li>` : nothing}</ul>
      <p>This cannot be undone here. Where the rows live in a FHIR service, it decides what remains of them.</p>
      ${refusal ? refused(refusal) : nothing}
      ${call(rows.map((row) => curl('DELETE', url(row))).join('\n'))}
      <p class="actions">
        <button class="primary danger" ?disabled=${at >= 0} @click=${() => void remove(close, draw)}>${at >= 0 ? `${at + 1} of ${rows.length} …` : 'Delete'}</button>
        <button class="plain" @click=${close}>Keep</button>
      </p>`;
  });
}
