/** Of the tracer. */
export const SCOPE = '@acme/nest-grpc-errors';
