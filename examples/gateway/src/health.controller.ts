import { InjectGrpcService, type GrpcService } from '@acme/nest-grpc-errors';
import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';

interface HealthClient {
  check(request: { service: string }): Promise<{ status: string }>;
}

/** Ready when what it needs is: a gateway that cannot reach orders should get no requests. */
@Controller('health')
export class HealthController {
  constructor(
    @InjectGrpcService('grpc.health.v1.Health')
    private readonly health: GrpcService<HealthClient>,
  ) {}

  @Get()
  async ready(): Promise<{ orders: string }> {
    const { status } = await this.health.check({ service: 'order.v1.OrderService' });
    if (status !== 'SERVING') throw new ServiceUnavailableException(`orders is ${status}`);
    return { orders: status };
  }
}
