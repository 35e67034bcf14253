// Where a provider sends back who has signed in: on to the page that it began on.

import '../style.css';

import { html, render, type TemplateResult } from 'lit';

import { signedInAt } from '../parts/auth.js';
import { arrived } from '../parts/oidc.js';
import { refused } from '../parts/refused.js';
import { Refusal } from '../parts/refusal.js';
import { dress } from '../parts/theme.js';

dress();
const answer = new URLSearchParams(window.location.search);
// A code is for this page alone.
history.replaceState(null, '', window.location.pathname);
const main = document.createElement('main');
main.id = 'main';
document.body.append(main);
const show = (content: TemplateResult) => render(html`<section class="card narrow"><h1>Sign in</h1>${content}</section>`, main);

show(html`<p role="status">One moment …</p>`);
let back = '/app/';
try {
  const there = await arrived({
    state: answer.get('state') ?? '',
    code: answer.get('code'),
    issuer: answer.get('iss'),
    error: answer.get('error'),
  });
  if (there) {
    back = there.back;
    signedInAt(there.provider, await there.token);
    window.location.replace(back);
  } else {
    show(html`<p role="status">You are signed in. This window can be closed.</p>`);
    window.close();
  }
} catch (error) {
  const refusal = error instanceof Refusal ? error : new Refusal(0, 'Page', String(error));
  show(html`${refused(refusal)}<p class="actions"><a class="button primary" href=${back}>Go on</a></p>`);
}
