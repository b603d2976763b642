import { handlerName } from '@acme/nest-message-context';
import { durationText, table } from '@acme/nest-message-context/kit';
import { tiersOf } from '../core/retry-policy.js';
import type { QueuePolicy } from '../policy/queue-policy.js';
import type { RabbitMqSettings } from '../rabbitmq.options.js';
import { deadLettersOf } from '../settlement/dead-letters-of.js';
import type { PlannedHandler } from './planned-handlers.js';

const HEAD = ['queue', 'consumer', 'handler', 'what becomes of a message that fails'];

/** What was resolved for each handler, for the log: undefined where there is none. */
export function bootTable(
  handlers: readonly PlannedHandler[],
  settings: Pick<RabbitMqSettings, 'policyOf'>,
  countsCrashes: boolean,
): string | undefined {
  if (handlers.length === 0) return undefined;
  const areSeveral = new Set(handlers.map(({ virtualHost }) => virtualHost)).size > 1;
  const rows = handlers.map((planned) => [
    areSeveral ? `${queueIn(planned)} in "${planned.virtualHost ?? '?'}"` : queueIn(planned),
    `${planned.client}, prefetch ${planned.prefetch}`,
    `${handlerName(planned.found.handler)} (${planned.name})`,
    fateIn(planned, settings.policyOf(planned.queue, planned.found), countsCrashes),
  ]);
  return table([HEAD, ...rows.toSorted((a, b) => a[0]!.localeCompare(b[0]!))]);
}

const queueIn = ({ queue }: PlannedHandler): string =>
  queue === '' ? '(named by the server)' : queue;

function fateIn(planned: PlannedHandler, policy: QueuePolicy, countsCrashes: boolean): string {
  const fate = fateOfFailure(planned, policy);
  if (!countsCrashes || planned.queue === '') return fate;
  return `${fate}; ${policy.crashes === 1 ? 'a crash' : `${policy.crashes} crashes`}: "${deadLettersOf(planned.queue, policy).name}"`;
}

function fateOfFailure(
  { kind, queue, hasOwnFailurePolicy }: PlannedHandler,
  policy: QueuePolicy,
): string {
  if (hasOwnFailurePolicy) return 'as its errorHandler or errorBehavior says';
  if (kind === 'request') return 'the caller is answered with the error';
  if (queue === '') return 'held here for a while, then back to its queue';
  const { attempts } = policy.retry;
  const parked = `"${deadLettersOf(queue, policy).name}"`;
  const here = policy.immediate > 0 ? `called ${policy.immediate + 1} times at once, ` : '';
  if (attempts === 1) return `${here}to ${parked}`;
  const times = `${attempts} attempts`;
  return kind === 'golevelup-rpc'
    ? `${times}, held here between them, then ${parked}`
    : `${here}${times}, after ${tiersOf(policy.retry).map(durationText).join(', ')}, then ${parked}`;
}

/** Queues of the options that nobody here consumes: a slip of the pen would leave the queue that is meant with the defaults. */
export function unconsumedQueues(
  handlers: readonly PlannedHandler[],
  named: readonly string[],
): string | undefined {
  const consumed = new Set(handlers.map(({ queue }) => queue).filter((queue) => queue !== ''));
  const others = named.filter((queue) => !consumed.has(queue));
  if (consumed.size === 0 || others.length === 0) return undefined;
  const list = (queues: Iterable<string>): string =>
    [...queues].map((queue) => `"${queue}"`).join(', ');
  return (
    `queues: ${list(others)} ${others.length === 1 ? 'is' : 'are'} not consumed by this application, which consumes ${list(consumed)}. ` +
    'What is said of it counts for nobody here. Correct the name, or leave it where it is consumed.'
  );
}

/** Which queues have nobody who would notice that a message ends the process, again and again. */
export function uncountedQueues(handlers: readonly PlannedHandler[]): string | undefined {
  const queues = new Set(
    handlers.filter(({ queueType }) => queueType === 'classic').map(({ queue }) => queue),
  );
  if (queues.size === 0) return undefined;
  const names = [...queues].map((queue) => (queue === '' ? '(named by the server)' : `"${queue}"`));
  return (
    `Nobody counts how often a message of ${names.toSorted().join(', ')} ends the process: it comes again for ever. ` +
    'Declare quorum queues, or import IdempotencyModule with a store that outlives the process.'
  );
}
