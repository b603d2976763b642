import { Inject, Injectable } from '@nestjs/common';
import { Pauses } from '@acme/nest-message-context/kit';
import { Consumers, type Client } from './consumers.js';

/**
 * For what is held here, or tried again, with its delivery still in hand: over once its client closes. Others of the application go on,
 * and with them what they hold.
 */
@Injectable()
export class ClientPauses {
  readonly #all = new Map<Client | undefined, Pauses>();
  #areOver = false;

  constructor(@Inject(Consumers) private readonly consumers: Pick<Consumers, 'clientOf'>) {}

  of(delivery: object): Pauses {
    return this.#of(this.consumers.clientOf(delivery));
  }

  /** One client closes, or the application does. */
  release(client?: Client): void {
    if (client) return this.#of(client).release();
    this.#areOver = true;
    for (const pauses of this.#all.values()) pauses.release();
  }

  #of(client: Client | undefined): Pauses {
    let pauses = this.#all.get(client);
    if (!pauses) {
      this.#all.set(client, (pauses = new Pauses()));
      if (this.#areOver) pauses.release();
    }
    return pauses;
  }
}
