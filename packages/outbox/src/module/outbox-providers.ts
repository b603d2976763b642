import type { DynamicModule, Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { EventSink } from '@acme/nest-message-context';
import { getTransactionsToken, type Transactions } from '@acme/nest-transaction';
import type { Observability } from '../observability/observability.js';
import { Outbox } from '../outbox.js';
import {
  resolveOptions,
  type OutboxModuleExtras,
  type OutboxModuleOptions,
  type OutboxSettings,
} from '../outbox.options.js';
import {
  DEFAULT_OUTBOX,
  getOutboxRelayToken,
  getOutboxToken,
  moduleCall,
  OUTBOX_LIFE,
  OUTBOX_OBSERVABILITY,
  OUTBOX_OPTIONS,
  OUTBOX_SETTINGS,
  OUTBOX_WAKE_UP,
} from '../outbox.tokens.js';
import { OutboxRelay } from '../relay/outbox-relay.js';
import { OutboxWakeUp } from '../wakeup/outbox-wake-up.js';
import { OutboxLife } from './outbox-life.js';
import { provideLooking } from './looking-providers.js';
import { WorkerOutbox } from './worker-outbox.js';

/** @internal What the module provides of the outbox of `forRoot()`, or of the feature of that name. */
export function provideOutbox(
  feature: string | undefined,
  definition: DynamicModule,
  extras: OutboxModuleExtras,
): DynamicModule {
  const name = feature ?? DEFAULT_OUTBOX;
  const { transactions = name, isGlobal = true } = extras;
  const [outbox, relay] = [getOutboxToken(name), getOutboxRelayToken(name)];
  const looking = provideLooking(name, relay);
  // Optional only for the sake of the error: Nest's own would not say what to write.
  const open =
    transactions === false ? [] : [{ token: getTransactionsToken(transactions), optional: true }];
  const providers: Provider[] = [
    {
      provide: OUTBOX_SETTINGS,
      inject: [OUTBOX_OPTIONS, ...open],
      useFactory: (options: OutboxModuleOptions | undefined, found?: Transactions) =>
        resolveOptions(options, { feature, transactions, found: found !== undefined }),
    },
    {
      provide: relay,
      inject: [OUTBOX_SETTINGS, OUTBOX_OBSERVABILITY],
      useFactory: ({ store, publisher, relay: own }: OutboxSettings, observed: Observability) =>
        new OutboxRelay(store, publisher, own, feature, observed),
    },
    {
      provide: OUTBOX_WAKE_UP,
      inject: [OUTBOX_SETTINGS, relay],
      useFactory: ({ store }: OutboxSettings, { wake }: OutboxRelay) =>
        new OutboxWakeUp(store.wakeUps?.(), wake, feature),
    },
    {
      provide: outbox,
      inject: [OUTBOX_SETTINGS, OUTBOX_WAKE_UP, OUTBOX_OBSERVABILITY, ...open],
      useFactory: outboxOf,
    },
    ...looking.providers,
    provideLife(feature, outbox, relay),
  ];
  const isRoot = feature === undefined;
  const sink = isRoot ? [{ provide: EventSink, useExisting: Outbox }] : [];
  return {
    ...definition,
    global: isGlobal,
    providers: [...(definition.providers ?? []), ...providers, ...sink],
    exports: [
      ...(definition.exports ?? []),
      outbox,
      relay,
      ...looking.tokens,
      ...(isRoot ? [EventSink] : []),
    ],
  };
}

function outboxOf(
  { store, lanes, rules, mode }: OutboxSettings,
  wakeUp: OutboxWakeUp,
  observed: Observability,
  found?: Transactions,
): Outbox {
  const kind = mode === 'worker' ? WorkerOutbox : Outbox;
  return new kind(store, found, lanes, rules, wakeUp.committed, observed);
}

function provideLife(
  feature: string | undefined,
  outbox: string | typeof Outbox,
  relay: string | typeof OutboxRelay,
): Provider {
  return {
    provide: OUTBOX_LIFE,
    inject: [
      OUTBOX_SETTINGS,
      outbox,
      relay,
      OUTBOX_WAKE_UP,
      ModulesContainer,
      OUTBOX_OBSERVABILITY,
    ],
    useFactory: (
      ...parts: [OutboxSettings, Outbox, OutboxRelay, OutboxWakeUp, ModulesContainer, Observability]
    ) => new OutboxLife(moduleCall(feature), ...parts),
  };
}
