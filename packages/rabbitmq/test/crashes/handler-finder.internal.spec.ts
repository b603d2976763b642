import 'reflect-metadata';
import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { expect, it } from 'vitest';
import { HandlerFinder } from '../../src/crashes/handler-finder.js';

const queue = 'orders';
const of = (connection: string) =>
  RabbitSubscribe({ connection, exchange: 'shop', routingKey: 'placed', queue });

class Events {
  @of('home')
  atHome(): void {}

  @of('abroad')
  abroad(): void {}
}

it('finds the handler of the virtual host that a delivery came from', () => {
  const connections = ['home', 'abroad'].map((name) => ({ configuration: { name } }));
  const discovery = { getControllers: () => [], getProviders: () => [{ instance: new Events() }] };
  let source: object | undefined;
  const finder = new HandlerFinder(
    discovery as never,
    { servers: [], connections } as never,
    { clientOf: () => source && { source } } as never,
  );
  const found = () => {
    const fields = { exchange: 'shop', routingKey: 'placed', deliveryTag: 1, redelivered: true };
    const delivery = { content: Buffer.from('{}'), fields, properties: {} };
    return finder.of(queue, delivery as never).handler?.handler.methodName;
  };
  // Unknown, it may be of either.
  expect(found()).toBeUndefined();
  [source] = connections;
  expect(found()).toBe('atHome');
  [, source] = connections;
  expect(found()).toBe('abroad');
});
