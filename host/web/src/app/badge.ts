// Where rows live, as people need to know it.

import { html, type TemplateResult } from 'lit';

export function badge(where: 'native' | 'virtual'): TemplateResult {
  return where === 'virtual'
    ? html`<span class="badge virtual" title="Read from the FHIR service as you look, and written straight back">Live from FHIR</span>`
    : html`<span class="badge native" title="Kept in this server's own store">Kept here</span>`;
}
