import { Global, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { config } from './config';

export { Redis };

@Global()
@Module({
  providers: [{ provide: Redis, useFactory: openRedis }],
  exports: [Redis],
})
export class RedisModule implements OnApplicationShutdown {
  constructor(private readonly redis: Redis) {}

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}

function openRedis(): Redis {
  const redis = new Redis(config.REDIS_URL);
  redis.on('error', (error: Error) => new Logger(Redis.name).warn(error.message));
  return redis;
}
