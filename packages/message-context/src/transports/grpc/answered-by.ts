import { isObservable } from 'rxjs';
import type { MessageContext } from '../../context/message-context.js';
import { failing } from '../rpc/failing.js';
import { scoped } from '../rpc/scoped.js';
import type { GrpcAnswers, GrpcCallback, GrpcHandling } from './grpc-answers.js';

/** Handles a call of gRPC in its context, where somebody says how calls are answered. */
export function answeredBy(
  answers: GrpcAnswers,
  context: MessageContext,
  handle: (...args: unknown[]) => unknown,
  args: unknown[],
  call: Pick<GrpcHandling, 'isPassThrough' | 'answersByStream'>,
): Promise<unknown> {
  const { message } = context;
  const handling: GrpcHandling = {
    context,
    handler: message.deliveredTo,
    isPassThrough: call.isPassThrough,
    answersByStream: call.answersByStream,
    cameAt: performance.now(),
    thrown: () => message.thrown,
    abandon: (reason) => {
      message.abandon(reason);
      // Its caller has been answered: what fails from now on nobody else would tell of.
      message.isTold = false;
    },
    replaceCallback: (make) => {
      if (call.isPassThrough && typeof args[1] === 'function')
        args[1] = make(args[1] as GrpcCallback);
    },
  };
  message.isTold = true;
  // Of what no exception filter stands around.
  const failed = (error: unknown): unknown => {
    message.thrown ??= { error };
    return failing(error);
  };
  // Not by `await`, here and below: with an AsyncLocalStorage Node 20 takes as much for each as for all else that is done here.
  const next = (): Promise<unknown> => {
    try {
      return Promise.resolve(handle(...args)).then(undefined, failed);
    } catch (error) {
      return Promise.resolve(failed(error));
    }
  };
  return context
    .run(() => answers.around(handling, next))
    .then((result) => {
      if (isObservable(result)) return scoped(result, context);
      message.end();
      return result;
    });
}
