import { isObservable } from 'rxjs';
import type { MessageContext } from '../../context/message-context.js';
import { failing } from '../rpc/failing.js';
import { scoped } from '../rpc/scoped.js';
import type { GrpcAnswers, GrpcCallback, GrpcHandling } from './grpc-answers.js';

/** Handles a call of gRPC in its context, where somebody says how calls are answered. */
export async function answeredBy(
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
  const next = async (): Promise<unknown> => {
    try {
      return await handle(...args);
    } catch (error) {
      // Of what no exception filter stands around.
      message.thrown ??= { error };
      return failing(error);
    }
  };
  const result = await context.run(() => answers.around(handling, next));
  if (isObservable(result)) return scoped(result, context);
  message.end();
  return result;
}
