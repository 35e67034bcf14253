// Who did what, newest first: what was decided, and where that is wanted who read and wrote rows.

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';

import type { Entry } from '../parts/admin.js';
import { ADMIN, ask, query } from '../parts/api.js';
import { empty, Page } from '../parts/page.js';
import { place, turn } from '../parts/router.js';

class Audit extends Page {
  static override properties = { address: {} };

  declare address: string;
  private entries: readonly Entry[] = [];
  private next: string | null = null;
  private loaded = false;

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('address')) void this.load(null);
  }

  private load(next: string | null): Promise<boolean> {
    return this.work(async (signal) => {
      const here = place('/console/').query;
      const options = { table: here.get('table') ?? undefined, caller: here.get('caller') ?? undefined, request: here.get('request') ?? undefined, limit: 100 };
      const { body } = await ask<{ events: Entry[]; '@next'?: string }>(next ?? `${ADMIN}/${here.get('all') ? 'audit' : 'events'}${query(options as Record<string, string | number>)}`, { signal });
      this.entries = next ? [...this.entries, ...body.events] : body.events;
      [this.next, this.loaded] = [body['@next'] ?? null, true];
    });
  }

  protected override render(): TemplateResult {
    const here = place('/console/').query;
    const filter = (name: string, label: string) => html`<label>${label} <input .value=${here.get(name) ?? ''} @change=${(event: Event) => turn({ query: { [name]: (event.target as HTMLInputElement).value } })}></label>`;
    return html`<div class="bar"><h1>Audit</h1><span class="fill"></span>${filter('table', 'Table')} ${filter('caller', 'Who')} ${filter('request', 'Request')}
        <label><input type="checkbox" .checked=${!!here.get('all')} @change=${(event: Event) => turn({ query: { all: (event.target as HTMLInputElement).checked ? '1' : '' } })}> Reads and writes of rows</label></div>
      ${this.state(() => void this.load(null))}
      ${this.loaded && !this.entries.length && !this.refusal ? empty('Nothing was done that fits.') : nothing}
      ${this.entries.length
        ? html`<div class="grid" tabindex="0"><table aria-label="Audit">
            <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Table</th><th scope="col">How</th><th scope="col">Request</th></tr></thead>
            <tbody>${this.entries.map((one) => html`<tr><td title=${one.at}>${new Date(one.at).toLocaleString()}</td><td>${one.actor}</td><td>${one.action}</td><td>${one.table ?? ''}</td>
              <td><code>${one.detail === undefined ? '' : shown(one.detail)}</code></td><td>${one.request ? html`<a href=${`/console/requests/${one.request}`}><code>${one.request}</code></a>` : nothing}</td></tr>`)}</tbody>
          </table></div>
          ${this.next ? html`<p class="foot"><button class="plain" @click=${() => void this.load(this.next)}>Older</button></p>` : nothing}`
        : nothing}`;
  }
}

/** Of keys there may be thousands, and each is a hash: how many there are says enough. What a trial has found over time is drawn elsewhere. */
function shown(detail: unknown): string {
  return JSON.stringify(detail, (name, value: unknown) => (name === 'course' ? undefined : name === 'keys' && Array.isArray(value) ? value.length : value));
}

customElements.define('console-audit', Audit);
