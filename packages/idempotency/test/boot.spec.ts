import 'reflect-metadata';
import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import {
  Controller,
  Injectable,
  Module,
  Next,
  Post,
  Res,
  Sse,
  type DynamicModule,
  type Type,
} from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { openContext, openApp } from '@acme/internal-testing';
import {
  Idempotent,
  IdempotencyConfigurationError,
  IdempotencyInfo,
  IdempotencyModule,
  IdempotencyService,
  InMemoryIdempotencyStore,
  MariaDbIdempotencyStore,
  PostgresIdempotencyStore,
  RedisIdempotencyStore,
  type IdempotencyModuleExtras,
  type IdempotencyModuleOptions,
  type IdempotencyStore,
} from '@acme/nest-idempotency';
import { TransactionModule, type TransactionAdapter } from '@acme/nest-transaction';
import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllEnvs();
});

const lease = new RedisIdempotencyStore({
  eval: async () => undefined,
  evalsha: async () => undefined,
});

function appWith(options: IdempotencyModuleOptions, ...classes: Type[]): Type {
  @Module({ imports: [IdempotencyModule.forRoot(options)], controllers: classes })
  class App {}
  return App;
}

const adapterOf = (dialect: 'postgres' | 'mysql'): TransactionAdapter => ({
  library: 'none',
  dialect,
  transaction: (work) => work({}),
  sql: () => ({ dialect, query: async () => ({ rows: [], rowCount: 0 }) }),
});

function sqlApp(extras: IdempotencyModuleExtras, ...imports: DynamicModule[]): Type {
  const store = new PostgresIdempotencyStore();
  const idempotency = IdempotencyModule.forRoot({ namespace: 'x', store, ...extras });
  @Module({ imports: [...imports, idempotency] })
  class App {}
  return App;
}

const problemsOf = (module: Type): Promise<readonly string[]> =>
  openApp(module).then(
    () => [],
    (error: { problems?: readonly string[] }) => {
      if (!error.problems) throw error;
      return error.problems;
    },
  );

describe('wrong options', () => {
  it('are all reported in one error, each with its value and the remedy', async () => {
    const problems = await problemsOf(
      appWith({
        namespace: ' ',
        store: 'redis' as never,
        ttl: 'soon' as never,
        lockTtl: '30 s' as never,
        maxLockHold: '40d',
        retryAfter: 0,
        storeTimeout: -1,
        waitTimeout: 'x' as never,
        principal: true as never,
        replayHeaders: ['Set-Cookie', 'etag'],
      }),
    );
    expect(problems).toHaveLength(10);
    for (const text of [
      '" "',
      '"soon"',
      '"30 s"',
      '"40d"',
      '-1',
      '"redis"',
      'true',
      '"Set-Cookie"',
    ])
      expect(problems.join('\n')).toContain(text);
  });

  it('include none at all', async () => {
    const without = IdempotencyModule.forRoot as unknown as () => DynamicModule;
    @Module({ imports: [without.call(IdempotencyModule)] })
    class App {}
    expect(await problemsOf(App)).toEqual([
      expect.stringMatching(/^namespace: undefined is no name/),
    ]);
  });

  it('include options that do not exist, wherever they are given', async () => {
    const misspelt = { namespace: 'x', store: lease, migrat: true };
    expect(await problemsOf(appWith(misspelt as never))).toEqual([
      expect.stringMatching(/^migrat: there is no such option\. Known are .*migrate/),
    ]);
    @Controller()
    class Jobs {
      @Idempotent({ keyFrom: { payload: 'id' }, keyForm: 'order.id' } as never)
      async run(_job: { id: string }): Promise<void> {}
    }
    expect(await problemsOf(appWith({ namespace: 'x', store: lease }, Jobs))).toEqual([
      expect.stringMatching(/Jobs\.run: keyForm: there is no such option\. Known are keyFrom/),
    ]);
    expect(() => new PostgresIdempotencyStore({ shcema: 'a' } as never)).toThrow(
      /shcema: there is no such option\. Known are database, schema, table/,
    );
  });

  it.each([['250ms'], ['1.5s'], ['15m'], ['6h'], ['3d'], ['1w'], [30_000]] as const)(
    'do not include the duration %s',
    async (ttl) => {
      expect(await problemsOf(appWith({ namespace: 'x', store: lease, ttl }))).toEqual([]);
    },
  );

  it.each(['1y', '', 's', '-1s', '1e3s', '٣s', 'NaN', Number.NaN, Infinity, 0, 0.4, null, {}])(
    'include the duration %s',
    async (ttl) => {
      const problems = await problemsOf(
        appWith({ namespace: 'x', store: lease, ttl: ttl as never }),
      );
      // null is as good as nothing for nobody: it was given.
      expect(problems).toHaveLength(1);
    },
  );

  it('of a store are reported by its constructor', () => {
    expect(() => new PostgresIdempotencyStore({ schema: 'a"b', table: 'Records' })).toThrow(
      IdempotencyConfigurationError,
    );
  });

  it('include a lease that only the handler and the module together make too long', async () => {
    @Controller()
    class Jobs {
      @Idempotent({ keyFrom: { payload: 'id' }, lockTtl: '20m' })
      async job(): Promise<void> {}
    }
    expect(await problemsOf(appWith({ namespace: 'x', store: lease }, Jobs))).toEqual([
      expect.stringMatching(
        /Jobs\.job: maxLockHold: 900000 ms is shorter than lockTtl, 1200000 ms/,
      ),
    ]);
  });

  it.each([PostgresIdempotencyStore, MariaDbIdempotencyStore])(
    'of %s include a pool in the place of the options',
    (Store) => {
      const pool = { query: () => undefined };
      expect(() => new Store(pool as never)).toThrow(
        /this is a pool\. .*\({ database: pool }\)\.$/,
      );
    },
  );

  it.each([undefined, {}, { eval: () => undefined }])(
    'of Redis include a client that is none: %s',
    (client) => {
      expect(() => new RedisIdempotencyStore(client as never)).toThrow(
        /Give one of ioredis .* or of node-redis/,
      );
    },
  );

  it.each([
    ['keyFrom', ['order.id']],
    ['keyFrom', []],
    ['keyFrom', { property: 'correlationId' }],
    ['keyFrom', { header: '' }],
    ['required', 'no'],
    ['name', ' '],
    ['fingerprint', 'total'],
    ['effect', 'nothing'],
    ['isolation', 'SERIALIZABLE'],
    ['serialize', true],
  ])('of a handler include %s: %o', async (option, value) => {
    @Controller()
    class Jobs {
      @Idempotent({ keyFrom: { payload: 'id' }, [option]: value })
      async job(): Promise<void> {}
    }
    expect(await problemsOf(appWith({ namespace: 'x', store: lease }, Jobs))).toEqual([
      expect.stringMatching(
        new RegExp(`^@Idempotent\\(\\) on Jobs.job: ${option}: .* cannot be used`),
      ),
    ]);
  });
});

describe('memory as the store', () => {
  it.each<[string, IdempotencyStore | undefined]>([
    ['by default', undefined],
    ['by choice', new InMemoryIdempotencyStore()],
  ])('is refused in production, %s, unless it is allowed', async (_how, store) => {
    vi.stubEnv('NODE_ENV', 'production');
    const options = store ? { namespace: 'x', store } : { namespace: 'x' };
    expect(await problemsOf(appWith(options))).toEqual([
      expect.stringContaining('allowInMemoryStorage: true'),
    ]);
    expect(await problemsOf(appWith({ ...options, allowInMemoryStorage: true }))).toEqual([]);
  });
});

describe('a handler that cannot be protected', () => {
  const refusalOf = async (handler: Type, options: object = {}): Promise<string> =>
    (
      await problemsOf(
        appWith({ namespace: 'x', store: lease, principal: false, ...options }, handler),
      )
    ).join('\n');

  it('is refused at boot: server-sent events, @Res(), a batch', async () => {
    @Controller()
    class Unprotectable {
      @Idempotent()
      @Sse('sse')
      sse(): void {}

      @Idempotent()
      @Post('res')
      res(@Res() _response: unknown): void {}

      @Idempotent()
      @Post('passthrough')
      passthrough(@Res({ passthrough: true }) _response: unknown): void {}

      @Idempotent()
      @RabbitSubscribe({ queue: 'q', batchOptions: { size: 2 } })
      batch(): void {}
    }
    const text = await refusalOf(Unprotectable);
    expect(text.split('\n')).toHaveLength(3);
    expect(text).toMatch(/sse: server-sent.*\n.*res: it sends its response.*\n.*batch: a batch is/);
    expect(text).toMatch(/sse: .*IdempotencyService\.run\(\)/);
    expect(text).toMatch(/batch: .*IdempotencyService\.runBatch\(\)/);
  });

  it('is refused at boot without a principal, or with another handler’s name', async () => {
    @Controller()
    class One {
      @Idempotent({ name: 'pay' })
      @Post('one')
      one(): void {}
    }
    @Controller()
    class Two {
      @Idempotent({ name: 'pay', principal: () => 'me' })
      @Post('two')
      two(): void {}
    }
    expect(await refusalOf(One, { principal: undefined })).toMatch(/One.one: it has no principal/);
    const kind = { principal: undefined, defaults: { http: { principal: false } } } as const;
    expect(await problemsOf(appWith({ namespace: 'x', store: lease, ...kind }, One))).toEqual([]);
    const both = await problemsOf(
      appWith({ namespace: 'x', store: lease, principal: false }, One, Two),
    );
    expect(both).toEqual([
      expect.stringMatching(/ on Two\.two: "pay" is the name of One\.one, too/),
    ]);
  });

  it('is refused at boot with a key that no call of it can have', async () => {
    @Controller()
    class Keyless {
      @Idempotent({ keyFrom: { property: 'messageId' } })
      @Post('id')
      id(): void {}

      @Idempotent({ keyFrom: [{ header: 'k' }, { property: 'messageId' }] })
      plain(): void {}

      @Idempotent({ keyFrom: [{ property: 'messageId' }, { header: 'k' }] })
      @Post('either')
      either(): void {}

      @Idempotent({ keyFrom: { property: 'messageId' }, required: false })
      @Post('both')
      @EventPattern('both')
      both(): void {}

      @Idempotent({ keyFrom: { property: 'messageId' }, required: false })
      @Post('never')
      never(): void {}
    }
    expect((await refusalOf(Keyless)).split('\n')).toEqual([
      expect.stringMatching(
        /Keyless\.id: keyFrom: an HTTP request .* no message id, .* be refused\./,
      ),
      expect.stringMatching(/Keyless\.plain: keyFrom: .* no header or message id, /),
      expect.stringMatching(
        /Keyless\.never: keyFrom: .* so every call would run without protection\./,
      ),
    ]);
  });

  it('is refused at boot with options that are none, and where it hands its response on', async () => {
    @Controller()
    class Wrong {
      @Idempotent(5 as never)
      @Post('number')
      number(): void {}

      @Idempotent()
      @Post('next')
      next(@Next() _next: () => void): void {}
    }
    expect(await refusalOf(Wrong)).toMatch(
      /^[^\n]*Wrong\.number: keyFrom: 5 cannot be used\.[^\n]*\n[^\n]*Wrong\.next: it sends its response by itself[^\n]*$/,
    );
  });

  it('is refused at boot where it wants the claim and has none', async () => {
    @Controller()
    class Unprotected {
      @Post('info')
      info(@IdempotencyInfo() _info: IdempotencyInfo): void {}
    }
    @Idempotent()
    @Controller()
    class Protected extends Unprotected {
      @Post('info')
      override info(@IdempotencyInfo() _info: IdempotencyInfo): void {}
    }
    @Controller()
    class Override extends Unprotected {
      @Post('info')
      override info(): void {}
    }
    @Controller()
    class Inherited extends Unprotected {}
    expect(await problemsOf(appWith({ namespace: 'x', store: lease }, Override))).toEqual([]);
    expect(await problemsOf(appWith({ namespace: 'x', store: lease }, Inherited))).toHaveLength(1);
    expect(await problemsOf(appWith({ namespace: 'x', store: lease }, Unprotected))).toEqual([
      expect.stringMatching(
        /^@IdempotencyInfo\(\) on Unprotected\.info: the method is not protected/,
      ),
    ]);
    const module = appWith({ namespace: 'x', store: lease, principal: false }, Protected);
    expect(await problemsOf(module)).toEqual([]);
  });

  it('is refused at boot with options that cannot work', async () => {
    @Controller()
    class Jobs {
      @Idempotent({ ttl: 'never' as never, mode: 'transaction' })
      async job(): Promise<void> {}
    }
    const text = await refusalOf(Jobs);
    expect(text).toMatch(/"never" is no duration/);
    expect(text).toMatch(/cannot be had from a store in Redis/);
    expect(text).toMatch(/plain method, which has no header/);
    const noTransactions = await refusalOf(Jobs, { store: new PostgresIdempotencyStore() });
    expect(noTransactions).toContain("forRoot({ transactions: 'name' })");
  });

  it.each<[string, Type, string]>([
    [
      'without any TransactionModule',
      sqlApp({}),
      'needs the transactions of TransactionModule.forRoot({ adapter }), and there are none. Import that',
    ],
    [
      'without the one that is named',
      sqlApp(
        { transactions: 'billing' },
        TransactionModule.forRoot({ adapter: adapterOf('postgres') }),
      ),
      "needs the transactions of TransactionModule.forRoot({ adapter, name: 'billing' }), and there are none",
    ],
    [
      'where only a named one is there, and is not named',
      sqlApp({}, TransactionModule.forRoot({ adapter: adapterOf('postgres'), name: 'billing' })),
      "where it has a name, say which: IdempotencyModule.forRoot({ transactions: 'name' })",
    ],
    [
      'of another database',
      sqlApp({}, TransactionModule.forRoot({ adapter: adapterOf('mysql') })),
      'the "mysql" transactions of TransactionModule.forRoot({ adapter }) are not one database',
    ],
  ])('has no transactions, %s: refused at boot even where nothing is decorated', async (...row) => {
    const [, module, text] = row;
    const [problem, ...more] = await problemsOf(module);
    expect(problem).toContain(text);
    expect(more).toEqual([]);
  });

  it('names the module when that is missing', async () => {
    @Injectable()
    class Jobs {
      @Idempotent('id')
      async job(): Promise<void> {}
    }
    @Module({ providers: [Jobs] })
    class Lonely {}
    await expect(openContext(Lonely)).rejects.toThrow('IdempotencyModule.forRoot()');
  });
});

it('is configured once', async () => {
  @Module({ imports: [IdempotencyModule.forRoot({ namespace: 'a' })] })
  class Feature {}
  @Module({ imports: [Feature, IdempotencyModule.forRoot({ namespace: 'b' })] })
  class Twice {}
  await expect(openContext(Twice)).rejects.toThrow('configured 2 times');
});

it('works for one module only, where it is asked to', async () => {
  @Injectable()
  class Job {
    @Idempotent({ keyFrom: ({ args }) => args[0] })
    async once(key: string): Promise<{ key: string }> {
      return { key };
    }
  }
  @Module({
    imports: [
      IdempotencyModule.forRootAsync({
        isGlobal: false,
        useFactory: () => ({ namespace: 'local' }),
      }),
    ],
    providers: [Job],
  })
  class Feature {}
  const { app } = await openContext(Feature);
  const [first, second] = [await app.get(Job).once('a'), await app.get(Job).once('a')];
  expect(second).toEqual(first);
  expect(app.get(IdempotencyService)).toBeInstanceOf(IdempotencyService);
});
