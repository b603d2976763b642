import {
  Controller,
  Get,
  Inject,
  ServiceUnavailableException,
  type OnModuleInit,
} from '@nestjs/common';
import type { ClientGrpc } from '@nestjs/microservices';
import { firstValueFrom, type Observable } from 'rxjs';
import { ORDERS } from './orders/orders.client.js';

interface HealthClient {
  check(request: { service: string }): Observable<{ status: string }>;
}

/** Ready when what it needs is: a gateway that cannot reach orders should get no requests. */
@Controller('health')
export class HealthController implements OnModuleInit {
  private health!: HealthClient;

  constructor(@Inject(ORDERS) private readonly client: ClientGrpc) {}

  onModuleInit(): void {
    this.health = this.client.getService<HealthClient>('Health');
  }

  @Get()
  async ready(): Promise<{ orders: string }> {
    const { status } = await firstValueFrom(
      this.health.check({ service: 'order.v1.OrderService' }),
    );
    if (status !== 'SERVING') throw new ServiceUnavailableException(`orders is ${status}`);
    return { orders: status };
  }
}
