// Turning a route: first what would happen, then the turn.

import { html, nothing, type TemplateResult } from 'lit';

import type { WholeTable } from '../parts/admin.js';
import { ADMIN, API, ask, Refusal, type Row } from '../parts/api.js';
import { call, curl, dialog } from '../parts/dialog.js';
import { count } from '../parts/format.js';
import { refused } from '../parts/page.js';

interface Change {
  readonly table: string;
  readonly from: string;
  readonly to: string;
  readonly native_rows: number;
}

/// What stands against a turn, or does not.
interface Preflight {
  readonly clear: boolean;
  readonly service: { readonly name: string; readonly reachable: boolean; readonly milliseconds: number; readonly message: string | null } | null;
  readonly mapping: { readonly loaded: boolean; readonly message: string | null };
  readonly sample: { readonly lookedAt: number; readonly converted: number; readonly failed: Readonly<Record<string, number>>; readonly message: string | null } | null;
  readonly resources: number | null;
}

export interface Target {
  readonly provider: 'native' | 'virtual';
  readonly source?: string;
}

export function route(table: WholeTable, target: Target, done: () => void): void {
  const url = `${ADMIN}/tables/${table.name}/route`;
  let [changes, refusal, turning]: [readonly Change[] | null, Refusal | null, boolean] = [null, null, false];
  let begun = false;
  let preflight: Preflight | null = null;
  const asked = async (dry_run: boolean, draw: () => void): Promise<boolean> => {
    try {
      const { body } = await ask<{ changes: Change[]; preflight?: Preflight }>(url, { method: 'PUT', body: { ...target, dry_run } });
      [changes, refusal] = [body.changes, null];
      preflight = body.preflight ?? null;
      return true;
    } catch (error) {
      refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
      return false;
    } finally {
      draw();
    }
  };
  /// Rows there are now, as apps see them; where it is not known nothing is said.
  let rows: number | null = null;
  const counted = async (draw: () => void) => {
    try {
      rows = Number((await ask<Row | number>(`${API}/${table.entitySet}/$count`)).body);
      draw();
    } catch {
      rows = null;
    }
  };
  const where = target.provider === 'virtual' ? `live from “${target.source}”` : 'kept here';
  dialog(`Turn ${table.label} to ${where}?`, (close, draw) => {
    if (!begun) {
      begun = true;
      void asked(true, draw);
      void counted(draw);
    }
    const turn = async () => {
      turning = true;
      draw();
      if (await asked(false, draw)) {
        close();
        done();
      }
      turning = false;
      draw();
    };
    const own = changes?.find((change) => change.table === table.name);
    return html`
      <p>No row is moved. Apps go on with the same table, columns and addresses; they see the rows of the other place.</p>
      ${own
        ? html`<dl class="facts">
            <dt>Rows seen now</dt><dd>${rows === null ? 'not known' : rows.toLocaleString()}</dd>
            <dt>Rows kept here</dt><dd>${own.native_rows.toLocaleString()}</dd>
            <dt>Turned with it</dt><dd>${changes && changes.length > 1 ? count(changes.length - 1, 'child table') : 'nothing else'}</dd>
          </dl>
          ${preflight ? looked(preflight) : nothing}`
        : refusal
          ? nothing
          : html`<p class="quiet" role="status">Looking what would happen …</p>`}
      ${refusal ? refused(refusal) : nothing}
      ${call(curl('PUT', url, JSON.stringify(target)))}
      <p class="actions">
        <button class="primary" ?disabled=${!changes || turning} @click=${() => void turn()}>${turning ? 'Turning …' : 'Turn'}</button>
        <button class="plain" @click=${close}>Leave as it is</button>
      </p>`;
  });
}

function looked({ clear, service, mapping, sample, resources }: Preflight): TemplateResult {
  const line = (good: boolean, text: string, why: string | null) =>
    html`<li><span class="badge ${good ? 'good' : 'bad'}">${good ? 'good' : 'look'}</span> ${text}${why ? html` <small>${why}</small>` : nothing}</li>`;
  const failed = sample ? Object.entries(sample.failed).map(([code, many]) => `${code}: ${many}`) : [];
  return html`<h3>${clear ? 'Nothing stands against it' : 'Look at this first'}</h3>
    <ul>
      ${service ? line(service.reachable, service.reachable ? `“${service.name}” answers, in ${service.milliseconds} ms` : `“${service.name}” does not answer`, service.message) : nothing}
      ${line(mapping.loaded, mapping.loaded ? 'The mapping is loaded' : 'The mapping is not loaded', mapping.message)}
      ${sample && (sample.lookedAt || sample.message) ? line(failed.length === 0 && sample.message === null, `${sample.converted} of ${count(sample.lookedAt, 'sample resource')} become rows`, [...failed, sample.message ?? ''].filter(Boolean).join(', ') || null) : nothing}
      ${resources === null ? nothing : line(true, `${count(resources, 'resource')} there`, null)}
    </ul>`;
}
