// Tokens are strings: Nest cannot print symbols in its errors.
export const MODULE_OPTIONS = '@acme/nest-grpc-errors:options';
export const GRPC_ERRORS_SETTINGS = '@acme/nest-grpc-errors:settings';
export const HTTP_FAILURES = '@acme/nest-grpc-errors:http-failures';
