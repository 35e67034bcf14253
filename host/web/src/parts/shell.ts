// The frame of both applications: the bar on top, signing in, the list of keys, light and dark.

import { html, LitElement, nothing, type TemplateResult } from 'lit';

import { type Challenge, onRefused, signedIn, signOut, taken } from './auth.js';
import { forget } from './metadata.js';
import { follow, onMoved, place, type Place } from './router.js';
import { signInOver } from './signin.js';
import { dress } from './theme.js';

dress();

export abstract class Shell extends LitElement {
  /// Where its addresses begin.
  protected abstract readonly root: string;
  protected abstract readonly title_: string;
  protected abstract readonly nav: readonly { href: string; label: string }[];
  /// Whether links below the root lead to pages of this application.
  protected follows = true;
  /// What the server has asked before there was anything on the page.
  private asked: Challenge | null = null;

  protected abstract show(place: Place): TemplateResult;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    taken();
    if (this.follows) follow(this.root);
    onMoved(() => this.requestUpdate());
    onRefused(async (challenge) => {
      if (challenge.goesOn) return signInOver(challenge.ways);
      this.asked = challenge;
      this.requestUpdate();
      return false;
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
      <main id="main" tabindex="-1">${this.asked ? this.signIn(this.asked) : this.show(here)}</main>
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

  private signIn({ ways }: Challenge): TemplateResult {
    return html`<section class="card narrow">
      <h1>Sign in</h1>
      <tt-sign-in .ways=${ways} @done=${() => {
        forget();
        window.location.reload();
      }}></tt-sign-in>
    </section>`;
  }
}
