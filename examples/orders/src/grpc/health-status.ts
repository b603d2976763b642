import { HealthImplementation } from 'grpc-health-check';

type GrpcServer = Parameters<HealthImplementation['addToServer']>[0];

/** `grpc.health.v1.Health`, which load balancers and orchestrators ask. `''` stands for the server as a whole. */
export class HealthStatus {
  private readonly health = new HealthImplementation({
    '': 'NOT_SERVING',
    'order.v1.OrderService': 'NOT_SERVING',
  });

  addTo(server: GrpcServer): void {
    this.health.addToServer(server);
  }

  set(status: 'SERVING' | 'NOT_SERVING'): void {
    this.health.setStatus('', status);
    this.health.setStatus('order.v1.OrderService', status);
  }
}
