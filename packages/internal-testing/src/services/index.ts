export type { ServiceName } from './contracts.js';
export { freePort, freePorts } from './free-ports.js';
export { PrivateServer } from './private-server.js';
export {
  type ProvidedServices,
  type ProvideOptions,
  provideServices,
  startPrivate,
} from './provide-services.js';
export { TestingError } from '../testing.errors.js';
