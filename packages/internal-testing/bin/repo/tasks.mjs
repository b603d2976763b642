import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, run, top } from './shell.mjs';
import { workspace } from './workspace.mjs';

const bin = (name) => join(top, 'node_modules/.bin', name);

/** Runs one Vitest project (`unit` or `int`) in every package that has specs, and says how many tests there were. */
async function vitest(project, args, env = {}) {
  const totals = { passed: 0, failed: 0 };
  const results = join(top, '.cache/results');
  mkdirSync(results, { recursive: true });
  for (const one of workspace()) {
    if (!one.manifest.scripts?.[`test:${project}`]) continue;
    const file = join(results, `${one.name.replace('/', '+')}-${project}.json`);
    rmSync(file, { force: true });
    console.log(`\n${one.name}: ${project}`);
    const failure = await run(
      join(one.path, 'node_modules/.bin/vitest'),
      [
        'run',
        '--project',
        project,
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
        ...args,
      ],
      { cwd: one.path, env },
    ).catch((error) => error);
    if (existsSync(file)) {
      const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(file, 'utf8'));
      totals.passed += numPassedTests;
      totals.failed += numFailedTests;
    }
    if (failure && !(failure instanceof Failure)) throw failure;
    if (failure) totals.failed = Math.max(totals.failed, 1);
  }
  return totals;
}

/** Provides the real servers for `use` and takes away what was started for it, whatever happens. */
async function withServices(use) {
  const { provideServices } = await import('../../dist/services/index.js');
  const services = await provideServices();
  try {
    return await use(services.env);
  } finally {
    await services.stop();
  }
}

function report({ passed, failed }) {
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

const lint = {
  needsBuild: true,
  run: async () => {
    await run(bin('oxlint'), ['--type-aware', '--deny-warnings']);
    await run(bin('prettier'), ['--check', '--log-level=warn', '.']);
  },
};

const typecheck = {
  run: async () => {
    for (const one of workspace()) {
      if (one.manifest.scripts?.typecheck) {
        await run(join(one.path, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json'], {
          cwd: one.path,
        });
      }
    }
  },
};

const unit = { run: async (args) => report(await vitest('unit', args)) };
const int = { run: async (args) => report(await withServices((env) => vitest('int', args, env))) };

/** Everything CI runs. Cheap steps first, and every step runs to its end so that one run tells everything. */
const test = {
  run: async () => {
    const totals = { passed: 0, failed: 0 };
    const timings = [];
    const step = async (name, work) => {
      const started = Date.now();
      console.log(`\n=== ${name}`);
      const outcome = await work().catch((error) => {
        if (!(error instanceof Failure)) throw error;
        console.error(error.message);
        return { passed: 0, failed: 1 };
      });
      totals.passed += outcome?.passed ?? 1;
      totals.failed += outcome?.failed ?? 0;
      timings.push(
        `${name} ${Math.round((Date.now() - started) / 1000)} s${outcome?.failed ? ' FAILED' : ''}`,
      );
    };
    await step('lint', () => lint.run([]));
    await step('typecheck', () => typecheck.run([]));
    await step('unit', () => vitest('unit', []));
    await withServices(async (env) => {
      await step('integration', () => vitest('int', [], env));
    });
    console.log(`\n${timings.join('\n')}`);
    return report(totals);
  },
};

export const tasks = {
  test,
  'test:unit': unit,
  'test:int': int,
  lint,
  typecheck,
  build: { run: async () => {} },
  format: {
    needsBuild: false,
    run: () => run(bin('prettier'), ['--write', '--log-level=warn', '.']),
  },
};
