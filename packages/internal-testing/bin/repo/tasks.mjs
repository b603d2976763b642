import { chaos } from './chaos.mjs';
import { checkFormat, drift, examples, format, lint, typecheck, unused } from './checks.mjs';
import { nest12 } from './nest12.mjs';
import { onOtherRabbitmq } from './other-rabbitmq.mjs';
import { bench, demo } from './programs.mjs';
import { publish, raiseVersions } from './release.mjs';
import { withServices } from './services.mjs';
import { Steps, report } from './steps.mjs';
import { vitest } from './vitest.mjs';

// Loaded only when wanted: it needs packages that are not installed yet when this file is read.
const checkPackages = async () => (await import('./packages.mjs')).checkPackages();

/** Everything CI runs. Cheap steps first. */
async function test() {
  const steps = new Steps();
  await steps.run('lint', lint);
  await steps.run('format', checkFormat);
  await steps.run('typecheck', typecheck);
  await steps.run('unused code', unused);
  await steps.run('drift', drift);
  await steps.run('unit', () => vitest('unit', []));
  await steps.run('packages', checkPackages);
  await steps.withServices(async (env) => {
    await steps.run('integration', () => vitest('int', [], env));
    await steps.run('Nest 12', () => nest12(env, { representative: true }));
    await steps.run('examples', () => examples(env));
  });
  return steps.report();
}

/** Makes the tarballs of the packages, and says how to install them in a service. */
async function pack() {
  const { packAll } = await import('./packages/pack.mjs');
  const tarballs = (await packAll()).map(({ tarball }) => tarball);
  console.log(`npm install ${tarballs.join(' ')}`);
}

/** The score of tests on real servers; what they leave behind counts as failed. */
const onServers = (tests) =>
  withServices(async (env, nothingLeft) => {
    const { passed, failed } = await tests(env);
    return { passed, failed: failed + (await nothingLeft()).failed };
  });

/** The root scripts. Each is run after install and build, unless it can do without the build, and gives the exit code. */
export const tasks = {
  demo: { run: demo },
  test: { run: test },
  bench: { run: bench },
  build: { run: () => {} },
  lint: {
    run: async () => {
      await lint();
      await checkFormat();
    },
  },
  format: { needsBuild: false, run: format },
  typecheck: { run: async () => report(await typecheck()) },
  'test:unit': { run: async (args) => report(await vitest('unit', args)) },
  'test:int': {
    run: async (args) => report(await onServers((env) => vitest('int', args, env))),
  },
  'test:chaos': {
    run: async (args) => report(await onServers((env) => chaos(args, env))),
  },
  'test:nest12': {
    run: async (args) => report(await onServers((env) => nest12(env, { args }))),
  },
  'test:rabbitmq4': { run: onOtherRabbitmq },
  'test:examples': { run: async () => report(await onServers(examples)) },
  pack: { run: pack },
  'check:packages': { run: async () => report(await checkPackages()) },
  'check:unused': { needsBuild: false, run: unused },
  'release:version': { needsBuild: false, run: raiseVersions },
  'release:publish': { run: publish },
};
