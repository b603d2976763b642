import {
  golevelupConfigOf,
  handlerKindsOf,
  handlerMethodsOf,
  patternsOf,
  type GolevelupHandlerConfig,
  type HandlerKind,
  type HandlerMethod,
} from '@acme/nest-message-context';
import type { DiscoveryService } from '@nestjs/core';
import {
  golevelupPrefetch,
  virtualHostOfGolevelup,
  type GolevelupConsumingConnectionLike,
} from '../consumers/golevelup-connections.js';
import { virtualHostOfNest, type NestRmqServerLike } from '../consumers/nest-servers.js';
import { queueTypeIn } from '../core/delivery-limit.js';

/** A method, and a queue that it gets messages from. */
export interface PlannedHandler {
  readonly found: HandlerMethod;
  readonly client: 'Nest' | 'golevelup';
  /** The server or the connection. */
  readonly source: object;
  /** Of its client, as its URLs say; undefined where they do not. */
  readonly virtualHost: string | undefined;
  readonly queue: string;
  /** Pattern or routing key. */
  readonly name: string;
  readonly kind: HandlerKind;
  /** 0: without a limit. */
  readonly prefetch: number;
  /** As its client declares it; undefined where somebody else does. */
  readonly queueType: string | undefined;
  /** golevelup's own `errorHandler` or `errorBehavior` decides what becomes of failures. */
  readonly hasOwnFailurePolicy: boolean;
}

/** Where the messages of an application come from. */
export interface Clients {
  readonly servers: Iterable<NestRmqServerLike>;
  readonly connections: Iterable<GolevelupConsumingConnectionLike>;
}

/** Every method of the application that Nest knows an object of. */
export function methodsOfApplication(discovery: DiscoveryService): HandlerMethod[] {
  const seen = new Set<unknown>();
  return [...discovery.getControllers(), ...discovery.getProviders()].flatMap(({ instance }) => {
    const object: unknown = instance;
    if (typeof object !== 'object' || object === null || seen.has(object.constructor)) return [];
    seen.add(object.constructor);
    return handlerMethodsOf(object);
  });
}

/** Which of them get messages of RabbitMQ, and from where. */
export function plannedHandlers(
  methods: readonly HandlerMethod[],
  { servers, connections }: Clients,
): PlannedHandler[] {
  const ofNest = [...servers].flatMap((server) =>
    methods.flatMap((found) => plannedByNest(found, server)),
  );
  const ofGolevelup = [...connections].flatMap((connection) =>
    methods.flatMap((found) => plannedByGolevelup(found, connection)),
  );
  return [...ofNest, ...ofGolevelup];
}

function plannedByNest(found: HandlerMethod, server: NestRmqServerLike): PlannedHandler[] {
  const kinds = handlerKindsOf(found.method);
  const kind = (['event', 'request'] as const).find((one) => kinds.has(one));
  if (!kind) return [];
  const patterns = patternsOf(found.method, server.transportId);
  if (patterns.length === 0) return [];
  const name = patterns
    .map((pattern) => (typeof pattern === 'string' ? pattern : JSON.stringify(pattern)))
    .join(', ');
  return queuesOf(server).map(({ queue, prefetch, queueType }) => ({
    found,
    client: 'Nest',
    source: server,
    virtualHost: virtualHostOfNest(server),
    queue,
    name,
    kind,
    prefetch,
    queueType,
    hasOwnFailurePolicy: false,
  }));
}

/** The queues of a server, with how much each hands over at once. */
export const queuesOf = ({
  consumedQueues,
  queue,
  options,
  queueOptions,
}: NestRmqServerLike): NonNullable<NestRmqServerLike['consumedQueues']> =>
  consumedQueues ?? [
    {
      queue: queue ?? '',
      prefetch: options?.prefetchCount ?? 0,
      queueType:
        (options?.noAssert ?? queueOptions?.noAssert) ? undefined : queueTypeIn(queueOptions),
    },
  ];

function plannedByGolevelup(
  found: HandlerMethod,
  connection: GolevelupConsumingConnectionLike,
): PlannedHandler[] {
  const { configuration = {} } = connection;
  const decorated = golevelupConfigOf(found.method);
  if (!decorated || (decorated.connection && decorated.connection !== configuration.name))
    return [];
  const [kind] = [...handlerKindsOf(found.method)].filter((one) => one.startsWith('golevelup'));
  const forAll = configuration.defaultSubscribeErrorBehavior;
  return configsOf(decorated, configuration).map((config) => {
    const channel = config.queueOptions?.channel;
    return {
      found,
      client: 'golevelup',
      source: connection,
      virtualHost: virtualHostOfGolevelup(connection),
      queue: config.queue ?? '',
      name: [config.routingKey ?? ''].flat().join(', '),
      kind: kind as HandlerKind,
      prefetch: golevelupPrefetch(configuration, channel),
      queueType:
        config.createQueueIfNotExists === false ? undefined : queueTypeIn(config.queueOptions),
      hasOwnFailurePolicy:
        Boolean(config.errorHandler ?? config.errorBehavior) ||
        (kind !== 'golevelup-rpc' && forAll !== undefined && forAll !== 'REQUEUE'),
    };
  });
}

interface NamedConfig extends GolevelupHandlerConfig {
  readonly createQueueIfNotExists?: boolean | undefined;
  readonly queueOptions?:
    { readonly channel?: string | undefined; readonly arguments?: unknown } | undefined;
}

/** A decorator may leave everything to an entry of the connection's options, or to several. */
function configsOf(
  decorated: GolevelupHandlerConfig,
  { handlers, defaultHandler }: NonNullable<GolevelupConsumingConnectionLike['configuration']>,
): NamedConfig[] {
  const name = decorated.name ?? defaultHandler;
  const named = name === undefined ? undefined : handlers?.[name];
  return [named ?? {}].flat().map((own) => ({ ...decorated, ...(own as NamedConfig) }));
}

/** Whether messages that fail may come to another queue: a request is answered, and of some golevelup itself decides. */
export const isSettledHere = ({ kind, hasOwnFailurePolicy }: PlannedHandler): boolean =>
  kind !== 'request' && !hasOwnFailurePolicy;
