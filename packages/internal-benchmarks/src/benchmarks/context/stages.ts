import { Global, Injectable, Module } from '@nestjs/common';
import {
  bodyStage,
  edgeStage,
  type BodyCall,
  type BodySlot,
  type BodyStageService,
  type EdgeSlot,
  type EdgeStageService,
  type StageDecorator,
} from '@acme/nest-message-context';

/** A body stage that does nothing but hand on: what is measured is the door. */
@Injectable()
class IdleBody implements BodyStageService {
  around(_: BodyCall, next: () => Promise<unknown>): Promise<unknown> {
    return next();
  }
}

/** An edge stage that does nothing. */
@Injectable()
class IdleEdge implements EdgeStageService {
  enter(): void {}
}

@Global()
@Module({ providers: [IdleBody, IdleEdge], exports: [IdleBody, IdleEdge] })
export class IdleStagesModule {}

const module = 'IdleStagesModule';

export const Body = (slot: BodySlot): StageDecorator =>
  bodyStage({ slot, decorator: `@Body('${slot}')`, module, service: IdleBody, options: undefined });

export const Edge = (slot: EdgeSlot): StageDecorator =>
  edgeStage({ slot, decorator: `@Edge('${slot}')`, module, service: IdleEdge, options: undefined });
