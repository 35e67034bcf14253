// Who there is, and who may what: roles as they are written, and what they come to for each table, as requests are held to it.

import { html, nothing, type TemplateResult } from 'lit';

import { ADMIN, ask } from '../parts/api.js';
import { call, curl } from '../parts/dialog.js';
import { count } from '../parts/format.js';
import { empty, Page } from '../parts/page.js';
import { place, turn } from '../parts/router.js';

interface Rule {
  readonly table: string;
  readonly operations: readonly string[];
  readonly where: string | null;
  readonly hide: readonly string[];
  readonly mask: readonly string[];
}

interface Role {
  readonly name: string;
  readonly builtIn: boolean;
  readonly inherits: readonly string[];
  readonly rules: readonly Rule[];
}

interface People_ {
  readonly login: boolean;
  readonly roles: readonly Role[];
  readonly people: readonly { readonly name: string; readonly roles: readonly string[] }[];
  readonly providers: readonly { readonly name: string; readonly issuer: string; readonly rolesClaim: string; readonly signIn: boolean }[];
}

interface Act {
  readonly by: readonly string[];
  readonly where: readonly string[] | null;
  readonly withParent: boolean;
}

interface Given {
  readonly table: string;
  readonly entitySet: string;
  readonly label: string;
  readonly read: Act | null;
  readonly create: Act | null;
  readonly update: Act | null;
  readonly delete: Act | null;
  readonly hidden: readonly string[];
  readonly masked: readonly string[];
  readonly shut: boolean;
}

interface Key {
  readonly name: string;
  readonly roles: readonly string[];
  readonly expired: boolean;
}

const BUILT_IN: Record<string, string> = {
  reader: 'reads every table',
  writer: 'reads, makes, changes and deletes rows of every table',
  mapper: 'looks after mappings, and sees no rows',
  admin: 'may do everything',
};

class People extends Page {
  static override properties = { address: {} };

  declare address: string;
  private people: People_ | null = null;
  private keys: readonly Key[] = [];
  private given: readonly Given[] | null = null;
  private asked = '';

  protected override willUpdate(): void {
    const roles = this.chosen.join(',');
    if (!this.people || roles !== this.asked) void this.load();
  }

  /// The roles whose callers are looked at; at first the first one of the configuration.
  private get chosen(): readonly string[] {
    const said = place('/console/').query.get('roles');
    if (said) return said.split(',');
    const first = this.people?.roles.find((role) => !role.builtIn)?.name;
    return [first ?? 'reader'];
  }

  private load(): Promise<boolean> {
    return this.work(async (signal) => {
      if (!this.people) {
        this.asked = ' ';
        const [people, keys] = await Promise.all([
          ask<People_>(`${ADMIN}/roles`, { signal }),
          ask<{ keys: Key[] }>(`${ADMIN}/keys`, { signal }),
        ]);
        [this.people, this.keys] = [people.body, keys.body.keys];
      }
      const roles = this.chosen.join(',');
      this.asked = roles;
      this.given = (await ask<{ tables: Given[] }>(`${ADMIN}/roles/${encodeURIComponent(roles)}`, { signal })).body.tables;
    });
  }

  protected override render(): TemplateResult {
    const { people } = this;
    return html`<h1>People and roles</h1>
      <p class="quiet">Roles are written in the configuration, under <code>[roles]</code>, and given to people by what they sign in with.</p>
      ${this.state(() => {
        this.people = null;
        this.requestUpdate();
      })}
      ${people
        ? html`${people.login ? nothing : html`<p class="refusal"><strong>There is no login: whoever reaches this server may do everything.</strong><br>Add one under <code>[auth]</code>; then roles hold.</p>`}
            ${this.who(people)}
            ${this.may(people)}
            ${this.written(people)}`
        : nothing}`;
  }

  private who({ people, providers }: People_): TemplateResult {
    const rows = [
      ...people.map((one) => ({ name: one.name, how: 'name and password', roles: one.roles.join(', ') })),
      ...this.keys.filter((key) => !key.expired).map((key) => ({ name: key.name, how: 'API key', roles: key.roles.join(', ') })),
      ...providers.map((one) => ({ name: `all of ${one.name}`, how: `token of ${one.issuer}${one.signIn ? ', also by signing in on the pages' : ''}`, roles: html`as the claim <code>${one.rolesClaim}</code> says` })),
    ];
    if (!rows.length) return empty('Nobody is named: no password, no key, no provider.');
    return html`<h2>Who there is</h2>
      <div class="grid" tabindex="0"><table aria-label="People">
        <thead><tr><th scope="col">Name</th><th scope="col">By</th><th scope="col">Roles</th></tr></thead>
        <tbody>${rows.map((row) => html`<tr><td>${row.name}</td><td>${row.how}</td><td>${row.roles}</td></tr>`)}</tbody>
      </table></div>`;
  }

  private may({ roles }: People_): TemplateResult {
    const chosen = this.chosen;
    const text = (place('/console/').fragment.get('q') ?? '').toLowerCase();
    const found = (this.given ?? []).filter((one) => `${one.label} ${one.table}`.toLowerCase().includes(text));
    const toggle = (name: string) => {
      const next = chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name];
      turn({ query: { roles: next.join(',') } });
    };
    return html`<h2>Who may what</h2>
      <div class="bar">
        <span class="quiet" id="roles-of">Callers with the roles</span>
        <span class="chips" role="group" aria-labelledby="roles-of">${roles.map((role) => html`<button class="chip" aria-pressed=${chosen.includes(role.name)} title=${BUILT_IN[role.name] ?? nothing} @click=${() => toggle(role.name)}>${role.name}</button>`)}</span>
        <span class="fill"></span>
        <input type="search" data-search aria-label="Find a table" placeholder="Find a table" .value=${place('/console/').fragment.get('q') ?? ''}
          @input=${(event: Event) => turn({ fragment: { q: (event.target as HTMLInputElement).value } })}>
      </div>
      ${this.given && !found.length
        ? empty(text ? 'No table that they see is called so.' : 'They see no rows of any table.', text ? nothing : html`<p>${chosen.map((name) => BUILT_IN[name]).filter(Boolean).join('; ')}</p>`)
        : html`<div class="grid" tabindex="0"><table aria-label="What they may do">
            <thead><tr><th scope="col">Table</th><th scope="col">Read</th><th scope="col">Make</th><th scope="col">Change</th><th scope="col">Delete</th><th scope="col">Columns</th><th scope="col">Look</th></tr></thead>
            <tbody>${found.map((one) => html`<tr>
              <td><a href=${`/console/t/${one.table}`}>${one.label}</a>${one.shut ? html` <span class="badge bad" title="The rules do not fit the table as it is now; the log says why">shut</span>` : nothing}</td>
              ${[one.read, one.create, one.update, one.delete].map(rows)}
              <td>${columns(one)}</td>
              <td><a aria-label=${`as they do: ${one.label}`} href=${`/console/explorer?${new URLSearchParams({ roles: chosen.join(',') })}#${new URLSearchParams({ query: `${one.entitySet}?$top=10` })}`}>as they do</a></td>
            </tr>`)}</tbody>
          </table></div>
          <p class="quiet foot">${count(found.length, 'table')}${this.given ? '; a table that is not here is not there for them' : nothing}</p>`}
      ${call(curl('GET', `${ADMIN}/roles/${encodeURIComponent(chosen.join(','))}`))}`;
  }

  private written({ roles }: People_): TemplateResult | typeof nothing {
    const own = roles.filter((role) => !role.builtIn);
    if (!own.length) return html`<p class="quiet">The configuration has no roles of its own; ${Object.entries(BUILT_IN).map(([name, what], at) => html`${at ? '; ' : ''}<strong>${name}</strong> ${what}`)}.</p>`;
    return html`<h2>As they are written</h2>
      <div class="split">${own.map((role) => html`<section class="card"><h3>${role.name}</h3>
        <p>${role.inherits.length ? html`What ${role.inherits.join(' and ')} may, except:` : 'Only:'}</p>
        <dl class="facts">${role.rules.map((rule) => html`<dt>${rule.table === '*' ? 'every other table' : html`<code>${rule.table}</code>`}</dt>
          <dd>${rule.operations.join(', ') || 'nothing'}${rule.where ? html`, where <code>${rule.where}</code>` : nothing}${rule.hide.length ? html`; without <code>${rule.hide.join(', ')}</code>` : nothing}${rule.mask.length ? html`; without the values of <code>${rule.mask.join(', ')}</code>` : nothing}</dd>`)}</dl>
      </section>`)}</div>`;
  }
}

/// Of which rows something may be done.
function rows(act: Act | null): TemplateResult {
  if (!act) return html`<td class="quiet">no</td>`;
  const by = `given by ${act.by.join(', ')}`;
  if (act.where) return html`<td title=${by}>${act.where.map((one, at) => html`${at ? ' or ' : ''}<code>${one}</code>`)}</td>`;
  return html`<td title=${by}>${act.withParent ? 'with the row it is a part of' : 'all rows'}</td>`;
}

function columns({ hidden, masked }: Given): TemplateResult | string {
  if (!hidden.length && !masked.length) return 'all';
  return html`${hidden.length ? html`without <code>${hidden.join(', ')}</code>` : nothing}${hidden.length && masked.length ? '; ' : nothing}${masked.length ? html`no values of <code>${masked.join(', ')}</code>` : nothing}`;
}

customElements.define('console-people', People);
