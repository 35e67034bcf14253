// One request, step by step: what was done within what, how long it took, and what of that was waiting.

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';

import { milliseconds, type Step, type WholeRequest } from '../parts/admin.js';
import { ADMIN, ask } from '../parts/api.js';
import { call, curl } from '../parts/dialog.js';
import { count } from '../parts/format.js';
import { Page } from '../parts/page.js';
import { WHY } from '../parts/refused.js';
import { answered } from './requests.js';

/// Who works in a step.
const KINDS = {
  service: 'FHIR service',
  mapping: 'mapping',
  store: 'store',
  wait: 'waiting for a turn',
  part: 'part of the plan',
} as const;
type Kind = keyof typeof KINDS;

/// What the first word of a step means.
const WORDS: Record<string, string> = {
  scan: 'a page of rows',
  gather: 'values of related rows',
  join: 'related rows that a condition asks for',
  expand: 'what hangs on the page',
  compile: 'a mapping is made ready, once',
  mapping: 'rows made of resources, or a resource of a row',
  wait: 'others had their turn',
};

function kindOf({ name, kind }: Step): Kind {
  if (kind === 'client') return 'service';
  if (name === 'wait') return 'wait';
  if (/^(mapping|compile) /.test(name)) return 'mapping';
  return name.startsWith('store ') ? 'store' : 'part';
}

class RequestPage extends Page {
  static override properties = { request: {} };

  declare request: string;
  private whole: WholeRequest | null = null;

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('request')) {
      this.whole = null;
      void this.load();
    }
  }

  private get path(): string {
    return `${ADMIN}/traces/${encodeURIComponent(this.request)}`;
  }

  private load(): Promise<boolean> {
    return this.work(async (signal) => {
      this.whole = (await ask<WholeRequest>(this.path, { signal })).body;
    });
  }

  protected override render(): TemplateResult {
    const { whole } = this;
    const audit = `/console/audit?all=1&request=${encodeURIComponent(whole?.request ?? this.request)}`;
    return html`<p class="crumbs"><a href="/console/requests">Requests</a></p>
      ${whole
        ? html`<div class="bar"><h1>${whole.method} ${whole.route}</h1> ${answered(whole)}<span class="fill"></span><a class="button" href=${audit}>In the audit trail</a></div>`
        : html`<h1>Request</h1>${this.state(() => void this.load())}
          ${this.refusal ? html`<p><a href=${audit}>Look for it in the audit trail</a></p>` : nothing}`}
      ${whole ? html`${this.state()}${facts(whole)}${steps(whole)}${call(curl('GET', this.path))}` : nothing}`;
  }
}

function facts(whole: WholeRequest): TemplateResult {
  const why = whole.status === null ? 'Nobody waited for its end: the client has gone, or its time was up.' : WHY[whole.status];
  const sums = (Object.keys(KINDS) as Kind[]).filter((kind) => kind !== 'part').flatMap((kind) => {
    const of = whole.spans.filter((step) => kindOf(step) === kind);
    return of.length ? [{ kind, many: of.length, ms: of.reduce((sum, step) => sum + step.ms, 0) }] : [];
  });
  return html`<section class="card"><h2>What became of it</h2>
    <dl class="facts">
      <dt>When</dt><dd title=${whole.at}>${new Date(whole.at).toLocaleString()}</dd>
      <dt>Took</dt><dd>${milliseconds(whole.ms)}${sums.length ? html`: ${sums.map(({ kind, many, ms }, at) => html`${at ? ', ' : ''}${milliseconds(ms)} ${KINDS[kind]}${kind === 'wait' ? '' : ` in ${count(many, 'call')}`}`)}` : nothing}</dd>
      ${whole.table ? html`<dt>Table</dt><dd><a href=${`/console/t/${whole.table}`}>${whole.table}</a> · <a href=${`/console/requests?table=${whole.table}`}>its other requests</a></dd>` : nothing}
      ${whole.code ? html`<dt>Error code</dt><dd><code>${whole.code}</code> ${why ?? ''}</dd>` : nothing}
      <dt>Request</dt><dd><code>${whole.request}</code></dd>
      ${whole.parent ? html`<dt>Sent by</dt><dd>step <code>${whole.parent}</code> of the caller’s own trace</dd>` : nothing}
    </dl></section>`;
}

/// As a waterfall: each step in the one that set it off, where it stands in the time of the whole.
function steps(whole: WholeRequest): TemplateResult {
  if (!whole.spans.length) return html`<section class="card"><h2>Steps</h2><p class="quiet">It was answered without a step: nothing of the store, a mapping or a FHIR service was asked.</p></section>`;
  const depths = new Map<string, number>();
  const deep = whole.spans.map((step) => {
    const above = step.parent === null ? undefined : depths.get(step.parent);
    const depth = above === undefined ? 0 : above + 1;
    depths.set(step.id, depth);
    return Math.min(depth, 8);
  });
  const length = Math.max(whole.ms, ...whole.spans.map((step) => step.startMs + step.ms), 0.001);
  const kinds = [...new Set(whole.spans.map(kindOf))];
  return html`<section class="card"><h2>Steps</h2>
    <ul class="legend">${kinds.map((kind) => html`<li><svg class="bar-of ${kind}" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10"></rect></svg> ${KINDS[kind]}</li>`)}</ul>
    <div class="wide" tabindex="0" role="region" aria-label="Steps"><table class="table waterfall">
      <thead><tr><th scope="col">Step</th><th scope="col" class="number">After</th><th scope="col" class="number">Took</th><th scope="col">In the time of the whole</th></tr></thead>
      <tbody>${whole.spans.map((step, at) => html`<tr>
        <th scope="row" class=${`deep-${deep[at]}`}>${step.name} ${step.code ? html`<span class="badge bad">${step.code}</span>` : nothing}<br><small>${told(step)}</small></th>
        <td class="number">${milliseconds(step.startMs)}</td><td class="number">${milliseconds(step.ms)}</td>
        <td><svg class="bar-of ${kindOf(step)}" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=${`from ${milliseconds(step.startMs)} to ${milliseconds(step.startMs + step.ms)}`}>
          <rect class="track" width="1000" height="10"></rect>
          <rect x=${Math.min((1000 * step.startMs) / length, 996)} width=${Math.max((1000 * step.ms) / length, 4)} height="10"></rect></svg></td>
      </tr>`)}</tbody>
    </table></div>
    ${whole.more ? html`<p class="quiet">${count(whole.more, 'more step')} ${whole.more === 1 ? 'was' : 'were'} not kept (the limit <code>trace_steps</code>).</p>` : nothing}
  </section>`;
}

function told(step: Step): string {
  const { 'turntable.rows': rows, 'turntable.route': route, 'turntable.source': source, 'turntable.version': version, 'turntable.turns': turns, 'turntable.of': of, 'http.response.status_code': status, 'http.response.body.size': size } = step.attributes;
  const is = (value: unknown) => value !== undefined;
  return [
    WORDS[step.name.split(' ')[0] ?? ''] ?? '',
    is(turns) ? `at: ${turns}, for ${of}` : '',
    is(route) ? { native: 'kept here', virtual: 'live from FHIR' }[String(route)] : '',
    is(rows) ? count(Number(rows), 'row') : '',
    is(version) ? `version ${version}` : '',
    is(source) ? `service ${source}` : '',
    is(status) ? `status ${status}` : '',
    is(size) ? `${Number(size).toLocaleString()} bytes` : '',
  ].filter(Boolean).join(' · ');
}

customElements.define('console-request', RequestPage);
