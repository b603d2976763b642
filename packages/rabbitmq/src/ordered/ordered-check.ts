import {
  golevelupConfigOf,
  handlerName,
  type HandlerKind,
  type StageHandler,
} from '@acme/nest-message-context';
import { OptionsCheck, show } from '@acme/nest-message-context/kit';
import type { OrderBook } from './order-book.js';
import { orderWatchOf } from './order-watch.js';
import type { RmqOrderedOptions } from './ordered.options.js';

const KNOWN = ['key', 'onFailure', 'sequence'];
const MODES: readonly unknown[] = [
  'block',
  'park-key',
  'skip',
] satisfies RmqOrderedOptions['onFailure'][];

const ELSEWHERE =
  'has no delivery of a queue that could have an order. Put the decorator on a handler of RabbitMQ messages.';

const UNORDERED: Partial<Record<HandlerKind, string>> = {
  'golevelup-batch':
    'a batch holds messages of many keys and is settled as one. Take batchOptions off, or the decorator: within a batch its order is that of the queue.',
  http: `an HTTP request ${ELSEWHERE}`,
  sse: `an HTTP request ${ELSEWHERE}`,
  grpc: `a gRPC call ${ELSEWHERE}`,
  'grpc-stream': `a gRPC call ${ELSEWHERE}`,
  method: `a plain method ${ELSEWHERE}`,
};

const NO_STORE =
  'there is no OrderStore, and what is known of a key has to outlive the process. Import IdempotencyModule, or provide an OrderStore in a global module.';

/** What would leave a handler without the order that it asks for. Where nothing would, the book knows it from then on. */
export function problemsOfOrdered(
  handler: StageHandler<RmqOrderedOptions>,
  book: Pick<OrderBook, 'store' | 'watch'>,
): string[] {
  const { options } = handler;
  const problems = [
    ...[...handler.kinds].flatMap((kind) => UNORDERED[kind] ?? []),
    ...problemsOfOptions(options),
    ...problemsOfPolicy(handler),
  ];
  const watch = orderWatchOf(options ?? {}, problems);
  if (watch && !book.store)
    problems.push(`${watch.stops ? "onFailure: 'park-key'" : 'sequence'}: ${NO_STORE}`);
  else if (watch && problems.length === 0) book.watch(handler.handler, watch);
  return problems.map((problem) => `@RmqOrdered() on ${handlerName(handler.handler)}: ${problem}`);
}

function problemsOfOptions(given: RmqOrderedOptions): string[] {
  const check = new OptionsCheck();
  const { key, onFailure } = check.object<Partial<RmqOrderedOptions>>('options', given, KNOWN);
  if (!isSource(key))
    check.problems.push(
      `key: ${show(key)} is no place of a key. Give 'routingKey', { header: 'x-…' }, { payload: 'path.in.it' }, or a function.`,
    );
  if (onFailure !== undefined && !MODES.includes(onFailure))
    check.problems.push(
      `onFailure: ${show(onFailure)} is unknown. Give 'block', 'park-key' or 'skip'.`,
    );
  return check.problems;
}

function isSource(key: unknown): boolean {
  if (key === 'routingKey' || typeof key === 'function') return true;
  if (typeof key !== 'object' || key === null) return false;
  const [[name, value] = [], ...others] = Object.entries(key);
  return (
    others.length === 0 &&
    (name === 'header' || name === 'payload') &&
    typeof value === 'string' &&
    value !== ''
  );
}

/** Whoever judges failures himself does so after the lane has tried again for minutes. */
function problemsOfPolicy({ method, options }: StageHandler<RmqOrderedOptions>): string[] {
  const mode = options?.onFailure ?? 'block';
  if (mode === 'skip') return [];
  const { errorHandler, errorBehavior } = golevelupConfigOf(method) ?? {};
  return errorHandler === undefined && errorBehavior === undefined
    ? []
    : [
        `onFailure: '${mode}' tries again what fails, and the handler has an errorHandler or errorBehavior of its own that is to judge it. Take that off, or say onFailure: 'skip'.`,
      ];
}
