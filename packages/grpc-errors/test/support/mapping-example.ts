import 'reflect-metadata';
import {
  GrpcErrorAdvice,
  GrpcErrorsModule,
  grpcValidationExceptionFactory,
  HandlesGrpcError,
  type GrpcErrorRule,
} from '@acme/nest-grpc-errors';
import { ValidationPipe } from '@nestjs/common';

export class RowLockedError extends Error {}

export class PaymentError extends Error {
  constructor(
    readonly kind: 'card' | 'provider',
    message: string,
  ) {
    super(message);
  }
}

export const mapped = (): ReturnType<typeof GrpcErrorsModule.forRoot> =>
  // #region mappings
  GrpcErrorsModule.forRoot({
    domain: 'payments.acme.dev',
    mappings: [
      [RowLockedError, { code: 'ABORTED', retryAfter: '250ms' }],
      [
        (error) => (error as { code?: unknown }).code === 'E_FULL',
        { code: 'RESOURCE_EXHAUSTED', reason: 'STORE_FULL', message: 'There is no more room.' },
      ],
    ],
  });
// #endregion

// #region advice
@GrpcErrorAdvice()
export class PaymentErrors {
  @HandlesGrpcError(PaymentError)
  declined({ kind }: PaymentError): GrpcErrorRule | undefined {
    return kind === 'card' ? { code: 'FAILED_PRECONDITION', reason: 'CARD_DECLINED' } : undefined;
  }
}
// #endregion

export const pipe = (): ValidationPipe =>
  // #region validation
  new ValidationPipe({ exceptionFactory: grpcValidationExceptionFactory() });
// #endregion

type Facts = Readonly<Record<string, string>>;

const catalogues = new Map<string, Record<string, (facts: Facts) => string>>([
  ['de', { ORDER_NOT_FOUND: ({ orderId }) => `Es gibt keine Bestellung ${orderId}.` }],
]);

export const localized = (): ReturnType<typeof GrpcErrorsModule.forRoot> =>
  // #region localize
  GrpcErrorsModule.forRoot({
    domain: 'payments.acme.dev',
    localize: ({ reason }, facts, locale) => catalogues.get(locale)?.[reason]?.(facts),
  });
// #endregion
