// What everything is called in one deployed environment: the same as in aws/src/environment.rs, and
// `test/names.test.ts` reads that file's own examples.

/** The permission classes of steps (events/src/step.rs): a queue and a consumer each. */
export const CLASSES = ['storage', 'compute', 'routing', 'keys'] as const;
export type Class = (typeof CLASSES)[number];

/** The four stacks, in the order in which they are deployed. */
export const STACKS = ['foundation', 'cluster', 'control-plane', 'admin'] as const;
export type StackName = (typeof STACKS)[number];

/** Whether something may name an environment. */
export function isEnvironment(text: string): boolean {
  return /^[a-z][a-z0-9]{0,11}$/.test(text);
}

/** The names in one environment. */
export class Names {
  constructor(readonly env: string) {}

  /** Anything whose name needs no more than the environment's. */
  named(what: string): string {
    return `tc-${this.env}-${what}`;
  }

  cluster(): string {
    return `tc-${this.env}`;
  }

  queue(name: Class | 'usage'): string {
    return this.named(name);
  }

  deadLetters(name: Class | 'usage'): string {
    return `${this.queue(name)}-dlq`;
  }

  poolSecret(): string {
    return `${this.env}/teamclaw/api-keys`;
  }

  tokenSecret(): string {
    return `${this.env}/teamclaw/token-secret`;
  }

  parameter(what: string): string {
    return `/tc/${this.env}/${what}`;
  }

  /** The path of the roles of agents' tasks. */
  rolePath(): string {
    return `/teamclaw/agents/${this.env}/`;
  }

  stack(name: StackName): string {
    return this.named(name);
  }

  /** A function's role: known before the function is, so that a secret can say who may read it. */
  functionRole(name: string): string {
    return this.named(`fn-${name}`);
  }

  /** The role of the router's tasks. */
  routerRole(): string {
    return this.named('router');
  }

  /** The role that the broker lends to sidecars, one session a workspace. */
  leaseRole(): string {
    return this.named('lease');
  }
}
