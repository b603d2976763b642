// The order of a key where an event has several handlers, where messages are requests, and where one server of several closes.
import { setTimeout as sleep } from 'node:timers/promises';
import { testBroker, waitFor, type TestBroker } from '@acme/internal-testing';
import { DeadLetter, MessageContext } from '@acme/nest-message-context';
import {
  DeadLetters,
  RabbitMqEvents,
  RmqOrdered,
  type RmqOrderedOptions,
} from '@acme/nest-rabbitmq';
import { Controller, UseGuards, type CanActivate } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Open } from './support/consumers.js';
import { KeptOrder } from './support/kept-order.js';
import { keyedBy, numbered, orderedGround, type Numbered } from './support/ordered-ground.js';
import { openServers } from './support/ordered-server.js';

let broker: TestBroker;
beforeAll(async () => {
  broker = await testBroker();
});

const parkKey = { key: keyedBy, onFailure: 'park-key' } as const;
const once = { attempts: 1 } as const;
const passes: CanActivate = { canActivate: () => true };
const unused = undefined as unknown as Open;
const numberOf = ({ n }: Numbered) => ({ headers: { 'x-sequence': n } });

describe('two handlers of one event', () => {
  interface Other {
    readonly ordered?: RmqOrderedOptions;
    readonly guard?: CanActivate;
    readonly handle: (n: number) => unknown;
  }

  async function scene(ordered: RmqOrderedOptions, one: Other, other: Other) {
    const ground = orderedGround(broker, unused, 'two-handlers');
    const began: string[] = [];
    const found: string[] = [];
    const on = async (name: string, { n }: Numbered, { handle }: Other): Promise<void> => {
      began.push(`${name} ${n}`);
      await handle(n);
    };
    @Controller()
    class Billing {
      @EventPattern('placed')
      @RmqOrdered(one.ordered ?? ordered)
      @UseGuards(one.guard ?? passes)
      placed(@Payload() message: Numbered): Promise<void> {
        return on('billing', message, one);
      }
    }
    @Controller()
    class Shipping {
      @EventPattern('placed')
      @RmqOrdered(other.ordered ?? ordered)
      @UseGuards(other.guard ?? passes)
      placed(@Payload() message: Numbered): Promise<void> {
        return on('shipping', message, other);
      }
    }
    const controllers = [Billing, Shipping];
    const order = new KeptOrder();
    const opened = await openServers({
      broker,
      grounds: [ground],
      controllers,
      order,
      retry: once,
    });
    opened.app.get(RabbitMqEvents).events$.subscribe(({ type }) => void found.push(type));
    const untilParked = (count: number) =>
      waitFor(async () => (await ground.depth('.dlq')) === count, { what: `${count} parked` });
    return { ...ground, ...opened, began, found, untilParked };
  }

  const bad = (number: number, ms = 0) => ({
    handle: async (n: number) => {
      await sleep(ms);
      if (n === number) throw new DeadLetter('BAD');
    },
  });
  const good = (ms = 0) => ({ handle: () => sleep(ms) });

  it.each([
    { what: 'first', one: bad(2), other: good(20) },
    { what: 'first, the last to end', one: bad(2, 20), other: good() },
    { what: 'second', one: good(20), other: bad(2) },
    { what: 'second, the last to end', one: good(), other: bad(2, 20) },
  ])('stop their key before the next one begins: the $what fails', async ({ one, other }) => {
    const { publish, began, untilParked, close } = await scene(parkKey, one, other);
    await publish(numbered(1, 5));
    await untilParked(4);
    await close();
    expect(began).toEqual(['billing 1', 'shipping 1', 'billing 2', 'shipping 2']);
  });

  it('let nothing go that stands behind what one of them fails at again', async () => {
    const consumer = await scene(parkKey, good(), bad(1, 20));
    const { publish, began, queue, untilParked, close } = consumer;
    await publish(numbered(1, 3));
    await untilParked(3);
    const dead = consumer.app.get(DeadLetters);
    await dead.redrive(`${queue}.dlq`);
    await waitFor(() => began.length === 4);
    await untilParked(3);
    await close();
    expect(began.slice(2)).toEqual(['billing 1', 'shipping 1']);
  });

  it('have each what it asks for, where that differs', async () => {
    const numbers = { ordered: { key: keyedBy, sequence: {} } };
    const { publish, began, untilParked, close } = await scene(
      parkKey,
      { ...good(), ...numbers },
      bad(1),
    );
    await publish(numbered(1, 3), numberOf);
    await untilParked(3);
    await close();
    expect(began.filter((one) => one.startsWith('shipping'))).toEqual(['shipping 1']);
  });

  it('take no message for a copy that the other one has handled already', async () => {
    const guard = { canActivate: () => sleep(20).then(() => true) };
    const { publish, began, found, close } = await scene({ key: keyedBy, sequence: {} }, good(), {
      ...good(),
      guard,
    });
    await publish(numbered(1, 3), numberOf);
    await waitFor(() => began.length === 6);
    await close();
    expect(found).not.toContain('out_of_sequence');
  });
});

describe('a request', () => {
  async function scene(controller: new () => object) {
    const ground = orderedGround(broker, unused, 'ordered-requests');
    const order = new KeptOrder();
    const opened = await openServers({
      broker,
      grounds: [ground],
      controllers: [controller],
      order,
    });
    const replyTo = broker.name('ordered-requests.replies');
    const channel = await broker.confirmChannel();
    await channel.assertQueue(replyTo);
    await channel.close();
    const request = (messages: readonly Numbered[]) =>
      ground.publish(messages, (message) => ({
        ...numberOf(message),
        replyTo,
        correlationId: `${message.n}`,
      }));
    return { ...ground, ...opened, request };
  }

  it('that a guard has parked is settled', async () => {
    const guard = {
      canActivate: () =>
        !MessageContext.require().message.delivery.settle({
          action: 'park',
          code: 'NOT_ALLOWED',
          reason: 'because',
        }),
    };
    @Controller()
    class Orders {
      @MessagePattern('placed')
      @RmqOrdered(parkKey)
      @UseGuards(guard)
      placed(): string {
        return 'placed';
      }
    }
    const { request, depth, close } = await scene(Orders);
    await request(numbered(1, 1));
    await waitFor(async () => (await depth('.dlq')) === 1, { what: 'it is parked' });
    await close();
    await expect(depth()).resolves.toBe(0);
  });

  it('that was answered with its error is missed by nobody', async () => {
    const began: number[] = [];
    const found: string[] = [];
    @Controller()
    class Orders {
      @MessagePattern('placed')
      @RmqOrdered({ key: keyedBy, sequence: { onGap: 'hold', holdMax: '1m' } })
      placed(@Payload() { n }: Numbered): number {
        began.push(n);
        if (n === 2) throw new Error('no such order');
        return n;
      }
    }
    const { app, request, close } = await scene(Orders);
    app.get(RabbitMqEvents).events$.subscribe(({ type }) => void found.push(type));
    await request(numbered(1, 3));
    await waitFor(() => began.length === 3);
    await close();
    expect(found).not.toContain('out_of_sequence');
  });
});

it('goes on at the other servers where one closes', async () => {
  const grounds = [orderedGround(broker, unused, 'one'), orderedGround(broker, unused, 'other')];
  const done: number[] = [];
  const failures: number[] = [];
  @Controller()
  class Orders {
    @EventPattern('placed')
    @RmqOrdered({ key: keyedBy })
    placed(@Payload() { n }: Numbered): void {
      if (n === 3 && failures.push(n) < 3) throw new Error('not now');
      done.push(n);
    }
  }
  const retry = { attempts: 3, initial: 50, max: 100, jitter: false } as const;
  const { servers, close } = await openServers({ broker, grounds, controllers: [Orders], retry });
  await grounds[1]!.publish(numbered(1, 2));
  await waitFor(() => done.length === 2);
  await servers[0]!.close();
  await grounds[1]!.publish(numbered(1, 4).slice(2));
  await waitFor(() => done.length === 4, { what: 'what came after' });
  expect(done).toEqual([1, 2, 3, 4]);
  await close();
  await expect(grounds[1]!.depth()).resolves.toBe(0);
});
