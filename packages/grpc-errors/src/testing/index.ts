export { startGrpcTestServer } from './grpc-test-server.js';
export type { GrpcTestModule, GrpcTestServer, GrpcTestServerOptions } from './grpc-test-server.js';
export { expectGrpcError, type GrpcErrorAssertion } from './expect-grpc-error.js';
export { faults, GrpcFaults } from './faults.js';
export type { GrpcFault, GrpcFaultScope, GrpcStatusFault } from './faults.js';
