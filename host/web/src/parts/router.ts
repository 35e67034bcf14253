// Every state has an address: what is shown in the path, how in the query, and what was typed, which may say something
// of a patient, in the fragment, which never leaves the browser.

export interface Place {
  /// Segments of the path after the page's own, decoded.
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly fragment: URLSearchParams;
}

const listeners = new Set<() => void>();

export function place(root: string): Place {
  const { pathname, search, hash } = window.location;
  const path = pathname.slice(root.length).split('/').filter(Boolean).map(decodeURIComponent);
  return { path, query: new URLSearchParams(search), fragment: new URLSearchParams(hash.slice(1)) };
}

export function onMoved(listener: () => void): void {
  listeners.add(listener);
}

/// Goes there; `replace` where the step back should not come here again.
export function go(url: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  for (const listener of listeners) listener();
}

/// The same place with another query or fragment.
export function turn(change: { query?: Record<string, string | null>; fragment?: Record<string, string | null> }): void {
  const url = new URL(window.location.href);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const set = (into: URLSearchParams, values: Record<string, string | null> = {}) => {
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === '') into.delete(name);
      else into.set(name, value);
    }
  };
  set(url.searchParams, change.query);
  set(fragment, change.fragment);
  url.hash = fragment.toString();
  go(`${url.pathname}${url.search}${url.hash}`, { replace: true });
}

/// Links within the page are followed without loading it anew.
export function follow(root: string): void {
  window.addEventListener('popstate', () => {
    for (const listener of listeners) listener();
  });
  document.addEventListener('click', (event) => {
    const link = event.composedPath().find((one) => one instanceof HTMLAnchorElement);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute('download')) return;
    if (link.origin !== window.location.origin || !link.pathname.startsWith(root)) return;
    event.preventDefault();
    go(`${link.pathname}${link.search}${link.hash}`);
    window.scrollTo(0, 0);
  });
}
