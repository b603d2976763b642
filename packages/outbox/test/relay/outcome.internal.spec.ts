import { expect, it } from 'vitest';
import { toVerdict } from '../../src/relay/outcome.js';

it('what is kept of an error is text that every database takes and can look into', () => {
  const texts = ['a\0b', 'half \ud83d', `${'x'.repeat(1_999)}\u{1f600}`].map(
    (text) => toVerdict('row', 1, { status: 'rejected', error: new Error(text) }).failure?.message,
  );
  expect(texts).toEqual(['a\ufffdb', 'half \ufffd', `${'x'.repeat(1_999)}\ufffd`]);
});
