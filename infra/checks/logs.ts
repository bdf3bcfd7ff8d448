// Logs end: a group without a retention is kept, and paid for, for ever.

import { at, many, ofType, text, type TemplateJson } from './template.js';

/** Groups without an end, and functions and tasks that write to a group nobody made. */
export function endless(template: TemplateJson): string[] {
  const groups = ofType(template, 'AWS::Logs::LogGroup');
  const ours = new Set(groups.map(([id]) => id));
  const isOurs = (value: unknown) => ours.has(String(at(value as never, 'Ref')));
  const without = groups.filter(([, group]) => typeof group.Properties?.RetentionInDays !== 'number').map(([id]) => `${id} has no end`);
  const functions = ofType(template, 'AWS::Lambda::Function')
    .filter(([, one]) => !isOurs(at(one.Properties?.LoggingConfig ?? null, 'LogGroup')))
    .map(([id]) => `${id} writes to a group of its own making`);
  const tasks = ofType(template, 'AWS::ECS::TaskDefinition').flatMap(([id, task]) =>
    many(task.Properties?.ContainerDefinitions ?? null)
      .filter((one) => !isOurs(at(one, 'LogConfiguration', 'Options', 'awslogs-group')))
      .map((one) => `${id}: ${text(at(one, 'Name'))} writes to a group nobody made`),
  );
  return [...without, ...functions, ...tasks];
}
