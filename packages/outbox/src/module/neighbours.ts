import type { ModulesContainer } from '@nestjs/core';
import type { OutboxStore } from '../contracts/outbox-store.js';
import { OutboxConfigurationError } from '../outbox.errors.js';
import type { OutboxSettings } from '../outbox.options.js';
import { OUTBOX_LIFE } from '../outbox.tokens.js';

/** @internal An outbox of this application. */
export interface Neighbour {
  /** How its module was called. */
  readonly call: string;
  readonly settings: OutboxSettings;
  /** Whether its tables are there. */
  readonly isPrepared: boolean;
}

/** @internal @throws {OutboxConfigurationError} where two have one name: who injects it would get one of them by chance */
export function assertOnlyOne(own: Neighbour, modules: ModulesContainer): void {
  const count = neighbours(modules).filter(({ call }) => call === own.call).length;
  if (count < 2) return;
  throw new OutboxConfigurationError([
    `name: ${own.call} is imported ${count} times, each with an outbox of its own, and who injects it would get one of them by chance. Import it once, and all others as OutboxModule.forFeature(name, …), each with a name of its own.`,
  ]);
}

/**
 * Relays on the same tables share the lanes, so that each would publish messages of the other outbox, to its own broker. That
 * one adds what the other publishes is fine. Whoever is prepared last sees both.
 *
 * @internal
 * @throws {OutboxConfigurationError} where another relay of this application is on the same tables
 */
export async function assertOwnTables(own: Neighbour, modules: ModulesContainer): Promise<void> {
  const relays = neighbours(modules).filter(
    ({ isPrepared, settings }) => isPrepared && settings.mode !== 'off',
  );
  if (!relays.includes(own)) return;
  for (const other of relays) {
    if (other === own || !(await areSameTables(own.settings.store, other.settings.store))) continue;
    throw new OutboxConfigurationError([
      `store: ${own.call} and ${other.call} have the same tables and a relay each, so each would publish messages of the other. Give each a schema of its own, or one of them relay: { mode: 'off' }.`,
    ]);
  }
}

const neighbours = (modules: ModulesContainer): Neighbour[] =>
  [...modules.values()]
    .map(({ providers }) => providers.get(OUTBOX_LIFE)?.instance as Neighbour | undefined)
    .filter((one) => one !== undefined);

async function areSameTables(one: OutboxStore, other: OutboxStore): Promise<boolean> {
  if (one === other) return true;
  const [here, there] = await Promise.all([one.whereabouts?.(), other.whereabouts?.()]);
  return here !== undefined && here === there;
}
