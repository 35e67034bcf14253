// The data app in a real browser: the reference exercise clicked through, two who change one row, a name that is markup,
// a service that is down. Arguments: the server, its FHIR service, a server whose FHIR service does not answer.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { browser, clean, json, open, picture } from './drive.mjs';

const [server, fhir, down] = process.argv.slice(2);
const PATIENT = '4c73b472-442b-4920-b899-aadc599f1d75';
const API = `${server}/api/data/v9.2`;
const chromium = await browser();

async function firstList() {
  const page = await open(chromium);
  const sizes = new Map();
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  const kinds = new Map();
  cdp.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type));
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  const begun = Date.now();
  await page.goto(`${server}/app/t/contacts`);
  await page.getByRole('link', { name: 'Patient One' }).waitFor();
  const scripts = [...sizes].filter(([id]) => kinds.get(id) === 'Script').reduce((sum, [, size]) => sum + size, 0);
  console.log(`${scripts} bytes of script before the first list, which is there after ${Date.now() - begun} ms`);
  assert.ok(scripts > 10_000 && scripts < 150_000, `${scripts} bytes of script before the first list`);
  await clean(page, 'the list of contacts');
  await picture(page, 'list');
  await page.context().close();
}

/// Steps 8 to 17 of the reference exercise, by clicks.
async function exercise() {
  const page = await open(chromium);
  await page.goto(`${server}/app/`);
  await page.getByRole('link', { name: /^Contact/ }).first().waitFor();
  await clean(page, 'home');
  await picture(page, 'home');
  await page.keyboard.press('/');
  await page.keyboard.type('contacts');
  await page.getByRole('link', { name: /contacts$/ }).first().click();
  await page.getByRole('link', { name: 'Patient One' }).click();
  await page.getByRole('heading', { name: 'Patient One' }).waitFor();
  assert.equal(await page.locator('.badge').first().textContent(), 'Kept here');
  await clean(page, 'a patient');
  await picture(page, 'patient');

  // What belongs to her lives elsewhere.
  await page.getByRole('button', { name: 'Show what happened' }).click();
  await page.locator('.timeline').getByRole('link', { name: 'Glucose' }).waitFor();
  await page.getByRole('combobox', { name: 'Rows of' }).selectOption({ label: 'Encounter' });
  await page.getByRole('grid', { name: 'Encounter' }).waitFor();
  assert.equal(await page.getByRole('grid', { name: 'Encounter' }).getByRole('link').count(), 2, 'her encounters, and no others');
  assert.match(page.url(), /tab=/, 'the tab has an address');
  await clean(page, 'what belongs to a patient');

  // A new allergy, written to the service.
  await page.getByRole('combobox', { name: 'Rows of' }).selectOption({ label: 'Allergy intolerance' });
  await page.getByText('No rows of Allergy intolerance belong to it.').waitFor();
  await page.getByRole('link', { name: 'New: Allergy intolerance' }).click();
  await page.getByRole('heading', { name: 'New: Allergy intolerance' }).waitFor();
  const patient = page.getByRole('combobox', { name: 'Patient' }).first();
  await page.waitForFunction(() => document.querySelector('#field-msemr_patient')?.value === 'Patient One');
  await page.getByLabel('Name', { exact: false }).first().fill('Allergy: Patient One');
  await page.locator('#field-msemr_code').fill('ABC123');
  await page.locator('#field-msemr_criticality').selectOption({ index: 1 });
  await page.locator('#field-msemr_type').selectOption({ index: 1 });
  // Who it is of can be found by typing.
  await patient.fill('One');
  await page.getByRole('option', { name: /Patient One/ }).click();
  await clean(page, 'a new row');
  await picture(page, 'new');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL(/msemr_allergyintolerances\/[0-9a-f-]{36}/);
  const key = page.url().split('/').pop().split(/[?#]/)[0];
  const made = await json(`${fhir}/AllergyIntolerance/${key}`);
  assert.equal(made.status, 200);
  assert.equal(made.body.patient.reference, `Patient/${PATIENT}`);
  assert.equal(made.body.meta.versionId, '1');

  // The button says `Saving …` meanwhile, and is gone when there is nothing left to save.
  const saved = () => page.getByRole('button', { name: /^Sav(e|ing)/ }).waitFor({ state: 'detached' });

  // Changed, and written back.
  await page.locator('#field-msemr_code').fill('XYZ456');
  await page.locator('#field-msemr_code').press('Tab');
  await page.getByRole('button', { name: 'Save' }).click();
  await saved();
  const changed = await json(`${fhir}/AllergyIntolerance/${key}`);
  assert.equal(changed.body.meta.versionId, '2');
  assert.ok(JSON.stringify(changed.body).includes('XYZ456'));

  // Somebody else is faster: nothing is lost, and one chooses.
  const url = `${API}/msemr_allergyintolerances(${key})`;
  const theirs = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"msemr_code":"THEIRS"}' };
  assert.equal((await json(url, theirs)).status, 204);
  await page.locator('#field-msemr_code').fill('MINE');
  await page.locator('#field-msemr_code').press('Tab');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Somebody else has changed this row' }).waitFor();
  const line = await page.locator('.conflict tbody tr', { hasText: 'MINE' }).innerText();
  assert.match(line.replace(/\s+/g, ' '), /XYZ456 THEIRS MINE/);
  await clean(page, 'two changes of one row');
  await picture(page, 'conflict');
  await page.getByRole('button', { name: 'Save what is chosen' }).click();
  await page.locator('#field-msemr_code').waitFor();
  await saved();
  assert.equal((await json(url)).body.msemr_code, 'MINE');

  // What the server refuses stands beside the field, and what was typed stays.
  await page.getByRole('button', { name: /empty fields/ }).click();
  await page.locator('#field-tt_onsetdatetime').fill('yesterday');
  await page.locator('#field-tt_onsetdatetime').press('Tab');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('[data-column=tt_onsetdatetime] .error').waitFor();
  assert.equal(await page.locator('#field-tt_onsetdatetime').inputValue(), 'yesterday');
  await clean(page, 'a refused change');
  await picture(page, 'refused');
  await page.getByRole('button', { name: 'Undo changes' }).click();

  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.waitForURL(/msemr_allergyintolerances$/);
  assert.ok([404, 410].includes((await json(`${fhir}/AllergyIntolerance/${key}`)).status));
  await page.context().close();
}

/// A turned route changes the rows of an open page, and its badge.
async function turned() {
  const route = (body) => json(`${server}/admin/v1/tables/msemr_encounter/route`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const page = await open(chromium);
  await page.goto(`${server}/app/t/msemr_encounters`);
  await page.getByText('Live from FHIR').waitFor();
  await page.getByRole('grid').waitFor();
  assert.equal((await route({ provider: 'native' })).status, 200);
  await page.reload();
  await page.getByText('Kept here').waitFor();
  await page.getByText('There are no rows here yet.').waitFor();
  await clean(page, 'an empty table');
  assert.equal((await route({ provider: 'virtual', source: 'main' })).status, 200);
  await page.reload();
  await page.getByText('Live from FHIR').waitFor();
  await page.getByRole('grid').waitFor();
  await page.context().close();
}

/// Filters, orders and marks have an address, and the keyboard does all of it.
async function found() {
  const page = await open(chromium);
  await page.goto(`${server}/app/t/msemr_observations`);
  await page.getByRole('grid').waitFor();
  await page.getByRole('button', { name: /^Description/ }).click();
  await page.waitForFunction(() => document.querySelector('th[aria-sort=ascending]'));
  assert.match(page.url(), /sort=/);
  await page.getByRole('button', { name: '+ Filter' }).click();
  await page.getByRole('combobox', { name: 'Column' }).selectOption({ label: 'Description' });
  await page.getByRole('textbox', { name: 'Value' }).fill('Glucose');
  await page.getByRole('textbox', { name: 'Value' }).press('Enter');
  await page.waitForFunction(() => [...document.querySelectorAll('tbody a')].every((one) => /glucose/i.test(one.textContent)));
  assert.ok(!new URL(page.url()).search.includes('Glucose'), 'what was typed is not sent with the address');
  assert.match(decodeURIComponent(new URL(page.url()).hash), /Glucose/);
  await clean(page, 'a filtered list');
  await page.locator('tbody a').first().focus();
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'Delete 1' }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/msemr_observations\/[0-9a-f-]{36}/);
  await page.goBack();
  await page.getByRole('grid').waitFor();
  await page.getByRole('textbox', { name: 'Value' }).fill('no such thing');
  await page.getByRole('textbox', { name: 'Value' }).press('Enter');
  await page.getByText('No row fits the filter.').waitFor();
  await page.context().close();
}

/// Dates by a calendar, in the time of whoever looks, and none more exact than it was.
async function dates() {
  const contact = `${API}/contacts(${PATIENT})`;
  const patch = (url, body) => json(url, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const born = (await json(contact)).body.birthdate;
  assert.ok((await patch(contact, { tt_birthdate: '1987' })).status < 300);
  for (const window of [{}, { width: 360, height: 740 }, { scheme: 'dark' }]) {
    const name = window.scheme ?? (window.width ? 'phone' : 'light');
    const page = await open(chromium, { ...window, zone: 'America/New_York' });
    await page.goto(`${server}/app/t/contacts/${PATIENT}`);
    await page.getByRole('button', { name: /empty fields/ }).click();
    const partial = page.locator('#field-tt_birthdate');
    assert.equal(await partial.inputValue(), '1987');
    assert.equal(await page.locator('#field-birthdate').inputValue(), '', 'no day is made up');
    assert.equal(await page.locator('#field-birthdate').getAttribute('type'), 'date');
    const city = `Here ${name}`;
    await page.locator('#field-address1_city').fill(city);
    await page.locator('#field-address1_city').press('Tab');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForFunction(() => !document.querySelector('.field.changed'));
    const now = (await json(contact)).body;
    assert.deepEqual([now.address1_city, now.tt_birthdate, now.birthdate], [city, '1987', null]);
    await partial.scrollIntoViewIfNeeded();
    await clean(page, `dates, ${name}`);
    await picture(page, `dates-${name}`);
    await page.context().close();
  }
  const page = await open(chromium, { zone: 'America/New_York' });
  await page.goto(`${server}/app/t/contacts/${PATIENT}`);
  // By its calendar, which the browser shows; here it has picked.
  await page.getByRole('button', { name: 'Calendar: Birthday (any precision)' }).click();
  await page.locator('[data-column=tt_birthdate] .behind').evaluate((picker) => {
    picker.value = '1987-05-31';
    picker.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#field-tt_birthdate').inputValue(), '1987-05-31');
  await page.getByRole('button', { name: 'Undo changes' }).click();
  await page.getByRole('button', { name: 'Undo changes' }).waitFor({ state: 'detached' });
  // What is typed by half is not saved as nothing.
  await page.getByRole('button', { name: /empty fields/ }).click();
  await page.locator('#field-birthdate').focus();
  await page.keyboard.type('05');
  await page.locator('#field-address1_city').fill('Elsewhere');
  await page.locator('#field-address1_city').press('Tab');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('[data-column=birthdate] .error', { hasText: 'not whole' }).waitFor();
  assert.notEqual((await json(contact)).body.address1_city, 'Elsewhere');
  // By the keys alone, month, day and year.
  await page.locator('#field-birthdate').focus();
  await page.keyboard.type('05311987');
  await page.keyboard.press('Tab');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForFunction(() => !document.querySelector('.field.changed'));
  assert.deepEqual(await json(contact).then(({ body }) => [body.birthdate, body.address1_city]), ['1987-05-31', 'Elsewhere']);
  assert.ok((await patch(contact, { birthdate: born })).status < 300);

  // A moment, in the time of New York.
  const [encounter] = (await json(`${API}/msemr_encounters?$filter=msemr_periodstart ne null&$top=1`)).body.value;
  const begun = new Date(encounter.msemr_periodstart);
  await page.goto(`${server}/app/t/msemr_encounters/${encounter.msemr_encounterid}`);
  const start = page.locator('#field-msemr_periodstart');
  await page.getByText('Your time (America/New_York)').first().waitFor();
  const there = begun.toLocaleString('sv-SE', { timeZone: 'America/New_York' }).replace(' ', 'T');
  assert.equal((await start.inputValue()).padEnd(19, ':00'), there);
  await start.fill('2026-07-01T09:30:00');
  await start.press('Tab');
  await clean(page, 'a moment');
  await page.getByText('The call that does it').click();
  assert.match(await page.locator('.call pre').innerText(), /"msemr_periodstart":"2026-07-01T13:30:00Z"/);
  await start.fill(there);
  await start.press('Tab');
  await page.waitForFunction(() => !document.querySelector('.field.changed'));

  // A day in a filter begins where one is.
  await page.goto(`${server}/app/t/msemr_encounters`);
  await page.getByRole('grid').waitFor();
  await page.getByRole('button', { name: '+ Filter' }).click();
  await page.getByRole('combobox', { name: 'Column' }).selectOption({ label: 'Start' });
  const asked = page.waitForRequest((request) => /msemr_periodstart%20ge/.test(request.url()));
  await page.getByLabel('Value').fill('1970-02-03');
  await page.getByLabel('Value').press('Tab');
  assert.match((await asked).url(), /msemr_periodstart%20ge%201970-02-03T05%3A00%3A00Z/);
  await page.getByRole('grid').waitFor();
  await clean(page, 'a date in a filter');
  await page.context().close();
}

/// A list kept as a view, by everybody's name for it; and one column of several rows changed at once.
async function views() {
  const page = await open(chromium);
  await page.goto(`${server}/app/t/contacts`);
  const grid = page.getByRole('grid', { name: 'Contact' });
  await grid.getByRole('link').first().waitFor();
  await page.getByRole('button', { name: '+ Filter' }).click();
  await page.getByLabel('Column', { exact: true }).selectOption({ label: 'Full name' });
  await page.getByRole('combobox', { name: 'Test' }).selectOption('contains');
  await page.getByRole('textbox', { name: 'Value' }).fill('Patient One');
  await page.getByRole('textbox', { name: 'Value' }).press('Tab');
  await page.getByText('1 of 1 row').waitFor();
  await page.locator('summary', { hasText: 'Views' }).click();
  await page.getByRole('button', { name: 'Keep this list as a view …' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Those called One');
  await clean(page, 'keeping a view');
  await page.getByRole('dialog').getByRole('button', { name: 'Keep', exact: true }).click();
  await page.getByText('The rows of the view “Those called One”').waitFor();
  await page.waitForURL(/view=/);
  assert.equal(await grid.getByRole('link').count(), 1);
  await clean(page, 'a view');
  // It has an address.
  const there = await open(chromium);
  await there.goto(page.url().split('#')[0]);
  await there.getByRole('grid', { name: 'Contact' }).getByRole('link', { name: 'Patient One' }).waitFor();
  assert.equal(await there.getByRole('grid', { name: 'Contact' }).getByRole('link').count(), 1);
  await there.context().close();
  await page.locator('summary', { hasText: 'Those called One' }).click();
  await page.getByRole('button', { name: 'Delete the view Those called One' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.locator('summary', { hasText: 'Views' }).waitFor();
  assert.equal((await json(`${API}/userqueries`)).body.value.length, 0);

  await page.goto(`${server}/app/t/contacts`);
  const rows = grid.getByRole('row');
  await rows.nth(2).waitFor();
  const keys = await Promise.all([1, 2].map((at) => rows.nth(at).getByRole('link').first().getAttribute('href')));
  for (const at of [1, 2]) await rows.nth(at).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Change 2 …' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Column').selectOption('address1_city');
  await dialog.locator('#field-address1_city').fill('Monday Town');
  await dialog.locator('#field-address1_city').press('Tab');
  await clean(page, 'changing several rows');
  await dialog.getByRole('button', { name: 'Change', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  for (const href of keys) {
    const row = await json(`${API}/contacts(${href.split('/').pop().split(/[?#]/)[0]})`);
    assert.equal(row.body.address1_city, 'Monday Town');
  }
  await page.context().close();
}

/// A list as a file, and a row on paper.
async function paper() {
  const page = await open(chromium);
  await page.goto(`${server}/app/t/contacts`);
  await page.getByRole('link', { name: 'Patient One' }).waitFor();
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  const file = await coming;
  assert.equal(file.suggestedFilename(), 'contacts.csv');
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
  assert.match(lines[0], /^contactid,.*fullname/);
  assert.ok(lines.some((line) => line.includes('Patient One')));
  await page.goto(`${server}/app/t/contacts/${PATIENT}`);
  await page.getByRole('heading', { name: 'Patient One' }).waitFor();
  const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1');
  assert.match(pdf, /\/MediaBox \[0 0 59[45][.\d]* 84[12][.\d]*\]/, 'A4');
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('header').isVisible(), false);
  assert.equal(await page.getByRole('button', { name: 'Delete' }).isVisible(), false);
  await picture(page, 'paper');
  await page.context().close();
}

/// A patient whose name is markup does no harm.
async function markup() {
  const name = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>';
  const body = JSON.stringify({ firstname: name, lastname: '{{constructor}}', msemr_contacttype: 935000000 });
  const headers = { 'content-type': 'application/json', prefer: 'return=representation' };
  const made = await fetch(`${API}/contacts`, { method: 'POST', headers, body });
  assert.equal(made.status, 201);
  const { contactid } = await made.json();
  const page = await open(chromium);
  for (const address of ['/app/t/contacts', `/app/t/contacts/${contactid}`]) {
    await page.goto(`${server}${address}`);
    await page.getByText('onerror').first().waitFor();
    assert.equal(await page.evaluate(() => window.hurt), undefined, address);
    assert.equal(await page.locator('main img, main script').count(), 0, address);
  }
  assert.equal(await page.title(), 'Contact', 'the title has no name in it');
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0, 'nothing is kept in the browser');
  await page.context().close();
  await fetch(`${API}/contacts(${contactid})`, { method: 'DELETE' });
}

async function otherWindows() {
  for (const [name, window] of Object.entries({ phone: { width: 360, height: 740 }, dark: { scheme: 'dark' } })) {
    const page = await open(chromium, window);
    for (const address of ['/', '/app/', '/app/t/contacts', `/app/t/contacts/${PATIENT}`]) {
      await page.goto(`${server}${address}`);
      await page.locator(address === '/' || address === '/app/' ? '.tiles a' : '.grid, .fields').first().waitFor();
      await clean(page, `${address}, ${name}`);
    }
    await picture(page, `patient-${name}`);
    await page.context().close();
  }
}

/// Every step of the tour leads to a page that has something on it.
async function tour() {
  const page = await open(chromium);
  await page.goto(`${server}/app/tour`);
  await page.locator('.step a').first().waitFor();
  await clean(page, 'the tour');
  await picture(page, 'tour');
  const links = await page.locator('.step a').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  assert.ok(links.length > 10);
  for (const link of links) {
    await page.goto(`${server}${link}`);
    // The console asks who one is, where the page has no token.
    await page.locator('.grid, .fields, .facts, .empty, .drop, form').first().waitFor();
    assert.equal(await page.getByText('There is no such').count(), 0, link);
  }
  await page.context().close();
}

/// A service that does not answer is named as what it is, and can be asked again.
async function downService() {
  const page = await open(chromium);
  await page.goto(`${down}/app/t/msemr_encounters`);
  await page.getByRole('alert').waitFor();
  assert.match(await page.getByRole('alert').innerText(), /FHIR service/);
  await page.getByRole('button', { name: 'Try again' }).waitFor();
  await clean(page, 'a service that is down');
  await picture(page, 'down');
  await page.context().close();
}

const only = process.env.TURNTABLE_TEST_ONLY?.split(',');
for (const part of [firstList, exercise, turned, found, dates, views, paper, markup, otherWindows, tour, downService]) {
  if (only && !only.includes(part.name)) continue;
  console.log(part.name);
  await part();
}
await chromium.close();
