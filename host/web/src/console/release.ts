// Putting a version of a mapping in force, trying one beside it, and going back.

import { html, nothing, type TemplateResult } from 'lit';

import { brief, type MappingVersion, type Signer } from '../parts/admin.js';
import { ADMIN, ask, Refusal } from '../parts/api.js';
import { call, curl, dialog } from '../parts/dialog.js';
import { refused } from '../parts/page.js';
import { signer } from './signer.js';

interface Of {
  readonly name: string;
  readonly label: string;
}

/// How a version is tried beside the one in force.
export type Mode = 'shadow' | 'canary';

/// A version with whose signature it has, where that is known.
export type Signed = MappingVersion & { readonly signer?: Signer | null };

export function release(table: Of, version: Signed, done: () => void): void {
  question({
    title: `Put ${version.name} ${version.version} in force?`,
    what: `All tables of this mapping are made by version ${brief(version.digest)} from the next request on. Requests under way end with the version that they began with. You can go back at once.`,
    facts: signedBy(version),
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

/// Its tables are there no longer, for nobody, until a version is put in force again.
export function deactivate(table: Of & { readonly mapping: MappingVersion }, done: () => void): void {
  question({
    title: `Take ${table.mapping.name} ${table.mapping.version} out of force?`,
    what: 'All tables of this mapping are not there from the next request on, for nobody. No row is lost: they are there again as soon as a version is put in force.',
    act: 'Take it out of force',
    method: 'DELETE',
    url: `${ADMIN}/mappings/${encodeURIComponent(table.mapping.name)}/active`,
    done,
  });
}

/// Shadow: it makes rows beside, which nobody sees. Canary: it answers some callers.
export function trial(table: Of, version: Signed, mode: Mode, done: () => void): void {
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
    facts: signedBy(version),
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

function signedBy(version: Signed): TemplateResult {
  return html`<dl class="facts"><dt>Version</dt><dd>${version.version} <code>${brief(version.digest)}</code></dd><dt>Signed by</dt><dd>${signer(version.signer)}</dd></dl>`;
}

interface Question {
  readonly title: string;
  readonly what: string;
  readonly facts?: TemplateResult;
  readonly act: string;
  /// POST, unless it is said.
  readonly method?: string;
  readonly url: string;
  readonly body?: () => Record<string, unknown>;
  readonly field?: (draw: () => void) => TemplateResult;
  readonly done: () => void;
}

function question({ title, what, facts, act, method = 'POST', url, body, field, done }: Question): void {
  let [refusal, working, allowed]: [Refusal | null, boolean, boolean] = [null, false, false];
  const sent = () => (body ? { ...body(), ...(allowed ? { allow_breaking: true } : {}) } : undefined);
  dialog(title, (close, draw) => {
    const go = async () => {
      [working, refusal] = [true, null];
      draw();
      try {
        await ask(url, { method, body: sent() });
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
      ${facts ?? nothing}
      ${field?.(draw) ?? nothing}
      ${refusal ? refused(refusal) : nothing}
      ${refusal?.code === 'BreakingChange'
        ? html`<label><input type="checkbox" .checked=${allowed} @change=${allow}> Put it in force all the same</label>`
        : nothing}
      ${call(curl(method, url, body ? JSON.stringify(sent()) : undefined))}
      <p class="actions">
        <button class="primary" ?disabled=${working} @click=${() => void go()}>${working ? 'Working …' : act}</button>
        <button class="plain" @click=${close}>Leave as it is</button>
      </p>`;
  });
}
