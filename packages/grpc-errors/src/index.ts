export { GrpcErrorsModule } from './grpc-errors.module.js';
export type {
  GrpcErrorPreset,
  GrpcDeadlineOptions,
  GrpcErrorsModuleOptions,
  GrpcShields,
} from './grpc-errors.options.js';
export { HttpErrorsFilter } from './http/http-errors.filter.js';
export type { HttpErrorFormat } from './http/http-answer.js';
export type { GrpcTracing } from './observability/tracing-option.js';
export { GrpcDeadline } from './deadline/grpc-deadline.decorator.js';
export { GrpcError } from './mapping/grpc-error.decorator.js';
export { GrpcErrorAdvice, HandlesGrpcError } from './mapping/grpc-error-advice.js';
export type { GrpcErrorRule } from './mapping/grpc-error-rule.js';
export type { GrpcErrorMapping } from './mapping/resolve-mappings.js';
export type { GrpcRelay } from './presets/upstream.js';
export { grpcValidationExceptionFactory } from './presets/validation-exception-factory.js';
export { GrpcCode, type GrpcCodeName, type GrpcErrorCode } from './core/codes.js';
export {
  GrpcErrorsConfigurationError,
  GrpcErrorsError,
  isGrpcErrorsError,
  ValidationFailedError,
  type GrpcErrorsErrorCode,
} from './grpc-errors.errors.js';

// What callers may look at
export {
  errorCatalogue,
  type CatalogueEntry,
  type ErrorCatalogue,
  type ErrorSources,
} from './catalogue/error-catalogue.js';
export { checkErrorCatalogue, type CatalogueProblem } from './catalogue/check-catalogue.js';

// For those who call
export { GrpcClientsModule } from './client/grpc-clients.module.js';
export type {
  GrpcClientOptions,
  GrpcRetryOptions,
  GrpcTarget,
} from './client/grpc-clients.options.js';
export {
  grpcServiceConfig,
  type GrpcServiceCalls,
  type GrpcServiceConfigOptions,
  type GrpcServiceRetry,
} from './client/grpc-service-config.js';
export { InjectGrpcService } from './client/inject-grpc-service.js';
export { recommendedLoader } from './client/load-services.js';
export { GrpcResult, GrpcStream } from './client/grpc-result.js';
export type { GrpcCallOptions, GrpcRequests, GrpcService } from './client/grpc-service.types.js';
export type { FromRemote } from './client/revive.js';
export {
  isRemoteError,
  RemoteAbortedError,
  RemoteAlreadyExistsError,
  RemoteCancelledError,
  RemoteDataLossError,
  RemoteDeadlineExceededError,
  RemoteError,
  RemoteFailedPreconditionError,
  RemoteInternalError,
  RemoteInvalidArgumentError,
  RemoteNotFoundError,
  RemoteOutOfRangeError,
  RemotePermissionDeniedError,
  RemoteResourceExhaustedError,
  RemoteUnauthenticatedError,
  RemoteUnavailableError,
  RemoteUnimplementedError,
  RemoteUnknownError,
} from './client/remote-error.js';
