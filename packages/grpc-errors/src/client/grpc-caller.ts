import type { Client, MethodDefinition } from '@grpc/grpc-js';
import { MessageContext } from '@acme/nest-message-context';
import { Chain, parseDuration, show } from '@acme/nest-message-context/kit';
import { callDeadline } from '../core/call-deadline.js';
import { GrpcCode } from '../core/codes.js';
import { readSafely } from '../core/read-safely.js';
import type { ClientSpans } from '../observability/client-spans.js';
import { CallEnd } from './call-end.js';
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
  ): GrpcResult<unknown> | GrpcStream<unknown> {
    const context = MessageContext.current();
    return method.responseStream
      ? new GrpcStream(this.#stream(method, request, options, context), () =>
          this.#messages(method, request, options, context),
        )
      : new GrpcResult(this.#single(method, request, options, context));
  }

  #single(
    method: Method,
    request: unknown,
    options: GrpcCallOptions,
    context: MessageContext | undefined,
  ): Begin<unknown> {
    return this.#beginning(method, options, context, (observer, end) => {
      const retries = this.settings.retries.isFor(method, options)
        ? this.settings.retries
        : undefined;
      const failed = (error: unknown): void => {
        const remote = this.#errorOf(error, method, end);
        end.ended();
        observer.error(remote);
      };
      const attempt = (number: number): void => {
        this.#ask(method, request, end, (error, answer) => {
          const again =
            error && !end.gaveUp && !end.hasEnded && retries?.after(error, number, end.deadline);
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

  #ask(method: Method, request: unknown, end: CallEnd, answered: Answered): void {
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

  #stream(
    method: Method,
    request: unknown,
    options: GrpcCallOptions,
    context: MessageContext | undefined,
  ): Begin<unknown> {
    return this.#beginning(method, options, context, (observer, end) => {
      const call = this.#open(method, request, end);
      call.on('data', (message: unknown) => observer.next(message));
      call.on('error', (error: unknown) => {
        const remote = this.#errorOf(error, method, end);
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
    method: Method,
    options: GrpcCallOptions,
    context: MessageContext | undefined,
    run: (observer: Parameters<Begin<unknown>>[0], end: CallEnd) => void,
  ): Begin<unknown> {
    return (observer) => {
      const end = this.#begin(method, options, context);
      if ('error' in end) {
        observer.error(end.error);
        return { cancel: () => {} };
      }
      run(observer, end);
      return end;
    };
  }

  /** Each is taken when it is asked for: the other side waits meanwhile. */
  #messages(
    method: Method,
    request: unknown,
    options: GrpcCallOptions,
    context: MessageContext | undefined,
  ): OpenCall<unknown> {
    const end = this.#begin(method, options, context);
    if ('error' in end) throw end.error;
    return {
      messages: this.#open(method, request, end)[Symbol.asyncIterator](),
      answered: () => end.answered(),
      cancel: () => end.cancel(),
      errorOf: (error) => this.#errorOf(error, method, end),
    };
  }

  #open(method: Method, request: unknown, end: CallEnd) {
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

  #begin(
    { path, responseStream }: Method,
    options: GrpcCallOptions,
    context: MessageContext | undefined,
  ): CallEnd | { readonly error: unknown } {
    const { timeout, signal, detached = false } = options;
    // Whoever goes on without it still belongs to it.
    const waiting = detached ? undefined : context?.message;
    // A stream is meant to stay open, unless somebody says for how long.
    const usual = responseStream ? Infinity : this.settings.timeoutMs;
    const timeoutMs = timeout === undefined ? usual : parseDuration(timeout);
    if (timeoutMs === undefined)
      return {
        error: new TypeError(
          `timeout: ${show(timeout)} is not a duration. Give milliseconds or '2s'.`,
        ),
      };
    if (this.#isClosed) return { error: closed(path) };
    const now = Date.now();
    const { reserveMs } = this.settings;
    const inbound = waiting?.deadline;
    const deadline = callDeadline({ now, timeoutMs, inbound, reserveMs });
    if (deadline <= now) return { error: noTime(path) };
    const signals = [signal, waiting?.signal];
    const metadata = outboundMetadata(context, options);
    const span = this.settings.spans?.begin(path, metadata, context);
    const remove = (ended: CallEnd) => this.#underWay.remove(ended);
    const end = new CallEnd(metadata, deadline, signals, remove, span);
    this.#underWay.add(end);
    return end;
  }

  /** What the caller gets, and its span is told. */
  #errorOf(thrown: unknown, method: Method, end: CallEnd): unknown {
    const error = this.#failureOf(thrown, method, end);
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
    return new RemoteCancelledError(
      {
        code: GrpcCode.CANCELLED,
        message: `${path} was given up: its signal was aborted.`,
        path,
        details: {},
      },
      { cause: reason },
    );
  }

  /** Ends all that is under way; calls from now on fail. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#underWay) end.cancel();
    this.client.close();
  }
}

const noTime = (path: string): RemoteDeadlineExceededError =>
  new RemoteDeadlineExceededError({
    code: GrpcCode.DEADLINE_EXCEEDED,
    message: `There is no time left for ${path}: its own is up, or that of the message that is being handled.`,
    path,
    details: {},
  });

const closed = (path: string): RemoteUnavailableError =>
  new RemoteUnavailableError({
    code: GrpcCode.UNAVAILABLE,
    message: `${path} is not called any more: the application has shut down.`,
    path,
    details: {},
  });
