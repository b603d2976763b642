import type { Provider } from '@nestjs/common';
import { OutboxAdmin } from '../admin/outbox-admin.js';
import { OutboxHealthIndicator } from '../health/outbox-health-indicator.js';
import { Observability } from '../observability/observability.js';
import { OutboxEvents } from '../observability/outbox-events.js';
import type { OutboxSettings } from '../outbox.options.js';
import {
  getOutboxAdminToken,
  getOutboxEventsToken,
  getOutboxHealthToken,
  OUTBOX_OBSERVABILITY,
  OUTBOX_SETTINGS,
  OUTBOX_WAKE_UP,
} from '../outbox.tokens.js';
import type { OutboxRelay } from '../relay/outbox-relay.js';
import type { OutboxWakeUp } from '../wakeup/outbox-wake-up.js';

/** @internal What looks at the outbox of that name, and after it. */
export function provideLooking(name: string, relay: string | typeof OutboxRelay) {
  const tokens = [
    getOutboxAdminToken(name),
    getOutboxEventsToken(name),
    getOutboxHealthToken(name),
  ] as const;
  const [admin, events, health] = tokens;
  const providers: Provider[] = [
    {
      provide: OUTBOX_OBSERVABILITY,
      inject: [OUTBOX_SETTINGS],
      useFactory: ({ publisher }: OutboxSettings) => Observability.load(name, publisher?.broker),
    },
    {
      provide: events,
      inject: [OUTBOX_OBSERVABILITY],
      useFactory: ({ events$ }: Observability) => new OutboxEvents(events$),
    },
    {
      provide: admin,
      inject: [OUTBOX_SETTINGS, OUTBOX_WAKE_UP, OUTBOX_OBSERVABILITY, relay],
      useFactory: (
        { store, publisher, relay: settings }: OutboxSettings,
        { committed }: OutboxWakeUp,
        observed: Observability,
        own: OutboxRelay,
      ) => {
        const wake = (): void => {
          own.moved();
          committed();
        };
        return new OutboxAdmin(
          store.operations,
          wake,
          settings.retentionMs,
          observed.moved,
          publisher?.broker?.exchange,
        );
      },
    },
    {
      provide: health,
      inject: [OUTBOX_SETTINGS, relay],
      useFactory: ({ store, mode }: OutboxSettings, own: OutboxRelay) =>
        new OutboxHealthIndicator(store, own, mode),
    },
  ];
  return { tokens, providers };
}
