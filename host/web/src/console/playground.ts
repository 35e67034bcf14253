// A mapping tried on a resource: its rows, what each cell was made of, and what would be lost on the way back. Nothing is
// stored, and what is typed stays in the fragment of the address.

import '../parts/editor.js';

import { html, nothing, type TemplateResult } from 'lit';

import { brief, type Loaded, type MappingVersion } from '../parts/admin.js';
import { ADMIN, API, ask, type Json, query, Refusal, type Row } from '../parts/api.js';
import { call, curl } from '../parts/dialog.js';
import { count } from '../parts/format.js';
import type { Note as Mark } from '../parts/editor.js';
import { isWithin, jsonTree } from '../parts/jsontree.js';
import { Page } from '../parts/page.js';
import { place, turn } from '../parts/router.js';

/// Milliseconds of rest in typing before it is tried.
const REST = 500;

const SAMPLE = `{
  "resourceType": "Patient",
  "id": "example",
  "name": [{ "use": "official", "family": "Chalmers", "given": ["Peter", "James"] }],
  "gender": "male",
  "birthDate": "1974-12-25",
  "extension": [{ "url": "https://example.org/eye-colour", "valueString": "brown" }]
}`;

const LANGUAGES = { yaml: 'A mapping in YAML, as typed', view: 'A SQL-on-FHIR view, as typed' } as const;
type Language = keyof typeof LANGUAGES;

interface Note extends Mark {
  readonly hint: string | null;
}

interface Issue {
  readonly severity: string;
  readonly column: string | null;
  readonly message: string;
}

interface Cell {
  readonly column: string;
  readonly text: string;
  readonly label: string | null;
  readonly from: readonly string[];
}

interface Difference {
  readonly path: string;
  readonly change: 'lost' | 'changed' | 'added';
  readonly before: Json;
  readonly after: Json;
}

interface Tried {
  readonly mapping: MappingVersion | null;
  readonly notes: readonly Note[];
  readonly tables: readonly {
    readonly table: string;
    readonly label: string;
    readonly columns: readonly { readonly name: string; readonly label: string; readonly path: string }[];
    readonly rows: readonly { readonly key: string | null; readonly cells: readonly Cell[] }[];
    readonly issues: readonly Issue[];
  }[];
  readonly traced: boolean;
  readonly back: { readonly resource: Json; readonly differences: readonly Difference[]; readonly issues: readonly Issue[] } | null;
}

class Playground extends Page {
  static override properties = { address: {} };

  declare address: string;
  private versions: readonly Loaded[] = [];
  private tried: Tried | null = null;
  private resource: Json = null;
  private wrong: string | null = null;
  private chosen: Cell | null = null;
  /// The row that one came from.
  private row: { readonly table: string; readonly key: string } | null = null;
  private rest = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.begin();
  }

  private async begin(): Promise<void> {
    const found = await this.work(async (signal) => {
      this.versions = (await ask<{ mappings: Loaded[] }>(`${ADMIN}/mappings`, { signal })).body.mappings;
      await this.ofRow(signal);
    });
    if (found) await this.run();
  }

  /// A row that the address names brings the resource that it is made of, and the version that makes it.
  private async ofRow(signal: AbortSignal): Promise<void> {
    const { query: asked, fragment } = place('/console/');
    const [table, key] = [asked.get('table'), asked.get('row')];
    if (!table || !key || fragment.has('resource')) return;
    const { body: origin } = await ask<{ resource: string; rowKey: string; mapping: MappingVersion }>(`${ADMIN}/origin${query({ table, key })}`, { signal });
    const { body: retrieved } = await ask<Row>(`${API}/msind_RetrieveBundle`, { method: 'POST', body: { msind_FHIRQuery: origin.resource }, signal });
    if (typeof retrieved['msind_JSON'] !== 'string') throw new Refusal(404, 'NotFound', `The resource ${origin.resource} is not there any more.`, null, 'Load the row anew.');
    const resource = JSON.stringify(JSON.parse(retrieved['msind_JSON']), null, 2);
    turn({ query: { with: origin.mapping.digest }, fragment: { resource } });
    this.row = { table, key: origin.rowKey };
  }

  private get text(): string {
    return place('/console/').fragment.get('resource') ?? SAMPLE;
  }

  private get code(): string {
    return place('/console/').fragment.get('code') ?? '';
  }

  /// A version's digest, or a language of what is typed; at first what is in force for patients.
  private get with_(): string {
    return place('/console/').query.get('with') ?? this.versions.find((one) => one.name === 'contact' && one.activeFor.length)?.digest ?? this.versions[0]?.digest ?? '';
  }

  private get language(): Language | null {
    return this.with_ in LANGUAGES ? (this.with_ as Language) : null;
  }

  private get body(): Record<string, Json> {
    return { ...(this.language ? { [this.language]: this.code } : { digest: this.with_ }), resource: this.resource };
  }

  private async run(): Promise<void> {
    try {
      [this.resource, this.wrong] = [JSON.parse(this.text), null];
    } catch (error) {
      this.wrong = error instanceof Error ? error.message : String(error);
      this.requestUpdate();
      return;
    }
    await this.work(async (signal) => {
      const { body } = await ask<Tried>(`${ADMIN}/mappings/try`, { method: 'POST', body: this.body, signal });
      [this.tried, this.chosen] = [body, null];
    });
  }

  private typed(name: 'resource' | 'code', { detail }: CustomEvent<string>): void {
    turn({ fragment: { [name]: detail } });
    window.clearTimeout(this.rest);
    this.rest = window.setTimeout(() => void this.run(), REST);
  }

  protected override render(): TemplateResult {
    const { tried, language } = this;
    return html`<h1>Playground</h1>
      <p class="quiet">FHIR on the left, its rows on the right, and what would be lost on the way back. Nothing is stored.</p>
      <div class="bar"><label>With
        <select @change=${(event: Event) => {
          turn({ query: { with: (event.target as HTMLSelectElement).value } });
          void this.run();
        }}>
          ${Object.entries(LANGUAGES).map(([name, label]) => html`<option value=${name} ?selected=${name === language}>${label}</option>`)}
          ${this.versions.map((one) => html`<option value=${one.digest} ?selected=${one.digest === this.with_}>${one.name} ${one.version} (${brief(one.digest)})${one.activeFor.length ? ', in force' : ''}</option>`)}
        </select></label>
      </div>
      ${language ? this.editor(tried) : nothing}
      <div class="split">
        <section class="card"><h2>FHIR</h2>
          <tt-editor language="json" label="A resource" .value=${this.text} @typed=${(event: CustomEvent<string>) => this.typed('resource', event)}></tt-editor>
          <p class="error" role="status">${this.wrong ? `This is no JSON yet: ${this.wrong}` : ''}</p>
          ${tried?.back && !this.wrong ? this.way(tried) : nothing}
        </section>
        <section class="card"><h2>Rows</h2>
          ${this.state(() => void this.run())}
          ${tried && !this.refusal ? this.rows(tried) : nothing}
        </section>
      </div>
      ${this.wrong === null ? call(curl('POST', `${ADMIN}/mappings/try`, JSON.stringify(this.body))) : nothing}
    `;
  }

  private editor(tried: Tried | null): TemplateResult {
    return html`<section class="card"><h2>${LANGUAGES[this.language ?? 'yaml']}</h2>
      ${this.language === 'view'
        ? html`<tt-editor language="json" label="The mapping" .value=${this.code} .notes=${tried?.notes ?? []} @typed=${(event: CustomEvent<string>) => this.typed('code', event)}></tt-editor>`
        : html`<tt-editor language="yaml" label="The mapping" .value=${this.code} .notes=${tried?.notes ?? []} @typed=${(event: CustomEvent<string>) => this.typed('code', event)}></tt-editor>`}
      <div role="status"><ul>${(tried?.notes ?? []).map((note) => html`<li class=${note.severity === 'error' ? 'error' : nothing}>line ${note.line}, column ${note.column}: ${note.message}${note.hint ? html` <small>${note.hint}</small>` : nothing}</li>`)}</ul></div>
    </section>`;
  }

  /// What is lost, changed or added when the rows become a resource again, and where the chosen cell comes from.
  private way({ back }: Tried): TemplateResult | typeof nothing {
    if (!back) return nothing;
    const { differences } = back;
    const lost = differences.filter((one) => one.change !== 'added');
    const mark = (pointer: string) => {
      const change = lost.find((one) => isWithin(pointer, one.path))?.change ?? '';
      const from = this.chosen?.from.some((one) => isWithin(pointer, one)) ? ' from' : '';
      return `${change}${from}`;
    };
    return html`<h2>There and back</h2>
      <p>${lost.length ? html`<span class="badge bad">${count(lost.length, 'difference')}</span> What is red is in no row. A change of an existing resource keeps it; a new one would be without it.` : html`<span class="badge good">Nothing is lost</span>`}</p>
      ${jsonTree(this.resource, mark)}
      ${differences.length
        ? html`<ul>${differences.map((one) => html`<li><code>${one.path}</code> ${one.change}${one.change === 'changed' ? html`: <code>${JSON.stringify(one.before)}</code> becomes <code>${JSON.stringify(one.after)}</code>` : nothing}</li>`)}</ul>`
        : nothing}
      ${issues(back.issues)}`;
  }

  private rows(tried: Tried): TemplateResult {
    // The row that one came from goes before those that its resource gives as well.
    const isOwn = (table: string, key: string | null) => this.row?.table === table && this.row.key === key;
    const filled = tried.tables
      .filter((table) => table.rows.length)
      .sort((a, b) => Number(b.table === this.row?.table) - Number(a.table === this.row?.table))
      .map((table) => ({ ...table, rows: [...table.rows].sort((a, b) => Number(isOwn(table.table, b.key)) - Number(isOwn(table.table, a.key))) }));
    if (!tried.mapping) return html`<p class="quiet">The mapping is not right yet: what is wrong stands below it.</p>`;
    if (!filled.length) return html`<p class="quiet">This resource gives no rows: it is of another type than the mapping reads, or has nothing that a column shows.</p>`;
    return html`${filled.map((table) => {
      const label = (name: string) => table.columns.find((column) => column.name === name);
      return html`<h3>${table.label} <small>${table.table}, ${count(table.rows.length, 'row')}</small></h3>
        ${table.rows.map((row) => html`<table class="table cells"><tbody>
          ${row.cells.map((cell) => html`<tr class=${cell === this.chosen ? 'from' : nothing}>
            <th scope="row" title=${label(cell.column)?.path ?? nothing}>${label(cell.column)?.label ?? cell.column}<br><small>${cell.column}</small></th>
            <td>${cell.from.length
              ? html`<button class="plain" title="Show where it comes from" @click=${() => void this.lead(cell)}>${cell.label ?? cell.text}</button>`
              : (cell.label ?? cell.text)}${cell.label ? html` <small>${cell.text}</small>` : nothing}</td>
          </tr>`)}
        </tbody></table>`)}
        ${issues(table.issues)}`;
    })}`;
  }

  /// From a cell to the JSON that it was made of.
  private async lead(cell: Cell): Promise<void> {
    this.chosen = cell === this.chosen ? null : cell;
    this.requestUpdate();
    await this.updateComplete;
    this.querySelector('.tree .from')?.scrollIntoView({ block: 'nearest' });
  }
}

function issues(all: readonly Issue[]): TemplateResult | typeof nothing {
  return all.length ? html`<ul>${all.map((one) => html`<li class=${one.severity === 'error' ? 'error' : nothing}>${one.column ? html`<code>${one.column}</code>: ` : nothing}${one.message}</li>`)}</ul>` : nothing;
}

customElements.define('console-playground', Playground);
