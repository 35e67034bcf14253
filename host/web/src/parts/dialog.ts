// A question before something is done, with the call that does it.

import { html, render, type TemplateResult } from 'lit';

/// Shows a dialog; what is in it closes it through `close`.
export function dialog(title: string, content: (close: () => void, again: () => void) => TemplateResult): void {
  const box = document.createElement('dialog');
  box.setAttribute('aria-labelledby', 'dialog-title');
  const close = () => box.close();
  const draw = () => render(html`<h2 id="dialog-title">${title}</h2>${content(close, draw)}`, box);
  box.addEventListener('close', () => box.remove());
  document.body.append(box);
  draw();
  box.showModal();
}

/// A call as it can be typed into a terminal.
export function curl(method: string, url: string, body?: string): string {
  const whole = new URL(url, window.location.origin).href;
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const sent = body === undefined ? '' : ` -H 'Content-Type: application/json' -d ${quoted(body)}`;
  return `curl -X ${method} ${quoted(whole)}${sent}`;
}

export function call(text: string): TemplateResult {
  return code('The call that does it', text);
}

/// A text to be copied, behind its title.
export function code(title: string, text: string): TemplateResult {
  return html`<details class="call"><summary>${title}</summary>
    <pre tabindex="0">${text}</pre>
    <button type="button" class="plain" @click=${() => void navigator.clipboard.writeText(text)}>Copy</button>
  </details>`;
}
