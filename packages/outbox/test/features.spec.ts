import 'reflect-metadata';
import {
  getOutboxRelayToken,
  getOutboxToken,
  InjectOutbox,
  InjectOutboxRelay,
  Outbox,
  OutboxConfigurationError,
  OutboxModule,
  OutboxRelay,
} from '@acme/nest-outbox';
import { EventSink } from '@acme/nest-message-context';
import { TransactionModule, Transactions, getTransactionsToken } from '@acme/nest-transaction';
import { openContext } from '@acme/internal-testing';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { emptyStore, noAdapter, NullPublisher } from './support/parts.js';

const boot = (imports: readonly DynamicModule[], providers: readonly Type[] = []) => {
  @Module({ imports: [...imports], providers: [...providers] })
  class AppModule {}
  return openContext(AppModule);
};
const refusal = (...imports: DynamicModule[]) =>
  boot(imports).then(
    ({ close }) => close(),
    (error: unknown) => error as OutboxConfigurationError,
  );
const relaying = (store = emptyStore()) => ({ store, publisher: new NullPublisher() });
const alone = { transactions: false as const };

describe('a feature', () => {
  it('is an outbox of its own beside that of forRoot(), with its relay, publisher and transactions', async () => {
    class Service {
      constructor(
        @InjectOutbox() readonly outbox: Outbox,
        @InjectOutbox('billing') readonly billing: Outbox,
        @InjectOutboxRelay() readonly relay: OutboxRelay,
        @InjectOutboxRelay('billing') readonly billingRelay: OutboxRelay,
      ) {}
    }
    const inserted: string[] = [];
    const storeOf = (name: string) =>
      emptyStore({
        insert: async (_sql, messages) => {
          for (const { type } of messages) inserted.push(`${name}: ${type}`);
        },
      });
    const [main, billing] = [relaying(storeOf('main')), relaying(storeOf('billing'))];
    const { app, close } = await boot(
      [
        TransactionModule.forRoot({ adapter: noAdapter }),
        TransactionModule.forRoot({ adapter: noAdapter, name: 'billing' }),
        OutboxModule.forRoot(main),
        OutboxModule.forFeature('billing', billing),
      ],
      [Service],
    );
    const service = app.get(Service);
    expect(service.outbox).toBe(app.get(Outbox));
    expect(app.get(EventSink)).toBe(service.outbox);
    expect(service.billing).toBe(app.get(getOutboxToken('billing')));
    expect(service.billing).not.toBe(service.outbox);
    expect(service.billingRelay).toBe(app.get(getOutboxRelayToken('billing')));
    expect([service.relay.isRunning, service.billingRelay.isRunning]).toEqual([true, true]);

    const its = app.get<Transactions>(getTransactionsToken('billing'));
    await its.run(() => service.billing.add({ type: 'invoice', payload: 1 }));
    await app.get(Transactions).run(() => service.outbox.add({ type: 'order', payload: 1 }));
    // Never into the database of another outbox.
    const astray = its.run(() => service.outbox.add({ type: 'order', payload: 1 }));
    await expect(astray).rejects.toMatchObject({ code: 'OUTBOX_TRANSACTION_REQUIRED' });
    expect(inserted).toEqual(['billing: invoice', 'main: order']);

    await close();
    expect([service.relay.isRunning, service.billingRelay.isRunning]).toEqual([false, false]);
    expect(main.publisher.close).toHaveBeenCalledTimes(1);
    expect(billing.publisher.close).toHaveBeenCalledTimes(1);
  });

  it('needs no forRoot(), takes its options from a factory, and is no EventSink', async () => {
    const { app, close } = await boot([
      OutboxModule.forFeatureAsync('billing', {
        ...alone,
        useFactory: async () => relaying(),
      }),
    ]);
    expect(app.get<OutboxRelay>(getOutboxRelayToken('billing')).isRunning).toBe(true);
    expect(() => app.get(Outbox)).toThrow(/could not find Outbox/);
    expect(() => app.get(EventSink)).toThrow(/could not find EventSink/);
    await close();
  });

  it('that nobody has imported says in the error of Nest what to write', async () => {
    class Service {
      constructor(@InjectOutbox('billing') readonly outbox: Outbox) {}
    }
    class Worker {
      constructor(@InjectOutboxRelay('billing') readonly relay: OutboxRelay) {}
    }
    const root = OutboxModule.forRoot({ ...relaying(), ...alone });
    await expect(boot([root], [Service])).rejects.toThrow(
      `"Outbox of OutboxModule.forFeature('billing', { store, publisher })"`,
    );
    await expect(boot([root], [Worker])).rejects.toThrow(
      `"OutboxRelay of OutboxModule.forFeature('billing', { store, publisher })"`,
    );
  });

  it('wants the transactions of its own name, and says so', async () => {
    const error = await refusal(
      TransactionModule.forRoot({ adapter: noAdapter }),
      OutboxModule.forFeature('billing', relaying()),
    );
    expect(error).toBeInstanceOf(OutboxConfigurationError);
    expect(error?.message).toMatch(/^OutboxModule\.forFeature\('billing'\) is not configured/);
    expect(error?.problems).toEqual([
      expect.stringContaining("TransactionModule.forRoot({ adapter, name: 'billing' })"),
    ]);
  });

  it.each([
    ['default', /^name: 'default' is that of forRoot\(\)/],
    ['', /^name: "" is no name/],
    [undefined, /^name: "" is no name/],
    [{}, /^name: the given object is no name/],
  ])('cannot be called %j', async (name, problem) => {
    const error = await refusal(
      OutboxModule.forFeature(name as string, { ...relaying(), ...alone }),
    );
    expect(error?.problems).toEqual([expect.stringMatching(problem)]);
  });

  it('without options says what is missing', async () => {
    const error = await refusal(OutboxModule.forFeature('billing', undefined as never));
    expect(error?.problems.map((problem) => problem.split(':')[0])).toEqual([
      'transactions',
      'store',
      'publisher',
    ]);
  });
});

describe('two outboxes of one application', () => {
  const named = (name: string, options = relaying()) =>
    OutboxModule.forFeature(name, { ...options, ...alone });

  it('of one name are refused', async () => {
    const error = await refusal(named('billing'), named('billing'));
    expect(error?.problems).toEqual([
      expect.stringMatching(/^name: OutboxModule\.forFeature\('billing'\) is imported 2 times/),
    ]);
    const root = () => OutboxModule.forRoot({ ...relaying(), ...alone });
    const twice = await refusal(root(), root());
    expect(twice?.problems).toEqual([
      expect.stringMatching(/^name: OutboxModule\.forRoot\(\) is imported 2 times/),
    ]);
  });

  it('are one where one module is imported twice', async () => {
    const billing = named('billing');
    @Module({ imports: [billing] })
    class OneModule {}
    @Module({ imports: [billing] })
    class OtherModule {}
    await expect(refusal({ module: OneModule }, { module: OtherModule })).resolves.toBe(undefined);
  });

  it.each([
    ['the same store', () => Array<ReturnType<typeof emptyStore>>(2).fill(emptyStore())],
    [
      'stores on the same tables',
      () => [1, 2].map(() => emptyStore({ whereabouts: async () => 'here' })),
    ],
  ])('with %s are refused where both relay', async (_what, make) => {
    const [one, other] = make().map((store) => relaying(store));
    const error = await refusal(named('one', one), named('other', other));
    expect(error?.problems).toEqual([
      expect.stringMatching(
        /^store: OutboxModule\.forFeature\('other'\) and .*'one'\) have the same tables and a relay each.*mode: 'off'/,
      ),
    ]);
    const adding = { ...other!, relay: { mode: 'off' as const } };
    await expect(refusal(named('one', one), named('other', adding))).resolves.toBe(undefined);
  });

  it('with tables that cannot be told apart, or are others, are fine', async () => {
    const at = (place: string | undefined) =>
      relaying(emptyStore({ whereabouts: async () => place }));
    const places = ['here', 'there', undefined, undefined];
    const features = places.map((place, index) => named(`at ${index}`, at(place)));
    await expect(refusal(...features, named('untold'))).resolves.toBe(undefined);
  });
});

describe('two applications in one process', () => {
  it('know nothing of one another', async () => {
    const [store, name] = [emptyStore(), 'billing'];
    const open = (options: ReturnType<typeof relaying>) =>
      boot([OutboxModule.forFeature(name, { ...options, ...alone })]);
    const [one, other] = [relaying(store), relaying(store)];
    const [first, second] = [await open(one), await open(other)];
    const relay = (opened: typeof first) => opened.app.get<OutboxRelay>(getOutboxRelayToken(name));
    expect(relay(first)).not.toBe(relay(second));
    await first.close();
    expect(one.publisher.close).toHaveBeenCalledTimes(1);
    expect(other.publisher.close).not.toHaveBeenCalled();
    expect(relay(second).isRunning).toBe(true);
    await second.close();
  });
});
