import type { Client, MethodDefinition } from '@grpc/grpc-js';
import { MessageContext } from '@acme/nest-message-context';
import { Chain, parseDuration, show } from '@acme/nest-message-context/kit';
import { callDeadline } from '../core/call-deadline.js';
import { GrpcCode } from '../core/codes.js';
import { readSafely } from '../core/read-safely.js';
import type { ClientSpans } from '../observability/client-spans.js';
import { CallEnd } from './call-end.js';
import { standAt, withoutStack, type CallSite } from './call-site.js';
import { GrpcResult, GrpcStream, type Begin } from './grpc-result.js';
import type { GrpcCallOptions, GrpcRequests } from './grpc-service.types.js';
import type { OpenCall } from './messages.js';
import { outboundMetadata } from './outbound-metadata.js';
import {
  isRemoteError,
  RemoteCancelledError,
  RemoteDeadlineExceededError,
  RemoteUnavailableError,
} from './remote-error.js';
import { remoteErrorOf, type KnownErrors } from './remote-errors.js';
import type { Retries } from './retries.js';
import { sendAll } from './send-all.js';

export interface CallerSettings {
  readonly timeoutMs: number;
  readonly reserveMs: number;
  readonly known: KnownErrors;
  readonly retries: Retries;
  /** Undefined where nobody traces. */
  readonly spans?: ClientSpans | undefined;
}

type Method = MethodDefinition<unknown, unknown>;
/** A call, and whose it is. */
interface Asked {
  readonly method: Method;
  readonly request: unknown;
  readonly options: GrpcCallOptions;
  readonly context: MessageContext | undefined;
  readonly site: CallSite;
}

type Answered = (error: unknown, answer?: unknown) => void;

/** Makes the calls of one client. */
export class GrpcCaller {
  readonly #underWay = new Chain<CallEnd>();
  #isClosed = false;

  constructor(
    private readonly client: Client,
    private readonly settings: CallerSettings,
  ) {}

  /** A call that has not begun. What is being handled now is what it belongs to, whenever it begins. */
  call(
    method: Method,
    request: unknown,
    options: GrpcCallOptions = {},
    site: CallSite = {},
  ): GrpcResult<unknown> | GrpcStream<unknown> {
    const asked: Asked = { method, request, options, context: MessageContext.current(), site };
    return method.responseStream
      ? new GrpcStream(this.#stream(asked), () => this.#messages(asked))
      : new GrpcResult(this.#single(asked));
  }

  #single(asked: Asked): Begin<unknown> {
    const { method, options } = asked;
    return this.#beginning(asked, (observer, end) => {
      const retries = this.settings.retries.isFor(method, options)
        ? this.settings.retries
        : undefined;
      const failed = (error: unknown): void => {
        const remote = this.#errorOf(error, asked, end);
        end.ended();
        observer.error(remote);
      };
      const attempt = (number: number): void => {
        this.#ask(asked, end, (error, answer) => {
          const again = error && !end.hasEnded && retries?.after(error, number, end.deadline);
          if (typeof again === 'number')
            return end.waits(
              again,
              () => attempt(number + 1),
              () => failed(error),
            );
          if (error) return failed(error);
          retries?.answered();
          end.answered();
          observer.next(answer);
          observer.complete();
        });
      };
      attempt(1);
    });
  }

  #ask({ method, request }: Asked, end: CallEnd, answered: Answered): void {
    const { path, requestSerialize, responseDeserialize } = method;
    const { metadata } = end;
    const call = method.requestStream
      ? this.client.makeClientStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          metadata,
          end.options,
          answered,
        )
      : this.client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          end.options,
          answered,
        );
    end.cancels(call);
    if (method.requestStream) sendAll(request as GrpcRequests<unknown>, call as never, end);
  }

  #stream(asked: Asked): Begin<unknown> {
    return this.#beginning(asked, (observer, end) => {
      const call = this.#open(asked, end);
      call.on('data', (message: unknown) => observer.next(message));
      call.on('error', (error: unknown) => {
        const remote = this.#errorOf(error, asked, end);
        end.ended();
        observer.error(remote);
      });
      call.on('end', () => {
        end.answered();
        observer.complete();
      });
    });
  }

  /** Each time it is begun it is another call; one that cannot begin has failed. */
  #beginning(
    asked: Asked,
    run: (observer: Parameters<Begin<unknown>>[0], end: CallEnd) => void,
  ): Begin<unknown> {
    return (observer) => {
      const end = this.#begin(asked);
      if ('error' in end) {
        observer.error(end.error);
        return { cancel: () => {} };
      }
      run(observer, end);
      return end;
    };
  }

  /** Each is taken when it is asked for: the other side waits meanwhile. */
  #messages(asked: Asked): OpenCall<unknown> {
    const end = this.#begin(asked);
    if ('error' in end) throw end.error;
    return {
      messages: this.#open(asked, end)[Symbol.asyncIterator](),
      answered: () => end.answered(),
      cancel: () => end.cancel(),
      errorOf: (error) => this.#errorOf(error, asked, end),
    };
  }

  #open({ method, request }: Asked, end: CallEnd) {
    const { path, requestSerialize, responseDeserialize } = method;
    const { metadata } = end;
    const call = method.requestStream
      ? this.client.makeBidiStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          metadata,
          end.options,
        )
      : this.client.makeServerStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          end.options,
        );
    end.cancels(call);
    if (method.requestStream) sendAll(request as GrpcRequests<unknown>, call as never, end);
    return call;
  }

  #begin(asked: Asked): CallEnd | { readonly error: unknown } {
    const { options, context, site } = asked;
    const { path, responseStream } = asked.method;
    const { timeout, signal, detached = false } = options;
    // Whoever goes on without it still belongs to it.
    const waiting = detached ? undefined : context?.message;
    // A stream is meant to stay open, unless somebody says for how long.
    const usual = responseStream ? Infinity : this.settings.timeoutMs;
    const timeoutMs = timeout === undefined ? usual : parseDuration(timeout);
    const refused = (error: unknown) => {
      standAt(error, site);
      return { error };
    };
    if (timeoutMs === undefined) return refused(noDuration(timeout));
    // Later it would fail in the middle of grpc-js.
    if (signal !== undefined && typeof readSafely(signal, 'removeEventListener') !== 'function')
      return refused(noSignal(signal));
    if (this.#isClosed) return refused(closed(path));
    const now = Date.now();
    const { reserveMs } = this.settings;
    const inbound = waiting?.deadline;
    const deadline = callDeadline({ now, timeoutMs, inbound, reserveMs });
    if (deadline <= now) return refused(noTime(path));
    const signals = [signal, waiting?.signal];
    const metadata = outboundMetadata(context, options);
    const span = this.settings.spans?.begin(path, metadata, context);
    const remove = (ended: CallEnd) => this.#underWay.remove(ended);
    const end = new CallEnd(metadata, deadline, signals, remove, span);
    this.#underWay.add(end);
    return end;
  }

  /** What the caller gets, and its span is told. */
  #errorOf(thrown: unknown, { method, site }: Asked, end: CallEnd): unknown {
    const error = this.#failureOf(thrown, method, end);
    standAt(error, site);
    // One of the application's own has the answer as its cause.
    const remote = isRemoteError(error) ? error : readSafely(error, 'cause');
    if (isRemoteError(remote)) {
      const { code, reason, domain, metadata } = remote;
      end.span?.describe({ code, reason, domain, errorId: metadata['errorId'] });
    }
    return error;
  }

  #failureOf(error: unknown, { path }: Method, { gaveUp }: CallEnd): unknown {
    if (!gaveUp) return remoteErrorOf(error, path, this.settings.known);
    const { reason } = gaveUp;
    if (readSafely(reason, 'name') === 'TimeoutError') return noTime(path);
    const isAbort = readSafely(reason, 'name') === 'AbortError';
    // What was to be sent has failed, or somebody has said why it is over: that is what happened.
    if (!isAbort && reason instanceof Error) return reason;
    const failure = {
      code: GrpcCode.CANCELLED,
      message: `${path} was given up, by its signal or by what it was to send: see \`cause\`.`,
      path,
      details: {},
    };
    return withoutStack(() => new RemoteCancelledError(failure, { cause: reason }));
  }

  /** Ends all that is under way; calls from now on fail. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#underWay) end.cancel();
    this.client.close();
  }
}

const noTime = (path: string): Error =>
  withoutStack(
    () =>
      new RemoteDeadlineExceededError({
        code: GrpcCode.DEADLINE_EXCEEDED,
        message: `There is no time left for ${path}: its own is up, or that of the message that is being handled.`,
        path,
        details: {},
      }),
  );

const closed = (path: string): Error =>
  withoutStack(
    () =>
      new RemoteUnavailableError({
        code: GrpcCode.UNAVAILABLE,
        message: `${path} is not called any more: the application has shut down.`,
        path,
        details: {},
      }),
  );

const noDuration = (timeout: unknown): Error =>
  withoutStack(
    () => new TypeError(`timeout: ${show(timeout)} is not a duration. Give milliseconds or '2s'.`),
  );

const noSignal = (signal: unknown): Error =>
  withoutStack(() => new TypeError(`signal: ${show(signal)} is no AbortSignal.`));
