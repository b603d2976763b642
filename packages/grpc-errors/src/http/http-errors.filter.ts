import type { IncomingHttpHeaders } from 'node:http';
import { MessageContext, statusOf } from '@acme/nest-message-context';
import { Catch, Inject, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { throwError } from 'rxjs';
import type { FoundFailure, Failures } from '../answer/failures.js';
import { FailedCallLog } from '../answer/failed-call.log.js';
import { Localizer } from '../answer/localizer.js';
import { isRemoteError } from '../client/remote-error.js';
import { parserStatus } from '../presets/http.js';
import { callSafely, readSafely } from '../core/read-safely.js';
import { httpStatusOfCode } from '../core/http-codes.js';
import type { GrpcErrorsSettings } from '../grpc-errors.options.js';
import { HTTP_FAILURES, GRPC_ERRORS_SETTINGS } from '../grpc-errors.tokens.js';
import { httpAnswer } from './http-answer.js';

/**
 * Answers HTTP requests that fail by the same rules as gRPC calls, in one format: at REST doors before services of gRPC, whose answers it passes on. Everything
 * that is no HTTP request is left to others.
 *
 *     providers: [{ provide: APP_FILTER, useClass: HttpErrorsFilter }]
 */
@Catch()
export class HttpErrorsFilter implements ExceptionFilter {
  readonly #requests: FailedCallLog;
  readonly #localizer: Localizer;

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(GRPC_ERRORS_SETTINGS) private readonly settings: GrpcErrorsSettings,
    @Inject(HTTP_FAILURES) private readonly failures: Pick<Failures, 'of'>,
  ) {
    const log = new Logger('GrpcErrors');
    this.#requests = new FailedCallLog(log, settings.logging);
    this.#localizer = new Localizer(settings.localize, settings.wire.domain, log);
  }

  catch(error: unknown, host: ArgumentsHost): unknown {
    const { http, wire } = this.settings;
    const type = host.getType<string>();
    // A hybrid application hands its own filters on: the doors of its messages know what to do.
    if (type === 'rpc') return throwError(() => error);
    if (type !== 'http') throw error;
    const adapter = this.host.httpAdapter as AbstractHttpAdapter;
    const response: unknown = host.switchToHttp().getResponse();
    const found = this.failures.of(error);
    this.#tell(error, found, host);
    if (adapter.isHeadersSent(response)) return adapter.end(response) as unknown;
    const failure = this.#localizer.of(found.failure, () => languagesOf(host));
    const { status, headers, body } = httpAnswer(
      // One that was only the cause of what has happened was not written for this answer.
      isHttp(error) ? failure : { ...failure, overHttp: undefined },
      statusFor(error, found),
      wire.domain,
      http,
    );
    for (const [name, value] of Object.entries(headers)) adapter.setHeader(response, name, value);
    // As text: of an object Express believes that it must be application/json.
    return adapter.reply(response, JSON.stringify(body), status) as unknown;
  }

  #tell(error: unknown, { failure, errorId }: FoundFailure, host: ArgumentsHost): void {
    const context = MessageContext.current();
    const { method, url } = host.switchToHttp().getRequest<{ method?: string; url?: string }>();
    // Without its query, in which there may be anything.
    const name = `${method} ${url?.split('?')[0]}`;
    const facts = context ? `correlation id ${context.correlationId}` : 'no correlation id';
    this.#requests.tell({ name, failure, error, errorId, facts });
  }
}

const isHttp = (error: unknown): boolean => typeof readSafely(error, 'getStatus') === 'function';

const languagesOf = (host: ArgumentsHost): string | undefined =>
  host.switchToHttp().getRequest<{ headers: IncomingHttpHeaders }>().headers['accept-language'];

/** What the error says of HTTP itself, else what its code stands for. */
function statusFor(error: unknown, { failure }: FoundFailure): number {
  const own = callSafely(error, 'getStatus') ?? parserStatus(error);
  if (typeof own === 'number') return own;
  // Of another service it is not this answer's.
  const said = isRemoteError(error) ? undefined : statusOf(error)?.http;
  return said ?? httpStatusOfCode(failure.code);
}
