// What the tests of the pages share: a browser, and what is looked at on every page.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function browser() {
  return chromium.launch({ executablePath: process.env.TURNTABLE_TEST_CHROMIUM, args: ['--no-sandbox'] });
}

/// A window whose page says nothing to the console that it should not: no error, nothing that the policy stopped.
export async function open(chromium, { width = 1280, height = 800, scheme = 'light', zone = 'UTC', expected = [] } = {}) {
  const context = await chromium.newContext({ viewport: { width, height }, colorScheme: scheme, timezoneId: zone, locale: 'en-US' });
  if (process.env.TURNTABLE_TEST_DIST) await fresh(context, process.env.TURNTABLE_TEST_DIST);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => {
    // A refusal is an answer; the browser says so of each.
    if (message.type() === 'error' && !/status of (4\d\d|5\d\d)/.test(message.text())) wrong.push(message.text());
  });
  page.wrong = () => wrong.filter((one) => !expected.some((pattern) => pattern.test(one)));
  return page;
}

/// The files of a folder in the place of those in the server's binary, which need not be built anew for them.
async function fresh(context, dist) {
  await context.route(({ pathname }) => /^\/(app|console|auth\/callback)(\/|$)|^\/$/.test(pathname), async (route) => {
    const [, page] = /^\/(app|console|callback)?/.exec(new URL(route.request().url()).pathname.replace('/auth', ''));
    const response = await route.fetch();
    await route.fulfill({ response, body: await readFile(path.join(dist, `${page ?? 'start'}.html`)) });
  });
  const types = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
  await context.route('**/pages/*', async (route) => {
    const file = path.join(dist, path.basename(new URL(route.request().url()).pathname));
    // A page that one is redirected to is the binary's, and names its parts.
    const body = await readFile(file).catch(() => null);
    await (body ? route.fulfill({ contentType: types[file.split('.').pop()], body }) : route.continue());
  });
}

/// Nothing that axe-core finds, nothing wider than the window, nothing said to the console.
export async function clean(page, where) {
  // The page's policy keeps scripts out of it; a test may still look at it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join('\n  ')}`);
  assert.deepEqual(found, [], `${where}: accessible`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  const widest = () => [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > window.innerWidth).map((one) => one.outerHTML.slice(0, 120));
  assert.ok(over <= 0, `${where}: ${over} px wider than the window: ${over > 0 ? (await page.evaluate(widest)).slice(0, 3).join(', ') : ''}`);
  assert.deepEqual(page.wrong(), [], `${where}: nothing said to the console`);
}

export async function picture(page, name) {
  const folder = process.env.TURNTABLE_TEST_PICTURES;
  if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`) });
}

export async function json(url, options = {}) {
  const response = await fetch(url, options);
  return { status: response.status, body: await response.json().catch(() => null) };
}
