import type { HandlerKind, StageHandler } from '@acme/nest-message-context';
import { problemsOfCall, problemsOfDefaults } from '../options/call-options.js';
import { callKindsOf, type StageOptions } from './call-kind.js';
import type { CallKind, KeySource } from '../idempotency.options.js';
import { optionOf, settingsOf } from './call-settings.js';
import type { Protection } from './protection.js';

// Keys of Nest, stable since its first versions; it exports none of them.
const ROUTE_ARGUMENTS = '__routeArguments__';
const RESPONSE_PASSTHROUGH = '__responsePassthrough__';
const RESPONSE_PARAMETERS = ['1:', '2:'];

const REMEDY =
  'Take the decorator off, and protect what the handler does with IdempotencyService.run()';

const UNSUPPORTED: Partial<Record<HandlerKind, string>> = {
  sse: `server-sent events cannot be replayed. ${REMEDY}.`,
  'grpc-stream': `a stream of requests is not one call. ${REMEDY} for each message.`,
  'golevelup-batch': `a batch is many messages, each with a key of its own. Take the decorator off, and give the batch to IdempotencyService.runBatch(), which claims all of it at once and runs for what is new.`,
};

/** Key of the official decorator of the same name, which leaves it on methods and classes. */
const OFFICIAL = 'nestjs:idempotent';

/** What has no sender who repeats it: it may come as an event, and is then delivered again when it fails. */
const REDELIVERED: readonly HandlerKind[] = [
  'event',
  'request',
  'golevelup-subscribe',
  'golevelup-rpc',
];

/** How long RabbitMQ waits for an ack by itself (consumer_timeout), before it delivers the message to somebody else. */
const REDELIVERY_WINDOW_MS = 30 * 60_000;

/** What would leave a handler unprotected, or its duplicates without an answer. */
export function problemsOfHandler(
  handler: StageHandler<StageOptions>,
  protection: Protection,
): string[] {
  const { onClass: _, ...options } = handler.options;
  const { kinds } = handler;
  const calls = callKindsOf(kinds);
  const problems = [
    ...[...kinds].flatMap((kind) => UNSUPPORTED[kind] ?? []),
    ...problemsOfDefaults(options),
    ...problemsOfCall(options),
    ...protection.problemsOfMode(options),
    ...problemsOfOpen(handler, protection),
    ...problemsOfHold(handler, protection),
  ];
  if (isOfficial(handler))
    problems.push(
      'the decorator of the same name of @nestjs/idempotency protects it, too, so each call would be claimed and kept twice. Take one of the two off; nobody but this one protects messages.',
    );
  // On a class it is for those of its handlers that get messages.
  const isOwn = !handler.options.onClass;
  if (isOwn && options.maxAttempts !== undefined && !REDELIVERED.some((kind) => kinds.has(kind)))
    problems.push(
      'maxAttempts: only messages are delivered again, and none reaches it. Take the option off; whoever calls it decides how often.',
    );
  if (takesOverResponse(handler))
    problems.push(
      'it sends its response by itself (@Res(), @Next()), so there is nothing to replay. Use @Res({ passthrough: true }) and return the body.',
    );
  problems.push(...problemsOfKey(handler));
  const callers = (['http', 'grpc'] as const).filter((kind) => calls.has(kind));
  if (
    callers.some((kind) => optionOf('principal', options, protection.options, kind) === undefined)
  )
    problems.push(
      'it has no principal, so whoever sends the key of another caller is shown that reply. Give IdempotencyModule or the decorator a principal resolver, or say principal: false where all callers may see the same.',
    );
  return problems;
}

const KEYS_OF: Readonly<Record<CallKind, string>> = {
  http: 'an HTTP request has headers and a payload',
  grpc: 'a gRPC call has metadata (header) and a payload',
  request: '',
  event: '',
  method: 'a plain method has only its first argument (payload)',
};

/** Every call of it would be refused for the want of a key, or run without protection. */
function problemsOfKey({
  kinds,
  options: { keyFrom, required },
}: StageHandler<StageOptions>): string[] {
  if (problemsOfCall({ keyFrom }).length > 0) return [];
  const calls = callKindsOf(kinds);
  if (keyFrom === undefined)
    return calls.has('method')
      ? [
          "it is a plain method, which has no header to read a key from. Say where its key is: @Idempotent('path.in.the.first.argument') or @Idempotent({ keyFrom }).",
        ]
      : [];
  const sources = [keyFrom].flat() as KeySource[];
  const isKeyless = (call: CallKind): boolean => !sources.some((source) => canHold(source, call));
  const keyless = [...calls].filter((call) => KEYS_OF[call] !== '' && isKeyless(call));
  // Of a handler with several doors, those that have none are meant.
  if (required === false && keyless.length < calls.size) return [];
  const fate = required === false ? 'run without protection' : 'be refused';
  return keyless.map(
    (call) =>
      `keyFrom: ${KEYS_OF[call]}, and no ${sources.map(kindOf).join(' or ')}, so every call would ${fate}. Say where its key is.`,
  );
}

function canHold(source: KeySource, call: CallKind): boolean {
  if (typeof source !== 'object' || source === null || 'payload' in source) return true;
  return 'header' in source && call !== 'method';
}

const kindOf = (source: KeySource): string => ('header' in source ? 'header' : 'message id');

/** What will surprise whoever has to find out why an event was handled twice. */
export function warningsOfHandler(
  { kinds, options }: StageHandler<StageOptions>,
  protection: Protection,
): string[] {
  if (!kinds.has('event') && !kinds.has('golevelup-subscribe')) return [];
  const { ttlMs } = settingsOf(options, protection.options, 'event');
  if (ttlMs >= REDELIVERY_WINDOW_MS) return [];
  return [
    `ttl: what it has done is forgotten after ${ttlMs} ms, and RabbitMQ may deliver an event again after 30 minutes (consumer_timeout), which would then be handled a second time. Give a longer ttl; without one it is 7 days.`,
  ];
}

function problemsOfOpen(
  { kinds, options }: StageHandler<StageOptions>,
  protection: Protection,
): string[] {
  if (protection.modeOf(options) !== 'transaction') return [];
  const isOpen = [...callKindsOf(kinds)].some(
    (kind) => optionOf('onStoreError', options, protection.options, kind) === 'open',
  );
  return isOpen ? [OPEN_IN_TRANSACTION] : [];
}

/** @internal */
export const OPEN_IN_TRANSACTION =
  "onStoreError: 'open' has no meaning in transaction mode, where nothing can be written while the store cannot be asked. Say onStoreError: 'closed', or protect it by a lease: mode: 'lease', or a store in Redis.";

const isOfficial = ({ method, owner }: StageHandler<StageOptions>): boolean =>
  [method, owner].some(
    (target) =>
      Reflect.hasMetadata(OFFICIAL, target) || Reflect.hasMetadata(Symbol.for(OFFICIAL), target),
  );

/** What the handler and the module say together; each by itself was looked at before. */
function problemsOfHold(
  { options, kinds }: StageHandler<StageOptions>,
  protection: Protection,
): string[] {
  if (problemsOfDefaults(options).length > 0) return [];
  return [...callKindsOf(kinds)].slice(0, 1).flatMap((kind) => {
    const { lockTtlMs, maxLockHoldMs } = settingsOf(options, protection.options, kind);
    return maxLockHoldMs < lockTtlMs
      ? [
          `maxLockHold: ${maxLockHoldMs} ms is shorter than lockTtl, ${lockTtlMs} ms, which is the least a claim is held. Give a longer one.`,
        ]
      : [];
  });
}

function takesOverResponse({ owner, handler: { methodName } }: StageHandler): boolean {
  if (Reflect.getMetadata(RESPONSE_PASSTHROUGH, owner, methodName) === true) return false;
  const parameters = (Reflect.getMetadata(ROUTE_ARGUMENTS, owner, methodName) ?? {}) as object;
  return Object.keys(parameters).some((key) =>
    RESPONSE_PARAMETERS.some((one) => key.startsWith(one)),
  );
}
