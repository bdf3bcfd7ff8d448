// Every policy of a template that allows somebody something: in roles, beside them, and managed.

import { at, many, ofType, type Statement, statements, type TemplateJson } from './template.js';

/** A statement, and the logical names of the roles that have it. */
export interface Granted {
  readonly resource: string;
  readonly roles: readonly string[];
  readonly statement: Statement;
}

/** Every statement of every identity's policy. */
export function granted(template: TemplateJson): Granted[] {
  const found: Granted[] = [];
  for (const [id, role] of ofType(template, 'AWS::IAM::Role')) {
    for (const policy of many(role.Properties?.Policies ?? null)) {
      for (const statement of statements(at(policy, 'PolicyDocument'))) found.push({ resource: id, roles: [id], statement });
    }
  }
  for (const [id, policy] of ofType(template, 'AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy')) {
    const roles = many(policy.Properties?.Roles ?? null).map((role) => String(at(role, 'Ref')));
    for (const statement of statements(policy.Properties?.PolicyDocument ?? null)) found.push({ resource: id, roles, statement });
  }
  return found;
}

/** What a role may do. */
export function grantedTo(template: TemplateJson, role: string): Statement[] {
  return granted(template).filter(({ roles }) => roles.includes(role)).map(({ statement }) => statement);
}

/** No action with a star on everything. */
export function wildcards(template: TemplateJson): string[] {
  const starred = ({ statement }: Granted) => statement.actions.filter((action) => action.includes('*'));
  return granted(template)
    .filter(({ statement }) => statement.effect === 'Allow' && statement.resources.includes('*'))
    .flatMap((one) => starred(one).map((action) => `${one.resource} allows ${action} on everything`));
}

/** Nobody is given a whole policy of AWS's own making, which grows without us. */
export function foreignPolicies(template: TemplateJson): string[] {
  return ofType(template, 'AWS::IAM::Role')
    .filter(([, role]) => many(role.Properties?.ManagedPolicyArns ?? null).length > 0)
    .map(([id]) => `${id} has a policy that is not ours`);
}
