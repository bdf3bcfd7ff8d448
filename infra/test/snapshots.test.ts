// The templates of `prod` as they were when somebody last looked at them: a change is seen in a review.
// `npx vitest run -u` writes them anew. Assets are named by their content, which differs by machine.

import { describe, expect, it } from 'vitest';
import { STACKS } from '../lib/names.js';
import { synthesised } from './synthesis.js';

const normal = (template: unknown) =>
  `${JSON.stringify(template, null, 1).replaceAll(/[0-9a-f]{64}(?=\.(zip|json))/g, 'ASSET')}\n`;

describe('templates', () => {
  it.each(STACKS)('of %s are as they were', async (name) => {
    await expect(normal(synthesised().json(name))).toMatchFileSnapshot(`snapshots/${name}.template`);
  });
});
