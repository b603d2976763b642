import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  dialectAsked,
  driversOf,
  hasMethods,
  openConfig,
  textOf,
  usageError,
  versionOf,
  type ConfigReading,
} from '@acme/nest-message-context/cli';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'program-cli-'))));
afterAll(() => rmSync(folder, { recursive: true }));

it('tells the version of the package a program is in, not of the format below it', () => {
  const built = join(folder, 'program/dist/esm');
  mkdirSync(join(built, 'cli'), { recursive: true });
  writeFileSync(join(folder, 'program/package.json'), '{ "version": "1.2.3" }');
  writeFileSync(join(built, 'package.json'), '{ "type": "module" }');
  expect(versionOf(pathToFileURL(join(built, 'cli/program.js')).href)).toBe('1.2.3');
});

describe('drivers', () => {
  it('are those of the folder, the first that is there', () => {
    const modules = join(folder, 'node_modules/second');
    mkdirSync(modules, { recursive: true });
    writeFileSync(join(modules, 'package.json'), '{ "name": "second", "main": "index.cjs" }');
    writeFileSync(join(modules, 'index.cjs'), 'exports.own = 1;');
    const drivers = driversOf(folder);
    expect(drivers('first', 'second')).toEqual({ name: 'second', exports: { own: 1 } });
    expect(() => drivers('first')).toThrow(
      expect.objectContaining({
        code: 'DRIVER_MISSING',
        message: expect.stringContaining('npm install first') as string,
      }),
    );
  });
});

describe('a file of --config', () => {
  const file = 'config.mjs';
  beforeAll(() => writeFileSync(join(folder, file), ''));
  const giving = (given: unknown, problems: string[] = []): ConfigReading => ({
    load: async () => ({ default: given }),
    problems: () => problems,
  });
  const open = (reading: ConfigReading, name = file) => openConfig(name, folder, reading);

  it('gives what it exports, or what its function gives, and is closed', async () => {
    let closed = 0;
    const exported = { store: 1, close: () => void (closed += 1) };
    for (const given of [exported, () => exported, async () => exported]) {
      const opened = await open(giving(given));
      expect(opened.exported).toBe(exported);
      await opened.close();
    }
    expect(closed).toBe(3);
    await expect(open(giving(7))).resolves.toMatchObject({ exported: {} });
  });

  it('is closed when it is not what it has to be', async () => {
    let closed = 0;
    const given = { close: () => void (closed += 1) };
    await expect(open(giving(given, ['no store.', 'no name.']))).rejects.toMatchObject({
      exit: 2,
      message: '--config config.mjs: no store.\n--config config.mjs: no name.',
    });
    expect(closed).toBe(1);
    await expect(open(giving({ close: 1 }))).rejects.toThrow(/close: it is no function/);
  });

  it('may be missing or fail', async () => {
    await expect(open(giving({}), 'none.mjs')).rejects.toMatchObject({ exit: 2 });
    const load = () => Promise.reject(new Error('not today'));
    await expect(open({ load, problems: () => [] })).rejects.toMatchObject({
      exit: 1,
      code: 'CONFIG_FAILED',
      message: '--config config.mjs: not today',
    });
  });
});

it('knows what can do something', () => {
  expect(hasMethods({ a() {}, b() {} }, ['a', 'b'])).toBe(true);
  for (const value of [{ a: 1 }, null, undefined, 'text'])
    expect(hasMethods(value, ['a'])).toBe(false);
});

it('asks for the kind of database in one way', () => {
  const sql = { options: [], unconnected: true };
  const schemes = { postgres: sql, postgresql: sql, redis: { options: [] } };
  expect(dialectAsked({ dialect: 'postgres' }, schemes)).toBe(sql);
  expect(dialectAsked({ url: 'postgresql://h' }, schemes)).toBe(sql);
  expect(dialectAsked({ config: 'x.mjs' }, schemes)).toBeUndefined();
  for (const values of [{}, { dialect: 'postgres', url: 'postgres://h' }])
    expect(() => dialectAsked(values, schemes)).toThrow(/--dialect postgres, --url or --config/);
});

it('tells of errors', () => {
  expect(usageError('so')).toMatchObject({ exit: 2, code: 'USAGE', message: 'so' });
  expect(textOf(new Error('why'))).toBe('why');
  expect(textOf(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe(
    'ECONNREFUSED',
  );
  expect(textOf('text')).toBe('text');
});
