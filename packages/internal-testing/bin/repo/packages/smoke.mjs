import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pnpmSettings } from '../install.mjs';
import { Failure, Interrupted, run, top } from '../shell.mjs';
import { withTemporaryFolder } from '../temporary.mjs';
import { declarationProblems } from './declarations.mjs';
import { entries } from './manifest.mjs';

const home = join(top, 'packages/internal-testing/smoke');
const LIMIT_MS = 5 * 60_000;

/** The applications that the tarballs are installed into, each a folder of `smoke/`. */
export const smokeApps = ['cjs-nest11', 'esm-nest12'];

/**
 * Installs the tarballs with plain npm into a project of its own, outside the repository so that nothing of it can be
 * resolved by accident, checks the types it gets there, and runs the project's `smoke` script.
 */
export async function smokeProblems(app, packages) {
  const folder = mkdtempSync(join(tmpdir(), `acme-${app}-`));
  try {
    await layOut(app, packages, folder);
    const npm = ['--no-audit', '--no-fund', '--loglevel=error'];
    await run(
      'npm',
      ['install', '--ignore-scripts', '--prefer-offline', '--no-package-lock', ...npm],
      {
        cwd: folder,
        output: 'quiet',
        limitMs: LIMIT_MS,
      },
    );
    const declarations = declarationProblems(folder);
    if (declarations.length > 0) return declarations;
    // Jest keeps its cache in the temporary folder.
    await withTemporaryFolder((env) =>
      run('npm', ['run', 'smoke', ...npm], {
        cwd: folder,
        env,
        output: 'quiet',
        limitMs: LIMIT_MS,
      }),
    );
    return [];
  } catch (error) {
    if (error instanceof Interrupted || !(error instanceof Failure)) throw error;
    return [error.message];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function layOut(app, packages, folder) {
  cpSync(join(home, app), folder, { recursive: true });
  cpSync(join(home, 'snippets'), join(folder, 'src/snippets'), { recursive: true });
  const file = join(folder, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  manifest.dependencies = await fromCatalogs(manifest.dependencies);
  for (const { name, tarball } of packages) manifest.dependencies[name] = `file:${tarball}`;
  writeFileSync(file, JSON.stringify(manifest, null, 2));
  // Every public entry point is imported once, by the compiler in each resolution mode and at run time.
  const specifiers = packages.flatMap(({ name, packed }) =>
    entries(packed).map(([entry]) => name + entry.slice(1)),
  );
  const imports = specifiers.map((specifier, i) => `import * as e${i} from '${specifier}';`);
  writeFileSync(
    join(folder, 'src/entry-points.ts'),
    `${imports.join('\n')}\nexport const entryPoints: Record<string, object> = {\n${specifiers.map((specifier, i) => `  '${specifier}': e${i},`).join('\n')}\n};\n`,
  );
}

/** Exact versions for `catalog:` and `catalog:<name>`, so that the smoke projects pin what the repository pins. */
async function fromCatalogs(dependencies) {
  const { catalogs } = await pnpmSettings();
  return Object.fromEntries(
    Object.entries(dependencies).map(([name, range]) => {
      if (!range.startsWith('catalog:')) return [name, range];
      const version = catalogs[range.slice('catalog:'.length) || 'default']?.[name];
      if (!version) throw new Failure(`"${name}": "${range}" is not in pnpm-workspace.yaml.`);
      return [name, version];
    }),
  );
}

/** A package that exports something and is in no smoke snippet would be published without ever having been installed. */
export function unsmoked(packages) {
  const present = readdirSync(join(home, 'snippets'));
  return packages
    .filter(({ path }) => !present.includes(`${basename(path)}.ts`))
    .filter(({ unpacked }) =>
      readFileSync(join(unpacked, 'dist/esm/index.js'), 'utf8').includes('from'),
    )
    .map(({ path }) => `packages/internal-testing/smoke/snippets/${basename(path)}.ts is missing`);
}
