import assert from 'node:assert/strict';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Idempotent, IdempotencyModule, InMemoryIdempotencyStore } from '@acme/nest-idempotency';

@Injectable()
class Payments {
  readonly charged: string[] = [];

  @Idempotent('orderId')
  async charge(order: { orderId: string }): Promise<object> {
    this.charged.push(order.orderId);
    return { number: this.charged.length };
  }
}

@Module({
  imports: [
    IdempotencyModule.forRoot({ namespace: 'smoke', store: new InMemoryIdempotencyStore() }),
  ],
  providers: [Payments],
})
class AppModule {}

/** One service method called twice with one key. */
export async function smoke(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  const payments = app.get(Payments);
  const first = await payments.charge({ orderId: 'o-1' });
  const second = await payments.charge({ orderId: 'o-1' });
  await app.close();
  assert.deepEqual(second, first);
  assert.deepEqual(payments.charged, ['o-1']);
}
