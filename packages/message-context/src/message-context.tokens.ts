/** DI tokens are strings: Nest cannot print a circular dependency through a symbol. */
export const MODULE_OPTIONS = '@acme/nest-message-context:options';
/** @internal */
export const RESOLVED_OPTIONS = '@acme/nest-message-context:resolved-options';
