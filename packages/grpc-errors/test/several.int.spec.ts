// Several servers in one process, and several controllers for one method.
import { status as Status } from '@grpc/grpc-js';
import { openApp, openMicroservice } from '@acme/internal-testing';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import { GrpcDeadline, GrpcError, GrpcErrorsModule } from '@acme/nest-grpc-errors';
import {
  ArgumentsHost,
  Catch,
  Controller,
  Injectable,
  Module,
  Scope,
  UseFilters,
  type Type,
  type INestApplication,
} from '@nestjs/common';
import { BaseRpcExceptionFilter, GrpcMethod } from '@nestjs/microservices';
import { afterEach, expect, it } from 'vitest';
import { grpcTransport, probeClient, probeModule, type Message } from './support/probe-app.js';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

@GrpcError({ code: 'NOT_FOUND' })
class OrderNotFoundError extends Error {}

const handle = (): never => {
  throw new OrderNotFoundError('no order');
};
const ours = (): [
  ReturnType<typeof MessageContextModule.forRoot>,
  ReturnType<typeof GrpcErrorsModule.forRoot>,
] => [MessageContextModule.forRoot(), GrpcErrorsModule.forRoot({ domain: 'probe.test' })];

async function serve(module: new () => object) {
  const { url, transport } = await grpcTransport();
  const opened = await openMicroservice(module, transport);
  const client = probeClient(url);
  closers.push(opened.close, client.close);
  return { ...client, log: opened.log };
}

const said = ({ error }: Awaited<ReturnType<ReturnType<typeof probeClient>['invoke']>>) =>
  error && [Status[error.code], error.details];

it('leaves an application without the module as it is, and its log', async () => {
  const without = await serve(probeModule({ handle, modules: [] }));
  const both = await serve(probeModule({ handle }));
  // Nest has one logger for all: that of the last one.
  const { log } = both;
  expect(said(await both.invoke('Unary'))).toEqual(['NOT_FOUND', 'no order']);
  expect(log.messages('error')).toEqual([]);
  expect(said(await without.invoke('Unary'))).toEqual(['UNKNOWN', 'Internal server error']);
  expect(log.messages('error').join('\n')).toContain('no order');
});

it('answers the calls of two servers of one application', async () => {
  const [one, other] = [await grpcTransport(), await grpcTransport()];
  const configure = (app: INestApplication): void => {
    app.connectMicroservice(one.transport);
    app.connectMicroservice(other.transport);
  };
  const { close } = await openApp(probeModule({ handle }), { configure });
  closers.push(close);
  for (const { url } of [one, other]) {
    const { invoke, close: hangUp } = probeClient(url);
    closers.push(hangUp);
    expect(said(await invoke('Unary'))).toEqual(['NOT_FOUND', 'no order']);
    expect(said(await invoke('Bidi'))).toEqual(['NOT_FOUND', 'no order']);
  }
});

abstract class Base {
  @GrpcDeadline('80ms')
  @GrpcMethod('Probe')
  unary(message: Message): unknown {
    return this.answer(message);
  }

  protected abstract answer(message: Message): unknown;
}

it('knows the handlers that a controller has of its base', async () => {
  @Controller()
  class Probe extends Base {
    protected answer(): unknown {
      return new Promise(() => {});
    }
  }
  @Module({ imports: ours(), controllers: [Probe] })
  class ProbeModule {}
  const { invoke, log } = await serve(ProbeModule);
  expect(said(await invoke('Unary'))).toEqual([
    'DEADLINE_EXCEEDED',
    'The call took longer than the 80 ms that it may.',
  ]);
  expect(log.messages('warn').join()).toContain('Base.unary');
});

it('says of two controllers for one method the one that Nest calls', async () => {
  @Controller()
  class First {
    @GrpcDeadline('5s')
    @GrpcMethod('Probe')
    unary(): unknown {
      return { id: 'first' };
    }
  }
  @Controller()
  class Second {
    @GrpcMethod('Probe')
    unary(): unknown {
      return handle();
    }
  }
  @Module({ imports: ours(), controllers: [First, Second] })
  class ProbeModule {}
  const { invoke, log } = await serve(ProbeModule);
  expect(said(await invoke('Unary'))).toEqual(['NOT_FOUND', 'no order']);
  expect(log.messages('log').join('\n')).toContain('Second.unary');
});

it('gives a handler the time of its own, and not that of one of the same name', async () => {
  const allowed = () => ({ id: String(MessageContext.require().message.allowedUntil) });
  const first = (): Type => {
    @Controller()
    class Probe {
      @GrpcDeadline('1s')
      @GrpcMethod('Probe', 'Unary')
      answer(): unknown {
        return allowed();
      }
    }
    return Probe;
  };
  const second = (): Type => {
    @Controller()
    class Probe {
      @GrpcMethod('Probe', 'Read')
      answer(): unknown {
        return allowed();
      }
    }
    return Probe;
  };
  @Module({ imports: ours(), controllers: [first(), second()] })
  class ProbeModule {}
  const { invoke } = await serve(ProbeModule);
  expect((await invoke('Unary')).messages[0]!.id).toMatch(/^\d+$/);
  expect((await invoke('Read')).messages[0]!.id).toBe('undefined');
});

it('answers for controllers that have one instance for each request', async () => {
  @Injectable({ scope: Scope.REQUEST })
  class Orders {
    find = handle;
  }
  @Controller({ scope: Scope.REQUEST })
  class Probe {
    constructor(private readonly orders: Orders) {}

    @GrpcMethod('Probe')
    unary(): unknown {
      return this.orders.find();
    }
  }
  @Module({ imports: ours(), controllers: [Probe], providers: [Orders] })
  class ProbeModule {}
  const { invoke, log } = await serve(ProbeModule);
  expect(said(await invoke('Unary'))).toEqual(['NOT_FOUND', 'no order']);
  expect(log.messages('log').join('\n')).toContain('Probe.unary');
});

it('has one line of log where a filter of the application asks that of Nest', async () => {
  @Catch()
  class Filter extends BaseRpcExceptionFilter {}
  const options = { handle: () => Promise.reject(new Error('secret')) };
  const { invoke, log } = await serve(
    probeModule({ ...options, decorate: UseFilters(Filter) as ClassDecorator }),
  );
  expect(said(await invoke('Unary'))).toEqual(['INTERNAL', 'Internal error']);
  expect(log.messages('error').filter((line) => line.includes('secret'))).toHaveLength(1);
  // However many applications there are, it is asked once.
  const { error } = BaseRpcExceptionFilter['logger'] as unknown as { readonly error: unknown };
  const { log: last } = await serve(probeModule(options));
  expect(BaseRpcExceptionFilter['logger']).toHaveProperty('error', error);
  // Of no call.
  void new Filter().catch(new Error('elsewhere'), {} as ArgumentsHost);
  expect(last.messages('error').filter((line) => line.includes('elsewhere'))).toHaveLength(1);
});

it('keeps a most of more milliseconds than a timer takes', async () => {
  const { invoke } = await serve(
    probeModule({ handle: () => ({ id: '1' }), deadline: { max: '24d' } }),
  );
  expect((await invoke('Unary', { timeout: Infinity })).messages).toEqual([{ id: '1' }]);
  expect(() => GrpcErrorsModule.forRoot({ domain: 'a.b', deadline: { max: '30d' } })).toThrow(
    'deadline.max',
  );
});
