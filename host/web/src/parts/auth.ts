// Who uses the page. A key or a password is kept for this tab alone, in its session storage, and goes nowhere but into the
// headers of calls to this server.

const KEPT = 'turntable.credentials';

/// A key or a token, which are sent alike; or a name with a password.
export type Way = 'token' | 'basic';

type Listener = (ways: Way[]) => void;
const listeners = new Set<Listener>();

export function credentials(): Record<string, string> {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? '{}');
  } catch {
    return {};
  }
}

export function signedIn(): boolean {
  return sessionStorage.getItem(KEPT) !== null;
}

export function signIn(way: Way, secret: string, name = ''): void {
  const basic = () => btoa(String.fromCharCode(...new TextEncoder().encode(`${name}:${secret}`)));
  const headers = {
    token: () => ({ authorization: `Bearer ${secret}` }),
    basic: () => ({ authorization: `Basic ${basic()}` }),
  }[way]();
  sessionStorage.setItem(KEPT, JSON.stringify(headers));
}

export function signOut(): void {
  sessionStorage.removeItem(KEPT);
}

/// Called when the server wants to know who asks, with the ways in that it takes.
export function onRefused(listener: Listener): void {
  listeners.add(listener);
}

export function refused(challenge: string): void {
  const ways: Way[] = [];
  if (/\bbearer\b/i.test(challenge)) ways.push('token');
  if (/\bbasic\b/i.test(challenge)) ways.push('basic');
  for (const listener of listeners) listener(ways.length ? ways : ['token']);
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
