// What a process that lives for months must not collect: listeners, calls that have ended, memory.
import 'reflect-metadata';
import { getEventListeners, type EventEmitter } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MessageContext } from '@acme/nest-message-context';
import { isRemoteError, type GrpcService } from '@acme/nest-grpc-errors';
import { startGrpcTestServer, type GrpcTestServer } from '@acme/nest-grpc-errors/testing';
import { NotFoundException } from '@nestjs/common';
import { NEVER } from 'rxjs';
import { afterAll, expect, it } from 'vitest';
import { probeModule, PROTO, type Message, type ProbeOptions } from './support/probe-app.js';

interface Probe {
  unary(request: Message): Promise<Message>;
}
type Service = GrpcService<Probe>;

/** Ten seconds; `GRPC_MANY_CALLS=100000` takes a minute. */
const CALLS = Number(process.env['GRPC_MANY_CALLS'] ?? 20_000);
const AT_ONCE = 100;
/** By then everything has been compiled, and every buffer has its size. */
const WARM = 5_000;
/** A call that is kept whole is a kilobyte and more: 15 MB. */
const NOISE_BYTES = 8 * 2 ** 20;

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

const open: GrpcTestServer[] = [];
afterAll(async () => {
  for (const one of open) await one.close();
});

async function serve(handle: ProbeOptions['handle']): Promise<Service> {
  const server = await startGrpcTestServer(probeModule({ handle, logging: false }), {
    packages: 'probe.v1',
    protoPath: PROTO,
    client: { timeout: '10m' },
  });
  open.push(server);
  return server.client<Service>('probe.v1.Probe');
}

/**
 * Most are answered, one of twenty fails, one of two hundred is given up. Not more: a server of Node ends a connection on which about 1,000 streams are reset at once, with all calls on it. So
 * it does to grpc-js alone, and no more where `streamResetBurst` of Node 24 is raised.
 */
async function ask(probe: Service, number: number, living: AbortSignal): Promise<string> {
  const kind = number % 20 === 0 ? 'fail' : number % 200 === 10 ? 'wait' : 'echo';
  const stop = new AbortController();
  const signal = kind === 'wait' ? stop.signal : living;
  const call = probe.unary({ id: kind }, { signal }).then(
    ({ id }) => id,
    (error: unknown) => (isRemoteError(error) ? error.status : String(error)),
  );
  if (kind === 'wait') setImmediate(() => stop.abort());
  return call;
}

it(`leaves nothing of ${CALLS} calls behind, although the message that they are made for goes on`, async () => {
  const last = await serve((message) => {
    const { id } = message as Message;
    if (id === 'fail') throw new NotFoundException();
    return id === 'wait' ? NEVER : message;
  });
  const ended: Record<string, number> = {};
  const found = { listeners: -1, cancelled: [-1], grown: Infinity };
  const first = await serve(async (message) => {
    const { message: inbound } = MessageContext.require();
    const living = new AbortController().signal;
    const call = inbound.raw as EventEmitter;
    const before = call.listenerCount('cancelled');
    let next = 0;
    const work = async (until: number): Promise<void> => {
      while (next < until) {
        const how = await ask(last, next++, living);
        ended[how] = (ended[how] ?? 0) + 1;
      }
    };
    const workers = (until: number) =>
      Promise.all(Array.from({ length: AT_ONCE }, () => work(until)));
    await workers(WARM);
    collect();
    const { heapUsed } = process.memoryUsage();
    await workers(CALLS);
    collect();
    found.grown = process.memoryUsage().heapUsed - heapUsed;
    found.listeners =
      getEventListeners(living, 'abort').length + getEventListeners(inbound.signal, 'abort').length;
    found.cancelled = [before, call.listenerCount('cancelled')];
    return message;
  });
  await first.unary({ id: 'a' });
  expect(ended).toEqual({ echo: CALLS * 0.945, NOT_FOUND: CALLS * 0.05, CANCELLED: CALLS * 0.005 });
  expect(found.listeners).toBe(0);
  expect(found.cancelled[1]).toBe(found.cancelled[0]! + 1);
  expect(found.grown).toBeLessThan(NOISE_BYTES);
});
