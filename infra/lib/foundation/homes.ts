// The homes' file system. Without a policy EFS lets in everybody who reaches a mount target, as root if
// they say so; with ours only a signed, encrypted mount through an access point remains, and what allows
// it is the role of the one task that may (aws/src/compute). One function is root, through an access
// point of its own: the cleaner, which empties what purges leave.

import { type IVpc, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { FileSystem, LifecyclePolicy, PerformanceMode, ThroughputMode } from 'aws-cdk-lib/aws-efs';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { EnvironmentStack } from '../stack.js';
import { putPolicy } from './homes-policy.js';

/** What the cleaner sees of the file system: every home (aws/src/homes/adapter.rs), and nothing beside them. */
const USERS = '/users';

/** The file system and who is refused. */
export class Homes extends Construct {
  constructor(stack: EnvironmentStack, vpc: IVpc, key: IKey) {
    super(stack, 'Homes');
    const group = new SecurityGroup(this, 'Group', {
      vpc,
      description: 'Mount targets: NFS from agents and the cleaner alone, whose stack adds the rules',
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
      removalPolicy: stack.removal,
    });
    const root = files.addAccessPoint('Cleaner', {
      path: USERS,
      posixUser: { uid: '0', gid: '0' },
      createAcl: { ownerUid: '0', ownerGid: '0', permissions: '0755' },
    });
    putPolicy(this, stack, files, root);
    stack.publish('fileSystem', files.fileSystemId);
    stack.publish('fileSystemGroup', group.securityGroupId);
    stack.publish('cleanerAccessPoint', root.accessPointArn);
  }
}
