import { readFileSync } from 'node:fs';
import { documentedDefaults, knownOptions, names, rowsUnder } from '@acme/internal-testing';
import {
  decisionFor,
  PublisherClosedError,
  PublisherConfigurationError,
  PublishError,
  type PublishErrorReason,
} from '@acme/nest-message-context';
import * as api from '@acme/nest-rabbitmq';
import { ClientRmqPublisher, GolevelupPublisher, RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { RpcException } from '@nestjs/microservices';
import { describe, expect, it } from 'vitest';
import { UNORDERED } from '../src/core/order-key.js';
import { COMMANDS } from '../src/cli/commands/index.js';
import { FILTER_OPTIONS, OPTIONS } from '../src/cli/options.js';
import { FILTER_NUMBERS, FILTER_TEXTS } from '../src/core/dead-letter-filter.js';
import { CRASH_LOOP } from '../src/crashes/crash-reasons.js';
import { GIVEN_UP, HEADERS_TOO_LARGE } from '../src/core/settle-plan.js';
import { ORDER_KEY_STOPPED } from '../src/ordered/order-texts.js';
import { orderWatchOf } from '../src/ordered/order-watch.js';
import { problemsOfOrdered } from '../src/ordered/ordered-check.js';
import { NOT_RETRIED } from '../src/settlement/judged.js';
import { noHandler, unreadable } from '../src/nest/unhandled.js';
import { resolveOptions } from '../src/rabbitmq.options.js';

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), 'utf8');

describe('docs/reference/rabbitmq-publishers.md', () => {
  const PAGE = page('rabbitmq-publishers.md');

  it('has all options and no others', () => {
    const of = (kind: string) =>
      names(
        rowsUnder(PAGE, '## Options').filter(
          ([, whose]) => whose === 'all' || whose?.split(', ').includes(kind),
        ),
      );
    const nope = { nope: 1 } as object;
    const managedConnection = { on() {} } as never;
    const client = { connect() {}, unwrap() {}, queue: 'q', queueOptions: {}, replyQueue: '' };
    expect(of('RabbitMq')).toEqual(
      knownOptions(() => new RabbitMqPublisher({ connect: async () => ({}) as never, ...nope })),
    );
    expect(of('Golevelup')).toEqual(
      knownOptions(() => new GolevelupPublisher({ connection: { managedConnection }, ...nope })),
    );
    expect(of('ClientRmq')).toEqual(
      knownOptions(() => new ClientRmqPublisher({ client: client as never, ...nope })),
    );
  });

  it('has all codes and reasons, and no others', () => {
    const errors = [
      new PublisherClosedError('x'),
      new PublisherConfigurationError('x', []),
      new PublishError('INVALID', 'x'),
    ];
    expect(names(rowsUnder(PAGE, '## Errors'))).toEqual(errors.map(({ code }) => code).sort());
    const reasons: Record<PublishErrorReason, true> = {
      NOT_CONNECTED: true,
      CONNECTION_LOST: true,
      TIMEOUT: true,
      NACKED: true,
      EXCHANGE_UNAVAILABLE: true,
      INVALID: true,
    };
    expect(names(rowsUnder(PAGE, '## Why a message was not accepted'))).toEqual(
      Object.keys(reasons).sort(),
    );
  });
});

describe('docs/reference/rabbitmq-options.md', () => {
  const PAGE = page('rabbitmq-options.md');
  const connect = async () => ({}) as never;
  const module = (options: object) => () => resolveOptions({ connect, ...options });
  const nope = { nope: 1 } as object;

  it('has all options and no others', () => {
    expect(names(rowsUnder(PAGE, '## The module'))).toEqual(
      knownOptions(module(nope), 'options\\.'),
    );
    expect(names(rowsUnder(PAGE, '## retry'))).toEqual(
      knownOptions(module({ retry: nope }), 'retry\\.'),
    );
    expect(names(rowsUnder(PAGE, '## deadLetter'))).toEqual(
      knownOptions(module({ deadLetter: nope }), 'deadLetter\\.'),
    );
  });

  it('with the defaults that are in force', () => {
    const options = {
      retry: documentedDefaults(PAGE, '## retry'),
      deadLetter: documentedDefaults(PAGE, '## deadLetter', ['queue']),
    };
    expect(Object.keys({ ...options.retry, ...options.deadLetter })).toHaveLength(12);
    expect(module(options)().policyOf('q')).toEqual(module({})().policyOf('q'));
  });

  it('has all options of the decorator, and no others', () => {
    const check = (options: object) =>
      problemsOfOrdered(
        {
          handler: { className: 'Orders', methodName: 'placed' },
          kinds: new Set(['event']),
          options: { key: 'routingKey', ...options },
          method: () => {},
          owner: class Orders {},
        },
        { store: undefined, watch: () => {} },
      );
    const [problem] = check(nope);
    expect(names(rowsUnder(PAGE, '## @RmqOrdered()'))).toEqual(
      /Known are (.*)\./
        .exec(problem ?? '')?.[1]
        ?.split(', ')
        .sort(),
    );
    expect(check(documentedDefaults(PAGE, '## @RmqOrdered()', ['key']))).toEqual([]);
  });

  it('has all options of a sequence, and no others', () => {
    const check = (sequence: object) => {
      const problems: string[] = [];
      const watch = orderWatchOf({ key: 'routingKey', sequence: sequence as never }, problems);
      return { problems, sequence: watch?.sequence };
    };
    expect(names(rowsUnder(PAGE, '## sequence of @RmqOrdered()'))).toEqual(
      /Known are (.*)\./
        .exec(check(nope).problems[0] ?? '')?.[1]
        ?.split(', ')
        .sort(),
    );
    const defaults = documentedDefaults(PAGE, '## sequence of @RmqOrdered()', []);
    expect(check({ ...defaults, onGap: 'hold' })).toEqual(check({ onGap: 'hold' }));
    expect(check({ ...defaults, holdMax: undefined })).toEqual(check({}));
  });

  it('has all options of the topology, and no others', () => {
    const make = () =>
      api.orderedTopology({ exchange: 'e', queue: 'q', partitions: 1, ...nope } as never);
    expect(names(rowsUnder(PAGE, '## orderedTopology()'))).toEqual(
      knownOptions(make, 'options\\.'),
    );
  });

  it('has all codes, and no others', () => {
    const errors = [
      new api.RabbitMqConfigurationError([]),
      new api.SettlingFailedError('x'),
      new api.QueueUnavailableError('x'),
      new api.InterruptedError('x'),
      new api.RpcError({ status: 'error', code: 'X', statusCode: 500, message: 'x' }),
      new api.RpcTimeoutError('x', 1),
      new api.RpcUnroutableError('x'),
      new api.TopologyMismatchError({ entries: [] }, 'x'),
    ];
    expect(names(rowsUnder(PAGE, '## Errors'))).toEqual(errors.map(({ code }) => code).sort());
    const thrown = [noHandler('x'), unreadable(new Error('x')), new RpcException('x')];
    expect(names(rowsUnder(PAGE, '## Why a message was parked'))).toEqual(
      [
        ...thrown.map((error) => (decisionFor(error) as { code?: string }).code),
        ...Object.values(GIVEN_UP),
        HEADERS_TOO_LARGE.code,
        NOT_RETRIED,
        CRASH_LOOP,
        ...Object.values(UNORDERED),
        ORDER_KEY_STOPPED,
      ].sort(),
    );
  });
});

describe('docs/reference/rabbitmq-dead-letters.md', () => {
  const PAGE = page('rabbitmq-dead-letters.md');
  const connect = () => Promise.reject(new Error('nobody connects here'));
  const desk = new api.DeadLetters({ connect });
  const nope = { nope: 1 } as object;
  /** What a call knows, told by its error. */
  const known = async (call: () => Promise<unknown>): Promise<string[]> => {
    const error: unknown = await call().catch((thrown: unknown) => thrown);
    return knownOptions(() => {
      throw error;
    }, 'options\\.');
  };

  it('has all options, and which call has them', async () => {
    expect(names(rowsUnder(PAGE, '## Options'))).toEqual(
      knownOptions(() => new api.DeadLetters({ connect, ...nope }), 'options\\.'),
    );
    const rows = rowsUnder(PAGE, '## Options of the calls');
    const of = (call: string) =>
      names(rows.filter(([, , whose]) => whose === 'all' || whose?.split(', ').includes(call)));
    const calls = {
      list: () => desk.list('q', nope),
      peek: () => desk.peek('q', nope),
      groups: () => desk.groups('q', nope),
      redrive: () => desk.redrive('q', nope),
      export: () => desk.export('q', nope).next(),
      purge: () => desk.purge('q', nope),
    };
    for (const [call, ask] of Object.entries(calls)) expect(of(call)).toEqual(await known(ask));
    expect(names(rowsUnder(PAGE, '## Calls'))).toEqual([...Object.keys(calls), 'close'].sort());
  });

  it('has the whole filter, and all reasons', () => {
    expect(names(rowsUnder(PAGE, '### Filter'))).toEqual(
      [...FILTER_TEXTS, ...FILTER_NUMBERS, 'where'].sort(),
    );
    const left: Record<keyof api.RedriveLeft, true> = {
      unmatched: true,
      cameBack: true,
      tooOften: true,
      withoutOrigin: true,
      failed: true,
    };
    const reasons: Record<api.RedriveFailureReason, true> = {
      NO_QUEUE: true,
      REFUSED: true,
      UNCONFIRMED: true,
      HEADERS_TOO_LARGE: true,
    };
    expect(names(rowsUnder(PAGE, '## What a redrive does'))).toEqual(
      [...Object.keys(left), ...Object.keys(reasons)].sort(),
    );
  });
});

describe('docs/reference/rabbitmq-topology.md', () => {
  const PAGE = page('rabbitmq-topology.md');

  it('has all options, and all states', () => {
    const options = () =>
      new api.Topology({ connect: async () => ({}) as never, nope: 1 } as never);
    expect(names(rowsUnder(PAGE, '## Options').slice(0, 5))).toEqual(
      knownOptions(options, 'options\\.'),
    );
    const states: Record<api.TopologyEntry['state'], true> = {
      present: true,
      created: true,
      missing: true,
      different: true,
      refused: true,
      unseen: true,
    };
    for (const state of Object.keys(states)) expect(PAGE).toContain(`| \`${state}\``);
  });
});

describe('docs/reference/rabbitmq-cli.md', () => {
  const PAGE = page('rabbitmq-cli.md');
  const COMMON = ['--json'];

  it('has all commands, and all options with the commands that have them', () => {
    const [commands, rows] = [rowsUnder(PAGE, '# `nest-rabbitmq`'), rowsUnder(PAGE, '## Options')];
    expect(names(commands)).toEqual(Object.keys(COMMANDS).sort());
    const all = Object.keys(OPTIONS).filter((name) => !['help', 'version'].includes(name));
    expect(names(rows)).toEqual(all.map((name) => `--${name}`).sort());
    for (const [name, { options }] of Object.entries(COMMANDS)) {
      const [group, short = ''] = name.split(' ');
      const documented = names(
        rows.filter(
          ([, whose]) => whose === 'all' || whose === group || whose?.split(', ').includes(short),
        ),
      );
      expect(documented).toEqual([...options.map((one) => `--${one}`), ...COMMON].sort());
    }
    for (const name of FILTER_OPTIONS) expect(PAGE).toContain(`\`--${name}\``);
  });
});
