import { DEFAULT_TRANSACTIONS } from '@acme/nest-transaction';
import { show } from '@acme/nest-message-context/kit';
import { DEFAULT_OUTBOX } from '../outbox.tokens.js';

/** @internal What is known of an outbox beside its options. */
export interface OutboxSurroundings {
  /** Undefined for that of `forRoot()`. */
  readonly feature: string | undefined;
  /** Name of the `Transactions` that it wants, and whether there are any of that name. */
  readonly transactions: string | false;
  readonly found: boolean;
}

/** @internal What is wrong there, each with its remedy. */
export function problemsAround(
  { feature, transactions, found }: OutboxSurroundings,
  mode: string,
): string[] {
  const problems: string[] = [];
  if (feature !== undefined && (typeof feature !== 'string' || feature === ''))
    problems.push(`name: ${show(feature)} is no name. Give one: forFeature('billing', options).`);
  else if (feature === DEFAULT_OUTBOX)
    problems.push(`name: '${DEFAULT_OUTBOX}' is that of forRoot(). Give the feature another one.`);
  if (transactions !== false && !found && mode !== 'worker') problems.push(missing(transactions));
  return problems;
}

function missing(name: string): string {
  const options = name === DEFAULT_TRANSACTIONS ? '{ adapter }' : `{ adapter, name: '${name}' }`;
  return (
    `transactions: there are none of the name '${name}'. Import TransactionModule.forRoot(${options}) of @acme/nest-transaction ` +
    '(with isGlobal: false also here, through forRootAsync({ imports })), or give transactions: false where add() is always given { tx }, ' +
    "or relay: { mode: 'worker' } where it is never called."
  );
}
