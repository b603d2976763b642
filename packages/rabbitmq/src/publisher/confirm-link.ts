import { Chain, type Linked } from '@acme/nest-message-context/kit';
import { PublishError, type PublishOutcome } from '@acme/nest-message-context';
import type { AmqpFrame } from './amqp-frame.js';
import type {
  AmqpChannelLike,
  AmqpConfirmChannelLike,
  AmqpConnectionLike,
  AmqpReturnLike,
} from './amqp-like.js';
import { blameOfChannel, blameOfConnection, text, type Blame, type SentFrame } from './blame.js';
import { closeAndSever } from './close-and-sever.js';
import { onOwnChannel } from './own-channel.js';
import { ExchangeCheck } from './exchange-check.js';

/** A message on its way. One object and no promise for each: there are thousands at once, and they live for long. */
class InFlight implements SentFrame, Linked<InFlight> {
  previous: InFlight | undefined;
  next: InFlight | undefined;
  chain: object | undefined;
  readonly exchange: string;
  readonly routingKey: string;
  readonly messageId: string;
  readonly headers: SentFrame['headers'];
  /** The broker has given it back; the confirm that follows confirms nothing. */
  returned = false;
  /** Its time was up before the broker answered. */
  isOverdue = false;

  constructor(
    { exchange, routingKey, options }: AmqpFrame,
    isShared: boolean,
    readonly deadline: number,
    readonly index: number,
    readonly told: Told,
  ) {
    this.exchange = exchange;
    this.routingKey = routingKey;
    this.messageId = options.messageId;
    this.headers = isShared ? options.headers : undefined;
  }
}

/** Told the outcome of a message, and which one it is. */
export type Told = (index: number, outcome: PublishOutcome) => void;

interface Waiter {
  readonly go: () => void;
  readonly timer: NodeJS.Timeout;
}

export interface LinkSettings {
  readonly window: number;
  readonly timeoutMs: number;
  /** Told once, when the link has become useless, and before what was under way has its outcome. */
  readonly onDead: () => void;
}

const confirmed: PublishOutcome = { status: 'confirmed' };

/** One connection with its one confirm channel, until either fails. What is under way then ends without an answer. */
export class ConfirmLink {
  /** In order of publishing, so the oldest is the first. */
  readonly #inFlight = new Chain<InFlight>();
  /** Given up without an answer: the broker may still have to read them. */
  #overdue = 0;
  readonly #waiters = new Set<Waiter>();
  /** Clients leave some questions without an answer when their connection ends. */
  readonly #asking = new Set<(failure: Error) => void>();
  readonly #exchanges: ExchangeCheck;
  #timer: NodeJS.Timeout | undefined;
  #failure: PublishError | undefined;
  #blocked: string | undefined;
  #bufferFull = false;
  #onIdle: (() => void) | undefined;
  #severing: Promise<void> | undefined;

  private constructor(
    private readonly connection: AmqpConnectionLike,
    private readonly channel: AmqpConfirmChannelLike,
    private readonly settings: LinkSettings,
  ) {
    this.#exchanges = new ExchangeCheck(connection);
    channel.on('error', (error) => this.#channelFailed(error as Error));
    channel.on('close', () => this.#die('The channel was closed.'));
    channel.on('return', (message) => this.#onReturn(message as AmqpReturnLike));
    channel.on('drain', () => this.#resume(() => (this.#bufferFull = false)));
    connection.on('blocked', (reason) => (this.#blocked = String(reason)));
    connection.on('unblocked', () => this.#resume(() => (this.#blocked = undefined)));
    // Comes first, and says why.
    connection.on('error', (error) => this.#connectionFailed(error));
    connection.on('close', () => this.#die('The connection was closed.'));
  }

  static async open(connection: AmqpConnectionLike, settings: LinkSettings): Promise<ConfirmLink> {
    // `close` follows and is dealt with; an `error` without a listener ends the process.
    connection.on('error', () => {});
    try {
      return new ConfirmLink(connection, await connection.createConfirmChannel(), settings);
    } catch (error) {
      // Nobody else knows of it: each further try would leave one more behind.
      void closeAndSever(settings.timeoutMs, connection);
      throw error;
    }
  }

  get isAlive(): boolean {
    return this.#failure === undefined;
  }

  /** Whether the exchange is there; an error says what is wrong with it. Asks the broker once. */
  checkExchange(name: string): PublishError | undefined | Promise<PublishError | undefined> {
    return this.#exchanges.problem(name);
  }

  /** On a channel of its own, which is closed afterwards. */
  async onChannel<T>(
    work: (channel: AmqpChannelLike, connection: AmqpConnectionLike) => Promise<T>,
  ): Promise<T> {
    if (this.#failure) throw this.#failure;
    let fail: (failure: Error) => void = () => {};
    const dying = new Promise<never>((_, reject) => (fail = reject));
    this.#asking.add(fail);
    try {
      const answer = onOwnChannel(this.connection, (channel) => work(channel, this.connection));
      return await Promise.race([answer, dying]);
    } finally {
      this.#asking.delete(fail);
    }
  }

  get canSend(): boolean {
    return (
      !this.#bufferFull && this.#blocked === undefined && this.#inFlight.size < this.settings.window
    );
  }

  /** Resolves when there may be room, when the link is dead, or when the time is up. */
  room(withinMs: number): Promise<void> {
    return new Promise((done) => {
      const go = (): void => {
        clearTimeout(waiter.timer);
        this.#waiters.delete(waiter);
        done();
      };
      const waiter: Waiter = { go, timer: setTimeout(go, withinMs) };
      this.#waiters.add(waiter);
    });
  }

  /** What an unsent message gets when there is no room. */
  noRoom(): PublishOutcome {
    return unknown(
      this.#failure ??
        new PublishError(
          'TIMEOUT',
          this.#blocked === undefined
            ? `The broker was too slow: no room for one more message within ${this.settings.timeoutMs} ms.`
            : `The broker has blocked publishing (${this.#blocked}). Relieve its memory or disk alarm.`,
        ),
    );
  }

  /** Whether the exchange is known to be there. */
  hasExchange(name: string): boolean {
    return this.#exchanges.isPresent(name);
  }

  /** Sends one message and tells its outcome, once. */
  send(frame: AmqpFrame, index: number, told: Told): void {
    if (this.#failure) return told(index, unknown(this.#failure));
    const { timeoutMs } = this.settings;
    const deadline = performance.now() + timeoutMs;
    const entry = new InFlight(frame, this.#isShared, deadline, index, told);
    this.#inFlight.add(entry);
    this.#timer ??= setTimeout(() => this.#expire(), timeoutMs);
    this.#write(entry, frame);
  }

  /** Waits for what is under way, then closes channel and connection. */
  async close(): Promise<void> {
    if (this.#inFlight.size > 0) await new Promise<void>((done) => (this.#onIdle = done));
    await this.discard();
  }

  /** Closes the connection without waiting for confirms. */
  async discard(): Promise<void> {
    this.#die('The publisher was closed.');
    await this.#sever();
  }

  /** Once: a client refuses the second time at once, while the first is still under way. Never rejects. */
  #sever(): Promise<void> {
    return (this.#severing ??= closeAndSever(this.settings.timeoutMs, this.connection));
  }

  #settle(entry: InFlight, outcome: PublishOutcome): void {
    if (!this.#inFlight.remove(entry)) return;
    this.#wakeOne();
    if (this.#inFlight.size === 0) {
      this.#stopTimer();
      this.#onIdle?.();
    }
    entry.told(entry.index, outcome);
  }

  #write(entry: InFlight, { exchange, routingKey, content, options }: AmqpFrame): void {
    const confirm = (error: Error | null): void => {
      if (entry.isOverdue) this.#overdue -= 1;
      else this.#settle(entry, this.#outcomeOf(entry, error));
    };
    try {
      const more = this.channel.publish(exchange, routingKey, content, options, confirm);
      if (!more) this.#bufferFull = true;
    } catch (cause) {
      withdraw(this.channel, confirm);
      // Also where nobody has told: it may have been closed before there was a listener.
      if ((cause as Error | null)?.name === 'IllegalOperationError')
        return this.#die('The channel was closed.', cause);
      const message = `The AMQP client refused the message: ${text(cause)}`;
      this.#settle(entry, rejected(new PublishError('INVALID', message, { cause })));
    }
  }

  #outcomeOf({ exchange, routingKey, returned }: InFlight, error: Error | null): PublishOutcome {
    if (!error) return returned ? { status: 'unroutable', exchange, routingKey } : confirmed;
    if (this.#failure) return unknown(this.#failure);
    if (!/nack/i.test(error.message)) return unknown(lost('The channel was closed.', error));
    return unknown(
      new PublishError(
        'NACKED',
        `The broker refused the message for now (nack): a queue behind exchange "${exchange}" is full or has no leader.`,
        { cause: error },
      ),
    );
  }

  /** Comes before the confirm of the same message. */
  #onReturn({ fields, properties }: AmqpReturnLike): void {
    for (let entry = this.#inFlight.first; entry; entry = entry.next) {
      if (
        !entry.returned &&
        entry.messageId === properties.messageId &&
        entry.exchange === fields.exchange &&
        entry.routingKey === fields.routingKey
      ) {
        entry.returned = true;
        return;
      }
    }
  }

  get #isShared(): boolean {
    return this.connection.isBorrowed === true;
  }

  /** Whether the broker can mean no other message. */
  get #isAlone(): boolean {
    return this.#inFlight.size === 1 && this.#overdue === 0;
  }

  #channelFailed(error: Error): void {
    const why = `The broker closed the channel: ${text(error)}`;
    this.#die(why, error, blameOfChannel(error, this.#isAlone));
  }

  #connectionFailed(error: unknown): void {
    const why = `The connection failed: ${text(error)}`;
    this.#die(why, error, blameOfConnection(error, why, this.#isAlone, this.#isShared));
  }

  /** First of all it is dead: whoever is told an outcome may publish something at once, and must not do so here. */
  #die(message: string, cause?: unknown, blamed: Blame = () => undefined): void {
    if (this.#failure) return;
    const failure = (this.#failure = lost(message, cause));
    this.#stopTimer();
    this.settings.onDead();
    void this.#sever();
    for (let entry = this.#inFlight.first; entry; entry = this.#inFlight.first) {
      const problem = blamed(entry);
      this.#settle(entry, problem ? rejected(problem) : unknown(failure));
    }
    for (const waiter of this.#waiters) waiter.go();
    for (const fail of this.#asking) fail(failure);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (let entry = this.#inFlight.first; entry; entry = this.#inFlight.first) {
      if (entry.deadline > now) {
        // What was told of a message may have led to the next one, and to its timer.
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#expire(), entry.deadline - now);
        return;
      }
      entry.isOverdue = true;
      this.#overdue += 1;
      this.#settle(
        entry,
        unknown(new PublishError('TIMEOUT', `No confirm within ${this.settings.timeoutMs} ms.`)),
      );
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #resume(change: () => void): void {
    change();
    for (const waiter of this.#waiters) waiter.go();
  }

  #wakeOne(): void {
    for (const waiter of this.#waiters) return waiter.go();
  }
}

/**
 * `amqplib` before 1.0 notes whom to tell of a message before it writes that. Where it could not, each later message would be told
 * what became of the one after it. Where the list is not as expected, nothing has to be done.
 */
function withdraw(channel: object, confirm: unknown): void {
  const { unconfirmed } = channel as { unconfirmed?: unknown };
  if (Array.isArray(unconfirmed) && unconfirmed.at(-1) === confirm) unconfirmed.pop();
}

function unknown(error: Error): PublishOutcome {
  return { status: 'unknown', error };
}

function rejected(error: Error): PublishOutcome {
  return { status: 'rejected', error };
}

function lost(message: string, cause: unknown): PublishError {
  return new PublishError(
    'CONNECTION_LOST',
    `${message} The message may or may not have arrived.`,
    { cause },
  );
}
