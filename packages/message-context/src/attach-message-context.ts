import { Doors } from './doors/doors.js';
import type { RpcCallback, RpcServerLike } from './doors/rpc-door.js';
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
  const opened: [NestMicroserviceLike, RpcServerLike][] = [];
  for (const microservice of [app, ...(app.getMicroservices?.() ?? [])] as NestMicroserviceLike[]) {
    const server = microservice.serverInstance;
    if (server && doors.openRpc(server)) opened.push([microservice, server]);
  }
  doors.dropFallback();
  opened.forEach(([microservice, server]) => reopen(microservice, server));
  return app;
}

interface NestMicroserviceLike extends AttachableApp {
  readonly serverInstance?: RpcServerLike;
  registerListeners?(): void;
  setIsInitialized?(isInitialized: boolean): void;
}

/**
 * `connectMicroservice()` registers the handlers at once, past the door and with the filters known then. They are registered
 * again, this time through the door; what somebody else gave to the server goes through it as it is.
 */
function reopen(microservice: NestMicroserviceLike, server: RpcServerLike): void {
  const handlers = server.getHandlers?.() ?? new Map<string, RpcCallback>();
  if (handlers.size === 0 || !microservice.registerListeners) {
    microservice.useGlobalFilters(new ThrownErrorObserver());
    return;
  }
  const before = [...handlers];
  handlers.clear();
  microservice.setIsInitialized?.(false);
  microservice.useGlobalFilters(new ThrownErrorObserver());
  microservice.setIsInitialized?.(true);
  microservice.registerListeners();
  for (const [pattern, callback] of before) {
    if (!handlers.has(pattern))
      server.addHandler(pattern, callback, callback.isEventHandler, callback.extras);
  }
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
