import { type MessageHandler, Server } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';

/**
 * A Nest transport without a wire: what Nest itself, and whatever stands in its pipeline, costs per message, and nothing
 * else.
 */
export class InProcessServer extends Server {
  listen(callback: () => void): void {
    callback();
  }

  close(): void {}

  on(): void {}

  unwrap<T>(): T {
    throw new Error('There is no server underneath.');
  }

  /** A function that sends one message through the pipeline of the pattern and waits for its reply. */
  sender(pattern: string): (payload: unknown) => Promise<unknown> {
    const handler = this.getHandlerByPattern(pattern) as MessageHandler;
    return async (payload) => {
      // A transport makes a context per message; doors know the message by it.
      const result: unknown = await handler(payload, {});
      return isObservable(result) ? lastValueFrom(result) : result;
    };
  }
}
