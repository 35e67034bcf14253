// Versions of mappings: those that were loaded, what the gate found, and a place to drop another: a component, or a mapping
// in YAML, which stays at hand to be put right until the gate lets it in.

import { html, nothing, type TemplateResult } from 'lit';

import { brief, type Loaded } from '../parts/admin.js';
import { ADMIN, ask, Refusal } from '../parts/api.js';
import { call, curl } from '../parts/dialog.js';
import { count } from '../parts/format.js';
import type { Note } from '../parts/editor.js';
import { Page, refused } from '../parts/page.js';
import { place, turn } from '../parts/router.js';
import { release } from './release.js';
import { signer } from './signer.js';

interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly findings: readonly string[];
}

interface Known extends Loaded {
  readonly checks?: readonly Check[];
  readonly report?: { readonly checks: readonly Check[] };
}

/// A mapping in YAML that the gate has not let in yet.
interface Draft {
  readonly file: string;
  readonly text: string;
  readonly notes: readonly Note[];
}

class Mappings extends Page {
  static override properties = { address: {} };

  declare address: string;
  private all: readonly Loaded[] = [];
  private open: Known | null = null;
  private opened = '';
  private fresh: Known | null = null;
  private refusedLoad: Refusal | null = null;
  private loading = '';
  private draft: Draft | null = null;
  private over = false;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  protected override willUpdate(): void {
    const digest = place('/console/').query.get('version') ?? '';
    if (digest !== this.opened) {
      this.opened = digest;
      void this.load();
    }
  }

  private load(): Promise<boolean> {
    return this.work(async (signal) => {
      this.all = (await ask<{ mappings: Loaded[] }>(`${ADMIN}/mappings`, { signal })).body.mappings;
      this.open = this.opened ? (await ask<Known>(`${ADMIN}/mappings/${this.opened}`, { signal })).body : null;
    });
  }

  private async take(file: File | undefined): Promise<void> {
    if (!file) return;
    if (!/\.ya?ml$/i.test(file.name)) {
      this.draft = null;
      await this.bring(file.name, file, 'application/wasm');
      return;
    }
    // What is set on an element before it is defined would hide what it is defined with.
    await import('../parts/editor.js');
    this.draft = { file: file.name, text: await file.text(), notes: [] };
    await this.bringDraft();
  }

  private async bringDraft(): Promise<void> {
    const { draft } = this;
    if (!draft) return;
    await this.bring(draft.file, draft.text, 'application/yaml');
    if (this.fresh) this.draft = null;
    else if (this.draft) this.draft = { ...this.draft, notes: (this.refusedLoad?.details ?? []).flatMap(noted) };
    this.requestUpdate();
  }

  private async bring(name: string, body: Blob | string, type: string): Promise<void> {
    [this.loading, this.refusedLoad, this.fresh] = [name, null, null];
    this.requestUpdate();
    try {
      this.fresh = (await ask<Known>(`${ADMIN}/mappings`, { method: 'POST', body, headers: { 'content-type': type } })).body;
      await this.load();
    } catch (error) {
      this.refusedLoad = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
    }
    this.loading = '';
    this.requestUpdate();
  }

  protected override render(): TemplateResult {
    return html`
      <h1>Mappings</h1>
      <p class="quiet">A mapping decides how FHIR becomes rows, and rows become FHIR. A new version passes a gate before it can be put in force.</p>
      <div class="drop ${this.over ? 'over' : ''}"
        @dragover=${(event: DragEvent) => {
          event.preventDefault();
          this.over = true;
          this.requestUpdate();
        }}
        @dragleave=${() => {
          this.over = false;
          this.requestUpdate();
        }}
        @drop=${(event: DragEvent) => {
          event.preventDefault();
          this.over = false;
          void this.take(event.dataTransfer?.files[0]);
        }}>
        ${this.loading
          ? html`<p role="status">The gate tries ${this.loading} …</p>`
          : html`<p>Drop a component (<code>.wasm</code>) or a mapping in YAML (<code>.yaml</code>) here, or</p>
              <label class="button">Choose a file<input type="file" accept=".wasm,.yaml,.yml,application/wasm,application/yaml" hidden @change=${(event: Event) => {
                const input = event.target as HTMLInputElement;
                void this.take(input.files?.[0]);
                input.value = '';
              }}></label>`}
      </div>
      ${call(`turntable load mapping.wasm\n${curl('POST', `${ADMIN}/mappings`)} -H 'Content-Type: application/wasm' --data-binary @mapping.wasm`)}
      ${this.refusedLoad ? html`<h2>Refused at the gate</h2>${refused(this.refusedLoad)}<p>Nothing has changed: what is in force goes on. ${this.draft ? 'Put right what is named, and load it again.' : 'Put right what is named, build, and drop it again.'}</p>` : nothing}
      ${this.draft ? this.editor(this.draft) : nothing}
      ${this.fresh ? html`<section class="card" role="status"><h2>Loaded: ${this.fresh.name} ${this.fresh.version}</h2>${this.version(this.fresh)}</section>` : nothing}
      ${this.state(() => void this.load())}
      ${this.open ? html`<section class="card"><h2>${this.open.name} ${this.open.version}</h2>${this.version(this.open)}</section>` : nothing}
      <h2>${count(this.all.length, 'version')}</h2>
      <div class="grid" tabindex="0"><table aria-label="Versions">
        <thead><tr><th scope="col">Mapping</th><th scope="col">Version</th><th scope="col">Digest</th><th scope="col">In force for</th><th scope="col">Signed by</th><th scope="col">Loaded</th></tr></thead>
        <tbody>${this.all.map((one) => html`<tr>
          <td><button class="plain" @click=${() => turn({ query: { version: one.digest } })}>${one.name}</button></td><td>${one.version}</td><td><code>${brief(one.digest)}</code></td>
          <td>${one.activeFor.length ? count(one.activeFor.length, 'table') : 'none'}</td><td>${signer(one.signer)}</td><td>${new Date(one.uploadedAt).toLocaleString()} by ${one.uploadedBy}</td>
        </tr>`)}</tbody>
      </table></div>
    `;
  }

  private editor(draft: Draft): TemplateResult {
    const playground = `/console/playground?with=yaml#${new URLSearchParams({ code: draft.text })}`;
    return html`<section class="card"><h2>${draft.file}</h2>
      <tt-editor language="yaml" label="The mapping" .value=${draft.text} .notes=${draft.notes} @typed=${({ detail }: CustomEvent<string>) => {
        this.draft = { ...draft, text: detail };
        this.requestUpdate();
      }}></tt-editor>
      <p class="actions">
        <button class="primary" ?disabled=${this.loading !== ''} @click=${() => void this.bringDraft()}>${this.loading ? 'The gate tries it …' : 'Load it'}</button>
        <a class="button" href=${playground}>Try it in the playground</a>
        <button class="plain" @click=${() => {
          [this.draft, this.refusedLoad] = [null, null];
          this.requestUpdate();
        }}>Put it away</button>
      </p>
      <p class="quiet">What is changed here is not in your file: copy it there once it is let in. Samples go with it when <code>turntable mapping build</code> makes it a component.</p>
    </section>`;
  }

  private version(one: Known): TemplateResult {
    const checks = one.checks ?? one.report?.checks ?? [];
    const table = one.tables[0];
    const force = this.all.find((known) => known.digest === one.digest)?.activeFor.length ?? 0;
    return html`
      <dl class="facts">
        <dt>Digest</dt><dd><code>${one.digest}</code></dd>
        <dt>Tables</dt><dd>${one.tables.join(', ')}</dd>
        <dt>Signed by</dt><dd>${signer(this.all.find((known) => known.digest === one.digest)?.signer ?? one.signer)}</dd>
      </dl>
      <h2>What the gate found</h2>
      ${checks.some(({ name, findings }) => name === 'samples' && findings[0]?.startsWith('0 '))
        ? html`<p>It brought no samples, so the gate has seen none of its rows. Try it in the <a href=${`/console/playground?with=${one.digest}`}>playground</a>, or compare it with what is in force before it is.</p>`
        : nothing}
      <ul>${checks.map((check) => html`<li><span class="badge ${check.passed ? 'good' : 'bad'}">${check.passed ? 'passed' : 'failed'}</span> <strong>${check.name}</strong>
        ${check.findings.length ? html`<ul>${check.findings.map((finding) => html`<li>${finding}</li>`)}</ul>` : nothing}</li>`)}</ul>
      ${table && !force ? html`<p class="actions"><button class="primary" @click=${() => release({ name: table, label: table }, one, () => void this.load())}>Put in force …</button></p>` : nothing}
    `;
  }
}

/// Where something is wrong in a text, of those parts of a refusal that say so.
function noted({ message, target }: { message: string; target: string | null }): readonly Note[] {
  const at = /^line (\d+), column (\d+)$/.exec(target ?? '');
  return at ? [{ severity: 'error', line: Number(at[1]), column: Number(at[2]), message }] : [];
}

customElements.define('console-mappings', Mappings);
