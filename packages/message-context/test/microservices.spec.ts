import 'reflect-metadata';
import { BadRequestException, Controller, Post, UseGuards, type Type } from '@nestjs/common';
import {
  EventPattern,
  MessagePattern,
  Payload,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { RecordingLogger, waitFor } from '@acme/internal-testing';
import {
  MessageContext,
  MessageContextModule,
  Requeue,
  RetryLater,
} from '@acme/nest-message-context';
import { isObservable } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeServer } from './support/fake-server.js';
import { deliveriesTo } from './support/settled-app.js';
import { Around, Trace, TraceModule } from './support/trace.js';

const seen: (string | undefined)[] = [];
const note = (): void => void seen.push(MessageContext.current()?.message.name);

class Guard {
  canActivate(): boolean {
    note();
    return true;
  }
}

let isSlowRunning = false;
let letSlowEnd = (): void => {};

@Controller()
class Handlers {
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

  @EventPattern('fails beside')
  failsAtOnce(): void {
    throw new Requeue();
  }

  @EventPattern('fails beside')
  async takesTime(): Promise<void> {
    await new Promise<void>((end) => {
      isSlowRunning = true;
      letSlowEnd = end;
    });
    seen.push('slow one has ended');
  }

  @Around()
  @EventPattern('refused')
  async refused(): Promise<void> {
    throw new BadRequestException('wrong');
  }

  @EventPattern('refused undecorated')
  refusedUndecorated(): void {
    throw new BadRequestException('wrong');
  }

  @EventPattern('later')
  later(): void {
    throw new RetryLater({ after: 0, countAttempt: false });
  }

  @EventPattern('later, counted')
  laterCounted(): void {
    throw new RetryLater({ after: 0 });
  }

  @EventPattern('held for long')
  heldForLong(): void {
    throw new RetryLater({ after: 60_000 });
  }

  @EventPattern('calls another')
  async callsAnother(): Promise<void> {
    await this.refused();
  }

  @Post()
  http(): void {}
}

let close: () => Promise<void> = async () => {};
afterEach(async () => {
  await close();
  seen.length = 0;
  isSlowRunning = false;
});

async function compile(log = new RecordingLogger(), controllers: Type<unknown>[] = [Handlers]) {
  return Test.createTestingModule({
    imports: [MessageContextModule.forRoot(), TraceModule],
    controllers,
  })
    .setLogger(log)
    .compile();
}

async function hybrid(strategy: FakeServer, { log = new RecordingLogger() } = {}) {
  const app = (await compile(log)).createNestApplication();
  close = () => app.close();
  app.connectMicroservice<MicroserviceOptions>({ strategy });
  return app;
}

describe('a microservice', () => {
  it('has its door without a line in main.ts', async () => {
    const server = new FakeServer();
    const app = (await compile()).createNestMicroservice<MicroserviceOptions>({
      strategy: server,
    });
    close = () => app.close();
    await app.listen();
    expect(await server.ask('asked', 'echo')).toBe('echo');
    expect(seen).toEqual(['asked', 'asked']);
  });
});

describe('a hybrid application', () => {
  it('opens the context before guards, although Nest registers the handlers when it connects', async () => {
    const server = new FakeServer();
    const log = new RecordingLogger();
    const app = await hybrid(server, { log });
    await app.startAllMicroservices();
    await app.init();
    expect(await server.ask('asked', 'echo')).toBe('echo');
    expect(seen).toEqual(['asked', 'asked']);
    expect(log.messages('warn')).toEqual([]);
  });

  it('runs each handler of an event once', async () => {
    const server = new FakeServer();
    await (await hybrid(server)).init();
    await server.ask('told');
    expect(seen).toEqual(['told', 'told']);
  });

  it('opens the context for handlers that somebody gives to the server by hand', async () => {
    const server = new FakeServer();
    await (await hybrid(server)).init();
    server.addHandler('by hand', async () => note(), true, { extra: 1 });
    await server.ask('by hand');
    expect(seen).toEqual(['by hand']);
    const { isEventHandler, extras } = server.getHandlerByPattern('by hand')!;
    expect({ isEventHandler, extras }).toEqual({ isEventHandler: true, extras: { extra: 1 } });
  });

  it('keeps messages that come before its modules have initialised', async () => {
    const server = new FakeServer();
    const app = await hybrid(server);
    await app.startAllMicroservices();
    const early = server.ask('asked', 'early');
    await expect(Promise.race([early, Promise.resolve('waiting')])).resolves.toBe('waiting');
    expect(seen).toEqual([]);
    await app.init();
    expect(await early).toBe('early');
  });

  it('turns them away when it closes before it was ready', async () => {
    const server = new FakeServer();
    const app = await hybrid(server);
    await app.startAllMicroservices();
    const early = server.ask('asked', 'early').catch((error: unknown) => error);
    await app.close();
    expect(String(await early)).toMatch(/closed before it was ready/);
    await expect(server.ask('asked')).rejects.toThrow(/closed before it was ready/);
    close = async () => {};
  });

  it('turns them away in a stream: what a handler throws, Nest answers to nobody', async () => {
    const server = new FakeServer();
    const app = await hybrid(server);
    await app.startAllMicroservices();
    const handle = server.getHandlerByPattern('asked')!;
    const early = handle({}, {});
    await app.close();
    expect(isObservable(await early)).toBe(true);
    close = async () => {};
  });

  it('gives a door to a microservice that is connected when it runs already', async () => {
    const app = await hybrid(new FakeServer());
    await app.init();
    const server = new FakeServer({ noAck: false });
    app.connectMicroservice<MicroserviceOptions>({ strategy: server });
    expect(await server.ask('asked', 'echo')).toBe('echo');
    expect(seen).toEqual(['asked', 'asked']);
  });

  it('refuses one that would leave its messages unprotected, then as at boot', async () => {
    const app = await hybrid(new FakeServer());
    await app.init();
    expect(() =>
      app.connectMicroservice<MicroserviceOptions>({ strategy: new FakeServer({ noAck: true }) }),
    ).toThrow(/Handlers\.refused: the RabbitMQ microservice has noAck: true/);
  });

  it('takes the data of a strategy that hands over nothing else', async () => {
    const server = new FakeServer();
    await (await hybrid(server)).init();
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
    await (await hybrid(server)).init();
    const ids: string[] = [];
    server.addHandler('reused', async () => void ids.push(MessageContext.require().correlationId));
    const context = {};
    await Promise.all([server.call('reused', 1, context), server.call('reused', 2, context)]);
    await server.call('reused', 3, context);
    expect(new Set(ids).size).toBe(3);
  });
});

describe('a delivery of RabbitMQ in a hybrid application', () => {
  async function open() {
    const server = new FakeServer({ noAck: false });
    return { app: await hybrid(server), ...deliveriesTo(server) };
  }

  const outcomeOf = async (pattern: string) => {
    const { app, settled, deliver } = await open();
    await app.init();
    await deliver(pattern);
    return waitFor(() => settled.at(-1));
  };

  it('is settled by outcome', async () => {
    expect(await outcomeOf('told')).toBe('ack');
  });

  it('is settled by the error as it was thrown, which the filters of Nest hide', async () => {
    expect(await outcomeOf('refused')).toBe('reject');
  });

  it('also under an undecorated handler', async () => {
    expect(await outcomeOf('refused undecorated')).toBe('reject');
  });

  it('brings the message nearer to the delivery limit of a quorum queue only when it is to blame', async () => {
    expect(await outcomeOf('later')).toBe('nack, requeue');
    await close();
    expect(await outcomeOf('later, counted')).toBe('requeue');
  });

  it('is settled when every handler of the event has ended, not when the first has failed', async () => {
    const { app, settled, deliver } = await open();
    await app.init();
    const handled = deliver('fails beside');
    await waitFor(() => isSlowRunning);
    expect(settled).toEqual([]);
    letSlowEnd();
    await handled;
    expect(seen).toEqual(['slow one has ended']);
    expect(settled).toEqual(['nack, requeue']);
  });

  it('goes back to the broker at once when the application closes while it is held', async () => {
    const { app, settled, deliver } = await open();
    await app.init();
    await deliver('held for long');
    expect(settled).toEqual([]);
    await app.close();
    expect(settled).toEqual(['requeue']);
    close = async () => {};
  });

  it('goes back to the broker when the application closes before it was ready', async () => {
    const { app, settled, deliver } = await open();
    await app.startAllMicroservices();
    const handled = deliver('told');
    await app.close();
    await handled;
    expect(settled).toEqual(['nack, requeue']);
    close = async () => {};
  });

  it('is not handled by a protected method that its undecorated handler calls', async () => {
    const { app, deliver } = await open();
    await app.init();
    await deliver('calls another');
    expect(app.get(Trace).calls.map(({ role }) => role)).toEqual(['method']);
  });
});
