import * as api from '@acme/nest-grpc-errors';
import type {
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
  GrpcRetryOptions,
  GrpcService,
  GrpcShields,
  GrpcTarget,
  GrpcTracing,
  HttpErrorFormat,
} from '@acme/nest-grpc-errors';
import type { Observable } from 'rxjs';
import { expect, expectTypeOf, it } from 'vitest';

/** Every exported type: a type that is taken away does not compile here. */
interface Types {
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
  GrpcShields: GrpcShields;
  GrpcTarget: GrpcTarget;
  GrpcTracing: GrpcTracing;
  HttpErrorFormat: HttpErrorFormat;
}

it('exports these values and no others', () => {
  expect(Object.keys(api).sort()).toMatchSnapshot();
});

it('types a service by what ts-proto writes, with Observables or with Promises', () => {
  interface Order {
    readonly id: string;
  }
  interface Client {
    get(request: { id: string }, metadata?: object): Observable<Order>;
    find(request: { id: string }): Promise<Order>;
    send(requests: Observable<Order>): Observable<{ count: number }>;
  }
  type Service = GrpcService<Client>;
  expectTypeOf<Awaited<ReturnType<Service['get']>>>().toEqualTypeOf<Order>();
  expectTypeOf<Awaited<ReturnType<Service['find']>>>().toEqualTypeOf<Order>();
  expectTypeOf<Parameters<Service['send']>[0]>().toEqualTypeOf<GrpcRequests<Order>>();
  expectTypeOf<Parameters<Service['get']>[1]>().toEqualTypeOf<GrpcCallOptions | undefined>();
  expectTypeOf<keyof Types>().toBeString();
});
