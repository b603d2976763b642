export { applySchema } from './apply-schema.js';
export { ConfigurationError, readConfig } from './read-config.js';
export { retryPauses } from './retry-pauses.js';
export { ServiceLogger } from './service-logger.js';
