// Why something was refused, in the server's own words.

interface Part {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly target?: unknown;
}

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
    /// What the request is called in the log, in traces and in the audit trail.
    readonly request: string | null = null,
  ) {
    super(message);
  }
}

export function refusalOf(response: Response, text: string): Refusal {
  const request = response.headers.get('request-id');
  const after = Number(response.headers.get('retry-after')) || null;
  try {
    const { error } = JSON.parse(text);
    const details = (error.details ?? []).map((one: Part) => ({
      code: String(one.code ?? ''),
      message: String(one.message ?? ''),
      target: one.target == null ? null : String(one.target),
    }));
    return new Refusal(response.status, error.code, error.message, error.target ?? null, error['@Turntable.hint'] ?? null, details, after, request);
  } catch {
    return new Refusal(response.status, `Http${response.status}`, `The server answered ${response.status}.`, null, null, [], after, request);
  }
}
