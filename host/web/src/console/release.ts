// Putting a version of a mapping in force, trying one beside it, and going back.

import { html, nothing, type TemplateResult } from 'lit';

import { brief, type MappingVersion } from '../parts/admin.js';
import { ADMIN, ask, Refusal } from '../parts/api.js';
import { call, curl, dialog } from '../parts/dialog.js';
import { refused } from '../parts/page.js';

interface Of {
  readonly name: string;
  readonly label: string;
}

/// How a version is tried beside the one in force.
export type Mode = 'shadow' | 'canary';

export function release(table: Of, version: MappingVersion, done: () => void): void {
  question({
    title: `Put ${version.name} ${version.version} in force?`,
    what: `All tables of this mapping are made by version ${brief(version.digest)} from the next request on. Requests under way end with the version that they began with. You can go back at once.`,
    act: 'Put in force',
    url: `${ADMIN}/tables/${table.name}/mapping`,
    body: () => ({ digest: version.digest, mode: 'activate' }),
    done,
  });
}

export function rollback(table: Of, done: () => void): void {
  question({
    title: `Go back to the version before, for ${table.label}?`,
    what: 'The version that was in force before makes the rows from the next request on, of all tables of its mapping.',
    act: 'Go back',
    url: `${ADMIN}/tables/${table.name}/mapping/rollback`,
    done,
  });
}

/// Shadow: it makes rows beside, which nobody sees. Canary: it answers some callers.
export function trial(table: Of, version: MappingVersion, mode: Mode, done: () => void): void {
  let percent = mode === 'shadow' ? 100 : 10;
  const field = (draw: () => void) => html`<div class="field"><label for="percent">${mode === 'shadow' ? 'Of the requests' : 'Of the callers'}, in percent</label>
    <input id="percent" type="number" min="1" max="100" required .value=${String(percent)} @change=${(event: Event) => {
      percent = Number((event.target as HTMLInputElement).value);
      draw();
    }}></div>`;
  question({
    title: mode === 'shadow' ? `Compare ${version.name} ${version.version} with the version in force?` : `Let ${version.name} ${version.version} answer some callers?`,
    what:
      mode === 'shadow'
        ? 'It is given the same resources as the version in force, after the answer has gone out. Nobody sees its rows; where they differ is counted by column.'
        : 'Each of these callers is answered by it throughout. It is compared with the version in force, and stops by itself when it fails or differs on too many resources.',
    act: mode === 'shadow' ? 'Compare' : 'Let it answer',
    url: `${ADMIN}/tables/${table.name}/mapping`,
    body: () => ({ digest: version.digest, mode, percent }),
    field,
    done,
  });
}

/// The version on trial comes into force.
export function promote(table: Of, version: MappingVersion, done: () => void): void {
  question({
    title: `Put ${version.name} ${version.version} in force for everybody?`,
    what: 'The version on trial makes all rows from the next request on. You can go back at once.',
    act: 'Promote',
    url: `${ADMIN}/tables/${table.name}/mapping/promote?digest=${encodeURIComponent(version.digest)}`,
    done,
  });
}

/// The trial ends, and the version in force answers everybody.
export function stop(table: Of, version: MappingVersion, done: () => void): void {
  question({
    title: `End the trial of ${version.name} ${version.version}?`,
    what: 'The version in force answers everybody from the next request on. What the trial has found stays in the history.',
    act: 'End the trial',
    url: `${ADMIN}/tables/${table.name}/mapping/rollback?from=${encodeURIComponent(version.digest)}`,
    done,
  });
}

interface Question {
  readonly title: string;
  readonly what: string;
  readonly act: string;
  readonly url: string;
  readonly body?: () => Record<string, unknown>;
  readonly field?: (draw: () => void) => TemplateResult;
  readonly done: () => void;
}

function question({ title, what, act, url, body, field, done }: Question): void {
  let [refusal, working, allowed]: [Refusal | null, boolean, boolean] = [null, false, false];
  const sent = () => (body ? { ...body(), ...(allowed ? { allow_breaking: true } : {}) } : undefined);
  dialog(title, (close, draw) => {
    const go = async () => {
      [working, refusal] = [true, null];
      draw();
      try {
        await ask(url, { method: 'POST', body: sent() });
        close();
        done();
      } catch (error) {
        refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
        allowed = false;
      }
      working = false;
      draw();
    };
    const allow = (event: Event) => {
      allowed = (event.target as HTMLInputElement).checked;
      draw();
    };
    return html`
      <p>${what}</p>
      ${field?.(draw) ?? nothing}
      ${refusal ? refused(refusal) : nothing}
      ${refusal?.code === 'BreakingChange'
        ? html`<label><input type="checkbox" .checked=${allowed} @change=${allow}> Put it in force all the same</label>`
        : nothing}
      ${call(curl('POST', url, body ? JSON.stringify(sent()) : undefined))}
      <p class="actions">
        <button class="primary" ?disabled=${working} @click=${() => void go()}>${working ? 'Working …' : act}</button>
        <button class="plain" @click=${close}>Leave as it is</button>
      </p>`;
  });
}
