// Whether FHIR services answer at this moment.

import { html, nothing, type TemplateResult } from 'lit';

import { ask } from '../parts/api.js';

/// By the name of the service.
export type Health = Readonly<Record<string, { readonly up: boolean; readonly ms?: number; readonly code?: string }>>;

/// Asks them all; nothing is known of them if the server does not say. Takes as long as the slowest, up to seconds.
export async function health(signal?: AbortSignal): Promise<Health> {
  try {
    return (await ask<{ sources: Health }>('/readyz', signal ? { signal } : {})).body.sources;
  } catch {
    return {};
  }
}

export function pulse(health: Health | null, name: string): TemplateResult | typeof nothing {
  if (!health) return html`<span class="badge" role="status">asking …</span>`;
  const one = health[name];
  if (!one) return nothing;
  return one.up
    ? html`<span class="badge good">answers, in ${one.ms} ms</span>`
    : html`<span class="badge bad" title=${one.code ?? nothing}>does not answer</span>`;
}
