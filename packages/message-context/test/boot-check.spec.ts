import 'reflect-metadata';
import { Controller, Get, Injectable, Module, Post, Sse, type DynamicModule } from '@nestjs/common';
import {
  EventPattern,
  GrpcMethod,
  GrpcStreamCall,
  GrpcStreamMethod,
  MessagePattern,
} from '@nestjs/microservices';
import { RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Test } from '@nestjs/testing';
import { RecordingLogger } from '@acme/internal-testing';
import {
  isMessageContextError,
  MessageContext,
  MessageContextConfigurationError,
  MessageContextModule,
  type HandlerKind,
  type MessageContextModuleOptions,
} from '@acme/nest-message-context';
import { EMPTY, type Observable } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeServer } from './support/fake-server.js';
import { Around, Before, openTraced, Trace, type TracedApp } from './support/trace.js';

let opened: TracedApp[] = [];
const open = async (options: Parameters<typeof openTraced>[0]): Promise<TracedApp> => {
  const app = await openTraced(options);
  opened.push(app);
  return app;
};
afterEach(async () => {
  for (const { app } of opened) await app.close();
  opened = [];
});

@Controller()
class Consumer {
  @Around()
  @EventPattern('placed')
  placed(): void {}

  @Around()
  @MessagePattern('asked')
  asked(): void {}

  @EventPattern('unprotected')
  unprotected(): void {}
}

describe('at boot', () => {
  it('a protected handler of a RabbitMQ server that acks by itself is refused, with the remedy', async () => {
    await expect(
      open({ controllers: [Consumer], server: new FakeServer({ noAck: true }) }),
    ).rejects.toThrow(
      /Consumer\.placed, Consumer\.asked: the RabbitMQ microservice has noAck: true .* Set noAck: false/s,
    );
  });

  it('is not asked of other transports, nor of applications with nothing to protect', async () => {
    @Controller()
    class Unprotected {
      @EventPattern('unprotected')
      handle(): void {}
    }
    await open({ controllers: [Consumer] });
    await open({ controllers: [Unprotected], server: new FakeServer({ noAck: true }) });
    const right = await open({ controllers: [Consumer], server: new FakeServer({ noAck: false }) });
    expect(right.trace.checked).toHaveLength(2);
  });

  it('reports every problem in one error', async () => {
    class Base {
      @Around()
      @EventPattern('over')
      over(): void {}
    }
    @Controller()
    class Wrong extends Base {
      override over(): void {}

      @Around('order', 'one')
      @Around('order', 'two')
      @EventPattern('twice')
      twice(): void {}

      @Before()
      nowhere(): void {}
    }
    const failure = await open({
      controllers: [Wrong],
      server: new FakeServer({ noAck: true }),
    }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MessageContextConfigurationError);
    expect(isMessageContextError(failure, 'MESSAGE_CONTEXT_CONFIGURATION')).toBe(true);
    expect(isMessageContextError(failure, 'MESSAGE_CONTEXT_MISSING')).toBe(false);
    const { code, problems, message } = failure as MessageContextConfigurationError;
    expect(code).toBe('MESSAGE_CONTEXT_CONFIGURATION');
    expect(problems).toHaveLength(4);
    expect(message).toMatch(/^4 problem\(s\) in the message handling of this application:/);
    for (const part of [
      'Wrong.twice has @Around',
      'Wrong.over overrides Base.over',
      "@Before('version') on Wrong.nowhere",
      'noAck: true',
    ])
      expect(message).toContain(part);
  });

  it('asks the stages once about each handler, and adds what they say to the one error', async () => {
    @Injectable()
    class Complains extends Trace {
      override problems = ({
        handler,
        options,
      }: {
        handler: { methodName: string };
        options: string;
      }) => [`${handler.methodName} is wrong for ${options}`];
    }
    @Controller()
    class Questioned {
      @Around()
      @Before()
      @EventPattern('e')
      handle(): void {}
    }
    await expect(open({ controllers: [Questioned], traceClass: Complains })).rejects.toThrow(
      /2 problem\(s\).*handle is wrong for idempotency.*handle is wrong for version/s,
    );
  });
});

describe('check()', () => {
  class Base {
    @Around()
    @EventPattern('inherited')
    inherited(): void {}
  }

  @Controller('kinds')
  class Kinds extends Base {
    @Around()
    @Post()
    http(): void {}

    @Around()
    @Sse('stream')
    sse(): Observable<never> {
      return EMPTY;
    }

    @Around()
    @GrpcMethod('S', 'Unary')
    grpc(): void {}

    @Around()
    @GrpcStreamMethod('S', 'Stream')
    grpcStream(): void {}

    @Around()
    @GrpcStreamCall('S', 'Call')
    grpcCall(): void {}

    @EventPattern('event')
    @Around()
    event(): void {}

    @Around()
    @MessagePattern(['one', { cmd: 'two' }])
    request(): void {}

    @MessagePattern({ rpc: 'a pattern of the user with this word in it' })
    @Around()
    lookalike(): void {}

    @Get('both')
    @EventPattern('both')
    @Around()
    both(): void {}

    @Around()
    @Before()
    @Post('edge')
    edge(): void {}
  }

  @Injectable()
  class Rabbit {
    @Around()
    @RabbitSubscribe({ queue: 'q' })
    subscribe(): void {}

    @RabbitSubscribe({ queue: 'q', batchOptions: { size: 10 } })
    @Around()
    batch(): void {}

    @Around()
    @RabbitRPC({ queue: 'q' })
    rpc(): void {}

    @Around()
    plain(): void {}
  }

  it('is told by which doors messages reach each handler', async () => {
    const { trace } = await open({ controllers: [Kinds], providers: [Rabbit] });
    const told = trace.checked.map(({ handler, kinds, options }): [string, HandlerKind[]] => [
      `${handler.className}.${handler.methodName} ${options}`,
      [...kinds].sort(),
    ]);
    expect(told.sort()).toEqual(
      (
        [
          ['Kinds.http idempotency', ['http']],
          ['Kinds.sse idempotency', ['sse']],
          ['Kinds.grpc idempotency', ['grpc']],
          ['Kinds.grpcStream idempotency', ['grpc-stream']],
          ['Kinds.grpcCall idempotency', ['grpc-stream']],
          ['Kinds.event idempotency', ['event']],
          ['Kinds.request idempotency', ['request']],
          ['Kinds.lookalike idempotency', ['request']],
          ['Kinds.both idempotency', ['event', 'http']],
          ['Kinds.edge idempotency', ['http']],
          ['Kinds.edge version', ['http']],
          ['Base.inherited idempotency', ['event']],
          ['Rabbit.subscribe idempotency', ['golevelup-subscribe']],
          ['Rabbit.batch idempotency', ['golevelup-batch']],
          ['Rabbit.rpc idempotency', ['golevelup-rpc']],
          ['Rabbit.plain idempotency', ['method']],
        ] as [string, HandlerKind[]][]
      ).sort(),
    );
  });

  it('is given the class and the function it was found on', async () => {
    const { trace } = await open({ controllers: [Kinds] });
    const inherited = trace.checked.find(({ handler }) => handler.methodName === 'inherited')!;
    expect(inherited.owner).toBe(Kinds);
    expect(inherited.method).toBe(Kinds.prototype.inherited);
  });
});

describe('the options of the module', () => {
  const BAD = {
    generateId: 7,
    trustIdentity: null,
    echoCorrelationId: 'yes',
    ttl: '1d',
  } as unknown as MessageContextModuleOptions;
  const EVERY_PROBLEM =
    /4 problem.*"generateId" is 7: it must be a function.*"trustIdentity" is null.*"echoCorrelationId" is yes: it must be a boolean.*no option "ttl": it knows generateId/s;

  const boot = async (...imports: DynamicModule[]): Promise<string> => {
    @Injectable()
    class Asks {
      @Around()
      async id(): Promise<string> {
        return MessageContext.require().correlationId;
      }
    }
    const { get } = await open({ imports, providers: [Asks] });
    return get(Asks).id();
  };

  it('are refused all at once', () => {
    expect(() => MessageContextModule.forRoot(BAD)).toThrow(EVERY_PROBLEM);
    expect(() => MessageContextModule.forRoot(null as never)).toThrow(
      MessageContextConfigurationError,
    );
  });

  it('may be left out, or undefined', async () => {
    await boot(MessageContextModule.forRoot());
    expect(
      await boot(MessageContextModule.forRoot({ generateId: undefined, trustIdentity: undefined })),
    ).toMatch(/^[0-9a-f-]{36}$/);
  });

  @Injectable()
  class Factory {
    create(): MessageContextModuleOptions {
      return { generateId: () => 'by a class' };
    }
  }
  @Module({ providers: [Factory], exports: [Factory] })
  class FactoryModule {}

  it.each([
    [
      'useFactory',
      {
        imports: [FactoryModule],
        inject: [Factory],
        useFactory: async (factory: Factory) => factory.create(),
      },
    ],
    ['useClass', { useClass: Factory }],
    ['useExisting', { imports: [FactoryModule], useExisting: Factory }],
  ])('come from %s', async (_way, options) => {
    expect(await boot(MessageContextModule.forRootAsync(options as never))).toBe('by a class');
  });

  it('are refused all at once when they come late, too', async () => {
    await expect(
      boot(MessageContextModule.forRootAsync({ useFactory: () => BAD })),
    ).rejects.toThrow(EVERY_PROBLEM);
  });

  it('may be given twice when they are the same, not when one would silently lose', async () => {
    const generateId = (): string => 'same';
    expect(
      await boot(
        MessageContextModule.forRoot({ generateId }),
        MessageContextModule.forRoot({ generateId }),
      ),
    ).toBe('same');
    await expect(
      boot(MessageContextModule.forRoot({ generateId }), MessageContextModule.forRoot()),
    ).rejects.toThrow(
      /configured 2 times, with different options\. Call .* once, in the root module/,
    );
  });
});

describe('the user’s functions', () => {
  @Controller()
  class Handler {
    @MessagePattern('who')
    who(): unknown {
      const { correlationId, tenantId } = MessageContext.require();
      return { correlationId, tenantId };
    }
  }
  const ask = async (options: object): Promise<{ reply: unknown; warnings: string[] }> => {
    const log = new RecordingLogger();
    const { server } = await open({
      controllers: [Handler],
      imports: [MessageContextModule.forRoot(options as MessageContextModuleOptions)],
      log,
    });
    const reply = await server.ask('who');
    return { reply, warnings: log.messages('warn') };
  };
  const fails = (): never => {
    throw new Error('broken');
  };

  it.each([
    ['throws', fails, /generateId threw "broken"/],
    ['returns nothing', () => undefined, /generateId returned undefined/],
    ['returns a line break', () => 'a\r\nb', /generateId returned a/],
    ['returns a promise', async () => 'late', /generateId returned \[object Promise\]/],
  ])(
    'generateId %s: the message is handled under a UUID, with a warning',
    async (_, generateId, warning) => {
      const { reply, warnings } = await ask({ generateId });
      expect(reply).toMatchObject({ correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
      expect(warnings).toEqual([expect.stringMatching(warning)]);
    },
  );

  it.each([
    ['throws', fails, /trustIdentity threw "broken"/],
    [
      'is asynchronous',
      async () => true,
      /trustIdentity returned \[object Promise\] .* cannot be asynchronous/,
    ],
    ['returns something truthy', () => 1, /trustIdentity returned 1/],
  ])('trustIdentity %s: nobody is trusted, with a warning', async (_, trustIdentity, warning) => {
    const { reply, warnings } = await ask({ trustIdentity });
    expect(reply).toMatchObject({ tenantId: undefined });
    expect(warnings).toEqual([expect.stringMatching(warning)]);
  });
});

describe('a testing module', () => {
  it('without init() has bound nothing that Nest did not construct, and says so on the call', async () => {
    class Handmade {
      @Around()
      async work(): Promise<void> {}
    }
    const module = await Test.createTestingModule({
      providers: [{ provide: 'handmade', useValue: new Handmade() }],
    }).compile();
    await expect(module.get<Handmade>('handmade').work()).rejects.toThrow(/on Handmade\.work/);
  });
});
