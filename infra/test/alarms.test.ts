// Everything that an operator must see rings, says what it means and what to do, and somebody hears it.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { at, many, text } from '../checks/template.js';
import { SIDECAR_FILTERS } from '../lib/control/watched.js';
import { FUNCTIONS } from '../lib/sources.js';
import { QUEUES } from '../lib/control/queues.js';
import { synthesised } from './synthesis.js';

const source = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
interface Told { name: string; unit: string; by: string[] }
const METRICS = (JSON.parse(source('lambdas/functions.json')) as { metrics: { namespace: string; dimensions: string[]; names: Told[] } }).metrics;

const alarms = () => synthesised().resources('control-plane', 'AWS::CloudWatch::Alarm').map(([, alarm]) => alarm.Properties!);
/** The dashboard's metrics: a namespace, a name, and names and values of dimensions. */
function ofThePage(): string[][] {
  const body = synthesised().one('control-plane', 'AWS::CloudWatch::Dashboard').DashboardBody!;
  const parts = many(at(body, 'Fn::Join'))[1] ?? null;
  const whole = typeof body === 'string' ? body : many(parts).map((part) => (typeof part === 'string' ? part : 'TOKEN')).join('');
  const page = JSON.parse(whole) as { widgets: { properties: { metrics?: unknown[][] } }[] };
  return page.widgets.flatMap(({ properties }) => properties.metrics ?? []).map((metric) => metric.filter((part) => typeof part === 'string'));
}

const names = () => alarms().map((alarm) => text(alarm.AlarmName!).replace('tc-prod-', ''));

describe('alarms', () => {
  it('are there for all that an operator must see', () => {
    const wanted = [
      ...QUEUES.flatMap((queue) => [`${queue}-dead-letters`, `${queue}-late`]),
      ...FUNCTIONS.flatMap(({ name }) => [`${name}-errors`, `${name}-throttles`, `${name}-slow`]),
      'homes-late', 'renewals-refused', 'renewals-failed', 'parked', 'stuck', 'orphans', 'batch-lag', 'key-exhaustion', 'pool-unreadable', 'usage-lost', 'usage-refused', 'lease-contested', 'undelivered', 'pipe-failures', 'raw-usage-late',
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

  it('and the dashboard read every number that functions tell, by the names and dimensions that they tell it', () => {
    const told = METRICS.names.flatMap(({ name, by }) => by.map((from) => `${name} by tc-prod ${from}`));
    const rung = alarms().filter(({ Namespace }) => Namespace === METRICS.namespace).map(({ MetricName, Dimensions }) => {
      const value = (name: string) => text(at(many(Dimensions!).find((one) => at(one, 'Name') === name)!, 'Value'));
      expect(many(Dimensions!).map((one) => at(one, 'Name')).sort(), text(MetricName!)).toEqual(METRICS.dimensions);
      return `${text(MetricName!)} by tc-${value('Environment')} ${value('Function')}`;
    });
    const drawn = ofThePage().filter(([namespace]) => namespace === METRICS.namespace).map(([, name, ...rest]) => {
      const pairs = Object.fromEntries([[rest[0], rest[1]], [rest[2], rest[3]]]) as Record<string, string>;
      expect(Object.keys(pairs).sort(), name).toEqual(METRICS.dimensions);
      return `${name} by tc-${pairs.Environment} ${pairs.Function}`;
    });
    expect([...rung, ...drawn].filter((one) => !told.includes(one))).toEqual([]);
    const names = new Set([...rung, ...drawn].map((one) => one.split(' ')[0]));
    expect(METRICS.names.map(({ name }) => name).filter((name) => !names.has(name))).toEqual([]);
  });

  it('compare numbers in the unit in which they are told', () => {
    for (const alarm of alarms()) expect(alarm.Unit, text(alarm.AlarmName!)).toBeUndefined();
    const milliseconds = METRICS.names.filter(({ unit }) => unit === 'Milliseconds').map(({ name }) => name);
    const large = alarms().filter(({ Namespace, Threshold }) => Namespace === METRICS.namespace && Number(Threshold) >= 1_000);
    expect(large.map(({ MetricName }) => MetricName)).toEqual(milliseconds);
  });

  it('ring for money before the month is over', () => {
    const budget = synthesised().one('control-plane', 'AWS::Budgets::Budget');
    expect(text(budget.Budget!)).toContain('20000');
    expect(many(budget.NotificationsWithSubscribers!)).toHaveLength(3);
  });

  it('count lines that sidecars really write, at a level at which they write', () => {
    const sources = readdirSync(new URL('../../sidecar/src', import.meta.url), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.rs'));
    const log = /SIDECAR_LOG = '([^']+)'/.exec(source('infra/lib/control/settings.ts'))![1]!.split(',');
    const isWritten = (level: string, module: string) => ['warn', 'error'].includes(level) || log.includes(`${module}=${level}`);
    for (const { words } of SIDECAR_FILTERS) {
      const written = sources.flatMap((path) => {
        const lines = source(`sidecar/src/${path}`).matchAll(new RegExp(`tracing::(\\w+)!\\([^;]*?"[^"]*${words}[^"]*"`, 'g'));
        const module = `sidecar::${path.replace(/(\/mod)?\.rs$/, '').replaceAll('/', '::')}`;
        return [...lines].map(([, level]) => isWritten(level!, module));
      });
      expect(written, words).not.toEqual([]);
      expect(written, words).not.toContain(false);
    }
  });

  it('count what sidecars write and nothing that an agent could write', () => {
    const filters = synthesised().resources('control-plane', 'AWS::Logs::MetricFilter').map(([, filter]) => filter.Properties!);
    expect(filters.map((filter) => text(filter.MetricTransformations!))).toHaveLength(SIDECAR_FILTERS.length);
    for (const filter of filters) {
      expect(text(filter.LogGroupName!)).toContain('sidecarloggroup');
      expect(text(filter.LogGroupName!)).not.toContain('agentloggroup');
    }
  });

  it('are on one page with what runs', () => {
    const page = text(synthesised().one('control-plane', 'AWS::CloudWatch::Dashboard').DashboardBody!);
    for (const part of ['What is wrong', 'Parked', 'Oldest message', 'tc-prod-compute-dlq', 'Sequenced', 'TaskCount']) expect(page).toContain(part);
  });
});
