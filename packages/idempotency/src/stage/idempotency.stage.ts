import { Inject, Injectable } from '@nestjs/common';
import {
  handlerName,
  statusOf,
  type BodyCall,
  type BodyStageService,
  type StageHandler,
} from '@acme/nest-message-context';
import { UNKEPT } from '../core/attempt.js';
import { fingerprintOf } from '../core/fingerprint.js';
import { recordIdOf } from '../core/identity.js';
import { giveInfo, RunningClaim, type IdempotencyInfo } from '../idempotency-info.js';
import {
  IdempotencyPrincipalRequiredError,
  IdempotencyStreamUnsupportedError,
  isIdempotencyError,
} from '../idempotency.errors.js';
import type { ObservedCall } from '../observability/observed-call.js';
import { Serialization } from '../serializers/serialization.js';
import { Serializers } from '../serializers/serializers.js';
import { problemsOfHandler, warningsOfHandler } from './boot-check.js';
import type { CallKind, PrincipalResolver } from '../idempotency.options.js';
import { callKindOf, callKindsOf, type StageOptions } from './call-kind.js';
import { attemptsOf, optionOf, waitMsOf } from './call-settings.js';
import { conclude, concludeError, storedReply } from './concluding.js';
import { answersWithStream, markReplayed } from './grpc-reply.js';
import { HttpReply } from './http-reply.js';
import { keyOf } from './key-of.js';
import { Protection } from './protection.js';
import { fateAfter, refusalOf } from './result.js';
import { errorOf } from './stored-error.js';

type Call = BodyCall<StageOptions>;

interface Named {
  readonly owner: StageHandler['owner'];
  readonly methodName: string;
}

interface Around {
  readonly kind: CallKind;
  readonly reply: HttpReply | undefined;
  readonly observed: ObservedCall | undefined;
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/** What `@Idempotent()` does around a method. */
@Injectable()
export class IdempotencyStage implements BodyStageService<StageOptions> {
  /** Which method has a name: two with one name would take each other's messages for duplicates. */
  readonly #named = new Map<string, Named>();

  constructor(
    @Inject(Protection) private readonly protection: Protection,
    @Inject(Serializers) private readonly serializers: Serializers,
  ) {}

  async around(call: Call, next: () => Promise<unknown>): Promise<unknown> {
    const kind = callKindOf(call);
    const { options } = call;
    const { message } = call.context;
    if (options.onClass && kind === 'http' && SAFE_METHODS.includes(methodOf(message.raw)))
      return next();
    const reply =
      kind === 'http'
        ? HttpReply.of(message.response, this.protection.options.replayHeaders)
        : undefined;
    const observed = this.protection.observability.begin(kind, nameOf(call));
    try {
      const value = await this.protect(call, { kind, reply, observed }, next);
      observed?.end();
      return value;
    } catch (error) {
      observed?.fail(error);
      const retryAfterMs = isIdempotencyError(error) && statusOf(error)?.retryAfterMs;
      if (retryAfterMs) reply?.retryAfter(retryAfterMs);
      this.protection.report(error, nameOf(call));
      throw error;
    }
  }

  check(handler: StageHandler<StageOptions>): readonly string[] {
    const name = nameOf(handler);
    const problems = problemsOfHandler(handler, this.protection);
    if (keepsReplies(handler)) problems.push(...this.serializers.attend(handler));
    const { methodName } = handler.handler;
    const namesake = this.#named.get(name);
    if (namesake && (namesake.owner !== handler.owner || namesake.methodName !== methodName))
      problems.push(
        `"${name}" is the name of ${nameOfOwner(namesake)}, too, and each would take the other's messages for duplicates. Give each its own @Idempotent({ name }).`,
      );
    this.#named.set(name, { owner: handler.owner, methodName });
    const decorated = `@Idempotent() on ${handlerName(handler.handler)}`;
    if (problems.length > 0) return problems.map((problem) => `${decorated}: ${problem}`);
    for (const warning of warningsOfHandler(handler, this.protection))
      this.protection.warnOnce(`boot ${name}: ${warning}`, `${decorated}: ${warning}`);
    const mode = this.protection.modeOf(handler.options);
    const label = this.protection.guardOf(handler.options)?.store.label;
    this.protection.logger.log(`${name}: ${mode} mode, ${label}`);
    return [];
  }

  private async protect(
    call: Call,
    { kind, reply, observed }: Around,
    next: () => Promise<unknown>,
  ): Promise<unknown> {
    const { options, context } = call;
    const own = kind === 'method' ? undefined : context.message;
    const name = nameOf(call);
    const runWith = (info: IdempotencyInfo | undefined): Promise<unknown> =>
      giveInfo(call, info, next);
    const claimed = (): Promise<unknown> => runWith(RunningClaim.current());
    if (kind === 'grpc' && answersWithStream(context.message.raw))
      throw new IdempotencyStreamUnsupportedError(name);
    const key = keyOf({ kind, message: own, args: call.args }, options);
    if (key === undefined) {
      observed?.unkeyed();
      return runWith(undefined);
    }
    const resolver = this.resolverOf(options, kind);
    const principal = resolver && (await principalBy(resolver, call));
    const id = this.idOf({ principal, name, key });
    // Inside its own claim it is part of the call that is under way, not a duplicate of it.
    if (RunningClaim.current()?.holds(id)) {
      observed?.nested();
      return claimed();
    }
    const settings = this.protection.settingsOf(options, kind);
    const serialization = this.serializationOf(call, kind);
    const { storeIf, maxReplySize } = settings;
    const kept = { id, name, maxReplySize };
    const execution = await this.protection.execute({
      id,
      key,
      name,
      fingerprint: fingerprintFor(call, kind),
      settings,
      waitMs: waitMsOf(settings, context.message.deadline, Date.now()),
      options,
      attempts: attemptsOf(settings, own),
      attempt: own?.attempt ?? 1,
      redelivers: kind === 'event',
      observed,
      run: serialization ? () => serialization.run(claimed) : claimed,
      conclude: (value) => {
        const refusal = refusalOf(value, own && context);
        if (refusal) return refusal;
        if (kind === 'event') return { value, verdict: 'record' };
        const serialize = serialization ? () => serialization.result() : options.serialize;
        return conclude(value, { ...kept, serialize, reply }, this.protection);
      },
      concludeError: (error) => concludeError(error, { ...kept, storeIf }, this.protection),
      fateOf: (error) => fateAfter(error, kind === 'event' ? own : undefined),
    });
    if (!execution.replayed) return execution.value;
    if (kind === 'event') return this.eventDone(execution.outcome, kept);
    const stored = storedReply(execution.outcome, kept, this.protection);
    if (kind === 'grpc') markReplayed(context.message.raw);
    reply?.replay(stored.head);
    if (stored.error) throw errorOf(stored.error);
    return serialization ? serialization.replay(stored.body) : stored.body;
  }

  private idOf(scope: Omit<Parameters<typeof recordIdOf>[0], 'namespace'>): string {
    return recordIdOf({ namespace: this.protection.options.namespace, ...scope });
  }

  /** Whoever gives `serialize` has said what is stored. */
  private serializationOf({ options, context }: Call, kind: CallKind): Serialization | undefined {
    if (options.serialize || kind === 'event' || kind === 'method') return undefined;
    this.serializers.refuseLate();
    return Serialization.of(context);
  }

  /** Nobody waits for a reply: that it is done, kept reply or not, is all there is to know, unless it is an error. */
  private eventDone(
    outcome: string | undefined,
    record: { readonly name: string; readonly id: string },
  ): undefined {
    if (outcome === undefined || outcome === UNKEPT) return undefined;
    const { error } = storedReply(outcome, record, this.protection);
    if (error) throw errorOf(error);
    return undefined;
  }

  /** A resolver of the module is about callers; messages have none, unless their handler says how to tell. */
  private resolverOf(options: StageOptions, kind: CallKind): PrincipalResolver | undefined {
    const resolver =
      kind === 'http' || kind === 'grpc'
        ? optionOf('principal', options, this.protection.options, kind)
        : options.principal;
    return resolver === false ? undefined : resolver;
  }
}

async function principalBy(
  resolver: PrincipalResolver,
  { context }: Pick<Call, 'context'>,
): Promise<string> {
  const principal = await resolver(context);
  if (typeof principal === 'number' || typeof principal === 'bigint') return String(principal);
  if (typeof principal !== 'string' || principal === '')
    throw new IdempotencyPrincipalRequiredError();
  return principal;
}

/** Whether anybody may be replied to with what the handler returned, in a form that it does not say itself. */
function keepsReplies({ options, kinds }: StageHandler<StageOptions>): boolean {
  const calls = callKindsOf(kinds);
  return !options.serialize && !(calls.size === 1 && (calls.has('event') || calls.has('method')));
}

const nameOf = ({ options, handler }: Pick<Call, 'options' | 'handler'>): string =>
  options.name ?? handlerName(handler);

const nameOfOwner = ({ owner, methodName }: Named): string => `${owner.name}.${methodName}`;

interface HttpRequestLike {
  readonly method?: unknown;
  readonly query?: unknown;
}

const methodOf = (request: unknown): string =>
  String((request as HttpRequestLike | undefined)?.method);

/** Requests as they were received, so that a new default in a DTO does not make another request of a repetition. */
function fingerprintFor({ options, context, args }: Call, kind: CallKind): string | undefined {
  const { fingerprint } = options;
  const { message } = context;
  const payload = kind === 'method' ? args[0] : message.receivedPayload;
  if (typeof fingerprint === 'function') return fingerprintOf(fingerprint(payload));
  if (!(fingerprint ?? (kind !== 'event' && kind !== 'method'))) return undefined;
  // The path names the resource: the same body sent to another one is another request.
  return kind === 'http'
    ? fingerprintOf([message.name, (message.raw as HttpRequestLike).query, payload])
    : fingerprintOf(payload);
}
