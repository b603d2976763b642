// What somebody does wrong who has the package for the first time: each is refused before anything is called, and what is said says what to do.
import 'reflect-metadata';
import { openApp, openContext } from '@acme/internal-testing';
import {
  GrpcClientsModule,
  GrpcError,
  GrpcErrorAdvice,
  GrpcErrorsModule,
  HandlesGrpcError,
  HttpErrorsFilter,
  InjectGrpcService,
  type GrpcClientOptions,
  type GrpcErrorsModuleOptions,
} from '@acme/nest-grpc-errors';
import { faults, startGrpcTestServer } from '@acme/nest-grpc-errors/testing';
import { Injectable, Module, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { probeModule, PROTO } from './support/probe-app.js';

class LostError extends Error {}

function appOf(imports: (Type | DynamicModule)[], providers: Provider[] = []): Type {
  @Module({ imports, providers })
  class App {}
  return App;
}

describe('GrpcErrorsModule', () => {
  const forRoot = (more: Partial<GrpcErrorsModuleOptions> = {}): DynamicModule =>
    GrpcErrorsModule.forRoot({ domain: 'a.test', ...more });

  it.each([undefined, {}, { domain: 'a.test' }])(
    'is not made of nothing by forRootAsync(): %s',
    (given) => {
      expect(() => GrpcErrorsModule.forRootAsync(given as never)).toThrow(
        "GrpcErrorsModule is not configured correctly:\n- forRootAsync() is given nothing that makes the options. Give { useFactory: () => ({ domain: 'orders.example.com' }) }",
      );
    },
  );

  it('says what it needs where it is imported without options', async () => {
    await expect(openContext(GrpcErrorsModule)).rejects.toThrow(
      '"GrpcErrorsModule needs forRoot({ domain })"',
    );
  });

  it('is imported once: of two that differ one would be lost', async () => {
    for (const other of [{ domain: 'b.test' }, { relay: 'opaque' as const }])
      await expect(openContext(appOf([forRoot(), forRoot(other)]))).rejects.toThrow(
        'it is imported 2 times, with different options. Import GrpcErrorsModule.forRoot() once, in the root module',
      );
    const same = await openContext(appOf([forRoot(), forRoot()]));
    await same.close();
  });

  it('is what HttpErrorsFilter needs', async () => {
    const filter = { provide: APP_FILTER, useClass: HttpErrorsFilter };
    await expect(openApp(appOf([], [filter]))).rejects.toThrow(
      '"settings of GrpcErrorsModule.forRoot({ domain })"',
    );
  });

  it('does not take for an advice what is none, nor is one without a method', async () => {
    @Injectable()
    class Undecorated {
      @HandlesGrpcError(LostError)
      lost(): undefined {}
    }
    @GrpcErrorAdvice()
    class Silent {}
    const starts = openContext(appOf([forRoot()], [Undecorated, Silent]));
    await expect(starts).rejects.toThrow(
      'Undecorated: it has @HandlesGrpcError() on its methods, and is no advice. Put @GrpcErrorAdvice() on the class.\n- Silent: it answers nothing.',
    );
  });
});

describe('a decorator', () => {
  it('of errors is for classes of errors', () => {
    class Order {}
    expect(() => GrpcError({ code: 'NOT_FOUND' })(Order as never)).toThrow(
      '@GrpcError() on Order is not configured correctly:\n- it is no class of errors',
    );
    expect(() => GrpcError({ code: 'NOT_FOUND' })(LostError.prototype as never)).toThrow(
      '@GrpcError() on a member of a class is',
    );
    // @ts-expect-error -- a class that is no error does not compile, either
    const wrong = (): void => GrpcError({ code: 'NOT_FOUND' })(Order);
    // @ts-expect-error -- nor does a status that is no error
    const ok = (): unknown => GrpcError({ code: 'OK' });
    expect([wrong, ok].map((one) => typeof one)).toEqual(['function', 'function']);
  });

  it('of an advice names classes', () => {
    const decorate = (...given: unknown[]) => {
      class Advice {}
      HandlesGrpcError(...(given as [typeof LostError]))(Advice.prototype, 'lost', {});
    };
    expect(() => decorate()).toThrow('@HandlesGrpcError() on Advice.lost is not configured');
    expect(() => decorate(LostError, 'LostError')).toThrow('"LostError" is no class of errors.');
  });

  it.each([undefined, class Orders {}, 'OrderService', 'order.v1.'])(
    'of a service names it with its package, which %s does not',
    (name) => {
      expect(() => InjectGrpcService(name as never)).toThrow(
        "is no full name of a service. Give it with its package: 'order.v1.OrderService'.",
      );
    },
  );
});

describe('GrpcClientsModule', () => {
  const register = (more: object = {}): DynamicModule =>
    GrpcClientsModule.register([{ url: 'a:1', packages: 'probe.v1', protoPath: PROTO, ...more }]);

  it.each<[string, object, string]>([
    ['an address of HTTP', { url: 'http://a:1' }, `url: "http://a:1" is one of HTTP. Give 'host:p`],
    ['credentials of nobody', { credentials: true }, 'credentials: true are none of this service'],
    ['no options of a channel', { channelOptions: 5 }, 'channelOptions: 5 is not an object.'],
    ['what its factory hides', { useFactory: () => {} }, 'url: is not used beside useFactory.'],
    ['errors of nobody', { errors: [LostError] }, 'errors: say whose they are. Give { '],
    ['one class for a list', { errors: { a: LostError } }, 'of "a" is no list of classes.'],
    ['a package that is called otherwise', { packages: 'probe' }, 'has services of probe.v1.'],
    ['no file', { protoPath: 'no.proto' }, "'no.proto'. Give the file by its absolute path, and"],
  ])('refuses at once %s', (_, more, said) => {
    expect(() => register(more)).toThrow(said);
  });

  it('refuses clients that are no list', () => {
    for (const given of [undefined, { url: 'a:1' }])
      expect(() => GrpcClientsModule.register(given as never)).toThrow(
        'is no list of clients. Give register([{ url, packages, protoPath }]).',
      );
  });

  it('says what it needs where it is imported without clients', async () => {
    await expect(openContext(GrpcClientsModule)).rejects.toThrow(
      '"GrpcClientsModule needs register([{ url, packages, protoPath }])"',
    );
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'probe.v1: useFactory: it has given undefined. Let it give { url: '],
    ['no address', { uri: 'a:1' }, 'probe.v1: url: undefined is no address.'],
  ])('refuses at boot what a factory gives: %s', async (_, given, said) => {
    const client = { packages: 'probe.v1', protoPath: PROTO, useFactory: () => given };
    const module = GrpcClientsModule.register([client as GrpcClientOptions]);
    await expect(openContext(appOf([module]))).rejects.toThrow(said);
  });
});

describe('startGrpcTestServer()', () => {
  const options = { packages: 'probe.v1', protoPath: PROTO };
  const module = probeModule({ handle: (message) => message });

  it('says all that is wrong at once', async () => {
    const wrong = { package: 'probe.v1', protoPath: [], faults: {} };
    await expect(startGrpcTestServer(undefined as never, wrong as never)).rejects.toThrow(
      [
        'startGrpcTestServer() is not configured correctly:',
        '- undefined is no module. Give the one of your application, or what Test.createTestingModule(…).compile() gives.',
        '- options.package: there is no such option. Known are packages, protoPath, loader, credentials, channelOptions, faults, client, configure, logger.',
        '- packages: missing. Give that of the service, or a list.',
        '- protoPath: missing. Give that of the service, or a list.',
        '- faults: the given object is none. Give faults().',
      ].join('\n'),
    );
  });

  it('gives services by their full names', async () => {
    const server = await startGrpcTestServer(module, { ...options, faults: faults() });
    try {
      expect(() => server.client('Probe')).toThrow('"Probe" is no full name of a service.');
    } finally {
      await server.close();
    }
  });
});
