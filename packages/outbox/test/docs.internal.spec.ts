import { readdirSync, readFileSync } from 'node:fs';
import {
  documentedDefaults,
  knownOptions as known,
  named,
  names,
  rowsUnder,
} from '@acme/internal-testing';
import * as api from '@acme/nest-outbox';
import type {
  AddOptions,
  OutboxAmqpConnectionOptions,
  OutboxClientProxyOptions,
  OutboxMessage,
  OutboxModuleExtras,
  OutboxStatus,
} from '@acme/nest-outbox';
import type { PublishErrorReason } from '@acme/nest-message-context';
import { describe, expect, it } from 'vitest';
import { keyHash } from '../src/core/lane.js';
import { resolveOptions } from '../src/outbox.options.js';
import { migrationSql } from '../src/stores/postgres/postgres.schema.js';
import { emptyStore, NullPublisher } from './support/parts.js';

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), 'utf8');

const OPTIONS = page('outbox-options.md');
const ERRORS = page('outbox-errors.md');
const SQL = page('outbox-sql.md');

const surroundings = { feature: undefined, transactions: 'default', found: true };
const parts = { store: emptyStore(), publisher: new NullPublisher() };

describe('docs/reference/outbox-options.md has all options and no others', () => {
  const nope = { nope: 1 } as object;
  const module = (options: object) => () => resolveOptions({ ...parts, ...options }, surroundings);

  it('of the module, the relay and the retries', () => {
    const extras: Record<keyof OutboxModuleExtras, true> = { transactions: true, isGlobal: true };
    expect(names(rowsUnder(OPTIONS, '## The module'))).toEqual(
      [...known(module(nope), 'options\\.'), ...Object.keys(extras)].sort(),
    );
    expect(names(rowsUnder(OPTIONS, '## relay'))).toEqual(
      known(module({ relay: nope }), 'relay\\.'),
    );
    expect(names(rowsUnder(OPTIONS, '## retry'))).toEqual(
      known(module({ retry: nope }), 'retry\\.'),
    );
  });

  it('with the defaults that are in force', () => {
    const relay = documentedDefaults(OPTIONS, '## relay');
    const retry = documentedDefaults(OPTIONS, '## retry');
    expect(Object.keys(relay)).toHaveLength(6);
    expect(Object.keys(retry)).toHaveLength(5);
    expect(module({ relay, retry })()).toEqual(module({})());
  });

  it('of stores and publishers', () => {
    const of = (heading: string, kind: string) =>
      names(
        rowsUnder(OPTIONS, heading).filter(
          ([, whose]) => whose === 'all' || whose?.split(', ').includes(kind),
        ),
      );
    const database = { dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) };
    const client = { emit() {}, connect() {} } as never;
    expect(of('## Stores', 'Postgres')).toEqual(
      known(() => new api.PostgresOutboxStore({ database, ...nope }), 'store\\.'),
    );
    expect(names(rowsUnder(OPTIONS, '## Publishers'))).toEqual(
      known(() => new api.ClientProxyPublisher({ client, confirmed: 'handed-over', ...nope })),
    );
  });

  it('of messages, events, stand-ins and the status', () => {
    const message: Record<keyof OutboxMessage, true> = {
      type: true,
      payload: true,
      key: true,
      exchange: true,
      routingKey: true,
      headers: true,
      messageId: true,
      contentType: true,
      timestamp: true,
      delay: true,
      availableAt: true,
    };
    const add: Record<keyof AddOptions, true> = { tx: true };
    const standIns: Record<
      keyof OutboxClientProxyOptions | keyof OutboxAmqpConnectionOptions,
      true
    > = {
      queue: true,
      exchange: true,
      envelope: true,
      headers: true,
      key: true,
      serializer: true,
      defaultPublishOptions: true,
    };
    const status: Record<keyof OutboxStatus, true> = {
      pending: true,
      oldestAgeMs: true,
      delayed: true,
      waiting: true,
      blocked: true,
      parked: true,
      published: true,
      lanes: true,
      heldLanes: true,
      relays: true,
    };
    const keys = (of: object) => Object.keys(of).sort();
    expect(names(rowsUnder(OPTIONS, '### A message'))).toEqual(keys(message));
    expect(names(rowsUnder(OPTIONS, '## Stand-ins'))).toEqual(keys(standIns));
    expect(names(rowsUnder(OPTIONS, '### status'))).toEqual(keys(status));
    for (const option of keys(add)) expect(OPTIONS).toContain(`{ ${option} }`);
    expect(names(rowsUnder(OPTIONS, '### `@OutboxEvent()`'))).toEqual(
      known(() => api.OutboxEvent({ type: 'x', ...nope })(class {})),
    );
  });

  it('and all that can be called on the relay and the admin', () => {
    const of = (type: { prototype: object }) =>
      Object.getOwnPropertyNames(type.prototype).filter((name) => name !== 'constructor');
    expect(names(rowsUnder(OPTIONS, '## OutboxAdmin'))).toEqual(of(api.OutboxAdmin).sort());
    // An arrow function, so that it can be handed on.
    expect(names(rowsUnder(OPTIONS, '## OutboxRelay'))).toEqual(
      [...of(api.OutboxRelay), 'wake'].sort(),
    );
  });
});

describe('docs/reference/outbox-errors.md has all codes and no others', () => {
  it('of what is thrown', () => {
    const classes = (Object.values(api) as unknown[]).filter(
      (one): one is new (...args: unknown[]) => api.OutboxError =>
        typeof one === 'function' && one.prototype instanceof api.OutboxError,
    );
    const codes = classes.map((one) => new one(['x'], ['x']).code).sort();
    expect(names(rowsUnder(ERRORS, '## Thrown'))).toEqual(codes);
  });

  it('of why a message was not accepted', () => {
    const publishers: Record<PublishErrorReason, true> = {
      NOT_CONNECTED: true,
      CONNECTION_LOST: true,
      TIMEOUT: true,
      NACKED: true,
      EXCHANGE_UNAVAILABLE: true,
      INVALID: true,
    };
    const relays = ['core', 'relay'].flatMap((folder) => codesIn(`../src/${folder}/`));
    const reasons = new Set([...Object.keys(publishers), ...relays]);
    expect(names(rowsUnder(ERRORS, '## Why a message was not accepted'))).toEqual(
      [...reasons].sort(),
    );
  });
});

describe('docs/reference/outbox-sql.md is true', () => {
  const tables = tablesOf(migrationSql((name) => name, 16));
  const ofMessage = names(rowsUnder(SQL, '## Columns of a message'));

  it('about tables and columns', () => {
    const rows = rowsUnder(SQL, '# Tables of @acme/nest-outbox');
    expect(names(rows)).toEqual([...tables.keys()].sort());
    for (const [table, , others = ''] of rows) {
      const own = [...others.replace(/\(.*\)/, '').matchAll(/`(\w+)`/g)].map(([, name]) => name);
      const all = others.startsWith('only') ? own : [...ofMessage, ...own];
      expect(tables.get(named(table))?.sort(), named(table)).toEqual(all.sort());
    }
  });

  it('about the lane of a key', () => {
    const rows = rowsUnder(SQL, '## The lane of a key');
    expect(rows.length).toBeGreaterThan(3);
    for (const [key, hash, lane] of rows) {
      const found = keyHash(named(key));
      expect(named(hash)).toBe(`0x${found.toString(16).padStart(8, '0')}`);
      expect(Number(lane)).toBe(found % 16);
    }
  });
});

/** Texts in capitals in the sources of a folder: nothing else is written so there. */
function codesIn(folder: string): string[] {
  const url = new URL(folder, import.meta.url);
  return readdirSync(url)
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => readFileSync(new URL(name, url), 'utf8').match(/'[A-Z]+(_[A-Z]+)*'/g) ?? [])
    .map((quoted) => quoted.slice(1, -1));
}

/** The columns of each table that a migration makes. */
function tablesOf(sql: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [, table, body = ''] of sql.matchAll(
    /create table (?:if not exists )?(\w+) \(\n([\s\S]*?)\n\s*\)(?: with|;)/g,
  )) {
    const columns = [
      ...body.matchAll(/^\s*(\w+) (?:bigint|integer|text|json|bytea|timestamptz)/gm),
    ];
    found.set(
      table as string,
      columns.map(([, column]) => column as string),
    );
  }
  return found;
}
