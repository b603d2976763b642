import { AmqpConnection, RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { GolevelupPublisher } from '@acme/nest-rabbitmq';
import {
  OutboxModule,
  PostgresOutboxStore,
  provideOutboxAmqpConnection,
  provideOutboxClientProxy,
} from '@acme/nest-outbox';
import { fromPg, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import type { Pool, PoolClient } from 'pg';
import { firstValueFrom } from 'rxjs';

export const userTable = 'create table shop_user (id text primary key, name text not null)';

export interface User {
  readonly id: string;
  readonly name: string;
}

// #region publisher
@Injectable()
export class UserPublisher {
  constructor(
    @Inject('RMQ') private readonly client: ClientProxy,
    @Inject(AmqpConnection) private readonly amqp: AmqpConnection,
    @Inject('EXCHANGE') private readonly exchange: string,
  ) {}

  userCreated(user: User) {
    return this.client.emit('user.created', user);
  }

  userRenamed(user: User) {
    return this.amqp.publish(this.exchange, 'user.renamed', user);
  }
}
// #endregion

@Injectable()
export class Users {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions<PoolClient>,
    @Inject(UserPublisher) private readonly publisher: UserPublisher,
  ) {}

  // #region callers
  create({ id, name }: User): Promise<void> {
    return this.transactions.run(async () => {
      const client = this.transactions.current();
      await client.query('insert into shop_user (id, name) values ($1, $2)', [id, name]);
      await firstValueFrom(this.publisher.userCreated({ id, name }));
    });
  }

  rename({ id, name }: User): Promise<void> {
    return this.transactions.run(async () => {
      const client = this.transactions.current();
      await client.query('update shop_user set name = $2 where id = $1', [id, name]);
      await this.publisher.userRenamed({ id, name });
    });
  }
  // #endregion
}

@Module({})
export class UsersModule {
  static with(
    pool: Pool,
    amqpUrl: string,
    names: { readonly exchange: string; readonly queue: string },
  ): DynamicModule {
    const { exchange, queue } = names;
    const rabbitmq = RabbitMQModule.forRoot({ uri: amqpUrl });
    return {
      module: UsersModule,
      // #region imports
      imports: [
        rabbitmq,
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        OutboxModule.forRootAsync({
          imports: [rabbitmq],
          inject: [AmqpConnection],
          useFactory: (connection: AmqpConnection) => ({
            store: new PostgresOutboxStore({ database: pool }),
            publisher: new GolevelupPublisher({ connection }),
          }),
        }),
      ],
      // #endregion
      // #region providers
      providers: [
        provideOutboxClientProxy('RMQ', { queue, key: (_pattern, user) => (user as User).id }),
        provideOutboxAmqpConnection(AmqpConnection, { key: (user) => (user as User).id }),
        UserPublisher,
        Users,
        { provide: 'EXCHANGE', useValue: exchange },
      ],
      // #endregion
    };
  }
}
