// The last requests, newest first: which went wrong, which took long. Each leads to its steps.

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';

import { milliseconds, type Request } from '../parts/admin.js';
import { ADMIN, ask, query } from '../parts/api.js';
import { empty, Page } from '../parts/page.js';
import { go, place, turn } from '../parts/router.js';

const STATUS = [['', 'Any answer'], ['2xx', 'Went well'], ['4xx,5xx', 'Went wrong'], ['4xx', 'Refused'], ['5xx', 'Failed']] as const;
const SLOWER = [['', 'However long'], ['100', 'Over 100 ms'], ['500', 'Over 500 ms'], ['1000', 'Over 1 s'], ['5000', 'Over 5 s']] as const;

class Requests extends Page {
  static override properties = { address: {} };

  declare address: string;
  private requests: readonly Request[] = [];
  private next: string | null = null;
  private loaded = false;

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('address')) void this.load(null);
  }

  private load(next: string | null): Promise<boolean> {
    return this.work(async (signal) => {
      const here = place('/console/').query;
      const of = (name: string) => here.get(name) ?? undefined;
      const options = query({ table: of('table'), status: of('status'), slower: of('slower'), limit: 100 });
      const { body } = await ask<{ traces: Request[]; '@next'?: string }>(next ?? `${ADMIN}/traces${options}`, { signal });
      this.requests = next ? [...this.requests, ...body.traces] : body.traces;
      [this.next, this.loaded] = [body['@next'] ?? null, true];
    });
  }

  protected override render(): TemplateResult {
    const here = place('/console/').query;
    const choice = (name: string, label: string, options: readonly (readonly [string, string])[]) => html`<select aria-label=${label} @change=${(event: Event) => turn({ query: { [name]: (event.target as HTMLSelectElement).value } })}>
        ${options.map(([value, text]) => html`<option value=${value} ?selected=${value === (here.get(name) ?? '')}>${text}</option>`)}
      </select>`;
    const chosen = ['table', 'status', 'slower'].some((name) => here.get(name));
    const slowest = Math.max(1, ...this.requests.map((one) => one.ms));
    return html`<div class="bar"><h1>Requests</h1><span class="fill"></span>
        <label>Table <input .value=${here.get('table') ?? ''} @change=${(event: Event) => turn({ query: { table: (event.target as HTMLInputElement).value.trim() } })}></label>
        ${choice('status', 'Answer', STATUS)} ${choice('slower', 'Time', SLOWER)}
        <button @click=${() => void this.load(null)}>Look again</button></div>
      <form class="bar tools" @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        const id = String(new FormData(event.target as HTMLFormElement).get('id') ?? '').trim();
        if (id) go(`/console/requests/${encodeURIComponent(id)}`);
      }}>
        <label>The id that an error message shows <input name="id" data-search size="42" spellcheck="false" placeholder="4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"></label>
        <button>Open</button></form>
      ${this.state(() => void this.load(null))}
      ${this.loaded && !this.requests.length && !this.refusal
        ? chosen
          ? empty('No request that is kept fits.', html`<button class="plain" @click=${() => turn({ query: { table: null, status: null, slower: null } })}>Show all requests</button>`)
          : empty('Nothing was asked since the server has started.', html`<a href="/app/">Look at some rows</a>`)
        : nothing}
      ${this.requests.length
        ? html`<div class="grid" tabindex="0"><table aria-label="Requests">
            <thead><tr><th scope="col">When</th><th scope="col">Request</th><th scope="col">Table</th><th scope="col">Answer</th><th scope="col" class="number">Took</th><th scope="col"><span class="hidden">As a bar</span></th><th scope="col" class="number">Waited</th><th scope="col" class="number">Steps</th></tr></thead>
            <tbody>${this.requests.map((one) => html`<tr>
              <td title=${one.at}>${new Date(one.at).toLocaleString()}</td>
              <td><a href=${`/console/requests/${one.request}`}>${one.method} ${one.route}</a></td>
              <td>${one.table ? html`<a href=${`/console/t/${one.table}`}>${one.table}</a>` : nothing}</td>
              <td>${answered(one)}</td>
              <td class="number">${milliseconds(one.ms)}</td>
              <td><svg class="bar-of" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width=${(100 * one.ms) / slowest} height="10"></rect></svg></td>
              <td class="number">${one.waitedMs >= 0.05 ? milliseconds(one.waitedMs) : ''}</td>
              <td class="number">${one.steps}</td></tr>`)}</tbody>
          </table></div>
          ${this.next ? html`<p class="foot"><button class="plain" @click=${() => void this.load(this.next)}>Older</button></p>` : nothing}
          <p class="quiet foot">The last requests for rows and of administrators. Those that failed, were refused or took long are kept longer than the others; no key, value or condition is.</p>`
        : nothing}`;
  }
}

/// The status with the code of what went wrong.
export function answered({ status, code }: Request): TemplateResult {
  if (status === null) return html`<span class="badge bad">given up</span>`;
  return status < 400 ? html`<span class="badge good">${status}</span>` : html`<span class="badge bad">${status}</span> ${code ?? ''}`;
}

customElements.define('console-requests', Requests);
