import type { Wanted } from './wanted.js';

/** What amqplib takes as options of its own and passes on as arguments. */
const OF_QUEUES: Readonly<Record<string, string>> = {
  expires: 'x-expires',
  messageTtl: 'x-message-ttl',
  deadLetterExchange: 'x-dead-letter-exchange',
  deadLetterRoutingKey: 'x-dead-letter-routing-key',
  maxLength: 'x-max-length',
  maxPriority: 'x-max-priority',
  overflow: 'x-overflow',
  queueMode: 'x-queue-mode',
};
const OF_EXCHANGES: Readonly<Record<string, string>> = { alternateExchange: 'alternate-exchange' };

type Given = Readonly<Record<string, unknown>>;

/** A queue as amqplib declares it for these options. */
export function queueAsDeclared(name: string, options: object = {}): Wanted {
  const { exclusive } = options as Given;
  const as = { ...declaredAs(options, OF_QUEUES), exclusive: exclusive === true };
  return { kind: 'queue', name, as, acceptsExisting: false };
}

/** An exchange as amqplib declares it for these options. */
export function exchangeAsDeclared(name: string, type: string, options: object = {}): Wanted {
  const { internal } = options as Given;
  const as = { ...declaredAs(options, OF_EXCHANGES), type, internal: internal === true };
  return { kind: 'exchange', name, as, acceptsExisting: false };
}

function declaredAs(options: object, shorthands: Readonly<Record<string, string>>) {
  const { durable = true, autoDelete = false, arguments: args, ...rest } = options as Given;
  const short = Object.entries(rest).flatMap(([option, value]) => {
    const argument = Object.hasOwn(shorthands, option) ? shorthands[option] : undefined;
    return argument === undefined || value === undefined ? [] : [[argument, value] as const];
  });
  return {
    ...(args as Given | undefined),
    ...Object.fromEntries(short),
    durable: durable === true,
    auto_delete: autoDelete === true,
  };
}
