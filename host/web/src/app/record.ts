// One row: its columns in sections, changed in place and saved when one says so; rows that lead to it beside it.

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';

import './related.js';
import './timeline.js';

import { API, ask, Refusal, type Row } from '../parts/api.js';
import { call, curl } from '../parts/dialog.js';
import { isHalf } from '../parts/date.js';
import { bodyOf, field, type Put } from '../parts/field.js';
import { type Column, placeOf, type Related, type Schema, schemaOf, tableOfSet } from '../parts/metadata.js';
import { empty, LONG, Page, refused } from '../parts/page.js';
import { go, place, turn } from '../parts/router.js';
import { badge } from './badge.js';
import { type Choice, conflict, differing } from './conflict.js';
import { removal } from './remove.js';

const ALL = { prefer: 'odata.include-annotations="*"' };

/// What somebody else has done meanwhile.
interface Theirs {
  readonly row: Row;
  readonly etag: string | null;
  readonly choices: Map<string, Choice>;
}

class Record_ extends Page {
  static override properties = { set: {}, key: {}, address: {} };

  declare set: string;
  /// The row's key; empty for a new one.
  declare key: string;
  declare address: string;
  private schema: Schema | null = null;
  private where: 'native' | 'virtual' | null = null;
  private row: Row | null = null;
  private etag: string | null = null;
  private puts = new Map<string, Put>();
  private all = false;
  private saving = false;
  /// It takes longer than one expects.
  private lingers = false;
  private refusedSave: Refusal | null = null;
  private theirs: Theirs | null = null;

  private get isNew(): boolean {
    return this.key === '';
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('set') || changed.has('key')) {
      [this.schema, this.row, this.puts, this.refusedSave, this.theirs, this.all] = [null, null, new Map(), null, null, this.key === ''];
      void this.load();
    }
  }

  protected override get waitsFor(): string {
    return this.where === 'native' ? 'the server is slow' : 'the row lives in a FHIR service, which is slow';
  }

  private get url(): string {
    return `${API}/${this.set}(${this.key})`;
  }

  private async load(): Promise<void> {
    await this.work(async (signal) => {
      const table = await tableOfSet(this.set);
      if (!table) throw new Refusal(404, 'UnknownTable', `There is no table “${this.set}” here.`);
      document.title = table.label;
      const [schema, where] = await Promise.all([schemaOf(table), placeOf(table)]);
      [this.schema, this.where] = [schema, where];
      this.requestUpdate();
      if (this.isNew) {
        this.row = {};
        await this.preset(schema);
      } else {
        const { body, etag } = await ask<Row>(this.url, { signal, headers: ALL });
        [this.row, this.etag] = [body, etag];
      }
    });
  }

  /// A new row of a list beside another row leads to that one.
  private async preset(schema: Schema): Promise<void> {
    for (const [property, key] of place('/app/').query) {
      const column = schema.columns.find((one) => one.property === property);
      const table = column && (await tableOfSet(place('/app/').query.get('of') ?? ''));
      const navigation = column?.targets.find((target) => target.table === table?.name)?.navigation;
      if (!column || !table?.title || !navigation) continue;
      const { body } = await ask<Row>(`${API}/${table.set}(${key})?$select=${table.title}`);
      this.puts.set(column.name, { chosen: { table, navigation, key, name: String(body[table.title] ?? key) } });
    }
  }

  protected override render(): TemplateResult {
    const { schema, row } = this;
    if (!schema || !row) return html`${this.state(() => void this.load())}`;
    const { table } = schema;
    const title = this.isNew ? `New: ${table.label}` : String((table.title && row[table.title]) ?? '(no name)');
    return html`
      <p class="crumbs"><a href=${`/app/t/${table.set}`}>${table.label}</a></p>
      <div class="bar">
        <h1>${title}</h1>
        ${this.where ? badge(this.where) : nothing}
        <span class="fill"></span>
        ${this.isNew
          ? nothing
          : html`<a class="button plain" href=${`/console/playground?table=${table.name}&row=${this.key}`} title="For administrators: the FHIR that it is made of, cell by cell">Where it comes from</a>
              <button class="plain" @click=${() => window.print()}>Print</button>
              ${table.may.remove
                ? html`<button class="plain danger" @click=${() => removal(schema, [{ ...row, '@odata.etag': this.etag }], () => go(`/app/t/${table.set}`))}>Delete</button>`
                : nothing}`}
      </div>
      ${this.state(() => void this.load())}
      ${this.theirs
        ? conflict(schema.columns, { before: row, mine: this.puts, theirs: this.theirs.row, choices: this.theirs.choices }, {
            changed: () => this.requestUpdate(),
            save: () => void this.settle(),
            leave: () => this.drop(),
          })
        : this.form(schema, row)}
      ${this.isNew || this.theirs ? nothing : this.beside(schema)}
    `;
  }

  private form(schema: Schema, row: Row): TemplateResult {
    if (this.isNew && !schema.table.may.create) {
      return empty('You may not make rows of this table.', html`<a href=${`/app/t/${schema.table.set}`}>See those that there are</a>`);
    }
    const editable = (column: Column) => (this.isNew ? column.create : column.update && schema.table.may.change);
    const filled = (column: Column) => row[column.property] != null || this.puts.has(column.name) || column.required || this.wrong(column) !== null;
    const columns = schema.columns.filter((column) => column.kind !== 'Key' && (!this.isNew || column.create));
    const seen = columns.filter((column) => this.all || filled(column));
    const hidden = columns.length - columns.filter(filled).length;
    return html`
      <form novalidate @submit=${(event: Event) => {
        event.preventDefault();
        void this.save();
      }}>
        ${sections(seen).map(
          ([name, columns]) => html`<fieldset class="card">
            <legend>${name}</legend>
            <div class="fields">
              ${columns.map((column) =>
                field({
                  column,
                  row,
                  put: this.puts.get(column.name),
                  wrong: this.wrong(column),
                  editable: editable(column),
                  change: (put) => this.put(column, put),
                }),
              )}
            </div>
          </fieldset>`,
        )}
        ${this.refusedSave ? refused(this.refusedSave) : nothing}
        <div class="bar sticky">
          ${this.puts.size || this.isNew
            ? html`<button class="primary" ?disabled=${this.saving}>${this.saving ? 'Saving …' : 'Save'}</button>
                <button type="button" class="plain" @click=${() => this.drop()}>${this.isNew ? 'Do not make it' : 'Undo changes'}</button>`
            : nothing}
          ${this.lingers ? html`<span class="quiet" role="status">It takes long: ${this.waitsFor}. What you have typed stays.</span>` : nothing}
          <span class="fill"></span>
          ${hidden && !this.isNew
            ? html`<button type="button" class="plain" @click=${() => {
                this.all = !this.all;
                this.requestUpdate();
              }}>${this.all ? 'Hide empty fields' : `Show ${hidden} empty fields`}</button>`
            : nothing}
        </div>
        ${this.puts.size ? call(this.isNew ? curl('POST', `${API}/${this.set}`, this.body) : curl('PATCH', this.url, this.body)) : nothing}
      </form>
    `;
  }

  /// What the server says of a column, beside its field.
  private wrong(column: Column): string | null {
    const names = [column.name, column.property, ...column.targets.map((target) => target.navigation)];
    const names_ = (target: string | null) => target !== null && names.includes(target.replace(/@odata\.bind$/, ''));
    const refusal = this.refusedSave;
    if (!refusal) return null;
    return refusal.details.find((one) => names_(one.target))?.message ?? (names_(refusal.target) ? refusal.message : null);
  }

  private put(column: Column, put: Put): void {
    const before = this.row?.[column.property] ?? null;
    const equal = (a: unknown, b: unknown) => a === b || (a !== null && b !== null && String(a) === String(b));
    const same = 'value' in put ? equal(put.value, before) : (put.chosen?.key ?? null) === before;
    if (same) this.puts.delete(column.name);
    else this.puts.set(column.name, put);
    this.requestUpdate();
  }

  private get body(): string {
    return bodyOf(this.schema?.columns ?? [], this.puts);
  }

  private drop(): void {
    if (this.isNew) return go(`/app/t/${this.set}`);
    [this.puts, this.refusedSave, this.theirs] = [new Map(), null, null];
    void this.load();
  }

  /// The first field whose date is typed by half: it would be saved as if nothing stood there.
  private half(): Refusal | null {
    const input = [...this.querySelectorAll<HTMLInputElement>('.field input')].find(isHalf);
    const column = input?.closest<HTMLElement>('.field')?.dataset['column'];
    return column ? new Refusal(0, 'Incomplete', 'The date is not whole: fill in all of it, or empty it.', column, 'Nothing was saved; what you have typed is still here.') : null;
  }

  private async save(): Promise<void> {
    this.refusedSave = this.half();
    if (this.refusedSave) return this.shown();
    [this.saving, this.refusedSave] = [true, null];
    this.requestUpdate();
    const url = this.isNew ? `${API}/${this.set}` : this.url;
    const late = window.setTimeout(() => {
      this.lingers = true;
      this.requestUpdate();
    }, LONG);
    const headers: Record<string, string> = { prefer: 'return=representation,odata.include-annotations="*"' };
    if (!this.isNew && this.etag) headers['if-match'] = this.etag;
    try {
      const { body, etag } = await ask<Row>(url, { method: this.isNew ? 'POST' : 'PATCH', body: this.body, headers });
      [this.puts, this.row, this.etag] = [new Map(), body, etag];
      if (this.isNew && this.schema) go(`/app/t/${this.set}/${String(body[this.schema.table.key])}`, { replace: true });
    } catch (error) {
      this.refusedSave = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
      // Somebody was faster: what they did stands beside what was to be done.
      if (this.refusedSave.status === 412 && !this.isNew) await this.compare();
    }
    window.clearTimeout(late);
    [this.saving, this.lingers] = [false, false];
    await this.shown();
  }

  /// Leads to what is wrong.
  private async shown(): Promise<void> {
    this.requestUpdate();
    await this.updateComplete;
    this.querySelector<HTMLElement>('.field.wrong input, .field.wrong select, .field.wrong textarea')?.focus();
  }

  private async compare(): Promise<void> {
    try {
      const { body, etag } = await ask<Row>(this.url, { headers: ALL });
      this.theirs = { row: body, etag, choices: new Map() };
      this.refusedSave = null;
    } catch (error) {
      if (error instanceof Refusal) this.refusedSave = error;
    }
  }

  /// Takes theirs as what is there now, and of mine what was chosen.
  private async settle(): Promise<void> {
    const { theirs, row } = this;
    if (!theirs || !row) return;
    for (const column of differing(this.schema?.columns ?? [], { before: row, mine: this.puts, theirs: theirs.row })) {
      if (theirs.choices.get(column.name) === 'theirs') this.puts.delete(column.name);
    }
    [this.row, this.etag, this.theirs] = [theirs.row, theirs.etag, null];
    if (this.puts.size) await this.save();
    this.requestUpdate();
  }

  private beside(schema: Schema): TemplateResult {
    const tab = place('/app/').query.get('tab') ?? '';
    const [property, table] = tab.split('@');
    const chosen: Related | undefined = schema.related.find((one) => one.property === property && one.table === table);
    return html`<section class="beside" aria-label="What belongs to it">
      <app-timeline .schema=${schema} .key=${this.key}></app-timeline>
      <app-related
        .schema=${schema}
        .key=${this.key}
        .chosen=${chosen ?? null}
        @chosen=${({ detail }: CustomEvent<Related>) => turn({ query: { tab: `${detail.property}@${detail.table}` } })}
      ></app-related>
    </section>`;
  }
}

/// Columns of one thing stand together: `Onset: age` beside `Onset: from`.
function sections(columns: readonly Column[]): [string, Column[]][] {
  const found = new Map<string, Column[]>();
  for (const column of columns) {
    const name = /^([^:]{2,40}): /.exec(column.label)?.[1] ?? '';
    found.set(name, [...(found.get(name) ?? []), column]);
  }
  const general = found.get('') ?? [];
  const own = [...found].filter(([name, columns]) => name !== '' && columns.length > 1);
  const lone = [...found].filter(([name, columns]) => name !== '' && columns.length === 1).flatMap(([, columns]) => columns);
  const isSystem = (column: Column) => /azurefhir|^statecode$|^statuscode$/.test(column.name);
  const rest = [...general, ...lone];
  const all: [string, Column[]][] = [['General', rest.filter((column) => !isSystem(column))], ...own, ['Record', rest.filter(isSystem)]];
  return all.filter(([, columns]) => columns.length);
}

customElements.define('app-record', Record_);
