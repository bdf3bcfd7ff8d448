// Three questions to raw usage. A line holds an append's facts as a JSON text, because a fact's shape is
// events.schema.json's business and grows; an announcement may come twice, so each fact counts by its id.

/** What a line has (lib/control/feed.ts). */
export const COLUMNS = ['list', 'place', 'envelopes'] as const;

export interface Query {
  readonly name: string;
  readonly about: string;
  readonly sql: string;
}

/** The queries, on a database. */
export function queries(database: string): Query[] {
  const records = `WITH told AS (
  SELECT CAST(json_parse(envelopes) AS ARRAY(JSON)) AS facts
  FROM "${database}"."usage"
  WHERE day BETWEEN '2026-11-01' AND '2026-11-30' -- the days to look at: each costs what it holds
), records AS (
  SELECT DISTINCT
    json_extract_scalar(fact, '$.id') AS id,
    json_extract_scalar(fact, '$.subject') AS workspace,
    json_extract_scalar(fact, '$.time') AS at,
    json_format(json_extract(fact, '$.data')) AS data
  FROM told CROSS JOIN UNNEST(facts) AS t(fact)
  WHERE json_extract_scalar(fact, '$.type') LIKE 'teamclaw.usage.recorded.%'
)
`;
  const field = (path: string) => `json_extract_scalar(data, '$.${path}')`;
  return [
    {
      name: 'calls-by-person-and-model',
      about: 'How often each person asked which model',
      sql: `${records}SELECT workspace, ${field('provider')} AS provider, ${field('model')} AS model, count(*) AS calls
FROM records GROUP BY 1, 2, 3 ORDER BY calls DESC`,
    },
    {
      name: 'calls-by-key',
      about: 'How often each key of the pool was used, by its fingerprint: what a rotation would touch',
      sql: `${records}SELECT ${field('provider')} AS provider, ${field('key')} AS key, count(*) AS calls, max(at) AS last_used
FROM records GROUP BY 1, 2 ORDER BY calls DESC`,
    },
    {
      name: 'busiest-hours',
      about: 'When most is asked: how much launch rate and how many keys are needed',
      sql: `${records}SELECT substr(at, 1, 13) AS hour, count(DISTINCT workspace) AS people, count(*) AS calls
FROM records GROUP BY 1 ORDER BY calls DESC LIMIT 100`,
    },
  ];
}
