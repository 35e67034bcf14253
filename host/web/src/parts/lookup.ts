// A field that leads to a row of another table: found by its name as one types.

import { html, LitElement, nothing, type TemplateResult } from 'lit';

import { API, ask, query, quoted, type Row } from './api.js';
import { type Column, type Table, tableNamed } from './metadata.js';

/// Rows offered of each table.
const OFFERED = 8;
/// Milliseconds of rest in typing before it is asked.
const REST = 200;

export interface Chosen {
  readonly table: Table;
  readonly navigation: string;
  readonly key: string;
  readonly name: string;
}

export class Lookup extends LitElement {
  static override properties = { column: { attribute: false }, chosen: { attribute: false }, name: {}, disabled: { type: Boolean }, describedby: {} };

  declare column: Column;
  declare chosen: Chosen | null;
  declare name: string;
  declare disabled: boolean;
  declare describedby: string;
  private offered: Chosen[] = [];
  private open = false;
  private at = -1;
  private typed: string | null = null;
  private said = '';
  private rest = 0;

  constructor() {
    super();
    this.chosen = null;
    this.disabled = false;
    this.describedby = '';
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): TemplateResult {
    const list = `${this.name}-list`;
    return html`<span class="lookup">
      <input
        id=${this.name}
        role="combobox"
        autocomplete="off"
        aria-expanded=${String(this.open)}
        aria-controls=${list}
        aria-autocomplete="list"
        aria-describedby=${this.describedby || nothing}
        aria-activedescendant=${this.at >= 0 ? `${list}-${this.at}` : nothing}
        placeholder="Type a name"
        ?disabled=${this.disabled}
        .value=${this.typed ?? this.chosen?.name ?? ''}
        @input=${this.type}
        @keydown=${this.key}
        @blur=${() => this.close()}
      >
      ${this.chosen && !this.disabled
        ? html`<button type="button" class="plain" aria-label=${`Clear ${this.column.label}`} @click=${() => this.choose(null)}>×</button>`
        : nothing}
      <ul role="listbox" id=${list} aria-label=${this.column.label} ?hidden=${!this.open}>
        ${this.offered.map(
          (one, index) => html`<li
            role="option"
            id=${`${list}-${index}`}
            aria-selected=${String(index === this.at)}
            @mousedown=${(event: Event) => {
              event.preventDefault();
              this.choose(one);
            }}
          >
            ${one.name} <small>${one.table.label}</small>
          </li>`,
        )}
        ${this.said ? html`<li role="option" aria-disabled="true" class="quiet">${this.said}</li>` : nothing}
      </ul>
    </span>`;
  }

  private type(event: Event): void {
    this.typed = (event.target as HTMLInputElement).value;
    window.clearTimeout(this.rest);
    this.rest = window.setTimeout(() => void this.find(), REST);
    this.requestUpdate();
  }

  private async find(): Promise<void> {
    const text = this.typed ?? '';
    const found = await Promise.all(this.column.targets.map((target) => this.findIn(target, text))).catch(() => null);
    if (text !== this.typed) return;
    this.offered = found?.flat() ?? [];
    this.said = found === null ? 'The names cannot be had now. Type again in a moment.' : this.offered.length ? '' : 'Nothing of this name.';
    [this.open, this.at] = [true, this.offered.length ? 0 : -1];
    this.requestUpdate();
  }

  private async findIn(target: Column['targets'][number], text: string): Promise<Chosen[]> {
    const table = await tableNamed(target.table);
    if (!table?.title) return [];
    const options = {
      $select: `${table.key},${table.title}`,
      $filter: text ? `contains(${table.title},${quoted(text)})` : undefined,
      $orderby: text ? table.title : undefined,
      $top: OFFERED,
    };
    const { body } = await ask<{ value: Row[] }>(`${API}/${table.set}${query(options)}`);
    return body.value.map((row) => ({
      table,
      navigation: target.navigation,
      key: String(row[table.key]),
      name: row[table.title!] == null ? String(row[table.key]) : String(row[table.title!]),
    }));
  }

  private key(event: KeyboardEvent): void {
    if (event.key === 'ArrowDown' && !this.open) {
      this.typed ??= '';
      void this.find();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const step = event.key === 'ArrowDown' ? 1 : -1;
      this.at = Math.min(Math.max(this.at + step, 0), this.offered.length - 1);
    } else if (event.key === 'Enter' && this.open) {
      const one = this.offered[this.at];
      if (one) this.choose(one);
    } else if (event.key === 'Escape' && this.open) {
      this.close();
    } else {
      return;
    }
    event.preventDefault();
    this.requestUpdate();
  }

  private choose(one: Chosen | null): void {
    this.chosen = one;
    this.dispatchEvent(new CustomEvent('chosen', { detail: one }));
    this.close();
  }

  private close(): void {
    window.clearTimeout(this.rest);
    [this.open, this.at, this.typed, this.offered] = [false, -1, null, []];
    this.requestUpdate();
  }
}

customElements.define('tt-lookup', Lookup);
