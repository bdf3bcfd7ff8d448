// The role that the broker lends to a sidecar for a quarter of an hour (aws/src/broker/policy.rs): read the
// pool, send usage, nothing else. The session's name is the workspace, by which SQS proves who sent a batch
// (DESIGN: "Keys").

import { Duration } from 'aws-cdk-lib';
import { ArnPrincipal, PolicyDocument, PolicyStatement, type Role as FunctionRole, Role } from 'aws-cdk-lib/aws-iam';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';

/** The shortest that IAM takes here; the broker asks for less (IAM/latest/APIReference/API_CreateRole.html). */
const SESSION_MAX = Duration.hours(1);

/** The role, and who may lend it. */
export class Lease extends Construct {
  readonly role: Role;

  constructor(stack: EnvironmentStack, broker: FunctionRole, usage: IQueue) {
    super(stack, 'Lease');
    this.role = new Role(this, 'Role', {
      roleName: stack.names.leaseRole(),
      description: 'Lent to sidecars by the broker, one session a workspace',
      assumedBy: new ArnPrincipal(broker.roleArn),
      maxSessionDuration: SESSION_MAX,
      inlinePolicies: {
        Sidecar: new PolicyDocument({
          statements: [
            new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [stack.found('poolSecret')] }),
            new PolicyStatement({ actions: ['sqs:GetQueueUrl', 'sqs:SendMessage'], resources: [usage.queueArn] }),
            // A session has what its role and its own policy both say, so the role says it too.
            new PolicyStatement({
              actions: ['kms:Decrypt'],
              resources: [stack.found('key')],
              conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${stack.region}.amazonaws.com` } },
            }),
          ],
        }),
      },
    });
    stack.publish('leaseRole', this.role.roleArn);
  }
}
