import type { AmqpDeliveryLike, HandlerMethod } from '@acme/nest-message-context';
import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import {
  methodsOfApplication,
  plannedHandlers,
  type PlannedHandler,
} from '../boot/planned-handlers.js';
import { ClientAdoption } from '../consumers/client-adoption.js';
import { Consumers } from '../consumers/consumers.js';
import { readMessage, routingKeyOf } from '../core/envelopes.js';

/** What a delivery is, before anybody has read it. */
export interface Addressed {
  /** Pattern, event name or routing key. */
  readonly name: string;
  /** Undefined where several could be meant: a wildcard, or a deserializer that names it otherwise. */
  readonly handler: HandlerMethod | undefined;
}

/** Finds the handler of a delivery that it is not to be given. */
@Injectable()
export class HandlerFinder {
  #planned: readonly PlannedHandler[] | undefined;

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ClientAdoption) private readonly clients: ClientAdoption,
    @Inject(Consumers) private readonly consumers: Consumers,
  ) {}

  of(queue: string, delivery: AmqpDeliveryLike): Addressed {
    // When it is asked first, everything is there that consumes.
    this.#planned ??= plannedHandlers(methodsOfApplication(this.discovery), this.clients);
    const name = nameOf(delivery);
    // A queue of that name may be in another virtual host as well.
    const client = this.consumers.clientOf(delivery);
    const ofQueue = this.#planned.filter(
      (planned) => planned.queue === queue && (!client || planned.source === client.source),
    );
    const named = ofQueue.filter((planned) => planned.name.split(', ').includes(name));
    const [first, ...more] = named.length > 0 ? named : ofQueue;
    const isOne = first && more.every(({ found }) => found.method === first.found.method);
    return { name, handler: isOne ? first.found : undefined };
  }
}

function nameOf(delivery: AmqpDeliveryLike): string {
  try {
    const { pattern } = readMessage(delivery);
    return typeof pattern === 'string' ? pattern : JSON.stringify(pattern);
  } catch {
    return delivery.properties.type ?? routingKeyOf(delivery);
  }
}
