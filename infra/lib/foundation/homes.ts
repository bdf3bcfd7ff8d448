// The homes' file system. Without a policy EFS lets in everybody who reaches a mount target, as root if
// they say so; with this one only a signed, encrypted mount through an access point remains, and what
// allows it is the role of the one task that may (aws/src/compute).

import { type IVpc, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { FileSystem, LifecyclePolicy, PerformanceMode, ThroughputMode } from 'aws-cdk-lib/aws-efs';
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';

const CLIENT = ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite', 'elasticfilesystem:ClientRootAccess'];

/** The file system and who is refused. There is no Allow in its policy, so nobody without a role gets in. */
export class Homes extends Construct {
  constructor(stack: EnvironmentStack, vpc: IVpc, key: IKey) {
    super(stack, 'Homes');
    const group = new SecurityGroup(this, 'Group', {
      vpc,
      description: 'Mount targets: NFS from agents alone, whose stack adds the rule',
      allowAllOutbound: false,
    });
    const files = new FileSystem(this, 'Files', {
      vpc,
      fileSystemName: stack.names.named('homes'),
      encrypted: true,
      kmsKey: key,
      securityGroup: group,
      vpcSubnets: { subnets: vpc.privateSubnets },
      performanceMode: PerformanceMode.GENERAL_PURPOSE,
      throughputMode: ThroughputMode.ELASTIC,
      lifecyclePolicy: LifecyclePolicy.AFTER_30_DAYS,
      enableAutomaticBackups: true,
      fileSystemPolicy: refusals(),
      removalPolicy: stack.removal,
    });
    stack.publish('fileSystem', files.fileSystemId);
    stack.publish('fileSystemGroup', group.securityGroupId);
  }
}

function refusals(): PolicyDocument {
  const deny = (sid: string, actions: string[], conditions: Record<string, Record<string, string>>) =>
    new PolicyStatement({ sid, effect: Effect.DENY, principals: [new AnyPrincipal()], actions, resources: ['*'], conditions });
  return new PolicyDocument({
    statements: [
      deny('NothingUnencrypted', ['*'], { Bool: { 'aws:SecureTransport': 'false' } }),
      deny('NobodyIsRoot', ['elasticfilesystem:ClientRootAccess'], {}),
      deny('OnlyThroughAnAccessPoint', CLIENT, { Null: { 'elasticfilesystem:AccessPointArn': 'true' } }),
      deny('OnlyThroughAMountTarget', CLIENT, { Bool: { 'elasticfilesystem:AccessedViaMountTarget': 'false' } }),
    ],
  });
}
