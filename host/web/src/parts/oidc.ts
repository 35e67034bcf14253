// Signing in at an OpenID provider: by an authorization code with PKCE. What begins it, a state and a verifier, stays in this
// tab; a code that comes back is of no use to anybody else. The server asks the provider for the token, so that this page
// calls no other address.

import { Refusal, refusalOf } from './refusal.js';

export interface Provider {
  readonly name: string;
  readonly label: string;
}

/// What the server says when a code, or what renews a token, is brought.
export interface Token {
  readonly token: string;
  readonly refresh: string | null;
}

/// A sign-in under way.
interface Begun {
  readonly provider: string;
  readonly issuer: string;
  readonly state: string;
  readonly verifier: string;
  /// Where it began, and goes on.
  readonly back: string;
}

/// What the provider sends a page back with.
export interface Came {
  readonly state: string;
  readonly code: string | null;
  readonly issuer: string | null;
  readonly error: string | null;
}

const BEGUN = 'turntable.sign-in';
const CHANNEL = 'turntable.sign-in';
/// Set when one signs out, so that the provider asks who the next one is.
const LEFT = 'turntable.signed-out';

const at = (name: string) => `/auth/providers/${encodeURIComponent(name)}`;

async function said<T>(url: string, request: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: 'omit', ...request });
  } catch {
    throw new Refusal(0, 'Unreachable', 'The server does not answer.', null, 'Check that it runs, and try again.');
  }
  const text = await response.text();
  if (!response.ok) {
    // What a status says of a FHIR service has no meaning here.
    const { code, message, target, hint, details, retryAfter, request: name } = refusalOf(response, text);
    throw new Refusal(0, code, message, target, hint, details, retryAfter, name);
  }
  return JSON.parse(text) as T;
}

/// Where one can sign in; nowhere, if the server does not say.
export async function providers(): Promise<readonly Provider[]> {
  try {
    return (await said<{ providers: Provider[] }>('/auth/providers')).providers;
  } catch {
    return [];
  }
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

const random = () => base64(crypto.getRandomValues(new Uint8Array(32)));

async function begin(provider: string): Promise<{ begun: Begun; address: string }> {
  if (!crypto.subtle) throw new Refusal(0, 'Page', 'The browser lets nobody sign in over an address that others can read.', null, 'Call the server by https.');
  const { address, issuer } = await said<{ address: string; issuer: string }>(at(provider));
  const [state, verifier] = [random(), random()];
  const challenge = base64(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
  const url = new URL(address);
  url.searchParams.set('state', state);
  url.searchParams.set('code_challenge', challenge);
  if (sessionStorage.getItem(LEFT)) url.searchParams.set('prompt', 'login');
  const { pathname, search, hash } = window.location;
  return { begun: { provider, issuer, state, verifier, back: `${pathname}${search}${hash}` }, address: url.href };
}

/// In place of the page: nothing has been typed into it.
export async function leaveFor(provider: string): Promise<void> {
  const { begun, address } = await begin(provider);
  sessionStorage.setItem(BEGUN, JSON.stringify(begun));
  window.location.assign(address);
}

/// In a window of its own, beside a page that keeps what was typed into it. Gives the token; null if it is given up.
export async function beside(provider: string, signal: AbortSignal): Promise<Token | null> {
  // At once: a window that opens later is one that nobody has asked for.
  const opened = window.open('about:blank', '_blank', 'popup,width=520,height=700');
  if (!opened) throw new Refusal(0, 'Page', 'The browser does not let this page open the window to sign in.', null, 'Allow it windows, and try again.');
  try {
    const { begun, address } = await begin(provider);
    const channel = new BroadcastChannel(CHANNEL);
    const came = new Promise<Came | null>((resolve) => {
      signal.addEventListener('abort', () => resolve(null));
      channel.addEventListener('message', ({ data }: MessageEvent<Came & { taken?: boolean }>) => {
        if (data.state !== begun.state || data.taken) return;
        channel.postMessage({ state: data.state, taken: true });
        resolve(data);
      });
    });
    opened.location.replace(address);
    const back = await came;
    channel.close();
    return back && (await exchanged(begun, back));
  } catch (error) {
    opened.close();
    throw error;
  }
}

async function exchanged(begun: Begun, { code, issuer, error }: Came): Promise<Token> {
  if (error || !code) throw new Refusal(0, error ?? 'NoCode', 'The provider did not let you in.', null, 'Try again, or ask an administrator.');
  // Else a code of one provider could be brought to another (RFC 9207).
  if (issuer !== null && issuer !== begun.issuer) throw new Refusal(0, 'OtherProvider', 'Another provider has answered than the one that was asked.', null, 'Sign in again.');
  const token = await brought(begun.provider, { code, verifier: begun.verifier });
  sessionStorage.removeItem(LEFT);
  return token;
}

function brought(provider: string, body: Record<string, string>): Promise<Token> {
  return said<Token>(`${at(provider)}/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

/// Another token in the place of one that has expired.
export function renew(provider: string, refresh: string): Promise<Token> {
  return brought(provider, { refresh });
}

/// The provider's own memory of who sits here is not asked next time.
export function left(): void {
  sessionStorage.setItem(LEFT, '1');
}

/// On the page that the provider sends one back to: where it began, and the token that is to come; null where it was handed
/// to the page that has begun it.
export async function arrived(came: Came): Promise<{ provider: string; token: Promise<Token>; back: string } | null> {
  const begun: Begun | null = JSON.parse(sessionStorage.getItem(BEGUN) ?? 'null');
  if (begun?.state === came.state) {
    sessionStorage.removeItem(BEGUN);
    return { provider: begun.provider, token: exchanged(begun, came), back: begun.back };
  }
  const channel = new BroadcastChannel(CHANNEL);
  const taken = new Promise<boolean>((resolve) => {
    window.setTimeout(() => resolve(false), 2_000);
    channel.addEventListener('message', ({ data }: MessageEvent<{ state: string; taken?: boolean }>) => {
      if (data.state === came.state && data.taken) resolve(true);
    });
  });
  channel.postMessage(came);
  if (await taken) return null;
  throw new Refusal(0, 'NotBegun', 'No page here waits for this sign-in.', null, 'It may have been too long ago. Sign in again.');
}
