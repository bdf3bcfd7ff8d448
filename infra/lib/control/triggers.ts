// What makes each function run: a queue, the journal's stream, an event, or the minute.

import { Duration } from 'aws-cdk-lib';
import { Rule, type RuleProps, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as Target, type LambdaFunctionProps } from 'aws-cdk-lib/aws-events-targets';
import { EventSourceMapping, FilterCriteria, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { FUNCTIONS, type LambdaFunction, type QueueTrigger, type StreamTrigger } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';
import { NEW_FACTS } from './feed.js';
import type { Functions } from './functions.js';
import { eventPatterns } from './patterns.js';
import type { Queues } from './queues.js';
import type { Tables } from './tables.js';

/** So often a batch of a stream is tried: what it says is looked for again in any case. */
const STREAM_TRIES = 10;
/** An event that Lambda does not take for an hour is set aside. */
const EVENT_AGE = Duration.hours(1);
/** Functions that are told by an event, and look for themselves once a day, should it have been lost. */
const DAILY: readonly string[] = ['rotation'];

/** Every trigger but HTTP, which the last stack gives. */
export class Triggers extends Construct {
  constructor(private readonly stack: EnvironmentStack, private readonly functions: Functions, private readonly queues: Queues, private readonly tables: Tables) {
    super(stack, 'Triggers');
    for (const one of FUNCTIONS) this.add(one);
  }

  private add(one: LambdaFunction): void {
    const { trigger, name } = one;
    if ('queue' in trigger) this.fromQueue(name, trigger);
    else if ('stream' in trigger) this.fromStream(name, trigger);
    else if ('event' in trigger) this.fromEvents(name);
    else if ('everyMinutes' in trigger) this.everyMinutes(name, trigger.everyMinutes);
  }

  /** Bounded here and never by reserved concurrency: a batch that is throttled counts as received. */
  private fromQueue(name: string, trigger: QueueTrigger): void {
    new EventSourceMapping(this, name, {
      target: this.functions.get(name),
      eventSourceArn: this.queues.get(trigger.queue).queueArn,
      batchSize: trigger.batchSize,
      reportBatchItemFailures: trigger.reportBatchItemFailures,
      maxConcurrency: trigger.maximumConcurrency,
    });
  }

  /** Only what is new starts the function: what it writes itself does not. */
  private fromStream(name: string, trigger: StreamTrigger): void {
    new EventSourceMapping(this, name, {
      target: this.functions.get(name),
      eventSourceArn: this.tables.stream(trigger.stream),
      startingPosition: StartingPosition[trigger.startingPosition],
      batchSize: trigger.batchSize,
      bisectBatchOnError: trigger.bisectOnError,
      retryAttempts: STREAM_TRIES,
      filters: [FilterCriteria.filter(NEW_FACTS)],
    });
  }

  private fromEvents(name: string): void {
    const patterns = eventPatterns(this.stack)[name];
    if (patterns === undefined) throw new Error(`lib/control/patterns.ts has no pattern for "${name}"`);
    for (const [what, pattern] of Object.entries(patterns)) {
      this.rule(name, what, { eventPattern: pattern }, { maxEventAge: EVENT_AGE });
    }
    const again = DAILY.includes(name);
    if (again) this.rule(name, `${name}-daily`, { schedule: Schedule.rate(Duration.days(1)) }, { maxEventAge: EVENT_AGE });
  }

  private rule(name: string, what: string, when: Pick<RuleProps, 'eventPattern' | 'schedule'>, props: LambdaFunctionProps): void {
    const target = new Target(this.functions.get(name), { deadLetterQueue: this.queues.undelivered, ...props });
    new Rule(this, what, { ruleName: this.stack.names.named(what), targets: [target], ...when });
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
