import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import * as common from '@nestjs/common';
import {
  ClassSerializerInterceptor,
  Controller,
  Injectable,
  Module,
  Post,
  Scope,
  SerializeOptions,
  StreamableFile,
  UseInterceptors,
  type CallHandler,
  type ClassSerializerContextOptions,
  type ExecutionContext,
  type NestInterceptor,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import {
  ClientProxyFactory,
  GrpcMethod,
  MessagePattern,
  Transport,
  type ClientGrpcProxy,
  type TcpOptions,
} from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  freePort,
  openApp,
  openMicroservice,
  type OpenAppOptions,
  type OpenedHttpApp,
} from '@acme/internal-testing';
import { Idempotent, IdempotencyModule } from '@acme/nest-idempotency';
import { Exclude, Expose, instanceToPlain, Transform, Type as Nested } from 'class-transformer';
import { firstValueFrom, map, of, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { recordedStore } from './support/recorded-store.js';

const reflector = new Reflector();

class Address {
  readonly city = 'Bern';
  @Exclude() readonly geo = 'SECRET-geo';
}

class User {
  readonly id = 7;
  @Exclude() readonly password = 'SECRET-password';
  @Expose({ groups: ['admin'] }) readonly note = 'SECRET-note';
  @Transform(({ value }) => `${value as string}!`) readonly greeting: string = 'hello';
  @Expose({ name: 'since' }) readonly createdAt = new Date(0);
  @Nested(() => Address) readonly address = new Address();
  readonly nothing = undefined;
}

/** What makes another reply when it is made again. */
class Shown {
  @Expose() readonly id!: number;
  @Expose()
  @Transform(({ value }) => `${value as string}!`, { toPlainOnly: true })
  readonly greeting!: string;
  @Expose({ name: 'since' }) readonly createdAt!: Date;
}

class Placed {
  @Expose()
  @Transform(({ value }) => `${value as string}!`, { toPlainOnly: true })
  readonly id!: string;
}

const plainUser = () => Object.assign({}, new User(), { address: { city: 'Bern' } });

let runs = 0;

/** Every handler twice: `plain/…` as Nest has it, `kept/…` protected. */
function twice(
  result: () => unknown,
  ...decorators: readonly (MethodDecorator & ClassDecorator)[]
): Type {
  @Controller()
  class Users {
    @Post('plain')
    plain() {
      return result();
    }

    @Idempotent()
    @Post('kept')
    kept() {
      runs += 1;
      return result();
    }
  }
  for (const method of ['plain', 'kept'])
    for (const decorate of decorators)
      decorate(Users.prototype, method, Object.getOwnPropertyDescriptor(Users.prototype, method)!);
  return Users;
}

type Decorator = MethodDecorator & ClassDecorator;
const options = (given: ClassSerializerContextOptions): Decorator =>
  SerializeOptions(given) as Decorator;
const interceptors = (...given: (NestInterceptor | Type<NestInterceptor>)[]): Decorator =>
  UseInterceptors(...given) as Decorator;

const open = async (
  controller: Type,
  { providers = [], ...app }: OpenAppOptions & { readonly providers?: Provider[] } = {},
) => {
  const { store, texts } = recordedStore();
  @Module({
    imports: [IdempotencyModule.forRoot({ namespace: 'users', store, principal: false })],
    controllers: [controller],
    providers,
  })
  class App {}
  return { ...(await openApp(App, app)), texts };
};

const post = async ({ url }: Pick<OpenedHttpApp, 'url'>, path: string, headers = {}) => {
  const reply = await fetch(`${url}/${path}`, {
    method: 'POST',
    headers: { 'idempotency-key': 'k', ...headers },
  });
  return { status: reply.status, text: await reply.text() };
};

/** The reply without us, and that to the first caller and the second one, which have to be the same. */
const replies = async (app: Pick<OpenedHttpApp, 'url'>) => {
  runs = 0;
  const plain = await post(app, 'plain');
  expect(await post(app, 'kept')).toEqual(plain);
  expect(await post(app, 'kept')).toEqual(plain);
  expect(runs).toBe(1);
  return plain;
};

const SHOWN =
  '{"id":7,"greeting":"hello!","address":{"city":"Bern"},"since":"1970-01-01T00:00:00.000Z"}';

const fails = async (opening: Promise<unknown>): Promise<string> =>
  opening.then(
    () => 'nothing',
    (error: Error) => error.message,
  );

describe.each(['express', 'fastify'] as const)('a serializer, %s,', (platform) => {
  const adapter = (): OpenAppOptions =>
    platform === 'fastify' ? { adapter: new FastifyAdapter() } : {};

  const useGlobal: OpenAppOptions = {
    configure: (app) => app.useGlobalInterceptors(new ClassSerializerInterceptor(reflector)),
  };
  const appInterceptor = {
    providers: [{ provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor }],
  };

  it.each<[string, Decorator[], Parameters<typeof open>[1]]>([
    ['an instance on the method', [interceptors(new ClassSerializerInterceptor(reflector))], {}],
    ['a class on the method', [interceptors(ClassSerializerInterceptor)], {}],
    ['given to the application', [], useGlobal],
    ['provided as APP_INTERCEPTOR', [], appInterceptor],
    ['twice', [interceptors(ClassSerializerInterceptor)], useGlobal],
    [
      'one of its own class',
      [interceptors(new (class Own extends ClassSerializerInterceptor {})(reflector))],
      {},
    ],
  ])('%s, decides what is stored', async (_where, decorators, given) => {
    const app = await open(
      twice(() => new User(), ...decorators),
      { ...given, ...adapter() },
    );
    const { text } = await replies(app);
    expect(JSON.parse(text)).toEqual(JSON.parse(SHOWN));
    expect(text).not.toContain('SECRET');
    expect(app.texts.join()).toContain('"city"');
    expect(app.texts.join()).not.toContain('SECRET');
  });

  it('on the controller decides, too', async () => {
    @UseInterceptors(ClassSerializerInterceptor)
    @SerializeOptions({ groups: ['admin'] })
    @Controller()
    class Users {
      @Post('plain')
      plain() {
        return new User();
      }
      @Idempotent()
      @Post('kept')
      kept() {
        runs += 1;
        return new User();
      }
    }
    const app = await open(Users, adapter());
    expect((await replies(app)).text).toContain('SECRET-note');
    expect(app.texts.join()).not.toContain('SECRET-password');
  });

  it.each<[string, () => unknown, ClassSerializerContextOptions]>([
    ['a list', () => [new User(), new User()], {}],
    ['objects within plain ones', () => ({ users: [new User()] }), {}],
    ['a map', () => new Map([['a', new User()]]), {}],
    ['nothing', () => undefined, {}],
    ['a text', () => 'hello', {}],
    ['groups', () => new User(), { groups: ['admin'] }],
    [
      'a strategy that shows nothing of a plain object',
      () => new User(),
      { strategy: 'excludeAll' },
    ],
    ['prefixes', () => new User(), { excludePrefixes: ['pass'] }],
    ['a type made of a plain object', plainUser, { type: Shown, strategy: 'excludeAll' }],
    ['a type made of a list', () => [plainUser()], { type: Shown, excludeExtraneousValues: true }],
    ['a type that is there already', () => new User(), { type: User }],
  ])('is applied once: %s', async (_what, result, how) => {
    const interceptor = new ClassSerializerInterceptor(reflector);
    const app = await open(twice(result, options(how), interceptors(interceptor)), adapter());
    const { text, status } = await replies(app);
    expect(status).toBe(201);
    expect(app.texts.join()).not.toContain('SECRET-password');
    // Once, as the unprotected handler has it.
    expect(text).not.toContain('!!');
  });
});

describe('options of a serializer', () => {
  it('are those of the request at hand, and its defaults below them', async () => {
    class ByRole extends ClassSerializerInterceptor {
      protected override getContextOptions(context: ExecutionContext) {
        const own = super.getContextOptions(context);
        const { headers } = context
          .switchToHttp()
          .getRequest<{ headers: Record<string, string> }>();
        return { ...own, groups: headers['x-role'] ? [headers['x-role']] : [] };
      }
    }
    const byRole = new ByRole(reflector, { excludePrefixes: ['addr'] });
    const app = await open(twice(() => new User(), interceptors(byRole)));
    const admin = { 'idempotency-key': 'a', 'x-role': 'admin' };
    const first = await post(app, 'kept', admin);
    expect(first.text).toContain('SECRET-note');
    expect(await post(app, 'kept', admin)).toEqual(first);
    const other = await post(app, 'kept');
    expect(other.text).not.toMatch(/SECRET|address/);
    // What was stored for one is what a repetition is answered with, whoever asks: `principal` keeps callers apart.
    expect(await post(app, 'kept', { 'x-role': 'admin' })).toEqual(other);
  });

  it('may be overridden together with what is done with them', async () => {
    class Loud extends ClassSerializerInterceptor {
      override serialize(...args: Parameters<ClassSerializerInterceptor['serialize']>) {
        return { loud: super.serialize(...args) };
      }
    }
    const app = await open(twice(() => new User(), interceptors(new Loud(reflector))));
    expect((await replies(app)).text).toMatch(/^\{"loud":\{"id":7/);
  });
});

describe('other interceptors', () => {
  class Envelope implements NestInterceptor {
    intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
      return next.handle().pipe(map((data: unknown) => ({ data })));
    }
  }
  const serializer = new ClassSerializerInterceptor(reflector);

  it.each([
    ['outside', [new Envelope(), serializer]],
    ['inside', [serializer, new Envelope()]],
  ])(
    '%s of the serializer see what is stored, and the reply stays the same',
    async (_where, all) => {
      const app = await open(twice(() => new User(), interceptors(...all)));
      const { text } = await replies(app);
      expect(text).toMatch(/^\{"data":\{"id":7/);
      expect(app.texts.join()).not.toMatch(/SECRET|"data"/);
    },
  );

  it('outside of a serializer with a type leave its work alone', async () => {
    const all = interceptors(new Envelope(), serializer);
    const app = await open(twice(plainUser, options({ type: Shown }), all));
    expect((await replies(app)).text).toContain('"greeting":"hello!"');
  });

  it('inside of a serializer with a type may not replace the reply', async () => {
    const all = interceptors(serializer, new Envelope());
    const app = await open(twice(plainUser, options({ type: Shown }), all));
    expect(await post(app, 'kept')).toMatchObject({ status: 500 });
    expect(app.log.messages('error').join()).toMatch(
      /@Idempotent\(\) on Users\.kept: an interceptor between it and its serializer replaces the reply.*give @Idempotent\(\{ serialize \}\)/,
    );
  });

  it('may replace what is no object', async () => {
    const all = interceptors(serializer, new Envelope());
    const app = await open(twice(() => undefined, options({ type: Shown }), all));
    expect((await replies(app)).status).toBe(201);
  });
});

describe('a result', () => {
  it('that a serializer leaves as it is may be shared, and is serialized elsewhere', async () => {
    class Leaving extends ClassSerializerInterceptor {
      static leave = true;
      override serialize(...[reply, how]: Parameters<ClassSerializerInterceptor['serialize']>) {
        return Leaving.leave ? reply : super.serialize(reply, how);
      }
    }
    const shared = { user: 'plain' };
    const app = await open(
      twice(
        () => shared,
        options({ excludePrefixes: ['user'] }),
        interceptors(new Leaving(reflector)),
      ),
    );
    expect((await replies(app)).text).toBe('{"user":"plain"}');
    Leaving.leave = false;
    expect((await post(app, 'plain')).text).toBe('{}');
  });

  it('that cannot be serialized is not run again', async () => {
    class Broken {
      @Transform(() => {
        throw new Error('cannot be shown');
      })
      readonly id = 1;
    }
    const all = interceptors(new ClassSerializerInterceptor(reflector));
    const app = await open(twice(() => new Broken(), all));
    expect((await post(app, 'kept')).status).toBe(500);
    expect(app.log.entries.flatMap(({ message, extra }) => [message, ...extra]).join()).toContain(
      'cannot be shown',
    );
    expect(await post(app, 'kept')).toMatchObject({ status: 409 });
  });

  it('passes untouched where it is a file', async () => {
    const all = interceptors(new ClassSerializerInterceptor(reflector));
    const app = await open(twice(() => new StreamableFile(Buffer.from('file')), all));
    expect(await post(app, 'kept')).toEqual({ status: 201, text: 'file' });
    expect(await post(app, 'kept')).toMatchObject({ status: 409 });
  });

  it('has to be plain where no serializer stands around its handler', async () => {
    @Controller()
    class Users {
      @Idempotent()
      @Post('kept')
      kept() {
        return new User();
      }
      @UseInterceptors(ClassSerializerInterceptor)
      @Post('other')
      other() {
        return new User();
      }
    }
    const { text, status } = await post(await open(Users), 'kept');
    expect([status, text]).toEqual([500, expect.stringContaining('IDEMPOTENCY_RESULT_NOT_PLAIN')]);
    expect(text).toContain('ClassSerializerInterceptor');
  });

  it('is what serialize makes of it, where that is given', async () => {
    @Controller()
    class Users {
      @Idempotent({ serialize: (user) => ({ only: (user as User).id }) })
      @UseInterceptors(ClassSerializerInterceptor)
      @Post('kept')
      kept() {
        return new User();
      }
    }
    const app = await open(Users);
    expect((await post(app, 'kept')).text).toBe('{"only":7}');
    expect((await post(app, 'kept')).text).toBe('{"only":7}');
  });
});

describe('a serializer that cannot be asked is refused at boot, with the remedy:', () => {
  @Injectable({ scope: Scope.REQUEST })
  class PerRequest extends ClassSerializerInterceptor {}

  @Injectable({ scope: Scope.TRANSIENT })
  class PerInjection extends ClassSerializerInterceptor {}

  class ByItself extends ClassSerializerInterceptor {
    override intercept(): never {
      throw new Error('never called');
    }
  }

  it.each<[string, Decorator[], Provider[], RegExp]>([
    ['made per request', [interceptors(PerRequest)], [], /PerRequest is made anew/],
    ['made per injection', [interceptors(PerInjection)], [], /PerInjection is made anew/],
    [
      'made per request, for all',
      [],
      [{ provide: APP_INTERCEPTOR, useClass: PerRequest, scope: Scope.REQUEST }],
      /PerRequest is made anew/,
    ],
    [
      'doing it in its own way',
      [interceptors(new ByItself(reflector))],
      [],
      /ByItself has an intercept\(\) of its own/,
    ],
  ])('%s', async (_what, decorators, providers, problem) => {
    const message = await fails(
      open(
        twice(() => new User(), ...decorators),
        { providers },
      ),
    );
    expect(message).toMatch(problem);
    expect(message).toMatch(
      /@Idempotent\(\) on Users\.kept: .*give @Idempotent\(\{ serialize \}\)/,
    );
  });

  it('unless serialize is given', async () => {
    @Controller()
    class Users {
      @Idempotent({ serialize: (user) => instanceToPlain(user) })
      @UseInterceptors(PerRequest)
      @Post('kept')
      kept() {
        return new User();
      }
    }
    const app = await open(Users);
    const first = await post(app, 'kept');
    expect(JSON.parse(first.text)).toEqual(JSON.parse(SHOWN));
    expect(await post(app, 'kept')).toEqual(first);
  });

  it('and at the call, where it comes after boot', async () => {
    const app = await open(twice(() => ({ id: 1 })));
    app.app.useGlobalInterceptors(new ClassSerializerInterceptor(reflector));
    runs = 0;
    expect((await post(app, 'kept')).status).toBe(500);
    expect(runs).toBe(0);
    const said = app.log.entries.flatMap(({ message, extra }) => [message, ...extra]).join();
    expect(said).toMatch(/useGlobalInterceptors\(\): ClassSerializerInterceptor was given when/);
  });

  it('but other interceptors may come after boot', async () => {
    const app = await open(twice(() => ({ id: 1 })));
    app.app.useGlobalInterceptors({ intercept: (_context, next) => next.handle() });
    expect((await post(app, 'kept')).status).toBe(201);
  });
});

it('knows a request-scoped controller by its serializer', async () => {
  @Controller({ scope: Scope.REQUEST })
  class Users {
    @UseInterceptors(ClassSerializerInterceptor)
    @Post('plain')
    plain() {
      return new User();
    }
    @UseInterceptors(ClassSerializerInterceptor)
    @Idempotent()
    @Post('kept')
    kept() {
      runs += 1;
      return new User();
    }
  }
  const app = await open(Users);
  expect(JSON.parse((await replies(app)).text)).toEqual(JSON.parse(SHOWN));
});

it('keeps two applications apart that share a serializer', async () => {
  const shared = interceptors(new ClassSerializerInterceptor(reflector));
  const users = twice(() => new User(), shared);
  const [one, two] = [await open(users), await open(users)];
  expect(await replies(one)).toEqual(await replies(two));
});

describe('requests by another transport', () => {
  @Controller()
  class Users {
    @Idempotent('key')
    @MessagePattern('user')
    user(_request: { key: string }) {
      runs += 1;
      return new User();
    }

    @Idempotent('key')
    @UseInterceptors(ClassSerializerInterceptor)
    @MessagePattern('serialized')
    serialized(_request: { key: string }) {
      runs += 1;
      return of(new User());
    }
  }

  it('are stored as their serializer leaves them: gRPC', async () => {
    const { store, texts } = recordedStore();
    @Controller()
    class Orders {
      @Idempotent({ principal: false })
      @UseInterceptors(ClassSerializerInterceptor)
      @SerializeOptions({ type: Placed, excludeExtraneousValues: true })
      @GrpcMethod('Orders', 'Place')
      place() {
        runs += 1;
        return { id: 'a', amount: 1, password: 'SECRET' };
      }
    }
    @Module({
      imports: [IdempotencyModule.forRoot({ namespace: 'orders', store })],
      controllers: [Orders],
    })
    class App {}
    const protoPath = fileURLToPath(new URL('support/orders.proto', import.meta.url));
    const url = `127.0.0.1:${await freePort()}`;
    const options = { package: 'orders', protoPath, url };
    await openMicroservice(App, { transport: Transport.GRPC, options });
    const client = ClientProxyFactory.create({ transport: Transport.GRPC, options });
    const orders = (client as unknown as ClientGrpcProxy).getService<{
      place(request: object): Observable<unknown>;
    }>('Orders');
    runs = 0;
    const placed = () => firstValueFrom(orders.place({ item: 'x', requestId: 'k' }));
    const first = await placed();
    expect(first).toMatchObject({ id: 'a!' });
    expect(await placed()).toEqual(first);
    expect(runs).toBe(1);
    expect(texts.join()).toContain('a!');
    expect(texts.join()).not.toContain('SECRET');
    (client as unknown as ClientGrpcProxy).close();
  });

  const rpc = async (open: (transport: TcpOptions) => Promise<unknown>) => {
    const transport = {
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port: await freePort() },
    } as const;
    await open(transport);
    const client = ClientProxyFactory.create(transport);
    return {
      ask: (pattern: string) =>
        firstValueFrom(client.send<unknown>(pattern, { key: pattern })).catch(
          (error: unknown) => error,
        ),
      close: () => client.close(),
    };
  };

  const module = () => {
    const { store, texts } = recordedStore();
    @Module({
      imports: [IdempotencyModule.forRoot({ namespace: 'users', store })],
      controllers: [Users],
    })
    class App {}
    return { App, texts };
  };

  it.each(['serialized', 'user'])(
    'are stored as their serializer leaves them: %s',
    async (pattern) => {
      const { App, texts } = module();
      const { ask, close } = await rpc((transport) =>
        openMicroservice(App, transport, {
          configure: (app) => app.useGlobalInterceptors(new ClassSerializerInterceptor(reflector)),
        }),
      );
      runs = 0;
      const first = await ask(pattern);
      expect(first).toMatchObject({ id: 7, address: { city: 'Bern' } });
      expect(await ask(pattern)).toEqual(first);
      expect(runs).toBe(1);
      expect(texts.join()).not.toContain('SECRET');
      close();
    },
  );

  it('are refused where the global serializer is that of HTTP alone', async () => {
    const { App } = module();
    const { ask, close } = await rpc((transport) =>
      openApp(App, {
        microservices: [transport],
        configure: (app) => app.useGlobalInterceptors(new ClassSerializerInterceptor(reflector)),
      }),
    );
    expect(JSON.stringify(await ask('user'))).toContain('IDEMPOTENCY_RESULT_NOT_PLAIN');
    expect(await ask('serialized')).toMatchObject({ id: 7 });
    close();
  });
});

// Nest 12 has another one, which answers later.
const { StandardSchemaSerializerInterceptor: bySchema } = common as unknown as Partial<
  Record<string, new (reflector: Reflector) => NestInterceptor>
>;

describe.each(bySchema ? [bySchema] : [])('%o', (Serializer) => {
  const schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: async (value: { id: number }) => ({ value: { id: value.id + 1 } }),
    },
  };

  it('decides what is stored, and is applied once', async () => {
    const all = interceptors(new Serializer(reflector));
    const app = await open(twice(() => new User(), options({ schema } as object), all));
    expect((await replies(app)).text).toBe('{"id":8}');
    expect(app.texts.join()).not.toContain('SECRET');
  });
});
