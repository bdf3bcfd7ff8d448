// The four templates deploy to a local AWS, in order, finding each other by parameters alone. What the
// local AWS does not know is listed here, type by type; when anything else fails, or a type is no longer
// unknown, this test fails.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, TemplateJson } from '../checks/template.js';
import { STACKS } from '../lib/names.js';
import { FUNCTIONS } from '../lib/sources.js';
import { ACCOUNT, LocalAws } from './local-aws.js';
import { synthesised, WANTED } from './synthesis.js';

/** The types of resources that ministack 1.5.33 does not make. */
const LEFT_OUT: readonly string[] = [
  'AWS::ApplicationAutoScaling::ScalableTarget',
  'AWS::ApplicationAutoScaling::ScalingPolicy',
  'AWS::Athena::NamedQuery',
  'AWS::Budgets::Budget',
  'AWS::EC2::EIP',
  'AWS::EC2::FlowLog',
  'AWS::EC2::NatGateway',
  'AWS::EC2::SecurityGroupEgress',
  'AWS::EC2::SecurityGroupIngress',
  'AWS::ECS::ClusterCapacityProviderAssociations',
  'AWS::Events::Archive',
  'AWS::SecretsManager::ResourcePolicy',
];

/** What is made by a function at the deployment: it would never answer, for it is empty here. */
const BY_FUNCTIONS: readonly string[] = ['Custom::AWS'];

/** An empty zip archive: no function runs here. */
const EMPTY_ZIP = new Uint8Array([0x50, 0x4b, 5, 6, ...new Array<number>(18).fill(0)]);
const { env, region } = WANTED.dev;
const ASSETS = `cdk-hnb659fds-assets-${ACCOUNT}-${region}`;

let aws: LocalAws;
beforeAll(async () => {
  aws = await LocalAws.start(region);
  await aws.makeBucket(ASSETS);
  await aws.putParameter('/cdk-bootstrap/hnb659fds/version', '30');
});
afterAll(() => aws?.stop());

/** A template without the resources of some types, and without what refers to them. */
function without(template: TemplateJson, types: readonly string[]): TemplateJson {
  const gone = new Set(Object.entries(template.Resources).filter(([, { Type }]) => types.includes(Type)).map(([id]) => id));
  const clean = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(clean);
    if (value === null || typeof value !== 'object') return value;
    const object = value as { readonly [key: string]: Json };
    const target = object.Ref ?? (object['Fn::GetAtt'] as Json[] | undefined)?.[0];
    if (typeof target === 'string' && gone.has(target)) return 'left-out';
    const entries = Object.entries(object).map(([key, inner]): [string, Json] => [key, key === 'DependsOn' ? waits(inner, gone) : clean(inner)]);
    return Object.fromEntries(entries);
  };
  const resources = Object.entries(template.Resources).filter(([id]) => !gone.has(id)).map(([id, resource]) => [id, clean(resource as never)]);
  return { ...template, Resources: Object.fromEntries(resources) as TemplateJson['Resources'] };
}

function waits(on: Json, gone: ReadonlySet<string>): Json {
  return (Array.isArray(on) ? on : [on]).filter((id) => !gone.has(String(id)));
}

async function upload(name: string, template: TemplateJson): Promise<string> {
  for (const [asset] of JSON.stringify(template).matchAll(/[0-9a-f]{64}\.zip/g)) await aws.putObject(ASSETS, asset, EMPTY_ZIP);
  return aws.putObject(ASSETS, `${name}.json`, JSON.stringify(template));
}

describe('the templates', () => {
  it.each(STACKS)('of %s deploy, but for what the local AWS does not know', async (name) => {
    const whole = without(synthesised('dev').json(name), BY_FUNCTIONS);
    const used = new Set(Object.values(whole.Resources).map(({ Type }) => Type));
    const expected = LEFT_OUT.filter((type) => used.has(type));
    const stack = `tc-${env}-${name}`;
    // A template with an unknown type is refused before anything is made, and the refusal names all of them.
    const refusal = await aws.deploy(stack, await upload(name, whole)).then(() => '', String);
    const unknown = /Unrecognized resource types: \[([^\]]*)\]/.exec(refusal)?.[1]?.split(', ') ?? [];
    expect(unknown.sort(), refusal.slice(0, 500)).toEqual(expected);
    if (expected.length > 0) await aws.deploy(stack, await upload(name, without(whole, LEFT_OUT)));
    else expect(refusal).toBe('');
  });

  it('make what the engine asks for by its names', async () => {
    expect(await aws.parameter(`/tc/${env}/cluster/name`)).toBe(`tc-${env}`);
    expect(await aws.parameter(`/tc/${env}/admin/api-url`)).toContain('http');
    const tables = (await aws.json('dynamodb', 'DynamoDB_20120810.ListTables', {})) as { TableNames: string[] };
    expect(tables.TableNames).toContain(`tc-${env}-journal`);
    const queue = (await aws.json('sqs', 'AmazonSQS.GetQueueUrl', { QueueName: `tc-${env}-compute` })) as { QueueUrl: string };
    const attributes = (await aws.json('sqs', 'AmazonSQS.GetQueueAttributes', { QueueUrl: queue.QueueUrl, AttributeNames: ['All'] })) as { Attributes: Record<string, string> };
    expect(JSON.parse(attributes.Attributes.RedrivePolicy!)).toMatchObject({ maxReceiveCount: 20 });
    const secret = (await aws.json('secretsmanager', 'secretsmanager.GetSecretValue', { SecretId: `${env}/teamclaw/api-keys` })) as { SecretString: string };
    expect(secret.SecretString).toBe('{"providers":{}}');
    for (const { name } of FUNCTIONS) expect(await aws.parameter(`/tc/${env}/function/${name}`)).toContain(`:tc-${env}-${name}`);
  });
});
