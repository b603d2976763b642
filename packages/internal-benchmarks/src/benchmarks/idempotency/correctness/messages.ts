import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { Idempotent, IdempotencyModule } from '@acme/nest-idempotency';
import {
  Idempotent as TheirIdempotent,
  NodeIdempotencyModule,
  StorageAdapterEnum,
} from '@node-idempotency/nestjs';
import { InProcessServer } from '../../../nest/in-process-server.js';
import { NODE_IDEMPOTENCY, outcomeOf, type Scenario } from './scenario.js';

export const brokerScenarios: readonly Scenario[] = [
  {
    id: 'W 18',
    defect: 'a handler of messages: the first one and its duplicate',
    peer: NODE_IDEMPOTENCY,
    observe: async () => {
      const storage = { adapter: StorageAdapterEnum.memory };
      const peerResult = await deliverTwice(
        TheirIdempotent(),
        NodeIdempotencyModule.forRootAsync({ storage }),
      );
      const ours = await deliverTwice(
        Idempotent({ keyFrom: { payload: 'id' } }),
        IdempotencyModule.forRoot({ namespace: 'bench' }),
      );
      return { peerResult, ours, ok: ours === '{"run":1}, then {"run":1}' };
    },
  },
];

async function deliverTwice(
  decorator: MethodDecorator,
  module: ReturnType<typeof IdempotencyModule.forRoot>,
): Promise<string> {
  let runs = 0;
  @Controller()
  class Payments {
    @decorator
    @MessagePattern('pay')
    async pay(): Promise<{ run: number }> {
      return { run: ++runs };
    }
  }
  class Root {}
  const strategy = new InProcessServer();
  const root = { module: Root, imports: [module], controllers: [Payments] };
  const app = await NestFactory.createMicroservice(root, { strategy, logger: false });
  await app.listen();
  const send = strategy.sender('pay');
  const deliver = () => outcomeOf(send({ id: 'payment-1' }));
  try {
    return `${await deliver()}, then ${await deliver()}`;
  } finally {
    await app.close();
  }
}
