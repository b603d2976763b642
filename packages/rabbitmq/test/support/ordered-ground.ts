import { waitFor, type TestBroker } from '@acme/internal-testing';
import type { Options } from 'amqplib';
import type { Consumer, ConsumerOptions, Open } from './consumers.js';

/** A message of a key, the n-th of it. */
export interface Numbered {
  readonly key: string;
  readonly n: number;
}

export const keyedBy = { payload: 'key' } as const;

/** `perKey` messages for each of `keys` keys, taking turns. */
export const numbered = (keys: number, perKey: number): Numbered[] =>
  Array.from({ length: keys * perKey }, (_, at) => ({
    key: `k${at % keys}`,
    n: Math.floor(at / keys) + 1,
  }));

/** What handlers wait for until the test opens it. */
export function gateOf(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((done) => (open = done));
  return { opened, open: () => open() };
}

/** What a handler did, to be checked against the order it was to do it in. */
export class Ledger {
  /** As they ended well. */
  readonly done: Numbered[] = [];
  /** Of messages that began while another of their key had not ended. */
  readonly overlaps: Numbered[] = [];
  most = 0;
  readonly #running = new Map<string, number>();

  async handle(message: Numbered, work: () => unknown): Promise<void> {
    const { key } = message;
    const others = this.#running.get(key) ?? 0;
    if (others > 0) this.overlaps.push(message);
    this.#running.set(key, others + 1);
    this.most = Math.max(
      this.most,
      [...this.#running.values()].reduce((sum, one) => sum + one, 0),
    );
    try {
      await work();
      this.done.push(message);
    } finally {
      this.#running.set(key, (this.#running.get(key) ?? 1) - 1);
    }
  }

  /** The numbers of a key, as they were done. */
  of(key: string): number[] {
    return this.done.filter((one) => one.key === key).map(({ n }) => n);
  }

  /** Those that came after a later one of their key. */
  get violations(): Numbered[] {
    const last = new Map<string, number>();
    return this.done.filter(({ key, n }) => {
      const before = last.get(key) ?? 0;
      last.set(key, Math.max(before, n));
      return n < before;
    });
  }
}

/** Fast, and the same every time. */
export const retry = { attempts: 3, initial: 50, max: 100, jitter: false } as const;

let grounds = 0;

/** A consumer's queue and exchange, named for one test. */
export function orderedGround(broker: TestBroker, open: Open, what: string) {
  const name = `${what}-${(grounds += 1)}`;
  const queue = broker.name(`${name}.orders`);
  const exchange = broker.name(`${name}.events`);
  // What is declared besides, for the fixture to delete.
  for (const suffix of ['retry.50', 'retry.100', 'retry.1000', 'dlq'])
    broker.name(`${name}.orders.${suffix}`);
  const depth = async (suffix = ''): Promise<number> =>
    (await broker.queue(queue + suffix))?.messages ?? 0;
  return {
    queue,
    exchange,
    depth,
    open: (options: Pick<ConsumerOptions, 'handle'> & Partial<ConsumerOptions>) =>
      open({ broker, queue, exchange, prefetch: 20, ordered: { key: keyedBy }, ...options }),
    publish: async (
      messages: readonly Numbered[],
      properties: (message: Numbered) => Options.Publish = () => ({}),
    ) => {
      const channel = await broker.confirmChannel();
      for (const message of messages)
        channel.publish(exchange, 'placed', Buffer.from(JSON.stringify(message)), {
          type: 'placed',
          messageId: `${message.key}-${message.n}`,
          ...properties(message),
        });
      await channel.waitForConfirms();
      await channel.close();
    },
    parked: async () => {
      const dead = `${queue}.dlq`;
      await waitFor(async () => ((await broker.queue(dead))?.messages ?? 0) > 0, {
        what: `a message in ${dead}`,
      });
      return broker.take(dead);
    },
    /** What is unsettled comes back when its consumer has gone: then the broker's count is the truth. */
    closedAndEmpty: async ({ close }: Consumer) => {
      await close();
      const left = await depth();
      if (left > 0) throw new Error(`${left} messages came back`);
    },
  };
}

export const ofMessage = ({ payload }: { readonly payload: unknown }): Numbered =>
  payload as Numbered;
