// Announced usage becomes lines that Athena reads: what is packed is opened, what is no usage left out,
// and what cannot be read is handed back.

import { readdirSync, readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { COLUMNS, queries } from '../lib/control/queries.js';

interface Answer {
  readonly records: readonly { readonly recordId: string; readonly result: string; readonly data: string }[];
}
const { handler, row } = (await import(new URL('../unpack/index.mjs', import.meta.url).href)) as {
  handler: (event: { records: { recordId: string; data: string }[] }) => Promise<Answer>;
  row: (fact: unknown) => Record<string, unknown>;
};

/** A fact of the corpus, with one field taken away that does not matter here. */
const corpus = new URL('../../tests/corpus/events/bad/', import.meta.url);
const name = readdirSync(corpus).find((file) => file.startsWith('usage.recorded.unknown-field'))!;
const usage = (JSON.parse(readFileSync(new URL(name, corpus), 'utf8')) as { event: Record<string, unknown> }).event;

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const packed = (facts: unknown) => `deflate:${deflateRawSync(JSON.stringify(facts)).toString('base64')}`;
const told = (envelopes: string) => encode({ list: 'U#c-3-p-o', types: ['teamclaw.usage.recorded.v1'], envelopes });

async function one(data: string) {
  const [answer] = (await handler({ records: [{ recordId: '1', data }] })).records;
  return { result: answer!.result, lines: Buffer.from(answer!.data, 'base64').toString('utf8').split('\n').slice(0, -1) };
}

describe('announced usage', () => {
  it.each([['packed', packed([usage, usage])], ['plain', JSON.stringify([usage, usage])]])('that is %s becomes a line a record', async (_, envelopes) => {
    const { result, lines } = await one(told(envelopes));
    expect(result).toBe('Ok');
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      workspace: 'c-3-p-o', team: 'sales', provider: 'anthropic', model: 'claude-sonnet-4-6-20260217', key: '0123456789ab',
      uncached_input: 12, cache_read: 34567, output: 1024, pico_dollars: 18000000, duration_ms: 1623,
    });
  });

  it('has the columns of the table, no more and no fewer', () => {
    expect(Object.keys(row(usage))).toEqual(Object.keys(COLUMNS));
    for (const { sql } of queries('tc_prod')) for (const column of Object.keys(COLUMNS)) expect(sql).toContain(`"${column}"`);
  });

  it('that is none is left out, and what cannot be read is handed back for a look', async () => {
    expect((await one(told(JSON.stringify([{ ...usage, type: 'teamclaw.workspace.ready.v1' }])))).result).toBe('Dropped');
    for (const bad of [encode('nonsense'), encode({}), told('deflate:AAAA'), told('[')]) expect((await one(bad)).result).toBe('ProcessingFailed');
    const bomb = `deflate:${deflateRawSync(' '.repeat(5_000_000)).toString('base64')}`;
    expect((await one(told(bomb))).result).toBe('ProcessingFailed');
  });

  it('is marked as packed as the Rust side marks it', () => {
    expect(readFileSync(new URL('../../aws/src/journal/packed.rs', import.meta.url), 'utf8')).toContain('MARK: &str = "deflate:"');
  });
});
