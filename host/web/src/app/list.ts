// The rows of a table: columns as one wants them, filtered, searched, sorted, paged as one scrolls.

import '../parts/grid.js';

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';

import { API, ask, query, quoted, Refusal, type Row, send } from '../parts/api.js';
import { refusalOf } from '../parts/refusal.js';
import { named } from '../parts/columns.js';
import { type Condition, filterBar, filterOf, read } from '../parts/filter.js';
import { count } from '../parts/format.js';
import type { Sorted } from '../parts/grid.js';
import { type Column, planOf, type Schema, schemaOf, tableOfSet } from '../parts/metadata.js';
import { empty, Page } from '../parts/page.js';
import { place, turn } from '../parts/router.js';
import { badge } from './badge.js';
import { change } from './change.js';
import { removal } from './remove.js';
import { chooser, drop, keep, type View, viewsOf } from './views.js';

const PAGE = 100;

class List extends Page {
  static override properties = { set: {}, address: {} };

  /// The entity set.
  declare set: string;
  /// Changes when the address does.
  declare address: string;
  private schema: Schema | null = null;
  private where: 'native' | 'virtual' | null = null;
  /// Conditions that the FHIR service cannot search by.
  private here: readonly string[] = [];
  private rows: readonly Row[] = [];
  private total: number | null = null;
  private next: string | null = null;
  private asked = '';
  private loaded = false;
  private more = false;
  private marked: ReadonlySet<string> = new Set();
  private views: readonly View[] = [];

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('set')) {
      [this.schema, this.where, this.rows, this.loaded, this.asked, this.marked, this.views] = [null, null, [], false, '', new Set(), []];
    }
    if (changed.has('set') || changed.has('address')) void this.load();
  }

  private get place() {
    return place('/app/');
  }

  protected override get waitsFor(): string {
    return this.where === 'native' ? 'the server is slow' : 'the rows come from a FHIR service, which is slow';
  }

  private get conditions(): readonly Condition[] {
    return read(this.place.fragment.get('f'));
  }

  private get sorted(): Sorted | null {
    const [column, direction] = (this.place.query.get('sort') ?? '').split('.');
    return column ? { column, descending: direction === 'desc' } : null;
  }

  private get view(): View | null {
    const id = this.place.query.get('view');
    return this.views.find((one) => one.id === id) ?? null;
  }

  private columns(schema: Schema): readonly Column[] {
    const given = this.view?.columns ?? [];
    const found = given.flatMap((name) => schema.columns.filter((column) => column.name === name && column.kind !== 'Key'));
    if (found.length) return found;
    return named(schema, this.place.query.get('columns'));
  }

  /// The query that this address asks for.
  private options(schema: Schema): Record<string, string | undefined> {
    const { table } = schema;
    const { view } = this;
    if (view) return { userQuery: view.id };
    const search = this.place.fragment.get('q');
    const found = search && table.title ? [`contains(${table.title},${quoted(search)})`] : [];
    const filter = [...found, ...filterOf(this.conditions, schema.columns)].join(' and ');
    const sorted = this.sorted;
    return {
      $select: [table.key, ...this.columns(schema).map((column) => column.property)].join(','),
      $filter: filter || undefined,
      $orderby: sorted ? `${sorted.column}${sorted.descending ? ' desc' : ''}` : undefined,
    };
  }

  private async load(force = false): Promise<void> {
    await this.work(async (signal) => {
      const table = await tableOfSet(this.set);
      if (!table) throw new Refusal(404, 'UnknownTable', `There is no table “${this.set}” here.`);
      document.title = table.label;
      const [schema, views] = await Promise.all([schemaOf(table), this.views.length && !force ? this.views : viewsOf(table, signal)]);
      [this.schema, this.views] = [schema, views];
      if (this.place.query.has('view') && !this.view) throw new Refusal(404, 'NotFound', 'This view is not there any more.', null, 'Choose another, or all rows.');
      const url = `${API}/${table.set}${query(this.options(this.schema))}`;
      if (url === this.asked && !force) return;
      const { $filter } = this.options(this.schema);
      const plan = planOf(table, { $filter, $top: 1 }).then(({ where, here }) => {
        // Known before the rows are: it says of whom they wait, and why they may.
        if (!signal.aborted) [this.where, this.here] = [where, here];
        this.requestUpdate();
      });
      const [first] = await Promise.all([
        ask<Row>(`${url}&$count=true`, { signal, headers: { prefer: `odata.maxpagesize=${PAGE},odata.include-annotations="*"` } }),
        plan,
      ]);
      [this.asked, this.rows, this.loaded] = [url, [], true];
      this.marked = new Set();
      this.take(first.body);
      const total = first.body['@odata.count'];
      this.total = typeof total === 'number' ? total : null;
    });
  }

  private take(body: Row): void {
    this.rows = [...this.rows, ...(body['value'] as Row[])];
    const next = body['@odata.nextLink'];
    // The server's own, whatever name it is reached by.
    this.next = typeof next === 'string' ? new URL(next).pathname + new URL(next).search : null;
  }

  private async loadMore(): Promise<void> {
    if (!this.next || this.more) return;
    this.more = true;
    const next = this.next;
    await this.work(async (signal) => {
      const { body } = await ask<Row>(next, { signal, headers: { prefer: `odata.maxpagesize=${PAGE},odata.include-annotations="*"` } });
      this.take(body);
    });
    this.more = false;
  }

  protected override render(): TemplateResult {
    const { schema } = this;
    if (!schema) return html`${this.state(() => void this.load(true))}`;
    const { table } = schema;
    // Rows of another query stay while those of this one are asked for; where these do not come they go.
    const stale = this.asked !== `${API}/${table.set}${query(this.options(schema))}`;
    const filtered = this.conditions.length > 0 || this.place.fragment.has('q');
    return html`
      <div class="bar">
        <h1>${table.label}</h1>
        ${this.where ? badge(this.where) : nothing}
        <span class="fill"></span>
        ${table.title && !this.view
          ? html`<input type="search" data-search aria-label=${`Search ${table.label}`} placeholder="Search by name"
              .value=${this.place.fragment.get('q') ?? ''}
              @change=${(event: Event) => turn({ fragment: { q: (event.target as HTMLInputElement).value } })}>`
          : nothing}
        ${table.may.create ? html`<a class="button primary" href=${`/app/t/${table.set}/new`}>New</a>` : nothing}
      </div>
      <p class="quiet">${table.description}</p>
      <div class="bar tools">
        ${this.view
          ? html`<span class="quiet">The rows of the view “${this.view.name}”</span>`
          : filterBar(this.conditions, schema.columns, (conditions) => turn({ fragment: { f: conditions.length ? JSON.stringify(conditions) : null } }))}
        <span class="fill"></span>
        ${this.viewChooser(schema)}
        ${this.view ? nothing : this.chooser(schema)}
        <button class="plain" @click=${() => void this.download(table.set)}>CSV</button>
        <button class="plain" @click=${() => window.print()}>Print</button>
        ${this.marked.size
          ? html`${table.may.change
                ? html`<button class="plain" @click=${() => change(schema, this.markedRows(schema), () => void this.load(true))}>Change ${this.marked.size} …</button>`
                : nothing}
              ${table.may.remove
                ? html`<button class="plain danger" @click=${() => removal(schema, this.markedRows(schema), () => void this.load(true))}>Delete ${this.marked.size}</button>`
                : nothing}`
          : nothing}
      </div>
      ${this.unsearched(schema)}
      ${this.state(() => void this.load(true))}
      ${this.loaded && !this.rows.length && !this.refusal
        ? filtered
          ? empty('No row fits the filter.', html`<button class="plain" @click=${() => turn({ fragment: { f: null, q: null } })}>Show all rows</button>`)
          : empty(
              this.where === 'virtual' ? 'The FHIR service has no rows of this table.' : 'There are no rows here yet.',
              table.may.create ? html`<p><a href=${`/app/t/${table.set}/new`}>Make the first</a></p>` : nothing,
            )
        : nothing}
      ${this.rows.length && !(stale && this.refusal)
        ? html`<tt-grid class=${stale ? 'stale' : nothing} aria-busy=${stale ? 'true' : nothing}
            .table=${table}
            .columns=${this.columns(schema)}
            .rows=${this.rows}
            .sorted=${this.sorted}
            .marked=${this.marked}
            .markable=${table.may.change || table.may.remove}
            .label=${table.label}
            .href=${(row: Row) => `/app/t/${table.set}/${String(row[table.key])}`}
            @sorted=${({ detail }: CustomEvent<Sorted>) => !this.view && turn({ query: { sort: `${detail.column}.${detail.descending ? 'desc' : 'asc'}` } })}
            @marked=${({ detail }: CustomEvent<ReadonlySet<string>>) => {
              this.marked = detail;
              this.requestUpdate();
            }}
            @end=${() => void this.loadMore()}
          ></tt-grid>
          <p class="quiet foot" role="status">
            ${this.total === null ? count(this.rows.length, 'row') : `${this.rows.length.toLocaleString()} of ${count(this.total, 'row')}`}
            ${this.next ? html` · <button class="plain" @click=${() => void this.loadMore()}>More</button>` : nothing}
          </p>`
        : nothing}
    `;
  }

  /// What the FHIR service cannot search by, by the names that people know.
  private unsearched(schema: Schema): TemplateResult | typeof nothing {
    const found = schema.columns.filter((column) => this.here.some((one) => one.includes(column.property)));
    if (!found.length) return nothing;
    const names = found.map((column) => column.label).join(', ');
    return html`<p class="quiet" role="note">The FHIR service cannot search by ${names}: rows are looked at here one by one, which may take longer. A condition that it can search by makes it quick.</p>`;
  }

  private chooser(schema: Schema): TemplateResult {
    const shown = this.columns(schema);
    const change = (column: Column, show: boolean) => {
      const next = show ? [...shown, column] : shown.filter((one) => one !== column);
      turn({ query: { columns: next.map((one) => one.property).join(',') } });
    };
    return html`<details class="menu">
      <summary>Columns</summary>
      <div class="card">
        <button class="plain" @click=${() => turn({ query: { columns: null } })}>As at first</button>
        ${schema.columns
          .filter((column) => column.kind !== 'Key')
          .map(
            (column) => html`<label><input type="checkbox" .checked=${shown.includes(column)}
              @change=${(event: Event) => change(column, (event.target as HTMLInputElement).checked)}> ${column.label}</label>`,
          )}
      </div>
    </details>`;
  }

  /// All rows of the query, as a file.
  private async download(set: string): Promise<void> {
    await this.work(async (signal) => {
      const response = await send(this.asked, { signal, headers: { accept: 'text/csv' } });
      if (!response.ok) throw refusalOf(response, await response.text());
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await response.blob());
      link.download = `${set}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  private markedRows(schema: Schema): readonly Row[] {
    return this.rows.filter((row) => this.marked.has(String(row[schema.table.key])));
  }

  private viewChooser(schema: Schema): TemplateResult {
    const choose = (id: string | null) => turn({ query: { view: id } });
    const shown = () => ({
      table: schema.table,
      columns: this.columns(schema),
      conditions: this.conditions,
      search: this.place.fragment.get('q'),
      sorted: this.sorted,
    });
    const again = async (id: string | null) => {
      this.views = await viewsOf(schema.table);
      choose(id);
      this.requestUpdate();
    };
    return chooser(this.views, this.view, {
      choose,
      keep: () => keep(shown(), (id) => void again(id)),
      drop: (view) => drop(view, () => void again(view === this.view ? null : (this.view?.id ?? null))),
    });
  }
}

customElements.define('app-list', List);
