import { handlerKindsOf, handlerName, type HandlerMethod } from '@acme/nest-message-context';
import { OptionsCheck } from '@acme/nest-message-context/kit';
import type { BrokerFacts } from '../core/broker-facts.js';
import type { NestRmqServerLike } from '../consumers/nest-servers.js';
import { virtualHostText, type VirtualHost } from '../core/virtual-host.js';
import { policyOn } from '../policy/decorators.js';
import { policyOf } from '../policy/queue-policy.js';
import { isSettledHere, queuesOf, type PlannedHandler } from './planned-handlers.js';

interface Application {
  /** How often the module is imported. */
  readonly imports: number;
  readonly methods: readonly HandlerMethod[];
  readonly handlers: readonly PlannedHandler[];
  readonly servers: Iterable<NestRmqServerLike>;
  /** Each connection for retries; undefined of one that is not connected. */
  readonly leadingTo: readonly (VirtualHost | undefined)[];
}

/** What would leave messages of the application unprotected, each with its remedy. */
export function bootProblems(application: Application): string[] {
  const { imports, methods, handlers, servers, leadingTo } = application;
  const consuming = [...servers].filter((server) => hasHandlers(server, handlers));
  return [
    ...new Set([
      ...(imports > 1 ? [importedTwice(imports)] : []),
      ...methods.flatMap(problemsOfDecorators),
      ...handlers.flatMap(problemsOfHandler),
      ...consuming.flatMap(problemsOfServer),
      ...problemsOfConnections(leadingTo),
      ...problemsOfVirtualHosts(handlers, leadingTo),
    ]),
  ];
}

const importedTwice = (count: number): string =>
  `RabbitMqModule is imported ${count} times with different options, and each message would be settled by one of them by chance. Import it once, at the top, and say in queues what is different.`;

function problemsOfDecorators({ owner, method, handler }: HandlerMethod): string[] {
  const check = new OptionsCheck();
  const onClass = policyOn(owner);
  if (onClass) policyOf(check, `decorators of ${owner.name}: `, onClass);
  const onMethod = policyOn(method);
  if (!onMethod) return check.problems;
  const name = handlerName(handler);
  policyOf(check, `decorators of ${name}: `, onMethod);
  const kinds = [...handlerKindsOf(method)];
  if (!kinds.some((kind) => kind === 'event' || kind === 'request' || kind.startsWith('golevelup')))
    check.problems.push(
      `${name}: @RmqRetry() and @RmqDeadLetter() have no effect, because RabbitMQ delivers no messages to this method. Add the pattern, or remove them.`,
    );
  return check.problems;
}

function problemsOfHandler({
  found,
  queue,
  client,
  prefetch,
  hasOwnFailurePolicy,
}: PlannedHandler) {
  const name = handlerName(found.handler);
  const problems: string[] = [];
  if (hasOwnFailurePolicy && policyOn(found.method))
    problems.push(
      `${name}: @RmqRetry() and @RmqDeadLetter() have no effect beside an errorHandler or errorBehavior of golevelup. Remove the one or the other.`,
    );
  if (prefetch === 0)
    problems.push(
      `Queue "${queue}": ${client === 'Nest' ? 'prefetchCount is not set' : 'prefetchCount is 0'}, so the broker hands over everything at once: one instance takes it all, and a restart has it delivered again. ` +
        'Give it a number, as 20.',
    );
  return problems;
}

function problemsOfServer({ noAck, options, queue }: NestRmqServerLike): string[] {
  const problems: string[] = [];
  if (noAck !== false)
    problems.push(
      `Queue "${queue}": the microservice has noAck: true (Nest's default), so the broker forgets a message before it is handled, and it can be neither retried nor parked. Set noAck: false.`,
    );
  if (options?.isGlobalPrefetchCount)
    problems.push(
      `Queue "${queue}": isGlobalPrefetchCount is refused by quorum queues, and has no effect from RabbitMQ 4.3 on. Leave it out: prefetchCount is meant for each consumer.`,
    );
  return problems;
}

/** A message would go by one of them by chance. */
function problemsOfConnections(leadingTo: readonly (VirtualHost | undefined)[]): string[] {
  return leadingTo.flatMap((one, index) => {
    const before = leadingTo.findIndex(
      (other) => other?.name === one?.name && other?.cluster === one?.cluster,
    );
    if (!one || before === index) return [];
    return `connect[${index}] leads where connect[${before}] does: to ${virtualHostText(one)}. Leave one out: several nodes of one cluster are one connectToAny(urls, open). Where they are clusters of one name, give each its own: rabbitmqctl set_cluster_name.`;
  });
}

/** Where its URLs say what a client consumes from, and it is known where all connections lead. */
function problemsOfVirtualHosts(
  handlers: readonly PlannedHandler[],
  leadingTo: readonly (VirtualHost | undefined)[],
): string[] {
  if (leadingTo.some((one) => one?.name === undefined)) return [];
  const names = leadingTo.map((one) => one?.name);
  return (
    handlers
      .filter(isSettledHere)
      // What the server has named comes back to nobody: it is held here.
      .filter(
        ({ queue, virtualHost }) =>
          queue !== '' && virtualHost !== undefined && !names.includes(virtualHost),
      )
      .map(
        ({ queue, client, virtualHost }) =>
          `Queue "${queue}" is consumed by ${client} from virtual host "${virtualHost}", and connect leads to ${leadingTo.map((one) => virtualHostText(one!)).join(' and ')}: ` +
          'what fails could be neither retried nor parked. Give connect a list, with one that leads there.',
      )
  );
}

/** What the broker may refuse, as it is set up: that cannot be seen from here. */
export function bootWarnings(
  { handlers, servers }: Pick<Application, 'handlers' | 'servers'>,
  { version, mayRefuseTransientQueues }: BrokerFacts,
): string[] {
  return [...servers]
    .filter((server) => mayRefuseTransientQueues && hasHandlers(server, handlers))
    .filter(({ queueOptions: queue }) => queue?.durable === false && !queue.exclusive)
    .map(
      ({ queue }) =>
        `Queue "${queue}" is declared with durable: false, which RabbitMQ ${version} refuses unless its operator permits it. Leave it out, and move to another queue: a durable one cannot be declared under the same name.`,
    );
}

const hasHandlers = (server: NestRmqServerLike, handlers: readonly PlannedHandler[]): boolean =>
  handlers.some(
    ({ client, queue }) =>
      client === 'Nest' && queuesOf(server).some((consumed) => consumed.queue === queue),
  );
