// Rows of other tables that lead to this one: a list of the tables, and the rows of the one that is chosen.

import '../parts/grid.js';

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';

import { API, ask, query, type Row } from '../parts/api.js';
import { beginning } from '../parts/columns.js';
import { count } from '../parts/format.js';
import { ABOUT, allTables, type Related as Lead, type Schema, schemaOf, type Table } from '../parts/metadata.js';
import { empty, Page } from '../parts/page.js';

const ROWS = 50;

class Related extends Page {
  static override properties = { schema: { attribute: false }, key: {}, chosen: { attribute: false } };

  declare schema: Schema;
  declare key: string;
  declare chosen: Lead | null;
  private tables: readonly Table[] = [];
  private of: Schema | null = null;
  private rows: readonly Row[] = [];
  private total: number | null = null;
  private loaded: Lead | null = null;

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('chosen') || changed.has('key')) void this.load();
  }

  private async load(): Promise<void> {
    const { chosen } = this;
    [this.loaded, this.rows] = [null, []];
    await this.work(async (signal) => {
      this.tables = await allTables();
      const table = this.tables.find((one) => one.name === chosen?.table);
      if (!table || !chosen) return;
      this.of = await schemaOf(table);
      const options = {
        $select: [table.key, ...this.columns(this.of).map((column) => column.property)].join(','),
        $filter: `${chosen.property} eq ${this.key}`,
        $count: 'true',
        $top: ROWS,
      };
      const { body } = await ask<Row>(`${API}/${table.set}${query(options)}`, { signal, headers: { prefer: 'odata.include-annotations="*"' } });
      [this.rows, this.loaded] = [body['value'] as Row[], chosen];
      this.total = typeof body['@odata.count'] === 'number' ? body['@odata.count'] : null;
    });
  }

  private columns(schema: Schema) {
    return beginning(schema).filter((column) => column.property !== this.chosen?.property);
  }

  protected override render(): TemplateResult {
    const named = (lead: Lead) => this.tables.find((table) => table.name === lead.table);
    const first = (lead: Lead) => leading(this.schema.related, lead.table) === lead;
    const by = (lead: Lead) => (first(lead) ? '' : ` (${lead.property.replace(/^_(msemr_|tt_)?|_value$/g, '')})`);
    const leads = this.schema.related
      .filter(named)
      .map((lead) => ({ lead, label: `${named(lead)?.label}${by(lead)}` }))
      .sort((a, b) => a.label.localeCompare(b.label));
    if (!leads.length) return html`${this.state()}`;
    const table = this.of?.table;
    return html`<h2>Related</h2>
      <div class="bar">
        <select aria-label="Rows of" @change=${(event: Event) => {
          const one = leads[Number((event.target as HTMLSelectElement).value)];
          if (one) this.dispatchEvent(new CustomEvent<Lead>('chosen', { detail: one.lead }));
        }}>
          <option value="" ?selected=${!this.chosen}>Choose what to see …</option>
          ${leads.map(({ lead, label }, index) => html`<option value=${index} ?selected=${lead === this.chosen}>${label}</option>`)}
        </select>
        <span class="fill"></span>
        ${this.loaded && table?.may.create
          ? html`<a href=${`/app/t/${table.set}/new?${this.loaded.property}=${this.key}&of=${this.schema.table.set}`}>New: ${table.label}</a>`
          : nothing}
      </div>
      ${this.state(() => void this.load())}
      ${this.loaded && table && !this.rows.length ? empty(`No rows of ${table.label} belong to it.`) : nothing}
      ${this.loaded && table && this.of && this.rows.length
        ? html`<tt-grid .table=${table} .columns=${this.columns(this.of)} .rows=${this.rows} .label=${table.label}
              .href=${(row: Row) => `/app/t/${table.set}/${String(row[table.key])}`}></tt-grid>
            <p class="quiet foot">${this.total === null || this.total <= this.rows.length ? count(this.rows.length, 'row') : `${this.rows.length} of ${count(this.total, 'row')}`}</p>`
        : nothing}`;
  }
}

/// Of several lookups of one table the one that says whom its rows are about.
function leading(related: readonly Lead[], table: string): Lead | undefined {
  const own = related.filter((lead) => lead.table === table);
  return own.find((lead) => ABOUT.test(lead.property)) ?? own[0];
}

customElements.define('app-related', Related);
