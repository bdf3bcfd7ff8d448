// No message is lost without a trace, and none travels in the open.

import { at, many, ofType, statements, text, type TemplateJson } from './template.js';

/** Every queue has one for what was received too often, or is such a one. */
export function withoutDeadLetters(template: TemplateJson): string[] {
  const aside = deadLetterQueues(template);
  return ofType(template, 'AWS::SQS::Queue')
    .filter(([id, queue]) => at(queue.Properties?.RedrivePolicy ?? null, 'deadLetterTargetArn') === null && !aside.has(id))
    .map(([id]) => `${id} has no queue for dead letters`);
}

/** Every queue refuses what is not encrypted on its way. */
export function inTheOpen(template: TemplateJson): string[] {
  const closed = new Set(
    ofType(template, 'AWS::SQS::QueuePolicy').flatMap(([, policy]) => {
      const denies = statements(policy.Properties?.PolicyDocument ?? null).some(
        (statement) => statement.effect === 'Deny' && text(at(statement.conditions, 'Bool', 'aws:SecureTransport')) === 'false' && statement.actions.includes('sqs:*'),
      );
      return denies ? many(policy.Properties?.Queues ?? null).map((queue) => String(at(queue, 'Ref'))) : [];
    }),
  );
  return ofType(template, 'AWS::SQS::Queue').filter(([id]) => !closed.has(id)).map(([id]) => `${id} has no policy that wants TLS`);
}

/** The queues that somebody sets messages aside in. */
function deadLetterQueues(template: TemplateJson): Set<string> {
  const found = new Set<string>();
  const look = (value: unknown, under: string): void => {
    if (value === null || typeof value !== 'object') return;
    for (const [key, inner] of Object.entries(value)) {
      const here = /dead_?letter/i.test(key) ? key : under;
      if (key === 'Fn::GetAtt' && here !== '' && Array.isArray(inner)) found.add(String(inner[0]));
      look(inner, here);
    }
  };
  for (const resource of Object.values(template.Resources)) look(resource.Properties ?? null, '');
  return found;
}
