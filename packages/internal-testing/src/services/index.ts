export type { ServiceName } from './contracts.js';
export { freePort, freePorts } from './free-ports.js';
export { PrivateServer } from './private-server.js';
export { type ProvidedServices, type ProvideOptions, provideServices } from './provide-services.js';
export { resetSocket } from './reset-socket.js';
export { startPrivate } from './start-private.js';
export { TcpProxy, tcpProxy } from '../tools/tcp-proxy.js';
export { TestingError } from '../testing.errors.js';
