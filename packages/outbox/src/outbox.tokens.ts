import { Inject } from '@nestjs/common';
import { OutboxAdmin } from './admin/outbox-admin.js';
import { OutboxHealthIndicator } from './health/outbox-health-indicator.js';
import { OutboxEvents } from './observability/outbox-events.js';
import { Outbox } from './outbox.js';
import { OutboxRelay } from './relay/outbox-relay.js';

/** Key under which the module finds its options. */
export const OUTBOX_OPTIONS = 'OutboxModuleOptions';
/** The options with their defaults, all checked. */
export const OUTBOX_SETTINGS = 'OutboxModuleSettings';
/** What tells and hears that something was added. */
export const OUTBOX_WAKE_UP = 'OutboxModuleWakeUp';
/** What tells spans, metrics and events. */
export const OUTBOX_OBSERVABILITY = 'OutboxModuleObservability';
/** One outbox from the start of the application to its end. */
export const OUTBOX_LIFE = 'OutboxModuleLife';

/** Name of the outbox of `OutboxModule.forRoot()`. */
export const DEFAULT_OUTBOX = 'default';

/**
 * DI token of the outbox of `OutboxModule.forFeature(name, …)`; without a name, that of `forRoot()`, which is the class
 * itself. A name gives a string that Nest prints when nobody provides it, so it says what is missing.
 */
export function getOutboxToken(name: string = DEFAULT_OUTBOX): string | typeof Outbox {
  if (name === DEFAULT_OUTBOX) return Outbox;
  return `Outbox of OutboxModule.forFeature('${name}', { store, publisher })`;
}

/** DI token of the relay of `OutboxModule.forFeature(name, …)`; without a name, the class `OutboxRelay`, that of `forRoot()`. */
export function getOutboxRelayToken(name: string = DEFAULT_OUTBOX): string | typeof OutboxRelay {
  if (name === DEFAULT_OUTBOX) return OutboxRelay;
  return `OutboxRelay of OutboxModule.forFeature('${name}', { store, publisher })`;
}

/** DI token of what looks after the outbox of that name; without a name, the class `OutboxAdmin`. */
export function getOutboxAdminToken(name: string = DEFAULT_OUTBOX): string | typeof OutboxAdmin {
  if (name === DEFAULT_OUTBOX) return OutboxAdmin;
  return `OutboxAdmin of OutboxModule.forFeature('${name}', { store, publisher })`;
}

/** DI token of the events of the outbox of that name; without a name, the class `OutboxEvents`. */
export function getOutboxEventsToken(name: string = DEFAULT_OUTBOX): string | typeof OutboxEvents {
  if (name === DEFAULT_OUTBOX) return OutboxEvents;
  return `OutboxEvents of OutboxModule.forFeature('${name}', { store, publisher })`;
}

/** DI token of the health of the outbox of that name; without a name, the class `OutboxHealthIndicator`. */
export function getOutboxHealthToken(
  name: string = DEFAULT_OUTBOX,
): string | typeof OutboxHealthIndicator {
  if (name === DEFAULT_OUTBOX) return OutboxHealthIndicator;
  return `OutboxHealthIndicator of OutboxModule.forFeature('${name}', { store, publisher })`;
}

/** Injects the named `Outbox`; without a name, that of `forRoot()`. */
export const InjectOutbox = (name?: string): PropertyDecorator & ParameterDecorator =>
  Inject(getOutboxToken(name));

/** Injects the named `OutboxRelay`; without a name, that of `forRoot()`. */
export const InjectOutboxRelay = (name?: string): PropertyDecorator & ParameterDecorator =>
  Inject(getOutboxRelayToken(name));

/** Injects the named `OutboxAdmin`; without a name, that of `forRoot()`. */
export const InjectOutboxAdmin = (name?: string): PropertyDecorator & ParameterDecorator =>
  Inject(getOutboxAdminToken(name));

/** Injects the named `OutboxEvents`; without a name, those of `forRoot()`. */
export const InjectOutboxEvents = (name?: string): PropertyDecorator & ParameterDecorator =>
  Inject(getOutboxEventsToken(name));

/** Injects the named `OutboxHealthIndicator`; without a name, that of `forRoot()`. */
export const InjectOutboxHealth = (name?: string): PropertyDecorator & ParameterDecorator =>
  Inject(getOutboxHealthToken(name));

/** @internal How the module is called for the outbox of `forRoot()`, or for the feature of that name. */
export const moduleCall = (feature: string | undefined): string =>
  feature === undefined ? 'OutboxModule.forRoot()' : `OutboxModule.forFeature('${feature}')`;
