import { RabbitMqModule } from '@acme/nest-rabbitmq';
import { Module } from '@nestjs/common';
import { connect } from 'amqplib';
import type { WantedTopology } from '@acme/nest-rabbitmq';

/** In the guide, with names of its own where a test runs it. */
export const appWith = (topology: WantedTopology, url: string) => {
  // #region module
  @Module({
    imports: [RabbitMqModule.forRoot({ connect: () => connect(url), topology })],
  })
  class AppModule {}
  // #endregion
  return AppModule;
};

// #region several
/** Connects to the first that answers, and next time to the one after it. */
export const connectToAny = (urls: readonly string[], options = {}) => {
  let next = 0;
  return async () => {
    const failures: unknown[] = [];
    while (failures.length < urls.length) {
      const url = urls[next++ % urls.length]!;
      try {
        return await connect(url, { timeout: 2_000, ...options });
      } catch (error) {
        failures.push(error);
      }
    }
    throw new AggregateError(failures, `none of ${urls.length} brokers answers`);
  };
};
// #endregion
