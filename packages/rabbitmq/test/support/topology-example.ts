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
