// What a function's role needs besides its own work, by what makes the function run: pure. Everything
// else is in functions.json.

import type { Allow } from '../grants.js';
import type { Parameter } from '../parameters.js';
import type { LambdaFunction } from '../sources.js';

/** The group of those that speak to agents or mount homes, which listen inside the network alone. */
const IN_NETWORK: Readonly<Record<string, Parameter>> = { routing: 'routerGroup', cleaner: 'cleanerGroup' };

/** The security group of a function that is in the network; none for one that is not. */
export function groupOf({ name }: LambdaFunction): Parameter | undefined {
  return IN_NETWORK[name];
}

/** What Lambda itself does with the function's role. */
export function platform(one: LambdaFunction): Allow[] {
  const allows: Allow[] = [{ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], on: `log-group/${one.name}` }];
  const { trigger } = one;
  if ('queue' in trigger) {
    allows.push({ actions: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'], on: `queue/${trigger.queue}` });
  }
  if ('stream' in trigger) {
    allows.push({ actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'], on: `stream/${trigger.stream}` });
  }
  if ('event' in trigger) allows.push({ actions: ['sqs:SendMessage'], on: 'queue/undelivered-dlq' });
  // Lambda asks for these without saying of what (lambda/latest/dg/configuration-vpc.html).
  if (groupOf(one) !== undefined) {
    allows.push({ actions: ['ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets'], on: '*' });
  }
  return allows;
}
