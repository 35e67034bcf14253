// The question who one is: at a provider, with a key or a token, or with a name and a password.

import { html, LitElement, nothing, type TemplateResult } from 'lit';

import { signedIn, signedInAt, signIn, type Way } from './auth.js';
import { beside, leaveFor, type Provider, providers } from './oidc.js';
import { Refusal } from './refusal.js';
import { refused } from './refused.js';

const WAYS: Record<Way, string> = { token: 'API key or access token', basic: 'Name and password' };

/// Says `done` once somebody has signed in.
export class SignIn extends LitElement {
  static override properties = { ways: { attribute: false }, beside: { type: Boolean } };

  declare ways: readonly Way[];
  /// The page below stays as it is: a provider is asked in a window of its own.
  declare beside: boolean;
  private way: Way | null = null;
  private providers: readonly Provider[] | null = null;
  private waitsFor: Provider | null = null;
  private refusal: Refusal | null = null;
  private readonly gone = new AbortController();

  constructor() {
    super();
    this.ways = ['token'];
    this.beside = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void providers().then((all) => {
      this.providers = all;
      this.requestUpdate();
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.gone.abort();
  }

  private done(): void {
    this.dispatchEvent(new CustomEvent('done'));
  }

  private async go(provider: Provider): Promise<void> {
    [this.waitsFor, this.refusal] = [provider, null];
    this.requestUpdate();
    try {
      if (!this.beside) {
        await leaveFor(provider.name);
        return;
      }
      const token = await beside(provider.name, this.gone.signal);
      if (token) {
        signedInAt(provider.name, token);
        this.done();
        return;
      }
    } catch (error) {
      this.refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
    }
    this.waitsFor = null;
    this.requestUpdate();
  }

  protected override render(): TemplateResult {
    const { providers: all } = this;
    // Until it is known where one can sign in nothing is shown that would jump aside.
    if (!all) return html`<p class="quiet" role="status">One moment …</p>`;
    return html`
      <p>${signedIn() ? 'What you signed in with is not, or no longer, valid.' : 'This server asks who you are.'}
        ${this.beside ? 'What you have typed stays, and goes on when you are back.' : nothing}</p>
      ${this.refusal ? refused(this.refusal) : nothing}
      ${all.map((one) => html`<p><button class="primary wide-button" ?disabled=${this.waitsFor !== null && !this.beside} @click=${() => void this.go(one)}>Sign in with ${one.label}</button></p>`)}
      ${this.waitsFor && this.beside ? html`<p class="quiet" role="status">Sign in in the window that has opened.</p>` : nothing}
      ${all.length ? html`<details class="other"><summary>Another way</summary>${this.form()}</details>` : this.form()}`;
  }

  private form(): TemplateResult {
    const way = this.way ?? this.ways[0] ?? 'token';
    const basic = way === 'basic';
    return html`<form
      @submit=${(event: SubmitEvent) => {
        event.preventDefault();
        const form = new FormData(event.target as HTMLFormElement);
        signIn(way, String(form.get('secret')), String(form.get('name') ?? ''));
        this.done();
      }}
    >
      ${this.ways.length > 1
        ? html`<label>With
            <select @change=${(event: Event) => {
              this.way = (event.target as HTMLSelectElement).value as Way;
              this.requestUpdate();
            }}>
              ${this.ways.map((one) => html`<option value=${one} ?selected=${one === way}>${WAYS[one]}</option>`)}
            </select>
          </label>`
        : nothing}
      ${basic ? html`<label>Name <input name="name" autocomplete="username" required></label>` : nothing}
      <label>${basic ? 'Password' : WAYS[way]}
        <input name="secret" type="password" autocomplete=${basic ? 'current-password' : 'off'} required>
      </label>
      <p class="quiet">It is kept for this tab, until you close it or sign out.</p>
      <button class=${this.providers?.length ? 'plain' : 'primary'}>Sign in</button>
    </form>`;
  }
}

customElements.define('tt-sign-in', SignIn);

/// Over the page, which stays. Whether somebody has signed in.
export function signInOver(ways: readonly Way[]): Promise<boolean> {
  return new Promise((resolve) => {
    const box = document.createElement('dialog');
    box.setAttribute('aria-labelledby', 'sign-in-title');
    const title = Object.assign(document.createElement('h2'), { id: 'sign-in-title', textContent: 'Sign in again' });
    const question = Object.assign(document.createElement('tt-sign-in') as SignIn, { ways, beside: true });
    const later = Object.assign(document.createElement('button'), { className: 'plain', textContent: 'Not now' });
    let came = false;
    question.addEventListener('done', () => {
      came = true;
      box.close();
    });
    later.addEventListener('click', () => box.close());
    box.addEventListener('close', () => {
      box.remove();
      resolve(came);
    });
    const actions = Object.assign(document.createElement('p'), { className: 'actions' });
    actions.append(later);
    box.append(title, question, actions);
    document.body.append(box);
    box.showModal();
  });
}
