import { Inject, Injectable } from '@nestjs/common';
import {
  isSqlStore,
  type IdempotencyStore,
  type SqlIdempotencyStore,
  type StoreFinding,
} from '../core/store.js';
import { textOf } from '../core/text-of.js';
import { IdempotencyConfigurationError } from '../idempotency.errors.js';
import { DEFAULT_STORE } from '../options/module-options.js';
import { sleep } from '../core/runtime.js';
import { nodeRuntime } from './node-runtime.js';
import { Protection } from './protection.js';
import { Purger } from './purger.js';
import type { StoreGuard } from './store-guard.js';

/** Makes the stores ready at boot, keeps them small, and lets go of them at the end. */
@Injectable()
export class StoresLife {
  #purgers: Purger[] = [];

  constructor(@Inject(Protection) private readonly protection: Protection) {}

  /** @throws {IdempotencyConfigurationError} when a store is not ready and may not be made so */
  async start(): Promise<void> {
    const { guards, options, logger, observability } = this.protection;
    const problems: string[] = [];
    for (const [name, guard] of guards)
      problems.push(...(await this.prepare(name, guard)).map((text) => named(name, text)));
    if (problems.length > 0) throw new IdempotencyConfigurationError(problems);
    const { purge } = options;
    if (!purge) return;
    const warn = (text: string): void => logger.warn(text);
    const stores = [...guards.values()].map(({ store }) => store).filter(isSqlStore);
    this.#purgers = stores.map((store) => {
      const purging = (work: () => Promise<number>) => observability.purging(store.label, work);
      return new Purger(store, { ...purge, warn, purging });
    });
    for (const purger of this.#purgers) purger.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#purgers.map((purger) => purger.stop()));
    await Promise.all(
      [...this.protection.guards.values()].map(async ({ store }) => store.close?.()),
    );
    this.protection.observability.end();
  }

  private async prepare(name: string, guard: StoreGuard): Promise<readonly string[]> {
    const { store } = guard;
    const problems = guard.problemsOfStore();
    if (problems.length > 0) return problems;
    if (isSqlStore(store) && this.protection.options.migrate) {
      const refusals = await migrate(name, store);
      if (refusals.length > 0) return refusals;
    }
    const findings = await this.check(store).catch((error: unknown) => [
      {
        severity: 'warning' as const,
        text: `store: ${store.label} could not be checked at boot (${textOf(error)}). Calls are refused until it can be asked; see that it runs and can be reached from here, with this login and its rights.`,
      },
    ]);
    for (const { severity, text } of findings)
      if (severity === 'warning') this.protection.logger.warn(named(name, text));
    return findings.filter(({ severity }) => severity === 'error').map(({ text }) => text);
  }

  /** Clients that wait for a connection would otherwise keep the application from starting. */
  private async check(store: IdempotencyStore): Promise<StoreFinding[]> {
    const { storeTimeoutMs } = this.protection.options;
    const timeout = sleep(nodeRuntime, storeTimeoutMs);
    const late = timeout.done.then(() => {
      throw new Error(`no answer within ${storeTimeoutMs} ms`);
    });
    try {
      return await Promise.race([store.check(), late]);
    } finally {
      timeout.stop();
    }
  }
}

/** Why the store refuses this database. */
async function migrate(name: string, store: SqlIdempotencyStore): Promise<readonly string[]> {
  try {
    await store.migrate();
    return [];
  } catch (cause) {
    if (cause instanceof IdempotencyConfigurationError) return cause.problems;
    throw new IdempotencyConfigurationError(
      [
        named(
          name,
          `migrate: the tables of the store in ${store.label} could not be created or upgraded (${textOf(cause)}). The database has to be reachable at boot, and this service needs the right to create tables; where it may not have it, run "npx nest-idempotency migrate" elsewhere and leave migrate out.`,
        ),
      ],
      { cause },
    );
  }
}

const named = (name: string, text: string): string =>
  name === DEFAULT_STORE ? text : `stores.${name}: ${text.replace(/^store: /, '')}`;
