// Who may read the key pool: the role that is lent to sidecars, and the consumer that rotates keys.

import { granted } from './policies.js';
import { text, type TemplateJson } from './template.js';

const READS = ['secretsmanager:GetSecretValue', 'secretsmanager:BatchGetSecretValue', 'secretsmanager:*', '*'];

/** The names of the roles that may read a secret, by what its resource's text must hold. */
export function readers(templates: readonly TemplateJson[], secret: RegExp): string[] {
  const names = templates.flatMap((template) =>
    granted(template)
      .filter(({ statement }) => statement.effect === 'Allow' && statement.actions.some((action) => READS.includes(action)))
      .filter(({ statement }) => statement.resources.some((resource) => resource === '*' || secret.test(text(resource))))
      .flatMap(({ roles }) => roles.map((role) => text(template.Resources[role]?.Properties?.RoleName ?? role))),
  );
  return [...new Set(names)].sort();
}
