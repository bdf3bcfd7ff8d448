// What is watched, and from when on somebody must look: data, so that it can be read as a list.

import { CLASSES, type Class } from '../names.js';
import { FUNCTIONS } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';

/** One alarm. It rings above a number; the unit is the metric's. */
export interface Watched {
  readonly name: string;
  readonly what: string;
  readonly doThis: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Record<string, string>;
  readonly above: number;
  readonly statistic?: string;
  readonly minutes?: number;
  readonly periods?: number;
}

/** Where functions tell their numbers, and in which dimensions (lambdas/src/metrics.rs). */
export const NAMESPACE = 'TeamClaw';

/** A nudge that is older than this has missed its step's turn: the sweeper sends another after a minute. */
const NUDGE_AGE_SECONDS = 300;
/** Usage may be late by an outage of a provider's report, not by more. */
const USAGE_AGE_SECONDS = 900;
/** A batch's oldest message, in milliseconds, for five minutes. */
const LAG_MS = 120_000;
/** Of late workspaces a few are normal while AWS is slow; a share of all is not. */
const LATE_SHARE = 0.02;
/** So many refused keys in five minutes are more than one key that was withdrawn. */
const REFUSED_KEYS = 20;

/** Lines of the sidecar (sidecar/src) that are counted. */
export const SIDECAR_FILTERS = [
  { metric: 'keys-refused', words: 'a key was refused' },
  { metric: 'pool-unreadable', words: 'the key pool could not be read' },
  { metric: 'usage-lost', words: 'it is not counted' },
] as const;

/** Every alarm. */
export function watched(stack: EnvironmentStack): Watched[] {
  return [...CLASSES, 'usage' as const].flatMap((queue) => ofQueue(stack, queue))
    .concat(ofOurNumbers(stack), ofDelivery(stack), ofFunctions(stack), ofSidecars(stack));
}

function ofQueue(stack: EnvironmentStack, queue: Class | 'usage'): Watched[] {
  const { names } = stack;
  const base = { namespace: 'AWS/SQS' };
  return [
    {
      ...base, name: `${queue}-dead-letters`, metric: 'ApproximateNumberOfMessagesVisible', dimensions: { QueueName: names.deadLetters(queue) }, above: 0,
      what: `Messages of "${queue}" were received too often and set aside.`,
      doThis: 'See teamclaw parked and the function\'s log, mend the cause, then teamclaw redrive.',
    },
    {
      ...base, name: `${queue}-late`, metric: 'ApproximateAgeOfOldestMessage', dimensions: { QueueName: names.queue(queue) },
      above: queue === 'usage' ? USAGE_AGE_SECONDS : NUDGE_AGE_SECONDS, periods: 3,
      what: `Messages of "${queue}" wait too long.`,
      doThis: 'Look for throttles and errors of the function of that name; a line of logins is normal for minutes.',
    },
  ];
}

function ofOurNumbers(stack: EnvironmentStack): Watched[] {
  const { config } = stack;
  const told = (name: string, metric: string, from: string, rest: Pick<Watched, 'above' | 'what' | 'doThis'> & Partial<Watched>): Watched => ({
    name, metric, namespace: NAMESPACE, dimensions: { Environment: config.env, Function: from }, ...rest,
  });
  return [
    told('parked', 'Parked', 'sweeper', { above: 0, what: 'Workspaces need a human: neither forward nor back is safe.', doThis: 'teamclaw parked says which and why.' }),
    told('stuck', 'Late', 'sweeper', { above: Math.max(5, Math.ceil(config.users * LATE_SHARE)), periods: 5, what: 'Workspaces miss their deadlines and are nudged again and again.', doThis: 'teamclaw status shows the step; look at that class\'s queue and function.' }),
    told('orphans', 'Suspected', 'sweeper', { above: 0, periods: 15, what: 'Things run that no workspace owns.', doThis: 'teamclaw orphans lists them; they go by themselves after two good inventories.' }),
    told('batch-lag', 'Lag', 'usage', { above: LAG_MS, periods: 5, what: 'Usage is counted late.', doThis: 'Look for throttles of the usage function and of the table usage.' }),
    told('usage-refused', 'UsageRefused', 'usage', { above: 0, what: "Somebody sends usage in another's name, or nonsense.", doThis: 'The usage function\'s log names the session: stop that workspace and look.' }),
    told('lease-contested', 'LeaseContested', 'broker', { above: 0, what: "A lease's token was shown by somebody who does not hold the lease.", doThis: "Stop that person's workspace, and look in CloudTrail who called DescribeTasks: the token stands there until the sidecar has traded it." }),
    told('homes-late', 'HomesLate', 'cleaner', { above: 0, minutes: 15, what: 'Homes that were purged a day ago still have files.', doThis: 'The cleaner\'s log names the directories and the reason.' }),
    told('renewals-refused', 'RenewalsRefused', 'renewal', { above: 0, minutes: 5, what: 'A provider renews an OAuth token of the pool no more; the key serves until it ends.', doThis: 'The renewal function\'s log has its fingerprint: sign in again and put the new token into the pool.' }),
    told('renewals-failed', 'RenewalsFailed', 'renewal', { above: 0, minutes: 5, periods: 3, what: 'OAuth tokens of the pool cannot be renewed.', doThis: 'The renewal function\'s log says whether a provider or the pool does not answer.' }),
    ...CLASSES.map((name) => told(`${name}-lost`, 'Lost', name, { above: 0, periods: 3, what: `Work of "${name}" did not finish in time or panicked.`, doThis: 'The function\'s log has the reason; the message comes back by itself.' })),
  ];
}

function ofDelivery(stack: EnvironmentStack): Watched[] {
  const { names } = stack;
  return [
    {
      name: 'undelivered', namespace: 'AWS/SQS', metric: 'ApproximateNumberOfMessagesVisible', dimensions: { QueueName: names.named('undelivered-dlq') }, above: 0,
      what: 'Events or announcements were set aside because nobody took them.', doThis: 'Each message says its target; the sweeper makes up for events, a replay of the archive for announcements.',
    },
    {
      name: 'pipe-failures', namespace: 'AWS/EventBridge/Pipes', metric: 'ExecutionFailed', dimensions: { PipeName: names.named('announce') }, statistic: 'Sum', minutes: 5, above: 0,
      what: 'The pipe from the journal to the bus fails.', doThis: 'Its log group says why; it goes on where it stopped, for 24 hours.',
    },
    {
      name: 'raw-usage-late', namespace: 'AWS/Firehose', metric: 'DeliveryToS3.DataFreshness', dimensions: { DeliveryStreamName: names.named('usage') }, minutes: 5, above: 3600,
      what: 'Raw usage does not reach S3.', doThis: 'The log group usage-delivery says why; roll-ups are not concerned.',
    },
  ];
}

function ofFunctions(stack: EnvironmentStack): Watched[] {
  return FUNCTIONS.flatMap(({ name, timeoutSeconds, trigger }) => {
    // Two bad runs in a row must fall into two periods in a row.
    const minutes = 'everyMinutes' in trigger ? Math.max(5, trigger.everyMinutes) : 5;
    const base = { namespace: 'AWS/Lambda', dimensions: { FunctionName: stack.names.named(name) }, minutes };
    return [
      { ...base, name: `${name}-errors`, metric: 'Errors', statistic: 'Sum', above: 0, periods: 2, what: `The function "${name}" fails as a whole.`, doThis: 'Its log has the reason; roll back if it began with a deployment.' },
      { ...base, name: `${name}-throttles`, metric: 'Throttles', statistic: 'Sum', above: 0, periods: 2, what: `The function "${name}" is throttled.`, doThis: "Ask for more of the account's concurrent executions." },
      { ...base, name: `${name}-slow`, metric: 'Duration', above: timeoutSeconds * 900, periods: 3, what: `The function "${name}" comes near its time-out.`, doThis: 'Look for a slow service in its log.' },
    ];
  });
}

function ofSidecars(stack: EnvironmentStack): Watched[] {
  const counted = (metric: (typeof SIDECAR_FILTERS)[number]['metric'], name: string, rest: Pick<Watched, 'above' | 'what' | 'doThis'>): Watched => ({
    name, namespace: 'TeamClaw/Sidecar', metric: `${stack.config.env}-${metric}`, dimensions: {}, statistic: 'Sum', minutes: 5, ...rest,
  });
  return [
    counted('keys-refused', 'key-exhaustion', { above: REFUSED_KEYS, what: 'Providers refuse the keys of the pool: they are used up, over their limit, or withdrawn.', doThis: 'teamclaw keys list shows which; add keys or rotate.' }),
    counted('pool-unreadable', 'pool-unreadable', { above: 0, what: 'Sidecars cannot read the key pool and serve on with their last keys.', doThis: "Look at Secrets Manager, the broker and the key's policy." }),
    counted('usage-lost', 'usage-lost', { above: 0, what: 'A sidecar had no room for usage: it is not counted.', doThis: 'Look at the queue of usage and at the disks of tasks.' }),
  ];
}
