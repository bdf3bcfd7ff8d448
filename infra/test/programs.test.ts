// A program that runs on another processor is found before it is deployed, and not by every function at its start.

import { App } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { build } from '../lib/app.js';
import { configure } from '../lib/validate.js';
import { context, stubs, temporary, WANTED, type Which } from './synthesis.js';

/** The head of an ELF program for this machine (man 5 elf). */
function program(machine: number): Buffer {
  const head = Buffer.alloc(64);
  head.write('\x7fELF', 'latin1');
  head.writeUInt16LE(machine, 18);
  return head;
}

const stacks = (which: Which, machine: number) => {
  const app = new App({ outdir: temporary('programs-'), analyticsReporting: false, context: { ...context(), lambdas: stubs(program(machine)) } });
  return () => build(app, configure(WANTED[which]));
};

describe('the program of the functions', () => {
  it('is refused when it is built for another processor than the environment has', () => {
    expect(stacks('prod', 62)).toThrow(/built for x86_64, and prod runs on arm64: scripts\/lambdas arm64/);
    expect(stacks('other', 183)).toThrow(/built for arm64, and other runs on x86_64: scripts\/lambdas x86_64/);
    expect(stacks('prod', 243)).toThrow(/built for another processor \(243\)/);
  });

  it('is taken when it is built for the same', () => {
    expect(stacks('prod', 183)).not.toThrow();
    expect(stacks('other', 62)).not.toThrow();
  });
});
