// JSON as lines, each with the pointer (RFC 6901) of its value, so that others can lead to it.

import { html, type TemplateResult } from 'lit';

import type { Json } from './api.js';

interface Line {
  readonly pointer: string;
  readonly depth: number;
  readonly text: string;
}

function* linesOf(value: Json, pointer = '', depth = 0, name = '', more = false): Generator<Line> {
  const label = name === '' ? '' : `${JSON.stringify(name)}: `;
  const comma = more ? ',' : '';
  if (value === null || typeof value !== 'object') {
    yield { pointer, depth, text: `${label}${JSON.stringify(value)}${comma}` };
    return;
  }
  const isList = Array.isArray(value);
  const members = Object.entries(value);
  yield { pointer, depth, text: `${label}${isList ? '[' : '{'}` };
  for (const [index, [key, one]] of members.entries()) {
    const below = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    yield* linesOf(one as Json, below, depth + 1, isList ? '' : key, index + 1 < members.length);
  }
  yield { pointer, depth, text: `${isList ? ']' : '}'}${comma}` };
}

/// `mark`: what a value is marked as, by its pointer; what is in it is marked with it.
export function jsonTree(value: Json, mark: (pointer: string) => string): TemplateResult {
  return html`<pre class="tree" tabindex="0">${[...linesOf(value)].map(
    ({ pointer, depth, text }) => html`<span class=${mark(pointer)} data-pointer=${pointer} .style=${`padding-left:${depth * 16}px`}>${text}</span>`,
  )}</pre>`;
}

/// Whether a pointer leads to a value or into it.
export function isWithin(pointer: string, whole: string): boolean {
  return pointer === whole || pointer.startsWith(`${whole}/`);
}
