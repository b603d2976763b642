import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { isObservable, Observable } from 'rxjs';
import { Contexts } from '../context/contexts.js';
import { MessageContext } from '../context/message-context.js';
import { contextOfExecution } from './execution.js';
import { reenterRequestStream } from './grpc-request-stream.js';
import { endingWith, scoped } from './scoped.js';

const INTERCEPTORS = '__interceptors__';
const BRAND = Symbol.for('@acme/nest-message-context:fallback');

/**
 * Opens the context where no transport door did: a Nest microservice without `attachMessageContext(app)`. An application
 * whose transports all have doors drops it before its listeners register, because an interceptor costs more than all doors
 * together.
 */
@Injectable()
class FallbackInterceptor implements NestInterceptor {
  static readonly [BRAND] = true;

  constructor(@Inject(Contexts) private readonly contexts: Contexts) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const context = contextOfExecution(execution, this.contexts);
    if (!context || MessageContext.current() === context) return next.handle();
    const args = execution.getArgs<unknown[]>();
    if (context.message.transport === 'grpc' && isObservable(args[0]))
      args[0] = reenterRequestStream(args[0], context);
    const handling = new Observable((subscriber) => next.handle().subscribe(subscriber));
    return endingWith(scoped(handling, context), context);
  }
}

/** Puts the fallback before every interceptor of the method; found by brand, so two copies of this package add one. */
export function prependFallback(method: object): void {
  const present = (Reflect.getMetadata(INTERCEPTORS, method) ?? []) as Record<symbol, unknown>[];
  if (present.some((one) => one[BRAND])) return;
  Reflect.defineMetadata(INTERCEPTORS, [FallbackInterceptor, ...present], method);
}

/** Whether a class of interceptors is this one, of whatever copy of the package. */
export const isFallback = (candidate: unknown): boolean =>
  typeof candidate === 'function' &&
  (candidate as unknown as Record<symbol, unknown>)[BRAND] === true;
