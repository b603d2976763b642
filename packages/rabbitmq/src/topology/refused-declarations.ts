import type { Logger } from '@nestjs/common';
import type { Client } from '../consumers/consumers.js';
import { DeskConnection, type DeskSettings } from '../dead-letters/desk-connection.js';
import { Inspection } from './inspection.js';
import { topologyText } from './topology-text.js';
import type { Wanted } from './wanted.js';

/** A declaration of a client library that the broker has refused. */
export interface RefusedDeclaration {
  /** As the client library has declared it. */
  readonly wanted: Wanted;
  readonly client: Client;
}

/**
 * Says why a client library cannot set up what it consumes. The refusal ends the process, or is tried again for ever, and says
 * at best the first thing that differs; this finds all of them with a connection of its own, and names the safe way. Once for each queue or exchange: the next try fails in the same way.
 */
export class RefusedDeclarations {
  /** By client: another one may lead to another virtual host. */
  readonly #said = new Map<Client, Map<string, Promise<void>>>();

  /** @param deskOf a connection to where the client has declared it */
  constructor(
    private readonly deskOf: (refused: RefusedDeclaration) => Promise<DeskSettings>,
    private readonly log: Pick<Logger, 'error'>,
  ) {}

  /** Resolves when it is said, or cannot be; never rejects. */
  explain(refused: RefusedDeclaration): Promise<void> {
    const { wanted, client } = refused;
    const key = `${wanted.kind} ${wanted.name}`;
    let said = this.#said.get(client);
    if (!said) this.#said.set(client, (said = new Map()));
    let saying = said.get(key);
    if (!saying) {
      // Whoever cannot be asked now is asked when the library tries again.
      saying = this.#explain(refused).catch(() => void said.delete(key));
      said.set(key, saying);
    }
    return saying;
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#said.values()].flatMap((said) => [...said.values()]));
  }

  async #explain(refused: RefusedDeclaration): Promise<void> {
    const { wanted, client } = refused;
    const settings = await this.deskOf(refused);
    const desk = await DeskConnection.open(settings);
    try {
      const inspection = new Inspection(desk, settings);
      // With another virtual host this connection would create it.
      if (await inspection.find(wanted.kind, wanted.name)) return;
      const entry = await inspection.compare(wanted);
      if (entry.state === 'different')
        this.log.error(
          `${client.name} cannot declare ${wanted.kind} "${wanted.name}":\n${topologyText({ entries: [entry] })}`,
        );
    } finally {
      await desk.close();
    }
  }
}
