// What the admin API says, as the console shows it.

export interface MappingVersion {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
}

export interface AdminTable {
  readonly name: string;
  readonly entitySet: string;
  readonly label: string;
  readonly resource: readonly string[];
  readonly parent: string | null;
  readonly route: 'native' | 'virtual';
  readonly source: string | null;
  readonly mapping: MappingVersion;
}

export interface AdminColumn {
  readonly name: string;
  readonly label: string;
  readonly kind: string;
  readonly path: string;
  readonly writable: boolean;
  readonly required: boolean;
  /// What FHIR search can do of conditions on it; where there is nothing they are looked at here.
  readonly search: readonly { readonly resource: string; readonly parameter: string; readonly exact: readonly string[]; readonly superset: readonly string[]; readonly sorts: boolean }[];
}

export interface WholeTable extends AdminTable {
  readonly nativeRows: number;
  readonly counters: Record<string, number>;
  readonly columns: readonly AdminColumn[];
}

export interface Source {
  readonly name: string;
  readonly url: string;
  readonly fhirVersion: string | null;
  readonly software: string | null;
  readonly tables: readonly string[];
  readonly notAsked: readonly unknown[];
  readonly exchanges: { readonly requests: number; readonly errors: number; readonly retries: number; readonly milliseconds: number };
  readonly probe: unknown;
}

/// Whose signature a version has.
export interface Signer {
  /// The name of the key in the configuration; `turntable`: it ships with the program.
  readonly by: string;
  readonly key: string | null;
  /// Whether the key is trusted today.
  readonly trusted: boolean;
}

export interface Loaded extends MappingVersion {
  readonly signer: Signer | null;
  readonly tables: readonly string[];
  readonly activeFor: readonly string[];
  readonly uploadedAt: string;
  readonly uploadedBy: string;
}

/// What was found of a version on trial.
export interface Found {
  readonly requests: number;
  readonly fellBack: number;
  readonly dropped: number;
  readonly resources: number;
  readonly rows: number;
  readonly differingRows: number;
  readonly columns: Readonly<Record<string, number>>;
  readonly missing: number;
  readonly extra: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly latencyRatio: number | null;
  readonly course: Course;
}

/// What was found over time: a number for each portion of so many seconds.
export interface Course {
  readonly seconds: number;
  readonly requests: readonly number[];
  readonly rows: readonly number[];
  readonly differing: readonly number[];
  readonly failing: readonly number[];
}

/// A version on trial.
export interface Candidate {
  readonly mapping: MappingVersion;
  readonly percent: number;
  readonly at: string;
  readonly by: string;
  /// From when on the server counts.
  readonly since: string;
  readonly found: Found;
  readonly failing: number | null;
  readonly failingLimit: number | null;
  readonly resources: readonly { readonly resource: string; readonly table: string; readonly columns: readonly string[] }[] | null;
}

/// What is and was in force for a table, and on trial.
export interface Release {
  readonly active: MappingVersion;
  readonly shadow: Candidate | null;
  readonly canary: Candidate | null;
  readonly history: readonly { readonly digest: string; readonly version: string | null; readonly at: string; readonly by: string; readonly signer: Signer | null; readonly rolledBack: boolean }[];
  readonly trials: readonly {
    readonly mode: string;
    readonly percent: number;
    readonly digest: string;
    readonly version: string | null;
    readonly at: string;
    readonly by: string;
    readonly ended: string;
    readonly found: Found | null;
  }[];
}

export interface Entry {
  readonly id: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  /// What the request is called that set it off.
  readonly request?: string | null;
  readonly table?: string;
  readonly detail?: unknown;
}

/// A request that has ended.
export interface Request {
  /// What it is called in error messages, in the header `Request-Id` and in the audit trail.
  readonly request: string;
  readonly at: string;
  readonly method: string;
  readonly route: string;
  readonly table: string | null;
  /// None: nobody waited for its end.
  readonly status: number | null;
  readonly code: string | null;
  readonly ms: number;
  readonly waitedMs: number;
  readonly steps: number;
}

export interface Step {
  readonly id: string;
  readonly parent: string | null;
  readonly name: string;
  readonly kind: 'internal' | 'client' | 'server';
  readonly startMs: number;
  readonly ms: number;
  readonly code: string | null;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface WholeRequest extends Request {
  readonly parent: string | null;
  readonly spans: readonly Step[];
  /// Steps that are not kept.
  readonly more: number;
}

/// A time as people read it.
export function milliseconds(ms: number): string {
  return ms >= 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${ms >= 100 ? Math.round(ms).toLocaleString() : ms.toFixed(ms >= 10 ? 1 : 2)} ms`;
}

/// As much of a digest as tells it from others.
export function brief(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}
