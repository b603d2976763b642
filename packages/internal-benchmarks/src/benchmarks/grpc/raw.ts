import {
  Metadata,
  Server,
  ServerCredentials,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Listening } from './nest-apps.js';
import { REFUSAL, serviceDefinition, type Message } from './service.js';

type Answer = (error: object | null, message?: Message) => void;

/** grpc-js alone: the limit. */
export async function listenRaw(): Promise<Listening> {
  const server = new Server();
  const refusal = { code: REFUSAL.code, details: REFUSAL.message, metadata: new Metadata() };
  server.addService(serviceDefinition(), {
    Succeed: ({ request }: { readonly request: Message }, answer: Answer) =>
      answer(null, { id: request.id }),
    Refuse: (_: unknown, answer: Answer) => answer(refusal),
  } as unknown as UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { url: `127.0.0.1:${port}`, close: async () => server.forceShutdown() };
}
