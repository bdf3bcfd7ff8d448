// Whether the month costs more than was planned.

import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';

/** Told early, and told when the forecast is over. */
const WARNINGS = [
  { notificationType: 'ACTUAL', threshold: 80 },
  { notificationType: 'ACTUAL', threshold: 100 },
  { notificationType: 'FORECASTED', threshold: 120 },
] as const;

/** The account's budget: an account is a cell, so its costs are ours. */
export class Money extends Construct {
  constructor(stack: EnvironmentStack, topic: ITopic) {
    super(stack, 'Money');
    new CfnBudget(this, 'Budget', {
      budget: {
        budgetName: stack.names.cluster(),
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: stack.config.budget.monthlyUsd, unit: 'USD' },
      },
      notificationsWithSubscribers: WARNINGS.map((warning) => ({
        notification: { ...warning, comparisonOperator: 'GREATER_THAN', thresholdType: 'PERCENTAGE' },
        subscribers: [{ subscriptionType: 'SNS', address: topic.topicArn }],
      })),
    });
  }
}
