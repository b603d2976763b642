import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';

/** A transport without a wire: handlers are called as Nest's own servers call them. */
export class FakeServer extends Server implements CustomTransportStrategy {
  /** Nest's RabbitMQ server has this property, by which a server that acks is known. */
  readonly noAck?: boolean;

  constructor(options: { noAck?: boolean } = {}) {
    super();
    if (options.noAck !== undefined) this.noAck = options.noAck;
  }

  listen(callback: () => void): void {
    callback();
  }

  close(): void {}

  on(): void {}

  unwrap<T>(): T {
    return undefined as T;
  }

  /** Calls the handler of a pattern with the arguments of a transport, and runs what it returns to its end. */
  async call(pattern: string, ...args: unknown[]): Promise<unknown> {
    const handler = this.getHandlerByPattern(pattern) as unknown as (
      ...args: unknown[]
    ) => Promise<unknown>;
    const result = await handler(...args);
    return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
  }

  /** A request or event with a context object of its own, as every transport of Nest has it. */
  ask(pattern: string, data: unknown = {}): Promise<unknown> {
    return this.call(pattern, data, {});
  }
}
