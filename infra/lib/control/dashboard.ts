// One page: what is wrong, how long people wait, what runs, what fails.

import { Duration } from 'aws-cdk-lib';
import { type Alarm, AlarmStatusWidget, Dashboard as Page, GraphWidget, type IMetric, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { FUNCTIONS } from '../sources.js';
import type { EnvironmentStack } from '../stack.js';
import { QUEUES } from './queues.js';
import { NAMESPACE } from './watched.js';

/** A page's whole width, in CloudWatch's columns. */
const WHOLE = 24;

/** The dashboard. */
export class Dashboard extends Construct {
  constructor(private readonly stack: EnvironmentStack, alarms: readonly Alarm[]) {
    super(stack, 'Dashboard');
    const { names, config } = stack;
    const page = new Page(this, 'Page', { dashboardName: names.cluster(), defaultInterval: Duration.hours(3) });
    page.addWidgets(new AlarmStatusWidget({ title: 'What is wrong', alarms: [...alarms], width: WHOLE, height: 6 }));
    page.addWidgets(
      this.graph('Messages that wait', QUEUES.map((queue) => this.metric('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: names.queue(queue) }, queue))),
      this.graph('Oldest message, seconds', QUEUES.map((queue) => this.metric('AWS/SQS', 'ApproximateAgeOfOldestMessage', { QueueName: names.queue(queue) }, queue))),
      this.graph('Set aside', QUEUES.map((queue) => this.metric('AWS/SQS', 'ApproximateNumberOfMessagesVisible', { QueueName: names.deadLetters(queue) }, queue))),
    );
    const told = (metric: string, from: string) => this.metric(NAMESPACE, metric, { Environment: config.env, Function: from }, `${metric} (${from})`);
    page.addWidgets(
      this.graph('Workspaces that need attention', ['Parked', 'Late', 'Suspected', 'Removed'].map((metric) => told(metric, 'sweeper'))),
      this.graph('Work', ['storage', 'compute', 'routing', 'keys', 'usage'].flatMap((from) => ['Handled', 'CameBack'].map((metric) => told(metric, from)))),
      this.graph('Facts put in order', [told('Sequenced', 'sequencer')]),
      this.graph('Purged homes, renewed tokens', [told('Emptied', 'cleaner'), told('Renewed', 'renewal')]),
    );
    const ofFunctions = (metric: string, statistic: string) =>
      FUNCTIONS.map(({ name }) => this.metric('AWS/Lambda', metric, { FunctionName: names.named(name) }, name, statistic));
    page.addWidgets(
      this.graph('Functions: errors', ofFunctions('Errors', 'Sum')),
      this.graph('Functions: milliseconds, p95', ofFunctions('Duration', 'p95')),
      this.graph('Tasks that run', [this.metric('ECS/ContainerInsights', 'TaskCount', { ClusterName: names.cluster() }, 'tasks')]),
    );
  }

  private graph(title: string, left: IMetric[]): GraphWidget {
    return new GraphWidget({ title, left, width: WHOLE / 3, height: 6 });
  }

  private metric(namespace: string, metricName: string, dimensionsMap: Record<string, string>, label: string, statistic = 'Maximum'): Metric {
    return new Metric({ namespace, metricName, dimensionsMap, label, statistic, period: Duration.minutes(1), region: this.stack.region });
  }
}
