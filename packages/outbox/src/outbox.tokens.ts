/** Key under which the module finds its options. */
export const OUTBOX_OPTIONS = 'OutboxModuleOptions';
/** The options with their defaults, all checked. */
export const OUTBOX_SETTINGS = 'OutboxModuleSettings';
