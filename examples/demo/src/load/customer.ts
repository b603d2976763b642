import { setTimeout as pause } from 'node:timers/promises';
import type { PlannedOrder } from './plan.js';

/** How the answers to all requests of a run read, seen from outside. */
export interface Answers {
  /** Requests sent, repeated ones included. */
  sent: number;
  /** Placed by this very request, as far as the gateway can tell. */
  placed: number;
  /** Answered by the gateway with an earlier reply. */
  replayed: number;
  /** Refused because the same request was being handled. */
  inFlight: number;
  /** No answer, or one that says "try again". */
  troubled: number;
}

export interface Placed {
  readonly orderId: string;
  readonly correlationId: string;
  readonly replayed: boolean;
}

const GIVE_UP_MS = 60_000;
const FIRST_PAUSE_MS = 50;

/** Sends orders the way customers do: again when there is no answer, or when somebody pressed the button twice. */
export class Customer {
  readonly answers: Answers = { sent: 0, placed: 0, replayed: 0, inFlight: 0, troubled: 0 };

  constructor(
    private readonly gatewayUrl: string,
    private readonly signal: AbortSignal,
  ) {}

  /** Every answer to one order, in no particular order. Rejects when there is none in a minute. */
  async place(order: PlannedOrder): Promise<Placed[]> {
    const sends = Array.from({ length: order.sends }, () => order);
    if (order.atOnce) return Promise.all(sends.map((one) => this.insist(one)));
    const placed: Placed[] = [];
    for (const one of sends) placed.push(await this.insist(one));
    return placed;
  }

  /** Sends one request until it is answered for good. */
  private async insist(order: PlannedOrder): Promise<Placed> {
    const giveUp = Date.now() + GIVE_UP_MS;
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, 2_000)) {
      this.signal.throwIfAborted();
      const answer = await this.send(order);
      if (typeof answer === 'object') return answer;
      if (Date.now() > giveUp)
        throw new Error(`Order ${order.reference} got no answer but "${answer}".`);
      await pause(wait, undefined, { signal: this.signal });
    }
  }

  /** The order, or why there is none yet. */
  private async send(order: PlannedOrder): Promise<Placed | string> {
    const { idempotencyKey, reference, customerId, amountCents } = order;
    this.answers.sent += 1;
    let response: Response;
    let body: { id?: string };
    try {
      response = await fetch(`${this.gatewayUrl}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
        body: JSON.stringify({ reference, customerId, amountCents }),
        signal: AbortSignal.any([this.signal, AbortSignal.timeout(15_000)]),
      });
      body = (await response.json()) as { id?: string };
    } catch (error) {
      this.signal.throwIfAborted();
      this.answers.troubled += 1;
      return String(error);
    }
    if (response.status === 201 && body.id) return this.placed(response, body.id);
    if (response.status === 409) this.answers.inFlight += 1;
    else if (response.status >= 500 || response.status === 429) this.answers.troubled += 1;
    else throw new Error(`${reference}: ${response.status} ${JSON.stringify(body)}`);
    return `${response.status} ${JSON.stringify(body)}`;
  }

  private placed({ headers }: Response, orderId: string): Placed {
    const replayed = headers.get('idempotent-replayed') === 'true';
    this.answers[replayed ? 'replayed' : 'placed'] += 1;
    return { orderId, correlationId: headers.get('x-correlation-id') ?? '', replayed };
  }
}
