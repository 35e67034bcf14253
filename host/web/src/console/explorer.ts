// A query, how it is answered, and its rows: what is asked of a FHIR service, and what is left to be done here. An
// administrator may look as somebody else does.

import { html, nothing, type TemplateResult } from 'lit';

import { API, ask, type Json, type Row } from '../parts/api.js';
import { count } from '../parts/format.js';
import { Page } from '../parts/page.js';
import { place, turn } from '../parts/router.js';

const FIRST = 'contacts?$select=fullname,birthdate&$top=10';
const ROWS = 50;

/// Who looks at a condition.
const CLASSES: Record<string, string> = {
  exact: 'asked of the service',
  inexact: 'asked, and looked at again here',
  unsupported: 'looked at here',
  related: 'asked of related rows',
  apart: 'asked apart',
};

interface Search {
  readonly url: string;
  readonly conditions: readonly Row[];
  readonly filteredHere: Json;
}

class Explorer extends Page {
  static override properties = { address: {} };

  declare address: string;
  private plan: Row | null = null;
  private rows: readonly Row[] = [];
  private timing: ReadonlyMap<string, number> = new Map();
  private request: string | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    if (place('/console/').fragment.has('query')) void this.run();
  }

  /// Whom to look as: roles in the query of the address, and claims, which may say who somebody is, in its fragment.
  private get as(): { roles: string; claims: string } {
    const { query, fragment } = place('/console/');
    return { roles: query.get('roles') ?? '', claims: fragment.get('claims') ?? '' };
  }

  private get headers(): Record<string, string> {
    const { roles, claims } = this.as;
    return { ...(roles ? { 'turntable-as-roles': roles } : {}), ...(claims ? { 'turntable-as-claims': claims } : {}) };
  }

  private get text(): string {
    return place('/console/').fragment.get('query') ?? FIRST;
  }

  private run(): Promise<boolean> {
    [this.plan, this.rows] = [null, []];
    return this.work(async (signal) => {
      const url = `${API}/${this.text.trim().replace(/^\/+/, '')}`;
      this.plan = (await ask<Row>(url, { signal, headers: { ...this.headers, prefer: 'explain' } })).body;
      const { body, timing, request } = await ask<Row>(url, { signal, headers: { ...this.headers, prefer: `odata.maxpagesize=${ROWS}` } });
      this.rows = Array.isArray(body['value']) ? (body['value'] as Row[]) : [body];
      [this.timing, this.request] = [timing, request];
    });
  }

  protected override render(): TemplateResult {
    return html`<h1>Explorer</h1>
      <form @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        const said = new FormData(event.target as HTMLFormElement);
        const of = (name: string) => String(said.get(name) ?? '').trim();
        turn({ query: { roles: of('roles') }, fragment: { query: of('query'), claims: of('claims') } });
        void this.run();
      }}>
        <label for="query" class="quiet">A query, after <code>${API}/</code></label>
        <div class="bar"><textarea id="query" name="query" data-search rows="2" spellcheck="false" class="fill" .value=${this.text}></textarea>
        <button class="primary">Ask</button></div>
        <details class="as" ?open=${this.as.roles !== ''}><summary>As somebody else</summary>
          <div class="fields">
            <div class="field"><label for="roles">Roles</label><input id="roles" name="roles" list="built-in" .value=${this.as.roles} placeholder="nurse">
              <datalist id="built-in"><option value="reader"></option><option value="writer"></option><option value="mapper"></option></datalist>
              <p class="note">As the configuration names them, several with commas. Nothing is written.</p></div>
            <div class="field"><label for="claims">Claims</label><input id="claims" name="claims" spellcheck="false" .value=${this.as.claims} placeholder='{"patient":"…"}'>
              <p class="note">A JSON object: what their token would say of them.</p></div>
          </div>
        </details>
      </form>
      ${this.as.roles ? html`<p class="note" role="status">This is what callers with the roles <strong>${this.as.roles}</strong> are shown.</p>` : nothing}
      ${this.state(() => void this.run())}
      <div class="split">
        ${this.plan ? this.drawn(this.plan) : nothing}
        ${this.timing.size ? this.steps() : nothing}
      </div>
      ${this.rows.length ? this.table() : this.plan && !this.refusal ? html`<div class="empty"><p>No row fits the query.</p></div>` : nothing}
    `;
  }

  private drawn(plan: Row): TemplateResult {
    const searches = (plan['searches'] as Search[] | undefined) ?? [];
    const said = (name: string) => (plan[name] === true ? html`<li><span class="badge bad">here</span> ${{ sortedHere: 'sorted', fullScan: 'all rows are read' }[name]}</li>` : nothing);
    return html`<section class="card"><h2>How it is answered</h2>
      <p>${plan['route'] === 'virtual' ? html`<span class="badge virtual">Live from FHIR</span>` : html`<span class="badge native">Kept here</span>`}</p>
      ${searches.map((search) => html`
        <p><code>GET ${search.url}</code></p>
        <ul>
          ${search.conditions.map((one) => html`<li><span class="badge ${one['class'] === 'unsupported' ? 'bad' : one['class'] === 'inexact' ? '' : 'good'}">${CLASSES[String(one['class'])] ?? String(one['class'])}</span>
            <code>${String(one['condition'])}</code> ${one['why'] ? html`<small>${String(one['why'])}</small>` : nothing}</li>`)}
          ${search.filteredHere ? html`<li><span class="badge bad">here</span> <code>${typeof search.filteredHere === 'string' ? search.filteredHere : JSON.stringify(search.filteredHere)}</code></li>` : nothing}
        </ul>`)}
      <ul>${said('sortedHere')}${said('fullScan')}</ul>
      <details class="call"><summary>The whole plan</summary><pre>${JSON.stringify(plan, null, 2)}</pre></details>
    </section>`;
  }

  private steps(): TemplateResult {
    const whole = [...this.timing.values()].reduce((sum, step) => sum + step, 0);
    return html`<section class="card"><h2>How long it took</h2>
      <table class="table"><tbody>${[...this.timing].map(([name, time]) => html`<tr><th scope="row">${name}</th><td class="number">${time.toFixed(1)} ms</td>
        <td><meter min="0" max=${whole} value=${time} aria-label=${`${name}: ${time} of ${whole} ms`}></meter></td></tr>`)}</tbody></table>
      ${this.request ? html`<p class="actions"><a class="button" href=${`/console/requests/${this.request}`}>Step by step</a></p>` : nothing}
    </section>`;
  }

  private table(): TemplateResult {
    const names = [...new Set(this.rows.flatMap((row) => Object.keys(row)))].filter((name) => !name.includes('@'));
    return html`<div class="grid" tabindex="0"><table aria-label="Rows">
        <thead><tr>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
        <tbody>${this.rows.map((row) => html`<tr>${names.map((name) => html`<td>${text(row[name])}</td>`)}</tr>`)}</tbody>
      </table></div><p class="quiet foot">${count(this.rows.length, 'row')}</p>`;
  }
}

function text(value: Json | undefined): string {
  return value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

customElements.define('console-explorer', Explorer);
