import { OptionsCheck, show } from '@acme/nest-message-context/kit';
import type { DeskSettings } from '../dead-letters/desk-connection.js';
import { RabbitMqConfigurationError } from '../rabbitmq.errors.js';
import type {
  TopologyOptions,
  WantedBinding,
  WantedExchange,
  WantedQueue,
  WantedTopology,
} from './topology.types.js';

/** Names of what a topology consists of. */
export const PARTS = ['exchanges', 'queues', 'bindings'];
const EXCHANGE = ['name', 'type', 'durable', 'autoDelete', 'internal', 'arguments'];
const QUEUE = ['name', 'durable', 'autoDelete', 'arguments'];
const BINDING = ['source', 'queue', 'exchange', 'routingKey', 'arguments'];

/** @throws {RabbitMqConfigurationError} listing everything that is wrong */
export function topologySettings(
  options: TopologyOptions,
): DeskSettings & { readonly topology: WantedTopology } {
  const check = new OptionsCheck();
  const known = ['connect', 'timeout', ...PARTS];
  const given = check.object<TopologyOptions>('options', options, known);
  const { connect } = given;
  if (typeof connect !== 'function')
    check.problems.push(
      `connect: ${show(connect)} is not a function. Give () => amqplib.connect(url).`,
    );
  const timeoutMs = check.timeout('timeout', given.timeout, '10s');
  const topology = checkedTopology(check, '', given);
  if (check.problems.length > 0) throw new RabbitMqConfigurationError(check.problems, 'Topology');
  return { connect, timeoutMs, topology };
}

/** Reads a declared topology; what is wrong is noted in `check`, with `prefix` before its name. */
export function checkedTopology(
  check: OptionsCheck,
  prefix: string,
  { exchanges, queues, bindings }: WantedTopology,
): WantedTopology {
  const topology = {
    exchanges: each<WantedExchange>(check, `${prefix}exchanges`, exchanges, EXCHANGE, exchange),
    queues: each<WantedQueue>(check, `${prefix}queues`, queues, QUEUE, queue),
    bindings: each<WantedBinding>(check, `${prefix}bindings`, bindings, BINDING, binding),
  };
  for (const part of ['exchanges', 'queues'] as const) {
    const names = topology[part].map(({ name }) => name);
    const twice = names.find((name, index) => name && names.indexOf(name) < index);
    if (twice !== undefined)
      check.problems.push(`${prefix}${part}: ${show(twice)} is there twice. Declare it once.`);
  }
  return topology;
}

function each<T extends object>(
  check: OptionsCheck,
  name: string,
  list: unknown,
  known: readonly string[],
  checkOne: (check: OptionsCheck, at: string, one: Partial<T>) => void,
): T[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) {
    check.problems.push(`${name}: ${show(list)} is not a list.`);
    return [];
  }
  return list.map((one: unknown, index) => {
    const at = `${name}[${index}]`;
    if (typeof one !== 'object' || one === null) {
      check.problems.push(`${at}: ${show(one)} is not an object.`);
      return {} as T;
    }
    if (Object.hasOwn(one, 'exclusive'))
      check.elsewhere(
        one,
        ['exclusive'],
        `nothing that can be declared beforehand: such a queue goes with its connection. Leave ${at} out`,
      );
    const given = check.object<T>(at, one, known);
    checkOne(check, at, given);
    return given;
  });
}

function exchange(check: OptionsCheck, at: string, one: Partial<WantedExchange>): void {
  nameOf(check, `${at}.name`, one.name);
  nameOf(check, `${at}.type`, one.type);
  common(check, at, one);
  check.flag(`${at}.internal`, one.internal);
}

function queue(check: OptionsCheck, at: string, one: Partial<WantedQueue>): void {
  nameOf(check, `${at}.name`, one.name);
  common(check, at, one);
}

function binding(check: OptionsCheck, at: string, one: Partial<WantedBinding>): void {
  const { source, routingKey } = one;
  if (source === '')
    check.problems.push(
      `${at}.source: every queue is bound to the default exchange already. Leave this out.`,
    );
  else nameOf(check, `${at}.source`, source);
  if ((one.queue === undefined) === (one.exchange === undefined))
    check.problems.push(`${at}: give either queue or exchange, where messages come to.`);
  else
    nameOf(
      check,
      `${at}.${one.queue === undefined ? 'exchange' : 'queue'}`,
      one.queue ?? one.exchange,
    );
  if (routingKey !== undefined && typeof routingKey !== 'string')
    check.problems.push(`${at}.routingKey: ${show(routingKey)} is not a text. Give a string.`);
  argumentsOf(check, at, one.arguments);
}

function common(
  check: OptionsCheck,
  at: string,
  one: Pick<WantedQueue, 'durable' | 'autoDelete' | 'arguments'>,
): void {
  check.flag(`${at}.durable`, one.durable);
  check.flag(`${at}.autoDelete`, one.autoDelete);
  argumentsOf(check, at, one.arguments);
}

function nameOf(check: OptionsCheck, at: string, name: unknown): void {
  if (typeof name !== 'string' || name === '')
    check.problems.push(`${at}: ${show(name)} is not a name. Give a string.`);
}

function argumentsOf(check: OptionsCheck, at: string, args: unknown): void {
  const isTable = typeof args === 'object' && args !== null && !Array.isArray(args);
  if (args !== undefined && !isTable)
    check.problems.push(
      `${at}.arguments: ${show(args)} is not an object. Give { 'x-queue-type': 'quorum' }.`,
    );
}
