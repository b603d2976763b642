import { EXIT, type Answer } from '@acme/nest-message-context/cli';
import type { StoredRecord } from '../core/store.js';
import type { Desk } from './command.js';
import { recordId } from './record-id.js';

type State = StoredRecord['state'];

/** What a command removes, and what it says. */
interface Removal {
  readonly states: readonly State[];
  readonly removed: string;
  /** Of records in other states. */
  readonly left: Readonly<Partial<Record<State, string>>>;
}

/** Removes the record that is meant if it is in one of the states; else says why not. */
export async function removal(desk: Desk, { states, removed, left }: Removal): Promise<Answer> {
  const { values, ready } = desk;
  // A mistake in them is told without a store.
  if (values.config === undefined) recordId(values, undefined);
  const { store, namespace } = await ready();
  const id = recordId(values, namespace);
  for (const state of states)
    if (await store.remove(id, state))
      return { exit: EXIT.done, json: { removed: true, id }, text: removed };
  const state = (await store.get(id))?.state;
  const text =
    state === undefined
      ? `Nothing was removed: there is no record ${id}, or its transaction has not ended.`
      : (left[state] ?? 'Nothing was removed: the record has changed meanwhile. Try again.');
  return {
    exit: EXIT.nothing,
    json: { removed: false, id, state: state ?? null, reason: text },
    text,
  };
}
