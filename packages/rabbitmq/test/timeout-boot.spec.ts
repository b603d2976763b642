import { openContext } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { RabbitMqModule, RmqConsumer } from '@acme/nest-rabbitmq';
import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Controller, Module, Post } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { describe, expect, it } from 'vitest';

async function refusal(kind: MethodDecorator, options: object): Promise<string> {
  @Controller()
  class Orders {
    @RmqConsumer(options as never)
    @kind
    on(): void {}
  }
  const connect = () => Promise.reject(new Error('there is no broker here'));
  @Module({
    imports: [MessageContextModule.forRoot(), RabbitMqModule.forRoot({ connect })],
    controllers: [Orders],
    providers: [Orders],
  })
  class AppModule {}
  const opened = await openContext(AppModule).catch((error: unknown) => error as Error);
  if (opened instanceof Error) return opened.message;
  await opened.close();
  return '';
}

const event = EventPattern('placed') as unknown as MethodDecorator;

describe('@RmqConsumer() at boot', () => {
  it.each([event, RabbitSubscribe({ queue: 'orders' })])('takes a time', async (kind) => {
    await expect(refusal(kind, { timeout: '30s' })).resolves.toBe('');
  });

  it.each<[string, MethodDecorator, object, string]>([
    ['no time', event, {}, "timeout: there is none. Give one, such as '30s'."],
    ['a time that is none', event, { timeout: 'soon' }, 'timeout: "soon"'],
    ['what it does not know', event, { timeout: '1s', prefetch: 1 }, 'prefetch'],
    ['an HTTP request', Post('orders'), { timeout: '1s' }, 'http: its time is not for RabbitMQ'],
    ['a plain method', () => {}, { timeout: '1s' }, 'method: its time is not for RabbitMQ'],
  ])('refuses %s', async (_, kind, options, says) => {
    const message = await refusal(kind, options);
    expect(message).toContain('@RmqConsumer() on Orders.on: ');
    expect(message).toContain(says);
  });
});
