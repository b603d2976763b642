import type { Service, ServiceName } from '../contracts.js';
import { mariadb } from './mariadb.js';
import { postgres } from './postgres.js';
import { rabbitmq } from './rabbitmq.js';
import { redis } from './redis.js';

export const services: Readonly<Record<ServiceName, Service>> = {
  postgres,
  rabbitmq,
  redis,
  mariadb,
};
