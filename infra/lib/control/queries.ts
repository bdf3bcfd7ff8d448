// Three questions to raw usage. A batch may be announced twice, so each record counts once by its id.

/** What a line has: `unpack/index.mjs` writes it. Costs are whole pico-dollars, as the ledger has them. */
export const COLUMNS: Readonly<Record<string, string>> = {
  id: 'string', workspace: 'string', at: 'string', team: 'string', provider: 'string', model: 'string', key: 'string', completion: 'string',
  status: 'int', duration_ms: 'bigint', uncached_input: 'bigint', cache_read: 'bigint', cache_write_5m: 'bigint', cache_write_1h: 'bigint',
  output: 'bigint', reasoning: 'bigint', pico_dollars: 'decimal(38,0)',
};

export interface Query {
  readonly name: string;
  readonly about: string;
  readonly sql: string;
}

const DOLLARS = 'CAST(sum(pico_dollars) AS DOUBLE) / 1e12 AS dollars';
const TOKENS = 'sum(uncached_input + cache_read + cache_write_5m + cache_write_1h) AS input_tokens, sum(output) AS output_tokens';

/** The queries, on a database. */
export function queries(database: string): Query[] {
  const records = `WITH records AS (
  SELECT DISTINCT ${Object.keys(COLUMNS).map((column) => `"${column}"`).join(', ')}
  FROM "${database}"."usage"
  WHERE day BETWEEN '2026-11-01' AND '2026-11-30' -- the days to look at: each costs what it holds
)
`;
  return [
    {
      name: 'who-spent-what',
      about: 'What each person used of which model, and what it cost',
      sql: `${records}SELECT workspace, team, provider, model, count(*) AS calls, ${TOKENS}, ${DOLLARS}
FROM records GROUP BY workspace, team, provider, model ORDER BY dollars DESC`,
    },
    {
      name: 'use-of-each-key',
      about: 'How often each key of the pool was used, by its fingerprint, and when last: what a rotation would touch',
      sql: `${records}SELECT provider, "key", count(*) AS calls, max(at) AS last_used, ${DOLLARS}
FROM records GROUP BY provider, "key" ORDER BY calls DESC`,
    },
    {
      name: 'busiest-hours',
      about: 'When most is asked, by how many people, and how long they wait: how many keys are needed',
      sql: `${records}SELECT substr(at, 1, 13) AS hour, count(DISTINCT workspace) AS people, count(*) AS calls, approx_percentile(duration_ms, 0.95) AS p95_ms
FROM records GROUP BY substr(at, 1, 13) ORDER BY calls DESC LIMIT 100`,
    },
  ];
}
