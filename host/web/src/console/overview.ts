// All tables at a glance: where each lives, and what makes its rows.

import { html, nothing, type TemplateResult } from 'lit';

import { type AdminTable, brief, type Source } from '../parts/admin.js';
import { ADMIN, ask } from '../parts/api.js';
import { count } from '../parts/format.js';
import { empty, Page } from '../parts/page.js';
import { place, turn } from '../parts/router.js';
import { type Health, health, pulse } from './health.js';

/// What was asked of each table in the last minutes.
interface Traffic {
  readonly seconds: number;
  readonly tables: Readonly<Record<string, { readonly requests: number; readonly errors: number; readonly perSecond: number; readonly p95Ms: number | null }>>;
}

class Overview extends Page {
  static override properties = { address: {} };

  declare address: string;
  private tables: readonly AdminTable[] = [];
  private sources: readonly Source[] = [];
  private health: Health | null = null;
  private traffic: Traffic['tables'] = {};

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  private load(): Promise<boolean> {
    return this.work(async (signal) => {
      const [tables, sources] = await Promise.all([
        ask<{ tables: AdminTable[] }>(`${ADMIN}/tables`, { signal }),
        ask<{ sources: Source[] }>(`${ADMIN}/sources`, { signal }),
      ]);
      [this.tables, this.sources] = [tables.body.tables, sources.body.sources];
      void health().then((found) => {
        this.health = found;
        this.requestUpdate();
      });
      this.traffic = (await ask<Traffic>(`${ADMIN}/traffic`, { signal })).body.tables;
    });
  }

  protected override render(): TemplateResult {
    const { query, fragment } = place('/console/');
    const text = (fragment.get('q') ?? '').toLowerCase();
    const [route, children] = [query.get('route') ?? '', query.get('children') === 'yes'];
    const found = this.tables.filter(
      (table) =>
        (children || table.parent === null) &&
        (!route || table.route === route) &&
        `${table.label} ${table.name} ${table.resource.join(' ')}`.toLowerCase().includes(text),
    );
    return html`
      <div class="bar"><h1>Tables</h1><span class="fill"></span>
        <select aria-label="Route" @change=${(event: Event) => turn({ query: { route: (event.target as HTMLSelectElement).value } })}>
          ${[['', 'All routes'], ['native', 'Kept here'], ['virtual', 'Live from FHIR']].map(([value, label]) => html`<option value=${value!} ?selected=${value === route}>${label}</option>`)}
        </select>
        <label><input type="checkbox" .checked=${children} @change=${() => turn({ query: { children: children ? null : 'yes' } })}> Child tables</label>
        <input type="search" data-search aria-label="Find a table" placeholder="Find a table" .value=${fragment.get('q') ?? ''}
          @input=${(event: Event) => turn({ fragment: { q: (event.target as HTMLInputElement).value } })}>
      </div>
      ${this.state(() => void this.load())}
      ${this.sources.length
        ? html`<ul class="tiles">${this.sources.map(({ name, url, software, exchanges }) => html`<li><a class="card" href="/console/services">
            <strong>${name} ${pulse(this.health, name)}</strong><span>${software ?? url}</span>
            <small>${count(exchanges.requests, 'call')}, ${count(exchanges.errors, 'error')}${exchanges.requests ? `, ${Math.round(exchanges.milliseconds / exchanges.requests)} ms each` : ''}</small>
          </a></li>`)}</ul>`
        : nothing}
      ${found.length
        ? html`<div class="grid" tabindex="0"><table aria-label="Tables">
            <thead><tr><th scope="col">Table</th><th scope="col">Rows live</th><th scope="col">FHIR</th><th scope="col">Mapping</th><th scope="col" class="number">Requests</th><th scope="col" class="number">A minute</th><th scope="col" class="number">Errors</th><th scope="col" class="number">95 % within</th></tr></thead>
            <tbody>${found.map((table) => html`<tr>
              <td><a href=${`/console/t/${table.name}`}>${table.label}</a></td>
              <td>${table.route === 'virtual' ? html`<span class="badge virtual">Live from ${table.source}</span>` : html`<span class="badge native">Kept here</span>`}</td>
              <td>${table.resource.join(', ')}</td>
              <td>${table.mapping.name} ${table.mapping.version} <code>${brief(table.mapping.digest)}</code></td>
              ${this.figures(table.name)}
            </tr>`)}</tbody>
          </table></div>
          <p class="quiet foot">${count(found.length, 'table')}; requests of the last five minutes</p>`
        : this.tables.length
          ? empty('No table fits.', html`<button class="plain" @click=${() => turn({ query: { route: null }, fragment: { q: null } })}>Show all tables</button>`)
          : nothing}
    `;
  }

  private figures(name: string): TemplateResult {
    const one = this.traffic[name];
    const minute = one ? one.perSecond * 60 : 0;
    return html`<td class="number">${one ? html`<a href=${`/console/requests?table=${name}`}>${one.requests.toLocaleString()}</a>` : nothing}</td>
      <td class="number">${one ? minute.toLocaleString(undefined, { maximumSignificantDigits: 2 }) : ''}</td>
      <td class="number">${one?.errors ? html`<a href=${`/console/requests?table=${name}&status=4xx,5xx`}>${one.errors.toLocaleString()}</a>` : nothing}</td><td class="number">${one?.p95Ms == null ? '' : `${Math.ceil(one.p95Ms)} ms`}</td>`;
  }
}

customElements.define('console-overview', Overview);
