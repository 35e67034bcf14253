// The console in a real browser. Arguments: the server and its token; a server with keys, keys of a reader and an administrator;
// a component that passes the gate, one that does not, and one that makes other rows of observations.

import assert from 'node:assert/strict';
import { browser, clean, json, open, picture } from './drive.mjs';

const [server, token, closed, reader, admin, good, bad, other] = process.argv.slice(2);
const chromium = await browser();

/// By a link as the demo prints it.
const signedIn = (page) => page.goto(`${server}/console/#token=${token}`);

/// Steps 12 and 19 of the reference exercise: a route is turned, after one has seen what that does.
async function route() {
  const page = await open(chromium);
  await signedIn(page);
  await page.getByRole('link', { name: 'Encounter', exact: true }).waitFor();
  assert.ok(!page.url().includes(token), 'the token is out of the address');
  await clean(page, 'overview');
  await picture(page, 'console');
  await page.getByRole('link', { name: 'Encounter', exact: true }).click();
  await page.getByRole('heading', { name: 'Encounter', level: 1 }).waitFor();
  assert.match(await page.getByRole('row', { name: /msemr_periodstart/ }).innerText(), /date/, 'the parameter that it is searched by');
  await page.locator('summary', { hasText: 'From Python' }).click();
  await page.getByText('import os, requests').waitFor();
  await clean(page, 'a table');
  await picture(page, 'console-table');
  await page.getByRole('button', { name: /Turn to “kept here”/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('child tables').waitFor();
  await dialog.getByText('Nothing stands against it').waitFor();
  const now = await json(`${server}/admin/v1/tables/msemr_encounter`);
  assert.equal(now.body.route, 'virtual', 'to look is not to turn');
  await clean(page, 'the question before a turn');
  await picture(page, 'console-turn');
  await dialog.getByRole('button', { name: 'Turn', exact: true }).click();
  await page.getByRole('button', { name: /Turn to “live from main”/ }).waitFor();
  assert.equal((await json(`${server}/admin/v1/tables/msemr_encounter`)).body.route, 'native');
  await page.getByRole('button', { name: /Turn to “live from main”/ }).click();
  await dialog.getByText('child tables').waitFor();
  await dialog.getByRole('button', { name: 'Turn', exact: true }).click();
  await page.getByRole('button', { name: /Turn to “kept here”/ }).waitFor();
  await page.context().close();
}

/// A component that is refused says why; one that is not is put in force, and taken back.
async function release() {
  const page = await open(chromium);
  await signedIn(page);
  await page.goto(`${server}/console/mappings`);
  await page.getByRole('table', { name: 'Versions' }).waitFor();
  await clean(page, 'mappings');
  await page.locator('input[type=file]').setInputFiles(bad);
  await page.getByRole('heading', { name: 'Refused at the gate' }).waitFor();
  assert.ok((await page.getByRole('alert').innerText()).length > 40, 'with reasons');
  await clean(page, 'a refused component');
  await picture(page, 'console-refused');
  await page.locator('input[type=file]').setInputFiles(good);
  await page.getByRole('heading', { name: /^Loaded: encounter/ }).waitFor();
  await page.getByRole('button', { name: 'Put in force …' }).first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Put in force' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const digest = async () => (await json(`${server}/admin/v1/tables/msemr_encounter`)).body.mapping.digest;
  const released = await digest();
  await page.goto(`${server}/console/t/msemr_encounter`);
  await page.getByRole('button', { name: /Go back/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Go back' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.notEqual(await digest(), released);
  await page.context().close();
}

const FLAG = `mapping: flag
version: 0.1.0
tables:
  tt_flag:
    set: tt_flags
    label: Flag
    description: A warning about somebody.
    resource: Flag
    name: tt_warning
    columns:
      tt_flagid: {key: true, label: Flag}
      tt_warning: {text: code.text, label: Warning, max: 200}
`;

/// A mapping in YAML is dropped, put right on the page, and let in.
async function yaml() {
  const page = await open(chromium);
  await signedIn(page);
  await page.goto(`${server}/console/mappings`);
  await page.getByRole('table', { name: 'Versions' }).waitFor();
  const dropped = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], 'flag.yaml'));
    return transfer;
  }, FLAG.replace('{text: code.text', '{txet: code.text'));
  await page.dispatchEvent('.drop', 'drop', { dataTransfer: dropped });
  await page.getByRole('heading', { name: 'Refused at the gate' }).waitFor();
  assert.match(await page.getByRole('alert').innerText(), /line 12, column/);
  await page.locator('tt-editor .cm-lint-marker-error').waitFor();
  assert.match(await page.getByLabel('The mapping').innerText(), /txet: code\.text/, 'what was dropped stays');
  await clean(page, 'a refused mapping in YAML');
  await picture(page, 'console-yaml');
  await page.getByLabel('The mapping').press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(FLAG);
  await page.getByRole('button', { name: 'Load it' }).click();
  await page.getByRole('heading', { name: 'Loaded: flag 0.1.0' }).waitFor();
  await page.getByText('It brought no samples').waitFor();
  await clean(page, 'a mapping in YAML that was let in');
  await page.getByRole('button', { name: 'Put in force …' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Signed by').waitFor();
  assert.match(await dialog.innerText(), /Signed by\s*nobody/);
  await clean(page, 'the question before a release');
  await picture(page, 'console-release');
  await dialog.getByRole('button', { name: 'Put in force' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal((await json(`${server}/admin/v1/tables/tt_flag`)).body.mapping.version, '0.1.0');
  // And taken out of force again.
  await page.goto(`${server}/console/t/tt_flag`);
  await page.getByRole('button', { name: 'Take it out of force …' }).click();
  await clean(page, 'the question before a mapping goes');
  await dialog.getByRole('button', { name: 'Take it out of force', exact: true }).click();
  await page.getByRole('heading', { name: 'Tables', level: 1 }).waitFor();
  assert.equal((await json(`${server}/admin/v1/tables/tt_flag`)).status, 404);
  await page.goto(`${server}/console/mappings`);
  await page.locator('input[type=file]').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no mapping') });
  await page.getByRole('heading', { name: 'Refused at the gate' }).waitFor();
  await page.context().close();
}

/// A version that makes other rows is found out as a shadow, takes itself back as a canary, and comes into force where one
/// wants it all the same.
async function trials() {
  const page = await open(chromium);
  await signedIn(page);
  await page.goto(`${server}/console/mappings`);
  await page.locator('input[type=file]').setInputFiles(other);
  await page.getByRole('heading', { name: /^Loaded: observation/ }).waitFor();
  await page.goto(`${server}/console/t/msemr_observation`);
  const dialog = page.getByRole('dialog');
  const begin = async (open_, act, percent) => {
    await page.getByRole('button', { name: open_ }).first().click();
    await dialog.getByLabel(/in percent/).fill(String(percent));
    await dialog.getByLabel(/in percent/).press('Tab');
    await clean(page, open_);
    await dialog.getByRole('button', { name: act, exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
  };
  const read = () => json(`${server}/api/data/v9.2/msemr_observations`);
  /// Looks again until it is there.
  const until = async (what) => {
    for (let times = 0; times < 50; times++) {
      await read();
      await page.reload();
      await page.getByRole('heading', { name: 'Columns', exact: true }).waitFor();
      if (await what.count()) return;
      await page.waitForTimeout(200);
    }
    assert.fail(`it does not come to ${what}`);
  };
  const trial = page.getByRole('region', { name: 'On trial' });
  await begin('Compare …', 'Compare', 100);
  await trial.getByText('Nobody sees them.').waitFor();
  await until(trial.getByRole('table', { name: 'Columns that differ' }).getByText('msemr_description'));
  await trial.locator('.course .uplot').nth(1).waitFor();
  assert.match(await trial.locator('figure.course').getAttribute('aria-label'), /rows? compared in .*; 1 row differ/);
  await trial.locator('.course').scrollIntoViewIfNeeded();
  await clean(page, 'a shadow');
  await picture(page, 'console-shadow');
  await page.setViewportSize({ width: 360, height: 740 });
  await page.waitForFunction(() => [...document.querySelectorAll('.course .uplot')].every((one) => one.getBoundingClientRect().right <= window.innerWidth));
  await trial.locator('.course').scrollIntoViewIfNeeded();
  await clean(page, 'a shadow, phone');
  await picture(page, 'console-shadow-phone');
  await page.setViewportSize({ width: 1280, height: 800 });
  await trial.getByRole('button', { name: 'End the trial …' }).click();
  await dialog.getByRole('button', { name: 'End the trial', exact: true }).click();
  await trial.waitFor({ state: 'detached' });

  await begin('Try on some …', 'Let it answer', 100);
  await until(page.getByText('canary, 100 %: stopped by itself'));
  assert.equal(await trial.count(), 0);
  await page.locator('summary', { hasText: 'History' }).click();
  await clean(page, 'a canary that is back');
  await picture(page, 'console-stopped');

  await begin('Compare …', 'Compare', 10);
  await trial.getByRole('button', { name: 'Put in force for everybody …' }).click();
  await dialog.getByRole('button', { name: 'Promote' }).click();
  await dialog.waitFor({ state: 'detached' });
  await trial.waitFor({ state: 'detached' });
  const names = async () => (await read()).body.value.map((row) => row.msemr_description);
  assert.ok((await names()).includes('Version two'), 'it is in force');
  await page.getByRole('button', { name: /Go back/ }).click();
  await dialog.getByRole('button', { name: 'Go back' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.ok((await names()).includes('Blood pressure'));
  await page.context().close();
}

async function others() {
  const page = await open(chromium);
  await signedIn(page);
  await page.goto(`${server}/console/explorer#query=${encodeURIComponent("msemr_encounters?$select=msemr_name&$filter=contains(msemr_name,'exam')")}`);
  await page.getByRole('heading', { name: 'How it is answered' }).waitFor();
  await page.getByRole('table', { name: 'Rows' }).waitFor();
  await clean(page, 'explorer');
  await picture(page, 'console-explorer');
  // As somebody else: a role that there is not is shown nothing.
  await page.locator('summary', { hasText: 'As somebody else' }).click();
  await page.getByLabel('Roles').fill('reader');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByText('This is what callers with the roles reader are shown.').waitFor();
  await page.getByRole('table', { name: 'Rows' }).waitFor();
  await clean(page, 'explorer, as somebody else');
  await page.getByLabel('Roles').fill('nobody-here');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await page.getByRole('table', { name: 'Rows' }).count(), 0);
  await page.goto(`${server}/console/services`);
  await page.getByText(/answers, in \d+ ms/).waitFor();
  await page.getByRole('button', { name: 'Try out what it does' }).click();
  await page.getByRole('heading', { name: /^Tried out on/ }).waitFor();
  await clean(page, 'services');
  await picture(page, 'console-services');
  await page.goto(`${server}/console/audit?table=msemr_encounter`);
  await page.getByText('route.set').first().waitFor();
  await clean(page, 'audit');
  await page.goto(`${server}/console/nothing`);
  await page.getByText('There is no such page.').waitFor();
  await page.context().close();
  for (const window of [{ width: 360, height: 740 }, { scheme: 'dark' }]) {
    const page = await open(chromium, window);
    await signedIn(page);
    for (const address of ['/console/', '/console/t/msemr_encounter', '/console/mappings', '/console/services', '/console/explorer', '/console/playground', '/console/settings', '/console/audit', '/console/requests', '/console/people']) {
      await page.goto(`${server}${address}`);
      await page.locator('.grid, .card, form').first().waitFor();
      await clean(page, `${address}, ${JSON.stringify(window)}`);
      if (address === '/console/people') await picture(page, `console-people-${window.scheme ?? 'phone'}`);
    }
    await page.context().close();
  }
}

/// From an answer, and from an error message, to what the request did.
async function requests() {
  for (const window of [{}, { scheme: 'dark' }, { width: 360, height: 740 }]) {
    const name = window.scheme ?? (window.width ? 'phone' : 'light');
    const page = await open(chromium, window);
    await signedIn(page);
    const explore = (query) => page.goto(`${server}/console/explorer#query=${encodeURIComponent(query)}`);
    await explore('msemr_observations?$top=5&$expand=msemr_subjecttypepatient');
    await page.getByRole('link', { name: 'Step by step' }).click();
    const steps = page.getByRole('region', { name: 'Steps' });
    await steps.getByRole('row', { name: /search Observation/ }).first().waitFor();
    await steps.getByRole('row', { name: /mapping observation/ }).first().waitFor();
    assert.match((await steps.getByRole('row', { name: /search Observation/ }).first().innerText()).replace(/\s+/g, ' '), /service main · status 200/);
    await clean(page, `a request, ${name}`);
    await picture(page, `console-request-${name}`);
    await page.getByRole('link', { name: 'In the audit trail' }).click();
    await page.getByRole('cell', { name: 'rows.read' }).first().waitFor();
    await page.goBack();
    // What was refused leads there, too.
    await page.goto(`${server}/console/explorer#query=${encodeURIComponent('contacts?$filter=nonsense')}&x`);
    await page.reload();
    await page.getByRole('alert').getByRole('link').click();
    await page.getByText('Error code').waitFor();
    assert.match(await page.getByRole('main').innerText(), /BadFilter|UnknownColumn/);
    await page.goto(`${server}/console/requests?table=msemr_observation`);
    await page.getByRole('table', { name: 'Requests' }).waitFor();
    await clean(page, `requests, ${name}`);
    await picture(page, `console-requests-${name}`);
    await page.getByLabel('Answer').selectOption({ label: 'Failed' });
    await page.getByText('No request that is kept fits.').waitFor();
    await page.getByRole('button', { name: 'Show all requests' }).click();
    await page.getByRole('table', { name: 'Requests' }).waitFor();
    await page.getByLabel(/The id that an error message shows/).fill('4bf92f3577b34da6a3ce929d0e0e4736');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByRole('alert').getByText('no such request is kept').waitFor();
    await page.getByRole('link', { name: 'Look for it in the audit trail' }).waitFor();
    await clean(page, `a request that is gone, ${name}`);
    // Of each table how often it is asked, and how fast it answers.
    await page.goto(`${server}/console/`);
    await page.getByRole('row', { name: /^Observation/ }).getByRole('link', { name: /^\d+$/ }).first().waitFor();
    await clean(page, `tables that are asked, ${name}`);
    await picture(page, `console-used-${name}`);
    await page.context().close();
  }
}

/// A resource there and back: what no column carries is red, and a cell leads to its JSON.
async function playground() {
  const page = await open(chromium);
  await signedIn(page);
  await page.goto(`${server}/console/playground`);
  await page.locator('.tree .lost', { hasText: 'eye-colour' }).waitFor();
  await page.getByRole('button', { name: 'Chalmers', exact: true }).first().click();
  await page.locator('.tree .from', { hasText: 'Chalmers' }).waitFor();
  await clean(page, 'playground');
  await picture(page, 'console-playground');
  await page.getByLabel('A resource').fill('{"resourceType": "Patient", ');
  await page.getByText('This is no JSON yet').waitFor();
  await page.getByLabel('A resource').fill('{"resourceType": "Patient", "id": "p", "name": [{"family": "Markup<b>"}]}');
  await page.getByText('Nothing is lost').waitFor();
  assert.ok(!new URL(page.url()).search.includes('Markup'), 'what is typed is not sent with the address');
  await page.getByLabel('With').selectOption('yaml');
  await page.getByLabel('The mapping').fill('mapping: x\nfoo: 1\n');
  await page.getByText('line 2, column 1').waitFor();
  await clean(page, 'a mapping as it is typed');
  // From a row of the data app to the FHIR that it is made of.
  await page.goto(`${server}/app/t/contacts/4c73b472-442b-4920-b899-aadc599f1d75`);
  await page.getByRole('link', { name: 'Where it comes from' }).click();
  await page.locator('.tree', { hasText: '4c73b472-442b-4920-b899-aadc599f1d75' }).waitFor();
  await page.getByRole('row', { name: /fullname/ }).getByRole('button').first().click();
  await page.locator('.tree .from').first().waitFor();
  await picture(page, 'console-origin');
  await clean(page, 'where a row comes from');
  await page.goto(`${server}/console/settings`);
  await page.getByRole('table', { name: 'Limits' }).waitFor();
  await clean(page, 'settings');
  await page.context().close();
}

/// Each sees what they may; what they signed in with is gone with the tab.
async function people() {
  const page = await open(chromium);
  const signIn = async (key) => {
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.getByLabel('API key or access token').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await page.goto(`${closed}/app/t/contacts`);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await clean(page, 'signing in');
  await picture(page, 'sign-in');
  await signIn('not a key');
  await page.getByText('is not, or no longer, valid').waitFor();
  await signIn(reader);
  await page.getByRole('link', { name: 'Patient One' }).waitFor();
  // Who may only read is offered nothing else.
  const offered = async () => Promise.all(['New', 'Make the first'].map((name) => page.getByRole('link', { name }).count()));
  assert.deepEqual(await offered(), [0, 0], 'a reader is asked to make rows');
  assert.equal(await page.getByRole('checkbox').count(), 0, 'rows that cannot be changed or deleted are not marked');
  await clean(page, 'the rows of a reader');
  await page.getByRole('link', { name: 'Patient One' }).click();
  await page.getByRole('heading', { name: 'Patient One' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Delete' }).count(), 0);
  assert.ok(!(await page.getByLabel('Last name', { exact: true }).isEditable()));
  await clean(page, 'a row of a reader');
  await picture(page, 'reader');
  await page.goto(`${closed}/app/t/contacts/new`);
  await page.getByText('You may not make rows of this table.').waitFor();
  await clean(page, 'a new row of a reader');
  await page.goto(`${closed}/console/`);
  await page.getByText('Your role does not allow this.').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Encounter' }).count(), 0);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(admin);
  await page.getByRole('link', { name: 'Encounter', exact: true }).waitFor();
  await page.goto(`${closed}/console/keys`);
  await page.getByLabel('Name', { exact: true }).fill('dashboard');
  await page.getByRole('button', { name: 'Make a key' }).click();
  await page.getByText('It is shown this once').waitFor();
  const made = (await page.locator('pre').first().innerText()).trim();
  const asked = await json(`${closed}/api/data/v9.2/contacts?$top=1`, { headers: { 'x-api-key': made } });
  assert.equal(asked.status, 200, 'the key works');
  await clean(page, 'keys');
  await page.getByRole('row', { name: /dashboard/ }).getByRole('button', { name: /Revoke/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('row', { name: /dashboard/ }).waitFor({ state: 'detached' });
  assert.equal((await json(`${closed}/api/data/v9.2/contacts?$top=1`, { headers: { 'x-api-key': made } })).status, 401);
  assert.ok(!page.url().includes(admin), 'no key in the address');

  // Who may what, and the rows as they see them.
  await page.goto(`${closed}/console/people`);
  const may = page.getByRole('table', { name: 'What they may do' });
  await may.getByRole('row', { name: /^Contact/ }).first().waitFor();
  assert.match(page.url(), /people$/);
  const contact = may.getByRole('row', { name: /^Contact .*gendercode/ });
  assert.match((await contact.innerText()).replace(/\s+/g, ' '), /gendercode eq 1 no no no without emailaddress1; no values of birthdate/);
  await clean(page, 'people and roles');
  await picture(page, 'console-people');
  await page.getByRole('button', { name: 'writer', exact: true }).click();
  await page.waitForURL(/roles=nurse(,|%2C)writer/);
  await may.getByRole('row', { name: /^Contact all rows all rows/ }).waitFor();
  await page.getByRole('button', { name: 'writer', exact: true }).click();
  await contact.getByRole('link', { name: 'as they do: Contact', exact: true }).click();
  await page.getByText('This is what callers with the roles nurse are shown.').waitFor();
  await page.getByRole('table', { name: 'Rows' }).waitFor();
  assert.equal(await page.getByRole('columnheader', { name: 'emailaddress1' }).count(), 0);
  await page.context().close();
}

const only = process.env.TURNTABLE_TEST_ONLY?.split(',');
for (const part of [route, release, yaml, trials, others, requests, playground, people]) {
  if (only && !only.includes(part.name)) continue;
  console.log(part.name);
  await part();
}
await chromium.close();
