import type { RedisSubscriberLike } from './redis-client.js';

interface Channel {
  readonly listeners: Set<() => void>;
  /** Always the same function, because node-redis calls each one that it was ever given for the channel. */
  readonly tell: () => void;
}

/** Messages without content on channels that come and go: one for every key that somebody waits for. */
export class RedisNotices {
  readonly #channels = new Map<string, Channel>();

  readonly #heard = (name: string): void => this.#channels.get(name)?.tell();

  constructor(private readonly subscriber: RedisSubscriberLike) {}

  /** Calls `heard` for every message on the channel, until the returned function is called. */
  async listen(name: string, heard: () => void): Promise<() => void> {
    const channel = this.#channels.get(name) ?? newChannel();
    if (this.#channels.size === 0) this.attend('on');
    this.#channels.set(name, channel);
    channel.listeners.add(heard);
    try {
      // Also when others listen: theirs may be under way still.
      await this.subscribe(name, channel);
    } catch (error) {
      this.leave(name, channel, heard);
      throw error;
    }
    return () => this.leave(name, channel, heard);
  }

  /** Only while somebody listens: the connection outlives this store. */
  private attend(how: 'on' | 'off'): void {
    const { subscriber } = this;
    if (!('evalSha' in subscriber)) subscriber[how]('message', this.#heard);
  }

  private subscribe(name: string, { tell }: Channel): Promise<unknown> {
    const { subscriber } = this;
    return 'evalSha' in subscriber ? subscriber.subscribe(name, tell) : subscriber.subscribe(name);
  }

  private leave(name: string, { listeners }: Channel, heard: () => void): void {
    if (!listeners.delete(heard) || listeners.size > 0) return;
    this.#channels.delete(name);
    if (this.#channels.size === 0) this.attend('off');
    // Commands of one connection are carried out in order, so a later subscription is not undone by this.
    void this.subscriber.unsubscribe(name).catch(() => {});
  }
}

function newChannel(): Channel {
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const heard of listeners) heard();
  };
  return { listeners, tell };
}
