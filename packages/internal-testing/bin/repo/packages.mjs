import { exportProblems } from './packages/exported-names.mjs';
import { importProblems } from './packages/imports.mjs';
import { attwProblems, manifestProblems, publintProblems } from './packages/manifest.mjs';
import { packAll } from './packages/pack.mjs';
import { smokeApps, smokeProblems, unsmoked } from './packages/smoke.mjs';

const CHECKS = [publintProblems, attwProblems, manifestProblems, importProblems, exportProblems];

/** Everything a published package must be, checked on the tarball that users would get. */
export async function checkPackages() {
  const totals = { passed: 0, failed: 0 };
  const conclude = (subject, problems) => {
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${subject}`);
    problems.forEach((problem) => console.log(`         ${problem}`));
    totals[problems.length === 0 ? 'passed' : 'failed'] += 1;
  };
  const packages = await packAll();
  for (const one of packages) {
    const problems = [];
    for (const check of CHECKS) problems.push(...(await check(one)));
    conclude(one.name, problems);
  }
  conclude('every package has a smoke snippet', unsmoked(packages));
  await Promise.all(
    smokeApps.map(async (app) =>
      conclude(`tarballs in ${app}`, await smokeProblems(app, packages)),
    ),
  );
  return totals;
}
