// Firehose asks it to make lines of what the bus announced: a line for each record of usage, flat, so that
// Athena reads columns. Facts may be packed (aws/src/journal/packed.rs), which Athena cannot open.
//
// It keeps nothing and decides nothing. What it cannot read is handed back as it was, and Firehose puts it
// under `failed/`.

import { inflateRawSync } from 'node:zlib';

const MARK = 'deflate:';
const USAGE = 'teamclaw.usage.recorded.';
/** The most that an item's facts can be, with room (aws/src/journal/pending.rs). */
const BYTES_MAX = 1_000_000;

/** The facts of an announcement. */
export function facts({ envelopes }) {
  const packed = envelopes.startsWith(MARK);
  const text = packed ? inflateRawSync(Buffer.from(envelopes.slice(MARK.length), 'base64'), { maxOutputLength: BYTES_MAX }).toString('utf8') : envelopes;
  return JSON.parse(text);
}

/** The columns of a fact (lib/control/queries.ts). */
export function row({ id, subject, time, data }) {
  const { team, provider, model, key, completion, status, durationMs, tokens, cost } = data;
  return {
    id, workspace: subject, at: time, team, provider, model, key, completion, status, duration_ms: durationMs,
    uncached_input: tokens?.uncachedInput, cache_read: tokens?.cacheRead, cache_write_5m: tokens?.cacheWrite5m,
    cache_write_1h: tokens?.cacheWrite1h, output: tokens?.output, reasoning: tokens?.reasoning, pico_dollars: cost?.picoDollars,
  };
}

function lines(data) {
  const told = JSON.parse(Buffer.from(data, 'base64').toString('utf8'));
  const usage = facts(told).filter(({ type }) => type.startsWith(USAGE));
  return usage.map((fact) => `${JSON.stringify(row(fact))}\n`).join('');
}

/** One answer for each of Firehose's records (firehose/latest/dev/data-transformation.html). */
export const handler = async ({ records }) => ({
  records: records.map(({ recordId, data }) => {
    try {
      const text = lines(data);
      return text === '' ? { recordId, result: 'Dropped', data } : { recordId, result: 'Ok', data: Buffer.from(text).toString('base64') };
    } catch (error) {
      // Without its message, which may quote what could not be read.
      console.error(JSON.stringify({ recordId, error: error?.name }));
      return { recordId, result: 'ProcessingFailed', data };
    }
  }),
});
