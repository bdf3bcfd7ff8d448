// The names are those of aws/src/environment.rs: its own examples are read out of its own test.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLASSES, isEnvironment, Names } from '../lib/names.js';

const root = new URL('../../', import.meta.url);
const rust = readFileSync(new URL('aws/src/environment.rs', root), 'utf8');
const examples = [...rust.matchAll(/assert_eq!\(prod\.(\w+)\(([^)]*)\), "([^"]+)"\)/g)].map(([, call, argument, name]) => ({ call, argument, name }));

function ours(call: string, argument: string): string {
  const prod = new Names('prod');
  const word = argument.replaceAll('"', '').replace('Class::', '').toLowerCase();
  const calls: Record<string, () => string> = {
    named: () => prod.named(word),
    cluster: () => prod.cluster(),
    queue: () => prod.queue(CLASSES.find((name) => name === word)!),
    dead_letters: () => prod.deadLetters(CLASSES.find((name) => name === word)!),
    usage_queue: () => prod.queue('usage'),
    pool_secret: () => prod.poolSecret(),
    token_secret: () => prod.tokenSecret(),
    parameter: () => prod.parameter(word),
    role_path: () => prod.rolePath(),
  };
  return calls[call]?.() ?? `nothing is called ${call} here`;
}

describe('names', () => {
  it('are those of the Rust side, by its own examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
    for (const { call, argument, name } of examples) expect(ours(call!, argument!)).toBe(name);
  });

  it('know the formats of the Rust side', () => {
    for (const format of ['"tc-{self}-{what}"', '"tc-{self}"', '"{}-dlq"', '"{self}/teamclaw/api-keys"', '"{self}/teamclaw/token-secret"', '"/tc/{self}/{what}"', '"/teamclaw/agents/{self}/"']) {
      expect(rust).toContain(format);
    }
  });

  it('refuse what the Rust side refuses', () => {
    const refused = /for bad in \[([^\]]+)\]/.exec(rust)![1]!;
    const bad = [...refused.matchAll(/"([^"]*)"/g)].map(([, text]) => text!);
    expect(bad.length).toBeGreaterThanOrEqual(7);
    for (const text of bad) expect(isEnvironment(text), text).toBe(false);
    for (const text of ['prod', 'a', 'abcdefghijkl', 'eu1']) expect(isEnvironment(text), text).toBe(true);
  });

  it('have the classes of the Rust side', () => {
    const step = readFileSync(new URL('events/src/step.rs', root), 'utf8');
    for (const name of CLASSES) expect(step).toContain(`=> "${name}"`);
  });
});
