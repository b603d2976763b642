import { ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency } from '@nestjs/common';
import { OptionsCheck, show, type Duration } from '@acme/nest-message-context/kit';
import { readSafely } from '../core/read-safely.js';
import { reasonFromClassName } from '../core/text/error-reason.js';
import { GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';
import type { ErrorClass } from '../mapping/error-rules.js';
import { ownRuleOf } from '../mapping/grpc-error.decorator.js';
import { RetryBudget } from '../core/retry-budget.js';
import type { RetrySettings } from '../core/retry-plan.js';
import { isTraced, type GrpcTracing } from '../observability/tracing-option.js';
import { keyOfError } from './remote-errors.js';
import type { CallerSettings } from './grpc-caller.js';
import { Retries } from './retries.js';

/** Where a service is, and how it is reached. */
export interface GrpcTarget {
  /** `orders:50051`, `dns:///orders.internal:443`. */
  readonly url: string;
  /** For TLS: `credentials.createSsl(…)` of grpc-js. @default without */
  readonly credentials?: ChannelCredentials;
  /** Of grpc-js: keepalive, sizes of messages, load balancing. */
  readonly channelOptions?: ChannelOptions;
}

/** How calls are made again. */
export interface GrpcRetryOptions {
  /** The first one included. @default 3 */
  readonly attempts?: number;
  /** The longest pause before the second; it doubles with each, and a random part of it is waited. @default '100ms' */
  readonly initial?: Duration;
  /** No pause is longer, unless the service wants one that is. @default '5s' */
  readonly max?: Duration;
}

/** The services of one target. */
export interface GrpcClientOptions extends Partial<GrpcTarget> {
  /** The proto packages whose services are called: `order.v1`, and `order.v2` beside it. */
  readonly packages: string | readonly string[];
  /** The files that they are in. */
  readonly protoPath: string | readonly string[];
  /** Of proto-loader. @default `recommendedLoader` */
  readonly loader?: object;
  /** How long a call may take that says nothing else. @default '5s' */
  readonly timeout?: Duration;
  /** What of the time of the message that is being handled is left for what follows a call. @default '20ms' */
  readonly reserve?: Duration;
  /**
   * How calls are made again that found their service `UNAVAILABLE`: those with an `idempotencyKey`, and methods whose proto file says that they may be
   * (`idempotency_level`). Not where `channelOptions` have a `retryPolicy` or a `hedgingPolicy`. `false`: none is.
   */
  readonly retry?: GrpcRetryOptions | false;
  /** Error classes that come back as what they were thrown as, by the `domain` of the service that throws them. */
  readonly errors?: Readonly<Record<string, readonly ErrorClass[]>>;
  /** Instead of `url`, `credentials` and `channelOptions`: gives them when the application starts. */
  readonly useFactory?: (...injected: never[]) => GrpcTarget | Promise<GrpcTarget>;
  /** Modules that export what is injected, where they are not global. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /** What `useFactory` is called with. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
  /**
   * Spans of OpenTelemetry: `auto` where an SDK is set up and no instrumentation of grpc-js makes them; `false`: none, and calls carry the trace that the message came
   * with. @default 'auto'
   */
  readonly tracing?: GrpcTracing;
}

const OPTIONS: readonly (keyof GrpcClientOptions)[] = [
  'url',
  'credentials',
  'channelOptions',
  'packages',
  'protoPath',
  'loader',
  'timeout',
  'reserve',
  'retry',
  'errors',
  'useFactory',
  'imports',
  'inject',
  'tracing',
];

/** @internal The same, checked. */
export interface GrpcClientSettings extends CallerSettings {
  readonly packages: readonly string[];
  readonly protoPath: readonly string[];
  readonly isTraced: boolean;
}

/** Says what is wrong with the options of one client. */
export function resolveClient(
  given: GrpcClientOptions,
  problems: string[],
): GrpcClientSettings | undefined {
  const check = new OptionsCheck();
  const options = check.object<GrpcClientOptions>('options', given, OPTIONS as string[]);
  const { useFactory, timeout, reserve = '20ms' } = options;
  const packages = textsOf('packages', options.packages, "'order.v1'", check);
  const protoPath = textsOf('protoPath', options.protoPath, 'the path of a proto file', check);
  if (useFactory === undefined) check.problems.push(...targetProblems(options));
  else if (typeof useFactory !== 'function')
    check.problems.push(`useFactory: ${show(useFactory)} is no function that gives { url }.`);
  else
    for (const name of ['url', 'credentials', 'channelOptions'] as const)
      if (options[name] !== undefined)
        check.problems.push(
          `${name}: is not used beside useFactory. Let that give it, or leave useFactory out.`,
        );
  if (useFactory === undefined && options.inject !== undefined)
    check.problems.push('inject: nothing is called with it. Give useFactory as well.');
  const settings = {
    packages,
    protoPath,
    timeoutMs: check.timeout('timeout', timeout, '5s'),
    reserveMs: reserve === 0 ? 0 : check.timeout('reserve', reserve, '20ms'),
    known: knownOf(options.errors, check.problems),
    retries: new Retries(retryOf(options.retry, check), new RetryBudget()),
    isTraced: isTraced(options.tracing, check.problems),
  };
  const name = packages.join(', ') || 'a client';
  problems.push(...check.problems.map((problem) => `${name}: ${problem}`));
  return check.problems.length > 0 ? undefined : settings;
}

/** Says what is wrong with where a service is: as it was given, or as a factory has given it. */
export function targetProblems(given: Partial<GrpcTarget> | undefined): string[] {
  if (typeof given !== 'object' || given === null)
    return [`useFactory: it has given ${show(given)}. Let it give { url: 'host:port' }.`];
  const { url, credentials, channelOptions } = given;
  const problems: string[] = [];
  if (typeof url !== 'string' || url === '')
    problems.push(
      `url: ${show(url)} is no address. Give 'host:port', or a useFactory that gives it.`,
    );
  else if (/^(https?|grpcs?):\/\//.test(url))
    problems.push(
      `url: ${show(url)} is one of HTTP. Give 'host:port' alone; for TLS, credentials.`,
    );
  if (credentials !== undefined && !(credentials instanceof ChannelCredentials))
    problems.push(
      `credentials: ${show(credentials)} are none of this service's grpc-js. Give credentials.createSsl(…) of it, or leave it out.`,
    );
  if (channelOptions !== undefined && (typeof channelOptions !== 'object' || !channelOptions))
    problems.push(`channelOptions: ${show(channelOptions)} is not an object.`);
  return problems;
}

function retryOf(given: GrpcClientOptions['retry'], check: OptionsCheck): RetrySettings {
  const { attempts, initial, max } = check.object<GrpcRetryOptions>(
    'retry',
    given === false ? { attempts: 1 } : given,
    ['attempts', 'initial', 'max'],
  );
  return {
    attempts: check.count('retry.attempts', attempts, 3, 10),
    initialMs: check.timeout('retry.initial', initial, '100ms'),
    maxMs: check.timeout('retry.max', max, '5s'),
  };
}

function textsOf(
  name: string,
  given: string | readonly string[] | undefined,
  example: string,
  { problems }: OptionsCheck,
): readonly string[] {
  const all = typeof given === 'string' ? [given] : (given ?? []);
  if (
    !Array.isArray(all) ||
    all.length === 0 ||
    !all.every((one) => typeof one === 'string' && one)
  ) {
    problems.push(`${name}: ${show(given)} is none. Give ${example}, or a list.`);
    return [];
  }
  return all as readonly string[];
}

function knownOf(
  errors: GrpcClientOptions['errors'] = {},
  problems: string[],
): Map<string, ErrorClass> {
  const known = new Map<string, ErrorClass>();
  if (typeof errors !== 'object' || Array.isArray(errors) || errors === null) {
    problems.push(
      `errors: say whose they are. Give { 'orders.example.com': [OrderNotFoundError] }, by the domain of the service that throws them.`,
    );
    return known;
  }
  for (const [domain, classes] of Object.entries(errors)) {
    if (!Array.isArray(classes)) {
      problems.push(`errors: ${show(classes)} of "${domain}" is no list of classes.`);
      continue;
    }
    for (const target of classes as readonly ErrorClass[]) {
      if (!(readSafely(target, 'prototype') instanceof Error)) {
        problems.push(`errors: ${show(target)} of "${domain}" is no class of errors.`);
        continue;
      }
      const reason = ownRuleOf(target)?.reason ?? reasonFromClassName(target.name);
      const key = keyOfError(domain, reason);
      const other = known.get(key);
      if (other)
        problems.push(
          `errors: ${target.name} and ${other.name} have the same reason ${reason} in "${domain}". Leave one out, or give it another with @GrpcError().`,
        );
      known.set(key, target);
    }
  }
  return known;
}

/** @throws {GrpcErrorsConfigurationError} listing every problem */
export function assertNoProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new GrpcErrorsConfigurationError(problems, 'GrpcClientsModule');
}
