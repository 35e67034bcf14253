// The first page: where everything is, for people.

import '../style.css';

import { html, type TemplateResult } from 'lit';

import { Shell } from '../parts/shell.js';

const PARTS = [
  ['/app/', 'Tables', 'Lists and rows of every table: find, read, change and print them.'],
  ['/console/', 'Console', 'Where each table lives, its mapping, FHIR services, and who did what.'],
] as const;

const TOOLS = [
  ['/api/data/v9.2/$files/turntable.pbids', 'Power BI', 'A file that opens the tables there.'],
  ['/api/data/v9.2/$files/turntable.odc', 'Excel', 'A file that opens the tables there.'],
  ['/api/data/v9.2/', 'OData', 'The tables for programs; $metadata describes them.'],
  ['/fhir/metadata', 'FHIR', 'What bundles are taken at /fhir.'],
  ['/admin/v1/openapi.json', 'Administration', 'What administrators can call, as OpenAPI.'],
  ['/readyz', 'Readiness', 'Whether the server is ready, and its FHIR services.'],
] as const;

class Start extends Shell {
  protected readonly root = '/';
  protected readonly title_ = 'Turntable';
  protected readonly nav = [
    { href: '/app/', label: 'Tables' },
    { href: '/console/', label: 'Console' },
  ];

  protected override follows = false;

  protected show(): TemplateResult {
    const tiles = (all: readonly (readonly [string, string, string])[]) =>
      html`<ul class="tiles">${all.map(([href, label, text]) => html`<li><a class="card" href=${href}><strong>${label}</strong><span>${text}</span></a></li>`)}</ul>`;
    return html`<h1>Clinical data as tables</h1>
      <p class="quiet">Wherever the data lives: in this server, or in a FHIR service.</p>
      ${tiles(PARTS)}
      <h2>For other programs</h2>
      ${tiles(TOOLS)}`;
  }
}

customElements.define('tt-start', Start);
document.body.append(document.createElement('tt-start'));
