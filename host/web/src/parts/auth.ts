// Who uses the page. A key, a password or a token is kept for this tab alone, in its session storage, and goes nowhere but
// into the headers of calls to this server.

import { left, renew, type Token } from './oidc.js';

const KEPT = 'turntable.credentials';

/// A key or a token, which are sent alike; or a name with a password.
export type Way = 'token' | 'basic';

interface Kept {
  readonly headers: Record<string, string>;
  /// The provider at which one has signed in, and what it renews its token for.
  readonly provider?: string;
  readonly refresh?: string;
}

/// The server wants to know who asks.
export interface Challenge {
  /// What it takes, beside providers.
  readonly ways: readonly Way[];
  /// Something is on the page already: it stays, and goes on once one has signed in.
  readonly goesOn: boolean;
}

/// Called with it. Says, where the page stays, whether somebody has signed in.
type Listener = (challenge: Challenge) => Promise<boolean>;
let listener: Listener = async () => false;
/// Somebody was let in since the page was loaded.
let wasIn = false;
/// When a token was renewed: one that is refused at once is not renewed again and again.
let renewed = -Infinity;
const REST = 2_000;
/// One question at a time, whatever is asked meanwhile.
let asking: Promise<boolean> | null = null;

function kept(): Kept | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
  } catch {
    return null;
  }
}

export function credentials(): Record<string, string> {
  return kept()?.headers ?? {};
}

export function signedIn(): boolean {
  return kept() !== null;
}

export function signIn(way: Way, secret: string, name = ''): void {
  const basic = () => btoa(String.fromCharCode(...new TextEncoder().encode(`${name}:${secret}`)));
  keep({ headers: { authorization: way === 'basic' ? `Basic ${basic()}` : `Bearer ${secret}` } });
}

/// At a provider, which has given a token.
export function signedInAt(provider: string, { token, refresh }: Token): void {
  keep({ headers: { authorization: `Bearer ${token}` }, provider, ...(refresh ? { refresh } : {}) });
}

function keep(value: Kept): void {
  sessionStorage.setItem(KEPT, JSON.stringify(value));
}

export function signOut(): void {
  if (kept()?.provider) left();
  sessionStorage.removeItem(KEPT);
}

/// Called when the server wants to know who asks.
export function onRefused(of: Listener): void {
  listener = of;
}

/// Whether to send a request again of which this was the answer: it was refused for want of somebody, and now there is one.
export async function letIn(response: Response, shown: Record<string, string>): Promise<boolean> {
  if (response.status !== 401) {
    wasIn ||= response.ok && shown['authorization'] !== undefined;
    return false;
  }
  // Somebody has signed in while it was on its way.
  if (credentials()['authorization'] !== shown['authorization']) return true;
  asking ??= signedInAgain(response.headers.get('www-authenticate') ?? '').finally(() => {
    asking = null;
  });
  return asking;
}

async function signedInAgain(challenge: string): Promise<boolean> {
  const { provider, refresh } = kept() ?? {};
  if (provider && refresh && performance.now() - renewed > REST) {
    try {
      const token = await renew(provider, refresh);
      signedInAt(provider, { ...token, refresh: token.refresh ?? refresh });
      renewed = performance.now();
      return true;
    } catch {
      // They may sign in themselves.
      keep({ headers: credentials(), provider });
    }
  }
  const ways: Way[] = [];
  if (/\bbearer\b/i.test(challenge)) ways.push('token');
  if (/\bbasic\b/i.test(challenge)) ways.push('basic');
  return listener({ ways: ways.length ? ways : ['token'], goesOn: wasIn });
}

/// A link may bring a token in its fragment, which is never sent; it is taken out of the address at once.
export function taken(): void {
  const fragment = new URLSearchParams(window.location.hash.slice(1));
  const token = fragment.get('token');
  if (token === null) return;
  signIn('token', token);
  fragment.delete('token');
  history.replaceState(null, '', `${window.location.pathname}${window.location.search}${fragment.size ? `#${fragment}` : ''}`);
}
