// Who is refused at the file system. Its policy names the cleaner's access point, which is made of the
// file system, so that CloudFormation, which takes a policy as a property of the file system alone, would
// go round in a circle: the policy is put by a call of its own. EFS enforces four condition keys for NFS
// clients and no other, so no role can be named in a condition
// (efs/latest/ug/iam-access-control-nfs-efs.html).

import { Duration } from 'aws-cdk-lib';
import type { AccessPoint, FileSystem } from 'aws-cdk-lib/aws-efs';
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import type { Construct } from 'constructs';
import { because } from '../acknowledged.js';
import { functionLogs, grant } from '../grants.js';
import type { EnvironmentStack } from '../stack.js';

const NAME = 'homes-policy';
const CLIENT = ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite', 'elasticfilesystem:ClientRootAccess'];

/** Puts the policy. There is no Allow in it, so nobody without a role gets in. */
export function putPolicy(scope: Construct, stack: EnvironmentStack, files: FileSystem, root: AccessPoint): void {
  const role = new Role(scope, 'PolicyRole', {
    roleName: stack.names.functionRole(NAME),
    description: 'Puts the policy of the file system of homes, and nothing else',
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  });
  grant(role, stack, [{ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], on: `log-group/${NAME}` }]);
  const logGroup = new LogGroup(scope, 'PolicyLogs', {
    logGroupName: functionLogs(stack, NAME),
    retention: stack.config.logDays as RetentionDays,
    removalPolicy: stack.removal,
  });
  const put = new AwsCustomResource(scope, 'Policy', {
    functionName: stack.names.named(NAME),
    onUpdate: {
      service: 'EFS',
      action: 'PutFileSystemPolicy',
      parameters: { FileSystemId: files.fileSystemId, Policy: stack.toJsonString(refusals(root.accessPointArn).toJSON()) },
      physicalResourceId: PhysicalResourceId.of(NAME),
    },
    policy: AwsCustomResourcePolicy.fromStatements([
      new PolicyStatement({ actions: ['elasticfilesystem:PutFileSystemPolicy'], resources: [files.fileSystemArn] }),
    ]),
    role,
    logGroup,
    installLatestAwsSdk: false,
    timeout: Duration.minutes(2),
  });
  put.node.addDependency(root);
  because(stack, 'AwsSolutions-L1', "The function that makes one call at a deployment has the runtime that CDK's own release was tested with");
}

/** Everybody who is unencrypted, without an access point, or root by another than the cleaner's. */
export function refusals(root: string): PolicyDocument {
  const deny = (sid: string, actions: string[], conditions: Record<string, Record<string, string>>) =>
    new PolicyStatement({ sid, effect: Effect.DENY, principals: [new AnyPrincipal()], actions, resources: ['*'], conditions });
  return new PolicyDocument({
    statements: [
      deny('NothingUnencrypted', ['*'], { Bool: { 'aws:SecureTransport': 'false' } }),
      deny('NobodyElseIsRoot', ['elasticfilesystem:ClientRootAccess'], { StringNotEquals: { 'elasticfilesystem:AccessPointArn': root } }),
      deny('OnlyThroughAnAccessPoint', CLIENT, { Null: { 'elasticfilesystem:AccessPointArn': 'true' } }),
      deny('OnlyThroughAMountTarget', CLIENT, { Bool: { 'elasticfilesystem:AccessedViaMountTarget': 'false' } }),
    ],
  });
}
