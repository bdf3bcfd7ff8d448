// Everything that an operator must see has an alarm, and each says what it means and what to do. The
// list is `watched`; a metric of ours that no alarm or dashboard reads is found by a test.

import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { FilterPattern, LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';
import { SIDECAR_FILTERS, type Watched, watched } from './watched.js';

/** Where the filters on the sidecars' logs put their counts, apart from what functions tell. */
export const SIDECAR_NAMESPACE = 'TeamClaw/Sidecar';

/** The alarms and whom they tell. */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly alarms: Alarm[] = [];

  constructor(private readonly stack: EnvironmentStack) {
    super(stack, 'Alarms');
    const { config, names } = stack;
    this.topic = new Topic(this, 'Topic', { topicName: names.named('alarms'), displayName: `TeamClaw ${config.env}`, enforceSSL: true });
    for (const service of ['cloudwatch', 'budgets']) this.topic.grantPublish(new ServicePrincipal(`${service}.amazonaws.com`));
    if (config.alarmEmail !== undefined) this.topic.addSubscription(new EmailSubscription(config.alarmEmail));
    this.countSidecars();
    for (const one of watched(stack)) this.alarms.push(this.alarm(one));
    stack.publish('alarmTopic', this.topic.topicArn);
  }

  private alarm(one: Watched): Alarm {
    const alarm = new Alarm(this, one.name, {
      alarmName: this.stack.names.named(one.name),
      alarmDescription: `${one.what} ${one.doThis}`,
      metric: new Metric({
        namespace: one.namespace,
        metricName: one.metric,
        dimensionsMap: one.dimensions,
        statistic: one.statistic ?? Stats.MAXIMUM,
        period: Duration.minutes(one.minutes ?? 1),
      }),
      threshold: one.above,
      evaluationPeriods: one.periods ?? 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      // What says nothing has nothing to say, but for what must speak each minute.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
    return alarm;
  }

  /** Sidecars have no right to write metrics; their lines are counted. No agent writes to their group. */
  private countSidecars(): void {
    const logGroup = LogGroup.fromLogGroupName(this, 'SidecarLogs', this.stack.found('sidecarLogs'));
    for (const { metric, words } of SIDECAR_FILTERS) {
      new MetricFilter(this, `count-${metric}`, {
        logGroup,
        filterPattern: FilterPattern.allTerms(words),
        metricNamespace: SIDECAR_NAMESPACE,
        metricName: `${this.stack.config.env}-${metric}`,
        metricValue: '1',
      });
    }
  }
}
