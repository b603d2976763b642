import type { DiscoveryService } from '@nestjs/core';
import { handlerName } from '../context/handler-ref.js';
import { MessageContextConfigurationError } from '../message-context.errors.js';
import { MODULE_OPTIONS } from '../message-context.tokens.js';
import { methodsOf } from './decorate.js';
import { hasEdgeGuard } from './edge-door.js';
import { hasEntrance } from './entrance.js';
import {
  bindStaticObjects,
  classesOf,
  decoratedMethodsOf,
  servicesOf,
  type FoundClass,
  type FoundMethod,
} from './found-methods.js';
import { handlerKindsOf, isMessageHandler } from './handler-kinds.js';
import { injectedInto, serviceProperty } from './injection.js';
import { overriddenPlan, planOfMember } from './method-plan.js';
import type { RpcServerLike } from '../transports/rpc/rpc-door.js';
import type { BodyStage, BodyStageService, EdgeStage, EdgeStageService } from './slots.js';

type Method = (...args: never[]) => unknown;

interface Application {
  readonly discovery: DiscoveryService;
  readonly servers: ReadonlySet<RpcServerLike>;
  /** Type of Nest's HTTP adapter, where there is one. */
  readonly httpAdapter: string | undefined;
}

/**
 * Looks at every decorated method of the application before the first message arrives. What would leave a message
 * unprotected or unsettled is reported, all of it in one error.
 */
export function checkAtBoot({ discovery, servers, httpAdapter }: Application): void {
  const classes = classesOf(discovery);
  const methods = classes.flatMap(decoratedMethodsOf);
  bindStaticObjects(discovery, methods);
  const problems = [
    ...optionsGivenTwice(discovery),
    ...methods.flatMap(({ plan }) => plan.problems),
    ...classes.flatMap(unprotectedOverrides),
    ...methods.flatMap(edgesOutOfPlace),
    ...methods.flatMap(hiddenHandlers),
    ...methods.flatMap((method) => handlersBehindUnknownAdapter(method, httpAdapter)),
    ...methods.flatMap((method) => problemsOfStages(method, discovery)),
    ...[...servers].flatMap((server) => problemsOfHandlers(server, methods)),
  ];
  if (problems.length > 0) throw new MessageContextConfigurationError([...new Set(problems)]);
}

/** Every module of the application reads one set of options, so a second one would silently lose. */
function optionsGivenTwice(discovery: DiscoveryService): string[] {
  const given = discovery.getProviders().filter(({ token }) => token === MODULE_OPTIONS);
  const entries = given.map(({ instance }) => Object.entries((instance ?? {}) as object).flat());
  const [first = [], ...others] = entries;
  const isSame = (other: readonly unknown[]): boolean =>
    other.length === first.length && other.every((value, index) => value === first[index]);
  return others.every(isSame)
    ? []
    : [
        `MessageContextModule is configured ${given.length} times, with different options. Call MessageContextModule.forRoot() once, in the root module.`,
      ];
}

/** A method that overrides a decorated one without its decorators has neither its pattern nor its protection. */
function unprotectedOverrides({ owner }: FoundClass): string[] {
  return [...methodsOf(owner.prototype as object)].flatMap(
    ([key, { descriptor, owner: level }]) => {
      const own = planOfMember(level, key, descriptor.value as Method);
      const overridden = overriddenPlan(level, key);
      if (!overridden || own === overridden) return [];
      const missing = [
        ...lost(overridden.body, own?.body ?? []),
        ...lost(overridden.edge, own?.edge ?? []),
      ];
      if (missing.length === 0) return [];
      return (
        `${level.constructor.name}.${String(key)} overrides ${handlerName(overridden.handler)}, which is decorated with ${missing.join(', ')}, without the ` +
        'decorator: the override is not protected. Repeat the decorators on it (with its pattern), or rename it.'
      );
    },
  );
}

function lost(base: readonly (BodyStage | EdgeStage)[], own: typeof base): string[] {
  return base
    .filter(({ slot }) => !own.some((stage) => stage.slot === slot))
    .map(({ decorator }) => decorator);
}

function edgesOutOfPlace({ plan, method }: FoundMethod): string[] {
  return plan.edge.flatMap((stage) => {
    const what = `${stage.decorator} on ${handlerName(plan.handler)} would never run`;
    if (!isMessageHandler(method))
      return `${what}: it stands before a message handler, and no transport delivers messages to this method. Add the pattern or route, or remove it.`;
    return hasEdgeGuard(method, stage)
      ? []
      : `${what}: a decorator above it replaces the method and drops its metadata. Put ${stage.decorator} above that decorator.`;
  });
}

/** Nest reads guards from the function it finds: behind one that lost them nobody knows which method handles the message. */
function hiddenHandlers({ plan, method }: FoundMethod): string[] {
  const [stage] = plan.body;
  if (!stage || !isMessageHandler(method) || hasEntrance(method)) return [];
  return [
    `${stage.decorator} on ${handlerName(plan.handler)} would not know its message: a decorator above it replaces the method and drops its metadata. Put ${stage.decorator} above that decorator.`,
  ];
}

function handlersBehindUnknownAdapter(
  { plan, method }: FoundMethod,
  httpAdapter: string | undefined,
): string[] {
  const kinds = handlerKindsOf(method);
  if (!httpAdapter || ['express', 'fastify'].includes(httpAdapter)) return [];
  if (!kinds.has('http') && !kinds.has('sse')) return [];
  return [
    `${handlerName(plan.handler)}: the HTTP adapter "${httpAdapter}" has no door, so its requests cannot be protected. Use Express or Fastify.`,
  ];
}

function problemsOfStages(found: FoundMethod, discovery: DiscoveryService): string[] {
  const { plan, method, owner, instances } = found;
  const common = { handler: plan.handler, kinds: handlerKindsOf(method), method, owner };
  const body = plan.body.flatMap((stage) => {
    const injected = [...instances].map((instance) =>
      injectedInto<BodyStageService>(instance, serviceProperty(stage)),
    );
    if (injected.includes(undefined))
      return [
        `${handlerName(plan.handler)}: ${stage.decorator} needs ${stage.module}. Import it in the application.`,
      ];
    const service =
      injected[0] ?? (servicesOf(discovery, stage)[0] as BodyStageService | undefined);
    return service?.check?.({ ...common, options: stage.options }) ?? [];
  });
  const edge = plan.edge.flatMap((stage) => {
    const service = servicesOf(discovery, stage)[0] as EdgeStageService | undefined;
    return service?.check?.({ ...common, options: stage.options }) ?? [];
  });
  return [...body, ...edge];
}

/** What is wrong with a server, given what is to be handled in this application. */
export function problemsOfServer(server: RpcServerLike, discovery: DiscoveryService): string[] {
  return problemsOfHandlers(server, classesOf(discovery).flatMap(decoratedMethodsOf));
}

function problemsOfHandlers(server: RpcServerLike, methods: readonly FoundMethod[]): string[] {
  if (!isRmqServer(server) || server.noAck === false) return [];
  const handlers = methods.filter(
    ({ method, plan }) => plan.body.length > 0 && hasAmqpKind(method),
  );
  if (handlers.length === 0) return [];
  const names = [...new Set(handlers.map(({ plan }) => handlerName(plan.handler)))].join(', ');
  return [
    `${names}: the RabbitMQ microservice has noAck: true (Nest's default), so the broker forgets a message before it is ` +
      'handled and nothing can protect it. Set noAck: false in its options.',
  ];
}

const hasAmqpKind = (method: Method): boolean => {
  const kinds = handlerKindsOf(method);
  return kinds.has('event') || kinds.has('request');
};

/** Nest's RabbitMQ server and what extends it: the only ones that know about acks. */
const isRmqServer = (server: RpcServerLike): boolean => typeof server.noAck === 'boolean';
