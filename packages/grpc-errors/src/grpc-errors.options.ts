import { isMisfit, OptionsCheck, show, type Duration } from '@acme/nest-message-context/kit';
import { GrpcCode } from './core/codes.js';
import type { FailureLevel } from './core/log-level.js';
import { GrpcErrorsConfigurationError } from './grpc-errors.errors.js';
import type { UnknownSettings } from './answer/failures.js';
import type { WireSettings } from './answer/wire-status.js';
import type { ErrorClass, PredicateRule } from './mapping/error-rules.js';
import type { ResolvedRule } from './mapping/apply-rule.js';
import { resolveMappings, type GrpcErrorMapping } from './mapping/resolve-mappings.js';
import type { DeadlineSettings } from './deadline/deadlines.js';
import type { HttpErrorFormat } from './http/http-answer.js';
import { isTraced, type GrpcTracing } from './observability/tracing-option.js';
import type { GrpcRelay } from './presets/upstream.js';
import type { FieldCase } from './presets/violations.js';

/** Errors of others that are known by their shape. */
export type GrpcErrorPreset = 'http' | 'validation' | 'node' | 'pg' | 'prisma' | 'typeorm';

/** What is protected against, each by what it does today. */
export interface GrpcShields {
  /** A unary handler whose stream gives nothing or more than one value, or goes on when the caller has gone. @default true */
  readonly unaryAnswer?: boolean;
  /**
   * A `@GrpcStreamCall()` handler that throws: an unhandled rejection ends the process, and the caller waits. So he does for an error by its callback that cannot be sent, and
   * for a loop over the call, which destroys it.
   * @default true
   */
  readonly passThrough?: boolean;
}

/** How long calls may take here, whatever their callers say. */
export interface GrpcDeadlineOptions {
  /** Of calls that come without a deadline. Not of those that are answered by a stream. @default none */
  readonly default?: Duration;
  /** No call takes longer. @default none */
  readonly max?: Duration;
  /** What becomes of a call that wants more than `max`, or than `@GrpcDeadline()`: it gets that (`clamp`), or is refused (`reject`). @default 'clamp' */
  readonly onExceed?: 'clamp' | 'reject';
  /** A call that has less left is refused before it begins. @default 0 */
  readonly minRemaining?: Duration;
}

/** Options of `GrpcErrorsModule.forRoot()`. */
export interface GrpcErrorsModuleOptions {
  /** Who gives the reasons of your errors their meaning: a name of your own, such as `orders.acme.dev`. Callers tell errors apart by it and the reason. */
  readonly domain: string;
  /** How errors are answered whose classes do not say it themselves. Goes before `@GrpcError()` on the same class. */
  readonly mappings?: readonly GrpcErrorMapping[];
  /** Which errors of others are known. @default all */
  readonly presets?: readonly GrpcErrorPreset[];
  /** How everything else is answered: as `INTERNAL` "Internal error", with an id that the log has as well. */
  readonly unknown?: { readonly code?: 'INTERNAL' | 'UNKNOWN'; readonly message?: string };
  readonly validation?: {
    /** More violations of a request are left out. @default 50 */
    readonly maxViolations?: number;
    /** How names of fields are written: `snake` as proto files have them, `camel`, or `as-is`. @default 'snake' */
    readonly fieldCase?: FieldCase;
  };
  readonly details?: {
    /** Of a `google.rpc.Status`: clients of some languages take no more than 8 KiB of trailers. @default 4096 */
    readonly maxBytes?: number;
    /** Stack and causes as `DebugInfo`. Not with `NODE_ENV=production`. @default false */
    readonly debugInfo?: boolean;
  };
  readonly message?: {
    /** Of a status message, in UTF-8: its head and its tail are kept. @default 1024 */
    readonly maxBytes?: number;
  };
  /** `false`: nothing is told of calls that fail. Or how loud by code. @default by code, as go-grpc-middleware has it */
  readonly logging?: false | ((code: keyof typeof GrpcCode) => FailureLevel | false);
  readonly shields?: GrpcShields;
  readonly deadline?: GrpcDeadlineOptions;
  /** How `HttpErrorsFilter` writes errors: as RFC 9457 or as AIP-193 has it. @default 'problem+json' */
  readonly http?: HttpErrorFormat;
  /**
   * OpenTelemetry: `auto` says on the span of each call how it was answered, and makes one where an SDK is set up and no instrumentation of grpc-js has made it; `false`:
   * nothing of that. @default 'auto'
   */
  readonly tracing?: GrpcTracing;
  /**
   * Words for people in the language that a caller asks for by `accept-language`, of an error of yours or of another service: they go along as `LocalizedMessage`, and
   * are the `detail` at REST doors. Undefined where there are none.
   */
  readonly localize?: (
    key: { readonly domain: string; readonly reason: string },
    metadata: Readonly<Record<string, string>>,
    locale: string,
  ) => string | undefined;
  /**
   * What callers get of the answer of another service that a handler has let through, where no mapping says something of it. `map`: that something which this service needs
   * has failed, with `DEPENDENCY_…`; `opaque`: an error that nobody knows; `transparent`: what that service has said, but not its trailers. With `map`,
   * `HttpErrorsFilter` passes on what is about the request. @default 'map'
   */
  readonly relay?: GrpcRelay;
}

/** @internal The same, checked and complete. */
export interface GrpcErrorsSettings {
  readonly wire: WireSettings;
  readonly unknown: UnknownSettings;
  readonly classes: readonly { readonly target: ErrorClass; readonly rule: ResolvedRule }[];
  readonly predicates: readonly PredicateRule[];
  readonly presets: ReadonlySet<GrpcErrorPreset>;
  readonly validation: { readonly maxViolations: number; readonly fieldCase: FieldCase };
  readonly debugInfo: boolean;
  readonly logging: GrpcErrorsModuleOptions['logging'];
  readonly shields: Required<GrpcShields>;
  readonly deadline: DeadlineSettings;
  readonly http: HttpErrorFormat;
  readonly isTraced: boolean;
  readonly localize: GrpcErrorsModuleOptions['localize'];
  readonly relay: GrpcRelay;
}

const PRESETS: readonly GrpcErrorPreset[] = [
  'http',
  'validation',
  'node',
  'pg',
  'prisma',
  'typeorm',
];
const RELAYS: readonly GrpcRelay[] = ['map', 'opaque', 'transparent'];
const FIELD_CASES: readonly FieldCase[] = ['snake', 'camel', 'as-is'];
const OPTIONS = [
  'domain',
  'mappings',
  'presets',
  'unknown',
  'validation',
  'details',
  'message',
  'logging',
  'shields',
  'deadline',
  'http',
  'tracing',
  'localize',
  'relay',
];

/** @throws {GrpcErrorsConfigurationError} listing every problem */
export function resolveOptions(given: GrpcErrorsModuleOptions): GrpcErrorsSettings {
  if (isMisfit(given, OPTIONS))
    throw new GrpcErrorsConfigurationError([
      `${show(given)} instead of options. Give forRoot({ domain: 'orders.example.com' }).`,
    ]);
  const check = new OptionsCheck();
  const { problems } = check;
  check.known('', given, OPTIONS);
  const { domain } = given;
  if (typeof domain !== 'string' || !/^[\w.-]{1,253}$/.test(domain))
    problems.push(
      `domain: ${show(domain)} is no name. Give one of your own that stays, such as 'orders.example.com': callers tell your errors by it.`,
    );
  const settings: GrpcErrorsSettings = {
    wire: { domain, ...sizesOf(given, check) },
    unknown: unknownOf(given, check),
    ...resolveMappings(given.mappings, problems),
    presets: presetsOf(given, problems),
    validation: validationOf(given, check),
    debugInfo: debugInfoOf(given),
    logging: loggingOf(given, problems),
    shields: shieldsOf(given, check),
    deadline: deadlineOf(given, check),
    http: httpOf(given, problems),
    isTraced: isTraced(given.tracing, problems),
    localize: localizeOf(given, problems),
    relay: relayOf(given, problems),
  };
  if (problems.length > 0) throw new GrpcErrorsConfigurationError(problems);
  return settings;
}

type Options = GrpcErrorsModuleOptions;

function sizesOf({ details, message }: Options, check: OptionsCheck) {
  const sizes = check.object<NonNullable<Options['details']>>('details', details, [
    'maxBytes',
    'debugInfo',
  ]);
  check.flag('details.debugInfo', sizes.debugInfo);
  const { maxBytes } = check.object<NonNullable<Options['message']>>('message', message, [
    'maxBytes',
  ]);
  const detailsBytes = check.count('details.maxBytes', sizes.maxBytes, 4_096, 32_768);
  if (detailsBytes < 512)
    check.problems.push(
      `details.maxBytes: ${detailsBytes} is too little for a reason. Give 512 or more.`,
    );
  return { detailsBytes, messageBytes: check.count('message.maxBytes', maxBytes, 1_024, 8_192) };
}

const debugInfoOf = ({ details }: Options): boolean =>
  details?.debugInfo === true && process.env['NODE_ENV'] !== 'production';

function unknownOf({ unknown }: Options, check: OptionsCheck): UnknownSettings {
  const { code = 'INTERNAL', message = 'Internal error' } = check.object<
    NonNullable<Options['unknown']>
  >('unknown', unknown, ['code', 'message']);
  if (code !== 'INTERNAL' && code !== 'UNKNOWN')
    check.problems.push(
      `unknown.code: ${show(code)} is none of these. Give 'INTERNAL' or 'UNKNOWN'.`,
    );
  if (typeof message !== 'string' || message === '')
    check.problems.push(
      `unknown.message: ${show(message)} is no text. Give one that tells callers nothing of the inside.`,
    );
  return { code: code === 'UNKNOWN' ? GrpcCode.UNKNOWN : GrpcCode.INTERNAL, message };
}

function validationOf({ validation }: Options, check: OptionsCheck) {
  const { maxViolations, fieldCase = 'snake' } = check.object<NonNullable<Options['validation']>>(
    'validation',
    validation,
    ['maxViolations', 'fieldCase'],
  );
  if (!FIELD_CASES.includes(fieldCase))
    check.problems.push(
      `validation.fieldCase: ${show(fieldCase)} is unknown. Give ${FIELD_CASES.map(show).join(', ')}.`,
    );
  return {
    maxViolations: check.count('validation.maxViolations', maxViolations, 50, 1_000),
    fieldCase,
  };
}

function presetsOf({ presets = PRESETS }: Options, problems: string[]): Set<GrpcErrorPreset> {
  if (!Array.isArray(presets)) problems.push(`presets: ${show(presets)} is no list.`);
  else
    for (const one of presets)
      if (!PRESETS.includes(one))
        problems.push(`presets: ${show(one)} is unknown. Known are ${PRESETS.join(', ')}.`);
  return new Set(presets);
}

function loggingOf({ logging }: Options, problems: string[]): Options['logging'] {
  if (logging !== undefined && logging !== false && typeof logging !== 'function')
    problems.push(`logging: ${show(logging)} is neither false nor a function of the code.`);
  return logging;
}

function shieldsOf({ shields }: Options, check: OptionsCheck): Required<GrpcShields> {
  const given = check.object<GrpcShields>('shields', shields, ['unaryAnswer', 'passThrough']);
  for (const name of ['unaryAnswer', 'passThrough'] as const)
    check.flag(`shields.${name}`, given[name]);
  const { unaryAnswer = true, passThrough = true } = given;
  return { unaryAnswer, passThrough };
}

function deadlineOf({ deadline }: Options, check: OptionsCheck): DeadlineSettings {
  const given = check.object<GrpcDeadlineOptions>('deadline', deadline, [
    'default',
    'max',
    'onExceed',
    'minRemaining',
  ]);
  const { onExceed = 'clamp', minRemaining } = given;
  if (onExceed !== 'clamp' && onExceed !== 'reject')
    check.problems.push(
      `deadline.onExceed: ${show(onExceed)} is unknown. Give 'clamp' or 'reject'.`,
    );
  const msOf = (name: 'default' | 'max'): number | undefined =>
    given[name] === undefined ? undefined : check.timeout(`deadline.${name}`, given[name], '1s');
  return {
    defaultMs: msOf('default'),
    maxMs: msOf('max'),
    onExceed,
    minRemainingMs:
      minRemaining === undefined || minRemaining === 0
        ? 0
        : check.timeout('deadline.minRemaining', minRemaining, '1s'),
  };
}

function httpOf({ http = 'problem+json' }: Options, problems: string[]): HttpErrorFormat {
  if (http !== 'problem+json' && http !== 'aip193')
    problems.push(`http: ${show(http)} is unknown. Give 'problem+json' or 'aip193'.`);
  return http;
}

function localizeOf({ localize }: Options, problems: string[]): Options['localize'] {
  if (localize !== undefined && typeof localize !== 'function')
    problems.push(`localize: ${show(localize)} is no function of reason, metadata and locale.`);
  return localize;
}

function relayOf({ relay = 'map' }: Options, problems: string[]): GrpcRelay {
  if (!RELAYS.includes(relay))
    problems.push(`relay: ${show(relay)} is unknown. Give ${RELAYS.map(show).join(', ')}.`);
  return relay;
}
