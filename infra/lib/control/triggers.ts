// What makes each function run: a queue, the journal's stream, an event, or the minute.

import { Duration } from 'aws-cdk-lib';
import { type EventPattern, Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as Target } from 'aws-cdk-lib/aws-events-targets';
import { EventSourceMapping, FilterCriteria, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Class } from '../names.js';
import { FUNCTIONS, type LambdaFunction } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';
import { NEW_FACTS } from './feed.js';
import type { Functions } from './functions.js';
import { eventPatterns } from './patterns.js';
import type { Queues } from './queues.js';
import type { Tables } from './tables.js';

/**
 * How many batches of a queue are worked on at once. Of compute no more than RunTask's 20 calls a second
 * carry (each run takes longer than half a second); routing waits for agents, so many wait side by side;
 * of rotations there is one a provider. Never reserved concurrency: a throttled batch counts as received.
 */
export const CONCURRENCY: Readonly<Record<Class | 'usage', number>> = { storage: 20, compute: 10, routing: 50, keys: 2, usage: 10 };

/** SQS's own most without a window; a batch is worked on side by side. */
const BATCH = 10;
const STREAM_BATCH = 100;
const STREAM_TRIES = 10;
/** An event that Lambda does not take for an hour is set aside. */
const EVENT_AGE = Duration.hours(1);

/** Every trigger but HTTP, which the last stack gives. */
export class Triggers extends Construct {
  constructor(private readonly stack: EnvironmentStack, private readonly functions: Functions, private readonly queues: Queues, private readonly tables: Tables) {
    super(stack, 'Triggers');
    for (const one of FUNCTIONS) this.add(one);
  }

  private add(one: LambdaFunction): void {
    const { trigger, name } = one;
    if ('queue' in trigger) this.fromQueue(name, trigger.queue);
    else if ('stream' in trigger) this.fromStream(name, trigger.stream);
    else if ('event' in trigger) this.fromEvents(name);
    else if ('everyMinutes' in trigger) this.everyMinutes(name, trigger.everyMinutes);
  }

  private fromQueue(name: string, queue: Class | 'usage'): void {
    new EventSourceMapping(this, name, {
      target: this.functions.get(name),
      eventSourceArn: this.queues.get(queue).queueArn,
      batchSize: BATCH,
      reportBatchItemFailures: true,
      maxConcurrency: CONCURRENCY[queue],
    });
  }

  /** Only what is new starts the function: what it writes itself does not. */
  private fromStream(name: string, table: string): void {
    new EventSourceMapping(this, name, {
      target: this.functions.get(name),
      eventSourceArn: this.tables.stream(table),
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: STREAM_BATCH,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      retryAttempts: STREAM_TRIES,
      filters: [FilterCriteria.filter(NEW_FACTS)],
    });
  }

  private fromEvents(name: string): void {
    const patterns = eventPatterns(this.stack);
    const pattern: EventPattern | undefined = patterns[name];
    if (pattern === undefined) throw new Error(`lib/control/patterns.ts has no pattern for "${name}"`);
    new Rule(this, name, {
      ruleName: this.stack.names.named(name),
      eventPattern: pattern,
      targets: [new Target(this.functions.get(name), { deadLetterQueue: this.queues.undelivered, maxEventAge: EVENT_AGE })],
    });
  }

  private everyMinutes(name: string, minutes: number): void {
    new Rule(this, name, {
      ruleName: this.stack.names.named(name),
      schedule: Schedule.rate(Duration.minutes(minutes)),
      targets: [
        new Target(this.functions.get(name), {
          // A minute that was missed is made up for by the next.
          retryAttempts: 0,
          maxEventAge: Duration.minutes(1),
          event: RuleTargetInput.fromObject({ environment: this.stack.config.env }),
        }),
      ],
    });
  }
}
