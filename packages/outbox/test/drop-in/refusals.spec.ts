import 'reflect-metadata';
import {
  Outbox,
  OutboxAmqpConnection,
  OutboxClientProxy,
  OutboxMessageInvalidError,
  OutboxModule,
  OutboxTransactionRequiredError,
  OutboxUnsupportedError,
} from '@acme/nest-outbox';
import { openContext } from '@acme/internal-testing';
import {
  TransactionModule,
  Transactions,
  TransactionRollbackOnlyError,
  TransactionWorkPendingError,
  type TransactionAdapter,
} from '@acme/nest-transaction';
import { Module } from '@nestjs/common';
import { RmqRecordBuilder } from '@nestjs/microservices';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { inertStore } from '../support/inert-store.js';

const adapter: TransactionAdapter = {
  library: 'none',
  dialect: 'postgres',
  transaction: (work) => work({}),
  sql: () => ({ dialect: 'postgres', query: async () => ({ rows: [], rowCount: 0 }) }),
};

describe('what stands in for a client', () => {
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
  beforeEach(() => {
    store.messages.length = 0;
    vi.restoreAllMocks();
  });

  /** What a call throws at once, inside a transaction. */
  const thrownBy = (call: () => unknown): Promise<unknown> =>
    transactions.run(async () => {
      try {
        call();
      } catch (error) {
        return error;
      }
      throw new Error('It threw nothing.');
    });

  it('throws at once outside a transaction, for few look at what is returned', () => {
    const client = new OutboxClientProxy(outbox, { queue: 'q' });
    const amqp = new OutboxAmqpConnection(outbox);
    expect(() => client.emit('a', 1)).toThrow(OutboxTransactionRequiredError);
    expect(() => amqp.publish('x', 'a', 1)).toThrow(OutboxTransactionRequiredError);
  });

  it('uses the transaction: a handler that does nothing else has an effect', async () => {
    await transactions.run(async () => {
      expect(transactions.touched).toBe(false);
      await outbox.add({ type: 'a', payload: 1 });
      expect(transactions.touched).toBe(true);
    });
  });

  it('rolls back when nobody has waited for it, rather than commit without the event', async () => {
    const client = new OutboxClientProxy(outbox, { queue: 'q' });
    const amqp = new OutboxAmqpConnection(outbox);
    for (const send of [() => client.emit('a', 1), () => amqp.publish('x', 'a', 1)]) {
      const work = transactions.run(async () => void send());
      await expect(work).rejects.toThrow(TransactionWorkPendingError);
    }
  });

  it('rolls back when it has failed and nobody has looked', async () => {
    vi.spyOn(store, 'insert').mockRejectedValue(new Error('disk full'));
    const client = new OutboxClientProxy(outbox, { queue: 'q' });
    const amqp = new OutboxAmqpConnection(outbox);
    for (const send of [() => client.emit('a', 1), () => amqp.publish('x', 'a', 1)]) {
      const work = transactions.run(async () => {
        void send();
        await new Promise((resolve) => setImmediate(resolve));
      });
      await expect(work).rejects.toThrow(TransactionRollbackOnlyError);
      await expect(work).rejects.toMatchObject({ cause: { message: 'disk full' } });
    }
  });

  it.each([
    ['expiration', '1000', /x-message-ttl/],
    ['priority', 5, /past the outbox/],
    ['replyTo', 'q', /after the commit/],
    ['CC', ['other'], /CC/],
    ['userId', 'guest', /userId/],
  ])('refuses %s, which it cannot keep', async (name, value, remedy) => {
    const options = { [name]: value };
    const record = new RmqRecordBuilder({ id: 1 }).setOptions(options).build();
    const client = new OutboxClientProxy(outbox, { queue: 'q' });
    const amqp = new OutboxAmqpConnection(outbox);
    const errors = [
      await thrownBy(() => client.emit('a', record)),
      await thrownBy(() => amqp.publish('x', 'a', 1, options)),
      await thrownBy(() =>
        new OutboxAmqpConnection(outbox, { defaultPublishOptions: options }).publish('x', 'a', 1),
      ),
    ];
    for (const error of errors) {
      expect(error).toBeInstanceOf(OutboxMessageInvalidError);
      expect(error).toMatchObject({ message: expect.stringMatching(remedy) });
    }
    expect(store.messages).toEqual([]);
  });

  it('takes what it does with every message anyway, and what is undefined', async () => {
    const options = { persistent: false, deliveryMode: 1, mandatory: true, expiration: undefined };
    const amqp = new OutboxAmqpConnection(outbox);
    await transactions.run(() => amqp.publish('x', 'a', 1, options as object));
    expect(store.messages).toHaveLength(1);
  });

  it('refuses a missing pattern, missing data, and a content type that is none of the envelope', async () => {
    const client = new OutboxClientProxy(outbox);
    const bytes = new RmqRecordBuilder(1).setOptions({ contentType: 'text/plain' }).build();
    await expect(thrownBy(() => client.emit(undefined, null))).resolves.toMatchObject({
      problems: [expect.stringContaining('pattern'), expect.stringContaining('data')],
    });
    await expect(thrownBy(() => client.emit('a', bytes))).resolves.toMatchObject({
      problems: [expect.stringContaining('contentType')],
    });
  });

  it('refuses a type beside the pattern, which it would replace', async () => {
    const record = new RmqRecordBuilder(1).setOptions({ type: 'order.placed.v1' }).build();
    for (const envelope of ['nest', 'plain'] as const) {
      const client = new OutboxClientProxy(outbox, { envelope });
      await expect(thrownBy(() => client.emit('a', record))).resolves.toMatchObject({
        problems: [expect.stringMatching(/^type: /)],
      });
    }
    expect(store.messages).toEqual([]);
  });

  it('refuses requests and everything that needs a connection', async () => {
    const client = new OutboxClientProxy(outbox);
    const amqp = new OutboxAmqpConnection(outbox);
    for (const call of [
      () => client.send(),
      () => client.on(),
      () => client.status,
      () => client.unwrap(),
      () => amqp.request(),
    ]) {
      expect(call).toThrow(OutboxUnsupportedError);
    }
    await client.connect();
    client.close();
    expect(() => new OutboxClientProxy(outbox, { queue: 'q', exchange: 'e' })).toThrow(
      OutboxUnsupportedError,
    );
  });
});
