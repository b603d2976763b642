import 'reflect-metadata';
import {
  Outbox,
  OutboxModule,
  OutboxRelay,
  type RelayOptions,
  type WakeUpEvents,
} from '@acme/nest-outbox';
import { TransactionModule, Transactions } from '@acme/nest-transaction';
import { openContext, RecordingLogger } from '@acme/internal-testing';
import { Module } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import { emptyStore, noAdapter, NullPublisher } from '../support/parts.js';

describe('a store that can wake relays elsewhere', () => {
  const open = async (mode: RelayOptions['mode']) => {
    const tell = vi.fn<() => Promise<void>>(async () => {});
    const close = vi.fn<() => Promise<void>>(async () => {});
    const listen = vi.fn<(events: WakeUpEvents) => { close: typeof close }>(() => ({ close }));
    const store = emptyStore({ wakeUps: () => ({ tell, listen }) });
    const publisher = new NullPublisher();
    @Module({
      imports: [
        TransactionModule.forRoot({ adapter: noAdapter }),
        OutboxModule.forRoot({ store, publisher, relay: { mode } }),
      ],
    })
    class AppModule {}
    const log = new RecordingLogger();
    const opened = await openContext(AppModule, { log });
    return { ...opened, log, tell, listen, ended: close };
  };

  it.each(['embedded', 'off'] as const)(
    'tells them after a commit where the mode is %s, since the lane may be anywhere',
    async (mode) => {
      const { app, close, tell } = await open(mode);
      const [outbox, transactions] = [app.get(Outbox), app.get(Transactions)];
      await transactions.run(async () => {
        await outbox.add({ type: 'a', payload: 1 });
        expect(tell).not.toHaveBeenCalled();
      });
      expect(tell).toHaveBeenCalledTimes(1);
      const lost = transactions.run(async () => {
        await outbox.add({ type: 'a', payload: 1 });
        throw new Error('no');
      });
      await expect(lost).rejects.toThrow('no');
      await close();
      expect(tell).toHaveBeenCalledTimes(1);
    },
  );

  it.each([
    ['embedded', 1],
    ['worker', 1],
    ['off', 0],
  ] as const)('is listened to where the mode is %s: %i connection(s)', async (mode, count) => {
    const { close, listen, ended } = await open(mode);
    expect(listen).toHaveBeenCalledTimes(count);
    expect(ended).not.toHaveBeenCalled();
    await close();
    expect(ended).toHaveBeenCalledTimes(count);
  });

  it('wakes the relay when it hears, and says when it cannot', async () => {
    const { app, close, listen, log } = await open('worker');
    const [events] = listen.mock.calls[0]!;
    expect(events.heard).toBe(app.get(OutboxRelay).wake);
    events.deaf(new Error('the server is away'));
    events.restored();
    expect(log.messages('warn')).toEqual([
      expect.stringMatching(/hears nothing: the server is away\. .*relay\.pollInterval/),
    ]);
    expect(log.messages('log')).toContain('The connection that listens hears again.');
    await close();
  });
});
