import { createServer, ServerError } from 'nice-grpc';
import {
  BadRequest,
  ErrorInfo,
  errorDetailsServerMiddleware,
  RichServerError,
} from 'nice-grpc-error-details';
import type { Listening } from './nest-apps.js';
import { REFUSAL, serviceDefinition, type Message } from './service.js';

/** nice-grpc, with its middleware for details or without. */
export async function listenNice(withDetails: boolean): Promise<Listening> {
  const plain = createServer();
  const server = withDetails ? plain.use(errorDetailsServerMiddleware) : plain;
  server.add(
    serviceDefinition() as never,
    {
      Succeed: async ({ id }: Message) => ({ id }),
      Refuse: async (message: Message) => {
        throw withDetails ? rich(message) : new ServerError(REFUSAL.code, REFUSAL.message);
      },
      succeed: undefined,
      refuse: undefined,
    } as never,
  );
  const port = await server.listen('127.0.0.1:0');
  return { url: `127.0.0.1:${port}`, close: async () => server.forceShutdown() };
}

/** The same details as ours. */
const rich = ({ id }: Message) =>
  new RichServerError(REFUSAL.code, REFUSAL.message, [
    ErrorInfo.fromPartial({ reason: REFUSAL.reason, domain: REFUSAL.domain, metadata: { id } }),
    BadRequest.fromPartial({ fieldViolations: [...REFUSAL.violations] }),
  ]);
