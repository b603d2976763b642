// #region module
import { OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import { RabbitMqPublisher } from '@acme/nest-rabbitmq';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Logger, Module } from '@nestjs/common';
import { connect } from 'amqplib';
import { Pool } from 'pg';
import { config } from './config.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';

const pool = new Pool({ connectionString: config.databaseUrl });
// An idle connection that dies emits `error`; without a listener that ends the process.
pool.on('error', (error) => new Logger(Pool.name).warn(error.message));

@Module({
  imports: [
    TransactionModule.forRoot({ adapter: fromPg(pool) }),
    OutboxModule.forRoot({
      store: new PostgresOutboxStore({ database: pool }),
      publisher: new RabbitMqPublisher({
        connect: () => connect(config.amqpUrl, { noDelay: true }),
        exchange: config.exchange,
      }),
    }),
  ],
  controllers: [OrdersController],
  providers: [OrdersService],
})
export class AppModule {}
// #endregion
