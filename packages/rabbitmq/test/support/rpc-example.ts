import { MessageContext, NonRetryableError } from '@acme/nest-message-context';
import { isRabbitMqError, type RpcError } from '@acme/nest-rabbitmq';
import { ReliableClientRMQ } from '@acme/nest-rabbitmq/nest';
import { AmqpConnection, RabbitRPC } from '@golevelup/nestjs-rabbitmq';
import { Controller, Inject, Injectable, Module, type Type } from '@nestjs/common';
import { ClientsModule, MessagePattern, type ClientProxy } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

interface Ask {
  readonly item: string;
}

const stock = new Map([['chair', 3]]);

// #region handler
@Controller()
export class StockController {
  @MessagePattern('stock.reserve')
  reserve({ item }: Ask): { left: number } {
    const left = stock.get(item) ?? 0;
    if (left === 0)
      throw new NonRetryableError('OUT_OF_STOCK', {
        message: `no ${item} is left`,
        status: { http: 409, grpc: 9, reason: 'OUT_OF_STOCK' },
      });
    stock.set(item, left - 1);
    return { left: left - 1 };
  }
}
// #endregion

// #region golevelup-handler
@Injectable()
export class StockConsumer {
  @RabbitRPC({ exchange: 'stock', routingKey: 'stock.price', queue: 'stock.price' })
  async price({ item }: Ask): Promise<{ price: number }> {
    const { signal } = MessageContext.require().message;
    const response = await fetch(`http://prices/${item}`, { signal });
    return (await response.json()) as { price: number };
  }
}
// #endregion

// #region client
@Injectable()
export class Reservations {
  constructor(@Inject('STOCK') private readonly client: ReliableClientRMQ) {}

  async reserve(item: string): Promise<number | undefined> {
    try {
      const { left } = await firstValueFrom(
        this.client.send<{ left: number }>('stock.reserve', { item }),
      );
      return left;
    } catch (error) {
      if (
        isRabbitMqError(error, 'RABBITMQ_RPC_FAILED') &&
        (error as RpcError).reason === 'OUT_OF_STOCK'
      )
        return undefined;
      throw error;
    }
  }
}
// #endregion

// #region golevelup-client
@Injectable()
export class Prices {
  constructor(private readonly connection: AmqpConnection) {}

  of(item: string): Promise<{ price: number }> {
    return this.connection.request<{ price: number }>({
      exchange: 'stock',
      routingKey: 'stock.price',
      payload: { item },
      timeout: 2_000,
    });
  }
}
// #endregion

/** In the guide, with the queue of the test that runs it. */
export const reservationsOf = (url: string, queue: string) => {
  // #region register
  @Module({
    imports: [
      ClientsModule.register([
        {
          name: 'STOCK',
          // Nest's types refuse every client of RabbitMQ here, its own as well.
          customClass: ReliableClientRMQ as Type<ClientProxy>,
          options: { urls: [url], queue, queueOptions: { durable: true }, timeout: '2s' },
        },
      ]),
    ],
    providers: [Reservations],
  })
  class ReservationsModule {}
  // #endregion
  return ReservationsModule;
};
