// Tokens are strings: Nest cannot print symbols in its errors. It prints these where the module is missing, or is imported without options, so they say what to do.
export const MODULE_OPTIONS = 'GrpcErrorsModule needs forRoot({ domain })';
export const GRPC_ERRORS_SETTINGS = 'settings of GrpcErrorsModule.forRoot({ domain })';
export const HTTP_FAILURES = 'failures of GrpcErrorsModule.forRoot({ domain })';
