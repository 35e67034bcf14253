// A FHIR service that is slow, that does not answer in time, that fails, or that refuses a write: what people then read, and
// that nothing they have typed is gone. Arguments: a server that waits eight seconds for an answer, and its token.

import assert from 'node:assert/strict';
import readline from 'node:readline';
import { browser, clean, open, picture } from './drive.mjs';

const [server, token] = process.argv.slice(2);
const chromium = await browser();
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/// What is wrong with the service from now on; nothing, if nothing is said.
async function faults(text = '') {
  console.log(`faults ${text}`);
  await lines.next();
}

/// A list that is slow says so, of whom it waits, and can be stopped and asked again.
async function slow() {
  const page = await open(chromium);
  await faults('latency=7s:@Encounter');
  await page.goto(`${server}/app/t/msemr_encounters`);
  await page.getByText('One moment …').waitFor();
  await page.getByText('Live from FHIR').waitFor();
  await page.getByText('The answer takes long: the rows come from a FHIR service, which is slow.').waitFor();
  await clean(page, 'a slow service');
  await picture(page, 'slow');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped before the answer came.').waitFor();
  await clean(page, 'a stopped request');
  await faults();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('grid', { name: 'Encounter' }).waitFor();

  // What the service cannot search by is said.
  await page.getByRole('button', { name: '+ Filter' }).click();
  await page.getByLabel('Column', { exact: true }).selectOption({ label: 'Name' });
  await page.getByRole('textbox', { name: 'Value' }).fill('exam');
  await page.getByRole('textbox', { name: 'Value' }).press('Enter');
  await page.getByText('The FHIR service cannot search by Name').waitFor();
  await page.getByRole('grid', { name: 'Encounter' }).waitFor();
  await clean(page, 'a filter that the service does not know');
  await picture(page, 'unsearched');

  // Not in time: who did not answer is named, and the filter stays.
  await faults('latency=20s:@Encounter');
  await page.getByRole('textbox', { name: 'Value' }).fill('exami');
  await page.getByRole('textbox', { name: 'Value' }).press('Enter');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /`main` did not answer in time/);
  assert.match(await alert.innerText(), /UpstreamTimeout/);
  assert.equal(await page.getByRole('grid').count(), 0, 'no rows of another filter');
  assert.equal(await page.getByRole('textbox', { name: 'Value' }).inputValue(), 'exami');
  await clean(page, 'a service that does not answer in time');
  await picture(page, 'timed-out');
  await faults('status=500:@Encounter');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText(/`main` failed/).waitFor();
  await faults();
  await page.getByRole('button', { name: 'Try again' }).click();
  await alert.waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('textbox', { name: 'Value' }).inputValue(), 'exami');
  await page.context().close();
}

/// A write that is refused, that is not answered, and that the service cannot make: the form stays as it was typed, until
/// the service takes it.
async function writes() {
  const page = await open(chromium);
  await page.goto(`${server}/app/t/msemr_allergyintolerances/new?_msemr_patient_value=4c73b472-442b-4920-b899-aadc599f1d75&of=contacts`);
  await page.waitForFunction(() => document.querySelector('#field-msemr_patient')?.value === 'Patient One');
  await page.locator('#field-msemr_code').fill('TYPED');
  await page.getByLabel('Name', { exact: false }).first().fill('Allergy of trouble');
  const typed = async () => {
    assert.equal(await page.locator('#field-msemr_code').inputValue(), 'TYPED');
    assert.match(page.url(), /\/new/, 'still a new row');
  };
  const save = page.getByRole('button', { name: 'Save', exact: true });
  const alert = page.getByRole('alert').first();
  const refused = async (text, says, name) => {
    await faults(text);
    await save.click();
    if (text.startsWith('latency')) await page.getByText('It takes long: the row lives in a FHIR service, which is slow.').waitFor();
    await alert.getByText(says).waitFor();
    await typed();
    await clean(page, name);
    await picture(page, name.replaceAll(' ', '-'));
  };
  await refused('refuse-writes=422', /`main` refused the request/, 'a refused write');
  await refused('status=503', /`main` failed/, 'a write that fails');
  await refused('latency=20s', /`main` did not answer in time/, 'a write without an answer');
  await faults();
  await save.click();
  await page.waitForURL(/msemr_allergyintolerances\/[0-9a-f-]{36}/);
  await page.locator('#field-msemr_code').waitFor();
  assert.equal(await page.locator('#field-msemr_code').inputValue(), 'TYPED');
  await page.context().close();
}

/// An administrator is told before a turn, at a trial and of a query.
async function consoles() {
  const page = await open(chromium);
  await page.goto(`${server}/console/t/contact#token=${token}`);
  const turn = page.getByRole('button', { name: /Turn to “live from main”/ });
  await turn.waitFor();
  await faults('status=500');
  await turn.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Look at this first' }).waitFor();
  await clean(page, 'a turn to a service that fails');
  await picture(page, 'console-turn-trouble');
  await dialog.getByRole('button', { name: 'Leave as it is' }).click();
  await page.goto(`${server}/console/services`);
  await page.getByText('does not answer').waitFor();
  await page.getByRole('button', { name: 'Try out what it does' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByRole('button', { name: 'Try out what it does' }).waitFor();
  await clean(page, 'a trial of a service that fails');
  await picture(page, 'console-services-trouble');
  await faults('latency=20s:@Encounter');
  await page.goto(`${server}/console/explorer`);
  await page.getByLabel(/A query/).fill('msemr_encounters?$select=msemr_name');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByText(/The answer takes long/).waitFor();
  await page.getByText(/`main` did not answer in time/).waitFor();
  assert.equal(await page.getByLabel(/A query/).inputValue(), 'msemr_encounters?$select=msemr_name');
  await page.getByRole('heading', { name: 'How it is answered' }).waitFor();
  await clean(page, 'a query without an answer');
  await picture(page, 'console-explorer-trouble');
  await faults();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('table', { name: 'Rows' }).waitFor();
  await page.context().close();
}

const only = process.env.TURNTABLE_TEST_ONLY?.split(',');
for (const part of [slow, writes, consoles]) {
  if (only && !only.includes(part.name)) continue;
  console.log(part.name);
  await part();
}
lines.return?.();
process.stdin.destroy();
await chromium.close();
