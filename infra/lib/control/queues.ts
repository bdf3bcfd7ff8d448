// The queues: one a permission class and one for usage, each with a queue for what was received too
// often. Encrypted by SQS itself: bodies are ids and counts, and a sidecar's short-lived credentials then
// need no word about keys.

import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption, RedrivePermission } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import { CLASSES, type Class } from '../names.js';
import { FUNCTIONS, type QueueTrigger } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';

/** How often a message is received before it is set aside: ports/src/queue.rs, `RECEIVES_MAX`. */
export const RECEIVES_MAX = 20;
/** The longest that SQS keeps a message: a week-end and a holiday before somebody looks. */
const RETENTION = Duration.days(14);

export const QUEUES: readonly (Class | 'usage')[] = [...CLASSES, 'usage'];

/** Every queue, and what cannot be delivered otherwise. */
export class Queues extends Construct {
  private readonly made = new Map<string, { queue: Queue; deadLetters: Queue }>();
  /** Events and announcements that nobody took. */
  readonly undelivered: Queue;

  constructor(private readonly stack: EnvironmentStack) {
    super(stack, 'Queues');
    for (const name of QUEUES) this.made.set(name, this.make(name));
    this.undelivered = this.plain('undelivered', stack.names.named('undelivered-dlq'));
    because(this.undelivered, 'AwsSolutions-SQS3', 'It is itself where rules, functions and the pipe set aside what nobody took');
  }

  get(name: Class | 'usage'): Queue {
    return this.made.get(name)!.queue;
  }

  deadLetters(name: Class | 'usage'): Queue {
    return this.made.get(name)!.deadLetters;
  }

  private make(name: Class | 'usage'): { queue: Queue; deadLetters: Queue } {
    const { names } = this.stack;
    const deadLetters = this.plain(`${name}-dlq`, names.deadLetters(name));
    const queue = new Queue(this, name, {
      queueName: names.queue(name),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: RETENTION,
      visibilityTimeout: Duration.seconds(consumer(name).visibilitySeconds),
      receiveMessageWaitTime: Duration.seconds(20),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: RECEIVES_MAX },
    });
    return { queue, deadLetters };
  }

  private plain(id: string, queueName: string): Queue {
    return new Queue(this, id, {
      queueName,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: RETENTION,
      redriveAllowPolicy: { redrivePermission: RedrivePermission.ALLOW_ALL },
    });
  }
}

/** How messages of a queue are received. Throws if nobody does. */
export function consumer(name: Class | 'usage'): QueueTrigger {
  const found = FUNCTIONS.map(({ trigger }) => trigger).find((trigger) => 'queue' in trigger && trigger.queue === name);
  if (found === undefined || !('queue' in found)) throw new Error(`lambdas/functions.json has no function for the queue "${name}"`);
  return found;
}
