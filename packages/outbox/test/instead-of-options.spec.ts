import { ClientProxyPublisher, MariaDbOutboxStore, PostgresOutboxStore } from '@acme/nest-outbox';
import { GolevelupPublisher, RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { describe, expect, it } from 'vitest';

class Opened {
  readonly host = 'localhost';
  readonly port = 1;
}

const CLASSES: [new (given: never) => unknown, given: RegExp, nothing: RegExp][] = [
  [PostgresOutboxStore, /Give new PostgresOutboxStore\(\{ database: pool \}\)/, /database/],
  [MariaDbOutboxStore, /Give new MariaDbOutboxStore\(\{ database: pool \}\)/, /database/],
  [RabbitMqPublisher, /Give new RabbitMqPublisher\(\{ connect: .*\}\)/, /connect/],
  [GolevelupPublisher, /Give new GolevelupPublisher\(\{ connection: .*\}\)/, /connection/],
  [ClientProxyPublisher, /Give the injected ClientProxy/, /client/],
];

describe.each(CLASSES)('new %o()', (Made, remedy, option) => {
  it.each([new Opened(), 'amqp://localhost', undefined, null, 7])(
    'given %o instead of options, says so once, and what to give',
    (given) => {
      const make = () => new Made(given as never);
      expect(make).toThrow(/ is not configured correctly:/);
      expect(make).toThrow(remedy);
      expect(make).not.toThrow(/\n.*\n/);
    },
  );

  it('given none of them, names what is missing', () => {
    expect(() => new Made({} as never)).toThrow(option);
  });
});

it('takes options of a class of the application', () => {
  class Options {
    readonly database = { dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) };
  }
  expect(() => new PostgresOutboxStore(new Options() as never)).not.toThrow();
});

it('names the options of plain objects that do not exist', () => {
  const given = { database: 1, databse: 1 };
  for (const options of [given, Object.assign(Object.create(null) as object, given)])
    expect(() => new PostgresOutboxStore(options as never)).toThrow(/store\.databse: there is no/);
});

it('knows a client that has something of the name of an option', () => {
  class Client {
    readonly database = 'postgres';
    readonly port = 5432;
  }
  expect(() => new PostgresOutboxStore(new Client() as never)).toThrow(/instead of options/);
});
