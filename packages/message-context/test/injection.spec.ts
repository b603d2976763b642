import 'reflect-metadata';
import { Controller, forwardRef, Global, Inject, Injectable, Module, Scope } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { RecordingLogger } from '@acme/internal-testing';
import { bodyStage, MessageContextModule, StageNotInjectedError } from '@acme/nest-message-context';
import { afterEach, describe, expect, it } from 'vitest';
import { Around, Before, openTraced, Trace, TraceModule, type TracedApp } from './support/trace.js';

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

interface Worker {
  work(value: number): Promise<number>;
}

@Injectable()
class Single implements Worker {
  readonly factor = 2;

  @Around()
  async work(value: number): Promise<number> {
    return value * this.factor;
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest extends Single {}

@Injectable({ scope: Scope.REQUEST, durable: true })
class Durable extends Single {}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Single {}

abstract class AbstractWorker implements Worker {
  abstract readonly factor: number;

  @Around()
  async work(value: number): Promise<number> {
    return value * this.factor;
  }
}

@Injectable()
class Concrete extends AbstractWorker {
  readonly factor = 2;

  constructor(@Inject(Single) readonly single: Single) {
    super();
  }
}

@Injectable()
class UsesTransient {
  constructor(@Inject(Transient) readonly transient: Transient) {}
}

/** Nest does not construct it, so nothing is injected. */
class Handmade implements Worker {
  readonly factor = 2;

  @Around()
  async work(value: number): Promise<number> {
    return value * this.factor;
  }
}

const providers = [
  Single,
  PerRequest,
  Durable,
  Transient,
  UsesTransient,
  Concrete,
  { provide: 'class', useClass: Single },
  { provide: 'alias', useExisting: Single },
  { provide: 'factory', useFactory: () => new Handmade() },
  { provide: 'another factory', useFactory: async () => new Handmade() },
  { provide: 'value', useValue: new Handmade() },
  { provide: 'frozen', useValue: Object.freeze(new Handmade()) },
];

describe('the service of a stage reaches an object', () => {
  const WAYS: Record<string, (app: TracedApp) => Promise<Worker> | Worker> = {
    'of a singleton': ({ get }) => get(Single),
    'made per request': ({ app }) => app.resolve(PerRequest),
    'made per tenant (durable)': ({ app }) => app.resolve(Durable),
    'made per injection': ({ app }) => app.resolve(Transient),
    'injected as transient': ({ get }) => get(UsesTransient).transient,
    'of a class with an abstract base': ({ get }) => get(Concrete),
    'of useClass': ({ get }) => get<Worker>('class'),
    'of useExisting': ({ get }) => get<Worker>('alias'),
    'of useFactory': ({ get }) => get<Worker>('factory'),
    'of a second useFactory of one class': ({ get }) => get<Worker>('another factory'),
    'of useValue': ({ get }) => get<Worker>('value'),
    'of useValue, frozen': ({ get }) => get<Worker>('frozen'),
    'of moduleRef.create()': ({ app }) => app.get(ModuleRef).create(Single),
  };

  it.each(Object.keys(WAYS))('%s', async (way) => {
    const app = await open({ providers });
    const worker = await WAYS[way]!(app);
    expect(await worker.work(4)).toBe(8);
    expect(app.trace.take()).toEqual(['idempotency']);
  });

  it.each([{ scope: Scope.REQUEST }, { scope: Scope.REQUEST, durable: true }, {}])(
    'that is a controller %j',
    async (options) => {
      @Controller(options)
      class Scoped {
        @Before()
        @Around()
        @MessagePattern('scoped')
        async handle(): Promise<string> {
          return 'done';
        }
      }
      const { server, trace } = await open({ controllers: [Scoped] });
      expect(await server.ask('scoped')).toBe('done');
      expect(trace.take()).toEqual(['version', 'idempotency']);
    },
  );

  it('of a class that two modules provide, once each', async () => {
    @Module({ providers: [{ provide: 'one', useClass: Single }] })
    class One {}
    @Module({ providers: [{ provide: 'other', useClass: Single }] })
    class Other {}
    const { get, trace } = await open({ imports: [One, Other] });
    await get<Worker>('one').work(1);
    await get<Worker>('other').work(1);
    expect(trace.take()).toEqual(['idempotency', 'idempotency']);
    expect(trace.checked).toHaveLength(1);
  });

  it('without leaving a trace on it', async () => {
    const { get } = await open({ providers });
    for (const worker of [get(Single), get<Worker>('factory'), get<Worker>('value')]) {
      await worker.work(1);
      expect(Reflect.ownKeys(worker)).toEqual(['factor']);
      expect(JSON.stringify(worker)).toBe('{"factor":2}');
      expect({ ...worker }).toEqual({ factor: 2 });
    }
    expect(get(Single)).toEqual(new Single());
    const inherited: string[] = [];
    for (const key in get(Single)) inherited.push(key);
    expect(inherited).toEqual(['factor']);
  });
});

describe('an object that Nest did not make', () => {
  const expectRefused = async (call: unknown): Promise<void> => {
    await expect(call).rejects.toMatchObject({
      constructor: StageNotInjectedError,
      code: 'STAGE_NOT_INJECTED',
      message: expect.stringMatching(
        /@Around\('idempotency'\) on Single\.work .* unprotected\. Let Nest/s,
      ),
    });
  };

  it('is refused when its method is called', async () => {
    await open({ providers });
    await expectRefused(new Single().work(1));
  });

  it('is refused without its object, also where another one is being called', async () => {
    const { get } = await open({ providers });
    const { work } = get(Single);
    await expectRefused(work.call(undefined as never, 1));
    await expectRefused(work.call({ factor: 1 } as never, 1));
    await expectRefused(work.call(Object.create(null) as never, 1));
  });

  it('is refused in its own constructor', async () => {
    @Injectable()
    class Eager extends Single {
      readonly early = this.work(1).catch((error: unknown) => error);
    }
    const { get } = await open({ providers: [Eager] });
    expect(await get(Eager).early).toBeInstanceOf(StageNotInjectedError);
  });

  it('is refused when it is made per request by a factory', async () => {
    const { app } = await open({
      providers: [
        { provide: 'per request', scope: Scope.REQUEST, useFactory: () => new Handmade() },
      ],
    });
    const worker = await app.resolve<Worker>('per request');
    await expect(worker.work(1)).rejects.toBeInstanceOf(StageNotInjectedError);
  });
});

describe('a module that is not there', () => {
  const Elsewhere = (): ReturnType<typeof bodyStage> =>
    bodyStage({
      slot: 'order',
      decorator: '@Ordered()',
      module: 'OrderingModule.forRoot()',
      service: 'a service of nobody',
      options: undefined,
    });
  class Needy {
    @Elsewhere()
    work(): void {}
  }
  const REMEDY = /@Ordered\(\) needs OrderingModule\.forRoot\(\)/;

  it('is refused at boot for what Nest constructs; its message is the remedy', async () => {
    await expect(open({ providers: [Needy] })).rejects.toThrow(REMEDY);
  });

  it('is refused at boot for what a factory makes', async () => {
    await expect(
      open({ providers: [{ provide: 'needy', useFactory: () => new Needy() }] }),
    ).rejects.toThrow(REMEDY);
  });

  it('is refused at boot for an edge stage', async () => {
    @Controller()
    class Early {
      @Before()
      @MessagePattern('early')
      handle(): void {}
    }
    const module = Test.createTestingModule({
      imports: [MessageContextModule.forRoot()],
      controllers: [Early],
    }).setLogger(new RecordingLogger());
    await expect(module.compile()).rejects.toThrow(/@Before\('version'\) needs TraceModule/);
  });
});

describe('a circle of providers', () => {
  it('is told by Nest, which can print our property', async () => {
    @Injectable()
    class Decorated {
      @Around()
      work(): void {}
    }
    class Service {
      constructor(@Inject(Decorated) readonly decorated: Decorated) {}
    }
    @Global()
    @Module({ providers: [Decorated, { provide: Trace, useClass: Service }], exports: [Trace] })
    class Circular {}
    const compiling = Test.createTestingModule({
      imports: [MessageContextModule.forRoot(), Circular],
    })
      .setLogger(new RecordingLogger())
      .compile();
    await expect(compiling).rejects.toThrow(/circular|dependencies/i);
    await expect(compiling).rejects.not.toThrow(TypeError);
  });

  it('of modules works with forwardRef', async () => {
    @Injectable()
    class Decorated extends Single {}
    class Feature {}
    class Root {}
    Module({ imports: [forwardRef(() => Root)], providers: [Decorated] })(Feature);
    Module({ imports: [forwardRef(() => Feature)] })(Root);
    const { get } = await open({ imports: [Root] });
    expect(await get(Decorated).work(4)).toBe(8);
  });
});

describe('two applications in one process', () => {
  it('have each their own service', async () => {
    const one = await open({ providers });
    const other = await open({ providers });
    await one.get(Single).work(1);
    expect(one.trace.take()).toHaveLength(1);
    expect(other.trace.take()).toHaveLength(0);
    await (await other.app.resolve(PerRequest)).work(1);
    expect(one.trace.take()).toHaveLength(0);
    expect(other.trace.take()).toHaveLength(1);
  });

  it('one after the other share a given object: the one that booted last has it', async () => {
    const shared = new Handmade();
    const first = await open({ providers: [{ provide: 'shared', useValue: shared }] });
    await first.app.close();
    const second = await open({ providers: [{ provide: 'shared', useValue: shared }] });
    await shared.work(1);
    expect(second.trace.take()).toHaveLength(1);
    expect(first.trace.take()).toHaveLength(0);
  });
});

describe('TraceModule', () => {
  it('stands for a family module: it brings the doors by itself', async () => {
    const module = await Test.createTestingModule({ imports: [TraceModule], providers: [Single] })
      .setLogger(new RecordingLogger())
      .compile();
    await module.init();
    expect(await module.get(Single).work(4)).toBe(8);
    await module.close();
  });
});
