import { readSafely } from '../core/read-safely.js';
import type { ErrorClass } from '../mapping/error-rules.js';
import type { RemoteError } from './remote-error.js';

/** What a class can have to make its errors of what came over the wire: otherwise they have their message, and their facts as texts. */
export interface FromRemote {
  fromRemote(remote: RemoteError): unknown;
}

/**
 * An error of its own class, as the other service has thrown it: with its message, its facts and, as its cause, the `RemoteError`. The constructor is not called:
 * it may want what is not there.
 */
export function revive(target: ErrorClass, remote: RemoteError): unknown {
  if (typeof readSafely(target, 'fromRemote') === 'function') {
    try {
      return (target as unknown as FromRemote).fromRemote(remote);
    } catch {
      return remote;
    }
  }
  const error = Object.create(target.prototype as object) as Error;
  const hidden = (value: unknown) => ({ value, writable: true, configurable: true });
  Object.defineProperties(error, {
    message: hidden(remote.message),
    name: hidden(target.name),
    stack: hidden(`${target.name}: ${remote.message}\n${framesOf(remote)}`),
    cause: hidden(remote),
  });
  for (const [name, value] of Object.entries(remote.metadata))
    if (!(name in error))
      Object.defineProperty(error, name, { ...hidden(value), enumerable: true });
  return error;
}

const framesOf = ({ stack = '' }: Error): string => stack.slice(stack.indexOf('\n') + 1);
