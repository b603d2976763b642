import { compareDeclaration, type Comparison } from '../core/declaration-differences.js';
import { remedyFor, stepsFor } from '../core/topology-remedy.js';
import { DeskConnection, type DeskSettings } from '../dead-letters/desk-connection.js';
import { isOfUnknownType, REFUSED } from '../publisher/broker-words.js';
import { declareAs, lookFor, type Refusal } from './declaring.js';
import type { TopologyEntry } from './topology.types.js';
import type { Wanted } from './wanted.js';

/** Looks at what is there, and creates nothing. */
export class Inspection {
  readonly #types = new Map<string, Promise<boolean>>();
  readonly #present = new Map<string, Promise<Refusal | undefined>>();

  constructor(
    private readonly desk: DeskConnection,
    private readonly settings: DeskSettings,
  ) {}

  /** What there is of a queue or an exchange. @throws {InterruptedError} when the broker is lost */
  async entryOf(wanted: Wanted): Promise<TopologyEntry> {
    const { kind, name, as, acceptsExisting } = wanted;
    // Before anything else: the broker may close the connection for it.
    if (kind === 'exchange' && !(await this.#knowsType(String(as['type']))))
      return entry(wanted, 'refused', { reason: unknownType(String(as['type'])) });
    const refusal = await this.find(kind, name);
    if (refusal?.code === REFUSED.notFound) return entry(wanted, 'missing');
    if (refusal?.code === REFUSED.access) return refused(wanted, refusal.words);
    if (acceptsExisting) return entry(wanted, 'present');
    return this.compare(wanted);
  }

  /** Whether there is one of that name: undefined where there is, or why not. Asked once. */
  find(kind: Wanted['kind'], name: string): Promise<Refusal | undefined> {
    const key = `${kind} ${name}`;
    let asking = this.#present.get(key);
    if (!asking)
      this.#present.set(
        key,
        (asking = this.desk.aside(name, (channel) => lookFor(channel, kind, name))),
      );
    return asking;
  }

  /**
   * How what is there differs. It is declared, so it has to be there: where somebody deletes it in the very moment between this and the
   * look before, it is created.
   */
  async compare(wanted: Wanted): Promise<TopologyEntry> {
    let last: Refusal | undefined;
    const comparison = await compareDeclaration(wanted.as, async (as) => {
      last = await this.desk.aside(wanted.name, (channel) => declareAs(channel, wanted, as));
      return last?.words;
    });
    if (last?.code === REFUSED.access) return refused(wanted, last.words);
    return compared(wanted, comparison);
  }

  #knowsType(type: string): Promise<boolean> {
    let asking = this.#types.get(type);
    if (!asking) this.#types.set(type, (asking = knowsType(this.settings, type)));
    return asking;
  }
}

/** Types that every broker has. */
const BUILT_IN: readonly string[] = ['direct', 'fanout', 'topic', 'headers'];

/**
 * Asks by declaring `amq.direct` with that type, which every virtual host has with its own: nothing is created, and for a type that it does
 * not know a broker before 4.0 ends the connection, so this is one of its own.
 */
async function knowsType(settings: DeskSettings, type: string): Promise<boolean> {
  if (BUILT_IN.includes(type)) return true;
  const desk = await DeskConnection.open(settings);
  const probe: Wanted = {
    kind: 'exchange',
    name: 'amq.direct',
    as: { type, durable: true },
    acceptsExisting: false,
  };
  try {
    const refusal = await desk.aside(probe.name, (channel) => declareAs(channel, probe, probe.as));
    return !(refusal && isOfUnknownType(refusal.words));
  } catch (error) {
    const { cause } = error as Error;
    if (cause instanceof Error && isOfUnknownType(cause.message)) return false;
    throw error;
  } finally {
    await desk.close();
  }
}

const unknownType = (type: string): string =>
  `the broker has no exchanges of type "${type}". Enable the plugin that brings it (rabbitmq-plugins enable …), or see the type`;

export function refused(
  { kind, name }: Pick<TopologyEntry, 'kind' | 'name'>,
  words: string,
): TopologyEntry {
  return {
    ...entry({ kind, name }, 'refused'),
    reason: `${words}. Grant this user the right to configure it, or have it declared by one who may`,
  };
}

function compared(wanted: Wanted, { differences, unread, vhost }: Comparison): TopologyEntry {
  const { kind, name } = wanted;
  if (differences.length === 0 && unread === undefined) return entry(wanted, 'present');
  return {
    ...entry(wanted, 'different'),
    differences: differences.map((one) => ({ ...one, remedy: remedyFor(one) })),
    steps: stepsFor({ kind, name, vhost, differences }),
    reason: unread === undefined ? undefined : `there may be more: the broker said "${unread}"`,
  };
}

/** One without differences. */
export function entry(
  { kind, name }: Pick<TopologyEntry, 'kind' | 'name'>,
  state: TopologyEntry['state'],
  more: Pick<TopologyEntry, 'reason'> = {},
): TopologyEntry {
  return { kind, name, state, differences: [], steps: [], ...more };
}
