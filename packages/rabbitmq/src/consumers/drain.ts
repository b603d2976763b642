import { Pauses } from '@acme/nest-message-context/kit';
import type { Logger } from '@nestjs/common';
import type { Client, Consumers } from './consumers.js';
import type { Unsettled } from './unsettled.js';

interface DrainParts {
  readonly consumers: Consumers;
  readonly timeoutMs: number;
  /** Lets go what of one client, or of all, is held in the process, so that it can be settled now. */
  readonly release: (client?: Client) => void;
  /** Queues whose order is kept, and what of them has not begun. */
  readonly ordered: {
    isOf(queue: string): boolean;
    isWaiting(delivery: object): boolean;
    /** Of one client, or of all. */
    release(client?: Client): Promise<void>;
  };
  readonly log: Pick<Logger, 'log' | 'error'>;
  /** Told of what was not settled in time. */
  readonly abandoned?: ((unsettled: readonly Unsettled[]) => void) | undefined;
}

/**
 * Ends the consumers, waits for what is being handled, then lets the client close. Without it both libraries close their channels
 * under running handlers: their acks are lost, and all of it is done again.
 */
export class Drain {
  /** Whether handlers run: before, messages wait for the application to be ready, and closed early it never will be. */
  isReady = false;
  readonly #running = new Map<Client | undefined, Promise<boolean>>();

  constructor(private readonly parts: DrainParts) {}

  /** Of one client, or of all. Resolves when all was settled, or with `false` when time was up. Never rejects. */
  run(client?: Client): Promise<boolean> {
    const running = this.#running.get(undefined) ?? this.#running.get(client);
    if (running) return running;
    const drained = this.#drain(client);
    this.#running.set(client, drained);
    return drained;
  }

  /** `undefined` where it takes longer than a shutdown may. */
  async inTime<T>(work: Promise<T>): Promise<T | undefined> {
    const patience = new Pauses();
    const isOver = patience.wait(this.parts.timeoutMs).then(() => undefined);
    try {
      return await Promise.race([work, isOver]);
    } finally {
      patience.release();
    }
  }

  async #drain(client: Client | undefined): Promise<boolean> {
    const { consumers, timeoutMs, log } = this.parts;
    const looks = new Pauses();
    const isDone = await this.inTime(this.#end(client, looks).then(() => true));
    looks.release();
    if (isDone) return true;
    const unsettled = consumers.unsettled(client);
    log.error(abandoned(unsettled, timeoutMs));
    this.parts.abandoned?.(unsettled);
    return false;
  }

  async #end(client: Client | undefined, looks: Pauses): Promise<void> {
    const { consumers, ordered, release, log } = this.parts;
    const channels = consumers.channelsOf(client);
    // Of these nothing begins any more. Their consumers end only with their channel, which takes back what waits at the same moment:
    // ended before, the next consumer would overtake it.
    const nothingRuns = ordered.release(client);
    consumers.end(client);
    await Promise.all(
      channels.map((channel) => channel.endConsumers(({ queue }) => !ordered.isOf(queue))),
    );
    release(client);
    if (!this.isReady) return;
    const count = consumers.unsettled(client).length;
    if (count > 0)
      log.log(`Shutting down: ${count} message(s) are being handled; waiting for them.`);
    await nothingRuns;
    const isBusy = (): boolean =>
      consumers.unsettled(client).some(({ delivery }) => !ordered.isWaiting(delivery));
    while (isBusy() && !looks.areOver) await looks.wait(LOOK_EVERY_MS);
    // Nest sends a reply when whoever handled the request has returned.
    await new Promise((done) => setImmediate(done));
    await Promise.all(channels.map((channel) => channel.whenConfirmed()));
  }
}

const LOOK_EVERY_MS = 10;

/** More names than this say nothing more. */
const NAMED = 10;

function abandoned(unsettled: readonly Unsettled[], timeoutMs: number): string {
  if (unsettled.length === 0)
    return `Shutting down: the broker has not confirmed within ${timeoutMs / 1000} s what was published. It may not have arrived.`;
  const names = unsettled.slice(0, NAMED).map(({ delivery: { properties, fields }, since }) => {
    const age = Math.round((performance.now() - since) / 1000);
    return `"${properties.type ?? fields.routingKey}" ${properties.messageId ?? '(no message id)'} (since ${age} s)`;
  });
  const more = unsettled.length > NAMED ? ` and ${unsettled.length - NAMED} more` : '';
  return (
    `Shutting down: ${unsettled.length} message(s) were not settled within ${timeoutMs / 1000} s: ${names.join(', ')}${more}. ` +
    'The broker delivers them again, so they are handled twice. Give drainTimeout more time, less than the platform waits before it kills, or have handlers do less at once.'
  );
}
