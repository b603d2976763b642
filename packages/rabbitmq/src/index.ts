export { RabbitMqModule } from './rabbitmq.module.js';
export type { RabbitMqModuleOptions } from './rabbitmq.options.js';
export type {
  DeadLetterOptions,
  QueuePolicyOptions,
  RetryOptions,
} from './policy/policy.options.js';
export { RmqDeadLetter, RmqRetry } from './policy/decorators.js';
export type { QueueType } from './core/hop-queues.js';
export * from './rabbitmq.errors.js';
export { RmqOrdered } from './ordered/rmq-ordered.decorator.js';
export {
  orderedTopology,
  type OrderedSource,
  type OrderedTopology,
  type OrderedTopologyOptions,
  type TopologyChannelLike,
  type TopologyConnectionLike,
} from './ordered/ordered-topology.js';
export type { OrderedCall, OrderKeySource, RmqOrderedOptions } from './ordered/ordered.options.js';
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
export { rabbitMqProbe } from './publisher/broker-probe.js';
export type {
  AmqpChannelLike,
  AmqpConfirmChannelLike,
  AmqpConnectionLike,
  AmqpConnectionManagerLike,
  AmqpDeclaringChannelLike,
  AmqpDeclaringConnectionLike,
  AmqpPublishOptions,
  AmqpSharedConnectionLike,
} from './publisher/amqp-like.js';
export type { AmqpPublishingOptions } from './publisher/amqp-publisher.js';
