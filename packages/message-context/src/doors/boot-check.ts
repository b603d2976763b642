import type { DiscoveryService } from '@nestjs/core';
import { handlerName } from '../context/handler-ref.js';
import { MessageContextConfigurationError } from '../message-context.errors.js';
import { methodsOf } from './decorate.js';
import { handlerKindsOf } from './handler-kinds.js';
import { injectByHand, injectedInto, serviceProperty } from './injection.js';
import { planOf, type MethodPlan } from './method-plan.js';
import { hasRpcDoor, type RpcServerLike } from './rpc-door.js';
import type { BodyStageService, StageHandler } from './slots.js';

type Constructor = abstract new (...args: never[]) => unknown;
type Method = (...args: never[]) => unknown;

interface Application {
  readonly discovery: DiscoveryService;
  readonly servers: ReadonlySet<RpcServerLike>;
}

interface Decorated {
  readonly plan: MethodPlan;
  readonly method: Method;
  readonly owner: Constructor;
  readonly instance: unknown;
}

/**
 * Looks at every decorated method of the application before the first message arrives. What would leave a message
 * unprotected or unsettled is reported, all of it in one error.
 */
export function checkAtBoot({ discovery, servers }: Application): void {
  const wrappers = [...discovery.getProviders(), ...discovery.getControllers()];
  const owners = new Map<Constructor, unknown>();
  for (const { instance, metatype } of wrappers) {
    const owner =
      instance && typeof instance === 'object' ? (instance as object).constructor : metatype;
    if (typeof owner === 'function' && owner.prototype)
      owners.set(owner as Constructor, owners.get(owner as Constructor) ?? instance);
  }
  const decorated = [...owners].flatMap(([owner, instance]) => decoratedMethodsOf(owner, instance));
  bindStaticObjects(discovery, decorated);
  const problems = [
    ...new Set(decorated.flatMap(({ plan }) => plan.problems)),
    ...[...owners.keys()].flatMap(unprotectedOverrides),
    ...decorated.flatMap(problemsOfStages),
    ...problemsOfServers(servers, decorated),
    ...unattachedServers(servers),
  ];
  if (problems.length > 0) throw new MessageContextConfigurationError(problems);
}

function decoratedMethodsOf(owner: Constructor, instance: unknown): Decorated[] {
  return [...methodsOf(owner.prototype as object).values()].flatMap((descriptor) => {
    const method = descriptor.value as Method;
    const plan = planOf(method);
    return plan ? [{ plan, method, owner, instance }] : [];
  });
}

/** Objects made by `useFactory` or given by `useValue` were not constructed by Nest, so their services are put in here. */
function bindStaticObjects(discovery: DiscoveryService, decorated: readonly Decorated[]): void {
  for (const { plan, instance } of decorated) {
    if (typeof instance !== 'object' || instance === null) continue;
    for (const stage of plan.body) {
      const property = serviceProperty(stage);
      if (injectedInto(instance, property)) continue;
      const provider = discovery.getProviders().find(({ token }) => token === stage.service);
      if (provider?.instance) injectByHand(instance, property, provider.instance);
    }
  }
}

/** A method that overrides a decorated one without the decorator has neither its pattern nor its protection. */
function unprotectedOverrides(owner: Constructor): string[] {
  const problems: string[] = [];
  for (const [key, descriptor] of methodsOf(owner.prototype as object)) {
    if (planOf(descriptor.value as Method)) continue;
    for (
      let base = Object.getPrototypeOf(owner) as Constructor;
      base?.prototype;
      base = Object.getPrototypeOf(base) as Constructor
    ) {
      const inherited = Object.getOwnPropertyDescriptor(base.prototype, key)?.value as
        Method | undefined;
      const plan = typeof inherited === 'function' ? planOf(inherited) : undefined;
      if (!plan) continue;
      const decorators = [...plan.body, ...plan.edge].map(({ decorator }) => decorator).join(', ');
      problems.push(
        `${owner.name}.${String(key)} overrides ${handlerName(plan.handler)}, which is decorated with ${decorators}, without the ` +
          'decorator: the override is not protected. Repeat the decorators on it (with its pattern), or rename it.',
      );
      break;
    }
  }
  return problems;
}

function problemsOfStages({ plan, method, owner, instance }: Decorated): string[] {
  return plan.body.flatMap((stage) => {
    const service = injectedInto<BodyStageService>(instance, serviceProperty(stage));
    const handler: StageHandler = {
      handler: plan.handler,
      options: stage.options,
      kinds: handlerKindsOf(method),
      method,
      owner,
    };
    return [...(service?.check?.(handler) ?? [])];
  });
}

/** A server that came after the others were attached has neither a door nor the fallback, which was dropped then. */
function unattachedServers(servers: ReadonlySet<RpcServerLike>): string[] {
  const attached = [...servers].filter(hasRpcDoor).length;
  if (attached === 0 || attached === servers.size) return [];
  return [
    `${servers.size - attached} of ${servers.size} microservices have no door: they were connected after attachMessageContext(app). ` +
      'Call it after every connectMicroservice() and before startAllMicroservices().',
  ];
}

function problemsOfServers(
  servers: ReadonlySet<RpcServerLike>,
  decorated: readonly Decorated[],
): string[] {
  const handlers = decorated.filter(
    ({ method, plan }) => plan.body.length > 0 && hasAmqpKind(method),
  );
  if (handlers.length === 0) return [];
  const names = handlers.map(({ plan }) => handlerName(plan.handler)).join(', ');
  return [...servers].filter(isRmqServer).flatMap((server) => {
    if (server.noAck !== false) {
      return [
        `${names}: the RabbitMQ microservice has noAck: true (Nest's default), so the broker forgets a message before it is ` +
          'handled and nothing can protect it. Set noAck: false in its options.',
      ];
    }
    return hasRpcDoor(server)
      ? []
      : [
          `${names}: the RabbitMQ microservice has no door, so nobody would settle its messages. Call attachMessageContext(app) in ` +
            'main.ts before listen() or startAllMicroservices(), and after every connectMicroservice().',
        ];
  });
}

const hasAmqpKind = (method: Method): boolean => {
  const kinds = handlerKindsOf(method);
  return kinds.has('event') || kinds.has('request');
};

/** Nest's RabbitMQ server and what extends it: the only ones that know about acks. */
const isRmqServer = (server: RpcServerLike): boolean => typeof server.noAck === 'boolean';
