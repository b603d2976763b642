import type { Logger } from '@nestjs/common';
import { DeskConnection, type DeskSettings } from '../dead-letters/desk-connection.js';
import { Inspection } from './inspection.js';
import { topologyText } from './topology-text.js';
import type { Wanted } from './wanted.js';

/** A declaration of a client library that the broker has refused. */
export interface RefusedDeclaration {
  /** As the client library has declared it. */
  readonly wanted: Wanted;
  readonly client: string;
}

/**
 * Says why a client library cannot set up what it consumes. The refusal ends the process, or is tried again for ever, and says
 * at best the first thing that differs; this finds all of them with a connection of its own, and names the safe way. Once for each queue or exchange: the next try fails in the same way.
 */
export class RefusedDeclarations {
  readonly #said = new Map<string, Promise<void>>();

  constructor(
    private readonly settings: DeskSettings,
    private readonly log: Pick<Logger, 'error'>,
  ) {}

  /** Resolves when it is said, or cannot be; never rejects. */
  explain({ wanted, client }: RefusedDeclaration): Promise<void> {
    const key = `${wanted.kind} ${wanted.name}`;
    let saying = this.#said.get(key);
    if (!saying) {
      // Whoever cannot be asked now is asked when the library tries again.
      saying = this.#explain(wanted, client).catch(() => void this.#said.delete(key));
      this.#said.set(key, saying);
    }
    return saying;
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await Promise.all(this.#said.values());
  }

  async #explain(wanted: Wanted, client: string): Promise<void> {
    const desk = await DeskConnection.open(this.settings);
    try {
      const inspection = new Inspection(desk, this.settings);
      // With another virtual host this connection would create it.
      if (await inspection.find(wanted.kind, wanted.name)) return;
      const entry = await inspection.compare(wanted);
      if (entry.state === 'different')
        this.log.error(
          `${client} cannot declare ${wanted.kind} "${wanted.name}":\n${topologyText({ entries: [entry] })}`,
        );
    } finally {
      await desk.close();
    }
  }
}
