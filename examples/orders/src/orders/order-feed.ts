import { Injectable } from '@nestjs/common';
import type { Order } from '@shop/contracts';
import { Subject, type Observable } from 'rxjs';

/**
 * Orders placed by this instance, as they are committed. A live view, not a record: who must not miss one reads the events
 * from the broker.
 */
@Injectable()
export class OrderFeed {
  private readonly placed = new Subject<Order>();

  get orders(): Observable<Order> {
    return this.placed;
  }

  add(order: Order): void {
    this.placed.next(order);
  }
}
