import { EXIT, usageError, type Answer } from '@acme/nest-message-context/cli';
import { TopologyMismatchError } from '../../rabbitmq.errors.js';
import { Topology } from '../../topology/topology.js';
import { topologyText } from '../../topology/topology-text.js';
import type { TopologyPlan } from '../../topology/topology.types.js';
import type { Command, Desk } from '../command.js';
import { nulled } from '../shown.js';

const DETAILS = `The file of --config gives { connect, topology, close? }; topology is { exchanges, queues, bindings }. What
a policy sets is not seen, nor are bindings: AMQP has no question for them. Nothing is ever deleted.`;

const OPTIONS = ['config'] as const;

export const topologyPlan: Command = {
  summary: 'Says what of a topology is missing or differs, and what to do',
  details: `${DETAILS}
It creates nothing, and ends with 0 whatever it finds.`,
  options: OPTIONS,
  async run(desk) {
    const topology = await topologyOf(desk);
    return answer(await topology.plan(), EXIT.done, desk);
  },
};

export const topologyCheck: Command = {
  summary: 'The same, and ends with 3 unless all is as wanted',
  details: `${DETAILS}
It creates nothing. For a pipeline, before an application is deployed.`,
  options: OPTIONS,
  run: (desk) => judged(desk, (topology) => topology.check()),
};

export const topologyAssert: Command = {
  summary: 'Creates what is missing, unless something differs',
  details: `${DETAILS}
Where anything differs nothing is created, and it ends with 3.`,
  options: OPTIONS,
  run: (desk) => judged(desk, (topology) => topology.assert()),
};

async function topologyOf({ values, open, doing }: Desk): Promise<Topology> {
  if (values.config === undefined)
    throw usageError('Say which topology, and where: --config file.mjs.');
  const { connect, topology } = await open();
  if (topology === undefined)
    throw usageError(
      'The file of --config has no topology. Write: export default { connect, topology: { exchanges, queues, bindings } }.',
    );
  doing('comparing');
  return new Topology({ ...topology, connect });
}

async function judged(
  desk: Desk,
  work: (topology: Topology) => Promise<TopologyPlan>,
): Promise<Answer> {
  const topology = await topologyOf(desk);
  try {
    return answer(await work(topology), EXIT.done, desk);
  } catch (error) {
    if (error instanceof TopologyMismatchError) return answer(error.plan, EXIT.nothing, desk);
    throw error;
  }
}

function answer(plan: TopologyPlan, exit: Answer['exit'], { hide }: Desk): Answer {
  const { entries } = plan;
  return {
    exit,
    json: {
      entries: entries.map(({ reason, differences, ...entry }) =>
        nulled({
          ...entry,
          differences: differences.map((one) => nulled(one)),
          reason: reason && hide(reason),
        }),
      ),
    },
    text: entries.length === 0 ? 'The topology is empty.' : topologyText(plan),
  };
}
