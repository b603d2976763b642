import { Outbox, OutboxModule, PostgresOutboxStore, type OutboxPublisher } from '@acme/nest-outbox';
import { fromTypeOrm, TransactionModule, Transactions } from '@acme/nest-transaction';
import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { Column, DataSource, Entity, PrimaryColumn, type EntityManager } from 'typeorm';
import { OrderPlaced } from './orders.js';

@Entity('shop_order')
export class OrderEntity {
  @PrimaryColumn('text') id!: string;
  @Column('integer') amount!: number;
}

@Injectable()
export class TypeOrmOrders {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Transactions) private readonly transactions: Transactions<EntityManager>,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  // #region ambient
  place(order: OrderEntity): Promise<void> {
    return this.transactions.run(async () => {
      await this.transactions.current().insert(OrderEntity, order);
      await this.outbox.add(new OrderPlaced(order));
    });
  }
  // #endregion

  // #region tx
  placeInMyOwn(order: OrderEntity): Promise<void> {
    return this.dataSource.transaction(async (manager) => {
      await manager.insert(OrderEntity, order);
      await this.outbox.add(new OrderPlaced(order), { tx: manager });
    });
  }
  // #endregion
}

@Module({})
export class TypeOrmModule {
  static with(dataSource: DataSource, publisher: OutboxPublisher): DynamicModule {
    return {
      module: TypeOrmModule,
      // #region imports
      imports: [
        TransactionModule.forRoot({ adapter: fromTypeOrm(dataSource) }),
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: dataSource }),
          publisher,
        }),
      ],
      // #endregion
      providers: [TypeOrmOrders, { provide: DataSource, useValue: dataSource }],
    };
  }
}
