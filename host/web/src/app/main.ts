// The data app: lists and rows of every table there is, made from what the server says of them.

import '../style.css';
import './home.js';

import { html, type TemplateResult } from 'lit';

import type { Place } from '../parts/router.js';
import { Shell } from '../parts/shell.js';

class App extends Shell {
  protected readonly root = '/app/';
  protected readonly title_ = 'Turntable';
  protected readonly nav = [
    { href: '/app/', label: 'Tables' },
    { href: '/console/', label: 'Console' },
  ];

  protected show({ path }: Place): TemplateResult {
    const [what, set, key] = path;
    const address = window.location.href;
    if (what === 't' && set && key !== undefined) {
      void import('./record.js');
      return html`<app-record .set=${set} .key=${key === 'new' ? '' : key} .address=${address}></app-record>`;
    }
    if (what === 't' && set) {
      void import('./list.js');
      return html`<app-list .set=${set} .address=${address}></app-list>`;
    }
    if (what === 'tour') {
      void import('./tour.js');
      return html`<app-tour></app-tour>`;
    }
    return what ? html`<div class="empty"><p>There is no such page.</p><a href="/app/">To the tables</a></div>` : html`<app-home .address=${address}></app-home>`;
  }
}

customElements.define('tt-app', App);
document.body.append(document.createElement('tt-app'));
