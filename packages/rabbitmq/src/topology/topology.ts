import type { BrokerFacts } from '../core/broker-facts.js';
import { DeskConnection, type DeskSettings } from '../dead-letters/desk-connection.js';
import { REFUSED } from '../publisher/broker-words.js';
import { TopologyMismatchError } from '../rabbitmq.errors.js';
import { topologySettings } from './checked-topology.js';
import { declareAs, refusalOf } from './declaring.js';
import { entry, Inspection, refused } from './inspection.js';
import { topologyText } from './topology-text.js';
import type {
  TopologyEntry,
  TopologyOptions,
  TopologyPlan,
  WantedBinding,
  WantedTopology,
} from './topology.types.js';
import { bindingName, everyWanted, type Wanted } from './wanted.js';

/**
 * Exchanges, queues and bindings as they are wanted, compared with those that are there, over AMQP alone. It creates what is missing when it
 * is told to, and never deletes, unbinds or changes anything.
 *
 * The broker compares what was declared. What a policy says it compares with nothing, and so is nothing of that seen here; an argument that
 * it does not know it takes and ignores.
 */
export class Topology {
  readonly #desk: DeskSettings;
  readonly #topology: WantedTopology;

  /** @throws {RabbitMqConfigurationError} listing every wrong option */
  constructor(options: TopologyOptions) {
    const { topology, ...desk } = topologySettings(options);
    this.#desk = desk;
    this.#topology = topology;
  }

  /**
   * What of it is there, and how it differs. Creates nothing.
   *
   * @throws {InterruptedError} when the broker is lost or does not answer; as all others do
   * @throws what `connect` throws; as all others do
   */
  plan(): Promise<TopologyPlan> {
    return this.#atDesk((desk, wanted) => this.#planAt(desk, wanted));
  }

  /**
   * Creates nothing.
   *
   * @throws {TopologyMismatchError} when something is missing, differs, or cannot be looked at
   */
  async check(): Promise<TopologyPlan> {
    const plan = await this.plan();
    return passed(plan, ({ state }) => state === 'missing' || isWrong(state));
  }

  /**
   * Creates what is missing: exchanges, then queues, then bindings. Where anything differs it creates nothing at all.
   *
   * @throws {TopologyMismatchError} when something differs, or the broker refuses something
   */
  assert(): Promise<TopologyPlan> {
    return this.#atDesk(async (desk, wanted) => {
      const plan = await this.#planAt(desk, wanted);
      // A binding lacks an end that nobody is going to declare.
      const isLost = ({ kind, reason }: TopologyEntry): boolean =>
        kind === 'binding' && reason !== undefined;
      passed(plan, (one) => isWrong(one.state) || isLost(one));
      const missing = new Set(
        plan.entries
          .filter(({ state }) => state === 'missing')
          .map(({ kind, name }) => `${kind} ${name}`),
      );
      const entries: TopologyEntry[] = [];
      for (const one of wanted)
        entries.push(
          missing.has(`${one.kind} ${one.name}`) ? await create(desk, one) : entry(one, 'present'),
        );
      // Not to what could not be created.
      passed({ entries }, ({ state }) => isWrong(state));
      for (const binding of this.#topology.bindings ?? []) entries.push(await bind(desk, binding));
      return passed({ entries }, ({ state }) => isWrong(state));
    });
  }

  /** What is wanted of a broker. @internal */
  protected wanted(topology: WantedTopology, facts: BrokerFacts): Wanted[] {
    return everyWanted(topology, [], facts);
  }

  async #atDesk<T>(work: (desk: DeskConnection, wanted: Wanted[]) => Promise<T>): Promise<T> {
    const desk = await DeskConnection.open(this.#desk);
    try {
      return await work(desk, this.wanted(this.#topology, desk.facts));
    } finally {
      await desk.close();
    }
  }

  async #planAt(desk: DeskConnection, wanted: readonly Wanted[]): Promise<TopologyPlan> {
    const inspection = new Inspection(desk, this.#desk);
    const entries: TopologyEntry[] = [];
    for (const one of wanted) entries.push(await inspection.entryOf(one));
    for (const binding of this.#topology.bindings ?? [])
      entries.push(await bindingEntry(inspection, binding, wanted));
    return { entries };
  }
}

const isWrong = (state: TopologyEntry['state']): boolean =>
  state === 'different' || state === 'refused';

function passed(plan: TopologyPlan, isBad: (entry: TopologyEntry) => boolean): TopologyPlan {
  if (!plan.entries.some(isBad)) return plan;
  throw new TopologyMismatchError(plan, topologyText({ entries: plan.entries.filter(isBad) }));
}

async function bindingEntry(
  inspection: Inspection,
  binding: WantedBinding,
  wanted: readonly Wanted[],
): Promise<TopologyEntry> {
  const name = bindingName(binding);
  const { source, queue, exchange } = binding;
  const to = queue === undefined ? (['exchange', exchange] as const) : (['queue', queue] as const);
  const ends = [['exchange', source] as const, to];
  let state: TopologyEntry['state'] = 'unseen';
  for (const [kind, end = ''] of ends) {
    const isThere = (await inspection.find(kind, end))?.code !== REFUSED.notFound;
    if (isThere) continue;
    state = 'missing';
    if (!wanted.some((one) => one.kind === kind && one.name === end))
      return entry({ kind: 'binding', name }, state, {
        reason: `there is no ${kind} "${end}", and this topology does not declare it. Declare it here, or first where it belongs`,
      });
  }
  return entry({ kind: 'binding', name }, state);
}

async function create(desk: DeskConnection, wanted: Wanted): Promise<TopologyEntry> {
  const refusal = await desk.aside(wanted.name, (channel) => declareAs(channel, wanted, wanted.as));
  return refusal ? refused(wanted, refusal.words) : entry(wanted, 'created');
}

async function bind(desk: DeskConnection, binding: WantedBinding): Promise<TopologyEntry> {
  const { source, queue, exchange = '', routingKey = '' } = binding;
  const name = bindingName(binding);
  const args = binding.arguments ?? {};
  const refusal = await desk.aside(name, (channel) =>
    refusalOf(() =>
      queue === undefined
        ? channel.bindExchange(exchange, source, routingKey, args)
        : channel.bindQueue(queue, source, routingKey, args),
    ),
  );
  const where = { kind: 'binding', name } as const;
  return refusal ? refused(where, refusal.words) : entry(where, 'present');
}
