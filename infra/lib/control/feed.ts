// How a fact becomes known: whatever is written into the journal is announced on the bus, by the table's
// own stream, so that nothing is announced that was not recorded and nothing recorded is left out.
//
// A stream has two readers at the most, and both are taken: this pipe, and the function that puts facts
// into their order. A third reader listens to the bus.

import { Duration } from 'aws-cdk-lib';
import { Archive, EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnPipe } from 'aws-cdk-lib/aws-pipes';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';

/** The source and the type of what the pipe announces: aws/src/journal/mod.rs, "Announcing". */
export const SOURCE = 'teamclaw.journal';
export const DETAIL_TYPE = 'Recorded';

/** A new item that waits for its place in the order holds facts; nothing else does (aws/src/journal/mod.rs). */
export const NEW_FACTS = { eventName: ['INSERT'], dynamodb: { NewImage: { pending: { S: [{ exists: true }] } } } };

/** A fact is told within this time, together with what was recorded meanwhile. */
const WINDOW_SECONDS = 1;
/** Many, so that one item that cannot be sent holds up few others. */
const SHARD_READERS = 4;
/** How often it is tried before an item is set aside: the stream itself forgets after a day. */
const TRIES = 20;

/** The bus, its archive, and the pipe. */
export class Feed extends Construct {
  readonly bus: EventBus;
  readonly pipeName: string;

  /** `announcer` makes of an item what is told: its facts as JSON, however they lie in the table. */
  constructor(private readonly stack: EnvironmentStack, journalStream: string, private readonly announcer: IFunction, undelivered: IQueue) {
    super(stack, 'Feed');
    const { config, names } = stack;
    this.bus = new EventBus(this, 'Bus', { eventBusName: names.named('facts') });
    new Archive(this, 'Archive', {
      archiveName: names.named('facts'),
      description: 'Every fact that was announced, to be replayed',
      sourceEventBus: this.bus,
      eventPattern: { source: [SOURCE] },
      retention: Duration.days(config.archiveDays),
    });
    this.pipeName = names.named('announce');
    this.pipe(journalStream, undelivered);
    stack.publish('bus', this.bus.eventBusName);
  }

  private pipe(stream: string, undelivered: IQueue): void {
    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/vendedlogs/pipes/${this.pipeName}`,
      retention: this.stack.config.logDays as RetentionDays,
      removalPolicy: this.stack.removal,
    });
    new CfnPipe(this, 'Pipe', {
      name: this.pipeName,
      description: "Announces what is recorded in the journal",
      roleArn: this.role(stream, undelivered).roleArn,
      source: stream,
      sourceParameters: {
        filterCriteria: { filters: [{ pattern: JSON.stringify(NEW_FACTS) }] },
        dynamoDbStreamParameters: {
          startingPosition: 'TRIM_HORIZON',
          batchSize: 10,
          maximumBatchingWindowInSeconds: WINDOW_SECONDS,
          maximumRetryAttempts: TRIES,
          parallelizationFactor: SHARD_READERS,
          onPartialBatchItemFailure: 'AUTOMATIC_BISECT',
          deadLetterConfig: { arn: undelivered.queueArn },
        },
      },
      enrichment: this.announcer.functionArn,
      target: this.bus.eventBusArn,
      targetParameters: { eventBridgeEventBusParameters: { source: SOURCE, detailType: DETAIL_TYPE } },
      logConfiguration: { level: 'ERROR', cloudwatchLogsLogDestination: { logGroupArn: logs.logGroupArn } },
    });
  }

  private role(stream: string, undelivered: IQueue): Role {
    const allow = (actions: string[], resource: string) => new PolicyStatement({ actions, resources: [resource] });
    return new Role(this, 'Role', {
      roleName: this.stack.names.named('announce'),
      description: 'Reads the journal and tells the bus',
      assumedBy: new ServicePrincipal('pipes.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': this.stack.account } } }),
      inlinePolicies: {
        Announce: new PolicyDocument({
          statements: [
            allow(['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'], stream),
            allow(['lambda:InvokeFunction'], this.announcer.functionArn),
            allow(['events:PutEvents'], this.bus.eventBusArn),
            allow(['sqs:SendMessage'], undelivered.queueArn),
          ],
        }),
      },
    });
  }
}
