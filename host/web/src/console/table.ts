// One table: where its rows live and how to turn that, what its columns are read from, which mapping makes it, and how
// other programs get at it.

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';

import { type AdminColumn, brief, type Loaded, type Release, type Source, type WholeTable } from '../parts/admin.js';
import { ADMIN, API, ask } from '../parts/api.js';
import { code, curl } from '../parts/dialog.js';
import { count } from '../parts/format.js';
import { Page } from '../parts/page.js';
import { deactivate, release, rollback, trial } from './release.js';
import { go } from '../parts/router.js';
import { route } from './route.js';
import { signer } from './signer.js';
import { history, onTrial } from './trials.js';

class TablePage extends Page {
  static override properties = { name: {}, address: {} };

  declare name: string;
  declare address: string;
  private table: WholeTable | null = null;
  private sources: readonly Source[] = [];
  private versions: readonly Loaded[] = [];
  private release: Release | null = null;

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('name')) {
      this.table = null;
      void this.load();
    }
  }

  private load(): Promise<boolean> {
    return this.work(async (signal) => {
      const [table, sources, mappings, release] = await Promise.all([
        ask<WholeTable>(`${ADMIN}/tables/${this.name}`, { signal }),
        ask<{ sources: Source[] }>(`${ADMIN}/sources`, { signal }),
        ask<{ mappings: Loaded[] }>(`${ADMIN}/mappings`, { signal }),
        ask<Release>(`${ADMIN}/tables/${this.name}/release`, { signal }),
      ]);
      this.release = release.body;
      [this.table, this.sources] = [table.body, sources.body.sources];
      this.versions = mappings.body.mappings.filter((one) => one.tables.includes(this.name));
      document.title = table.body.label;
    });
  }

  protected override render(): TemplateResult {
    const { table, release: status } = this;
    if (!table || !status) return html`${this.state(() => void this.load())}`;
    return html`
      <p class="crumbs"><a href="/console/">Tables</a></p>
      <div class="bar"><h1>${table.label}</h1>
        ${table.route === 'virtual' ? html`<span class="badge virtual">Live from ${table.source}</span>` : html`<span class="badge native">Kept here</span>`}
        <span class="fill"></span>
        <a class="button" href=${`/console/requests?table=${table.name}`}>Its requests</a>
        <a class="button" href=${`/app/t/${table.entitySet}`}>See the rows</a>
      </div>
      ${this.state(() => void this.load())}
      <div class="split">
        <section class="card"><h2>Where its rows live</h2>
          <dl class="facts">
            <dt>Now</dt><dd>${table.route === 'virtual' ? `in the FHIR service “${table.source}”` : 'in this server’s own store'}</dd>
            <dt>Rows kept here</dt><dd>${table.nativeRows.toLocaleString()}</dd>
            <dt>FHIR</dt><dd>${table.resource.join(', ')}</dd>
            ${table.parent ? html`<dt>Part of</dt><dd><a href=${`/console/t/${table.parent}`}>${table.parent}</a>, which decides</dd>` : nothing}
          </dl>
          ${table.parent ? nothing : html`<p class="actions">
            ${table.route === 'virtual'
              ? html`<button class="primary" @click=${() => route(table, { provider: 'native' }, () => void this.load())}>Turn to “kept here” …</button>`
              : this.sources.length
                ? this.sources.map((source) => html`<button class="primary" @click=${() => route(table, { provider: 'virtual', source: source.name }, () => void this.load())}>Turn to “live from ${source.name}” …</button>`)
                : html`<span class="quiet">No FHIR service is configured: name one under <code>[sources.NAME]</code>.</span>`}
          </p>`}
        </section>
        <section class="card"><h2>Mapping</h2>
          <dl class="facts">
            <dt>In force</dt><dd>${table.mapping.name} ${table.mapping.version} <code>${brief(table.mapping.digest)}</code></dd>
            <dt>Signed by</dt><dd>${signer(this.versions.find((one) => one.digest === table.mapping.digest)?.signer)}</dd>
            <dt>Calls</dt><dd>${count(table.counters['mappingCalls'] ?? 0, 'call')}, ${count(table.counters['mappingFaults'] ?? 0, 'fault')}</dd>
          </dl>
          ${this.versions.length > 1
            ? html`<div class="wide" tabindex="0" role="region" aria-label="Versions"><table class="table"><thead><tr><th scope="col">Version</th><th scope="col">Signed by</th><th scope="col">Loaded</th><th scope="col">State</th></tr></thead>
              <tbody>${this.versions.map((one) => html`<tr>
                <td>${one.version} <code>${brief(one.digest)}</code></td><td>${signer(one.signer)}</td><td>${new Date(one.uploadedAt).toLocaleString()}</td>
                <td>${this.stateOf(table, status, one)}</td>
              </tr>`)}</tbody></table></div>
              <p class="actions"><button @click=${() => rollback(table, () => void this.load())}>Go back to the version before …</button></p>
              ${history(status)}`
            : html`<p class="quiet">This is its only version. <a href="/console/mappings">Load another</a> to change how its rows are made.</p>`}
          <p class="actions"><button class="plain danger" @click=${() => deactivate(table, () => go('/console/'))}>Take it out of force …</button></p>
        </section>
      </div>
      ${onTrial(table, status, () => void this.load())}
      <section class="card"><h2>Columns</h2>
        <div class="wide" tabindex="0" role="region" aria-label="Columns"><table class="table">
          <thead><tr><th scope="col">Column</th><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">FHIR element</th><th scope="col">Searched by</th><th scope="col">Written</th></tr></thead>
          <tbody>${table.columns.map((column) => html`<tr>
            <td>${column.label}${column.required ? html`<span class="required" title="Required"> *</span>` : nothing}</td>
            <td><code>${column.name}</code></td><td>${column.kind}</td><td><code>${column.path}</code></td><td>${searched(column)}</td><td>${column.writable ? 'yes' : 'no'}</td>
          </tr>`)}</tbody>
        </table></div>
      </section>
      ${connect(table)}
    `;
  }

  private stateOf(table: WholeTable, status: Release, one: Loaded): TemplateResult {
    if (one.digest === table.mapping.digest) return html`in force`;
    if (one.digest === (status.shadow ?? status.canary)?.mapping.digest) return html`on trial`;
    const again = () => void this.load();
    return html`<button class="plain" @click=${() => release(table, one, again)}>Put in force …</button>
      <button class="plain" @click=${() => trial(table, one, 'shadow', again)}>Compare …</button>
      <button class="plain" ?disabled=${table.route === 'native'} title=${table.route === 'native' ? 'Only for tables whose rows live in a FHIR service' : nothing}
        @click=${() => trial(table, one, 'canary', again)}>Try on some …</button>`;
  }
}

/// What a FHIR service answers of conditions on a column; what it does not is looked at here, row by row.
function searched({ search }: AdminColumn): TemplateResult {
  if (!search.length) return html`<span class="quiet">looked at here</span>`;
  const named = new Map(search.map(({ parameter }) => [parameter, search.filter((one) => one.parameter === parameter)]));
  return html`${[...named].map(([parameter, all], at) => {
    const says = ({ resource, exact, superset, sorts }: AdminColumn['search'][number]) =>
      `${resource}: ${[exact.length ? `exactly ${exact.join(', ')}` : '', superset.length ? `${superset.join(', ')} with more rows, looked at again here` : '', sorts ? 'sorts' : ''].filter(Boolean).join('; ')}`;
    return html`${at ? ', ' : ''}<code title=${all.map(says).join('\n')}>${parameter}</code>`;
  })}`;
}

/// How other programs get at it.
function connect(table: WholeTable): TemplateResult {
  const url = new URL(`${API}/${table.entitySet}`, window.location.origin).href;
  return html`<section class="card"><h2>Connect</h2>
    <dl class="facts">
      <dt>OData</dt><dd><code>${url}</code></dd>
      <dt>Power BI</dt><dd><a href=${`${API}/$files/${table.entitySet}.pbids`} download>${table.entitySet}.pbids</a></dd>
      <dt>Excel</dt><dd><a href=${`${API}/$files/${table.entitySet}.odc`} download>${table.entitySet}.odc</a></dd>
      <dt>OpenAPI</dt><dd><a href=${`${API}/$openapi?tables=${table.entitySet}`}>of this table</a></dd>
    </dl>
    ${code('From a shell', `${curl('GET', `${API}/${table.entitySet}?$top=5`)} -H "X-API-Key: $KEY"`)}
    ${code('From JavaScript', `const answer = await fetch(${JSON.stringify(`${url}?$top=5`)}, {
  headers: { 'X-API-Key': process.env.KEY },
});
const { value } = await answer.json();
console.log(value);`)}
    ${code('From Python', `import os, requests

answer = requests.get(
    ${JSON.stringify(url)},
    params={"$top": 5},
    headers={"X-API-Key": os.environ["KEY"]},
)
answer.raise_for_status()
print(answer.json()["value"])`)}
    <p class="quiet">The key is one of <a href="/console/keys">the API keys</a>; without a login none is asked for.</p>
  </section>`;
}

customElements.define('console-table', TablePage);
