// Putting a version of a mapping in force, and going back.

import { html, nothing } from 'lit';

import { brief, type MappingVersion } from '../parts/admin.js';
import { ADMIN, ask, Refusal } from '../parts/api.js';
import { call, curl, dialog } from '../parts/dialog.js';
import { refused } from '../parts/page.js';

interface Of {
  readonly name: string;
  readonly label: string;
}

export function release(table: Of, version: MappingVersion, done: () => void): void {
  question(
    `Put ${version.name} ${version.version} in force?`,
    `All tables of this mapping are made by version ${brief(version.digest)} from the next request on. Requests under way end with the version that they began with. You can go back at once.`,
    'Put in force',
    { url: `${ADMIN}/tables/${table.name}/mapping`, body: { digest: version.digest, mode: 'activate' } },
    done,
  );
}

export function rollback(table: Of, done: () => void): void {
  question(
    `Go back to the version before, for ${table.label}?`,
    'The version that was in force before makes the rows from the next request on, of all tables of its mapping.',
    'Go back',
    { url: `${ADMIN}/tables/${table.name}/mapping/rollback` },
    done,
  );
}

function question(title: string, what: string, act: string, { url, body }: { url: string; body?: unknown }, done: () => void): void {
  let [refusal, working]: [Refusal | null, boolean] = [null, false];
  dialog(title, (close, draw) => {
    const go = async () => {
      [working, refusal] = [true, null];
      draw();
      try {
        await ask(url, { method: 'POST', body });
        close();
        done();
      } catch (error) {
        refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
      }
      working = false;
      draw();
    };
    return html`
      <p>${what}</p>
      ${refusal ? refused(refusal) : nothing}
      ${call(curl('POST', url, body === undefined ? undefined : JSON.stringify(body)))}
      <p class="actions">
        <button class="primary" ?disabled=${working} @click=${() => void go()}>${working ? 'Working …' : act}</button>
        <button class="plain" @click=${close}>Leave as it is</button>
      </p>`;
  });
}
