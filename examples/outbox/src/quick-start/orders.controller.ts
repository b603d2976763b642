// #region controller
import { Controller, Inject, Param, Post } from '@nestjs/common';
import { OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(@Inject(OrdersService) private readonly orders: OrdersService) {}

  @Post(':id')
  place(@Param('id') id: string): Promise<void> {
    return this.orders.place(id);
  }
}
// #endregion
