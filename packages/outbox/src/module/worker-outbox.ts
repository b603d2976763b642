import { Outbox } from '../outbox.js';
import { OutboxWorkerOnlyError } from '../outbox.errors.js';

/** @internal The outbox of a process that only relays: code it shares with the others may inject it, but adds nothing here. */
export class WorkerOutbox extends Outbox {
  override add(): Promise<void> {
    return Promise.reject(workerOnly());
  }

  /** What stands in for a client calls it. */
  override take(): never {
    throw workerOnly();
  }
}

const workerOnly = (): OutboxWorkerOnlyError =>
  new OutboxWorkerOnlyError(
    "Outbox.add() was called in a process that only publishes (relay.mode is 'worker'); nothing was written. Add where the transaction is: in a process with relay.mode 'embedded', which publishes too, or 'off'.",
  );
