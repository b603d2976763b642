import * as api from '@acme/nest-grpc-errors';
import type {
  CatalogueEntry,
  CatalogueProblem,
  ErrorCatalogue,
  ErrorSources,
  FromRemote,
  GrpcCallOptions,
  GrpcClientOptions,
  GrpcCodeName,
  GrpcDeadlineOptions,
  GrpcErrorCode,
  GrpcErrorMapping,
  GrpcErrorPreset,
  GrpcErrorRule,
  GrpcErrorsErrorCode,
  GrpcErrorsModuleOptions,
  GrpcRelay,
  GrpcRequests,
  GrpcResult,
  GrpcRetryOptions,
  GrpcService,
  GrpcServiceCalls,
  GrpcServiceConfigOptions,
  GrpcServiceRetry,
  GrpcShields,
  GrpcStream,
  GrpcTarget,
  GrpcTracing,
  HttpErrorFormat,
} from '@acme/nest-grpc-errors';
import type { Observable } from 'rxjs';
import { expect, expectTypeOf, it } from 'vitest';

/** Every exported type: a type that is taken away does not compile here. */
interface Types {
  CatalogueEntry: CatalogueEntry;
  CatalogueProblem: CatalogueProblem;
  ErrorCatalogue: ErrorCatalogue;
  ErrorSources: ErrorSources;
  FromRemote: FromRemote;
  GrpcCallOptions: GrpcCallOptions;
  GrpcClientOptions: GrpcClientOptions;
  GrpcCodeName: GrpcCodeName;
  GrpcDeadlineOptions: GrpcDeadlineOptions;
  GrpcErrorCode: GrpcErrorCode;
  GrpcErrorMapping: GrpcErrorMapping;
  GrpcErrorPreset: GrpcErrorPreset;
  GrpcErrorRule: GrpcErrorRule;
  GrpcErrorsErrorCode: GrpcErrorsErrorCode;
  GrpcErrorsModuleOptions: GrpcErrorsModuleOptions;
  GrpcRelay: GrpcRelay;
  GrpcRequests: GrpcRequests<unknown>;
  GrpcRetryOptions: GrpcRetryOptions;
  GrpcService: GrpcService<object>;
  GrpcServiceCalls: GrpcServiceCalls;
  GrpcServiceConfigOptions: GrpcServiceConfigOptions;
  GrpcServiceRetry: GrpcServiceRetry;
  GrpcShields: GrpcShields;
  GrpcTarget: GrpcTarget;
  GrpcTracing: GrpcTracing;
  HttpErrorFormat: HttpErrorFormat;
}

it('exports these values and no others', () => {
  expect(Object.keys(api).sort()).toMatchSnapshot();
});

interface Order {
  readonly id: string;
}
type OrderResult = GrpcResult<Order>;

it('types a service by what ts-proto writes with Promises: an Observable is a stream, and nothing to await', () => {
  interface Client {
    find(request: { id: string }): Promise<Order>;
    watch(request: { id: string }): Observable<Order>;
    send(requests: Observable<Order>): Promise<{ count: number }>;
    chat(requests: AsyncIterable<Order>): AsyncIterable<Order>;
  }
  type Service = GrpcService<Client>;
  expectTypeOf<ReturnType<Service['find']>>().toEqualTypeOf<OrderResult>();
  expectTypeOf<ReturnType<Service['watch']>>().toEqualTypeOf<GrpcStream<Order>>();
  expectTypeOf<ReturnType<Service['chat']>>().toEqualTypeOf<GrpcStream<Order>>();
  expectTypeOf<Awaited<ReturnType<Service['send']>>>().toEqualTypeOf<{ count: number }>();
  expectTypeOf<Parameters<Service['send']>[0]>().toEqualTypeOf<GrpcRequests<Order>>();
  expectTypeOf<Parameters<Service['chat']>[0]>().toEqualTypeOf<GrpcRequests<Order>>();
  const read = async (orders: Service): Promise<string> => {
    for await (const { id } of orders.watch({ id: '1' })) expectTypeOf(id).toBeString();
    return (await orders.find({ id: '1' })).id;
  };
  expectTypeOf(read).toBeFunction();
  // Nobody takes a stream for its message.
  expectTypeOf<Awaited<ReturnType<Service['watch']>>>().not.toExtend<Order>();
});

it('types a service by what ts-proto writes for Nest: streams are named, since all are Observables', () => {
  interface Client {
    get(request: { id: string }, metadata?: object): Observable<Order>;
    watch(request: { id: string }, metadata?: object): Observable<Order>;
  }
  type Service = GrpcService<Client, 'watch'>;
  expectTypeOf<ReturnType<Service['get']>>().toEqualTypeOf<OrderResult>();
  expectTypeOf<ReturnType<Service['watch']>>().toEqualTypeOf<GrpcStream<Order>>();
  expectTypeOf<ReturnType<GrpcService<Client>['get']>>().toEqualTypeOf<OrderResult>();
  expectTypeOf<Parameters<Service['get']>[1]>().toEqualTypeOf<GrpcCallOptions | undefined>();
  // @ts-expect-error -- there is no such method
  expectTypeOf<GrpcService<Client, 'listen'>>().toBeObject();
});

it('lets a request be left out in which nothing has to be said', () => {
  interface Client {
    ping(): Promise<Order>;
    reset(request: Record<never, never>): Promise<Order>;
    list(request: { page?: number }): Promise<Order>;
    touch(request?: { id: string }): Promise<Order>;
    find(request: { id: string }): Promise<Order>;
  }
  type Service = GrpcService<Client>;
  const call = (orders: Service): unknown[] => [
    orders.ping(),
    orders.reset(),
    orders.list(),
    orders.touch(),
    orders.list({ page: 2 }, { timeout: '1s' }),
    orders.ping({}, { timeout: '1s' }),
    // @ts-expect-error -- it has to say which
    orders.find(),
  ];
  expectTypeOf(call).toBeFunction();
  expectTypeOf<keyof Types>().toBeString();
});
