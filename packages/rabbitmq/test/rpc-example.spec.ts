import { openContext } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { expect, it, vi } from 'vitest';
import { Prices, StockConsumer } from './support/rpc-example.js';

it('boots with what the guide shows of golevelup, and asks', async () => {
  const request = vi.fn<(options: object) => Promise<unknown>>(async () => ({ price: 7 }));
  const connect = () => Promise.reject(new Error('there is no broker here'));
  @Module({
    imports: [MessageContextModule.forRoot(), RabbitMqModule.forRoot({ connect })],
    providers: [StockConsumer, Prices, { provide: AmqpConnection, useValue: { request } }],
  })
  class AppModule {}
  const { app, close } = await openContext(AppModule);
  await expect(app.get(Prices).of('chair')).resolves.toEqual({ price: 7 });
  expect(request.mock.calls[0]?.[0]).toMatchObject({ payload: { item: 'chair' }, timeout: 2_000 });
  await close();
});
