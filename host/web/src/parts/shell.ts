// The frame of both applications: the bar on top, signing in, the list of keys, light and dark.

import { webDarkTheme, webLightTheme } from '@fluentui/tokens';
import { html, LitElement, nothing, type TemplateResult } from 'lit';

import { onRefused, signedIn, signIn, signOut, taken, type Way } from './auth.js';
import { forget } from './metadata.js';
import { follow, onMoved, place, type Place } from './router.js';

/// Fluent's tokens as properties of the document, for light and for dark; a sheet that is made here needs no style in the page.
const tokens = new CSSStyleSheet();
const dark = window.matchMedia('(prefers-color-scheme: dark)');
function dress(): void {
  const values = Object.entries(dark.matches ? webDarkTheme : webLightTheme).map(([name, value]) => `--${name}:${value};`);
  tokens.replaceSync(`:root{${values.join('')}}`);
}
dark.addEventListener('change', dress);
dress();
document.adoptedStyleSheets.push(tokens);

const WAYS: Record<Way, string> = { token: 'API key or access token', basic: 'Name and password' };

export abstract class Shell extends LitElement {
  /// Where its addresses begin.
  protected abstract readonly root: string;
  protected abstract readonly title_: string;
  protected abstract readonly nav: readonly { href: string; label: string }[];
  /// Whether links below the root lead to pages of this application.
  protected follows = true;
  private ways: Way[] = [];
  private way: Way = 'token';

  protected abstract show(place: Place): TemplateResult;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    taken();
    if (this.follows) follow(this.root);
    onMoved(() => this.requestUpdate());
    onRefused((ways) => {
      this.ways = ways;
      this.way = ways[0] ?? 'token';
      this.requestUpdate();
    });
    document.addEventListener('keydown', (event) => this.key(event));
  }

  private key(event: KeyboardEvent): void {
    const typing = event.composedPath().some((one) => one instanceof HTMLElement && one.matches('input, textarea, select, [contenteditable]'));
    if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === '/') {
      const search = this.querySelector<HTMLElement>('[data-search]');
      if (search) {
        event.preventDefault();
        search.focus();
      }
    } else if (event.key === '?') {
      this.querySelector<HTMLDialogElement>('#keys')?.showModal();
    }
  }

  protected override render(): TemplateResult {
    const here = place(this.root);
    return html`
      <a class="skip" href="#main" @click=${this.skip}>To the content</a>
      <header>
        <a class="brand" href=${this.root}>${this.title_}</a>
        <nav aria-label="Main">
          ${this.nav.map(
            ({ href, label }) => html`<a href=${href} aria-current=${this.isHere(href) ? 'page' : nothing}>${label}</a>`,
          )}
        </nav>
        <span class="fill"></span>
        ${signedIn() ? html`<button class="plain" @click=${this.leave}>Sign out</button>` : nothing}
        <button class="plain" aria-label="Keys" title="Keys (?)" @click=${() => this.querySelector<HTMLDialogElement>('#keys')?.showModal()}>?</button>
      </header>
      <main id="main" tabindex="-1">${this.ways.length ? this.signIn() : this.show(here)}</main>
      <dialog id="keys" aria-labelledby="keys-title">
        <h2 id="keys-title">Keys</h2>
        <dl class="keys">
          <dt><kbd>/</kbd></dt><dd>search</dd>
          <dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>go through the rows of a list</dd>
          <dt><kbd>Enter</kbd></dt><dd>open the row</dd>
          <dt><kbd>Space</kbd></dt><dd>mark the row</dd>
          <dt><kbd>Esc</kbd></dt><dd>close what is open</dd>
          <dt><kbd>?</kbd></dt><dd>this list</dd>
        </dl>
        <form method="dialog"><button class="plain">Close</button></form>
      </dialog>
    `;
  }

  private isHere(href: string): boolean {
    const { pathname } = window.location;
    return href === this.root ? pathname === this.root : pathname.startsWith(href);
  }

  private skip(event: Event): void {
    event.preventDefault();
    document.querySelector<HTMLElement>('#main')?.focus();
  }

  private leave(): void {
    signOut();
    forget();
    window.location.reload();
  }

  private signIn(): TemplateResult {
    const basic = this.way === 'basic';
    return html`<section class="card narrow">
      <h1>Sign in</h1>
      <p>${signedIn() ? 'What you signed in with is not, or no longer, valid.' : 'This server asks who you are.'}</p>
      <form
        @submit=${(event: SubmitEvent) => {
          event.preventDefault();
          const form = new FormData(event.target as HTMLFormElement);
          signIn(this.way, String(form.get('secret')), String(form.get('name') ?? ''));
          forget();
          window.location.reload();
        }}
      >
        ${this.ways.length > 1
          ? html`<label>With
              <select @change=${(event: Event) => {
                this.way = (event.target as HTMLSelectElement).value as Way;
                this.requestUpdate();
              }}>
                ${this.ways.map((way) => html`<option value=${way} ?selected=${way === this.way}>${WAYS[way]}</option>`)}
              </select>
            </label>`
          : nothing}
        ${basic ? html`<label>Name <input name="name" autocomplete="username" required></label>` : nothing}
        <label>${basic ? 'Password' : WAYS[this.way]}
          <input name="secret" type="password" autocomplete=${basic ? 'current-password' : 'off'} required>
        </label>
        <p class="quiet">It is kept for this tab, until you close it or sign out.</p>
        <button class="primary">Sign in</button>
      </form>
    </section>`;
  }
}
