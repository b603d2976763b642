import { OutboxAdmin, OutboxModule, PostgresOutboxStore } from '@acme/nest-outbox';
import type { OutboxPublisher, ParkedMessage } from '@acme/nest-outbox';
import { fromPg, TransactionModule } from '@acme/nest-transaction';
import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import type { Pool } from 'pg';
import { Orders } from './orders.js';

const HOUR = 3_600_000;

/** What somebody does who looks after the outbox. */
@Injectable()
export class OutboxDesk {
  constructor(@Inject(OutboxAdmin) private readonly admin: OutboxAdmin) {}

  // #region look
  async look(): Promise<readonly ParkedMessage[]> {
    const { parked } = await this.admin.status();
    return parked === 0 ? [] : this.admin.parked({ reason: 'UNROUTABLE' }, 20);
  }
  // #endregion

  // #region redrive
  redrive(type: string): Promise<number> {
    return this.admin.redrive({ type });
  }
  // #endregion

  // #region discard
  discard(messageId: string): Promise<number> {
    return this.admin.discard({ messageIds: [messageId] });
  }
  // #endregion

  // #region replay
  replayLastHour(type: string): Promise<number> {
    return this.admin.replay({ type, from: Date.now() - HOUR });
  }
  // #endregion
}

@Module({})
export class DeskModule {
  static with(pool: Pool, publisher: OutboxPublisher): DynamicModule {
    return {
      module: DeskModule,
      imports: [
        TransactionModule.forRoot({ adapter: fromPg(pool) }),
        // #region module
        OutboxModule.forRoot({
          store: new PostgresOutboxStore({ database: pool }),
          publisher,
          retry: { attempts: 2, backoff: '100ms', onPark: 'block-key' },
          retention: '7d',
        }),
        // #endregion
      ],
      providers: [Orders, OutboxDesk],
    };
  }
}
