// What the Rust side says of itself, read and not repeated: its tables (generated from
// aws/src/tables.rs) and its functions (lambdas/functions.json).

import { readFileSync } from 'node:fs';
import type { Allow } from './grants.js';
import type { Class } from './names.js';

/** A table: aws/src/tables.rs explains the fields. */
export interface Table {
  readonly name: string;
  readonly hash: string;
  readonly range: string | null;
  readonly indexes: readonly Index[];
  readonly expires: string | null;
  readonly stream: boolean;
}

export interface Index {
  readonly name: string;
  readonly hash: string;
  readonly range: string | null;
  readonly whole: boolean;
}

/** What makes a function run. */
export type Trigger =
  | QueueTrigger
  | StreamTrigger
  | { readonly event: string }
  | { readonly pipe: 'announce' }
  | { readonly everyMinutes: number }
  | { readonly http: 'person' | 'lease' | 'operator'; readonly routes: readonly string[] };

export interface QueueTrigger {
  readonly queue: Class | 'usage';
  readonly batchSize: number;
  readonly maximumConcurrency: number;
  readonly visibilitySeconds: number;
  readonly reportBatchItemFailures: boolean;
}

export interface StreamTrigger {
  readonly stream: string;
  readonly batchSize: number;
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST';
  readonly bisectOnError: boolean;
}

/** A function: lambdas/functions.json explains the fields. */
export interface LambdaFunction {
  readonly name: string;
  readonly trigger: Trigger;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  /** As many run at once, and no more. */
  readonly reservedConcurrency?: number;
  /** What is mounted in it, as root. */
  readonly mounts?: 'homes';
  readonly about: string;
  readonly allows: readonly Allow[];
}

const ROOT = new URL('../../', import.meta.url);

function read<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, ROOT), 'utf8')) as T;
}

/** Every table. */
export const TABLES: readonly Table[] = read('aws/tables.json');

/** Every function. */
export const FUNCTIONS: readonly LambdaFunction[] = read<{ functions: LambdaFunction[] }>('lambdas/functions.json').functions;

/** The function of that name. Throws if there is none. */
export function functionNamed(name: string): LambdaFunction {
  const found = FUNCTIONS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`lambdas/functions.json has no "${name}"`);
  return found;
}
