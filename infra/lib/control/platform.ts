// What a function's role needs besides its own work, by what makes the function run: pure. Everything
// else is in functions.json.

import type { Allow } from '../grants.js';
import type { LambdaFunction } from '../sources.js';

/** Functions that speak to agents, which listen inside the network alone. */
const IN_NETWORK = ['routing'];

export function isInNetwork({ name }: LambdaFunction): boolean {
  return IN_NETWORK.includes(name);
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
  if (isInNetwork(one)) {
    allows.push({ actions: ['ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets'], on: '*' });
  }
  return allows;
}
