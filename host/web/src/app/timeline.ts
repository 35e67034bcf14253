// What happened, newest first, of every table whose rows lead to this one and have a time; numbers of one kind as a chart.
// Which tables these are the metadata says.

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';

import { API, ask, query, type Row } from '../parts/api.js';
import { cell } from '../parts/format.js';
import { ABOUT, allTables, type Column, type Related as Lead, type Schema, schemaOf } from '../parts/metadata.js';
import { Page } from '../parts/page.js';

/// Tables asked, at most; rows of each.
const TABLES = 48;
const ROWS = 20;
const AT_ONCE = 4;

interface Event_ {
  readonly schema: Schema;
  readonly row: Row;
  readonly time: string;
  readonly when: Column;
}

/// Rows of a table that show one number over time.
interface Series {
  readonly label: string;
  readonly unit: string;
  readonly points: readonly { readonly time: number; readonly value: number }[];
}

class Timeline extends Page {
  static override properties = { schema: { attribute: false }, key: {} };

  declare schema: Schema;
  declare key: string;
  private events: readonly Event_[] = [];
  private asked = false;
  private done = false;
  /// Tables that did not answer, by their labels.
  private failed: readonly string[] = [];
  private series: readonly Series[] = [];

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('key') && changed.get('key') !== undefined) [this.events, this.asked, this.done, this.series] = [[], false, false, []];
  }

  private async load(): Promise<void> {
    this.asked = true;
    this.failed = [];
    await this.work(async (signal) => {
      const tables = await allTables();
      // Of each table one lookup: whom a row is about comes before who asked for it.
      const whole = this.schema.related.filter((lead) => ABOUT.test(lead.property) && tables.some((table) => table.name === lead.table && !table.part));
      const about = new Map([...whole].reverse().map((lead) => [lead.table, lead]));
      const events: Event_[] = [];
      const rest = [...about.values()].reverse().slice(0, TABLES);
      const worker = async () => {
        for (let lead = rest.shift(); lead; lead = rest.shift()) {
          try {
            events.push(...(await this.eventsOf(lead, signal)));
          } catch (error) {
            if (signal.aborted) throw error;
            this.failed = [...this.failed, tables.find((table) => table.name === lead?.table)?.label ?? lead.table];
          }
          this.events = [...events].sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
          this.requestUpdate();
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      this.series = seriesOf(this.events);
      this.done = true;
    });
    await this.updateComplete;
    await this.draw();
  }

  private async eventsOf(lead: Lead, signal: AbortSignal): Promise<Event_[]> {
    const table = (await allTables()).find((one) => one.name === lead.table);
    if (!table) return [];
    const schema = await schemaOf(table);
    const when = schema.columns.find((column) => column.kind === 'DateTime' && !/azurefhir/.test(column.name));
    if (!when || !table.title) return [];
    const numbers = schema.columns.filter((column) => isValue(column) || isUnit(column));
    const options = {
      $select: [table.key, table.title, when.property, ...numbers.map((column) => column.property)].join(','),
      $filter: `${lead.property} eq ${this.key}`,
      $orderby: `${when.property} desc`,
      $top: ROWS,
    };
    const { body } = await ask<{ value: Row[] }>(`${API}/${table.set}${query(options)}`, { signal, headers: { prefer: 'odata.include-annotations="*"' } });
    return body.value.flatMap((row) => (row[when.property] == null ? [] : [{ schema, row, when, time: String(row[when.property]) }]));
  }

  protected override render(): TemplateResult | typeof nothing {
    const dated = this.schema.related.some((lead) => ABOUT.test(lead.property));
    if (!dated) return nothing;
    return html`<h2>Timeline</h2>
      ${this.asked ? nothing : html`<button class="plain" @click=${() => void this.load()}>Show what happened</button>`}
      ${this.state(() => void this.load())}
      ${this.series.map((one, index) => html`<figure class="card chart"><figcaption>${one.label}${one.unit ? ` (${one.unit})` : ''}</figcaption><div data-chart=${index}></div></figure>`)}
      ${this.done && !this.events.length ? html`<p class="quiet">Nothing with a time is known.</p>` : nothing}
      ${this.failed.length ? html`<div class="refusal" role="alert"><p>Not everything is here: ${this.failed.slice(0, 5).join(', ')}${this.failed.length > 5 ? ` and ${this.failed.length - 5} more tables` : ''} did not answer.</p><button @click=${() => void this.load()}>Try again</button></div>` : nothing}
      <ol class="timeline">
        ${this.events.map(({ schema, row, when }) => {
          const { text, title } = cell(when, row);
          const number = schema.columns.filter((column) => (isValue(column) || isUnit(column)) && row[column.property] != null);
          return html`<li>
            <time datetime=${String(row[when.property])} title=${title}>${text}</time>
            <a href=${`/app/t/${schema.table.set}/${String(row[schema.table.key])}`}>${String(row[schema.table.title ?? ''] ?? '(no name)')}</a>
            ${number.length ? html`<strong>${number.map((column) => cell(column, row).text).join(' ')}</strong>` : nothing}
            <small>${schema.table.label}</small>
          </li>`;
        })}
      </ol>`;
  }

  /// The charts' part is loaded when there is something to draw.
  private async draw(): Promise<void> {
    if (!this.series.length) return;
    const { chart } = await import('../parts/chart.js');
    for (const [index, one] of this.series.entries()) {
      const box = this.querySelector<HTMLElement>(`[data-chart="${index}"]`);
      if (box) chart(box, one.label, one.points);
    }
  }
}

/// The value of a measurement, and its unit, by the names that quantities have in the model.
function isValue(column: Column): boolean {
  return column.kind === 'Decimal' && /valuetypequantityvalue$|valuequantity$/.test(column.name);
}

function isUnit(column: Column): boolean {
  return column.kind === 'String' && /valuequantityunit$|valuetypequantityunit$/.test(column.name);
}

/// Numbers of one name and unit that come at least twice.
function seriesOf(events: readonly Event_[]): Series[] {
  const found = new Map<string, { label: string; unit: string; points: { time: number; value: number }[] }>();
  for (const { schema, row, time } of events) {
    const value = schema.columns.find((column) => isValue(column) && row[column.property] != null);
    if (!value) continue;
    const unit = schema.columns.find((column) => isUnit(column) && row[column.property] != null);
    const [label, of] = [String(row[schema.table.title ?? ''] ?? ''), unit ? String(row[unit.property]) : ''];
    const one = found.get(`${label}\n${of}`) ?? { label, unit: of, points: [] };
    one.points.push({ time: Date.parse(time) / 1_000, value: Number(row[value.property]) });
    found.set(`${label}\n${of}`, one);
  }
  const often = [...found.values()].filter(({ points }) => points.length > 1);
  for (const { points } of often) points.sort((a, b) => a.time - b.time);
  return often;
}

customElements.define('app-timeline', Timeline);
