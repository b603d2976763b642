import 'reflect-metadata';
import { Controller, Scope, type Type } from '@nestjs/common';
import { EventPattern, Transport } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeServer } from './support/fake-server.js';
import { OwnSettlement, OwnSettlementModule } from './support/own-settlement.js';
import { deliveriesTo } from './support/settled-app.js';

const fail = (): never => {
  throw new Error('not now');
};

@Controller()
class First {
  @EventPattern('both')
  onBoth(): void {
    fail();
  }

  @EventPattern(['one', 'other'])
  onEither(): void {
    fail();
  }

  @EventPattern('elsewhere', Transport.REDIS)
  elsewhere(): void {
    fail();
  }
}

class Base {
  @EventPattern('inherited')
  onInherited(): void {
    fail();
  }
}

@Controller()
class Second extends Base {
  @EventPattern('both')
  alsoOnBoth(): void {}

  @EventPattern('elsewhere')
  everywhere(): void {
    fail();
  }
}

@Controller({ scope: Scope.REQUEST })
class PerRequest {
  @EventPattern('per-request')
  onPerRequest(): void {
    fail();
  }
}

class RabbitServer extends FakeServer {
  override readonly transportId = Transport.RMQ;
}

let close = async (): Promise<void> => {};
afterEach(() => close());

async function open(...controllers: Type<unknown>[]) {
  const module = await Test.createTestingModule({
    imports: [MessageContextModule.forRoot(), OwnSettlementModule],
    controllers,
  }).compile();
  const app = module.createNestApplication({ logger: false });
  const server = new RabbitServer({ noAck: false });
  app.connectMicroservice({ strategy: server }, { inheritAppConfig: true });
  await app.init();
  close = () => app.close();
  const { deliver } = deliveriesTo(server);
  const { asked } = app.get(OwnSettlement);
  return async (pattern: string) => {
    await deliver(pattern);
    return asked.at(-1)!.handler;
  };
}

describe('the method that a settlement is told', () => {
  it.each<[pattern: string, Type<unknown>, methodName: string]>([
    ['both', First, 'onBoth'],
    ['one', First, 'onEither'],
    ['other', First, 'onEither'],
    ['inherited', Second, 'onInherited'],
    ['elsewhere', Second, 'everywhere'],
    ['per-request', PerRequest, 'onPerRequest'],
  ])('of a message of "%s" is the one that failed', async (pattern, owner, methodName) => {
    const handlerOf = await open(First, Second, PerRequest);
    await expect(handlerOf(pattern)).resolves.toEqual({
      handler: { className: owner.name, methodName },
      owner,
      method: (owner.prototype as Record<string, unknown>)[methodName],
    });
  });

  it('is the one of several that failed, and not the first', async () => {
    const handlerOf = await open(Second, First);
    await expect(handlerOf('both')).resolves.toMatchObject({
      handler: { className: 'First', methodName: 'onBoth' },
    });
  });
});
