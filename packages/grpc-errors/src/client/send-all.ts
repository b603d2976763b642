import { Readable, type Writable } from 'node:stream';
import { isObservable } from 'rxjs';
import type { GrpcRequests } from './grpc-service.types.js';

/** What sends the messages of a request, and is told where that fails. */
interface Sending {
  sends(stop: () => void): void;
  giveUp(reason: unknown): void;
}

/** Sends the messages of a request, and ends it; those of another call of ours one by one, although that is an Observable, too; what fails there gives the call up. The other side may have answered without having read them all. */
export function sendAll(requests: GrpcRequests<unknown>, call: Writable, end: Sending): void {
  try {
    end.sends(
      isObservable(requests) && !(Symbol.asyncIterator in requests)
        ? subscribed(requests, call, end)
        : piped(requests as AsyncIterable<unknown>, call, end),
    );
  } catch (error) {
    end.giveUp(error);
  }
}

function subscribed(
  requests: Extract<GrpcRequests<unknown>, { subscribe: unknown }>,
  call: Writable,
  end: Sending,
): () => void {
  const subscription = requests.subscribe({
    next: (message) => void call.write(message),
    error: (error: unknown) => end.giveUp(error),
    complete: () => void call.end(),
  });
  return () => subscription.unsubscribe();
}

/** Takes the next one when there is room for it. */
function piped(
  requests: AsyncIterable<unknown> | Iterable<unknown>,
  call: Writable,
  end: Sending,
): () => void {
  const source = Readable.from(requests);
  source.on('error', (error) => end.giveUp(error));
  source.pipe(call);
  return () => void source.destroy();
}
