export { RabbitMqModule } from './rabbitmq.module.js';
export type { Connect, RabbitMqModuleOptions } from './rabbitmq.options.js';
export type {
  DeadLetterOptions,
  QueuePolicyOptions,
  RetryOptions,
} from './policy/policy.options.js';
export { RmqDeadLetter, RmqRetry } from './policy/decorators.js';
export type { QueueType } from './core/hop-queues.js';
export * from './rabbitmq.errors.js';
export { RmqConsumer, type RmqConsumerOptions } from './timeout/rmq-consumer.decorator.js';
export { RmqOrdered } from './ordered/rmq-ordered.decorator.js';
export {
  orderedTopology,
  type OrderedSource,
  type OrderedTopology,
  type OrderedTopologyOptions,
  type TopologyConnectionLike,
} from './ordered/ordered-topology.js';
export { OrderedKeys, type StoppedKey } from './ordered/ordered-keys.js';
export type {
  OrderedCall,
  OrderKeySource,
  RmqOrderedOptions,
  SequenceOptions,
} from './ordered/ordered.options.js';
export { RabbitMqEvents } from './observability/rabbitmq-events.js';
export type {
  RabbitMqAbandonedEvent,
  RabbitMqConsumerBackEvent,
  RabbitMqConsumerLostEvent,
  RabbitMqEvent,
  RabbitMqKeyResumedEvent,
  RabbitMqKeyStoppedEvent,
  RabbitMqOutOfSequenceEvent,
  RabbitMqSettledEvent,
  RabbitMqSlowConsumerEvent,
  SettleOutcome,
} from './observability/event.js';
export {
  RabbitMqHealthIndicator,
  type RabbitMqHealthOptions,
  type RabbitMqHealthReport,
  type RabbitMqHealthResult,
} from './watchdog/rabbitmq-health-indicator.js';
export {
  RabbitMqPublisher,
  type RabbitMqPublisherOptions,
} from './publisher/rabbitmq-publisher.js';
export {
  GolevelupPublisher,
  type GolevelupConnectionLike,
  type GolevelupPublisherOptions,
} from './publisher/golevelup-publisher.js';
export {
  ClientRmqPublisher,
  type ClientRmqPublisherOptions,
} from './publisher/client-rmq-publisher.js';
export { connectToAny, type ConnectToAnyOptions } from './publisher/connect-to-any.js';
export { rabbitMqProbe } from './publisher/broker-probe.js';
export type {
  AmqpChannelLike,
  AmqpConfirmChannelLike,
  AmqpConnectionLike,
  AmqpConnectionManagerLike,
  AmqpDeclaringChannelLike,
  AmqpPublishOptions,
  AmqpSharedConnectionLike,
  AmqpTakenLike,
  AmqpTakingChannelLike,
  AmqpTakingConnectionLike,
  TopologyChannelLike,
} from './publisher/amqp-like.js';
export type { AmqpPublishingOptions } from './publisher/amqp-publisher.js';
export { DeadLetters } from './dead-letters/dead-letters.js';
export type {
  DeadLetterGroups,
  DeadLetterList,
  DeadLetterPeek,
  DeadLettersOptions,
  DeadLetterProgress,
  ExportOptions,
  ListOptions,
  Look,
  LookOptions,
  ParkedMessageInFull,
  PeekOptions,
  PurgeOptions,
  PurgeReport,
  RedriveFailure,
  RedriveFailureReason,
  RedriveLeft,
  RedriveOptions,
  RedriveReport,
  RunEnd,
  RunOptions,
} from './dead-letters/dead-letters.types.js';
export type { DeadLetterFilter } from './core/dead-letter-filter.js';
export type { DeadLetterGroup } from './core/dead-letter-groups.js';
export type { ParkedMessage } from './core/parked-message.js';
export type { ParkedOrigin } from './core/parked-origin.js';
export {
  importedMessage,
  type ExportedMessage,
  type ImportedMessage,
} from './core/exported-message.js';
export { Topology } from './topology/topology.js';
export type {
  TopologyBootOptions,
  TopologyDifference,
  TopologyEntry,
  TopologyOptions,
  TopologyPlan,
  WantedBinding,
  WantedExchange,
  WantedQueue,
  WantedTopology,
} from './topology/topology.types.js';
export type { Difference } from './core/declaration-differences.js';
export type { TopologyRemedy } from './core/topology-remedy.js';
