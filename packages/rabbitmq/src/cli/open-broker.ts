import {
  driversOf,
  openConfig,
  sourceOf,
  type ConfigExports,
} from '@acme/nest-message-context/cli';
import { DeadLetters } from '../dead-letters/dead-letters.js';
import type { DeadLettersOptions } from '../dead-letters/dead-letters.types.js';
import type { Values } from './options.js';

/** A broker to work on, and how to let go of it. */
export interface OpenBroker {
  readonly deadLetters: DeadLetters;
  readonly close: () => Promise<void>;
}

const AMQP = { options: [] };
const SCHEMES = { amqp: AMQP, amqps: AMQP };

interface AmqplibLike {
  connect(url: string, options: object): ReturnType<DeadLettersOptions['connect']>;
}

/**
 * Opens what `--url` or `--config` names; it connects when something is asked.
 *
 * @throws {CliError} when it is named wrongly, or amqplib is missing
 * @throws what the file throws
 */
export async function openBroker(values: Values, cwd: string): Promise<OpenBroker> {
  const { url } = values;
  if (sourceOf(values, SCHEMES, [], 'broker') && url !== undefined) {
    const amqplib = driversOf(cwd)('amqplib').exports as AmqplibLike;
    const clientProperties = { connection_name: 'nest-rabbitmq' };
    return opened({ connect: () => amqplib.connect(url, { clientProperties }) });
  }
  const { exported, close } = await openConfig(values.config!, cwd, {
    load: (href) => import(href) as Promise<object>,
    problems: problemsOf,
  });
  return opened({ connect: exported['connect'] as DeadLettersOptions['connect'] }, close);
}

function opened(options: DeadLettersOptions, close?: () => Promise<void>): OpenBroker {
  const deadLetters = new DeadLetters(options);
  return {
    deadLetters,
    async close() {
      await deadLetters.close();
      await close?.();
    },
  };
}

const problemsOf = ({ connect }: ConfigExports): string[] =>
  typeof connect === 'function'
    ? []
    : [
        'its default export has no connect. Write: export default { connect: () => amqplib.connect(url) }, or a function that gives such an object.',
      ];
