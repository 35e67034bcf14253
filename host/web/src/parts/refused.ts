// A refusal as a page shows it.

import { html, nothing, type TemplateResult } from 'lit';

import type { Refusal } from './refusal.js';

export const WHY: Record<number, string> = {
  401: 'Sign in to see this.',
  403: 'Your role does not allow this. An administrator can change what your roles may do.',
  404: 'It is not there, or not for you.',
  409: 'It has changed meanwhile.',
  410: 'The page of the list has expired. Load the list anew.',
  412: 'Somebody else has changed it meanwhile.',
  429: 'Too many requests at once. Try again shortly.',
  502: 'The FHIR service behind this table gave no usable answer.',
  503: 'The server or the FHIR service is busy. Try again shortly.',
  504: 'The FHIR service behind this table took too long.',
};

/// In the console it leads to what the request did.
function named(request: string): TemplateResult {
  const name = html`<code>${request}</code>`;
  return document.body.dataset['page'] === 'console' ? html`<a href=${`/console/requests/${request}`}>${name}</a>` : name;
}

/// A refusal: what, why, and what to do next.
export function refused(refusal: Refusal, again?: () => void): TemplateResult {
  return html`<div class="refusal" role="alert">
    <p><strong>${refusal.message}</strong></p>
    ${WHY[refusal.status] ? html`<p>${WHY[refusal.status]}</p>` : nothing}
    ${refusal.hint ? html`<p>${refusal.hint}</p>` : nothing}
    ${refusal.details.length
      ? html`<ul>
          ${refusal.details.map((one) => html`<li>${one.target ? html`<code>${one.target}</code>: ` : nothing}${one.message}</li>`)}
        </ul>`
      : nothing}
    <p class="code"><code>${refusal.code}</code>${refusal.target ? html` at <code>${refusal.target}</code>` : nothing}${refusal.request ? html` · request ${named(refusal.request)}` : nothing}</p>
    ${again ? html`<button @click=${again}>Try again</button>` : nothing}
  </div>`;
}
