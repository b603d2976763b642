import { readSafely } from '../core/read-safely.js';
import type { ErrorClass } from '../mapping/error-rules.js';
import { withoutStack } from './call-site.js';
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
  // Made by Error itself, so that whoever prints it, or asks what it is, finds an error.
  const error = withoutStack(
    () => Reflect.construct(Error, [remote.message, { cause: remote }], target) as Error,
  );
  if (error.name !== target.name)
    Object.defineProperty(error, 'name', {
      value: target.name,
      writable: true,
      configurable: true,
    });
  const { metadata } = remote;
  for (const name of Object.keys(metadata))
    // What the class has, a method above all, is not to be lost to somebody's facts.
    if (!(name in error)) (error as unknown as Record<string, unknown>)[name] = metadata[name];
  return error;
}
