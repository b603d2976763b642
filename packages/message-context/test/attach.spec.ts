import 'reflect-metadata';
import { BadRequestException, Controller, Post, UseGuards } from '@nestjs/common';
import {
  EventPattern,
  GrpcMethod,
  MessagePattern,
  Payload,
  RmqContext,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { RecordingLogger } from '@acme/internal-testing';
import {
  attachMessageContext,
  MessageContext,
  MessageContextModule,
} from '@acme/nest-message-context';
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeServer } from './support/fake-server.js';
import { Around, openTraced } from './support/trace.js';

const seen: (string | undefined)[] = [];
const note = (): void => void seen.push(MessageContext.current()?.message.name);

class Guard {
  canActivate(): boolean {
    note();
    return true;
  }
}

@Controller()
class Undecorated {
  @UseGuards(Guard)
  @MessagePattern('asked')
  async asked(@Payload() payload: unknown): Promise<unknown> {
    note();
    return payload;
  }

  @EventPattern('told')
  first(): void {
    note();
  }

  @EventPattern('told')
  second(): void {
    note();
  }

  @EventPattern('refused')
  refused(): void {
    throw new BadRequestException('wrong');
  }

  @Post()
  http(): void {}
}

let close: () => Promise<void> = async () => {};
afterEach(async () => {
  await close();
  seen.length = 0;
});

async function hybrid(server: FakeServer, log = new RecordingLogger()) {
  const module = await Test.createTestingModule({
    imports: [MessageContextModule.forRoot()],
    controllers: [Undecorated],
  })
    .setLogger(log)
    .compile();
  const app = module.createNestApplication();
  close = () => app.close();
  app.connectMicroservice({ strategy: server });
  return app;
}

describe('attachMessageContext on a hybrid application', () => {
  it('opens the context before guards, although Nest registered the handlers when it connected', async () => {
    const server = new FakeServer();
    const log = new RecordingLogger();
    const app = attachMessageContext(await hybrid(server, log));
    await app.startAllMicroservices();
    await app.init();
    expect(await server.ask('asked', 'echo')).toBe('echo');
    expect(seen).toEqual(['asked', 'asked']);
    expect(log.messages('warn')).toEqual([]);
  });

  it('runs each handler of an event once', async () => {
    const server = new FakeServer();
    const app = attachMessageContext(attachMessageContext(await hybrid(server)));
    await app.startAllMicroservices();
    await server.ask('told');
    expect(seen).toEqual(['told', 'told']);
  });

  it('keeps handlers that somebody gave to the server by hand, and opens the context for them', async () => {
    const server = new FakeServer();
    const app = await hybrid(server);
    server.addHandler('by hand', async () => note(), true, { extra: 1 });
    attachMessageContext(app);
    await server.ask('by hand');
    expect(seen).toEqual(['by hand']);
    const { isEventHandler, extras } = server.getHandlerByPattern('by hand')!;
    expect({ isEventHandler, extras }).toEqual({ isEventHandler: true, extras: { extra: 1 } });
  });

  it('refuses a microservice that was connected later', async () => {
    const app = attachMessageContext(await hybrid(new FakeServer()));
    app.connectMicroservice({ strategy: new FakeServer() });
    await expect(app.init()).rejects.toThrow(/1 of 2 microservices have no door/);
  });

  it('takes the data of a strategy that hands over nothing else', async () => {
    const server = new FakeServer();
    attachMessageContext(await hybrid(server));
    const payload = { only: 'data' };
    let received: unknown;
    server.addHandler('data alone', async () => {
      received = MessageContext.require().message.payload;
    });
    await server.call('data alone', payload);
    expect(received).toBe(payload);
    await expect(server.call('asked', 'text alone')).resolves.toBe('text alone');
  });

  it('tells two messages apart that come with one and the same context object', async () => {
    const server = new FakeServer();
    attachMessageContext(await hybrid(server));
    const ids: string[] = [];
    server.addHandler('reused', async () => void ids.push(MessageContext.require().correlationId));
    const context = {};
    await Promise.all([server.call('reused', 1, context), server.call('reused', 2, context)]);
    await server.call('reused', 3, context);
    expect(new Set(ids).size).toBe(3);
  });
});

describe('a delivery of RabbitMQ in a hybrid application', () => {
  const deliver = async (pattern: string, payload: unknown): Promise<unknown[]> => {
    const settled: unknown[] = [];
    const channel = {
      ack: () => settled.push('ack'),
      reject: (_message: unknown, requeue: boolean) => settled.push(requeue ? 'requeue' : 'reject'),
    };
    const message = {
      content: Buffer.alloc(0),
      fields: { deliveryTag: 1, redelivered: false, exchange: '', routingKey: pattern },
      properties: { headers: {} },
    };
    const server = new FakeServer({ noAck: false });
    const app = attachMessageContext(await hybrid(server));
    await app.init();
    await server.call(pattern, payload, new RmqContext([message, channel, pattern]));
    return settled;
  };

  it('is settled by outcome', async () => {
    expect(await deliver('told', {})).toEqual(['ack']);
  });

  it('is settled by the error as it was thrown, which the filters of Nest hide', async () => {
    expect(await deliver('refused', {})).toEqual(['reject']);
  });
});

describe('the fallback', () => {
  it('ends the message with its handler: what gRPC calls "cancelled" afterwards aborts nothing', async () => {
    const call = Object.assign(new EventEmitter(), {
      cancelled: false,
      metadata: { toJSON: () => ({}) },
      getPath: () => '/orders/Place',
      getDeadline: () => Date.now() + 60_000,
    });
    let signal: AbortSignal | undefined;
    @Controller()
    class Calls {
      @Around()
      @GrpcMethod('Orders', 'Place')
      async place(): Promise<void> {
        ({ signal } = MessageContext.require().message);
        expect(call.listenerCount('cancelled')).toBe(1);
      }
    }
    const { app, server } = await openTraced({ controllers: [Calls], door: false });
    close = () => app.close();
    const [pattern] = [...server.getHandlers().keys()];
    await server.call(pattern!, {}, {}, call);
    call.emit('cancelled');
    expect([signal?.aborted, call.listenerCount('cancelled')]).toEqual([false, 0]);
  });
});

describe('attachMessageContext', () => {
  it('says what to import when the application has no module', async () => {
    const module = await Test.createTestingModule({}).compile();
    const app = module.createNestApplication();
    close = () => app.close();
    expect(() => attachMessageContext(app)).toThrow(
      /does not import MessageContextModule\. Add MessageContextModule\.forRoot\(\)/,
    );
  });
});
