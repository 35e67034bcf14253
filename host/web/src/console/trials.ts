// What a version does beside the one in force: how much was compared, where rows differ, and what one can do about it.

import { html, nothing, type TemplateResult } from 'lit';

import { brief, type Candidate, type Found, type Release } from '../parts/admin.js';
import { count } from '../parts/format.js';
import { spark } from './course.js';
import { type Mode, promote, stop } from './release.js';

interface Of {
  readonly name: string;
  readonly label: string;
}

/// The version on trial, if there is one.
export function onTrial(table: Of, { shadow, canary }: Release, done: () => void): TemplateResult | typeof nothing {
  const one = shadow ?? canary;
  return one ? html`<section class="card trial" aria-label="On trial">${candidate(table, one, shadow ? 'shadow' : 'canary', done)}</section>` : nothing;
}

function candidate(table: Of, one: Candidate, mode: Mode, done: () => void): TemplateResult {
  const { found, mapping } = one;
  return html`
    <h2>${mapping.name} ${mapping.version} <code>${brief(mapping.digest)}</code> is on trial</h2>
    <p>${mode === 'shadow'
      ? `It makes rows beside the version in force for ${one.percent} percent of the requests. Nobody sees them.`
      : `It answers ${one.percent} percent of the callers.`}
      ${mode === 'canary' && one.failingLimit !== null
        ? html` It stops by itself at ${count(one.failingLimit, 'resource')} on which it fails or differs; ${one.failing ?? 0} so far.`
        : nothing}</p>
    <dl class="facts">
      <dt>Since</dt><dd>${new Date(one.at).toLocaleString()}, by ${one.by}</dd>
      ${facts(found)}
    </dl>
    ${found.rows || found.requests ? html`<tt-course .course=${found.course} .since=${one.since}></tt-course>` : html`<p class="quiet">Nothing was compared yet: it is as soon as somebody reads or writes rows of this table.</p>`}
    ${differences(found)}
    ${one.resources?.length
      ? html`<h3>Some that differ</h3><ul class="plain-list">${one.resources.map((each) => html`<li><code>${each.resource}</code>: ${each.columns.join(', ')}</li>`)}</ul>`
      : nothing}
    <p class="actions">
      <button class="primary" @click=${() => promote(table, mapping, done)}>Put in force for everybody …</button>
      <button @click=${() => stop(table, mapping, done)}>End the trial …</button>
      <button class="plain" @click=${done}>Look again</button>
    </p>`;
}

function facts(found: Found): TemplateResult {
  const faults = Object.entries(found.faults);
  return html`
    <dt>Requests</dt><dd>${found.requests.toLocaleString()}${found.fellBack ? html`, of which ${found.fellBack.toLocaleString()} were answered by the version in force` : nothing}</dd>
    <dt>Compared</dt><dd>${count(found.rows, 'row')} of ${count(found.resources, 'resource')}${found.dropped ? html`; ${found.dropped.toLocaleString()} not, for want of time` : nothing}</dd>
    <dt>Differ</dt><dd>${found.differingRows ? html`<strong class="lost">${count(found.differingRows, 'row')}</strong>` : 'none'}${found.missing ? html`, ${found.missing.toLocaleString()} missing` : nothing}${found.extra ? html`, ${found.extra.toLocaleString()} more` : nothing}</dd>
    ${faults.length ? html`<dt>Faults</dt><dd><strong class="lost">${faults.map(([code, many]) => `${code} ${many}`).join(', ')}</strong></dd>` : nothing}
    ${found.latencyRatio === null ? nothing : html`<dt>Its time</dt><dd>${found.latencyRatio.toFixed(2)} times that of the version in force</dd>`}`;
}

/// By column, as bars of their share of the rows that were compared.
function differences(found: Found): TemplateResult | typeof nothing {
  const columns = Object.entries(found.columns).sort(([, a], [, b]) => b - a);
  if (!columns.length) return nothing;
  return html`<div class="wide" tabindex="0" role="region" aria-label="Where rows differ"><table class="table" aria-label="Columns that differ">
    <thead><tr><th scope="col">Column</th><th scope="col" class="number">Rows</th><th scope="col">Of those compared</th></tr></thead>
    <tbody>${columns.map(([name, many]) => html`<tr><td><code>${name}</code></td><td class="number">${many.toLocaleString()}</td>
      <td><meter min="0" max=${Math.max(found.rows, 1)} .value=${many} aria-label=${`${name}: ${many} of ${found.rows} rows`}></meter> ${share(many, found.rows)}</td></tr>`)}</tbody>
  </table></div>`;
}

function share(many: number, of: number): string {
  const percent = of ? (100 * many) / of : 0;
  return `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

const ENDED: Record<string, string> = {
  promoted: 'came into force',
  superseded: 'another was put in force',
  replaced: 'another was tried',
  'rolled-back': 'was ended',
  stopped: 'stopped by itself',
};

/// What was in force, and what was tried, the last first.
export function history({ history, trials }: Release): TemplateResult | typeof nothing {
  if (history.length < 2 && !trials.length) return nothing;
  const releases = history.map((one) => ({ at: one.at, digest: one.digest, version: one.version, by: one.by, what: one.rolledBack ? 'in force, taken back' : 'in force', course: undefined }));
  const tried = trials.map((one) => ({
    at: one.at,
    digest: one.digest,
    version: one.version,
    by: one.by,
    what: `${one.mode}, ${one.percent} %: ${ENDED[one.ended] ?? one.ended}${one.found?.differingRows ? `, ${count(one.found.differingRows, 'row')} differed` : ''}`,
    course: one.found?.course,
  }));
  const all = [...releases, ...tried].sort((a, b) => b.at.localeCompare(a.at));
  return html`<details><summary>History</summary>
    <div class="wide" tabindex="0" role="region" aria-label="History"><table class="table" aria-label="History"><thead><tr><th scope="col">From</th><th scope="col">Version</th><th scope="col">What</th><th scope="col">Over time</th><th scope="col">By</th></tr></thead>
    <tbody>${all.map((one) => html`<tr><td>${new Date(one.at).toLocaleString()}</td><td>${one.version ?? ''} <code>${brief(one.digest)}</code></td><td>${one.what}</td><td>${spark(one.course)}</td><td>${one.by}</td></tr>`)}</tbody></table></div>
  </details>`;
}
