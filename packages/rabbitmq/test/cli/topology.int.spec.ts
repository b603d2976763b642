import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testBroker, type TestBroker } from '@acme/internal-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli, cliJson } from '../support/cli.js';

const CONFIG = fileURLToPath(new URL('../support/prefixed-topology-config.mjs', import.meta.url));

let broker: TestBroker;
let folder: string;
beforeAll(async () => {
  broker = await testBroker();
  folder = mkdtempSync(join(tmpdir(), 'rabbitmq-topology-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What the file declares, under names of the test's own. */
function scene(prefix: string) {
  const [exchange, queue] = [broker.name(`${prefix}shop`), broker.name(`${prefix}orders`)];
  const env = { AMQP_URL: broker.url, PREFIX: queue.slice(0, -'orders'.length) };
  const args = (verb: string): string[] => ['topology', verb, '--config', CONFIG];
  const run = (verb: string) => cli(args(verb), { env });
  const json = (verb: string) => cliJson(args(verb), { env });
  return { exchange, queue, run, json };
}

it('says what is missing, fails a pipeline for it, and creates it', async () => {
  const { exchange, queue, run, json } = scene('new.');
  const plan = await run('plan');
  expect(plan).toEqual({
    exit: 0,
    stdout:
      `missing  exchange  ${exchange}\nmissing  queue     ${queue}\n` +
      `missing  binding   ${exchange} -> ${queue} (order.#)\n`,
    stderr: '',
  });
  expect(await run('check')).toEqual({ ...plan, exit: 3 });
  expect(await broker.queue(queue)).toBeUndefined();
  const entries = (...states: string[]) => states.map((state) => ({ state }));
  expect(await json('assert')).toMatchObject({
    exit: 0,
    answer: { entries: entries('created', 'created', 'present') },
  });
  expect(await json('check')).toMatchObject({
    exit: 0,
    answer: { entries: entries('present', 'present', 'unseen') },
  });
});

it('names what differs, with the safe way, and creates nothing', async () => {
  const { queue, run, json } = scene('old.');
  await (await broker.channel()).assertQueue(queue, { arguments: { 'x-queue-type': 'quorum' } });
  const { exit, stdout } = await run('assert');
  expect(exit).toBe(3);
  expect(stdout).toMatch(
    /x-max-length: wanted 100000, is none\n +set it by a policy: rabbitmqctl set_policy .*\{"max-length":100000\}/,
  );
  expect(await json('plan')).toMatchObject({
    exit: 0,
    answer: {
      entries: [
        { kind: 'exchange', state: 'missing', differences: [], reason: null },
        {
          kind: 'queue',
          name: queue,
          state: 'different',
          differences: [
            { argument: 'x-max-length', wanted: 100_000, actual: null, remedy: 'policy' },
          ],
        },
        { kind: 'binding', state: 'missing' },
      ],
    },
  });
});

it.each([
  ['export default { connect() {} };', /has no topology\. Write: export default/],
  ['export default { connect() {}, topology: { queues: [{}] } };', /queues\[0\]\.name/],
  ['export default { connect() {}, topology: {}, close: 1 };', /close: it is no function/],
])('wants a file that has one: %s', async (file, message) => {
  writeFileSync(join(folder, 'wrong.mjs'), file);
  const args = ['topology', 'plan', '--config', 'wrong.mjs'];
  expect(await cli(args, { cwd: folder })).toEqual({
    exit: 2,
    stdout: '',
    stderr: expect.stringMatching(message) as string,
  });
});
