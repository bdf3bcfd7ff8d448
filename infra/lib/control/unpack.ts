// The function that makes lines of what Firehose is given: `unpack/index.mjs`. It may write its log and
// nothing else.

import { Duration } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as Lambda, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { functionLogs, grant } from '../grants.js';
import type { EnvironmentStack } from '../stack.js';

const NAME = 'unpack';
const FOLDER = new URL('../../unpack', import.meta.url).pathname;
/** Firehose waits for up to five minutes; a minute is plenty for a megabyte. */
const TIMEOUT = Duration.minutes(1);

export function unpack(scope: Construct, stack: EnvironmentStack): Lambda {
  const role = new Role(scope, 'UnpackRole', {
    roleName: stack.names.functionRole(NAME),
    description: 'Makes lines of announced usage',
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  });
  grant(role, stack, [{ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], on: `log-group/${NAME}` }]);
  const logGroup = new LogGroup(scope, 'UnpackLogs', {
    logGroupName: functionLogs(stack, NAME),
    retention: stack.config.logDays as RetentionDays,
    removalPolicy: stack.removal,
  });
  return new Lambda(scope, 'Unpack', {
    functionName: stack.names.named(NAME),
    description: 'Makes lines of announced usage, for S3',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
    code: Code.fromAsset(FOLDER),
    memorySize: 256,
    timeout: TIMEOUT,
    role: role.withoutPolicyUpdates(),
    logGroup,
    loggingFormat: LoggingFormat.JSON,
  });
}
