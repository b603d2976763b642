/** DI tokens are strings: Nest cannot print a circular dependency through a symbol. */
export const MODULE_OPTIONS = '@acme/nest-idempotency:options';
/** @internal */
export const RESOLVED_OPTIONS = '@acme/nest-idempotency:resolved-options';
