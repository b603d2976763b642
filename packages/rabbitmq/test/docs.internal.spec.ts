import { readFileSync } from 'node:fs';
import { knownOptions, names, rowsUnder } from '@acme/internal-testing';
import {
  PublisherClosedError,
  PublisherConfigurationError,
  PublishError,
  type PublishErrorReason,
} from '@acme/nest-message-context';
import { ClientRmqPublisher, GolevelupPublisher, RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { describe, expect, it } from 'vitest';

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
