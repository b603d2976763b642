import { seededRandom, type SeededRandom } from '@acme/internal-testing';

/** One message of the plan. `n` grows within a key. */
export interface PlannedMessage {
  readonly messageId: string;
  readonly key: string | undefined;
  readonly n: number;
  readonly kind: 'plain' | 'unroutable' | 'later';
}

/** What one service does in one transaction. */
export interface PlannedTransaction {
  /** Each is given to `add()` at once. */
  readonly calls: readonly (readonly PlannedMessage[])[];
  /** `nested`: an inner, joined transaction fails. `savepoint`: all but the first call are undone. */
  readonly fate: 'commits' | 'rolls back' | 'nested' | 'savepoint';
}

type Fault = 'kill' | 'stop' | 'freeze' | 'cut broker' | 'cut database';

/** A function of the seed alone: whatever goes wrong can be repeated. */
export interface Plan {
  /** One service after the other, each with transactions one after the other. */
  readonly services: readonly (readonly PlannedTransaction[])[];
  readonly faults: readonly { readonly fault: Fault; readonly relay: number }[];
}

export interface PlanSize {
  readonly services: number;
  readonly transactions: number;
  readonly faults: number;
  readonly relays: number;
}

export function planOf(seed: number, size: PlanSize): Plan {
  const random = seededRandom(seed);
  const each = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  return {
    services: each(size.services).map((service) => {
      const numbers = new Map<string, number>();
      return each(size.transactions).map((i) => transaction(random, `${service}-${i}`, numbers));
    }),
    faults: each(size.faults).map(() => ({
      fault: random.pick<Fault>(['kill', 'kill', 'stop', 'freeze', 'cut broker', 'cut database']),
      relay: random.int(0, size.relays - 1),
    })),
  };
}

/** What is in the outbox after it. */
export function committed({ calls, fate }: PlannedTransaction): readonly PlannedMessage[] {
  if (fate === 'commits') return calls.flat();
  return fate === 'savepoint' ? (calls[0] ?? []) : [];
}

function transaction(
  random: SeededRandom,
  id: string,
  numbers: Map<string, number>,
): PlannedTransaction {
  const fate = random.pick<PlannedTransaction['fate']>([
    ...Array.from({ length: 7 }, () => 'commits' as const),
    'rolls back',
    'nested',
    'savepoint',
  ]);
  const calls = Array.from({ length: random.int(1, 3) }, (_, call) =>
    Array.from({ length: random.int(1, 5) }, (__, i) =>
      message(random, `${id}-${call}-${i}`, numbers),
    ),
  );
  return { calls, fate };
}

function message(
  random: SeededRandom,
  messageId: string,
  numbers: Map<string, number>,
): PlannedMessage {
  const [service] = messageId.split('-');
  const roll = random();
  const kind = roll < 0.03 ? 'unroutable' : roll < 0.1 ? 'later' : 'plain';
  // What is due later has no place among those that are due at once.
  const key = random() < 0.1 ? undefined : `${service}.${kind === 'later'}.${random.int(1, 6)}`;
  const n = (numbers.get(key ?? '') ?? 0) + 1;
  numbers.set(key ?? '', n);
  return { messageId, key, n, kind };
}
