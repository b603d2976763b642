import { randomUUID } from 'node:crypto';
import { RecordedDelivery } from '../delivery/delivery.js';
import type { SettleDecision } from '../delivery/decision.js';
import { InboundMessage, type InboundFacts } from './inbound-message.js';
import { MessageContext, type ContextSettings } from './message-context.js';
import { storage } from './storage.js';

/** Opens the contexts of one application. */
export class Contexts {
  constructor(
    private readonly settings: ContextSettings,
    private readonly warn: (text: string) => void,
  ) {}

  /** Opens a context, or joins the one that is open for this transport object already. */
  openOrJoin(key: object, facts: () => InboundFacts, settles = false): MessageContext {
    const open = storage.open.get(key);
    if (open) return open;
    const context = this.open(facts(), settles, key);
    storage.open.set(key, context);
    return context;
  }

  /**
   * The context for one more handler of a message that is being handled already: same delivery and correlation, but a
   * handler and a payload of its own. Undefined when none is open for this transport object.
   */
  sibling(key: object, facts: () => InboundFacts): MessageContext | undefined {
    const open = storage.open.get(key);
    if (!open) return undefined;
    const message = new InboundMessage(facts(), open.message.delivery);
    return new MessageContext(message, open.correlationId, this.settings, key);
  }

  open(facts: InboundFacts, settles: boolean, key?: object): MessageContext {
    const delivery = new RecordedDelivery(settles, (ignored, kept) =>
      this.warn(secondDecision(facts, ignored, kept)),
    );
    return new MessageContext(
      new InboundMessage(facts, delivery),
      facts.correlationId,
      this.settings,
      key,
    );
  }
}

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
