// The part of a CloudFormation template that the checks look at. They are pure functions from templates
// to findings, each a sentence that names the resource.

/** Anything that JSON holds. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Resource {
  readonly Type: string;
  readonly Properties?: { readonly [key: string]: Json };
  readonly [key: string]: unknown;
}

export interface TemplateJson {
  readonly Resources: { readonly [id: string]: Resource };
  readonly [key: string]: unknown;
}

/** A statement of a policy, with what may be one or many as many. */
export interface Statement {
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly Json[];
  readonly conditions: Json;
  readonly principals: Json;
}

/** The resources of some types. */
export function ofType(template: TemplateJson, ...types: readonly string[]): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => types.includes(resource.Type));
}

/** The value at a path of keys, or null. */
export function at(value: Json | undefined, ...path: readonly string[]): Json {
  let here: Json = value ?? null;
  for (const key of path) {
    if (here === null || typeof here !== 'object' || Array.isArray(here)) return null;
    here = (here as { readonly [key: string]: Json })[key] ?? null;
  }
  return here;
}

/** One or many as many. */
export function many(value: Json): readonly Json[] {
  if (value === null) return [];
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

/** The statements of a policy document. */
export function statements(document: Json): Statement[] {
  return many(at(document, 'Statement')).map((statement) => ({
    effect: String(at(statement, 'Effect')),
    actions: many(at(statement, 'Action')).map(String),
    resources: many(at(statement, 'Resource')),
    conditions: at(statement, 'Condition'),
    principals: at(statement, 'Principal'),
  }));
}

/** The text of a value with CloudFormation's functions in it, for looking whether it mentions something. */
export function text(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
