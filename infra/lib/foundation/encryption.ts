// One customer key for what lies at rest: homes, secrets, tables. It turns by itself every year.
//
// Who may use a table or a secret may use the key *through that service*, as with AWS's own keys, so
// that no role needs a word about encryption: what a role may do stays what functions.json says.

import { AccountRootPrincipal, AnyPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';

/** The services through which this account's principals use the key. */
export const THROUGH = ['dynamodb', 'elasticfilesystem', 'secretsmanager', 'ecr', 'backup'] as const;

/** The environment's key. */
export class Encryption extends Construct {
  readonly key: Key;

  constructor(stack: EnvironmentStack) {
    super(stack, 'Encryption');
    const administration = new PolicyStatement({
      sid: 'TheAccountAdministersTheKey',
      principals: [new AccountRootPrincipal()],
      actions: ['kms:*'],
      resources: ['*'],
    });
    const use = new PolicyStatement({
      sid: 'ThroughTheServicesThatKeepData',
      principals: [new AnyPrincipal()],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:CreateGrant', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: {
        StringEquals: {
          'kms:CallerAccount': stack.account,
          'kms:ViaService': THROUGH.map((service) => `${service}.${stack.region}.amazonaws.com`),
        },
      },
    });
    this.key = new Key(this, 'Key', {
      alias: `alias/${stack.names.cluster()}`,
      description: `TeamClaw ${stack.config.env}: homes, secrets, tables`,
      enableKeyRotation: true,
      policy: new PolicyDocument({ statements: [administration, use] }),
      removalPolicy: stack.removal,
    });
    stack.publish('key', this.key.keyArn);
  }
}
