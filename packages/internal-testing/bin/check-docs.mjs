// Code in the documentation is compiled code: `<!-- code: path#region -->` before a fenced block says where it stands.
// Without arguments fails when a block is missing or differs from its region; with --write puts the regions in. Links within the repository
// have to lead somewhere, to a heading where they name one.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quoteCode } from './repo/quoted-code.mjs';

const top = resolve(fileURLToPath(import.meta.url), '../../../..');
const write = process.argv.includes('--write');

let stale = 0;
let blocks = 0;
for (const file of documents()) {
  const text = readFileSync(file, 'utf8');
  const quoted = quoteCode(text, regionOf);
  blocks += quoted.blocks;
  if (quoted.text === text) continue;
  if (write) writeFileSync(file, quoted.text);
  else {
    stale += 1;
    console.error(`${relative(top, file)} does not quote its code as it is: npm run docs:sync`);
  }
}
const broken = documents().flatMap(brokenLinksOf);
for (const { file, link } of broken)
  console.error(`${relative(top, file)} links to ${link}, which is not there`);
console.log(
  `${blocks} blocks of code in the documentation, ${stale} documents out of date, ${broken.length} broken links`,
);
process.exitCode = stale === 0 && broken.length === 0 ? 0 : 1;

function documents() {
  const folders = ['docs', 'packages', 'examples'].map((name) => join(top, name));
  return [join(top, 'README.md'), ...folders.flatMap(markdownIn)];
}

function markdownIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', '.suites'].includes(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** The lines between `#region name` and its `#endregion`, without their common indentation. */
function regionOf(path, region) {
  const lines = readFileSync(join(top, path), 'utf8').split('\n');
  const start = lines.findIndex((line) => line.trim() === `// #region ${region}`);
  const length = lines.slice(start + 1).findIndex((line) => line.trim() === '// #endregion');
  if (start < 0 || length < 0) throw new Error(`${path} has no region "${region}"`);
  const body = lines
    .slice(start + 1, start + 1 + length)
    .filter((line) => !line.includes('#region'));
  const indent = Math.min(...body.filter((line) => line.trim()).map((line) => line.search(/\S/)));
  return body.map((line) => `${line.slice(indent)}\n`).join('');
}

function brokenLinksOf(file) {
  const links = [...proseOf(file).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)];
  return links.flatMap(([, link]) => {
    const [path, heading] = link.split('#');
    const target = path === '' ? file : resolve(dirname(file), path);
    const leads = existsSync(target) && (!heading || headingsOf(target).includes(heading));
    return leads ? [] : [{ file, link }];
  });
}

/** As GitHub names them in addresses. */
function headingsOf(file) {
  if (!file.endsWith('.md')) return [];
  return [...proseOf(file).matchAll(/^#+ (.*)$/gm)].map(([, text]) =>
    text
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function proseOf(file) {
  return readFileSync(file, 'utf8').replace(/```[\s\S]*?```/g, '');
}
