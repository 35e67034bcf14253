// A refusal as a page shows it.

import { html, nothing, type TemplateResult } from 'lit';

import type { Refusal } from './refusal.js';

export const WHY: Record<number, string> = {
  400: 'Put right what it names, and try again.',
  401: 'Sign in to see this.',
  403: 'Your role does not allow this. An administrator can change what your roles may do.',
  404: 'It is not there, or not for you.',
  409: 'It does not fit what is there now. Load the page anew, and try again.',
  410: 'The page of the list has expired. Load the list anew.',
  412: 'Somebody else has changed it meanwhile. Load it anew to see how.',
  413: 'It is too large. Send less at once.',
  422: 'Put right what it names, and try again.',
  428: 'It has to be loaded anew before it can be changed.',
  429: 'Too many requests at once. Try again shortly.',
  500: 'This is a fault of the server. Try again; if it stays, give an administrator the id of the request.',
  501: 'The server does not do this for this table.',
  502: 'The FHIR service behind this table gave no usable answer. Try again; if it stays, an administrator can look at the service.',
  503: 'The server or the FHIR service is busy. Try again shortly.',
  504: 'The FHIR service behind this table took too long. Try again, or ask for less by a filter.',
};

/// What to do next, where the server does not say that itself.
function next({ status, hint }: Refusal): string | null {
  const known = WHY[status] ?? (status >= 500 ? WHY[500] : status >= 400 ? WHY[400] : null) ?? null;
  return hint && [400, 409, 413, 422, 501].includes(status) ? null : known ?? (hint ? null : 'Load the page anew; if it stays, tell an administrator.');
}

/// In the console it leads to what the request did.
function named(request: string): TemplateResult {
  const name = html`<code>${request}</code>`;
  return document.body.dataset['page'] === 'console' ? html`<a href=${`/console/requests/${request}`}>${name}</a>` : name;
}

/// A refusal: what, why, and what to do next.
export function refused(refusal: Refusal, again?: () => void): TemplateResult {
  return html`<div class="refusal" role="alert">
    <p><strong>${refusal.message}</strong></p>
    ${next(refusal) ? html`<p>${next(refusal)}</p>` : nothing}
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
