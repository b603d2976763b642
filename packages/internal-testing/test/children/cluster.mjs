// Starts a Redis Cluster and a PgBouncer, tells that they are up, and waits to be killed.
import { startPgBouncer, startRedisCluster } from '../../dist/index.js';

const upstream = 'postgres://postgres:postgres@127.0.0.1:1/postgres';
await Promise.all([startRedisCluster(), startPgBouncer({ upstream })]);
process.send('up');
