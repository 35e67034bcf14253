// Views of a table: those that are made of it, and those that people have kept. A list can be kept as it is: its columns,
// conditions and order as a FetchXML, which every other app reads as well.

import { html, nothing, type TemplateResult } from 'lit';

import { API, ask, query, quoted, Refusal, type Row } from '../parts/api.js';
import { dialog } from '../parts/dialog.js';
import { type Condition, literalOf } from '../parts/filter.js';
import type { Sorted } from '../parts/grid.js';
import type { Column, Table } from '../parts/metadata.js';
import { refused } from '../parts/page.js';

export interface View {
  readonly id: string;
  readonly name: string;
  /// The columns that it gives, by their logical names; none where it gives all.
  readonly columns: readonly string[];
}

/// What a list is now.
export interface Shown {
  readonly table: Table;
  readonly columns: readonly Column[];
  readonly conditions: readonly Condition[];
  readonly search: string | null;
  readonly sorted: Sorted | null;
}

export async function viewsOf(table: Table, signal?: AbortSignal): Promise<readonly View[]> {
  const url = `${API}/userqueries${query({ $select: 'userqueryid,name,fetchxml', $filter: `returnedtypecode eq ${quoted(table.name)}` })}`;
  const { body } = await ask<{ value: Row[] }>(url, signal ? { signal } : {});
  const views = body.value.map((one) => ({ id: String(one['userqueryid']), name: String(one['name']), columns: attributes(String(one['fetchxml'])) }));
  return views.sort((a, b) => a.name.localeCompare(b.name));
}

function attributes(fetch: string): readonly string[] {
  const document_ = new DOMParser().parseFromString(fetch, 'application/xml');
  return [...document_.querySelectorAll('fetch > entity > attribute')].map((one) => one.getAttribute('name') ?? '');
}

/// Operators of FetchXML for the tests of a filter.
const OPERATORS: Record<string, string> = { contains: 'like', startswith: 'like', null: 'null', notnull: 'not-null' };

/// The list as FetchXML. `like` has signs of its own, which stand for themselves in brackets.
export function fetchXml({ table, columns, conditions, search, sorted }: Shown): string {
  const document_ = document.implementation.createDocument(null, 'fetch');
  const entity = element(document_, document_.documentElement, 'entity', { name: table.name });
  for (const name of [table.key, ...columns.map((column) => column.name)]) element(document_, entity, 'attribute', { name });
  if (sorted) {
    const attribute = columns.find((column) => column.property === sorted.column)?.name ?? sorted.column;
    element(document_, entity, 'order', { attribute, descending: String(sorted.descending) });
  }
  const filter = element(document_, entity, 'filter', { type: 'and' });
  const like = (text: string) => text.replace(/[[%_]/g, '[$&]');
  if (search && table.title) element(document_, filter, 'condition', { attribute: table.title, operator: 'like', value: `%${like(search)}%` });
  for (const { column: property, test, value } of conditions) {
    const column = columns.find((column) => column.property === property);
    const attribute = column?.name ?? property.replace(/^_(.*)_value$/, '$1');
    const operator = OPERATORS[test] ?? test;
    const isThere = test === 'null' || test === 'notnull';
    if (!isThere && value === '') continue;
    const text = test === 'contains' ? `%${like(value)}%` : test === 'startswith' ? `${like(value)}%` : column?.kind === 'DateTime' ? literalOf(column, value) : value;
    element(document_, filter, 'condition', { attribute, operator, ...(isThere ? {} : { value: text }) });
  }
  if (!filter.childElementCount) filter.remove();
  return new XMLSerializer().serializeToString(document_);
}

function element(document_: Document, parent: Element, name: string, attributes: Record<string, string>): Element {
  const made = document_.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  parent.append(made);
  return made;
}

/// The views there are, one of them chosen, and what can be done with it.
export function chooser(
  views: readonly View[],
  chosen: View | null,
  { choose, keep, drop }: { choose: (id: string | null) => void; keep: () => void; drop: (view: View) => void },
): TemplateResult {
  // Whatever is chosen, the menu has done what it is there for.
  const shut = (event: Event) => {
    if (event.target instanceof HTMLButtonElement) (event.currentTarget as Element).closest('details')!.open = false;
  };
  return html`<details class="menu">
    <summary>${chosen ? chosen.name : 'Views'}</summary>
    <div class="card" @click=${shut}>
      <button class="plain" aria-pressed=${String(!chosen)} @click=${() => choose(null)}>All rows</button>
      ${views.map((view) => html`<span class="row"><button class="plain" aria-pressed=${String(view === chosen)} @click=${() => choose(view.id)}>${view.name}</button>
        <button class="plain danger" aria-label=${`Delete the view ${view.name}`} @click=${() => drop(view)}>×</button></span>`)}
      ${chosen ? nothing : html`<button class="plain add" @click=${keep}>Keep this list as a view …</button>`}
    </div>
  </details>`;
}

/// Keeps a list under a name.
export function keep(shown: Shown, done: (id: string) => void): void {
  let [name, refusal]: [string, Refusal | null] = ['', null];
  dialog('Keep this list as a view', (close, draw) => {
    const go = async () => {
      try {
        const body = { name, returnedtypecode: shown.table.name, fetchxml: fetchXml(shown) };
        const made = await ask<Row>(`${API}/userqueries`, { method: 'POST', body, headers: { prefer: 'return=representation' } });
        close();
        done(String(made.body['userqueryid']));
      } catch (error) {
        refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
        draw();
      }
    };
    return html`<form @submit=${(event: Event) => {
      event.preventDefault();
      void go();
    }}>
      <div class="field"><label for="view-name">Name</label><input id="view-name" required maxlength="200" .value=${name} @input=${(event: Event) => (name = (event.target as HTMLInputElement).value)}></div>
      <p class="quiet">Its columns, conditions and order are kept, for everybody who sees the table. Conditions stand in it as they are typed: no names of patients in a view that others read.</p>
      ${refusal ? refused(refusal) : nothing}
      <p class="actions"><button class="primary">Keep</button> <button type="button" class="plain" @click=${close}>Do not</button></p>
    </form>`;
  });
}

export function drop(view: View, done: () => void): void {
  let refusal: Refusal | null = null;
  dialog(`Delete the view “${view.name}”?`, (close, draw) => {
    const go = async () => {
      try {
        await ask(`${API}/userqueries(${view.id})`, { method: 'DELETE' });
        close();
        done();
      } catch (error) {
        refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
        draw();
      }
    };
    return html`<p>It goes for everybody. No row is touched.</p>
      ${refusal ? refused(refusal) : nothing}
      <p class="actions"><button class="primary danger" @click=${() => void go()}>Delete</button> <button class="plain" @click=${close}>Keep</button></p>`;
  });
}
