// FHIR services: how they do, and what a trial has shown of them.

import { html, nothing, type TemplateResult } from 'lit';

import type { Source } from '../parts/admin.js';
import { ADMIN, ask } from '../parts/api.js';
import { call, curl } from '../parts/dialog.js';
import { count } from '../parts/format.js';
import { empty, Page } from '../parts/page.js';
import { type Health, health, pulse } from './health.js';

interface Trial {
  readonly at: string;
  readonly whole: boolean;
  readonly types: Readonly<Record<string, { readonly resources: number | null; readonly unknownParameters: string | null; readonly sorts: boolean | null; readonly counts: boolean | null; readonly parameters: Readonly<Record<string, { readonly heed: string | null }>> }>>;
}

class Services extends Page {
  private sources: readonly Source[] = [];
  private probing = '';
  /// None: they are asked just now.
  private health: Health | null = null;
  private loaded = false;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  private load(): Promise<boolean> {
    return this.work(async (signal) => {
      this.sources = (await ask<{ sources: Source[] }>(`${ADMIN}/sources`, { signal })).body.sources;
      this.loaded = true;
      void this.ping();
    });
  }

  private async ping(): Promise<void> {
    this.health = null;
    this.health = await health();
    this.requestUpdate();
  }

  private async probe(name: string): Promise<void> {
    this.probing = name;
    const done = await this.work(async (signal) => {
      await ask(`${ADMIN}/sources/${name}/probe`, { method: 'POST', signal });
    });
    this.probing = '';
    this.requestUpdate();
    if (done) await this.load();
  }

  protected override render(): TemplateResult {
    return html`<h1>FHIR services</h1>
      ${this.state(() => void this.load())}
      ${this.loaded && !this.sources.length ? empty('No FHIR service is configured.', html`<p>Name one in the configuration, under <code>[sources.NAME]</code>, and start again.</p>`) : nothing}
      ${this.sources.map((source) => html`<section class="card"><h2>${source.name} ${pulse(this.health, source.name)}</h2>
        <dl class="facts">
          <dt>Address</dt><dd><code>${source.url}</code></dd>
          <dt>It is</dt><dd>${source.software ?? 'not known yet: nothing was asked of it'} ${source.fhirVersion ? `(FHIR ${source.fhirVersion})` : ''}</dd>
          <dt>Tables</dt><dd>${source.tables.length ? source.tables.map((table, index) => html`${index ? ', ' : ''}<a href=${`/console/t/${table}`}>${table}</a>`) : 'none'}</dd>
          <dt>Calls</dt><dd>${count(source.exchanges.requests, 'call')}, ${count(source.exchanges.errors, 'error')}, tried again ${source.exchanges.retries} times${source.exchanges.requests ? `, ${Math.round(source.exchanges.milliseconds / source.exchanges.requests)} ms each` : ''}</dd>
          ${source.notAsked.length ? html`<dt>Not asked any more</dt><dd>${source.notAsked.map((one) => html`<code>${typeof one === 'string' ? one : JSON.stringify(one)}</code> `)}</dd>` : nothing}
        </dl>
        <p class="actions"><button ?disabled=${this.probing === source.name} @click=${() => void this.probe(source.name)}>${this.probing === source.name ? 'Trying it out …' : 'Try out what it does'}</button></p>
        <p class="quiet">It is only read from. What it does not do is not asked of it any more.</p>
        ${call(curl('POST', `${ADMIN}/sources/${source.name}/probe`))}
        ${source.probe ? this.shown(source.probe as Trial) : nothing}
      </section>`)}`;
  }

  private shown(trial: Trial): TemplateResult {
    const types = Object.entries(trial.types).filter(([, one]) => (one.resources ?? 0) > 0);
    const ignored = (one: Trial['types'][string]) => Object.entries(one.parameters).filter(([, { heed }]) => heed !== null && heed !== 'applied').map(([name]) => name);
    const yes = (value: boolean | null) => (value === null ? 'not known' : value ? 'yes' : 'no');
    return html`<h2>Tried out on ${new Date(trial.at).toLocaleString()}${trial.whole ? '' : ', in part'}</h2>
      <div class="wide" tabindex="0" role="region" aria-label="What the trial has shown"><table class="table">
        <thead><tr><th scope="col">Type</th><th scope="col">Resources</th><th scope="col">Counts</th><th scope="col">Sorts</th><th scope="col">Unknown parameters</th><th scope="col">Parameters without effect</th></tr></thead>
        <tbody>${types.map(([type, one]) => html`<tr><th scope="row">${type}</th><td class="number">${one.resources}</td><td>${yes(one.counts)}</td><td>${yes(one.sorts)}</td><td>${one.unknownParameters ?? 'not known'}</td><td>${ignored(one).join(', ') || 'none'}</td></tr>`)}</tbody>
      </table></div>`;
  }
}

customElements.define('console-services', Services);
