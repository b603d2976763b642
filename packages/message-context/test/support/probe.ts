import 'reflect-metadata';
import { Global, Injectable, Module } from '@nestjs/common';
import {
  bodyStage,
  edgeStage,
  MessageContext,
  MessageContextCoreModule,
  type BodyCall,
  type BodySlot,
  type BodyStageService,
  type EdgeSlot,
  type EdgeStageService,
  type StageCall,
  type StageDecorator,
} from '@acme/nest-message-context';

export interface Seen {
  readonly stage: string;
  readonly handler: string;
  readonly correlationId: string | undefined;
  readonly role?: string;
  readonly payload?: unknown;
}

/** A body stage that writes down what it sees. */
@Injectable()
export class BodyProbe implements BodyStageService<string> {
  readonly seen: Seen[] = [];

  async around(
    { handler, options, context, role }: BodyCall<string>,
    next: () => Promise<unknown>,
  ): Promise<unknown> {
    this.seen.push({
      stage: options,
      handler: `${handler.className}.${handler.methodName}`,
      correlationId: context.correlationId,
      role,
    });
    return next();
  }
}

/** An edge stage that writes down what it sees and may replace the payload. */
@Injectable()
export class EdgeProbe implements EdgeStageService<string> {
  readonly seen: Seen[] = [];
  replace: ((payload: unknown) => unknown) | undefined;

  enter({ handler, options, context }: StageCall<string>): void {
    const { message } = context;
    this.seen.push({
      stage: options,
      handler: `${handler.className}.${handler.methodName}`,
      correlationId: context.correlationId,
      payload: message.payload,
    });
    if (this.replace) message.payload = this.replace(message.payload);
  }
}

@Global()
@Module({
  imports: [MessageContextCoreModule],
  providers: [BodyProbe, EdgeProbe],
  exports: [BodyProbe, EdgeProbe],
})
export class ProbeModule {}

export const Body = (slot: BodySlot = 'idempotency'): StageDecorator =>
  bodyStage({
    slot,
    decorator: `@Body('${slot}')`,
    module: 'ProbeModule',
    service: BodyProbe,
    options: slot,
  });

export const Edge = (slot: EdgeSlot = 'version'): StageDecorator =>
  edgeStage({
    slot,
    decorator: `@Edge('${slot}')`,
    module: 'ProbeModule',
    service: EdgeProbe,
    options: slot,
  });

export const currentId = (): string | undefined => MessageContext.current()?.correlationId;
