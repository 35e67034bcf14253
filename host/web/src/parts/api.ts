// Calls of the server. Whatever a page does goes through here, and could be done by curl.

import { credentials, refused } from './auth.js';

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
}

/// Why something was refused, in the server's own words.
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly target: string | null = null,
    readonly hint: string | null = null,
    readonly details: readonly { code: string; message: string; target: string | null }[] = [],
    /// Seconds after which it may be tried again.
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export interface Asking {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/// Asks, and gives what came; a `Refusal` where it is an error, or none came.
export async function ask<T = Row>(url: string, { method = 'GET', body, headers = {}, signal }: Asking = {}): Promise<Answer<T>> {
  const request: RequestInit = {
    method,
    // A browser's own dialog for passwords would come before ours.
    credentials: 'omit',
    headers: { accept: 'application/json', ...credentials(), ...headers },
    ...(signal ? { signal } : {}),
  };
  if (body !== undefined) {
    request.body = body instanceof Blob || typeof body === 'string' ? body : JSON.stringify(body);
    request.headers = { 'content-type': 'application/json', ...request.headers };
  }
  let response: Response;
  try {
    response = await fetch(url, request);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, 'Unreachable', 'The server does not answer.', null, 'Check that it runs, and try again.');
  }
  const text = await response.text();
  if (!response.ok) {
    const refusal = refusalOf(response, text);
    if (response.status === 401) refused(response.headers.get('www-authenticate') ?? '');
    throw refusal;
  }
  const whole = text === '' ? null : parse(text);
  return {
    body: whole as T,
    etag: response.headers.get('etag'),
    timing: timingOf(response.headers.get('server-timing') ?? ''),
    status: response.status,
  };
}

/// Numbers stay what they are, digit by digit: those that JavaScript would change are kept as text.
function parse(text: string): unknown {
  type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;
  const exact: Reviver = (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source ? context.source : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}

function refusalOf(response: Response, text: string): Refusal {
  const after = Number(response.headers.get('retry-after')) || null;
  try {
    const { error } = JSON.parse(text);
    const details = (error.details ?? []).map((one: Row) => ({
      code: String(one['code'] ?? ''),
      message: String(one['message'] ?? ''),
      target: one['target'] == null ? null : String(one['target']),
    }));
    return new Refusal(response.status, error.code, error.message, error.target ?? null, error['@Turntable.hint'] ?? null, details, after);
  } catch {
    return new Refusal(response.status, `Http${response.status}`, `The server answered ${response.status}.`, null, null, [], after);
  }
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
