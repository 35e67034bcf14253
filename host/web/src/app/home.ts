// The tables, by what they are of.

import { html, nothing, type TemplateResult } from 'lit';

import { allTables, type Table } from '../parts/metadata.js';
import { empty, Page } from '../parts/page.js';
import { place, turn } from '../parts/router.js';

class Home extends Page {
  static override properties = { address: {} };

  /// Changes when the address does.
  declare address: string;
  private tables: readonly Table[] = [];
  private loaded = false;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  private load(): Promise<boolean> {
    return this.work(async () => {
      this.tables = await allTables();
      this.loaded = true;
    });
  }

  protected override render(): TemplateResult {
    const text = place('/app/').fragment.get('q') ?? '';
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (table: Table) => words.every((word) => `${table.label} ${table.description} ${table.set}`.toLowerCase().includes(word));
    const parts = place('/app/').query.get('parts') === 'yes';
    const found = this.tables.filter((table) => fits(table) && (parts || !table.part));
    return html`
      <div class="bar">
        <h1>Tables</h1>
        <span class="fill"></span>
        <label><input type="checkbox" .checked=${parts} @change=${() => turn({ query: { parts: parts ? null : 'yes' } })}> Parts of rows too</label>
        <input type="search" data-search aria-label="Find a table" placeholder="Find a table" .value=${text}
          @input=${(event: Event) => turn({ fragment: { q: (event.target as HTMLInputElement).value } })}>
      </div>
      ${this.state(() => void this.load())}
      <ul class="tiles">
        ${found.map(
          (table) => html`<li><a class="card" href=${`/app/t/${table.set}`}>
            <strong>${table.label}</strong>
            ${table.description ? html`<span>${table.description}</span>` : nothing}
            <small>${table.set}</small>
          </a></li>`,
        )}
      </ul>
      ${this.loaded && !this.tables.length ? empty('There is no table that you may see.', html`<p>An administrator can give you a role.</p>`) : nothing}
      ${this.tables.length && !found.length ? empty(`No table fits “${text}”.`, parts ? nothing : html`<button class="plain" @click=${() => turn({ query: { parts: 'yes' } })}>Look among parts of rows too</button>`) : nothing}
    `;
  }
}

customElements.define('app-home', Home);
