import type { HandlerKind, StageHandler } from '@acme/nest-message-context';
import { problemsOfCall, problemsOfDefaults } from '../options/call-options.js';
import { callKindsOf, type StageOptions } from './call-kind.js';
import type { Protection } from './protection.js';

// Keys of Nest, stable since its first versions; it exports none of them.
const ROUTE_ARGUMENTS = '__routeArguments__';
const RESPONSE_PASSTHROUGH = '__responsePassthrough__';
const RESPONSE_PARAMETER = '1:';

const REMEDY =
  'Take the decorator off, and protect what the handler does with IdempotencyService.run()';

const UNSUPPORTED: Partial<Record<HandlerKind, string>> = {
  sse: `server-sent events cannot be replayed. ${REMEDY}.`,
  'grpc-stream': `a stream of requests is not one call. ${REMEDY} for each message.`,
  'golevelup-batch': `a batch is many messages, each with a key of its own. ${REMEDY} for each message.`,
};

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
  ];
  if (takesOverResponse(handler))
    problems.push(
      'it sends its response by itself (@Res()), so there is nothing to replay. Use @Res({ passthrough: true }) and return the body.',
    );
  const { principal } = { ...protection.options.defaults, ...defined(options) };
  if (principal === undefined && (calls.has('http') || calls.has('grpc')))
    problems.push(
      'it has no principal, so whoever sends the key of another caller is shown that reply. Give IdempotencyModule or the decorator a principal resolver, or say principal: false where all callers may see the same.',
    );
  if (calls.has('method') && options.keyFrom === undefined)
    problems.push(
      "it is a plain method, which has no header to read a key from. Say where its key is: @Idempotent('path.in.the.first.argument') or @Idempotent({ keyFrom }).",
    );
  return problems;
}

const defined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as Partial<T>;

function takesOverResponse({ owner, handler: { methodName } }: StageHandler): boolean {
  if (Reflect.getMetadata(RESPONSE_PASSTHROUGH, owner, methodName) === true) return false;
  const parameters = (Reflect.getMetadata(ROUTE_ARGUMENTS, owner, methodName) ?? {}) as object;
  return Object.keys(parameters).some((key) => key.startsWith(RESPONSE_PARAMETER));
}
