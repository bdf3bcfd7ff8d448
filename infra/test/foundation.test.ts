// What the first stack promises: a network that holds everybody, homes that refuse strangers, images
// that do not change, secrets that two roles read, a key that turns.

import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { at, type Json, many, statements, text } from '../checks/template.js';
import { addressesPerZone, privateMask } from '../lib/foundation/addresses.js';
import { poolReaders, tokenReaders } from '../lib/foundation/secrets.js';
import { Names } from '../lib/names.js';
import { synthesised } from './synthesis.js';

const template = () => synthesised().template('foundation');
const resources = (type: string) => synthesised().resources('foundation', type);
const holds = (mask: number) => 2 ** (32 - mask) - 5;

describe('the network', () => {
  it.each([1, 20, 250, 1000, 2000, 4000])('holds %i people when one zone is lost', (users) => {
    for (const zones of [2, 3]) {
      const left = holds(privateMask({ users, zones })) * (zones - 1);
      expect(left).toBeGreaterThanOrEqual(users * 1.25);
      expect(holds(privateMask({ users, zones }))).toBeGreaterThanOrEqual(addressesPerZone({ users, zones }) - 5);
    }
  });

  it('spans the zones, each with a private subnet of that size and a NAT gateway of its own', () => {
    const subnets = resources('AWS::EC2::Subnet').map(([, subnet]) => subnet.Properties!);
    const own = subnets.filter((subnet) => text(subnet.Tags!).includes('"Private"'));
    expect(own.map((subnet) => text(subnet.CidrBlock!).split('/')[1])).toEqual(['21', '21']);
    expect(new Set(own.map((subnet) => text(subnet.AvailabilityZone!))).size).toBe(2);
    expect(subnets.every((subnet) => subnet.MapPublicIpOnLaunch === false)).toBe(true);
    template().resourceCountIs('AWS::EC2::NatGateway', 2);
  });

  it('has three zones where three are wanted', () => {
    const three = synthesised('other');
    expect(three.resources('foundation', 'AWS::EC2::Subnet')).toHaveLength(6);
    expect(three.resources('foundation', 'AWS::EFS::MountTarget')).toHaveLength(3);
  });

  it('writes down who spoke to whom, for as long as logs are kept', () => {
    template().hasResourceProperties('AWS::EC2::FlowLog', { ResourceType: 'VPC', TrafficType: 'ALL' });
    template().hasResourceProperties('AWS::Logs::LogGroup', { LogGroupName: '/teamclaw/prod/flows', RetentionInDays: 90 });
  });

  it('reaches AWS without NAT, as this account alone', () => {
    const endpoints = resources('AWS::EC2::VPCEndpoint').map(([, endpoint]) => endpoint.Properties!);
    const names = endpoints.map((endpoint) => text(endpoint.ServiceName!));
    for (const service of ['s3', 'dynamodb', 'secretsmanager', 'sts', 'sqs', 'ecr.api', 'ecr.dkr', 'logs']) {
      expect(names.filter((name) => name.includes(`.${service}`)), service).toHaveLength(1);
    }
    const interfaces = endpoints.filter((endpoint) => endpoint.VpcEndpointType === 'Interface');
    for (const endpoint of interfaces) {
      expect(statements(endpoint.PolicyDocument!).map((s) => at(s.conditions, 'StringEquals', 'aws:PrincipalAccount'))).toEqual([{ Ref: 'AWS::AccountId' }]);
    }
    const cheap = synthesised('dev').resources('foundation', 'AWS::EC2::VPCEndpoint');
    expect(cheap.map(([, endpoint]) => endpoint.Properties!.VpcEndpointType)).toEqual(['Gateway', 'Gateway']);
  });
});

describe('the homes', () => {
  /** What the one call at a deployment puts, with a word for each thing's name. */
  const policy = () => {
    const [, parts] = at(synthesised().one('foundation', 'Custom::AWS').Create!, 'Fn::Join') as [string, Json[]];
    const call = JSON.parse(parts.map((part) => (typeof part === 'string' ? part : part !== null && 'Ref' in (part as object) ? text(at(part, 'Ref')) : 'access-point')).join('')) as { action: string; parameters: { FileSystemId: string; Policy: string } };
    expect(call.action).toBe('PutFileSystemPolicy');
    expect(call.parameters.FileSystemId).toBe(resources('AWS::EFS::FileSystem')[0]![0]);
    return statements(JSON.parse(call.parameters.Policy) as Json);
  };

  it('are encrypted with our key and backed up', () => {
    template().hasResourceProperties('AWS::EFS::FileSystem', {
      Encrypted: true, KmsKeyId: Match.anyValue(), BackupPolicy: { Status: 'ENABLED' }, ThroughputMode: 'elastic',
    });
  });

  it('let nobody in by the policy, so nobody anonymous', () => {
    expect(policy().filter((statement) => statement.effect !== 'Deny')).toEqual([]);
  });

  it('refuse who is root, unencrypted, or without an access point', () => {
    const denied = (action: string) => policy().filter((statement) => statement.actions.includes(action));
    expect(denied('*').map((statement) => statement.conditions)).toEqual([{ Bool: { 'aws:SecureTransport': 'false' } }]);
    expect(denied('elasticfilesystem:ClientMount').map((statement) => statement.conditions)).toContainEqual({ Null: { 'elasticfilesystem:AccessPointArn': 'true' } });
  });

  it('refuse root to everybody but by the access point of the cleaner, with keys that EFS enforces', () => {
    const [, { Properties }] = resources('AWS::EFS::AccessPoint')[0]!;
    expect(resources('AWS::EFS::AccessPoint')).toHaveLength(1);
    expect(Properties!.PosixUser).toEqual({ Uid: '0', Gid: '0' });
    expect(at(Properties!.RootDirectory!, 'Path')).toBe('/users');
    const denied = policy().filter((statement) => statement.actions.includes('elasticfilesystem:ClientRootAccess'));
    const exception = denied.map((statement) => at(statement.conditions, 'StringNotEquals')).filter((found) => found !== null);
    expect(exception).toHaveLength(1);
    expect(Object.keys(exception[0] as object)).toEqual(['elasticfilesystem:AccessPointArn']);
    expect(text(exception[0]!)).toContain('access-point');
    const keys = policy().flatMap(({ conditions }) => Object.values(conditions as Record<string, object>).flatMap((one) => Object.keys(one)));
    const enforced = ['aws:SecureTransport', 'elasticfilesystem:AccessPointArn', 'elasticfilesystem:AccessedViaMountTarget'];
    expect(keys.filter((key) => !enforced.includes(key))).toEqual([]);
  });

  it('have mount targets whose group lets nobody in yet', () => {
    expect(resources('AWS::EFS::MountTarget')).toHaveLength(2);
    const group = resources('AWS::EC2::SecurityGroup').find(([id]) => id.startsWith('HomesGroup'))![1];
    expect(group.Properties!.SecurityGroupIngress).toBeUndefined();
  });
});

describe('images, secrets and the key', () => {
  it('are three repositories whose tags never move and whose pushes are scanned', () => {
    const repositories = resources('AWS::ECR::Repository').map(([, repository]) => repository.Properties!);
    expect(repositories.map((repository) => repository.RepositoryName)).toEqual(['tc-prod-agent', 'tc-prod-sidecar', 'tc-prod-router']);
    for (const repository of repositories) {
      expect(repository.ImageTagMutability).toBe('IMMUTABLE');
      expect(repository.ImageScanningConfiguration).toEqual({ ScanOnPush: true });
      expect(at(repository.EncryptionConfiguration!, 'EncryptionType')).toBe('KMS');
    }
  });

  it('are a pool and a token secret under their names, encrypted with our key', () => {
    const secrets = resources('AWS::SecretsManager::Secret').map(([, secret]) => secret.Properties!);
    expect(secrets.map((secret) => secret.Name)).toEqual(['prod/teamclaw/api-keys', 'prod/teamclaw/token-secret']);
    expect(secrets.every((secret) => secret.KmsKeyId !== undefined)).toBe(true);
    // The one value that stands in a template is the empty pool.
    expect(secrets.map((secret) => secret.SecretString)).toEqual(['{"providers":{}}', undefined]);
  });

  it('are read by few roles, and not by administrators of the account', () => {
    const policies = resources('AWS::SecretsManager::ResourcePolicy').map(([, found]) => statements(found.Properties!.ResourcePolicy!));
    const allowed = policies.map((policy) => {
      expect(policy.map(({ effect }) => effect)).toEqual(['Deny']);
      expect(policy[0]!.actions).toContain('secretsmanager:GetSecretValue');
      return many(at(policy[0]!.conditions, 'StringNotEquals', 'aws:PrincipalArn')).map((arn) => /:role\/([\w-]+)/.exec(text(arn))?.[1]);
    });
    const names = new Names('prod');
    expect(allowed).toEqual([poolReaders(names), tokenReaders(names, 'router')]);
    expect(poolReaders(names)).toContain('tc-prod-lease');
  });

  it('are a key that turns, and that principals use through services alone', () => {
    template().hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
    const policy = statements(resources('AWS::KMS::Key')[0]![1].Properties!.KeyPolicy!);
    const open = policy.filter((statement) => text(statement.principals) === '{"AWS":"*"}');
    expect(open).toHaveLength(1);
    expect(at(open[0]!.conditions, 'StringEquals', 'kms:CallerAccount')).toEqual({ Ref: 'AWS::AccountId' });
    expect(many(at(open[0]!.conditions, 'StringEquals', 'kms:ViaService')).map(text)).toContain('dynamodb.eu-west-1.amazonaws.com');
  });

  it('outlive their stack in production, and go with a trial', () => {
    const kept = ['AWS::EFS::FileSystem', 'AWS::ECR::Repository', 'AWS::SecretsManager::Secret', 'AWS::KMS::Key'];
    for (const type of kept) for (const [id, resource] of resources(type)) expect(resource.DeletionPolicy, id).toBe('Retain');
  });
});
