// Who has signed a version of a mapping.

import { html, nothing, type TemplateResult } from 'lit';

import type { Signer } from '../parts/admin.js';

export function signer(of: Signer | null | undefined): TemplateResult {
  if (!of) return html`<span class="quiet">nobody</span>`;
  if (of.key === null) return html`Turntable, with the program`;
  return html`<span title=${of.key}>${of.by}</span>${of.trusted ? nothing : html` <span class="badge bad" title="The configuration has this key no longer">not trusted</span>`}`;
}
