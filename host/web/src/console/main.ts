// The console: for those who decide where rows live, what makes them, and who may see them.

import '../style.css';
import './overview.js';

import { html, type TemplateResult } from 'lit';

import type { Place } from '../parts/router.js';
import { Shell } from '../parts/shell.js';

class Console extends Shell {
  protected readonly root = '/console/';
  protected readonly title_ = 'Turntable console';
  protected readonly nav = [
    { href: '/console/', label: 'Tables' },
    { href: '/console/mappings', label: 'Mappings' },
    { href: '/console/services', label: 'FHIR services' },
    { href: '/console/playground', label: 'Playground' },
    { href: '/console/explorer', label: 'Explorer' },
    { href: '/console/people', label: 'People' },
    { href: '/console/keys', label: 'Keys' },
    { href: '/console/requests', label: 'Requests' },
    { href: '/console/audit', label: 'Audit' },
    { href: '/console/settings', label: 'Settings' },
    { href: '/app/', label: 'Rows' },
  ];

  protected show({ path }: Place): TemplateResult {
    const [what, name] = path;
    const address = window.location.href;
    switch (what) {
      case undefined:
        return html`<console-overview .address=${address}></console-overview>`;
      case 't':
        void import('./table.js');
        return html`<console-table .name=${name ?? ''} .address=${address}></console-table>`;
      case 'mappings':
        void import('./mappings.js');
        return html`<console-mappings .address=${address}></console-mappings>`;
      case 'playground':
        void import('./playground.js');
        return html`<console-playground .address=${address}></console-playground>`;
      case 'settings':
        void import('./settings.js');
        return html`<console-settings></console-settings>`;
      case 'services':
        void import('./services.js');
        return html`<console-services></console-services>`;
      case 'explorer':
        void import('./explorer.js');
        return html`<console-explorer .address=${address}></console-explorer>`;
      case 'people':
        void import('./people.js');
        return html`<console-people .address=${address}></console-people>`;
      case 'keys':
        void import('./keys.js');
        return html`<console-keys></console-keys>`;
      case 'requests':
        if (name !== undefined) {
          void import('./request.js');
          return html`<console-request .request=${name}></console-request>`;
        }
        void import('./requests.js');
        return html`<console-requests .address=${address}></console-requests>`;
      case 'audit':
        void import('./audit.js');
        return html`<console-audit .address=${address}></console-audit>`;
      default:
        return html`<div class="empty"><p>There is no such page.</p><a href="/console/">To the tables</a></div>`;
    }
  }
}

customElements.define('tt-console', Console);
document.body.append(document.createElement('tt-console'));
