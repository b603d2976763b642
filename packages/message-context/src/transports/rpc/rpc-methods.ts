import { handlerMethodsOf, type HandlerMethod } from '../../doors/handler-method.js';
import { patternsOf } from '../../doors/handler-kinds.js';

// Metadata key of Nest, stable since its first versions.
const HANDLER_TYPE = 'microservices:handler_type';
const EVENT = 2;

/**
 * Which method it is that a server is given a handler for. Nest hands over a function made of it, which says nothing; but it looks
 * through the controllers in their order, and their methods in the order they are defined in, and so does this.
 */
export class RpcMethods {
  readonly #byPattern = new Map<string, HandlerMethod[]>();

  constructor(controllers: readonly object[], transportId: unknown) {
    for (const controller of controllers)
      for (const found of handlerMethodsOf(controller)) this.#add(found, transportId);
  }

  /** The next one with that pattern. */
  take(pattern: unknown, isEventHandler: boolean): HandlerMethod | undefined {
    return this.#byPattern.get(keyOf(pattern, isEventHandler))?.shift();
  }

  #add(found: HandlerMethod, transportId: unknown): void {
    const type: unknown = Reflect.getMetadata(HANDLER_TYPE, found.method);
    if (type === undefined) return;
    for (const pattern of patternsOf(found.method, transportId)) {
      const key = keyOf(pattern, type === EVENT);
      const present = this.#byPattern.get(key);
      if (present) present.push(found);
      else this.#byPattern.set(key, [found]);
    }
  }
}

const keyOf = (pattern: unknown, isEventHandler: boolean): string =>
  JSON.stringify([pattern, isEventHandler]);
