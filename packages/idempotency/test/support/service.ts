import { randomUUID } from 'node:crypto';
import { spawnChild, type TestChild } from '@acme/internal-testing';

/** The doors of `service.mjs`. */
export type Door =
  | 'http'
  | 'grpc'
  | 'nest-request'
  | 'nest-event'
  | 'nest-slow'
  | 'golevelup-event'
  | 'golevelup-request';

/** How a process of the service is started. */
export interface ServiceOptions {
  readonly store: string;
  readonly doors: readonly Door[];
  readonly amqp: string;
  /** `nest`, `golevelup-event` and `golevelup-request`: those that its doors need. */
  readonly queues: Readonly<Record<string, string>>;
  /** Where the store and the effect are. */
  readonly env: Readonly<Record<string, string>>;
}

/** A process of the service, ready for calls. */
export interface Service {
  readonly child: TestChild;
  readonly url: string;
  /** Carries a command out and returns its result. */
  ask<T>(command: string, args?: object): Promise<T>;
}

interface Answer<T> {
  readonly id: string;
  readonly value: T;
  readonly error?: string;
}

export async function startService(options: ServiceOptions): Promise<Service> {
  const { store, doors, amqp, queues, env } = options;
  const child = spawnChild(new URL('service.mjs', import.meta.url), {
    env: {
      ...env,
      STORE: store,
      DOORS: doors.join(),
      AMQP: amqp,
      QUEUES: JSON.stringify(queues),
    },
  });
  // One that is armed may be gone before it is ready.
  const ready = child.receive<{ ready?: number; port: number }>((message) => !!message.ready, {
    deadlineMs: 60_000,
  });
  const { port } = await (env['ARMED'] ? ready.catch(() => ({ port: 0 })) : ready);
  const ask = async <T>(command: string, args: object = {}): Promise<T> => {
    const id = randomUUID();
    child.send({ id, command, ...args });
    const accept = (answer: Answer<T>): boolean => answer.id === id;
    const { value, error } = await child.receive(accept, { deadlineMs: 60_000 });
    if (error !== undefined) throw new Error(`${command}: ${error}`);
    return value;
  };
  return { child, url: `http://127.0.0.1:${port}`, ask };
}
