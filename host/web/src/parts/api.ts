// Calls of the server. Whatever a page does goes through here, and could be done by curl.

import { credentials, letIn } from './auth.js';
import { Refusal, refusalOf } from './refusal.js';

export { Refusal };

export const API = '/api/data/v9.2';
export const ADMIN = '/admin/v1';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Row = { [name: string]: Json };

/// Everything of an answer that a page shows.
export interface Answer<T> {
  readonly body: T;
  readonly etag: string | null;
  /// Milliseconds by step, as `Server-Timing` has them.
  readonly timing: ReadonlyMap<string, number>;
  readonly status: number;
  /// What the request is called in traces and in the audit trail.
  readonly request: string | null;
}

export interface Asking {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/// Asks, and gives what came; a `Refusal` where it is an error, or none came.
export async function ask<T = Row>(url: string, { method = 'GET', body, headers = {}, signal }: Asking = {}): Promise<Answer<T>> {
  const request: RequestInit = { method, headers: { accept: 'application/json', ...headers }, ...(signal ? { signal } : {}) };
  if (body !== undefined) {
    request.body = body instanceof Blob || typeof body === 'string' ? body : JSON.stringify(body);
    request.headers = { 'content-type': 'application/json', ...request.headers };
  }
  const response = await send(url, request);
  const text = await response.text();
  if (!response.ok) throw refusalOf(response, text);
  const whole = text === '' ? null : parse(text);
  return {
    body: whole as T,
    etag: response.headers.get('etag'),
    timing: timingOf(response.headers.get('server-timing') ?? ''),
    status: response.status,
    request: response.headers.get('request-id'),
  };
}

/// Sends a request as who uses the page. Where they are not known any more it waits until they are again, and sends it anew.
export async function send(url: string, request: RequestInit): Promise<Response> {
  for (;;) {
    const shown = credentials();
    let response: Response;
    try {
      // A browser's own dialog for passwords would come before ours.
      response = await fetch(url, { ...request, credentials: 'omit', headers: { ...shown, ...request.headers } });
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw new Refusal(0, 'Unreachable', 'The server does not answer.', null, 'Check that it runs, and try again.');
    }
    if (!(await letIn(response, shown))) return response;
  }
}

/// Numbers stay what they are, digit by digit: those that JavaScript would change are kept as text.
function parse(text: string): unknown {
  type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;
  const exact: Reviver = (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source ? context.source : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}

function timingOf(header: string): ReadonlyMap<string, number> {
  const steps = header.split(',').map((step) => /^\s*([^;\s]+).*?dur=([\d.]+)/.exec(step));
  return new Map(steps.flatMap((step) => (step ? [[step[1] ?? '', Number(step[2])] as const] : [])));
}

/// A text as a literal of OData.
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/// A query of options; none that is undefined.
export function query(options: Record<string, string | number | undefined>): string {
  const parts = Object.entries(options).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return parts.length ? `?${parts.join('&')}` : '';
}
