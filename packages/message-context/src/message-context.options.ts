import { randomUUID } from 'node:crypto';
import type { InboundMessage } from './context/inbound-message.js';
import { MessageContextConfigurationError } from './message-context.errors.js';
import { writeSafely } from './read-safely.js';

/** Options of `MessageContextModule.forRoot()`; what the factory of `forRootAsync()` returns. */
export interface MessageContextModuleOptions {
  /**
   * Makes a correlation id where none acceptable came in.
   * @default crypto.randomUUID
   */
  readonly generateId?: (() => string) | undefined;
  /**
   * Whether the hop a message came from may say which tenant and user it is about (`x-tenant-id`, `x-user-id`). Say yes only
   * where something in front of this service has checked them: anybody can send a header.
   * @default () => false
   */
  readonly trustIdentity?: ((message: InboundMessage) => boolean) | undefined;
  /**
   * Whether HTTP replies carry `x-correlation-id`.
   * @default true
   */
  readonly echoCorrelationId?: boolean | undefined;
}

/** @internal */
export type ResolvedMessageContextOptions = {
  readonly [K in keyof MessageContextModuleOptions]-?: NonNullable<MessageContextModuleOptions[K]>;
};

/** Fills in the defaults; reports every option that is not what it must be, in one error. */
export function resolveOptions(
  options: MessageContextModuleOptions = {},
): ResolvedMessageContextOptions {
  const known = {
    generateId: 'function',
    trustIdentity: 'function',
    echoCorrelationId: 'boolean',
  } as const;
  if (typeof options !== 'object' || options === null) {
    throw new MessageContextConfigurationError([
      `The options of MessageContextModule are ${writeSafely(options)}: they must be an object, or left out.`,
    ]);
  }
  const problems: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    const expected = (known as Record<string, string | undefined>)[name];
    if (!expected)
      problems.push(
        `MessageContextModule has no option "${name}": it knows ${Object.keys(known).join(', ')}.`,
      );
    else if (value !== undefined && typeof value !== expected) {
      problems.push(
        `MessageContextModule option "${name}" is ${writeSafely(value)}: it must be a ${expected}.`,
      );
    }
  }
  if (problems.length > 0) throw new MessageContextConfigurationError(problems);
  return {
    generateId: options.generateId ?? randomUUID,
    trustIdentity: options.trustIdentity ?? (() => false),
    echoCorrelationId: options.echoCorrelationId ?? true,
  };
}
