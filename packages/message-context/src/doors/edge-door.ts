import { Inject, Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import { MessageContext } from '../context/message-context.js';
import { MessageContextMissingError } from '../message-context.errors.js';
import { decorator, type StageDecorator } from './decorate.js';
import { isEntrance, markEntrance } from './entrance.js';
import { addEdgeStage, markWithPlan, planFor, type MethodPlan } from './method-plan.js';
import { EDGE_SLOTS, type EdgeStage, type EdgeStageService } from './slots.js';

const GUARDS = '__guards__';
const STAGE = Symbol.for('@acme/nest-message-context:edge-stage:v1');

interface BrandedGuard {
  readonly [STAGE]?: EdgeStage;
}

/**
 * Makes a decorator of a stage that runs before pipes. It is a guard: guards may replace arguments, run before pipes and
 * cost next to nothing. The guards of the stages stand before the method's own, in slot order.
 */
export function edgeStage<Options>(stage: EdgeStage<Options>): StageDecorator {
  const guard = guardFor(stage as EdgeStage);
  return decorator({
    decorator: stage.decorator,
    kind: 'edge',
    slot: stage.slot,
    apply: (prototype, key, method, level) => {
      const plan = planFor(prototype, key);
      addEdgeStage(plan, stage as EdgeStage, level);
      markWithPlan(method, plan);
      markEntrance(method);
      Reflect.defineMetadata(GUARDS, guardsFor(plan, [...guardsOf(method), guard]), method);
      return method;
    },
  });
}

/** Whether the guard of this stage stands on the method, so that the stage will run. */
export const hasEdgeGuard = (method: object, stage: EdgeStage): boolean =>
  guardsOf(method).some((guard) => guard[STAGE] === stage);

const guardsOf = (method: object): BrandedGuard[] =>
  (Reflect.getMetadata(GUARDS, method) ?? []) as BrandedGuard[];

/** The entrance, those of the plan's stages in slot order, then the method's own. */
function guardsFor({ edge }: MethodPlan, guards: readonly BrandedGuard[]): BrandedGuard[] {
  const position = (guard: BrandedGuard): number => {
    if (isEntrance(guard)) return -1;
    return guard[STAGE] ? EDGE_SLOTS.indexOf(guard[STAGE].slot) : EDGE_SLOTS.length;
  };
  return guards
    .filter((guard) => !guard[STAGE] || edge.includes(guard[STAGE]))
    .sort((a, b) => position(a) - position(b));
}

function guardFor(stage: EdgeStage): Type<CanActivate> & BrandedGuard {
  @Injectable()
  class EdgeStageGuard implements CanActivate {
    static readonly [STAGE] = stage;

    constructor(@Inject(stage.service) private readonly service: EdgeStageService) {}

    /** Waits only for a stage that waits: every `await` costs as much as the rest of this guard. */
    canActivate(execution: ExecutionContext): boolean | Promise<boolean> {
      const context = MessageContext.current();
      if (!context?.message.handler) throw new MessageContextMissingError();
      const { message } = context;
      bindPayload(execution, message);
      const entered = this.service.enter({
        context,
        handler: message.handler!,
        options: stage.options,
      });
      return entered ? entered.then(() => true) : true;
    }
  }
  // Nest prints this name when the service is missing, so it is the remedy itself.
  Object.defineProperty(EdgeStageGuard, 'name', {
    value: `${stage.decorator} needs ${stage.module}`,
  });
  return EdgeStageGuard;
}

function bindPayload(
  execution: ExecutionContext,
  message: { bindPayload(replace: (payload: unknown) => void): void },
): void {
  if (execution.getType<string>() === 'http') {
    const request = execution.switchToHttp().getRequest<{ body?: unknown }>();
    message.bindPayload((payload) => (request.body = payload));
    return;
  }
  const args = execution.getArgs<unknown[]>();
  message.bindPayload((payload) => (args[0] = payload));
}
