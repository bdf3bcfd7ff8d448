// Which of AWS's own events concern this environment.

import type { EventPattern } from 'aws-cdk-lib/aws-events';
import type { EnvironmentStack } from '../stack.js';

/** The label of a version that holds new keys: lambdas/src/rotate.rs, `OFFERED`. */
export const NEW_KEYS = 'TEAMCLAW_NEW';

/** The patterns, by the function that is told and the rule that tells it. */
export function eventPatterns(stack: EnvironmentStack): Readonly<Record<string, Readonly<Record<string, EventPattern>>>> {
  return {
    observer: { 'task-changes': taskChanges(stack) },
    rotation: { 'new-keys': newKeys(stack), 'secret-rotated': rotations(stack) },
  };
}

/** ECS tells of every cluster; this is ours, and of its tasks those of agents (started by us, not by a service). */
function taskChanges(stack: EnvironmentStack): EventPattern {
  return {
    source: ['aws.ecs'],
    detailType: ['ECS Task State Change'],
    detail: {
      clusterArn: [stack.found('clusterArn')],
      group: [{ 'anything-but': { prefix: 'service:' } }],
    },
  };
}

/**
 * Somebody has put new keys beside the pool, under the label that lambdas/src/rotate.rs looks for. Secrets
 * Manager tells by itself, without CloudTrail (secretsmanager/latest/userguide/secret-event-notifications.html).
 * What our own functions write has other labels.
 */
function newKeys(stack: EnvironmentStack): EventPattern {
  return {
    source: ['aws.secretsmanager'],
    detailType: ['Secret Label Updated'],
    detail: { name: [stack.names.poolSecret()], labelUpdated: [NEW_KEYS] },
  };
}

/**
 * Somebody rotates the pool's secret. They come by CloudTrail, if the account has a trail, with the ARN in three places by the age and
 * kind of the event: `arn`, `aRN` (secretsmanager/latest/userguide/monitoring-eventbridge.html) and
 * `SecretId`. What our own functions write is no rotation: they put versions and never call RotateSecret.
 */
function rotations(stack: EnvironmentStack): EventPattern {
  const arn = [stack.found('poolSecret')];
  return {
    source: ['aws.secretsmanager'],
    detailType: ['AWS API Call via CloudTrail', 'AWS Service Event via CloudTrail'],
    detail: {
      eventSource: ['secretsmanager.amazonaws.com'],
      eventName: ['RotateSecret', 'RotationStarted', 'RotationSucceeded'],
      $or: [
        { responseElements: { arn } },
        { responseElements: { aRN: arn } },
        { additionalEventData: { SecretId: arn } },
      ],
    },
  };
}
