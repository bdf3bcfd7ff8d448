// The checks on all four templates, and that each of them can fail.

import { describe, expect, it } from 'vitest';
import { agentRoles, boundary, unboundedMakers } from '../checks/agents.js';
import { endless } from '../checks/logs.js';
import { foreignPolicies, wildcards } from '../checks/policies.js';
import { inTheOpen, withoutDeadLetters } from '../checks/queues.js';
import { differences, type Expected } from '../checks/roles.js';
import { readers } from '../checks/secrets.js';
import type { Json, TemplateJson } from '../checks/template.js';
import { poolReaders, tokenReaders } from '../lib/foundation/secrets.js';
import { Names } from '../lib/names.js';
import { platform } from '../lib/control/platform.js';
import { allowedIn } from '../lib/grants.js';
import { functionNamed, FUNCTIONS, type LambdaFunction } from '../lib/sources.js';
import { synthesised, WANTED, type Which } from './synthesis.js';

const every: Which[] = ['prod', 'dev', 'other'];
/** Every further one is a way to all keys: whoever adds it says why. Adding a key and rotating keys is making the pool anew from what it was. */
const POOL_READERS = ['fn-keys', 'fn-operator', 'fn-renewal', 'fn-rotation', 'lease'];
const TOKEN = /secretstokensecret|teamclaw\/token-secret/;
const POOL = /secretsapikeys|teamclaw\/api-keys/;

/** A template with one resource. */
function bad(Type: string, Properties: { [key: string]: Json }): TemplateJson {
  return { Resources: { Bad: { Type, Properties } } };
}
const policy = (statement: Json): { [key: string]: Json } => ({ Path: '/teamclaw/agents/prod/', PolicyDocument: { Statement: [statement] }, Roles: [{ Ref: 'Role' }] });

/** What a function's role must be, by the last part of each thing's name. */
function expected(one: LambdaFunction, which: Which): Expected[] {
  const mentions = (on: string) => (on === '*' ? '*' : on.startsWith('secret/api-keys') ? 'secretsapikeys' : on.startsWith('secret/') ? 'secretstokensecret' : WORDS[on.split('/')[0]!] ?? on.split('/').slice(1).join('/'));
  return [...allowedIn(WANTED[which].routing ?? 'router', one.allows), ...platform(one)].map(({ actions, on }) => ({ actions, mentions: mentions(on) }));
}
const WORDS: Readonly<Record<string, string>> = {
  stream: 'StreamArn', index: '/index/', 'agent-roles': 'role/teamclaw/agents/', 'execution-role': 'executionrole', 'lease-role': 'tc-prod-lease',
  'file-system': 'file-system/', 'mounted-homes': 'file-system/', 'access-point': 'access-point/', task: ':task/', 'task-definition': 'task-definition/', cluster: ':cluster/',
  listener: 'clusterlistener', 'listener-rule': 'listener-rule/', 'target-group': 'targetgroup/',
};

describe('checks', () => {
  it.each(every)('find nothing in %s', (which) => {
    for (const [name, template] of synthesised(which).all()) {
      const findings = [wildcards, foreignPolicies, agentRoles, unboundedMakers, withoutDeadLetters, inTheOpen, endless].flatMap((check) => check(template));
      expect(findings, name).toEqual([]);
    }
    expect(boundary(synthesised(which).json('cluster'))).toEqual([]);
  });

  it.each(every)('find that sidecars read the pool in %s, who changes keys, and nobody else', (which) => {
    const found = readers(synthesised(which).all().map(([, template]) => template), POOL);
    expect(found).toEqual(POOL_READERS.map((role) => `tc-${which}-${role}`));
    expect(poolReaders(new Names(which)).sort()).toEqual(found);
  });

  it.each(every)('find that the secret of tokens is read by those alone in %s that its own policy names', (which) => {
    const found = readers(synthesised(which).all().map(([, template]) => template), TOKEN);
    expect(found).toEqual(tokenReaders(new Names(which), WANTED[which].routing ?? 'router').sort());
    expect(found.length).toBeLessThanOrEqual(4);
  });

  it.each(FUNCTIONS.map((one) => [one.name, one] as const))('find the role of %s to be what functions.json allows', (name, one) => {
    expect(differences(synthesised().json('control-plane'), `tc-prod-fn-${name}`, expected(one, 'prod'))).toEqual([]);
  });

  it.each(['routing', 'sweeper'])('find that %s speaks to the load balancer with routing: alb, and has nothing to do with the routes of a router', (name) => {
    const one = functionNamed(name);
    const role = (which: Which) => differences(synthesised(which).json('control-plane'), `tc-${which}-fn-${name}`, expected(one, which));
    expect(role('other')).toEqual([]);
    const actions = (which: Which) => expected(one, which).filter(({ actions: [first] }) => first!.startsWith('elasticloadbalancing:'));
    expect(actions('prod')).toEqual([]);
    expect(actions('other').length).toBeGreaterThan(2);
    expect(expected(one, 'other').map(({ mentions }) => mentions)).not.toContain('routes');
  });

  it('find an action with a star on everything', () => {
    expect(wildcards(bad('AWS::IAM::Policy', policy({ Effect: 'Allow', Action: 's3:*', Resource: '*' })))).toHaveLength(1);
    expect(wildcards(bad('AWS::IAM::Policy', policy({ Effect: 'Allow', Action: 'ecr:GetAuthorizationToken', Resource: '*' })))).toEqual([]);
    expect(foreignPolicies(bad('AWS::IAM::Role', { ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] }))).toHaveLength(1);
  });

  it('find an agent that may do more than mount', () => {
    const wide = policy({ Effect: 'Allow', Action: ['elasticfilesystem:ClientMount', 's3:GetObject'], Resource: '*' });
    expect(boundary(bad('AWS::IAM::ManagedPolicy', wide)).length).toBeGreaterThanOrEqual(2);
    expect(boundary({ Resources: {} })).toHaveLength(1);
    expect(agentRoles(bad('AWS::IAM::Role', { Path: '/teamclaw/agents/prod/' }))).toHaveLength(1);
    expect(unboundedMakers(bad('AWS::IAM::Policy', policy({ Effect: 'Allow', Action: 'iam:CreateRole', Resource: 'x' })))).toHaveLength(1);
    expect(unboundedMakers(bad('AWS::IAM::Policy', policy({ Effect: 'Allow', Action: 'iam:PassRole', Resource: 'x' })))).toHaveLength(1);
  });

  it('find a third reader of the pool', () => {
    const template = bad('AWS::IAM::Policy', policy({ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: { Ref: 'SsmParametersecretsapikeys' } }));
    expect(readers([template], POOL)).toEqual(['Role']);
    expect(readers([bad('AWS::IAM::Policy', policy({ Effect: 'Allow', Action: '*', Resource: '*' }))], POOL)).toEqual(['Role']);
  });

  it('find a queue that loses messages or lets them travel in the open', () => {
    expect(withoutDeadLetters(bad('AWS::SQS::Queue', {}))).toHaveLength(1);
    expect(inTheOpen(bad('AWS::SQS::Queue', {}))).toHaveLength(1);
  });

  it('find logs without an end', () => {
    expect(endless(bad('AWS::Logs::LogGroup', {}))).toHaveLength(1);
    expect(endless(bad('AWS::Lambda::Function', {}))).toHaveLength(1);
    expect(endless(bad('AWS::ECS::TaskDefinition', { ContainerDefinitions: [{ Name: 'a' }] }))).toHaveLength(1);
  });

  it('find what a role lacks and what it has too much', () => {
    const template = bad('AWS::IAM::Role', { RoleName: 'r', Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: 'sqs:SendMessage', Resource: 'queue-a' }] } }] });
    expect(differences(template, 'r', [{ actions: ['sqs:SendMessage'], mentions: 'queue-a' }])).toEqual([]);
    expect(differences(template, 'r', [{ actions: ['sqs:SendMessage'], mentions: 'queue-b' }])).toEqual(['r may not sqs:SendMessage on queue-b']);
    expect(differences(template, 'r', [])).toEqual(['r may sqs:SendMessage, which nobody asked for']);
  });

  it('find that no stack imports another by name: they share parameters alone', () => {
    for (const which of every) {
      for (const [name, template] of synthesised(which).all()) {
        expect(JSON.stringify(template), name).not.toContain('Fn::ImportValue');
        expect(Object.values((template.Outputs ?? {}) as Record<string, { Export?: unknown }>).filter((output) => output.Export !== undefined), name).toEqual([]);
      }
    }
  });

  it('find that whatever a stack reads an earlier one wrote', () => {
    const written = new Set<string>();
    for (const [name, template] of synthesised().all()) {
      const read = Object.values((template.Parameters ?? {}) as Record<string, { Type: string; Default?: string }>).filter(({ Type, Default }) => Type.startsWith('AWS::SSM::Parameter::Value') && Default?.startsWith('/tc/'));
      expect(read.map(({ Default }) => Default).filter((parameter) => !written.has(parameter!)), name).toEqual([]);
      for (const [, { Properties }] of Object.entries(template.Resources).filter(([, { Type }]) => Type === 'AWS::SSM::Parameter')) written.add(String(Properties!.Name));
    }
    expect(written.size).toBeGreaterThan(30);
  });
});
