import { Controller, Injectable, Module, UseInterceptors } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { HeaderNames, MessageContext, MessageContextModule } from '@acme/nest-message-context';
import type { Observable } from 'rxjs';
import { InProcessServer } from '../../nest/in-process-server.js';
import { Body, Edge, IdleStagesModule } from './stages.js';

/** The cheapest interceptor there can be. Each use is a class of its own, as five features would bring five. */
const idleInterceptor = () => {
  @Injectable()
  class IdleInterceptor implements NestInterceptor {
    intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
      return next.handle();
    }
  }
  return IdleInterceptor;
};

@Controller()
class BareController {
  @MessagePattern('bare')
  async bare(payload: unknown): Promise<unknown> {
    return payload;
  }

  @UseInterceptors(idleInterceptor())
  @MessagePattern('one interceptor')
  async oneInterceptor(payload: unknown): Promise<unknown> {
    return payload;
  }

  @UseInterceptors(...Array.from({ length: 5 }, idleInterceptor))
  @MessagePattern('five interceptors')
  async fiveInterceptors(payload: unknown): Promise<unknown> {
    return payload;
  }
}

@Controller()
class DecoratedController {
  @Edge('version')
  @Body('idempotency')
  @MessagePattern('doors')
  async doors(payload: unknown): Promise<unknown> {
    return payload;
  }

  @Edge('deadline')
  @Edge('version')
  @Body('order')
  @Body('attempts')
  @Body('idempotency')
  @MessagePattern('five decorators')
  async fiveDecorators(payload: unknown): Promise<unknown> {
    return payload;
  }

  /** Asks for the outgoing headers as often as the payload says, as a handler does that calls others. */
  @MessagePattern('outbound headers')
  async outboundHeaders(times: number): Promise<number> {
    let characters = 0;
    for (let i = 0; i < times; i += 1) {
      characters += MessageContext.require().outboundHeaders()[HeaderNames.correlationId]!.length;
    }
    return characters;
  }
}

@Module({ controllers: [BareController] })
class BareModule {}

@Module({
  imports: [MessageContextModule.forRoot(), IdleStagesModule],
  controllers: [DecoratedController],
})
class DecoratedModule {}

/** An application that listens on an in-process transport. */
export interface RunningApp {
  readonly server: InProcessServer;
  close(): Promise<void>;
}

/** Nest alone. */
export const bareApp = () => start(BareModule);

/** With the transport door. */
export const appWithDoors = () => start(DecoratedModule);

async function start(module: new () => object): Promise<RunningApp> {
  const server = new InProcessServer();
  const app = await NestFactory.createMicroservice(module, { strategy: server, logger: false });
  await app.listen();
  return { server, close: () => app.close() };
}
