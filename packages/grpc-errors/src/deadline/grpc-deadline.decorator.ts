import { edgeStage, type StageDecorator } from '@acme/nest-message-context';
import type { Duration } from '@acme/nest-message-context/kit';
import { DeadlineStage } from './deadline.stage.js';

/**
 * How long a gRPC handler may take, or all handlers of a class: what its caller allows, and no longer than this. Then the caller is answered with
 * `DEADLINE_EXCEEDED`, and the `signal` of its message is aborted: give it to whatever takes that long.
 *
 *     @GrpcDeadline('2s')
 *     @GrpcMethod('OrderService')
 *     async getOrder({ id }: GetOrderRequest) {
 *       const { signal } = MessageContext.require().message;
 *       …
 *     }
 */
export function GrpcDeadline(most: Duration): StageDecorator {
  return edgeStage<Duration>({
    slot: 'deadline',
    decorator: '@GrpcDeadline()',
    module: 'GrpcErrorsModule.forRoot()',
    service: DeadlineStage,
    options: most,
  });
}
