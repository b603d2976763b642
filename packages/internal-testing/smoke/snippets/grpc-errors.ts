import assert from 'node:assert/strict';
import {
  GrpcClientsModule,
  GrpcError,
  GrpcErrorsConfigurationError,
  GrpcErrorsModule,
  isRemoteError,
  RemoteNotFoundError,
} from '@acme/nest-grpc-errors';
import { expectGrpcError, faults } from '@acme/nest-grpc-errors/testing';

/** Wrong options are refused at once, and remote errors are known by what they are. */
export async function smoke(): Promise<void> {
  assert.throws(() => GrpcErrorsModule.forRoot({ domain: '' }), GrpcErrorsConfigurationError);
  assert.throws(
    () =>
      GrpcClientsModule.register([{ packages: 'order.v1', protoPath: 'nowhere.proto', url: '' }]),
    GrpcErrorsConfigurationError,
  );
  assert.throws(() => GrpcError({ code: 'GONE' as never })(Error), GrpcErrorsConfigurationError);
  const error = new RemoteNotFoundError({ code: 5, message: 'gone', path: '/a.B/C', details: {} });
  assert.ok(isRemoteError(error));
  assert.equal(error.reason, 'NOT_FOUND');
  await expectGrpcError(Promise.reject(error)).toHaveStatus('NOT_FOUND').toHaveReason('NOT_FOUND');
  assert.throws(() => expectGrpcError(error).toHaveStatus('INTERNAL'), assert.AssertionError);
  assert.equal(faults().status('UNAVAILABLE').hits, 0);
}
