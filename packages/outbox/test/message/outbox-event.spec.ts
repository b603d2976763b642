import 'reflect-metadata';
import { openContext } from '@acme/internal-testing';
import {
  Outbox,
  OutboxConfigurationError,
  OutboxEvent,
  OutboxMessageInvalidError,
  OutboxModule,
} from '@acme/nest-outbox';
import { TransactionModule, Transactions, type TransactionAdapter } from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inertStore } from '../support/inert-store.js';

const adapter: TransactionAdapter = {
  library: 'none',
  dialect: 'postgres',
  transaction: (work) => work({}),
  sql: () => ({ dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) }),
};

@OutboxEvent<OrderEvent>({
  type: 'order.changed.v1',
  exchange: 'orders',
  routingKey: ({ orderId }) => `order.${orderId}`,
  key: (event) => event.orderId,
})
class OrderEvent {
  readonly #secret = 'not sent';
  constructor(readonly orderId: string) {}
  get secret(): string {
    return this.#secret;
  }
}

class OrderRenamed extends OrderEvent {
  readonly name = 'new';
}

@OutboxEvent<OrderPlaced>({
  type: ({ total }) => `order.placed.${total > 100 ? 'large' : 'small'}`,
  routingKey: undefined,
})
class OrderPlaced extends OrderEvent {
  constructor(
    orderId: string,
    readonly total: number,
  ) {
    super(orderId);
  }
}

@OutboxEvent({ type: 'money.moved.v1' })
class MoneyMoved {
  constructor(private readonly cents: bigint) {}
  toJSON(): unknown {
    return { cents: String(this.cents) };
  }
}

describe('@OutboxEvent()', () => {
  const store = inertStore();
  let outbox: Outbox;
  let transactions: Transactions;
  let close: () => Promise<void>;
  beforeAll(async () => {
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter }),
        OutboxModule.forRoot({ store, relay: { mode: 'off' } }),
      ],
    })
    class AppModule {}
    const opened = await openContext(AppModule);
    outbox = opened.app.get(Outbox);
    transactions = opened.app.get(Transactions);
    ({ close } = opened);
  });
  afterAll(() => close());
  beforeEach(() => (store.messages.length = 0));
  const add = (given: object): Promise<void> =>
    transactions.run(() => outbox.add(given as OrderEvent));

  it('makes a message of an event, by values and functions', async () => {
    await add(new OrderEvent('7'));
    expect(store.messages).toMatchObject([
      {
        type: 'order.changed.v1',
        exchange: 'orders',
        routingKey: 'order.7',
        key: '7',
        payload: '{"orderId":"7"}',
        contentType: null,
      },
    ]);
  });

  it('is inherited, wholly or in what a subclass leaves out', async () => {
    await add([new OrderRenamed('1'), new OrderPlaced('2', 101), new OrderPlaced('3', 99)]);
    expect(store.messages).toMatchObject([
      { type: 'order.changed.v1', routingKey: 'order.1', key: '1', exchange: 'orders' },
      { type: 'order.placed.large', routingKey: null, key: '2', exchange: 'orders' },
      { type: 'order.placed.small', routingKey: null, key: '3' },
    ]);
    expect(JSON.parse(store.messages[0]?.payload as string)).toEqual({ orderId: '1', name: 'new' });
    // And not passed on upwards.
    await add(new OrderEvent('4'));
    expect(store.messages[3]).toMatchObject({ type: 'order.changed.v1', routingKey: 'order.4' });
  });

  it('honours toJSON()', async () => {
    await add(new MoneyMoved(5n));
    expect(store.messages[0]?.payload).toBe('{"cents":"5"}');
  });

  it('mixes with plain messages, in order, and takes those from anywhere', async () => {
    const bare = Object.assign(Object.create(null) as object, { type: 'bare', payload: 1 });
    const foreign = runInNewContext('({ type: "foreign", payload: 2 })') as object;
    await add([{ type: 'plain', payload: 0 }, new OrderEvent('1'), bare, foreign]);
    const types = store.messages.map(({ type }) => type);
    expect(types).toEqual(['plain', 'order.changed.v1', 'bare', 'foreign']);
  });

  it('is asked for where it is missing, and nothing is written', async () => {
    class Undecorated {
      readonly type = 'looks.like.one';
      readonly payload = 1;
    }
    const adding = add([new OrderEvent('1'), new Undecorated(), null as never, 'text' as never]);
    await expect(adding).rejects.toThrow(OutboxMessageInvalidError);
    await expect(adding).rejects.toThrow(
      /message 1: .*Undecorated.*@OutboxEvent\(\{ type \}\).*message 2: null.*message 3: text/s,
    );
    expect(store.messages).toEqual([]);
  });

  it('tells of a function that fails, and of one that gives no text', async () => {
    @OutboxEvent<Broken>({
      type: 'broken',
      key: ({ parts }) => (parts as string[])[0]!.trim(),
      routingKey: () => 7 as never,
    })
    class Broken {
      readonly parts: string[] | undefined;
    }
    const adding = add(new Broken());
    await expect(adding).rejects.toThrow(OutboxMessageInvalidError);
    await expect(adding).rejects.toThrow(/key: its function on Broken.*routingKey: number/s);
  });

  it('refuses wrong options at once, all of them, and what is no class', () => {
    const decorate = (options: unknown) => () =>
      OutboxEvent(options as never)(class OrderLost {} as never);
    expect(decorate({ typ: 'a', key: 1, exchange: null })).toThrow(OutboxConfigurationError);
    expect(decorate({ typ: 'a', key: 1, exchange: null })).toThrow(
      /@OutboxEvent\(\) on OrderLost.*typ: .*type: missing.*exchange: null.*key: 1/s,
    );
    expect(decorate({ type: '' })).toThrow(/type: empty/);
    expect(decorate(undefined)).toThrow(/no options/);
    expect(() => OutboxEvent({ type: 'a' })({} as never)).toThrow(/no class/);
  });
});
