import type { Hop } from '../settlement/hop-publisher.js';
import type { PatientHops } from '../settlement/patient-hops.js';
import type { Observability } from './observability.js';

/** Brings messages to their next queue, and tells how long that took. */
export class ObservedHops implements Pick<PatientHops, 'publish'> {
  constructor(
    private readonly hops: Pick<PatientHops, 'publish'>,
    private readonly observability: Pick<Observability, 'isMeasured' | 'sending'>,
  ) {}

  publish(hop: Hop): Promise<void> {
    // Each promise that is awaited costs every message that fails.
    if (!this.observability.isMeasured) return this.hops.publish(hop);
    return this.observability.sending(hop.target.name, () => this.hops.publish(hop));
  }
}
