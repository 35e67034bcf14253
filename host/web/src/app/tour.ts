// The demo's first page: its exercise as steps, each a link to where it is done, and what to look at there. The only page
// that knows tables by name, since it is about the demo's own patient.

import { html, nothing, type TemplateResult } from 'lit';

import { API, ask, Refusal, type Row } from '../parts/api.js';
import { empty, Page } from '../parts/page.js';

const PATIENT = '4c73b472-442b-4920-b899-aadc599f1d75';
const encounters = `msemr_encounters?$select=msemr_name,msemr_periodstart&$filter=_msemr_subjectpatient_value eq ${PATIENT}`;

interface Step {
  readonly title: string;
  readonly look: string;
  readonly href: string;
}

const STEPS: readonly Step[] = [
  { title: 'Open a patient', look: 'She is kept here: the badge says so. Her identifiers, names and addresses are tables of their own.', href: `/app/t/contacts/${PATIENT}` },
  {
    title: 'See her encounters',
    look: 'Below her: two rows, read from the FHIR service as you look. The patient is in one place and they are in another.',
    href: `/app/t/contacts/${PATIENT}?tab=_msemr_subjectpatient_value@msemr_encounter`,
  },
  { title: 'Turn the route', look: 'In the console, turn encounters to “kept here”. You are shown first what that does, and the call that does it.', href: '/console/t/msemr_encounter' },
  { title: 'Look at the same list', look: 'The same table, columns and address: no rows, since none are kept here, and another badge.', href: '/app/t/msemr_encounters' },
  { title: 'Turn it back', look: 'To “live from main”. No row was moved, and the encounters are there again.', href: '/console/t/msemr_encounter' },
  {
    title: 'Make an allergy for her',
    look: 'Fill in a name and a code, and save: it is created in the FHIR service, under the id that is in the address.',
    href: `/app/t/msemr_allergyintolerances/new?_msemr_patient_value=${PATIENT}&of=contacts`,
  },
  { title: 'Change it, and delete it', look: 'One column changes one element; all others stay as they are. After a delete the service has it no more.', href: '/app/t/msemr_allergyintolerances' },
  {
    title: 'Ask how a query is answered',
    look: 'What is asked of the FHIR service, what is left to be done here, and how long each step took.',
    href: `/console/explorer#query=${encodeURIComponent(encounters)}`,
  },
  { title: 'Try out the FHIR service', look: 'What it really does with each search parameter. What it does not do is not asked of it any more.', href: '/console/services' },
  { title: 'Look at the mappings', look: 'Each resource type has one. Drop a new version on the page: the gate tries it before it can be put in force.', href: '/console/mappings' },
  { title: 'Connect a program', look: 'Power BI and Excel open these files; the address is OData for everything else.', href: '/console/t/msemr_observation' },
  { title: 'Read who did what', look: 'Your turns are in it, newest first.', href: '/console/audit' },
];

class Tour extends Page {
  private state_: 'asking' | 'here' | 'elsewhere' = 'asking';

  override connectedCallback(): void {
    super.connectedCallback();
    document.title = 'Tour';
    void this.look();
  }

  /// The tour is about the demo's patient; where she is not known it leads nowhere.
  private look(): Promise<boolean> {
    return this.work(async (signal) => {
      try {
        await ask<Row>(`${API}/contacts(${PATIENT})?$select=contactid`, { signal });
        this.state_ = 'here';
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 404) throw error;
        this.state_ = 'elsewhere';
      }
    });
  }

  protected override render(): TemplateResult {
    return html`<h1>A tour in ${STEPS.length} steps</h1>
      <p class="quiet">One patient, whose record is in two places. Come back here after each step.</p>
      ${this.state(() => void this.look())}
      ${this.state_ === 'elsewhere'
        ? empty('The tour is about the patient of the demo, who is not here.', html`<p>Start <code>turntable demo</code>, or go to <a href="/app/">the tables</a>.</p>`)
        : nothing}
      ${this.state_ === 'here'
        ? html`<ol class="steps">${STEPS.map(
            ({ title, look, href }, index) => html`<li class="card step">
              <span aria-hidden="true">${index + 1}</span>
              <div><a href=${href}>${title}</a><p>${look}</p></div>
            </li>`,
          )}</ol>`
        : nothing}`;
  }
}

customElements.define('app-tour', Tour);
