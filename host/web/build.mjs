// Bundles the pages into dist/, which is committed and put into the server's binary: nobody needs node to build that.
//
//   node build.mjs                         dist/, anew
//   node build.mjs --serve --api URL       the pages on a port of their own, bundled at each request; calls go to URL

import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
// What is served while it is written is not what is committed.
const dist = path.join(here, process.argv.includes('--serve') ? 'node_modules/.served' : 'dist');
const PAGES = ['start', 'app', 'console', 'callback'];

const options = {
  absWorkingDir: here,
  entryPoints: Object.fromEntries(PAGES.map((page) => [page, `src/${page}/main.ts`])),
  bundle: true,
  format: 'esm',
  splitting: true,
  target: 'es2022',
  outdir: dist,
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  assetNames: '[name]-[hash]',
  minify: true,
  metafile: true,
  legalComments: 'none',
  charset: 'utf8',
  // One copy each of what keeps state.
  alias: { lit: path.join(here, 'node_modules/lit') },
};

/// A page is a frame that names its script and its style; everything else the script draws.
function frame(page, { script, style, icon, parts }) {
  const title = { start: 'Turntable', app: 'Tables', console: 'Console', callback: 'Sign in' }[page];
  const early = parts.map((part) => `<link rel="modulepreload" href="/pages/${part}">\n`).join('');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/pages/${icon}">
<link rel="stylesheet" href="/pages/${style}">
${early}<script type="module" src="/pages/${script}"></script>
<body data-page="${page}"><noscript>These pages need JavaScript. The same can be had over the API: see /api/data/v9.2/.</noscript></body>
</html>
`;
}

async function bundle() {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  const { metafile } = await esbuild.build(options);
  const drawn = await readFile(path.join(here, 'src/icon.svg'));
  const icon = `icon-${createHash('sha256').update(drawn).digest('hex').slice(0, 8)}.svg`;
  await writeFile(path.join(dist, icon), drawn);
  for (const page of PAGES) {
    const [script, output] = Object.entries(metafile.outputs).find(([, one]) => one.entryPoint === `src/${page}/main.ts`);
    const name = (file) => path.basename(file);
    const parts = output.imports.filter((one) => one.kind === 'import-statement').map((one) => name(one.path));
    await writeFile(path.join(dist, `${page}.html`), frame(page, { script: name(script), style: name(output.cssBundle), icon, parts }));
  }
  await writeFile(path.join(dist, 'LICENSES.txt'), await licences(metafile));
  return metafile;
}

/// The licence of each package of which something is in the bundle.
async function licences(metafile) {
  const packages = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  const texts = [];
  for (const name of [...packages].sort()) {
    const folder = path.join(here, 'node_modules', name);
    const { version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
    const text = file ? await readFile(path.join(folder, file), 'utf8') : `Licensed under ${license}.`;
    texts.push(`${name} ${version} (${license})\n\n${text.replaceAll('\r', '').trim()}\n`);
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

/// What each file is, so that what is committed can be checked, and the list by which it is put into the server's binary.
async function list() {
  const manifest = {};
  for (const name of (await readdir(dist)).sort()) {
    const whole = await readFile(path.join(dist, name));
    const sha256 = createHash('sha256').update(whole).digest('base64');
    manifest[name] = { integrity: `sha256-${sha256}`, bytes: whole.length };
  }
  await writeFile(path.join(dist, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const files = Object.entries(manifest).map(([name, { integrity }]) => `    file!("${name}", "${integrity}"),\n`);
  await writeFile(path.join(dist, 'files.rs'), `[\n${files.join('')}]\n`);
  return manifest;
}

async function serve(api) {
  const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', txt: 'text/plain' };
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://here');
    try {
      const page = PAGES.find((one) => pathname === `/${one}` || (one === 'callback' && pathname === '/auth/callback') || pathname.startsWith(`/${one}/`)) ?? (pathname === '/' && 'start');
      if (page) {
        await bundle();
        response.setHeader('content-type', 'text/html');
        response.end(await readFile(path.join(dist, `${page}.html`)));
      } else if (pathname.startsWith('/pages/')) {
        const name = path.basename(pathname);
        response.setHeader('content-type', types[name.split('.').pop()] ?? 'application/octet-stream');
        response.end(await readFile(path.join(dist, name)));
      } else {
        const headers = { ...request.headers, host: new URL(api).host };
        delete headers.origin;
        delete headers.referer;
        for (const name of Object.keys(headers)) if (name.startsWith('sec-')) delete headers[name];
        const passed = http.request(new URL(request.url, api), { method: request.method, headers }, (answer) => {
          response.writeHead(answer.statusCode, answer.headers);
          answer.pipe(response);
        });
        passed.on('error', (error) => response.writeHead(502).end(String(error)));
        request.pipe(passed);
      }
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  server.listen(8123, '127.0.0.1', () => console.log('http://127.0.0.1:8123/'));
}

const at = (name) => process.argv.indexOf(name);
if (at('--serve') > 0) {
  await serve(at('--api') > 0 ? process.argv[at('--api') + 1] : 'http://127.0.0.1:8080');
} else {
  await bundle();
  for (const [name, { bytes }] of Object.entries(await list())) console.log(`${name.padEnd(28)} ${bytes}`);
}
