import { Doors } from './doors/doors.js';
import type { RpcServerLike } from './doors/rpc-door.js';
import { ThrownErrorObserver } from './doors/thrown-error-observer.js';
import { MessageContextConfigurationError } from './message-context.errors.js';

/** A Nest application or microservice, as far as this function needs it. */
export interface AttachableApp {
  get<T>(token: unknown, options?: { strict?: boolean }): T;
  useGlobalFilters(...filters: unknown[]): unknown;
  getMicroservices?(): AttachableApp[];
}

/**
 * Puts the transport door on the microservices of an application: one line in `main.ts`, before `listen()` or
 * `startAllMicroservices()`, and after every `connectMicroservice()`.
 *
 *     const app = attachMessageContext(await NestFactory.createMicroservice(AppModule, options));
 *
 * Harmless to call twice. HTTP and golevelup need no such line: their doors are opened by the module.
 *
 * @throws {MessageContextConfigurationError} when the application does not import MessageContextModule (or a module that does).
 */
export function attachMessageContext<App extends AttachableApp>(app: App): App {
  const doors = doorsOf(app);
  for (const microservice of [app, ...(app.getMicroservices?.() ?? [])]) {
    const server = (microservice as { serverInstance?: RpcServerLike }).serverInstance;
    if (server && doors.openRpc(server)) microservice.useGlobalFilters(new ThrownErrorObserver());
  }
  doors.dropFallback();
  return app;
}

function doorsOf(app: AttachableApp): Doors {
  try {
    return app.get<Doors>(Doors, { strict: false });
  } catch {
    throw new MessageContextConfigurationError([
      'attachMessageContext(app): the application does not import MessageContextModule. Add MessageContextModule.forRoot() to the imports of its root module.',
    ]);
  }
}
