// What the server says of its tables: everything that the pages show is made from it.

import { API, ask, type Json, query, quoted, Refusal, type Row } from './api.js';

export interface Table {
  readonly name: string;
  readonly set: string;
  readonly label: string;
  readonly description: string;
  readonly key: string;
  readonly title: string | null;
  /// Its rows are parts of rows of another table.
  readonly part: boolean;
  /// What this caller may do with rows.
  readonly may: { readonly create: boolean; readonly change: boolean; readonly remove: boolean };
}

export interface Column {
  readonly name: string;
  /// As rows have it: `_x_value` for a lookup.
  readonly property: string;
  readonly label: string;
  readonly description: string;
  readonly kind: string;
  /// A date without a time.
  readonly day: boolean;
  readonly required: boolean;
  readonly searchable: boolean;
  readonly create: boolean;
  readonly update: boolean;
  readonly choices: readonly { value: number; label: string }[];
  /// Tables that a lookup leads to, and the navigation property of each.
  readonly targets: readonly { table: string; navigation: string }[];
}

/// Rows of another table that lead to a row of this one.
export interface Related {
  readonly table: string;
  /// The lookup in them, as rows have it.
  readonly property: string;
}

/// Lookups that say whom a row is about.
export const ABOUT = /subject|patient|beneficiary/;

export interface Schema {
  readonly table: Table;
  readonly columns: readonly Column[];
  readonly related: readonly Related[];
}

function label(text: Json | undefined): string {
  const of = text as { UserLocalizedLabel?: { Label?: string } | null } | null | undefined;
  return of?.UserLocalizedLabel?.Label ?? '';
}

let tables: Promise<readonly Table[]> | null = null;
/// Those that were asked for one by one.
const bySet = new Map<string, Promise<Table | undefined>>();
const schemas = new Map<string, Promise<Schema>>();

/// Forgets what is known, for somebody else or after a change.
export function forget(): void {
  tables = null;
  bySet.clear();
  schemas.clear();
}

/// All tables that this caller sees, by their labels.
export function allTables(): Promise<readonly Table[]> {
  tables ??= asked().then((all) => once(all).sort((a, b) => a.label.localeCompare(b.label)));
  tables.catch(() => (tables = null));
  return tables;
}

async function asked($filter?: string): Promise<Table[]> {
  const $select = 'LogicalName,EntitySetName,DisplayName,Description,PrimaryIdAttribute,PrimaryNameAttribute,IsChildEntity,Privileges';
  const { body } = await ask<{ value: Row[] }>(`${API}/EntityDefinitions${query({ $select, $filter })}`);
  return body.value.map(tableOf);
}

/// A table that is there under a second name, for apps that know that one, is shown once.
function once(tables: readonly Table[]): Table[] {
  const names = new Set(tables.map((table) => table.name));
  return tables.filter(({ name }) => !name.includes('_ve_') || !names.has(name.replace('_ve_', '_')));
}

function tableOf(entity: Row): Table {
  const privileges = ((entity['Privileges'] ?? []) as Row[]).map((one) => one['PrivilegeType']);
  return {
    name: String(entity['LogicalName']),
    set: String(entity['EntitySetName']),
    label: label(entity['DisplayName']) || String(entity['LogicalName']),
    description: label(entity['Description']),
    key: String(entity['PrimaryIdAttribute']),
    title: entity['PrimaryNameAttribute'] == null ? null : String(entity['PrimaryNameAttribute']),
    part: entity['IsChildEntity'] === true,
    may: { create: privileges.includes('Create'), change: privileges.includes('Write'), remove: privileges.includes('Delete') },
  };
}

export async function tableOfSet(set: string): Promise<Table | undefined> {
  if (tables) return (await tables).find((table) => table.set === set);
  // One table is known sooner than all of them are.
  const one = bySet.get(set) ?? asked(`EntitySetName eq ${quoted(set)}`).then(([table]) => table);
  bySet.set(set, one);
  one.catch(() => bySet.delete(set));
  return one;
}

export async function tableNamed(name: string): Promise<Table | undefined> {
  return (await allTables()).find((table) => table.name === name);
}

/// One table's columns and what leads to it.
export function schemaOf(table: Table): Promise<Schema> {
  const known = schemas.get(table.name);
  if (known) return known;
  const asked = askSchema(table);
  schemas.set(table.name, asked);
  asked.catch(() => schemas.delete(table.name));
  return asked;
}

async function askSchema(table: Table): Promise<Schema> {
  const entity = `${API}/EntityDefinitions(LogicalName=${quoted(table.name)})`;
  // What only columns of some kinds have can be asked for where there is such a column.
  const attributes = 'LogicalName,DisplayName,Description,AttributeType,RequiredLevel,IsValidForCreate,IsValidForUpdate,IsSearchable,IsPrimaryId,Format';
  const many = 'ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName';
  const wholeWith = (attributes: string) => ask<Row>(
      `${entity}${query({
        $select: 'LogicalName',
        $expand: `Attributes($select=${attributes}),ManyToOneRelationships($select=${many}),OneToManyRelationships($select=ReferencingEntity,ReferencingAttribute)`,
      })}`,
    );
  const [whole, picks] = await Promise.all([
    wholeWith(attributes).catch((error) => (error instanceof Refusal && error.status === 400 ? wholeWith(attributes.replace(',Format', '')) : Promise.reject(error))),
    ask<{ value: Row[] }>(
      `${entity}/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata${query({ $select: 'LogicalName', $expand: 'OptionSet($select=Options)' })}`,
    ),
  ]);
  const choices = new Map(picks.body.value.map((one) => [String(one['LogicalName']), optionsOf(one)]));
  const leads = whole.body['ManyToOneRelationships'] as Row[];
  const columns = (whole.body['Attributes'] as Row[]).map((attribute) => columnOf(attribute, choices, leads));
  const related = (whole.body['OneToManyRelationships'] as Row[]).map((one) => ({
    table: String(one['ReferencingEntity']),
    property: `_${String(one['ReferencingAttribute'])}_value`,
  }));
  return { table, columns, related };
}

function optionsOf(attribute: Row): { value: number; label: string }[] {
  const set = attribute['OptionSet'] as { Options?: Row[] } | null;
  return (set?.Options ?? []).map((option) => ({ value: Number(option['Value']), label: label(option['Label']) }));
}

function columnOf(attribute: Row, choices: ReadonlyMap<string, Column['choices']>, leads: readonly Row[]): Column {
  const name = String(attribute['LogicalName']);
  const kind = String(attribute['AttributeType']);
  const lookup = ['Lookup', 'Customer', 'Owner'].includes(kind);
  const level = (attribute['RequiredLevel'] as { Value?: string } | null)?.Value;
  return {
    name,
    property: lookup ? `_${name}_value` : name,
    label: label(attribute['DisplayName']) || name,
    description: label(attribute['Description']),
    kind: attribute['IsPrimaryId'] === true ? 'Key' : lookup ? 'Lookup' : kind,
    day: attribute['Format'] === 'DateOnly',
    required: level === 'ApplicationRequired',
    searchable: attribute['IsSearchable'] === true,
    create: attribute['IsValidForCreate'] === true,
    update: attribute['IsValidForUpdate'] === true,
    choices: choices.get(name) ?? [],
    targets: leads
      .filter((lead) => lead['ReferencingAttribute'] === name)
      .map((lead) => ({
        table: String(lead['ReferencedEntity']),
        navigation: String(lead['ReferencingEntityNavigationPropertyName']),
      })),
  };
}

/// How a query is answered, as its plan says to everybody.
export interface Plan {
  /// Where the rows live: the server's own store, or a FHIR service.
  readonly where: 'native' | 'virtual';
  /// Conditions that the service cannot search by: they are looked at in the server, row by row.
  readonly here: readonly string[];
}

export async function planOf(table: Table, options: Record<string, string | number | undefined> = { $top: 1 }): Promise<Plan> {
  const { body } = await ask<Row>(`${API}/${table.set}${query(options)}`, { headers: { prefer: 'explain' } });
  const searches = (body['searches'] ?? []) as { conditions?: { condition: string; class: string }[] }[];
  const here = searches.flatMap(({ conditions }) => conditions ?? []).filter((one) => one.class === 'unsupported');
  return { where: body['route'] === 'virtual' ? 'virtual' : 'native', here: [...new Set(here.map((one) => one.condition))] };
}

export async function placeOf(table: Table): Promise<'native' | 'virtual'> {
  return (await planOf(table)).where;
}
