/** Injection tokens are strings: Nest fails while it prints a circular dependency through a symbol. */
export const RABBITMQ_OPTIONS = 'RABBITMQ_OPTIONS';
export const RABBITMQ_SETTINGS = 'RABBITMQ_SETTINGS';
