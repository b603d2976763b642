import { readSafely } from '../core/read-safely.js';
import type { ErrorClass } from '../mapping/error-rules.js';
import { withoutStack } from './call-site.js';
import { isRemoteError, type RemoteError } from './remote-error.js';

/** What a class can have to make its errors of what came over the wire: otherwise they have their message, and their facts as texts. */
export interface FromRemote {
  fromRemote(remote: RemoteError): Error;
}

/**
 * An error of its own class, as the other service has thrown it: with its message, its facts and, as its cause, the `RemoteError`; that itself where the class makes no
 * error of it. Never throws: grpc-js would end the process, and nobody would learn of the answer.
 */
export function revive(target: ErrorClass, remote: RemoteError): Error {
  try {
    const made =
      typeof readSafely(target, 'fromRemote') === 'function'
        ? (target as unknown as FromRemote).fromRemote(remote)
        : asThrown(target, remote);
    if (!(made instanceof Error)) return remote;
    // By that it is known for the answer of another service, and is not relayed as one of ours.
    if (!isRemoteError(readSafely(made, 'cause'))) define(made, 'cause', remote);
    return made;
  } catch {
    return remote;
  }
}

/** The constructor is not called: it may want what is not there. */
function asThrown(target: ErrorClass, remote: RemoteError): Error {
  // Made by Error itself, so that whoever prints it, or asks what it is, finds an error.
  const error = withoutStack(
    () => Reflect.construct(Error, [remote.message, { cause: remote }], target) as Error,
  );
  if (readSafely(error, 'name') !== target.name) define(error, 'name', target.name);
  const { metadata } = remote;
  for (const name of Object.keys(metadata))
    // What the class has, a method above all, is not to be lost to somebody's facts.
    if (!(name in error)) (error as unknown as Record<string, unknown>)[name] = metadata[name];
  return error;
}

function define(error: Error, name: 'name' | 'cause', value: unknown): void {
  Object.defineProperty(error, name, { value, writable: true, configurable: true });
}
