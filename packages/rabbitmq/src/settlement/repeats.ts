import type { DeliveryHistory } from '../core/settle-plan.js';

/** What deliveries have been through since they came: tries in a lane, of which their headers know nothing. */
export class Repeats {
  readonly #noted = new WeakMap<object, DeliveryHistory>();

  /** @param delivery as the client library has delivered it */
  note(delivery: object, history: DeliveryHistory): void {
    this.#noted.set(delivery, history);
  }

  of(delivery: object): DeliveryHistory | undefined {
    return this.#noted.get(delivery);
  }
}
