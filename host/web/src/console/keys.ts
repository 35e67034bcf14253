// API keys: for programs and people that cannot sign in otherwise. The key itself is shown once.

import { html, nothing, type TemplateResult } from 'lit';

import { ADMIN, ask, Refusal } from '../parts/api.js';
import { call, curl, dialog } from '../parts/dialog.js';
import { empty, Page, refused } from '../parts/page.js';

interface Key {
  readonly name: string;
  readonly roles: readonly string[];
  readonly expires?: string | null;
  readonly made?: string | null;
}

class Keys extends Page {
  private keys: readonly Key[] = [];
  private loaded = false;
  private made: { name: string; key: string } | null = null;
  private refusedMake: Refusal | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.load();
  }

  private load(): Promise<boolean> {
    return this.work(async (signal) => {
      this.keys = (await ask<{ keys: Key[] }>(`${ADMIN}/keys`, { signal })).body.keys;
      this.loaded = true;
    });
  }

  private async make(form: HTMLFormElement): Promise<void> {
    const said = new FormData(form);
    const roles = String(said.get('roles')).split(/[\s,]+/).filter(Boolean);
    const expires = String(said.get('expires')).trim();
    [this.refusedMake, this.made] = [null, null];
    try {
      const { body } = await ask<{ name: string; key: string }>(`${ADMIN}/keys`, {
        method: 'POST',
        body: { name: String(said.get('name')), roles, ...(expires ? { expires } : {}) },
      });
      this.made = body;
      form.reset();
      await this.load();
    } catch (error) {
      this.refusedMake = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
    }
    this.requestUpdate();
  }

  protected override render(): TemplateResult {
    return html`<h1>API keys</h1>
      <p class="quiet">For programs that cannot sign in otherwise, as Power BI. Which keys are asked for is said under <code>[auth]</code> in the configuration.</p>
      <form class="card" @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        void this.make(event.target as HTMLFormElement);
      }}>
        <div class="fields">
          <div class="field"><label for="key-name">Name</label><input id="key-name" name="name" required></div>
          <div class="field"><label for="key-roles">Roles</label><input id="key-roles" name="roles" value="reader" required><p class="note">reader, writer, mapper, admin, or roles of the configuration</p></div>
          <div class="field"><label for="key-expires">Good for</label><input id="key-expires" name="expires" placeholder="90d"><p class="note">Empty: until it is revoked</p></div>
        </div>
        <p class="actions"><button class="primary">Make a key</button></p>
        ${this.refusedMake ? refused(this.refusedMake) : nothing}
        ${this.made
          ? html`<div role="status"><p><strong>The key of “${this.made.name}”. It is shown this once:</strong></p><pre>${this.made.key}</pre>
              <button type="button" @click=${() => void navigator.clipboard.writeText(this.made?.key ?? '')}>Copy</button></div>`
          : nothing}
      </form>
      ${this.state(() => void this.load())}
      ${this.loaded && !this.keys.length ? empty('There is no key yet.') : nothing}
      ${this.keys.length
        ? html`<div class="grid" tabindex="0"><table aria-label="Keys">
            <thead><tr><th scope="col">Name</th><th scope="col">Roles</th><th scope="col">Good until</th><th scope="col">State</th></tr></thead>
            <tbody>${this.keys.map((key) => html`<tr><td>${key.name}</td><td>${key.roles.join(', ')}</td><td>${key.expires ?? 'revoked'}</td>
              <td><button class="plain danger" @click=${() => this.revoke(key)}>Revoke …</button></td></tr>`)}</tbody>
          </table></div>`
        : nothing}`;
  }

  private revoke(key: Key): void {
    const url = `${ADMIN}/keys/${encodeURIComponent(key.name)}`;
    let refusal: Refusal | null = null;
    dialog(`Revoke the key of “${key.name}”?`, (close, draw) => {
      const go = async () => {
        try {
          await ask(url, { method: 'DELETE' });
          close();
          void this.load();
        } catch (error) {
          refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
          draw();
        }
      };
      return html`<p>Whoever uses it is refused from now on. It cannot be brought back.</p>
        ${refusal ? refused(refusal) : nothing}
        ${call(curl('DELETE', url))}
        <p class="actions"><button class="primary danger" @click=${() => void go()}>Revoke</button> <button class="plain" @click=${close}>Keep</button></p>`;
    });
  }
}

customElements.define('console-keys', Keys);
