import { closeFixtures, openApp } from '@acme/internal-testing';
import { DeskModule } from '../src/desk.js';
import { HealthModule } from '../src/health.js';
import { Module } from '@nestjs/common';
import { afterAll, expect, it } from 'vitest';
import { openShop, publisherTo } from './support/shop.js';

afterAll(closeFixtures);

it('Terminus tells how the outbox is', async () => {
  const { database, broker, exchange } = await openShop();
  @Module({
    imports: [DeskModule.with(database.pool, publisherTo(broker.url, exchange)), HealthModule],
  })
  class AppModule {}
  const { url } = await openApp(AppModule);
  const response = await fetch(`${url}/health/ready`, { headers: { connection: 'close' } });
  expect(response.status).toBe(200);
  await expect(response.json()).resolves.toMatchObject({
    status: 'ok',
    details: { outbox: { status: 'up', relay: 'running', pending: 0, blocked: 0 } },
  });
});
