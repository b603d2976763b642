import { freePort, openApp, openContext, openMicroservice } from '@acme/internal-testing';
import { MessageContextModule, OrderStore } from '@acme/nest-message-context';
import { RabbitMqModule, RmqOrdered, type RmqOrderedOptions } from '@acme/nest-rabbitmq';
import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Controller, Global, Injectable, Module, Post, type Type } from '@nestjs/common';
import {
  ClientProxyFactory,
  EventPattern,
  GrpcMethod,
  MessagePattern,
  Transport,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { KeptOrder } from './support/kept-order.js';
import {
  consumeOrders,
  LedgerController,
  OrdersConsumer,
  OrdersController,
} from './support/ordered-example.js';
import { describe, expect, it } from 'vitest';

const imports = [
  MessageContextModule.forRoot(),
  RabbitMqModule.forRoot({ connect: () => Promise.reject(new Error('there is no broker here')) }),
];

@Global()
@Module({
  providers: [{ provide: OrderStore, useFactory: () => new KeptOrder() }],
  exports: [OrderStore],
})
class StoreModule {}

function appWith(controller: Type<unknown>, ...more: Type<unknown>[]): Type<unknown> {
  @Module({ imports: [...imports, ...more], controllers: [controller], providers: [controller] })
  class AppModule {}
  return AppModule;
}

const refusal = async (controller: Type<unknown>, ...more: Type<unknown>[]): Promise<string> => {
  const opened = await openContext(appWith(controller, ...more)).catch(
    (error: unknown) => error as Error,
  );
  if (opened instanceof Error) return opened.message;
  await opened.close();
  return '';
};

const key = 'routingKey';

function handler(kind: MethodDecorator, options: RmqOrderedOptions = { key }): Type<unknown> {
  @Controller()
  class Orders {
    @RmqOrdered(options)
    @kind
    on(): void {}
  }
  return Orders;
}

/** Nest 12 wants to know for which parameters: this class has none. */
const onEvent = EventPattern('placed') as unknown as MethodDecorator;

describe('@RmqOrdered() at boot', () => {
  it.each([
    { what: 'an event', kind: onEvent },
    { what: 'a request', kind: MessagePattern('price') as unknown as MethodDecorator },
    { what: 'a message of golevelup', kind: RabbitSubscribe({ queue: 'orders' }) },
  ])('takes $what', async ({ kind }) => {
    await expect(refusal(handler(kind))).resolves.toBe('');
  });

  it.each([OrdersController, OrdersConsumer])('takes what the guide shows: %o', async (one) => {
    await expect(refusal(one)).resolves.toBe('');
  });

  it.each([
    { what: 'an HTTP request', kind: Post('orders'), says: 'an HTTP request has no delivery' },
    { what: 'a gRPC call', kind: GrpcMethod('Orders', 'Place'), says: 'a gRPC call has no' },
    { what: 'a plain method', kind: (() => {}) as MethodDecorator, says: 'a plain method has no' },
    {
      what: 'a batch',
      kind: RabbitSubscribe({ queue: 'orders', batchOptions: { size: 5 } }),
      says: 'Take batchOptions off',
    },
    {
      what: 'what judges its failures itself',
      kind: RabbitSubscribe({ queue: 'orders', errorHandler: () => {} }),
      says: "say onFailure: 'skip'",
    },
  ])('refuses $what, with the remedy', async ({ kind, says }) => {
    const message = await refusal(handler(kind));
    expect(message).toContain('@RmqOrdered() on Orders.on: ');
    expect(message).toContain(says);
  });

  it('takes what judges its failures itself where they skip the lane', async () => {
    const kind = RabbitSubscribe({ queue: 'orders', errorHandler: () => {} });
    await expect(refusal(handler(kind, { key, onFailure: 'skip' }))).resolves.toBe('');
  });

  it.each([
    { options: {}, says: 'key: undefined' },
    { options: { key: 'orderId' }, says: 'key: "orderId" is no place of a key' },
    { options: { key: { header: '' } }, says: 'key: the given object' },
    { options: { key: { header: 'x', payload: 'y' } }, says: 'key: the given object' },
    { options: { key, onFailure: 'hope' }, says: 'onFailure: "hope" is unknown' },
    { options: { key, lanes: 64 }, says: 'lanes: there is no such option' },
    { options: null, says: 'null is not an object' },
  ])('refuses options that are none: $says', async ({ options, says }) => {
    await expect(refusal(handler(onEvent, options as never))).resolves.toContain(says);
  });

  it('takes a handler that wants more known than a process knows, where there is a store', async () => {
    await expect(refusal(LedgerController, StoreModule)).resolves.toBe('');
  });

  it('warns where that store forgets everything with its process', async () => {
    class Forgetful extends KeptOrder {
      override readonly volatile: boolean = true;
    }
    @Global()
    @Module({
      providers: [{ provide: OrderStore, useFactory: () => new Forgetful() }],
      exports: [OrderStore],
    })
    class ForgetfulModule {}
    const { log, close } = await openContext(appWith(LedgerController, ForgetfulModule));
    expect(log.messages('warn')).toContainEqual(
      expect.stringContaining('The order store (tests) forgets everything with this process'),
    );
    await close();
  });

  it.each([
    {
      options: { key, onFailure: 'park-key' },
      says: "onFailure: 'park-key': there is no OrderStore",
    },
    { options: { key, sequence: {} }, says: 'sequence: there is no OrderStore' },
  ] as const)('refuses it where there is none: $options', async ({ options, says }) => {
    const message = await refusal(handler(onEvent, options));
    expect(message).toContain(says);
    expect(message).toContain('Import IdempotencyModule');
  });

  it.each([
    { options: { onFailure: 'park-key', key: () => 'k' }, says: 'key: a function reads' },
    { options: { key, sequence: 'yes' }, says: 'sequence: "yes" is not an object' },
    { options: { key, sequence: { from: 1 } }, says: 'sequence.from: there is no such option' },
    { options: { key, sequence: { header: '' } }, says: 'sequence.header: ""' },
    { options: { key, sequence: { onGap: 'stop' } }, says: 'sequence.onGap: "stop" is unknown' },
    { options: { key, sequence: { holdMax: '1m' } }, says: 'sequence.holdMax: nothing is held' },
    {
      options: { key, sequence: { onGap: 'hold', holdMax: 'soon' } },
      says: 'sequence.holdMax: "soon"',
    },
    {
      options: { key, sequence: { onGap: 'hold', holdMax: '11m' } },
      says: 'sequence.holdMax: "11m" is too long',
    },
    { options: { key, sequence: { startsAt: 0.5 } }, says: 'sequence.startsAt: 0.5' },
  ])('refuses options of it that are none: $says', async ({ options, says }) => {
    const message = await refusal(handler(onEvent, options as never), StoreModule);
    expect(message).toContain(`@RmqOrdered() on Orders.on: ${says}`);
  });

  it('takes every handler of a class', async () => {
    @RmqOrdered({ key })
    @Controller()
    class Orders {
      @EventPattern('placed')
      placed(): void {}

      @Post('orders')
      place(): void {}
    }
    const message = await refusal(Orders);
    expect(message).toContain('Orders.place: an HTTP request');
    expect(message).not.toContain('Orders.placed');
  });

  it('lets the application’s own calls pass', async () => {
    @Injectable()
    @Controller()
    class Orders {
      @RmqOrdered({ key })
      @EventPattern('placed')
      async placed(order: string): Promise<string> {
        return `placed ${order}`;
      }
    }
    const { app, close } = await openApp(appWith(Orders));
    await expect(app.get(Orders).placed('o-1')).resolves.toBe('placed o-1');
    await close();
  });

  it('handles nothing that comes where nobody knows an order', async () => {
    const handled: unknown[] = [];
    @Controller()
    class Prices {
      @RmqOrdered({ key: { payload: 'id' } })
      @MessagePattern('price')
      price(order: unknown): void {
        handled.push(order);
      }
    }
    const options = { host: '127.0.0.1', port: await freePort() };
    const { close } = await openMicroservice(appWith(Prices), {
      transport: Transport.TCP,
      options,
    });
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    await expect(lastValueFrom(client.send('price', { id: 'o-1' }))).rejects.toMatchObject({
      code: 'ORDER_UNKNOWN',
    });
    expect(handled).toEqual([]);
    await client.close();
    await close();
  });

  it('consumes nothing where what the guide declares cannot be declared', async () => {
    const connected: unknown[] = [];
    const app = { connectMicroservice: (one: unknown) => connected.push(one) };
    const nobody = `amqp://127.0.0.1:${await freePort()}`;
    await expect(consumeOrders(app as never, nobody)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    expect(connected).toEqual([]);
  });
});
