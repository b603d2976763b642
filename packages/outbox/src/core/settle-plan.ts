import { backoffMs, type Backoff } from '@acme/nest-message-context/kit';

/** Why a message was not accepted. */
export interface Failure {
  /** Stable: `UNROUTABLE`, `REJECTED`, `NO_ANSWER`. */
  readonly code: string;
  readonly message: string;
}

/** One entry of a message's history. */
export interface FailureRecord extends Failure {
  /** ISO time, of the relay's clock. */
  readonly at: string;
}

/** What settling must know of a message. */
export interface Settleable {
  /** Which table it is in. */
  readonly place: 'pending' | 'waiting';
  /** Failures so far that count towards parking. */
  readonly attempts: number;
  /** Failures so far, those included that do not count; they lengthen the pause. */
  readonly tries: number;
  readonly history: readonly FailureRecord[];
}

/** What became of one message, in the order in which messages were handed to the publisher. */
export interface Verdict<Row> {
  readonly row: Row;
  /** Position in the order of publishing. */
  readonly index: number;
  /** `hopeless`: not to be tried again, whatever its attempts. */
  readonly result: 'confirmed' | 'failed' | 'unknown' | 'hopeless';
  readonly failure?: Failure | undefined;
}

/** A message that is tried again later. */
export interface HeldBack<Row> {
  readonly row: Row;
  readonly attempts: number;
  readonly tries: number;
  readonly history: readonly FailureRecord[];
  readonly delayMs: number;
}

/** A message that is given up. */
export interface Parked<Row> {
  readonly row: Row;
  readonly attempts: number;
  readonly history: readonly FailureRecord[];
  readonly reason: Failure;
}

export interface SettlePlan<Row> {
  readonly confirmed: Row[];
  readonly heldBack: HeldBack<Row>[];
  readonly parked: Parked<Row>[];
  /** Nothing is known about these; they stay where they are and are read again. */
  readonly unanswered: Row[];
}

export interface RetryPolicy extends Backoff {
  /** After so many failures a message is parked. */
  readonly attempts: number;
}

export interface SettleInput<Row> {
  readonly verdicts: readonly Verdict<Row>[];
  /** The highest index that was ever confirmed. */
  readonly lastConfirmed: number;
  readonly policy: RetryPolicy;
  readonly now: Date;
  readonly random: () => number;
}

/** Enough to see a pattern; a row must not grow without end. */
const HISTORY_LENGTH = 10;

/**
 * Tells a sick broker from a sick message. A message without an answer is the broker's affair, unless one that was
 * published after it was confirmed: then the broker is well, and this message is held back alone, at no cost in attempts. One
 * unanswered message that nothing has overtaken makes an outage of all.
 */
export function planSettle<Row extends Settleable>(input: SettleInput<Row>): SettlePlan<Row> {
  const { verdicts, lastConfirmed } = input;
  const plan: SettlePlan<Row> = { confirmed: [], heldBack: [], parked: [], unanswered: [] };
  const outage = verdicts.some(
    ({ result, index }) => result === 'unknown' && index > lastConfirmed,
  );
  for (const verdict of verdicts) {
    if (verdict.result === 'confirmed') plan.confirmed.push(verdict.row);
    else if (verdict.result === 'unknown' && outage) plan.unanswered.push(verdict.row);
    else planFailure(plan, verdict, input);
  }
  return plan;
}

function planFailure<Row extends Settleable>(
  plan: SettlePlan<Row>,
  { row, result, failure }: Verdict<Row>,
  { policy, now, random }: SettleInput<Row>,
): void {
  const reason = failure ?? { code: 'NO_ANSWER', message: 'The broker did not answer in time.' };
  const attempts = row.attempts + (result === 'failed' ? 1 : 0);
  const tries = row.tries + 1;
  const history = [...row.history, { at: now.toISOString(), ...reason }].slice(-HISTORY_LENGTH);
  if (attempts >= policy.attempts || result === 'hopeless')
    plan.parked.push({ row, attempts, history, reason });
  else {
    const delayMs = backoffMs(tries, policy, random());
    plan.heldBack.push({ row, attempts, tries, history, delayMs });
  }
}

/**
 * Which message asks whether an outage is over: a different one each time, so that one that can never be answered (its queue
 * is full) does not keep all others waiting. Always the first of its block.
 */
export function pickProbe<Row extends { readonly block: string }>(
  rows: readonly Row[],
  failedProbes: number,
): Row | undefined {
  const heads = new Map<string, Row>();
  for (const row of rows) if (!heads.has(row.block)) heads.set(row.block, row);
  return [...heads.values()][failedProbes % Math.max(1, heads.size)];
}
