import { expect, it } from 'vitest';
import { quoteCode } from '../../bin/repo/quoted-code.mjs';

const MARKER = '<!-- code: a/b.ts#send -->';
const QUOTED = `# A\n\n${MARKER}\n\n\`\`\`ts\nsend();\n\`\`\`\n\nMore.\n`;
const regionOf = (_: string, region: string): string => `${region}();\n`;

it.each([
  ['a block that is as it should be', QUOTED],
  ['a block whose code has changed', QUOTED.replace('send();', 'post();\nwait();')],
  ['a marker with no block', `# A\n\n${MARKER}\n\nMore.\n`],
  ['a marker right above its block', QUOTED.replace('-->\n\n', '-->\n')],
])('%s is quoted', (_, document) => {
  expect(quoteCode(document, regionOf)).toEqual({ text: QUOTED, blocks: 1 });
});

it('a marker with no block takes nothing from the next one, and its language from its file', () => {
  const { text, blocks } = quoteCode(`<!-- code: c.mjs#x -->\n\n${QUOTED}`, regionOf);
  expect(blocks).toBe(2);
  expect(text).toBe(`<!-- code: c.mjs#x -->\n\n\`\`\`js\nx();\n\`\`\`\n\n${QUOTED}`);
});

it('a marker that names no region is an error', () => {
  expect(() => quoteCode('<!-- code: a/b.ts -->\n', regionOf)).toThrow(
    '"<!-- code: a/b.ts -->" has to be "<!-- code: path#region -->".',
  );
});
