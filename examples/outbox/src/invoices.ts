import { EventSink } from '@acme/nest-message-context';
import { Transactions } from '@acme/nest-transaction';
import { Inject, Injectable } from '@nestjs/common';

// #region sink
@Injectable()
export class Invoices {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(EventSink) private readonly events: EventSink,
  ) {}

  issue(id: string): Promise<void> {
    return this.transactions.run(() =>
      this.events.add({ type: 'invoice.issued.v1', key: id, payload: { id } }),
    );
  }
}
// #endregion
