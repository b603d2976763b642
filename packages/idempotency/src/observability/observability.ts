import {
  errorCodeOf,
  EventChannels,
  EventSource,
  loadOtelApi,
} from '@acme/nest-message-context/observability';
import { Logger } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { textOf } from '../core/text-of.js';
import type { CallKind } from '../idempotency.options.js';
import { EVENT_TYPES, type IdempotencyEvent } from './event.js';
import { ObservedBatch } from './observed-batch.js';
import { ObservedCall } from './observed-call.js';
import { Telemetry } from './telemetry.js';

const CHANNELS = new EventChannels<IdempotencyEvent>('idempotency', EVENT_TYPES);

/** Tells what happens to protected calls, and makes nothing of it while nobody wants to know. */
export class Observability {
  readonly #logger = new Logger('Idempotency');
  readonly #events = new EventSource<IdempotencyEvent>(CHANNELS, (error) =>
    this.#logger.error(
      `A subscriber of IdempotencyEvents.events$ failed: ${textOf(error)}`,
      error instanceof Error ? error.stack : undefined,
    ),
  );
  readonly events$: Observable<IdempotencyEvent> = this.#events.events$;

  constructor(readonly telemetry: Telemetry | undefined) {}

  /** With OpenTelemetry where its API is installed. */
  static async load(): Promise<Observability> {
    const api = await loadOtelApi();
    return new Observability(api && new Telemetry(api));
  }

  /** Undefined while nobody looks. Of what is returned, `end()` must be called. */
  begin(kind: CallKind, name: string): ObservedCall | undefined {
    return this.isOn ? new ObservedCall(this, kind, name) : undefined;
  }

  /** The same for a batch. */
  beginBatch(name: string): ObservedBatch | undefined {
    return this.isOn ? new ObservedBatch(this, name) : undefined;
  }

  tell(event: IdempotencyEvent): void {
    this.telemetry?.record(event);
    this.#events.tell(event);
  }

  /** Tells what `work` has removed from that store. */
  async purging(store: string, work: () => Promise<number>): Promise<number> {
    const since = performance.now();
    const told = () => ({ at: new Date(), store, durationMs: performance.now() - since });
    try {
      const removed = await work();
      if (removed > 0 && this.isOn) this.tell({ type: 'purged', ...told(), removed });
      return removed;
    } catch (error) {
      if (this.isOn) this.tell({ type: 'purge_failed', ...told(), errorCode: errorCodeOf(error) });
      throw error;
    }
  }

  end(): void {
    this.#events.end();
  }

  private get isOn(): boolean {
    return this.telemetry?.isOn || this.#events.hasListeners;
  }
}
