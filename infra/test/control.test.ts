// What the third stack promises: tables as the Rust side says them, queues that lose nothing, functions
// that may do what they are said to need, and one announcement of every fact.

import { readFileSync } from 'node:fs';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { granted, grantedTo } from '../checks/policies.js';
import { at, many, text } from '../checks/template.js';
import { NEW_FACTS } from '../lib/control/feed.js';
import { consumer, QUEUES, RECEIVES_MAX } from '../lib/control/queues.js';
import { NEW_KEYS } from '../lib/control/patterns.js';
import { FUNCTIONS, functionNamed, TABLES } from '../lib/sources.js';
import { synthesised } from './synthesis.js';

const root = new URL('../../', import.meta.url);
const template = () => synthesised().template('control-plane');
const json = () => synthesised().json('control-plane');
const resources = (type: string) => synthesised().resources('control-plane', type);

describe('tables', () => {
  it.each(TABLES.map((table) => [table.name, table] as const))('%s is as aws/tables.json says it', (_, spec) => {
    const table = synthesised().one('control-plane', 'AWS::DynamoDB::Table', `"tc-prod-${spec.name}"`);
    const keys = (of: { hash: string; range: string | null }) => [
      { AttributeName: of.hash, KeyType: 'HASH' },
      ...(of.range === null ? [] : [{ AttributeName: of.range, KeyType: 'RANGE' }]),
    ];
    expect(table.KeySchema).toEqual(keys(spec));
    const indexes = many(table.GlobalSecondaryIndexes ?? null).map((index) => [at(index, 'IndexName'), at(index, 'KeySchema'), at(index, 'Projection', 'ProjectionType')]);
    expect(indexes).toEqual(spec.indexes.map((index) => [index.name, keys(index), index.whole ? 'ALL' : 'KEYS_ONLY']));
    expect(at(table.TimeToLiveSpecification ?? null, 'AttributeName')).toBe(spec.expires);
    expect(at(table.StreamSpecification ?? null, 'StreamViewType')).toBe(spec.stream ? 'NEW_IMAGE' : null);
    for (const definition of many(table.AttributeDefinitions!)) expect(at(definition, 'AttributeType')).toBe('S');
  });

  it('can be restored to any second, are encrypted with our key, and are not deleted by accident', () => {
    expect(resources('AWS::DynamoDB::Table')).toHaveLength(TABLES.length);
    for (const [id, table] of resources('AWS::DynamoDB::Table')) {
      expect(at(table.Properties!.PointInTimeRecoverySpecification!, 'PointInTimeRecoveryEnabled'), id).toBe(true);
      expect(at(table.Properties!.SSESpecification!, 'SSEType'), id).toBe('KMS');
      expect(text(at(table.Properties!.SSESpecification!, 'KMSMasterKeyId')), id).toContain('kmskeyarn');
      expect(table.Properties!.DeletionProtectionEnabled, id).toBe(true);
      expect(table.Properties!.BillingMode, id).toBe('PAY_PER_REQUEST');
      expect(table.DeletionPolicy, id).toBe('Retain');
    }
  });
});

describe('queues', () => {
  it('set a message aside after as many receives as the engine believes', () => {
    const port = readFileSync(new URL('ports/src/queue.rs', root), 'utf8');
    expect(Number(/RECEIVES_MAX: u32 = (\d+);/.exec(port)![1])).toBe(RECEIVES_MAX);
  });

  it.each(QUEUES)('%s has dead letters, and hides a message for six times its function', (name) => {
    const queue = synthesised().one('control-plane', 'AWS::SQS::Queue', `"tc-prod-${name}"`);
    expect(at(queue.RedrivePolicy!, 'maxReceiveCount')).toBe(RECEIVES_MAX);
    const target = at(queue.RedrivePolicy!, 'deadLetterTargetArn', 'Fn::GetAtt') as string[];
    expect(json().Resources[target[0]!]!.Properties!.QueueName).toBe(`tc-prod-${name}-dlq`);
    expect(queue.VisibilityTimeout).toBe(consumer(name).visibilitySeconds);
    // As lambda/latest/dg/services-sqs-configure.html wants it.
    expect(queue.VisibilityTimeout).toBeGreaterThanOrEqual(6 * functionNamed(name).timeoutSeconds);
    expect(queue.MessageRetentionPeriod).toBe(14 * 24 * 3600);
    expect(queue.FifoQueue).toBeUndefined();
  });

  it.each(QUEUES)('%s hands over batches of which single messages may fail, so many at once', (name) => {
    const mapping = synthesised().one('control-plane', 'AWS::Lambda::EventSourceMapping', `"Queues${name}`);
    expect(mapping.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
    expect(at(mapping.ScalingConfig!, 'MaximumConcurrency')).toBe(consumer(name).maximumConcurrency);
    expect(mapping.BatchSize).toBe(consumer(name).batchSize);
    expect(consumer(name).maximumConcurrency).toBeGreaterThanOrEqual(2);
  });
});

describe('functions', () => {
  it.each(FUNCTIONS.map((one) => [one.name, one] as const))('%s is as lambdas/functions.json says it', (_, spec) => {
    const one = synthesised().one('control-plane', 'AWS::Lambda::Function', `"tc-prod-${spec.name}"`);
    expect(one.MemorySize).toBe(spec.memoryMb);
    expect(one.Timeout).toBe(spec.timeoutSeconds);
    expect(one.Runtime).toBe('provided.al2023');
    expect(one.Architectures).toEqual(['arm64']);
    const environment = at(one.Environment!, 'Variables') as Record<string, unknown>;
    expect(Object.keys(environment)).toEqual(['TEAMCLAW_ENV', 'TEAMCLAW_SETTINGS']);
    expect(one.ReservedConcurrentExecutions).toBe(spec.reservedConcurrency);
    // Of a throttled batch every message counts as received.
    expect(spec.reservedConcurrency === undefined || !('queue' in spec.trigger)).toBe(true);
  });

  it('that ask agents or mount homes are in the network, each in its group, and no other', () => {
    const inside = resources('AWS::Lambda::Function').map(([, one]) => one.Properties!).filter((one) => one.VpcConfig !== undefined);
    expect(inside.map((one) => one.FunctionName)).toEqual(['tc-prod-routing', 'tc-prod-cleaner']);
    const groups = inside.map((one) => text(at(one.VpcConfig!, 'SecurityGroupIds')));
    expect(groups[0]).toContain('routersecuritygroup');
    expect(groups[1]).toContain('cleanersecuritygroup');
  });

  it('that empty homes mount them by the access point that its role names, where settings say, and no other mounts any', () => {
    const mounting = resources('AWS::Lambda::Function').map(([, one]) => one.Properties!).filter((one) => one.FileSystemConfigs !== undefined);
    expect(mounting.map((one) => one.FunctionName)).toEqual(['tc-prod-cleaner']);
    const [mount] = many(mounting[0]!.FileSystemConfigs!);
    expect(text(at(mount!, 'Arn'))).toContain('efscleaneraccesspoint');
    expect(at(mount!, 'LocalMountPath')).toBe('/mnt/homes');
    expect(text(at(mounting[0]!.Environment!, 'Variables', 'TEAMCLAW_SETTINGS'))).toContain('\\"homesMount\\":\\"/mnt/homes\\"');
    const root = synthesised().all().flatMap(([, one]) => granted(one)).filter(({ statement }) => statement.actions.includes('elasticfilesystem:ClientRootAccess'));
    expect(root).toHaveLength(1);
    expect(root[0]!.roles.map((role) => json().Resources[role]!.Properties!.RoleName)).toEqual(['tc-prod-fn-cleaner']);
    expect(at(root[0]!.statement.conditions, 'StringEquals', 'elasticfilesystem:AccessPointArn')).toEqual(at(mount!, 'Arn'));
  });

  it('that must run each so many minutes do, and a missed run is not made up for', () => {
    const timed = FUNCTIONS.flatMap(({ name, trigger, timeoutSeconds }) => ('everyMinutes' in trigger ? [{ name, minutes: trigger.everyMinutes, timeoutSeconds }] : []));
    expect(timed.filter(({ minutes }) => minutes === 1).length).toBeGreaterThanOrEqual(3);
    for (const { name, minutes, timeoutSeconds } of timed) {
      // The next begins when it has ended, but for timers, which are looked after without a gap.
      if (name !== 'cron-wake') expect(timeoutSeconds).toBeLessThan(60 * minutes);
      template().hasResourceProperties('AWS::Events::Rule', {
        Name: `tc-prod-${name}`, ScheduleExpression: minutes === 1 ? 'rate(1 minute)' : `rate(${minutes} minutes)`,
        Targets: [Match.objectLike({ RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 } })],
      });
    }
  });

  it('hear of the tasks of our cluster, and set aside what failed', () => {
    const rule = synthesised().one('control-plane', 'AWS::Events::Rule', '"tc-prod-task-changes"');
    expect(at(rule.EventPattern!, 'detail-type')).toEqual(['ECS Task State Change']);
    expect(text(at(rule.EventPattern!, 'detail', 'clusterArn'))).toContain('clusterarn');
    expect(text(at(many(rule.Targets!)[0]!, 'DeadLetterConfig'))).toContain('Queuesundelivered');
    const observer = synthesised().one('control-plane', 'AWS::Lambda::Function', '"tc-prod-observer"');
    expect(text(observer.DeadLetterConfig!)).toContain('Queuesundelivered');
  });

  it('hear of a rotation of the pool, however the event spells its ARN', () => {
    const rule = synthesised().one('control-plane', 'AWS::Events::Rule', '"tc-prod-secret-rotated"');
    const or = many(at(rule.EventPattern!, 'detail', '$or')).map((one) => text(one).replaceAll(/\{"Ref":"[^"]+"\}/g, 'ARN'));
    expect(or).toEqual(['{"responseElements":{"arn":[ARN]}}', '{"responseElements":{"aRN":[ARN]}}', '{"additionalEventData":{"SecretId":[ARN]}}']);
    expect(many(at(rule.EventPattern!, 'detail', 'eventName'))).not.toContain('PutSecretValue');
    expect(synthesised().one('control-plane', 'AWS::Events::Rule', '"tc-prod-rotation-daily"').ScheduleExpression).toBe('rate(1 day)');
  });

  it('hear of new keys by the label that the Rust side looks for, and not of what they write themselves', () => {
    const rule = synthesised().one('control-plane', 'AWS::Events::Rule', '"tc-prod-new-keys"');
    expect(rule.EventPattern).toEqual({ source: ['aws.secretsmanager'], 'detail-type': ['Secret Label Updated'], detail: { name: ['prod/teamclaw/api-keys'], labelUpdated: [NEW_KEYS] } });
  });
});

describe('the feed', () => {
  it('announces what is new in the journal, and nothing that is merely put in order', () => {
    const pipe = synthesised().one('control-plane', 'AWS::Pipes::Pipe');
    const [filter] = many(at(pipe.SourceParameters!, 'FilterCriteria', 'Filters'));
    expect(JSON.parse(text(at(filter!, 'Pattern')))).toEqual(NEW_FACTS);
    expect(at(pipe.SourceParameters!, 'DynamoDBStreamParameters', 'DeadLetterConfig')).not.toBe(null);
    expect(at(pipe.SourceParameters!, 'DynamoDBStreamParameters', 'OnPartialBatchItemFailure')).toBe('AUTOMATIC_BISECT');
    // The journal's own words say what an announcement looks like.
    const words = readFileSync(new URL('aws/src/journal/mod.rs', root), 'utf8').replaceAll(/`\n\/\/! `/g, '');
    expect(text(pipe.Enrichment!)).toContain('Functionsannouncer');
    expect(at(pipe.TargetParameters!, 'InputTemplate')).toBe(null);
    expect(words).toContain(JSON.stringify(NEW_FACTS));
    expect(words).toContain(`detail type \`${text(at(pipe.TargetParameters!, 'EventBridgeEventBusParameters', 'DetailType'))}\``);
  });

  it('has a bus of its own with an archive', () => {
    template().hasResourceProperties('AWS::Events::EventBus', { Name: 'tc-prod-facts' });
    template().hasResourceProperties('AWS::Events::Archive', { ArchiveName: 'tc-prod-facts', RetentionDays: 30 });
  });

  it('has no more readers of the stream than a stream carries', () => {
    const mappings = resources('AWS::Lambda::EventSourceMapping').filter(([, one]) => text(one.Properties!.EventSourceArn!).includes('StreamArn'));
    expect(mappings.length + resources('AWS::Pipes::Pipe').length).toBeLessThanOrEqual(2);
    expect(text(mappings[0]![1].Properties!.FilterCriteria!)).toContain('pending');
  });
});

describe('people and leases', () => {
  it('are invited, use a second factor, and have two audiences', () => {
    template().hasResourceProperties('AWS::Cognito::UserPool', {
      AdminCreateUserConfig: { AllowAdminCreateUserOnly: true }, MfaConfiguration: 'ON', EnabledMfas: ['SOFTWARE_TOKEN_MFA'], DeletionProtection: 'ACTIVE',
    });
    const clients = resources('AWS::Cognito::UserPoolClient').map(([, client]) => client.Properties!);
    expect(clients.map((client) => client.ClientName)).toEqual(['tc-prod-people', 'tc-prod-operators']);
    for (const client of clients) {
      expect(client.AllowedOAuthFlows).toEqual(['code']);
      expect(client.GenerateSecret).toBe(false);
    }
    template().hasResourceProperties('AWS::Cognito::UserPoolGroup', { GroupName: 'teamclaw-admins' });
  });

  it('may be the company\'s own', () => {
    expect(synthesised('other').resources('control-plane', 'AWS::Cognito::UserPool')).toEqual([]);
    expect(synthesised('other').one('control-plane', 'AWS::SSM::Parameter', 'issuer/url').Value).toBe('https://login.example.com');
  });

  it('are lent a role by the broker alone that reads the pool and sends usage', () => {
    const [id, role] = resources('AWS::IAM::Role').find(([, one]) => one.Properties!.RoleName === 'tc-prod-lease')!;
    expect(text(at(many(at(role.Properties!.AssumeRolePolicyDocument!, 'Statement'))[0]!, 'Principal', 'AWS'))).toContain('Functionsbrokerrole');
    expect(role.Properties!.MaxSessionDuration).toBe(3600);
    const statements = grantedTo(json(), id).map((one) => [one.actions, text(one.resources as never)]);
    expect(statements.map(([actions]) => actions)).toEqual([['secretsmanager:GetSecretValue'], ['sqs:GetQueueUrl', 'sqs:SendMessage'], ['kms:Decrypt']]);
    expect(statements[0]![1]).toContain('secretsapikeys');
    expect(statements[1]![1]).toContain('Queuesusage');
  });
});

describe('raw usage', () => {
  it('goes from the bus to S3, a line a record, by day and hour', () => {
    const rule = synthesised().one('control-plane', 'AWS::Events::Rule', '"tc-prod-raw-usage"');
    expect(at(rule.EventPattern!, 'detail', 'envelopes')).toEqual([{ wildcard: '*"teamclaw.usage.recorded.*' }]);
    expect(readFileSync(new URL('events/src/event.rs', root), 'utf8')).toContain('"teamclaw.usage.recorded.');
    template().hasResourceProperties('AWS::KinesisFirehose::DeliveryStream', {
      ExtendedS3DestinationConfiguration: {
        Prefix: 'usage/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/', CompressionFormat: 'GZIP',
        ProcessingConfiguration: { Enabled: true, Processors: [Match.objectLike({ Type: 'Lambda' })] },
      },
    });
  });

  it('is a table whose partitions need no crawler, with three questions', () => {
    const table = at(synthesised().one('control-plane', 'AWS::Glue::Table').TableInput!, 'Parameters');
    expect(at(table, 'projection.enabled')).toBe('true');
    const queries = resources('AWS::Athena::NamedQuery').map(([, query]) => query.Properties!);
    expect(queries).toHaveLength(3);
    for (const query of queries) {
      expect(text(query.QueryString!)).toContain('"tc_prod"."usage"');
      expect(text(query.Description!).length).toBeGreaterThan(20);
    }
  });
});
