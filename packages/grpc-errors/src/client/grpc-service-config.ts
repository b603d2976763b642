import { OptionsCheck, show, type Duration } from '@acme/nest-message-context/kit';
import { GrpcCode, type GrpcCodeName } from '../core/codes.js';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';

/** How the channel itself makes calls again. Nothing but what may be done twice: it asks neither for `idempotency_level` nor for a key. */
export interface GrpcServiceRetry {
  /** The first one included, 2 to 5. @default 3 */
  readonly attempts?: number;
  /** The pause before the second, give or take a fifth. @default '100ms' */
  readonly initial?: Duration;
  /** No pause is longer. @default '5s' */
  readonly max?: Duration;
  /** What each pause is longer by than the one before. @default 2 */
  readonly multiplier?: number;
  /** What calls are made again that failed with one of these. @default ['UNAVAILABLE'] */
  readonly codes?: readonly Exclude<GrpcCodeName, 'OK'>[];
}

/** Of calls. */
export interface GrpcServiceCalls {
  /** How long they may take. Where the caller has less, that. @default without limit */
  readonly timeout?: Duration;
  /** How they are made again; `false`: not at all. @default not at all */
  readonly retry?: GrpcServiceRetry | false;
  /** Whether they wait for a connection, within their time, where there is none. @default false */
  readonly waitForReady?: boolean;
}

/** What a channel of grpc-js does by itself. */
export interface GrpcServiceConfigOptions extends GrpcServiceCalls {
  /** Of one service, `order.v1.OrderService`, or of one of its methods, `order.v1.OrderService/GetOrder`. What they do not say is as it is of all above. */
  readonly methods?: Readonly<Record<string, GrpcServiceCalls>>;
  /** Which of several addresses calls go to. @default 'pick_first', one for all */
  readonly loadBalancing?: 'pick_first' | 'round_robin';
}

const CALLS = ['timeout', 'retry', 'waitForReady'];
const OPTIONS = [...CALLS, 'methods', 'loadBalancing'];
const RETRY = ['attempts', 'initial', 'max', 'multiplier', 'codes'];
const POLICIES = ['pick_first', 'round_robin'];

/** What the channel makes of more than that, without a word. */
const MOST_ATTEMPTS = 5;
/** Numbers of 32 bits, on the way. */
const LONGEST_MS = 24 * 3_600_000;

/**
 * What the channel of a client does by itself, for `channelOptions: { 'grpc.service_config': grpcServiceConfig({ … }) }`: also where calls are made without this package. With `retry`
 * here, `retry` of `GrpcClientsModule` is not used.
 *
 * @throws {GrpcErrorsConfigurationError} listing every problem; grpc-js would say nothing of most
 */
export function grpcServiceConfig(given: GrpcServiceConfigOptions): string {
  const check = new OptionsCheck();
  const options = check.object<GrpcServiceConfigOptions>('options', given, OPTIONS);
  const { loadBalancing, methods = {} } = options;
  if (loadBalancing !== undefined && !POLICIES.includes(loadBalancing))
    check.problems.push(`loadBalancing: ${show(loadBalancing)} is none of ${POLICIES.join(', ')}.`);
  check.object('methods', methods, Object.keys(methods));
  const all = callsOf('', options, check);
  const own = new Map(Object.keys(methods).map((name) => [name, ownCalls(name, methods, check)]));
  if (check.problems.length > 0)
    throw new GrpcErrorsConfigurationError(check.problems, 'grpcServiceConfig()');
  // grpc-js takes the nearest alone, and nothing of those above it.
  const nearest = [...own].map(([name, calls]) => {
    const [service, method] = name.split('/') as [string, string?];
    const above = method === undefined ? {} : own.get(service);
    return { name: [{ service, method }], ...all, ...above, ...calls };
  });
  return JSON.stringify({
    methodConfig: [{ name: [{}], ...all }, ...nearest],
    ...(loadBalancing !== undefined && { loadBalancingConfig: [{ [loadBalancing]: {} }] }),
  });
}

function ownCalls(
  name: string,
  methods: NonNullable<GrpcServiceConfigOptions['methods']>,
  check: OptionsCheck,
): object {
  if (!/^[\w.]+(\/\w+)?$/.test(name))
    check.problems.push(
      `methods: ${show(name)} is none. Give 'order.v1.OrderService', or 'order.v1.OrderService/GetOrder'.`,
    );
  const path = `methods[${show(name)}]`;
  return callsOf(`${path}.`, check.object(path, methods[name], CALLS), check);
}

/** What was said, as grpc-js reads it. */
function callsOf(
  path: string,
  { timeout, retry, waitForReady }: GrpcServiceCalls,
  check: OptionsCheck,
): object {
  check.flag(`${path}waitForReady`, waitForReady);
  const isRetried = retry !== undefined && retry !== false;
  return {
    ...(timeout !== undefined && { timeout: timeoutOf(`${path}timeout`, timeout, check) }),
    ...(waitForReady !== undefined && { waitForReady }),
    ...(retry !== undefined && {
      retryPolicy: isRetried ? retryPolicy(`${path}retry`, retry, check) : undefined,
    }),
  };
}

/** As an object: grpc-js 1.14 reads the text "0.5s" as 5 ns. */
function timeoutOf(name: string, given: Duration, check: OptionsCheck): object {
  const ms = Math.min(check.duration(name, given, '5s'), LONGEST_MS);
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.round((ms - seconds * 1_000) * 1e6) };
}

function retryPolicy(name: string, given: GrpcServiceRetry, check: OptionsCheck): object {
  const {
    attempts,
    initial,
    max,
    multiplier = 2,
    codes = ['UNAVAILABLE'],
  } = check.object<GrpcServiceRetry>(name, given, RETRY);
  if (Number.isInteger(attempts) && attempts! > MOST_ATTEMPTS)
    check.problems.push(
      `${name}.attempts: the channel makes ${MOST_ATTEMPTS} of ${attempts}, and says nothing. Give 2 to ${MOST_ATTEMPTS}, or leave it out here and give retry.attempts to GrpcClientsModule: that takes 10.`,
    );
  else if (check.count(`${name}.attempts`, attempts, 3, MOST_ATTEMPTS) === 1)
    check.problems.push(`${name}.attempts: 1 is no retry. Give retry: false.`);
  if (!(typeof multiplier === 'number' && multiplier > 0 && Number.isFinite(multiplier)))
    check.problems.push(`${name}.multiplier: ${show(multiplier)} is no number above 0.`);
  const isCode = (code: unknown): boolean =>
    code !== 'OK' && Object.hasOwn(GrpcCode, code as string);
  if (!Array.isArray(codes) || codes.length === 0 || !codes.every(isCode))
    check.problems.push(
      `${name}.codes: ${Array.isArray(codes) ? `[${codes.map(show).join(', ')}]` : show(codes)} are no statuses of errors. Give some by name, such as ['UNAVAILABLE'].`,
    );
  return {
    maxAttempts: attempts ?? 3,
    // Here it wants texts, and reads them as it should.
    initialBackoff: textOf(check.timeout(`${name}.initial`, initial, '100ms')),
    maxBackoff: textOf(check.timeout(`${name}.max`, max, '5s')),
    backoffMultiplier: multiplier,
    retryableStatusCodes: codes,
  };
}

const textOf = (ms: number): string => `${(ms / 1_000).toFixed(6)}s`;
