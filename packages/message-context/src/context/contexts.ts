import { randomUUID } from 'node:crypto';
import { RecordedDelivery } from '../delivery/delivery.js';
import type { SettleDecision } from '../delivery/decision.js';
import type { MessageObserver } from '../delivery/message-observer.js';
import { textOf, writeSafely } from '../read-safely.js';
import { isAcceptableId } from './correlation.js';
import { InboundMessage, type InboundFacts } from './inbound-message.js';
import { MessageContext, type ContextSettings } from './message-context.js';
import { openedFor, remember } from './storage.js';

/** Opens the contexts of one application. */
export class Contexts {
  private readonly settings: ContextSettings;

  constructor(
    settings: ContextSettings,
    private readonly warn: (text: string) => void,
    private readonly observer?: MessageObserver,
  ) {
    this.settings = guarded(settings, warn);
  }

  /** Opens a context, or joins the one that is open for this transport object already. */
  openOrJoin(key: object, facts: () => InboundFacts, settles = false): MessageContext {
    const open = openedFor(key);
    if (open) return open;
    const context = this.open(facts(), settles, key);
    remember(key, context);
    return context;
  }

  /**
   * The context for one more handler of a message that is being handled already: same delivery and correlation, but a
   * handler and a payload of its own.
   */
  sibling({ message, correlationId, key }: MessageContext, facts: InboundFacts): MessageContext {
    const sibling = new InboundMessage(facts, message.delivery);
    return new MessageContext(sibling, correlationId, this.settings, key);
  }

  open(facts: InboundFacts, settles: boolean, key?: object): MessageContext {
    const delivery = new RecordedDelivery(settles, (ignored, kept) =>
      this.warn(secondDecision(facts, ignored, kept)),
    );
    const message = new InboundMessage(facts, delivery);
    const context = new MessageContext(message, facts.correlationId, this.settings, key);
    this.observer?.opened(context);
    return context;
  }
}

/**
 * The user's functions run while a context is opened, before anything could answer or settle the message: what they get
 * wrong must not leave it in limbo. Identity is then not trusted, and an id that may not travel is replaced.
 */
function guarded(
  { generateId, trustIdentity }: ContextSettings,
  warn: (text: string) => void,
): ContextSettings {
  return {
    generateId:
      generateId === randomUUID
        ? generateId
        : () => {
            const id = attempt(generateId);
            if (typeof id.value === 'string' && isAcceptableId(id.value)) return id.value;
            warn(
              `generateId ${toldBy(id)}, which cannot be a correlation id (1 to 128 printable ASCII characters): a UUID is used instead. Correct generateId.`,
            );
            return randomUUID();
          },
    trustIdentity: (message) => {
      const trusted = attempt(() => trustIdentity(message));
      if (typeof trusted.value === 'boolean') return trusted.value;
      warn(
        `trustIdentity ${toldBy(trusted)} instead of true or false for "${message.name}": its tenant and user are not trusted. Correct trustIdentity; it cannot be asynchronous.`,
      );
      return false;
    },
  };
}

type Attempt = { readonly value?: unknown; readonly error?: unknown };

function attempt(fn: () => unknown): Attempt {
  try {
    return { value: fn() };
  } catch (error) {
    return { error };
  }
}

const toldBy = (told: Attempt): string =>
  'error' in told ? `threw "${textOf(told.error)}"` : `returned ${writeSafely(told.value)}`;

/** For methods called where no application configured anything. */
export const defaultContexts = new Contexts(
  { generateId: randomUUID, trustIdentity: () => false },
  () => {},
);

function secondDecision(
  { name, messageId }: InboundFacts,
  ignored: SettleDecision,
  kept: SettleDecision,
): string {
  return (
    `Delivery ${messageId ?? '(no id)'} of "${name}" was already decided (${kept.action}); ` +
    `the later decision "${ignored.action}" has no effect. Settle a message once.`
  );
}
