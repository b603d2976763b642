import { handlerName, type EdgeStageService, type StageHandler } from '@acme/nest-message-context';
import { OptionsCheck, type Duration } from '@acme/nest-message-context/kit';
import { Inject, Injectable } from '@nestjs/common';
import { Deadlines } from './deadlines.js';

/** Tells the handlers that have a time of their own, at boot. */
@Injectable()
export class DeadlineStage implements EdgeStageService<Duration> {
  constructor(@Inject(Deadlines) private readonly deadlines: Deadlines) {}

  check({ handler, kinds, options }: StageHandler<Duration>): readonly string[] {
    const check = new OptionsCheck();
    const ms = check.timeout('time', options, '1s');
    for (const kind of kinds)
      if (kind !== 'grpc' && kind !== 'grpc-stream')
        check.problems.push(`${kind}: it limits calls of gRPC only. Put it on a @GrpcMethod().`);
    if (check.problems.length === 0) this.deadlines.add(handler, ms);
    return check.problems.map(
      (problem) => `@GrpcDeadline() on ${handlerName(handler)}: ${problem}`,
    );
  }

  /** The door has set the time: guards are within it. */
  enter(): void {}
}
