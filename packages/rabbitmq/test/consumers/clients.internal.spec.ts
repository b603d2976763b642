import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { Consumers } from '../../src/consumers/consumers.js';
import { Drain } from '../../src/consumers/drain.js';
import { adoptGolevelupConnection } from '../../src/consumers/golevelup-connections.js';
import { reconnect } from '../../src/consumers/managed-connection-like.js';

function drainOf(consumers: Consumers, timeoutMs: number): Drain {
  const log = { log: () => {}, error: () => {} };
  const ordered = { isOf: () => false, isWaiting: () => false, release: async () => {} };
  return new Drain({ consumers, timeoutMs, release: () => {}, ordered, log });
}

describe('reconnecting', () => {
  it('survives a connection that breaks while it is closed', () => {
    const connection = new EventEmitter();
    connection.on('error', () => {});
    reconnect({
      connection: connection as never,
      isConnected: () => true,
      // As the manager does it.
      reconnect: () => void connection.removeAllListeners(),
      close: async () => {},
    });
    expect(() => connection.emit('error', new Error('read ECONNRESET'))).not.toThrow();
  });
});

describe('a golevelup connection that is closed', () => {
  const setUp = async (closing: Promise<void>) => {
    const close = vi.fn<() => Promise<void>>(async () => {});
    const connection = {
      managedChannels: {},
      managedConnection: { isConnected: () => true, reconnect: () => {}, close },
      close: () => closing,
    };
    const consumers = new Consumers();
    await adoptGolevelupConnection(connection, { consumers, drain: drainOf(consumers, 20) });
    return { connection, close };
  };

  it('is closed by golevelup, where it does that', async () => {
    const { connection, close } = await setUp(Promise.resolve());
    await connection.close();
    expect(close).not.toHaveBeenCalled();
  });

  it('is closed without it, where it waits for a handler for ever', async () => {
    const { connection, close } = await setUp(new Promise(() => {}));
    await connection.close();
    expect(close).toHaveBeenCalledTimes(1);
  });
});
