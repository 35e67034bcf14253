// Signing in at an OpenID provider, in a real browser. Arguments: a server whose tokens can be renewed, one whose tokens
// cannot, one whose provider does not answer, and the provider of the first two.

import assert from 'node:assert/strict';
import { browser, clean, open, picture } from './drive.mjs';

const [renewing, brief, down, issuer] = process.argv.slice(2);
const PATIENT = '4c73b472-442b-4920-b899-aadc599f1d75';
/// Pages of the provider want a font from elsewhere.
const THEIRS = { expected: [/ERR_NAME_NOT_RESOLVED/] };
const chromium = await browser();

/// The provider's own pages: anybody may be anybody there.
async function at(page, name) {
  await page.waitForURL(`${issuer}/**`);
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  // What these pages may know.
  await page.getByRole('button', { name: 'Continue' }).click();
}

/// From a deep link to the provider and back to it; nothing of a code or a token stays in the address.
async function thereAndBack() {
  const page = await open(chromium, THEIRS);
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url())));
  await page.goto(`${renewing}/app/t/contacts?sort=lastname.desc#q=One`);
  await page.getByRole('button', { name: 'Sign in with City Hospital' }).waitFor();
  await clean(page, 'signing in at a provider');
  await picture(page, 'sign-in-provider');
  await page.getByRole('button', { name: 'Sign in with City Hospital' }).click();
  await at(page, 'rita');
  await page.getByRole('link', { name: 'Patient One' }).waitFor();
  assert.equal(page.url(), `${renewing}/app/t/contacts?sort=lastname.desc#q=One`);
  const { origin } = new URL(issuer);
  const calls = asked.filter((url) => url.origin === origin && /token|openid-configuration/.test(url.pathname));
  assert.deepEqual(calls, [], 'the page asks the provider for nothing itself');
  const challenged = asked.find((url) => url.origin === origin && url.searchParams.has('code_challenge'));
  assert.equal(challenged.searchParams.get('code_challenge_method'), 'S256');
  assert.equal(await page.evaluate(() => localStorage.length), 0);

  // The token has expired meanwhile, and is renewed without a word.
  await page.waitForTimeout(4_000);
  const refused = page.waitForResponse((response) => response.status() === 401);
  const renewed = page.waitForResponse((response) => response.url().endsWith('/auth/providers/hospital/token'));
  await page.getByRole('link', { name: 'Patient One' }).click();
  await refused;
  assert.equal((await renewed).status(), 200);
  await page.getByRole('heading', { name: 'Patient One' }).waitFor();
  assert.equal(await page.locator('dialog[open]').count(), 0);

  // Who signs out is asked by the provider who they are, though it remembers them.
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in with City Hospital' }).click();
  await page.waitForURL(`${issuer}/**`);
  await page.locator('input[name=login]').waitFor();
  await page.context().close();
}

/// A token that cannot be renewed expires while somebody types: they sign in beside the page, and what they typed is saved.
async function beside() {
  const page = await open(chromium, THEIRS);
  await page.goto(`${brief}/app/t/contacts/${PATIENT}`);
  await page.getByRole('button', { name: 'Sign in with City Hospital' }).click();
  await at(page, 'ada');
  await page.getByRole('heading', { name: 'Patient One' }).waitFor();
  await page.locator('#field-address1_city').fill('Typed before');
  await page.locator('#field-address1_city').press('Tab');
  await page.waitForTimeout(7_000);
  await page.getByRole('button', { name: 'Save' }).click();
  const again = page.getByRole('dialog', { name: 'Sign in again' });
  await again.getByText('What you have typed stays').waitFor();
  await clean(page, 'signing in again');
  await picture(page, 'sign-in-again');
  assert.equal(await page.locator('#field-address1_city').inputValue(), 'Typed before');

  // Given up: it is refused, and stays.
  await again.getByRole('button', { name: 'Not now' }).click();
  await page.getByRole('alert').first().waitFor();
  assert.equal(await page.locator('#field-address1_city').inputValue(), 'Typed before');

  await page.getByRole('button', { name: 'Save' }).click();
  const window = page.waitForEvent('popup');
  await again.getByRole('button', { name: 'Sign in with City Hospital' }).click();
  // The provider knows who sits here, asks whether these pages may know it, and the window closes by itself.
  const opened = await window;
  await opened.getByRole('button', { name: 'Continue' }).click();
  if (!opened.isClosed()) await opened.waitForEvent('close');
  await again.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: /^Sav(e|ing)/ }).waitFor({ state: 'detached' });
  assert.equal(await page.locator('#field-address1_city').inputValue(), 'Typed before');
  await page.reload();
  await page.locator('#field-address1_city').waitFor();
  assert.equal(await page.locator('#field-address1_city').inputValue(), 'Typed before');
  await page.context().close();
}

/// Answers that nobody has asked for, and errors of the provider, are said.
async function refusals() {
  const page = await open(chromium, THEIRS);
  await page.goto(`${renewing}/auth/callback?code=stolen&state=made-up`);
  await page.getByText('No page here waits for this sign-in.').waitFor();
  assert.equal(new URL(page.url()).search, '', 'no code in the address');
  await clean(page, 'an answer that nobody has asked for');
  await page.goto(`${renewing}/app/`);
  await page.getByRole('button', { name: 'Sign in with City Hospital' }).click();
  await page.waitForURL(`${issuer}/**`);
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByText('The provider did not let you in.').waitFor();
  await clean(page, 'a sign-in that was given up');
  await picture(page, 'sign-in-refused');
  await page.getByRole('link', { name: 'Go on' }).click();
  await page.getByRole('button', { name: 'Sign in with City Hospital' }).waitFor();

  // Where the provider does not answer that is said, and another way in is there.
  await page.goto(`${down}/app/`);
  await page.getByRole('button', { name: 'Sign in with City Hospital' }).click();
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /the provider of tokens cannot be asked/i);
  assert.doesNotMatch(await alert.innerText(), /FHIR service/);
  await page.locator('summary', { hasText: 'Another way' }).click();
  await page.getByLabel('API key or access token').waitFor();
  await clean(page, 'a provider that does not answer');
  await picture(page, 'sign-in-down');
  await page.context().close();
  for (const [name, window] of Object.entries({ phone: { width: 360, height: 740 }, dark: { scheme: 'dark' } })) {
    const page = await open(chromium, { ...THEIRS, ...window });
    for (const address of ['/app/', '/auth/callback?state=none']) {
      await page.goto(`${renewing}${address}`);
      await page.locator('.card').getByText(/This server asks|No page here waits/).waitFor();
      await clean(page, `${address}, ${name}`);
      await picture(page, `sign-in-${address.includes('callback') ? 'back-' : ''}${name}`);
    }
    await page.context().close();
  }
}

const only = process.env.TURNTABLE_TEST_ONLY?.split(',');
for (const part of [thereAndBack, beside, refusals]) {
  if (only && !only.includes(part.name)) continue;
  console.log(part.name);
  await part();
}
await chromium.close();
