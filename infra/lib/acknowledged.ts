// Findings of cdk-nag that are meant to be as they are. Each has its reason beside the construct that
// it is about; `test/nag.test.ts` fails for a finding that nobody answered.

import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Acknowledges a rule for a construct and what is inside it. */
export function because(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}
