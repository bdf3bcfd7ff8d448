// What the second stack promises: a router in two zones behind CloudFront alone, agents that nobody else
// reaches, and roles of agents that can do nothing but mount.

import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { agentRoles, boundary, unboundedMakers, waysToAgents } from '../checks/agents.js';
import { grantedTo } from '../checks/policies.js';
import { at, many, text, type TemplateJson } from '../checks/template.js';
import { image } from '../lib/cluster/agents.js';
import { ORIGIN_HEADER } from '../lib/cluster/front.js';
import { AGENT_PORT } from '../lib/cluster/groups.js';
import { synthesised, Synthesised, WANTED } from './synthesis.js';

const template = () => synthesised().template('cluster');
const json = () => synthesised().json('cluster');
const group = (name: string, from: TemplateJson = json()) => Object.keys(from.Resources).find((id) => id.startsWith(`Groups${name}`) && from.Resources[id]!.Type === 'AWS::EC2::SecurityGroup')!;

describe('agents', () => {
  it('run on Fargate, or on Spot where that is wanted', () => {
    const associated = (which: 'prod' | 'dev') => synthesised(which).one('cluster', 'AWS::ECS::ClusterCapacityProviderAssociations');
    expect(associated('prod').CapacityProviders).toEqual(['FARGATE', 'FARGATE_SPOT']);
    expect(associated('prod').DefaultCapacityProviderStrategy).toEqual([{ CapacityProvider: 'FARGATE', Weight: 1 }]);
    expect(associated('dev').DefaultCapacityProviderStrategy).toEqual([{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }]);
  });

  it('may at the very most mount one file system through an access point', () => {
    expect(boundary(json())).toEqual([]);
    expect(agentRoles(json())).toEqual([]);
    template().hasResourceProperties('AWS::IAM::ManagedPolicy', { Path: '/teamclaw/agents/prod/', ManagedPolicyName: 'tc-prod-agent-boundary' });
  });

  it('hear from the router alone, at one port', () => {
    expect(waysToAgents(json(), group('Agents'))).toEqual([
      { port: `${AGENT_PORT}-${AGENT_PORT}`, from: text({ 'Fn::GetAtt': [group('Router'), 'GroupId'] }) },
    ]);
  });

  it('hear from the load balancer too where each has a target group', () => {
    const other = synthesised('other').json('cluster');
    const from = waysToAgents(other, group('Agents', other)).map((way) => way.from);
    expect(from.map((source) => /Groups(Router|LoadBalancer)/.exec(source)?.[1]).sort()).toEqual(['LoadBalancer', 'Router']);
  });

  it('speak to the web, to AWS and to the homes, and to nothing else', () => {
    const own = json().Resources[group('Agents')]!.Properties!;
    const out = many(own.SecurityGroupEgress!).map((rule) => [at(rule, 'CidrIp'), at(rule, 'FromPort')]);
    expect(out).toEqual([['0.0.0.0/0', 443], ['0.0.0.0/0', 80]]);
    const beside = synthesised().resources('cluster', 'AWS::EC2::SecurityGroupEgress').map(([, rule]) => rule.Properties!).filter((rule) => text(rule.GroupId!).includes(group('Agents')));
    expect(beside.map((rule) => rule.FromPort)).toEqual([2049]);
    template().hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 2049, ToPort: 2049, SourceSecurityGroupId: { 'Fn::GetAtt': [group('Agents'), 'GroupId'] },
      GroupId: { Ref: Match.stringLikeRegexp('efssecuritygroup') },
    });
  });

  it('are emptied by a function whose group nobody speaks to', () => {
    const cleaner = group('Cleaner');
    expect(many(json().Resources[cleaner]!.Properties!.SecurityGroupEgress!).map((rule) => [at(rule, 'CidrIp'), at(rule, 'FromPort')])).toEqual([['0.0.0.0/0', 443]]);
    expect(waysToAgents(json(), cleaner)).toEqual([]);
    template().hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 2049, ToPort: 2049, SourceSecurityGroupId: { 'Fn::GetAtt': [cleaner, 'GroupId'] },
      GroupId: { Ref: Match.stringLikeRegexp('efssecuritygroup') },
    });
  });

  it('have images and logs that the engine is told of', () => {
    expect(image('repository', '1.2.3')).toBe('repository:1.2.3');
    expect(image('repository', `sha256:${'a'.repeat(64)}`)).toBe(`repository@sha256:${'a'.repeat(64)}`);
    for (const name of ['agents', 'sidecars', 'router']) {
      template().hasResourceProperties('AWS::Logs::LogGroup', { LogGroupName: `/teamclaw/prod/${name}`, RetentionInDays: 90 });
    }
  });

  it('are pulled and logged by a role that can do that alone', () => {
    const [id] = synthesised().resources('cluster', 'AWS::IAM::Role').find(([, role]) => role.Properties!.RoleName === 'tc-prod-execution')!;
    const actions = grantedTo(json(), id).flatMap((statement) => statement.actions);
    expect(actions.filter((action) => !action.startsWith('ecr:') && !action.startsWith('logs:'))).toEqual([]);
    expect(unboundedMakers(json())).toEqual([]);
  });
});

describe('the router', () => {
  it('is two tasks at least, replaced without a gap and rolled back', () => {
    template().hasResourceProperties('AWS::ECS::Service', {
      DesiredCount: 2,
      EnableExecuteCommand: false,
      DeploymentConfiguration: { MinimumHealthyPercent: 100, DeploymentCircuitBreaker: { Enable: true, Rollback: true } },
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED', SecurityGroups: [{ 'Fn::GetAtt': [group('Router'), 'GroupId'] }] } },
    });
    template().hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', { MinCapacity: 2, MaxCapacity: 10 });
  });

  it('cannot write to its disk, is nobody, and has no capability', () => {
    const [task] = many(synthesised().one('cluster', 'AWS::ECS::TaskDefinition').ContainerDefinitions!);
    expect(at(task!, 'ReadonlyRootFilesystem')).toBe(true);
    expect(at(task!, 'User')).toBe('65532:65532');
    expect(at(task!, 'LinuxParameters', 'Capabilities', 'Drop')).toEqual(['ALL']);
    expect(at(task!, 'Privileged')).not.toBe(true);
    const names = many(at(task!, 'Environment')).map((one) => at(one, 'Name'));
    expect(names).toEqual(['TEAMCLAW_ENV', 'TEAMCLAW_LISTEN', 'TEAMCLAW_ORIGINS']);
  });

  it('is an ARM64 program unless config says otherwise', () => {
    template().hasResourceProperties('AWS::ECS::TaskDefinition', { RuntimePlatform: { CpuArchitecture: 'ARM64' } });
    const x86 = new Synthesised({ ...WANTED.dev, architecture: 'x86_64' });
    x86.template('cluster').hasResourceProperties('AWS::ECS::TaskDefinition', { RuntimePlatform: { CpuArchitecture: 'X86_64' } });
  });
});

describe('the front door', () => {
  it('refuses whoever does not know the secret of the origin', () => {
    template().hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Port: 443, Protocol: 'HTTPS', SslPolicy: 'ELBSecurityPolicy-TLS13-1-2-Res-2021-06',
      DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '403' } }],
    });
    const rules = synthesised().resources('cluster', 'AWS::ElasticLoadBalancingV2::ListenerRule').map(([, rule]) => rule.Properties!);
    expect(rules).toHaveLength(1);
    const [condition] = many(rules[0]!.Conditions!);
    expect(at(condition!, 'HttpHeaderConfig', 'HttpHeaderName')).toBe(ORIGIN_HEADER);
    expect(text(at(condition!, 'HttpHeaderConfig', 'Values'))).toContain('{{resolve:secretsmanager:');
  });

  it('is reached by CloudFront alone, which says the secret and speaks TLS', () => {
    const balancer = json().Resources[group('LoadBalancer')]!.Properties!;
    expect(balancer.SecurityGroupIngress).toBeUndefined();
    template().hasResourceProperties('AWS::EC2::SecurityGroupIngress', { SourcePrefixListId: 'pl-00000000', FromPort: 443, ToPort: 443 });
    template().hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: {
        Origins: [{
          CustomOriginConfig: { OriginProtocolPolicy: 'https-only', OriginSSLProtocols: ['TLSv1.2'] },
          OriginCustomHeaders: [{ HeaderName: ORIGIN_HEADER, HeaderValue: Match.anyValue() }],
        }],
      },
    });
  });

  it('lets WebSockets through: every method, every header of the viewer, nothing cached', () => {
    const behaviour = at(synthesised().one('cluster', 'AWS::CloudFront::Distribution').DistributionConfig!, 'DefaultCacheBehavior');
    expect(many(at(behaviour, 'AllowedMethods'))).toContain('PATCH');
    // AWS's own ids of AllViewer and CachingDisabled (AmazonCloudFront/latest/DeveloperGuide/using-managed-*-policies.html).
    expect(at(behaviour, 'OriginRequestPolicyId')).toBe('216adef6-5c7f-47e4-b989-5492eafa07d3');
    expect(at(behaviour, 'CachePolicyId')).toBe('4135ea2d-6df8-44a3-9df3-4b5a84be39ad');
    expect(at(behaviour, 'ViewerProtocolPolicy')).toBe('https-only');
    const attributes = many(synthesised().one('cluster', 'AWS::ElasticLoadBalancingV2::LoadBalancer').LoadBalancerAttributes!);
    expect(attributes).toContainEqual({ Key: 'idle_timeout.timeout_seconds', Value: '600' });
    expect(attributes).toContainEqual({ Key: 'deletion_protection.enabled', Value: 'true' });
  });

  it('is not there where each person has a rule, and CloudFront answers to their host names', () => {
    const other = synthesised('other');
    expect(other.resources('cluster', 'AWS::ECS::Service')).toEqual([]);
    expect(other.resources('cluster', 'AWS::ElasticLoadBalancingV2::TargetGroup')).toEqual([]);
    const { name } = WANTED.other.domain;
    expect(at(other.one('cluster', 'AWS::CloudFront::Distribution').DistributionConfig!, 'Aliases')).toEqual([name, `*.${name}`]);
    expect(other.one('cluster', 'AWS::ElasticLoadBalancingV2::Listener').DefaultActions).toMatchObject([{ Type: 'fixed-response' }]);
  });

  it('has the check before all rules where each person has one', () => {
    synthesised('other').template('cluster').hasResourceProperties('AWS::WAFv2::WebACL', {
      Scope: 'REGIONAL', DefaultAction: { Block: {} },
      Rules: [Match.objectLike({ Action: { Allow: {} }, Statement: { ByteMatchStatement: Match.objectLike({ PositionalConstraint: 'EXACTLY' }) } })],
    });
    template().resourceCountIs('AWS::WAFv2::WebACL', 0);
  });
});
