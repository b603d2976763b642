/** Name of the tracer and of the meter. */
export const SCOPE = '@acme/nest-outbox';
