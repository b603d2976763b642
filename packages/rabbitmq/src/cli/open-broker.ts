import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  driversOf,
  openConfig,
  sourceOf,
  textOf,
  usageError,
  type ConfigExports,
} from '@acme/nest-message-context/cli';
import { DeadLetters } from '../dead-letters/dead-letters.js';
import type { DeadLettersOptions } from '../dead-letters/dead-letters.types.js';
import { unopened } from '../publisher/broker-words.js';
import { connectToAny } from '../publisher/connect-to-any.js';
import type { WantedTopology } from '../topology/topology.types.js';
import type { Values } from './options.js';

/** A broker to work on, and how to let go of it. */
export interface OpenBroker {
  readonly deadLetters: DeadLetters;
  readonly connect: DeadLettersOptions['connect'];
  /** Of the file of `--config`, unchecked. */
  readonly topology?: WantedTopology | undefined;
  readonly close: () => Promise<void>;
}

const TLS = ['ca', 'cert', 'key'] as const;
const SCHEMES = { amqp: { options: [] }, amqps: { options: TLS } };

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
  const { url: urls = [] } = values;
  // Without one it is said that there is none.
  for (const url of urls.length > 0 ? urls : [undefined])
    sourceOf({ ...values, url }, SCHEMES, TLS, 'broker');
  if (urls.length > 0) {
    const tls = tlsOf(values, cwd);
    const amqplib = driversOf(cwd)('amqplib').exports as AmqplibLike;
    const clientProperties = { connection_name: 'nest-rabbitmq' };
    const open = async (url: string) => {
      try {
        return await amqplib.connect(url, { ...tls, clientProperties });
      } catch (error) {
        const words = unopened(textOf(error));
        throw words === textOf(error) ? error : new Error(words, { cause: error });
      }
    };
    const [only, ...more] = urls as [string, ...string[]];
    return opened({ connect: more.length === 0 ? () => open(only) : connectToAny(urls, open) });
  }
  const { exported, close } = await openConfig(values.config!, cwd, {
    load: (href) => import(href) as Promise<object>,
    problems: problemsOf,
  });
  const connect = exported['connect'] as DeadLettersOptions['connect'];
  const topology = exported['topology'] as WantedTopology | undefined;
  return { ...opened({ connect }, close), topology };
}

/** @throws {CliError} when a file cannot be read, or one of the two is missing */
function tlsOf(values: Values, cwd: string): Record<string, Buffer> {
  if ((values.cert === undefined) !== (values.key === undefined))
    throw usageError('--cert and --key go together: a certificate, and its private key.');
  return Object.fromEntries(
    TLS.flatMap((option) => {
      const file = values[option];
      if (file === undefined) return [];
      try {
        return [[option, readFileSync(resolve(cwd, file))]];
      } catch (error) {
        throw usageError(`--${option}: ${textOf(error)}`);
      }
    }),
  );
}

function opened(options: DeadLettersOptions, close?: () => Promise<void>): OpenBroker {
  const deadLetters = new DeadLetters(options);
  return {
    deadLetters,
    connect: options.connect,
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
