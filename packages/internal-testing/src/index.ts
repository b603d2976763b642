export { closeFixtures } from './fixtures/cleanup.js';
export { ManagementApi } from './fixtures/management-api.js';
export { declareQueue, takeAll } from './fixtures/queues.js';
export { type TestBroker, testBroker } from './fixtures/test-broker.js';
export { type TestDatabase, testDatabase } from './fixtures/test-database.js';
export { type TestMariaDatabase, testMariaDatabase } from './fixtures/test-maria-database.js';
export { type TestRedis, testRedis } from './fixtures/test-redis.js';
export {
  closeApp,
  openApp,
  type OpenAppOptions,
  openContext,
  type Opened,
  type OpenedHttpApp,
  openMicroservice,
} from './nest/open-app.js';
export { type LogEntry, type LogLevel, RecordingLogger } from './nest/recording-logger.js';
export { testCertificates } from './tools/certificates.js';
export type { Certified, TestCertificates } from './tools/certificates.js';
export { freePort } from './services/free-ports.js';
export { PrivateServer } from './services/private-server.js';
export { RedisCluster, startRedisCluster } from './services/redis-cluster.js';
export { startPgBouncer, type StartPgBouncerOptions } from './services/start-pgbouncer.js';
export { startPrivate } from './services/start-private.js';
export { TestingError } from './testing.errors.js';
export { type Address, addressOf } from './tools/address-of.js';
export { type BuiltCli, builtCli, type CliOptions, type CliResult } from './tools/built-cli.js';
export { documentedDefaults, knownOptions, named, names, rowsUnder } from './tools/documented.js';
export { generatePrismaClient, runInstalledTool } from './tools/installed-tool.js';
export { layOutAlone, type LonePackage } from './tools/lone-package.js';
export { ManualClock } from './tools/manual-clock.js';
export { type SeededRandom, seededRandom } from './tools/seeded-random.js';
export { type Silence, TcpProxy, tcpProxy } from './tools/tcp-proxy.js';
export {
  type ChildExit,
  spawnChild,
  type SpawnChildOptions,
  TestChild,
} from './tools/test-child.js';
export { waitFor, type WaitOptions } from './tools/wait-for.js';
