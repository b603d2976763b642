import { openContext, waitFor } from '@acme/internal-testing';
import { MessageContext } from '@acme/nest-message-context';
import type { RpcError } from '@acme/nest-rabbitmq';
import { RmqRecordBuilder } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Reservations, reservationsOf, StockController } from './support/rpc-example.js';
import {
  clientOf,
  empties,
  golevelupCaller,
  nestCaller,
  newQueue,
  openGolevelup,
  openNest,
  openReliable,
  openWith,
  orders,
  useBroker,
  type OpenServer,
} from './support/rpc-ground.js';

const { broker, later } = useBroker();

describe('a request that ReliableClientRMQ makes', () => {
  it('fails at once where there is no queue', async () => {
    const client = clientOf(broker().name('nowhere'), { noAssert: true });
    await expect(firstValueFrom(client.send('total', {}))).rejects.toMatchObject({
      code: 'RABBITMQ_RPC_UNROUTABLE',
      message: expect.stringContaining('"total" came to no queue') as string,
    });
  });

  it('has no more time than the message that is being handled', async () => {
    const { queue } = await openReliable();
    const client = clientOf(queue);
    const inner = () => firstValueFrom(client.send('total', { how: 'succeeds' }));
    const outer = (expiration: number) =>
      firstValueFrom(
        client.send('relayed', new RmqRecordBuilder({}).setOptions({ expiration }).build()),
      );
    let deadline: number | undefined;
    orders.relay = () => {
      ({ deadline } = MessageContext.require().message);
      return inner();
    };
    await expect(outer(5_000)).resolves.toEqual({ total: 700 });
    expect(deadline).toBeGreaterThan(Date.now());
    expect(orders.seen).toMatchObject([{ deadline }]);
    let late: unknown;
    orders.relay = async () => {
      await waitFor(() => Date.now() > MessageContext.require().message.deadline!);
      await inner().catch((error: unknown) => (late = error));
    };
    await expect(outer(100)).rejects.toMatchObject({ code: 'RABBITMQ_RPC_TIMEOUT' });
    await waitFor(() => late !== undefined);
    expect(late).toMatchObject({
      code: 'RABBITMQ_RPC_TIMEOUT',
      message: expect.stringContaining('was not asked') as string,
    });
    expect(orders.seen).toHaveLength(1);
  });

  it('brings all values of a stream', async () => {
    const { queue } = await openReliable();
    await expect(lastValueFrom(clientOf(queue).send('each', {}).pipe(toArray()))).resolves.toEqual([
      1, 2, 3,
    ]);
  });

  it('is dropped by the broker when nobody waits any more', async () => {
    const queue = newQueue();
    const failing = firstValueFrom(clientOf(queue, { timeout: 200 }).send('total', {}));
    await waitFor(async () => (await broker().queue(queue))?.messages === 1);
    await expect(failing).rejects.toMatchObject({
      code: 'RABBITMQ_RPC_TIMEOUT',
      message: expect.stringContaining('within 200 ms') as string,
    });
    await empties(queue);
  });

  it('refuses a timeout that is none', () => {
    expect(() => clientOf('x', { timeout: 'soon' })).toThrow(/timeout: "soon"/);
  });
});

describe.each([
  ['Nest RMQ', openNest],
  ['ReliableRmqServer', openReliable],
] as [string, OpenServer][])('a server of %s', (_, openServer) => {
  it('answers with an error what it cannot write down, and goes on', async () => {
    const { queue } = await openServer();
    const client = clientOf(queue);
    await expect(firstValueFrom(client.send('huge', {}))).rejects.toMatchObject({
      code: 'RABBITMQ_RPC_FAILED',
      statusCode: 500,
    });
    await expect(firstValueFrom(client.send('total', { how: 'succeeds' }))).resolves.toBeTruthy();
    await empties(queue);
  });

  it('acks a request that says nowhere to reply, and goes on', async () => {
    const { queue } = await openServer();
    const channel = await broker().confirmChannel();
    const packet = { pattern: 'total', data: { how: 'succeeds' }, id: '1' };
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(packet)));
    await waitFor(() => orders.seen.length === 1);
    const { ask } = await nestCaller({ queue });
    await expect(ask('succeeds')).resolves.toEqual({ total: 700 });
    await empties(queue);
  });
});

describe('what the guide shows', () => {
  it('reserves until nothing is left', async () => {
    const queue = newQueue();
    await openWith(queue, StockController);
    const { app, close } = await openContext(reservationsOf(broker().url, queue));
    later(close);
    const reservations = app.get(Reservations);
    const left = [];
    for (let count = 0; count < 4; count += 1) left.push(await reservations.reserve('chair'));
    expect(left).toEqual([2, 1, 0, undefined]);
  });
});

describe.each([
  ['golevelup', openGolevelup],
  ['ReliableRmqServer', openReliable],
] as [string, OpenServer][])(
  'a request of golevelup with an id of its own to %s',
  (_, openServer) => {
    it.each([
      ['succeeds', { total: 700 }],
      ['refuses', 'OUT_OF_STOCK'],
    ])('gets its answer when the handler %s', async (how, answer) => {
      const server = await openServer();
      const { ask } = await golevelupCaller(server);
      const headers = { 'X-Request-ID': 'r-1' };
      const answered = ask(how, 2_000, headers).catch(
        (error: unknown) => (error as RpcError).reason,
      );
      await expect(answered).resolves.toEqual(answer);
    });
  },
);

describe('an event for Nest RMQ', () => {
  it('is retried when it fails, wherever its sender wants a reply', async () => {
    const { queue } = await openNest();
    const channel = await broker().confirmChannel();
    const packet = { pattern: 'noted', data: { how: 'breaks' } };
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(packet)), {
      replyTo: broker().name('nobody'),
      correlationId: '1',
      messageId: '1',
    });
    await waitFor(() => orders.seen.length === 2);
  });
});
