// A function's role is what functions.json allows it, and what Lambda needs to run it: nothing is
// missing, nothing is unused.

import { grantedTo } from './policies.js';
import { ofType, text, type TemplateJson } from './template.js';

/** Actions on a thing, and what its ARN's text must hold. */
export interface Expected {
  readonly actions: readonly string[];
  readonly mentions: string;
}

/** How the role of that name differs from what is expected. */
export function differences(template: TemplateJson, roleName: string, expected: readonly Expected[]): string[] {
  const role = ofType(template, 'AWS::IAM::Role').find(([, one]) => one.Properties?.RoleName === roleName);
  if (role === undefined) return [`there is no role ${roleName}`];
  const has = grantedTo(template, role[0]).filter(({ effect }) => effect === 'Allow');
  const wanted = new Set(expected.flatMap(({ actions }) => actions));
  const unused = has.flatMap(({ actions }) => actions).filter((action) => !wanted.has(action));
  const missing = expected.flatMap(({ actions, mentions }) =>
    actions
      .filter((action) => !has.some((one) => one.actions.includes(action) && one.resources.some((resource) => text(resource).includes(mentions))))
      .map((action) => `${action} on ${mentions}`),
  );
  return [...unused.map((action) => `${roleName} may ${action}, which nobody asked for`), ...missing.map((what) => `${roleName} may not ${what}`)];
}
