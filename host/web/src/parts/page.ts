// What every page has: it asks, shows that it does, and says what went wrong.

import { html, LitElement, nothing, type TemplateResult } from 'lit';

import { Refusal } from './refusal.js';
import { refused } from './refused.js';

export { refused };

/// Milliseconds after which waiting is shown, and after which it is said that it takes long.
const PROGRESS = 300;
export const LONG = 5_000;

export abstract class Page extends LitElement {
  private asking: AbortController | null = null;
  private waits: 'no' | 'yes' | 'long' = 'no';
  private said: unknown = null;
  private timers: number[] = [];

  /// In the document itself: one style sheet for all, and labels that lead to their fields.
  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  /// Runs one piece of work at a time; a newer one takes the place of an older one.
  protected async work(job: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    this.stop();
    const asking = new AbortController();
    this.asking = asking;
    this.said = null;
    const later = (time: number, state: 'yes' | 'long') =>
      window.setTimeout(() => {
        this.waits = state;
        this.requestUpdate();
      }, time);
    this.timers = [later(PROGRESS, 'yes'), later(LONG, 'long')];
    try {
      await job(asking.signal);
      return true;
    } catch (error) {
      if (!asking.signal.aborted) this.said = error;
      return false;
    } finally {
      if (this.asking === asking) this.stop();
      this.requestUpdate();
    }
  }

  /// Of whom an answer that takes long may wait.
  protected get waitsFor(): string {
    return 'the server, or a FHIR service behind it, is slow';
  }

  private stop(): void {
    this.asking?.abort();
    this.asking = null;
    this.timers.forEach((timer) => window.clearTimeout(timer));
    this.waits = 'no';
  }

  /// The refusal of the last work, if there was one.
  protected get refusal(): Refusal | null {
    if (this.said === null) return null;
    return this.said instanceof Refusal ? this.said : new Refusal(0, 'Page', String(this.said));
  }

  /// Above what a page shows: that it waits, or why there is nothing.
  protected state(again?: () => void): TemplateResult | typeof nothing {
    if (this.waits !== 'no') {
      const long = this.waits === 'long';
      return html`<div class="waits" role="status">
        <progress aria-label="Waiting"></progress>
        ${long ? `The answer takes long: ${this.waitsFor}.` : 'One moment …'}
        ${long
          ? html`<button @click=${() => this.cancel()}>Stop</button>`
          : nothing}
      </div>`;
    }
    return this.refusal ? refused(this.refusal, again) : nothing;
  }

  private cancel(): void {
    this.stop();
    this.said = new Refusal(0, 'Stopped', 'Stopped before the answer came.', null, 'What you have typed is still here.');
    this.requestUpdate();
  }
}

export function empty(title: string, next: unknown = nothing): TemplateResult {
  return html`<div class="empty" role="status"><p>${title}</p>${next}</div>`;
}
