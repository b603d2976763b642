// The built command line, on applications of CommonJS and of ES modules.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, cliJson, version } from '../support/cli.js';

const ESM = ['--module', 'app.module.mjs'];
const CJS = ['--module', 'app.module.cjs#ShopModule'];

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'grpc-errors-cli-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => join(folder, name);

it('tells its version and its commands', async () => {
  expect(await cli(['--version'])).toEqual({ exit: 0, stdout: `${version}\n`, stderr: '' });
  const { exit, stdout } = await cli(['--help']);
  expect([exit, stdout]).toEqual([
    0,
    expect.stringContaining('nest-grpc-errors <command> --module FILE[#NAME] | --config FILE'),
  ]);
});

describe('catalogue', () => {
  it('is nothing of what the application prints when it is loaded', async () => {
    const { exit, stdout, stderr } = await cli(['catalogue', '--module', 'talking.mjs', '--json']);
    expect([exit, stderr]).toEqual([0, '[env] 3 variables\n']);
    expect(JSON.parse(stdout)).toHaveProperty('errors');
  });

  it('lists what is decorated, mapped and advised, and makes nothing of the application', async () => {
    expect(await cli(['catalogue', ...ESM])).toEqual({
      exit: 0,
      stdout: `| domain      | reason            | code                 | HTTP | again        | metadata                | class                |
| ----------- | ----------------- | -------------------- | ---- | ------------ | ----------------------- | -------------------- |
| orders.test | \`ORDER_NOT_FOUND\` | \`NOT_FOUND\`          | 404  | no           | \`customerId\`, \`orderId\` | \`OrderNotFoundError\` |
| orders.test | \`OUT_OF_STOCK\`    | \`RESOURCE_EXHAUSTED\` | 429  | after 2 s    | varies                  | \`OutOfStockError\`    |
| orders.test | \`ROW_LOCKED\`      | \`ABORTED\`            | 409  | it says when |                         | \`RowLockedError\`     |
| orders.test | \`STORE_FULL\`      | \`UNAVAILABLE\`        | 503  | yes          |                         |                      |

Decided at run time:

- PaymentErrors.declined(): PaymentError
`,
      stderr: '',
    });
  });

  it('is the same with --json, for programs', async () => {
    const { exit, answer } = await cliJson(['catalogue', ...ESM]);
    expect([exit, answer]).toMatchObject([
      0,
      {
        errors: [
          {
            domain: 'orders.test',
            reason: 'ORDER_NOT_FOUND',
            code: 'NOT_FOUND',
            http: 404,
            retryable: false,
            retryAfterMs: null,
            metadata: ['customerId', 'orderId'],
            class: 'OrderNotFoundError',
          },
          { reason: 'OUT_OF_STOCK', retryable: true, retryAfterMs: 2_000, metadata: null },
          { reason: 'ROW_LOCKED', retryable: true, retryAfterMs: 'varies', metadata: [] },
          { reason: 'STORE_FULL', retryable: true, retryAfterMs: null, class: null },
        ],
        atRunTime: ['PaymentErrors.declined(): PaymentError'],
      },
    ]);
  });

  it('sees the classes of another copy of the package, of CommonJS', async () => {
    const { answer } = await cliJson(['catalogue', ...CJS]);
    expect(answer).toMatchObject({
      errors: [{ domain: 'shop.test', reason: 'CART_LOCKED', metadata: ['cartId'] }],
    });
  });

  it('is told the domain where only the application knows it', async () => {
    const args = ['catalogue', '--module', 'async.module.mjs'];
    const { exit, error } = await cliJson(args);
    expect([exit, error]).toMatchObject([
      2,
      { error: { message: expect.stringMatching(/forRootAsync\(\) makes it\. Say it: --domain/) } },
    ]);
    const { answer } = await cliJson([...args, '--domain', 'said.test']);
    expect(answer).toMatchObject({
      errors: [{ domain: 'said.test', reason: 'ORDER_NOT_FOUND' }, { reason: 'OUT_OF_STOCK' }],
      atRunTime: ['mappings of GrpcErrorsModule.forRootAsync()'],
    });
  });

  it('takes the application from a file, which it closes', async () => {
    const { exit, stdout, stderr } = await cli(['catalogue', '--config', 'config.mjs']);
    expect([exit, stderr]).toEqual([0, 'closed\n']);
    expect(stdout).toContain('configured.test');
  });
});

describe('check', () => {
  const check = (against: string, ...more: string[]) =>
    cli(['check', ...ESM, '--against', file(against), ...more]);

  it('makes the file of what is published, and finds it kept', async () => {
    expect(await check('made.json')).toMatchObject({
      exit: 2,
      stderr: expect.stringMatching(/there is no file .*made\.json\. With --write it is made/),
    });
    expect(await check('made.json', '--write')).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('made.json is written: 4 errors.\nNew: ORDER_NOT_FOUND, '),
    });
    const { answer } = await cliJson(['catalogue', ...ESM]);
    const text = readFileSync(file('made.json'), 'utf8');
    expect(text).toBe(`${JSON.stringify(answer, undefined, 2)}\n`);
    expect(await check('made.json')).toEqual({
      exit: 0,
      stdout: `4 errors as published in ${file('made.json')}.\n`,
      stderr: '',
    });
  });

  it('reads what an editor has put a mark before', async () => {
    const against = file('marked.json');
    await cli(['check', ...ESM, '--against', against, '--write']);
    writeFileSync(against, `\ufeff${readFileSync(against, 'utf8')}`);
    expect(await cli(['check', ...ESM, '--against', against])).toMatchObject({ exit: 0 });
  });

  it('takes what catalogue --json has written', async () => {
    const { stdout } = await cli(['catalogue', ...ESM, '--json']);
    writeFileSync(file('shell.json'), stdout);
    expect(await check('shell.json')).toMatchObject({ exit: 0 });
  });

  it('adds what is new, when it is told to', async () => {
    writeFileSync(file('less.json'), '{"errors":[]}');
    expect(await check('less.json')).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining(
        'New: ORDER_NOT_FOUND, OUT_OF_STOCK, ROW_LOCKED, STORE_FULL. --write publishes them.',
      ),
    });
    expect(readFileSync(file('less.json'), 'utf8')).toBe('{"errors":[]}');
    await check('less.json', '--write');
    expect(JSON.parse(readFileSync(file('less.json'), 'utf8'))).toMatchObject({
      errors: [{}, {}, {}, {}],
    });
  });

  it('fails a pipeline for what is not kept, says what to do, and never writes it', async () => {
    const entry = { domain: 'orders.test', metadata: [], class: null };
    const published = {
      errors: [
        { ...entry, reason: 'ORDER_ARCHIVED', code: 'NOT_FOUND' },
        { ...entry, reason: 'ORDER_NOT_FOUND', code: 'NOT_FOUND', metadata: ['orderId', 'since'] },
        { ...entry, reason: 'STORE_FULL', code: 'RESOURCE_EXHAUSTED' },
      ],
    };
    writeFileSync(file('more.json'), JSON.stringify(published));
    for (const write of [[], ['--write']]) {
      const { exit, stdout } = await check('more.json', ...write);
      expect(exit).toBe(3);
      expect(stdout.split('\n')).toEqual([
        'orders.test ORDER_ARCHIVED is gone.',
        'orders.test ORDER_NOT_FOUND had since.',
        'orders.test STORE_FULL was RESOURCE_EXHAUSTED, and is UNAVAILABLE.',
        '',
        expect.stringMatching(/^Callers look at what was published\. Bring it back; or, where/),
        'New: OUT_OF_STOCK, ROW_LOCKED.',
        '',
      ]);
    }
    expect(readFileSync(file('more.json'), 'utf8')).toBe(JSON.stringify(published));
    const { answer } = await cliJson(['check', ...ESM, '--against', file('more.json')]);
    expect(answer).toMatchObject({
      problems: [{ kind: 'gone' }, { kind: 'metadata' }, { kind: 'code' }],
      written: false,
    });
  });
});

it.each<[string, string[], number, RegExp]>([
  ['no application', ['catalogue'], 2, /Say which application, in one way: --module/],
  ['a file that is not there', ['catalogue', '--module', 'no.js'], 2, /no file .*no\.js\. Build/],
  ['no such class', ['catalogue', ...ESM.slice(0, 1), 'others.mjs#Nope'], 2, /no class Nope/],
  ['no class named', ['catalogue', '--module', 'others.mjs'], 2, /no class AppModule, and no/],
  ['another domain', ['catalogue', ...ESM, '--domain', 'x.test'], 2, /says orders\.test\. Leave/],
  ['no errors', ['catalogue', '--module', 'others.mjs#WithoutErrors'], 3, /imports no GrpcErrorsM/],
  ['two domains', ['catalogue', '--module', 'others.mjs#Twice'], 1, /of a\.test and b\.test/],
  [
    'a broken module',
    ['catalogue', '--module', 'others.mjs#Broken'],
    1,
    /cannot be loaded: .*Lost/,
  ],
  ['not a module', ['catalogue', '--module', '../cli.ts'], 1, /cannot be loaded/],
  ['one that ends the process', ['catalogue', '--module', 'ending.mjs'], 1, /has no answer: what/],
  [
    'one that waits for ever',
    ['check', '--module', 'waiting.mjs', '--against', 'none.json', '--write'],
    1,
    /has no answer: what/,
  ],
  [
    'a name that is none',
    ['catalogue', '--module', 'others.mjs#'],
    2,
    /no class AppModule, and no/,
  ],
  [
    'a folder that is not there',
    ['check', ...ESM, '--against', 'no/a.json', '--write'],
    2,
    /no folder/,
  ],
  ['a folder for a file', ['check', ...ESM, '--against', '.'], 2, /\. is no catalogue/],
  ['a config of something else', ['catalogue', '--config', 'errors.mjs'], 2, /has no module\. Wri/],
  ['nothing to compare with', ['check', ...ESM], 2, /--against errors\.json/],
  ['no catalogue', ['check', ...ESM, '--against', 'config.mjs'], 2, /config\.mjs is no catalogue/],
])('refuses, and says what to do: %s', async (_, args, exit, message) => {
  const ran = await cli(args);
  expect(ran).toEqual({ exit, stdout: '', stderr: expect.stringMatching(message) as string });
  const { error } = await cliJson(args);
  expect(error).toMatchObject({ error: { message: expect.stringMatching(message) } });
});
