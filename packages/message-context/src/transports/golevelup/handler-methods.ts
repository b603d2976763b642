import { handlerMethodOf, type HandlerMethod } from '../../doors/handler-method.js';

/** Nest's `ExternalContextCreator`, of which golevelup gets the functions that it calls for a message. */
interface ContextCreatorLike {
  create(instance: object, callback: unknown, methodName: string, ...rest: unknown[]): unknown;
}

type MethodOf = (handler: object) => HandlerMethod | undefined;

const METHODS = Symbol.for('@acme/nest-message-context:handler-methods');

/**
 * Remembers of which method each function was made that this application's creator makes from now on: golevelup knows, and
 * does not tell.
 */
export function rememberMethods(creator: ContextCreatorLike): MethodOf {
  const marked = creator as ContextCreatorLike & { [METHODS]?: MethodOf };
  if (marked[METHODS]) return marked[METHODS];
  const methods = new WeakMap<object, HandlerMethod>();
  const create = creator.create.bind(creator);
  creator.create = (instance, callback, methodName, ...rest) => {
    const made = create(instance, callback, methodName, ...rest);
    const found = handlerMethodOf(instance, methodName);
    if (found) methods.set(made as object, found);
    return made;
  };
  const methodOf: MethodOf = (handler) => methods.get(handler);
  Object.defineProperty(creator, METHODS, { value: methodOf });
  return methodOf;
}
