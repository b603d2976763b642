// One subject in a process of its own, as it would be in production: `program.js <subject>`; answers its parent call by call.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { freePort } from '@acme/internal-testing';
import type { StatusObject } from '@grpc/grpc-js';
import { answerParent, type Commands } from '../../measure/child.js';
import { cpuMicros, heapMiB } from '../../measure/cost.js';
import { inProcess, type InProcess } from './calls.js';
import type { ClientSubject } from './clients.js';
import type { Listening, NestApp } from './nest-apps.js';
import type { Calling, Command, Served } from './subject.js';
import { pathOf, REFUSAL, type MethodName } from './service.js';

const onNest = async (name: NestApp): Promise<Listening> =>
  (await import('./nest-apps.js')).listenOnNest(name, await freePort());

const nice = async (withDetails: boolean): Promise<Listening> =>
  (await import('./nice.js')).listenNice(withDetails);

/** Loaded when it is wanted: what others need is not in its process, and not on every Nest. */
const SERVERS: Readonly<Record<Served, () => Promise<Listening>>> = {
  raw: async () => (await import('./raw.js')).listenRaw(),
  nice: () => nice(false),
  niceDetails: () => nice(true),
  connect: async () => (await import('./connect.js')).listenConnect(),
  bare: () => onNest('bare'),
  localStorage: () => onNest('localStorage'),
  oneInterceptor: () => onNest('oneInterceptor'),
  context: () => onNest('context'),
  ours: () => onNest('ours'),
  oursThousand: () => onNest('oursThousand'),
};

/** CPU per call, one after another. */
const costOf = (work: () => Promise<unknown>) => (calls: number) =>
  cpuMicros(calls, async () => {
    for (let i = 0; i < calls; i += 1) await work();
  });

async function serve(name: Served): Promise<Commands<Command>> {
  const listening = SERVERS[name];
  const server = await inProcess(listening);
  const calling = (method: MethodName) => costOf(() => server.call(method, { id: 'a' }));
  return {
    succeed: calling('Succeed'),
    refuse: calling('Refuse'),
    decode: none,
    listeners: (calls) => listenersLeft(server, calls),
    heap: async () => heapMiB(),
    port: async () => Number(server.url.split(':')[1]),
    cpu,
    close: () => server.close(),
  };
}

/** Of calls that have ended. */
async function listenersLeft(server: InProcess, calls: number): Promise<number> {
  let listeners = 0;
  for (let i = 0; i < calls; i += 1) {
    const { call } = await server.call(i % 2 === 0 ? 'Succeed' : 'Refuse', { id: 'a' });
    for (const event of call.eventNames()) listeners += call.listenerCount(event);
  }
  return listeners;
}

async function call(name: Calling): Promise<Commands<Command>> {
  // What a server of ours sends.
  const server = await inProcess(() => onNest('ours'));
  const { error } = await server.call('Refuse', { id: 'a' });
  await server.close();
  const { ourClient, rawClient } = await import('./clients.js');
  const client: ClientSubject = await (name === 'ourClient' ? ourClient : rawClient)(
    error as StatusObject,
  );
  return {
    succeed: costOf(() => client.succeed({ id: 'a' })),
    refuse: costOf(() => client.refuse({ id: 'a' }).catch(() => {})),
    decode: await decoding(error as StatusObject),
    listeners: none,
    heap: async () => heapMiB(),
    port: none,
    cpu,
    close: () => client.close(),
  };
}

/** What the client makes of what grpc-js gives it, its stack included, alone: read from the package itself, which does not export it. */
async function decoding(status: StatusObject): Promise<(calls: number) => Promise<number>> {
  const file = createRequire(import.meta.url).resolve('@acme/nest-grpc-errors/package.json');
  const load = (name: string): Promise<unknown> =>
    import(join(dirname(file), 'dist/esm/client', name));
  const { remoteErrorOf } = (await load('remote-errors.js')) as {
    remoteErrorOf(error: unknown, path: string, known: Map<string, unknown>): unknown;
  };
  const { callSite, standAt } = (await load('call-site.js')) as {
    callSite(below: unknown): object;
    standAt(error: unknown, site: object): void;
  };
  const { IdMissingError } = await import('./clients.js');
  const known = new Map([[`${REFUSAL.domain} ${REFUSAL.reason}`, IdMissingError]]);
  const given = Object.assign(new Error(status.details), status);
  // Remembered with each call, failed or not: what that costs is in the row of those that succeed.
  const site = callSite(decoding);
  const make = (): unknown => {
    const error = remoteErrorOf(given, pathOf('Refuse'), known);
    standAt(error, site);
    return error;
  };
  const made = make();
  if (!(made instanceof IdMissingError) || made.id !== REFUSAL.metadata.id)
    throw new Error(
      `The client has made ${String(made)} of it, and not the class that was thrown.`,
    );
  return (calls) =>
    cpuMicros(calls, async () => {
      for (let i = 0; i < calls; i += 1) make();
    });
}

const none = async (): Promise<number> => 0;

async function cpu(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return user + system;
}

const [name = ''] = process.argv.slice(2);
answerParent<Command>(name in SERVERS ? await serve(name as Served) : await call(name as Calling));
