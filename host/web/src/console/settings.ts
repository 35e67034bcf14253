// The configuration in force, secrets masked, and every limit beside what it is by default.

import { html, nothing, type TemplateResult } from 'lit';

import { ADMIN, ask } from '../parts/api.js';
import { count } from '../parts/format.js';
import { Page } from '../parts/page.js';

interface Settings_ {
  readonly version: string;
  readonly started: string;
  readonly configuration: string;
  readonly limits: readonly { readonly name: string; readonly value: number | string | null; readonly default: number | string | null }[];
}

class Settings extends Page {
  private settings: Settings_ | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  private load(): Promise<boolean> {
    return this.work(async (signal) => {
      this.settings = (await ask<Settings_>(`${ADMIN}/settings`, { signal })).body;
    });
  }

  protected override render(): TemplateResult {
    const { settings } = this;
    const changed = settings?.limits.filter((limit) => limit.value !== limit.default) ?? [];
    return html`<h1>Settings</h1>
      <p class="quiet">They are said in the configuration file and the environment, and read at the start. Secrets are not shown.</p>
      ${this.state(() => void this.load())}
      ${settings
        ? html`<section class="card"><dl class="facts">
              <dt>Version</dt><dd>turntable ${settings.version}</dd>
              <dt>Running since</dt><dd>${new Date(settings.started).toLocaleString()}</dd>
              <dt>Limits</dt><dd>${changed.length ? `${count(changed.length, 'limit')} set to another value than by default` : 'all as by default'}</dd>
            </dl></section>
            <section class="card"><h2>Configuration in force</h2><pre tabindex="0">${settings.configuration}</pre></section>
            <h2>Limits</h2>
            <div class="grid" tabindex="0"><table aria-label="Limits">
              <thead><tr><th scope="col">Limit</th><th scope="col" class="number">Value</th><th scope="col" class="number">By default</th></tr></thead>
              <tbody>${settings.limits.map((limit) => html`<tr><td><code>${limit.name}</code>${limit.value !== limit.default ? html` <span class="badge virtual">set</span>` : nothing}</td><td class="number">${limit.value}</td><td class="number">${limit.default}</td></tr>`)}</tbody>
            </table></div>`
        : nothing}`;
  }
}

customElements.define('console-settings', Settings);
