// An application that would fail if anything of it were made: the command line only looks at it.
import { GrpcErrorAdvice, GrpcErrorsModule, HandlesGrpcError } from '@acme/nest-grpc-errors';
import { Module } from '@nestjs/common';
import './errors.mjs';

class RowLockedError extends Error {}
class PaymentError extends Error {}

export class PaymentErrors {
  declined() {}
}
HandlesGrpcError(PaymentError)(PaymentErrors.prototype, 'declined');
GrpcErrorAdvice()(PaymentErrors);

class Database {
  constructor() {
    throw new Error('there is no database');
  }
}

export class AppModule {
  constructor() {
    throw new Error('it was made');
  }
}
Module({
  imports: [
    GrpcErrorsModule.forRoot({
      domain: 'orders.test',
      mappings: [
        [RowLockedError, { code: 'ABORTED', retryAfter: () => '250ms' }],
        [({ code }) => code === 'E_FULL', { code: 'UNAVAILABLE', reason: 'STORE_FULL' }],
      ],
    }),
  ],
  providers: [
    PaymentErrors,
    Database,
    {
      provide: 'connection',
      useFactory: () => {
        throw new Error('nobody is there');
      },
    },
  ],
})(AppModule);
