import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PostgresListener } from '../../src/wakeup/postgres-listener.js';

/** A connection whose server says what the test makes it say. */
class FakeClient extends EventEmitter {
  readonly statements: string[] = [];
  isEnded = false;
  hangs = false;
  query = async (text: string): Promise<void> => {
    this.statements.push(text);
    if (this.hangs) await new Promise(() => {});
  };
  end = async (): Promise<void> => {
    this.isEnded = true;
  };
  tell = (payload: string): boolean => this.emit('notification', { payload });
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A listener, its connections so far, and what it has told. */
function listening(connect?: () => Promise<FakeClient>) {
  const clients: FakeClient[] = [];
  const events = {
    heard: vi.fn<() => void>(),
    deaf: vi.fn<(reason: Error) => void>(),
    restored: vi.fn<() => void>(),
  };
  /** How a heartbeat comes back. */
  const server = { notify: async (payload: string) => void clients.at(-1)?.tell(payload) };
  const listener = new PostgresListener(
    {
      connect:
        connect ??
        (async () => {
          const client = new FakeClient();
          clients.push(client);
          return client;
        }),
      channel: async () => 'outbox_a"b',
      notify: (payload) => server.notify(payload),
    },
    events,
  );
  return { listener, clients, events, server };
}

describe('a connection that listens', () => {
  it('passes on what is told, once more after it was opened, and no heartbeat', async () => {
    const { listener, clients, events } = listening();
    await pass(0);
    expect(clients[0]?.statements).toEqual(['listen "outbox_a""b"']);
    expect(events.heard).toHaveBeenCalledTimes(1);
    clients[0]?.tell('');
    clients[0]?.tell('from a later version');
    clients[0]?.tell('beat of somebody else 1');
    expect(events.heard).toHaveBeenCalledTimes(3);
    await pass(3_600_000);
    expect(events.heard).toHaveBeenCalledTimes(3);
    expect(clients).toHaveLength(1);
    await listener.close();
    expect(clients[0]?.isEnded).toBe(true);
    expect(events.deaf).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that goes silent is dropped and replaced, and whoever listens looks again', async () => {
    const { listener, clients, events, server } = listening();
    await pass(0);
    const notify = server.notify;
    server.notify = async () => {};
    clients[0]!.hangs = true;
    await pass(10_000 + 5_000);
    expect(events.deaf.mock.calls).toEqual([
      [expect.objectContaining({ message: expect.stringMatching(/silent/) as string })],
    ]);
    // With a statement under way, so that it ends although the server does not answer.
    expect(clients[0]?.statements.at(-1)).toBe('unlisten *');
    server.notify = notify;
    await pass(200);
    expect(clients).toHaveLength(2);
    expect(events.heard).toHaveBeenCalledTimes(2);
    expect(events.restored).toHaveBeenCalledTimes(1);
    await pass(500);
    expect(clients[0]?.isEnded).toBe(true);
    await listener.close();
  });

  it('on which nothing ever arrives is told of once, and tried again ever more rarely', async () => {
    const { listener, clients, events, server } = listening();
    server.notify = async () => {};
    await pass(600_000);
    expect(events.deaf.mock.calls).toEqual([
      [expect.objectContaining({ message: expect.stringMatching(/PgBouncer/) as string })],
    ]);
    const before = clients.length;
    await pass(600_000);
    expect(clients.length - before).toBeGreaterThanOrEqual(600 / 35);
    expect(clients.length - before).toBeLessThanOrEqual(600 / 20 + 1);
    expect(clients.filter(({ isEnded }) => !isEnded).length).toBeLessThanOrEqual(1);
    expect(events.deaf).toHaveBeenCalledTimes(1);
    await listener.close();
  });

  it('stays where the database cannot be told: that says nothing about it', async () => {
    const { listener, clients, events, server } = listening();
    await pass(0);
    server.notify = async () => {
      throw new Error('the pool is exhausted');
    };
    await pass(60_000);
    server.notify = () => new Promise(() => {});
    await pass(60_000);
    expect(clients).toHaveLength(1);
    expect(events.deaf).not.toHaveBeenCalled();
    await listener.close();
  });

  it('that is lost is opened again, also where that takes many tries', async () => {
    let isDown = false;
    const opened: FakeClient[] = [];
    const { listener, clients, events } = listening(async () => {
      if (isDown) throw new Error('refused');
      const client = new FakeClient();
      opened.push(client);
      clients.push(client);
      return client;
    });
    await pass(0);
    isDown = true;
    opened[0]?.emit('error', new Error('terminated'));
    opened[0]?.emit('end');
    await pass(120_000);
    expect(events.deaf.mock.calls.map(([reason]) => reason.message)).toEqual(['terminated']);
    isDown = false;
    await pass(30_000);
    expect(opened).toHaveLength(2);
    expect(events.restored).toHaveBeenCalledTimes(1);
    await listener.close();
  });

  it('that opens too late is ended, and no connection holds up the end', async () => {
    const late = new FakeClient();
    let open = (_client: FakeClient): void => {};
    const { listener, events } = listening(() => new Promise((done) => (open = done)));
    await pass(0);
    const closed = listener.close();
    await pass(1_000);
    await closed;
    open(late);
    await pass(0);
    expect(late.isEnded).toBe(true);
    expect(events.heard).not.toHaveBeenCalled();

    const hanging = new FakeClient();
    const slow = listening(() => new Promise((done) => (open = done)));
    await pass(10_000);
    expect(slow.events.deaf).toHaveBeenCalledTimes(1);
    open(hanging);
    await pass(0);
    expect(hanging.isEnded).toBe(true);
    await slow.listener.close();
  });
});
