// Rows in a grid: sorted by its heads, gone through by arrows, marked by space. Of many rows only those in sight are drawn.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';

import type { Row } from './api.js';
import { cell } from './format.js';
import type { Column, Table } from './metadata.js';

const HEIGHT = 36;
/// Rows drawn above and below those in sight.
const MORE = 12;

export interface Sorted {
  readonly column: string;
  readonly descending: boolean;
}

export class Grid extends LitElement {
  static override properties = {
    table: { attribute: false },
    columns: { attribute: false },
    rows: { attribute: false },
    sorted: { attribute: false },
    marked: { attribute: false },
    markable: { type: Boolean },
    href: { attribute: false },
    label: {},
  };

  declare table: Table;
  declare columns: readonly Column[];
  declare rows: readonly Row[];
  declare sorted: Sorted | null;
  declare marked: ReadonlySet<string>;
  declare markable: boolean;
  /// Where a row's own page is.
  declare href: (row: Row) => string;
  declare label: string;
  private at = 0;
  private from = 0;
  private many = 60;

  constructor() {
    super();
    this.rows = [];
    this.columns = [];
    this.sorted = null;
    this.marked = new Set();
    this.markable = false;
    this.label = 'Rows';
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('rows')) this.at = Math.min(this.at, Math.max(this.rows.length - 1, 0));
  }

  protected override render(): TemplateResult {
    const from = Math.max(Math.min(this.from, this.rows.length - 1), 0);
    const seen = this.rows.slice(from, from + this.many);
    const after = this.rows.length - from - seen.length;
    const width = this.columns.length + (this.markable ? 1 : 0);
    const space = (rows: number) =>
      rows > 0 ? html`<tr aria-hidden="true"><td class="space" colspan=${width} .style=${`height:${rows * HEIGHT}px`}></td></tr>` : nothing;
    return html`<div class="grid" @scroll=${this.scrolled} tabindex="-1">
      <table role="grid" aria-label=${this.label} aria-rowcount=${this.rows.length + 1}>
        <thead>
          <tr aria-rowindex="1">
            ${this.markable
              ? html`<th class="mark"><input type="checkbox" aria-label="Mark all" .checked=${this.marked.size > 0 && this.marked.size === this.rows.length} @change=${this.markAll}></th>`
              : nothing}
            ${this.columns.map((column) => this.head(column))}
          </tr>
        </thead>
        <tbody @keydown=${this.key}>
          ${space(from)}
          ${seen.map((row, index) => this.row(row, from + index))}
          ${space(after)}
        </tbody>
      </table>
    </div>`;
  }

  private head(column: Column): TemplateResult {
    const sorted = this.sorted?.column === column.property ? this.sorted : null;
    const order = sorted ? (sorted.descending ? 'descending' : 'ascending') : 'none';
    return html`<th scope="col" aria-sort=${order} class=${isNumber(column) ? 'number' : nothing}>
      <button class="head" title=${column.description || nothing} @click=${() => this.sort(column, sorted)}>
        ${column.label}<span aria-hidden="true">${sorted ? (sorted.descending ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </th>`;
  }

  private row(row: Row, index: number): TemplateResult {
    const key = String(row[this.table.key]);
    const title = this.columns[0];
    return html`<tr aria-rowindex=${index + 2} aria-selected=${this.markable ? String(this.marked.has(key)) : nothing}>
      ${this.markable
        ? html`<td class="mark"><input type="checkbox" tabindex="-1" aria-label="Mark this row" .checked=${this.marked.has(key)} @change=${() => this.mark(key)}></td>`
        : nothing}
      ${this.columns.map((column) => {
        const { text, title: whole } = cell(column, row);
        const value =
          column === title
            ? html`<a href=${this.href(row)} data-row=${index} tabindex=${index === this.at ? 0 : -1}>${text || '(no name)'}</a>`
            : text;
        return html`<td title=${whole || nothing} class=${isNumber(column) ? 'number' : nothing}>${value}</td>`;
      })}
    </tr>`;
  }

  private sort(column: Column, sorted: Sorted | null): void {
    const detail = { column: column.property, descending: sorted !== null && !sorted.descending };
    this.dispatchEvent(new CustomEvent<Sorted>('sorted', { detail }));
  }

  private mark(key: string): void {
    const marked = new Set(this.marked);
    if (!marked.delete(key)) marked.add(key);
    this.dispatchEvent(new CustomEvent('marked', { detail: marked }));
  }

  private markAll(event: Event): void {
    const all = (event.target as HTMLInputElement).checked ? this.rows.map((row) => String(row[this.table.key])) : [];
    this.dispatchEvent(new CustomEvent('marked', { detail: new Set(all) }));
  }

  private scrolled(event: Event): void {
    const box = event.target as HTMLElement;
    const from = Math.max(Math.floor(box.scrollTop / HEIGHT) - MORE, 0);
    const many = Math.ceil(box.clientHeight / HEIGHT) + 2 * MORE;
    if (box.scrollTop + box.clientHeight > box.scrollHeight - 4 * HEIGHT) this.dispatchEvent(new CustomEvent('end'));
    if (from !== this.from || many !== this.many) {
      [this.from, this.many] = [from, many];
      this.requestUpdate();
    }
  }

  private key(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      void this.move(Math.min(Math.max(this.at + step, 0), this.rows.length - 1));
    } else if (event.key === ' ' && this.markable) {
      event.preventDefault();
      const row = this.rows[this.at];
      if (row) this.mark(String(row[this.table.key]));
    }
  }

  private async move(to: number): Promise<void> {
    this.at = to;
    const box = this.querySelector<HTMLElement>('.grid');
    if (box && (to * HEIGHT < box.scrollTop || (to + 2) * HEIGHT > box.scrollTop + box.clientHeight)) {
      box.scrollTop = Math.max((to + 2) * HEIGHT - box.clientHeight, 0);
      this.from = Math.max(to - this.many + MORE, Math.floor(box.scrollTop / HEIGHT) - MORE, 0);
    }
    this.requestUpdate();
    await this.updateComplete;
    this.querySelector<HTMLElement>(`[data-row="${to}"]`)?.focus({ preventScroll: true });
  }
}

function isNumber(column: Column): boolean {
  return ['Decimal', 'Integer', 'BigInt', 'Double'].includes(column.kind);
}

customElements.define('tt-grid', Grid);
