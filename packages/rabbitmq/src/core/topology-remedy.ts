import type { Difference } from './declaration-differences.js';

/**
 * How a difference is mended without losing a message:
 *
 * - `policy`: what is wanted can be set by a policy, on what is there;
 * - `declare`: it says only how a new queue is placed, so declare it as it is;
 * - `replace`: it cannot be changed. Declare another one beside it, and move to that, or declare it as it is.
 */
export type TopologyRemedy = 'policy' | 'declare' | 'replace';

interface PolicyKey {
  readonly key: string;
  /** Of policy and argument the lower one counts. Of all others the argument may, so that a policy has no effect beside one. */
  readonly isLimit?: boolean;
}

const limit = (key: string): PolicyKey => ({ key, isLimit: true });

/** What a policy can set, by argument. */
const BY_POLICY: Readonly<Record<string, PolicyKey>> = {
  'x-message-ttl': limit('message-ttl'),
  'x-expires': limit('expires'),
  'x-max-length': limit('max-length'),
  'x-max-length-bytes': limit('max-length-bytes'),
  'x-delivery-limit': limit('delivery-limit'),
  'x-overflow': { key: 'overflow' },
  'x-dead-letter-exchange': { key: 'dead-letter-exchange' },
  'x-dead-letter-routing-key': { key: 'dead-letter-routing-key' },
  // From 3.10 on.
  'x-dead-letter-strategy': { key: 'dead-letter-strategy' },
  // From 3.12 on; before, the argument has no effect either.
  'x-consumer-timeout': { key: 'consumer-timeout' },
  // From 4.3.1 on.
  'x-delayed-retry-type': { key: 'delayed-retry-type' },
  'x-delayed-retry-min': { key: 'delayed-retry-min' },
  'x-delayed-retry-max': { key: 'delayed-retry-max' },
  'x-max-age': { key: 'max-age' },
  'alternate-exchange': { key: 'alternate-exchange' },
};

/** They say where a queue is placed while it is made, and nothing from then on. */
const PLACEMENT: readonly string[] = [
  'x-queue-leader-locator',
  'x-queue-master-locator',
  'x-quorum-initial-group-size',
  'x-initial-cluster-size',
];

/** Which way is safe for a difference. */
export function remedyFor({ argument, wanted, actual }: Difference): TopologyRemedy {
  if (PLACEMENT.includes(argument)) return 'declare';
  const policy = Object.hasOwn(BY_POLICY, argument) ? BY_POLICY[argument] : undefined;
  // A policy adds; it takes nothing away.
  if (!policy || wanted === undefined) return 'replace';
  // Policies know no "without a limit" before RabbitMQ 4.0.
  if (policy.isLimit && !(typeof wanted === 'number' && wanted >= 0)) return 'replace';
  if (actual === undefined) return 'policy';
  const isLower = policy.isLimit && typeof actual === 'number' && (wanted as number) < actual;
  return isLower ? 'policy' : 'replace';
}

/** What differs, and where. */
export interface Different {
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
  readonly vhost: string | undefined;
  readonly differences: readonly Difference[];
}

/** What to do about all that differs in one queue or exchange, step by step, in lines. */
export function stepsFor(different: Different): string[] {
  const { kind, differences } = different;
  if (differences.length === 0) return [];
  const by = (remedy: TopologyRemedy): Difference[] =>
    differences.filter((one) => remedyFor(one) === remedy);
  if (by('replace').length > 0)
    return kind === 'queue' ? newQueue(different) : newExchange(different);
  const [policy, placement] = [by('policy'), by('declare')];
  return [
    ...(policy.length > 0 ? policySteps(different, policy) : []),
    ...(placement.length > 0
      ? [
          `${asItIs(placement)}: ${placement.length > 1 ? 'they say' : 'it says'} only where a new queue is placed.`,
        ]
      : []),
  ];
}

function policySteps(
  { kind, name, vhost = '/' }: Different,
  policy: readonly Difference[],
): string[] {
  const definition = Object.fromEntries(
    policy.map(({ argument, wanted }) => [BY_POLICY[argument]!.key, wanted]),
  );
  const pattern = `^${name.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)}$`;
  const words = [vhost, name, pattern, JSON.stringify(definition)].map(quoted);
  return [
    `set it by a policy: rabbitmqctl set_policy -p ${words.join(' ')} --apply-to ${kind}s`,
    `only one policy applies to a ${kind}: where rabbitmqctl list_policies shows one, add this to that`,
    asItIs(policy),
  ];
}

const asItIs = (differences: readonly Difference[]): string =>
  `declare ${differences
    .map(({ argument, actual }) =>
      actual === undefined ? `no ${argument}` : `${argument} ${valueText(actual)}`,
    )
    .join(' and ')}, as it is`;

const newQueue = ({ name, vhost = '/' }: Different): string[] => [
  `where the broker is right, declare "${name}" as it is; else move to a new queue beside it:`,
  `1. declare another one ("${name}.v2") as wanted, and start consumers of it; leave those of "${name}"`,
  `2. bind it as "${name}" is bound, then unbind "${name}": in between messages come to both, and without a moment in between some to none`,
  `3. who publishes to "${name}" by its name publishes to the new one from now on`,
  `4. let the consumers empty "${name}", and what comes back to it from "${name}.retry.*"`,
  `5. stop them, and delete it once it is empty: rabbitmqctl delete_queue -p ${quoted(vhost)} ${quoted(name)} --if-empty --if-unused`,
];

const newExchange = ({ name }: Different): string[] => [
  `where the broker is right, declare "${name}" as it is; else move to a new exchange beside it:`,
  `1. declare another one ("${name}.v2") as wanted, and bind to it whatever is bound to "${name}"`,
  '2. have everybody publish to the new one; each message is in one of the two, so nothing comes twice',
  `3. delete "${name}" when nobody publishes to it any more: an exchange holds no messages`,
];

/** For a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** As people write it. */
export const valueText = (value: unknown): string =>
  value === undefined ? 'none' : JSON.stringify(value);
