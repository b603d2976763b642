import 'reflect-metadata';
import {
  Body as HttpBody,
  Controller,
  createParamDecorator,
  Get,
  Injectable,
  Param,
  Post,
  SetMetadata,
  Sse,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ExecutionContext,
} from '@nestjs/common';
import {
  EventPattern,
  GrpcMethod,
  GrpcStreamCall,
  GrpcStreamMethod,
  MessagePattern,
  Payload,
} from '@nestjs/microservices';
import { RabbitRPC, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import {
  ApiBody,
  ApiOperation,
  ApiProperty,
  DocumentBuilder,
  SwaggerModule,
} from '@nestjs/swagger';
import { DeadLetter, MessageContext } from '@acme/nest-message-context';
import { concat, EMPTY, from, Observable, of, throwError, timer } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import {
  Around,
  Before,
  decorate,
  openTraced,
  permutations,
  Trace,
  type TracedApp,
} from './support/trace.js';

const ALL_SLOTS = ['deadline', 'version', 'order', 'attempts', 'idempotency'];

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

/** A decorator of somebody else that replaces the function; whether it is good enough to keep the metadata is its affair. */
type AroundCall = (call: () => unknown) => unknown;
const Foreign =
  ({
    keepsMetadata = true,
    called = [] as string[],
    around = ((call) => call()) as AroundCall,
  } = {}) =>
  (_target: object, _key: string | symbol, descriptor: PropertyDescriptor): void => {
    const original = descriptor.value as (...args: unknown[]) => unknown;
    const replacement = function (this: unknown, ...args: unknown[]): unknown {
      called.push('foreign');
      return around(() => original.apply(this, args));
    };
    for (const key of keepsMetadata ? Reflect.getMetadataKeys(original) : [])
      Reflect.defineMetadata(key, Reflect.getMetadata(key, original), replacement);
    descriptor.value = replacement;
  };

/** Keeps the function it finds under a second name. */
const AlsoKnownAs =
  (name: string) =>
  (target: object, _key: string | symbol, descriptor: PropertyDescriptor): void => {
    Object.defineProperty(target, name, { ...descriptor });
  };

describe('the order of stages', () => {
  it('is the order of slots, in whatever order six decorators stand', async () => {
    const ran: string[] = [];
    const orders = permutations([
      ['@MessagePattern()', (i: number) => MessagePattern(`order-${i}`)],
      ['deadline', () => Before('deadline')],
      ['version', () => Before('version')],
      ['order', () => Around('order')],
      ['attempts', () => Around('attempts')],
      ['idempotency', () => Around('idempotency')],
    ] as const);
    const controllers = orders.map((order, index) => {
      class Permuted {
        handle(): string {
          ran.push(`${index}`);
          return 'done';
        }
      }
      Controller()(Permuted);
      decorate(Permuted, 'handle', ...order.map(([, decorator]) => decorator(index)));
      return Permuted;
    });
    const { server, trace } = await open({ controllers });
    expect(orders).toHaveLength(720);
    for (const [index, order] of orders.entries()) {
      await expect(server.ask(`order-${index}`)).resolves.toBe('done');
      expect([order.map(([name]) => name), trace.take()]).toEqual([
        order.map(([name]) => name),
        ALL_SLOTS,
      ]);
    }
    expect(ran).toHaveLength(720);
  }, 30_000);

  it('holds with decorators of somebody else between ours', async () => {
    @Controller()
    class Mixed {
      @Around('idempotency')
      @Foreign()
      @MessagePattern('mixed')
      @Foreign()
      @Before('version')
      @Around('order')
      @Foreign()
      @Before('deadline')
      @Around('attempts')
      @Foreign()
      handle(): string {
        return 'done';
      }
    }
    const { server, trace } = await open({ controllers: [Mixed] });
    expect(await server.ask('mixed')).toBe('done');
    expect(trace.take()).toEqual(ALL_SLOTS);
  });

  const wrapped = (keepsMetadata: boolean, called: string[] = []) => {
    @Controller()
    class Wrapped {
      @MessagePattern('wrapped')
      @Foreign({ keepsMetadata, called })
      @Around('idempotency')
      @Around('order')
      handle(): string {
        return 'done';
      }
    }
    return Wrapped;
  };

  it('holds for a decorator of somebody else above ours, who handles the message still', async () => {
    const called: string[] = [];
    const { server, trace } = await open({ controllers: [wrapped(true, called)] });
    await server.ask('wrapped');
    expect(called).toEqual(['foreign']);
    expect(trace.calls.map(({ role }) => role)).toEqual(['handler', 'handler']);
    expect(trace.take()).toEqual(['order', 'idempotency']);
    expect(trace.checked).toHaveLength(2);
  });

  it('refuses one that drops our metadata: the method would not know its message', async () => {
    await expect(open({ controllers: [wrapped(false)] })).rejects.toThrow(
      /@Around\('order'\) on Wrapped\.handle would not know its message: .* Put @Around\('order'\) above/,
    );
  });

  it('refuses two stages in one slot at boot, naming both', async () => {
    @Injectable()
    class Twice {
      @Around('order', 'first')
      @Around('order', 'second')
      handle(): void {}
    }
    await expect(open({ providers: [Twice] })).rejects.toThrow(
      /Twice\.handle has @Around\('second'\) and @Around\('first'\), which both take the slot "order": remove one/,
    );
  });

  it('refuses two edge stages in one slot at boot, naming both', async () => {
    @Controller()
    class Twice {
      @Before('version', 'first')
      @EventPattern('twice')
      @Before('version', 'second')
      handle(): void {}
    }
    await expect(open({ controllers: [Twice] })).rejects.toThrow(
      /Twice\.handle has @Before\('second'\) and @Before\('first'\).*"version"/,
    );
  });

  it('refuses an edge stage whose guard a decorator of somebody else threw away', async () => {
    @Controller()
    class Dropped {
      @EventPattern('dropped')
      @Foreign({ keepsMetadata: false })
      @Before('version')
      handle(): void {}
    }
    await expect(open({ controllers: [Dropped] })).rejects.toThrow(
      /@Before\('version'\) on Dropped\.handle would never run: a decorator above it .* drops its metadata\. Put/,
    );
  });

  it('refuses an edge stage on a method that no transport reaches', async () => {
    @Injectable()
    class Unreached {
      @Before('version')
      handle(): void {}
    }
    await expect(open({ providers: [Unreached] })).rejects.toThrow(
      /@Before\('version'\) on Unreached\.handle would never run: .* no transport delivers/,
    );
  });
});

describe('Nest’s own decorators', () => {
  const seen: string[] = [];
  const note = (by: string): void =>
    void seen.push(`${by} ${MessageContext.current() ? 'inside' : 'outside'}`);

  class Guard {
    canActivate(context: ExecutionContext): boolean {
      seen.push(`guard of ${String(Reflect.getMetadata('role', context.getHandler()))}`);
      return true;
    }
  }
  class Interceptor {
    intercept(_: unknown, next: { handle(): Observable<unknown> }): Observable<unknown> {
      note('interceptor');
      return next.handle();
    }
  }
  class ToNumber {
    transform(value: unknown, { type }: { type: string }): unknown {
      if (type === 'custom') return value;
      seen.push('pipe');
      return { n: Number((value as { n: string }).n) };
    }
  }
  const Tenant = createParamDecorator(
    (prefix: string, context: ExecutionContext) =>
      `${prefix}${(context.switchToRpc().getData() as { n: string }).n}`,
  );

  @Controller()
  class Stacked {
    @Around()
    @Before()
    @UseGuards(Guard)
    @UseInterceptors(Interceptor)
    @UsePipes(ToNumber)
    @SetMetadata('role', 'above')
    @MessagePattern('above')
    async above(@Payload() payload: unknown, @Tenant('t-') tenant: string): Promise<unknown> {
      note('method');
      return { payload, tenant };
    }

    @UseGuards(Guard)
    @UseInterceptors(Interceptor)
    @UsePipes(ToNumber)
    @SetMetadata('role', 'below')
    @MessagePattern('below')
    @Before()
    @Around()
    async below(@Payload() payload: unknown, @Tenant('t-') tenant: string): Promise<unknown> {
      note('method');
      return { payload, tenant };
    }

    @UseInterceptors(Interceptor)
    @Before()
    @UsePipes(ToNumber)
    @SetMetadata('role', 'between')
    @Around()
    @UseGuards(Guard)
    @MessagePattern('between')
    between(@Payload() payload: unknown, @Tenant('t-') tenant: string): Observable<unknown> {
      note('method');
      return of({ payload, tenant });
    }
  }

  it.each(['above', 'below', 'between'])('work with our decorators %s them', async (pattern) => {
    seen.length = 0;
    const { server, trace } = await open({ controllers: [Stacked] });
    expect(await server.ask(pattern, { n: '7' })).toEqual({ payload: { n: 7 }, tenant: 't-7' });
    expect(seen).toEqual([`guard of ${pattern}`, 'interceptor inside', 'pipe', 'method inside']);
    expect(trace.take()).toEqual(['version', 'idempotency']);
  });
});

describe('what others read from a decorated method', () => {
  const HANDLERS: Record<string, () => unknown> = {
    '@EventPattern': () => EventPattern('event'),
    '@MessagePattern': () => MessagePattern({ cmd: 'request' }),
    '@GrpcMethod': () => GrpcMethod('Orders', 'Place'),
    '@GrpcStreamMethod': () => GrpcStreamMethod('Orders', 'Place'),
    '@GrpcStreamCall': () => GrpcStreamCall('Orders', 'Place'),
    '@RabbitSubscribe': () => RabbitSubscribe({ exchange: 'x', routingKey: 'k', queue: 'q' }),
    '@RabbitRPC': () => RabbitRPC({ exchange: 'x', routingKey: 'k' }),
    '@Post': () => Post('orders'),
    '@Sse': () => Sse('stream'),
  };
  const make = (...decorators: unknown[]): { prototype: { handle: object } } => {
    class Twin {
      handle(_first: unknown, _second: unknown): void {}
    }
    decorate(Twin, 'handle', ...decorators);
    return Twin;
  };
  const metadataOf = (method: object): Map<unknown, unknown> =>
    new Map(
      (Reflect.getMetadataKeys(method) as unknown[]).map((key) => [
        key,
        Reflect.getMetadata(key, method) as unknown,
      ]),
    );

  it.each(Object.keys(HANDLERS))('is all that %s left, above and below', (name) => {
    const handler = HANDLERS[name]!;
    const plain = metadataOf(make(handler()).prototype.handle);
    expect(plain.size).toBeGreaterThan(0);
    for (const twin of [make(Around(), Before(), handler()), make(handler(), Before(), Around())]) {
      const decorated = metadataOf(twin.prototype.handle);
      for (const [key, value] of plain) expect(decorated.get(key)).toEqual(value);
    }
  });

  it('is its name, its length and its own properties', () => {
    class Named {
      handle(_a: unknown, _b: unknown, _c: unknown): void {}
    }
    const tag = Symbol('tag');
    Object.assign(Named.prototype.handle, { note: 'kept', [tag]: 1 });
    Object.defineProperty(Named.prototype.handle, 'hidden', { value: 2, enumerable: false });
    decorate(Named, 'handle', Around(), Around('order'));
    const { handle } = Named.prototype;
    expect(['note', tag, 'hidden'].map((key) => Reflect.get(handle, key) as unknown)).toEqual([
      'kept',
      1,
      2,
    ]);
    expect([handle.name, handle.length]).toEqual(['handle', 3]);
    expect(Object.keys(handle)).toEqual(['note']);
  });

  it('leaves the method as enumerable, writable and configurable as it was', () => {
    class Named {
      handle(): void {}
    }
    const before = Object.getOwnPropertyDescriptor(Named.prototype, 'handle');
    decorate(Named, 'handle', Around());
    const { value: _now, ...now } = Object.getOwnPropertyDescriptor(Named.prototype, 'handle')!;
    const { value: _then, ...then } = before!;
    expect(now).toEqual(then);
  });

  it('is the same document for Swagger', async () => {
    class Order {
      @ApiProperty()
      readonly n!: number;
    }
    @Controller('orders')
    class Plain {
      @ApiOperation({ summary: 'places' })
      @ApiBody({ type: Order })
      @Post('place/:id')
      place(@HttpBody() _order: Order, @Param('id') _id: string): void {}

      @Get('list')
      list(): void {}
    }
    @Controller('orders')
    class Decorated {
      @Around()
      @ApiOperation({ summary: 'places' })
      @Before()
      @ApiBody({ type: Order })
      @Post('place/:id')
      @Around('order')
      place(@HttpBody() _order: Order, @Param('id') _id: string): void {}

      @Get('list')
      @Around()
      list(): void {}
    }
    const documentOf = async (controller: typeof Plain): Promise<string> => {
      const { app } = await open({ controllers: [controller] });
      const document = SwaggerModule.createDocument(app, new DocumentBuilder().build());
      return JSON.stringify(document).replaceAll('Decorated', 'Plain');
    };
    const document = await documentOf(Decorated);
    expect(document).toContain('"operationId":"Plain_place"');
    expect(document).toContain('#/components/schemas/Order');
    expect(document).toBe(await documentOf(Plain));
  });
});

describe('a decorator on a class', () => {
  class Base {
    @MessagePattern('inherited')
    inherited(): string {
      return 'inherited';
    }

    @MessagePattern('overridden')
    overridden(): string {
      return 'base';
    }

    helper(): string {
      return 'helper';
    }

    get computed(): string {
      return 'computed';
    }
  }

  @Around()
  @Before()
  @Controller()
  class Whole extends Base {
    @MessagePattern('own')
    own(): string {
      return this.helper() + this.computed;
    }

    @MessagePattern('overridden')
    override overridden(): string {
      return 'sub';
    }

    @Around('idempotency', 'method')
    @MessagePattern('settled')
    settled(): string {
      return 'settled';
    }

    plain(): string {
      return 'plain';
    }
  }

  @Controller()
  class Untouched extends Base {}

  it('takes the handlers, inherited ones included, and nothing else', async () => {
    const { server, trace, get } = await open({ controllers: [Whole] });
    for (const [pattern, result] of [
      ['own', 'helpercomputed'],
      ['inherited', 'inherited'],
      ['overridden', 'sub'],
    ]) {
      expect(await server.ask(pattern!)).toBe(result);
      expect({ pattern, steps: trace.take() }).toEqual({
        pattern,
        steps: ['version', 'idempotency'],
      });
    }
    expect(get(Whole).plain()).toBe('plain');
    expect(get(Whole).helper()).toBe('helper');
    expect(trace.take()).toEqual([]);
  });

  it('gives way to a decorator on the method, and names no problem', async () => {
    const { server, trace } = await open({ controllers: [Whole] });
    expect(await server.ask('settled')).toBe('settled');
    expect(trace.take()).toEqual(['version', 'method']);
  });

  it('leaves the base class and its other subclasses as they are', async () => {
    const method = Base.prototype.inherited;
    expect(Reflect.getMetadataKeys(method).map(String).join()).not.toContain('acme');
    expect(Reflect.getMetadata('__guards__', method)).toBeUndefined();
    const { server, trace } = await open({ controllers: [Untouched] });
    expect(await server.ask('inherited')).toBe('inherited');
    expect(trace.take()).toEqual([]);
  });

  it('keeps what decorators said on an inherited method', async () => {
    class Protected {
      @Around('order', 'order of the method')
      @Around('idempotency', 'idempotency of the method')
      @Before('deadline', 'deadline of the method')
      @MessagePattern('kept')
      kept(): string {
        return 'kept';
      }
    }
    @Around('attempts', 'attempts of the class')
    @Around('idempotency', 'idempotency of the class')
    @Before('version', 'version of the class')
    @Controller()
    class Sub extends Protected {}
    const { server, trace } = await open({ controllers: [Sub] });
    expect(await server.ask('kept')).toBe('kept');
    expect(trace.calls.map(({ role }) => role)).toEqual(['handler', 'handler', 'handler']);
    expect(trace.take()).toEqual([
      'deadline of the method',
      'version of the class',
      'order of the method',
      'attempts of the class',
      'idempotency of the method',
    ]);
  });

  it.each(['body', 'edge'])(
    'with only a %s stage keeps the others of an inherited method',
    async (kind) => {
      class Protected {
        @Around('order')
        @MessagePattern('kept')
        kept(): string {
          return 'kept';
        }
      }
      @Controller()
      class Sub extends Protected {}
      (kind === 'body' ? Around('attempts') : Before('version'))(Sub);
      const { server, trace } = await open({ controllers: [Sub] });
      expect(await server.ask('kept')).toBe('kept');
      expect(trace.calls.map(({ role }) => role)).not.toContain('method');
      expect(trace.take()).toEqual(kind === 'body' ? ['order', 'attempts'] : ['version', 'order']);
    },
  );

  it('goes before the same one on its base class', async () => {
    @Around('idempotency', 'body of the base')
    @Before('version', 'edge of the base')
    class Outer {
      @MessagePattern('refined')
      refined(): string {
        return 'refined';
      }
    }
    @Around('idempotency', 'body of the sub')
    @Before('version', 'edge of the sub')
    @Controller()
    class Refined extends Outer {}
    const { server, trace } = await open({ controllers: [Refined] });
    expect(await server.ask('refined')).toBe('refined');
    expect(trace.take()).toEqual(['edge of the sub', 'body of the sub']);
  });

  it('is refused twice in one slot', async () => {
    @Around('idempotency', 'one')
    @Around('idempotency', 'other')
    @Controller()
    class Twice {
      @MessagePattern('twice')
      handle(): void {}
    }
    await expect(open({ controllers: [Twice] })).rejects.toThrow(
      /Twice\.handle has @Around\('other'\) and @Around\('one'\)/,
    );
  });
});

describe('a decorated method', () => {
  @Injectable()
  class Provider {
    readonly inside: unknown[] = [];

    @Around()
    synchronous(value: number): number {
      return value * 2;
    }

    @Around()
    throws(): never {
      throw new RangeError('thrown');
    }

    @Around()
    signal(): unknown {
      return new DeadLetter('RETURNED');
    }

    @Around()
    observable(values: unknown[]): Observable<unknown> {
      return new Observable((subscriber) => {
        this.inside.push(MessageContext.current()?.message.name);
        const subscription = concat(
          timer(1).pipe(() => EMPTY),
          from(values),
        ).subscribe(subscriber);
        return () => {
          this.inside.push(MessageContext.current()?.message.name);
          subscription.unsubscribe();
        };
      });
    }

    @Around()
    failing(): Observable<unknown> {
      return concat(
        of(1),
        throwError(() => new RangeError('in the stream')),
      );
    }

    @Around()
    async recursive(depth: number): Promise<string> {
      return depth === 0 ? '' : `${depth}${await this.recursive(depth - 1)}`;
    }

    @Around('attempts')
    @AlsoKnownAs('second')
    @Around('order')
    async first(): Promise<string> {
      return 'first';
    }

    declare second: () => Promise<string>;
  }

  const provider = async (): Promise<{ it: Provider; trace: TracedApp['trace'] }> => {
    const { get, trace } = await open({ providers: [Provider] });
    return { it: get(Provider), trace };
  };

  it('always returns a promise, and rejects instead of throwing', async () => {
    const { it: object } = await provider();
    const result: unknown = object.synchronous(4);
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toBe(8);
    const failure: unknown = object.throws();
    await expect(failure).rejects.toThrow(new RangeError('thrown'));
  });

  it('fails with a signal that it returns', async () => {
    const { it: object } = await provider();
    await expect(object.signal()).rejects.toBeInstanceOf(DeadLetter);
  });

  it.each([
    { values: [], last: undefined },
    { values: [1], last: 1 },
    { values: [1, 2, 3], last: 3 },
  ])('runs an Observable of $values.length values to its end inside', async ({ values, last }) => {
    const { it: object } = await provider();
    const result: unknown = object.observable(values);
    expect(await result).toBe(last);
    expect(object.inside).toEqual(['Provider.observable', 'Provider.observable']);
    expect(MessageContext.current()).toBeUndefined();
  });

  it('fails with the error of its Observable', async () => {
    const { it: object } = await provider();
    await expect(object.failing()).rejects.toThrow(new RangeError('in the stream'));
  });

  it('protects each call of a recursion', async () => {
    const { it: object, trace } = await provider();
    expect(await object.recursive(2)).toBe('21');
    expect(trace.calls.map(({ args }) => args)).toEqual([[2], [1], [0]]);
  });

  it('is protected under a second name that somebody gave its inner function', async () => {
    const { it: object, trace } = await provider();
    expect(await object.first()).toBe('first');
    expect(trace.take()).toEqual(['order', 'attempts']);
    expect(await object.second()).toBe('first');
    expect(trace.take()).toEqual(['order', 'attempts']);
  });
});

describe('overriding', () => {
  class Base {
    @Around()
    @MessagePattern('sup')
    async sup(value: string): Promise<string> {
      return `base ${value}`;
    }

    @Around()
    async calls(depth: number): Promise<string> {
      return depth > 0 ? `base, then ${await this.calls(depth - 1)}` : 'end';
    }
  }
  @Controller()
  class Sub extends Base {
    @Around()
    @MessagePattern('sup')
    override async sup(value: string): Promise<string> {
      return `sub, ${await super.sup(value)}`;
    }

    @Around()
    override async calls(depth: number): Promise<string> {
      return `sub, ${await super.calls(depth)}`;
    }
  }

  it('passes super.m() through as part of the call', async () => {
    const { server, trace } = await open({ controllers: [Sub] });
    expect(await server.ask('sup', 'x')).toMatch(/^sub, base/);
    expect(trace.take()).toEqual(['idempotency']);
  });

  it('protects what the base method calls on the object', async () => {
    const { get, trace } = await open({ controllers: [Sub] });
    expect(await get(Sub).calls(1)).toBe('sub, base, then sub, end');
    expect(trace.calls.map(({ args }) => args)).toEqual([[1], [0]]);
  });

  it('without the decorator is refused at boot, through the generations', async () => {
    @Controller()
    class Forgot extends Base {
      override async sup(): Promise<string> {
        return 'unprotected';
      }
    }
    @Controller()
    class ForgotToo extends Forgot {
      override async sup(): Promise<string> {
        return 'unprotected';
      }
    }
    await expect(open({ controllers: [Forgot] })).rejects.toThrow(
      /Forgot\.sup overrides Base\.sup, which is decorated with @Around\('idempotency'\), without/,
    );
    await expect(open({ controllers: [ForgotToo] })).rejects.toThrow(
      /ForgotToo\.sup overrides Base\.sup/,
    );
  });

  it('with some of the decorators is refused at boot: the base’s own do not run in super.m()', async () => {
    @Controller()
    class Partly extends Base {
      @Around('order')
      @MessagePattern('sup')
      override async sup(value: string): Promise<string> {
        return super.sup(value);
      }
    }
    await expect(open({ controllers: [Partly] })).rejects.toThrow(
      /Partly\.sup overrides Base\.sup, which is decorated with @Around\('idempotency'\), without/,
    );
  });
});

/** A retrying decorator of somebody else. */
const Repeated = () => Foreign({ around: (call) => (call() as Promise<unknown>).catch(call) });

describe('the role of a call', () => {
  @Controller()
  class Handlers {
    @Around('order', 'outer')
    @MessagePattern('outer')
    async outer(): Promise<void> {
      await this.inner();
    }

    @Around('order', 'inner')
    @MessagePattern('inner')
    async inner(): Promise<void> {}

    @Around('order', 'again')
    @MessagePattern('again')
    async again(@Payload() { depth }: { depth: number }): Promise<void> {
      if (depth > 0) await this.again({ depth: depth - 1 });
    }

    @Around('order', 'plain')
    async plain(): Promise<void> {
      await this.inner();
    }

    @Post('undecorated')
    async undecorated(): Promise<void> {
      await this.inner();
    }

    @MessagePattern('many')
    async many(): Promise<void> {
      for (let item = 0; item < 3; item += 1) await this.inner();
    }

    @Repeated()
    @Around('order', 'repeated')
    @MessagePattern('repeated')
    async repeated(): Promise<void> {
      if (this.attempts++ === 0) throw new Error('once');
    }

    attempts = 0;
  }
  const rolesOf = ({ trace }: TracedApp): string[] =>
    trace.calls.map(({ options, role }) => `${options}: ${role}`);

  it('is "method" for every call that the handler makes, of itself too', async () => {
    const app = await open({ controllers: [Handlers] });
    await app.server.ask('outer');
    expect(rolesOf(app)).toEqual(['outer: handler', 'inner: method']);
    app.trace.take();
    await app.server.ask('again', { depth: 2 });
    expect(rolesOf(app)).toEqual(['again: handler', 'again: method', 'again: method']);
  });

  it('is "method" for every call that an undecorated handler makes: the message is not theirs', async () => {
    const app = await open({ controllers: [Handlers] });
    await app.server.ask('many');
    expect(rolesOf(app)).toEqual(['inner: method', 'inner: method', 'inner: method']);
  });

  it('stays "handler" for a handling that is repeated after a failure', async () => {
    const app = await open({ controllers: [Handlers] });
    await app.server.ask('repeated');
    expect(rolesOf(app)).toEqual(['repeated: handler', 'repeated: handler']);
  });

  it('does not matter to a stage that throws instead of rejecting: the call rejects, and is handled again', async () => {
    let fails = true;
    class ThrowsOnce extends Trace {
      override around(...args: Parameters<Trace['around']>): Promise<unknown> {
        if (fails) throw new Error('thrown, not rejected');
        return super.around(...args);
      }
    }
    const app = await open({ controllers: [Handlers], traceClass: ThrowsOnce });
    const call = app.get(Handlers).inner();
    await expect(call).rejects.toThrow('thrown, not rejected');
    fails = false;
    await app.server.ask('inner');
    expect(rolesOf(app)).toEqual(['inner: handler']);
  });

  it('is "method" for a handler that is called outside of any message', async () => {
    const app = await open({ controllers: [Handlers] });
    await app.get(Handlers).plain();
    expect(rolesOf(app)).toEqual(['plain: method', 'inner: method']);
  });

  it('is "method" for an RPC handler that an HTTP handler calls', async () => {
    const app = await open({ controllers: [Handlers] });
    await app.app.listen(0, '127.0.0.1');
    const response = await fetch(`${await app.app.getUrl()}/undecorated`, { method: 'POST' });
    expect(response.status).toBe(201);
    expect(rolesOf(app)).toEqual(['inner: method']);
  });
});

describe('a decorator in the wrong place', () => {
  class Misused {
    static fixed(): void {}
    method(): void {}
    property = 1;
    get computed(): number {
      return 1;
    }
  }
  const of_ = (target: object, key: string): PropertyDescriptor | undefined =>
    Object.getOwnPropertyDescriptor(target, key);

  it.each([
    { name: 'Around', make: () => Around() },
    { name: 'Before', make: () => Before() },
  ])('is a TypeError that says where @$name belongs', ({ make }) => {
    const stage = make();
    const prototype: object = Misused.prototype;
    expect(() => stage(Misused, 'fixed', of_(Misused, 'fixed'))).toThrow(
      /belongs on a method of objects or on a class, not on the static Misused\.fixed/,
    );
    expect(() => stage(prototype, 'computed', of_(prototype, 'computed'))).toThrow(TypeError);
    expect(() => stage(prototype, 'property')).toThrow(/not on Misused\.property/);
    expect(() => stage(prototype, 'method', 0 as never)).toThrow(/not on Misused\.method/);
    expect(() => stage(Misused, undefined, 0 as never)).toThrow(/not on a parameter/);
    expect(Reflect.getMetadataKeys(Function)).toEqual([]);
  });
});
