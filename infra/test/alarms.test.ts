// Everything that an operator must see rings, says what it means and what to do, and somebody hears it.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { many, text } from '../checks/template.js';
import { SIDECAR_FILTERS, watched } from '../lib/control/watched.js';
import { FUNCTIONS } from '../lib/sources.js';
import { QUEUES } from '../lib/control/queues.js';
import { synthesised } from './synthesis.js';

const alarms = () => synthesised().resources('control-plane', 'AWS::CloudWatch::Alarm').map(([, alarm]) => alarm.Properties!);
const names = () => alarms().map((alarm) => text(alarm.AlarmName!).replace('tc-prod-', ''));

describe('alarms', () => {
  it('are there for all that an operator must see', () => {
    const wanted = [
      ...QUEUES.flatMap((queue) => [`${queue}-dead-letters`, `${queue}-late`]),
      ...FUNCTIONS.flatMap(({ name }) => [`${name}-errors`, `${name}-throttles`, `${name}-slow`]),
      'homes-late', 'renewals-refused', 'renewals-failed', 'parked', 'stuck', 'orphans', 'batch-lag', 'key-exhaustion', 'pool-unreadable', 'usage-lost', 'usage-refused', 'undelivered', 'pipe-failures', 'raw-usage-late',
    ];
    expect(wanted.filter((name) => !names().includes(name))).toEqual([]);
  });

  it('say what is wrong and what to do, and tell somebody that it began and ended', () => {
    for (const alarm of alarms()) {
      expect(text(alarm.AlarmDescription!).split('. ').length, text(alarm.AlarmName!)).toBeGreaterThanOrEqual(2);
      expect(many(alarm.AlarmActions!)).toHaveLength(1);
      expect(many(alarm.OKActions!)).toHaveLength(1);
    }
    synthesised().template('control-plane').hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'teamclaw-alarms@example.com' });
  });

  it('and the dashboard read every number that functions tell, by the names that they tell it', () => {
    const { metrics } = JSON.parse(readFileSync(new URL('../../lambdas/functions.json', import.meta.url), 'utf8')) as { metrics: { namespace: string; names: { name: string; by: string[] }[] } };
    const told = metrics.names.flatMap(({ name, by }) => by.map((from) => `${name} by ${from}`));
    const read = watched(synthesised().stack('control-plane')).filter(({ namespace }) => namespace === metrics.namespace).map(({ metric, dimensions }) => `${metric} by ${dimensions.Function}`);
    expect(read.filter((one) => !told.includes(one))).toEqual([]);
    const page = text(synthesised().one('control-plane', 'AWS::CloudWatch::Dashboard').DashboardBody!);
    const seen = (name: string) => read.some((one) => one.startsWith(`${name} `)) || page.includes(`\\"${name}\\"`);
    expect(metrics.names.map(({ name }) => name).filter((name) => !seen(name))).toEqual([]);
  });

  it('ring for money before the month is over', () => {
    const budget = synthesised().one('control-plane', 'AWS::Budgets::Budget');
    expect(text(budget.Budget!)).toContain('20000');
    expect(many(budget.NotificationsWithSubscribers!)).toHaveLength(3);
  });

  it('count lines that sidecars really write', () => {
    const sources = readdirSync(new URL('../../sidecar/src', import.meta.url), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.rs'));
    const code = sources.map((path) => readFileSync(new URL(`../../sidecar/src/${path}`, import.meta.url), 'utf8')).join('\n');
    for (const { words } of SIDECAR_FILTERS) expect(code, words).toContain(words);
  });

  it('are on one page with what runs', () => {
    const page = text(synthesised().one('control-plane', 'AWS::CloudWatch::Dashboard').DashboardBody!);
    for (const part of ['What is wrong', 'Parked', 'Oldest message', 'tc-prod-compute-dlq', 'Sequenced', 'TaskCount']) expect(page).toContain(part);
  });
});
