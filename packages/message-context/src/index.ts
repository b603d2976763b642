// For services
export { MessageContextModule } from './message-context.module.js';
export type { MessageContextModuleOptions } from './message-context.options.js';
export { MessageContext } from './context/message-context.js';
export type { InboundMessage, Transport } from './context/inbound-message.js';
export type { InboundHeaders } from './context/inbound-headers.js';
export { handlerName, type HandlerRef } from './context/handler-ref.js';
export type { Delivery } from './delivery/delivery.js';
export type { SettleDecision } from './delivery/decision.js';
export {
  DeadLetter,
  Discard,
  NonRetryableError,
  OutcomeSignal,
  Requeue,
  RetryLater,
  type NonRetryableOptions,
  type RetryLaterOptions,
  type SignalOptions,
} from './delivery/outcome-signals.js';
export { PlainJsonDeserializer, type IncomingPacket } from './wire/plain-json.deserializer.js';
export {
  isMessageContextError,
  MessageContextConfigurationError,
  MessageContextError,
  MessageContextLostError,
  MessageContextMissingError,
  PublisherClosedError,
  PublisherConfigurationError,
  PublishError,
  StageNotInjectedError,
  type PublishErrorReason,
} from './message-context.errors.js';

// For packages of this family, and for whoever writes another stage, publisher or transport
export { MessageContextCoreModule } from './message-context.module.js';
export { bodyStage } from './doors/body-door.js';
export { edgeStage } from './doors/edge-door.js';
export type { StageDecorator } from './doors/decorate.js';
export {
  BODY_SLOTS,
  EDGE_SLOTS,
  type BodyCall,
  type BodySlot,
  type BodyStage,
  type BodyStageService,
  type EdgeSlot,
  type EdgeStage,
  type EdgeStageService,
  type HandlerKind,
  type StageCall,
  type StageHandler,
} from './doors/slots.js';
export type { Arrival, Arrivals } from './delivery/arrivals.js';
export { AttemptStore, type AttemptKey } from './delivery/attempt-store.js';
export { OrderStore, type OrderedKey } from './delivery/order-store.js';
export { decisionFor } from './delivery/decide.js';
export {
  golevelupConfigOf,
  handlerKindsOf,
  patternsOf,
  type GolevelupHandlerConfig,
} from './doors/handler-kinds.js';
export { handlerMethodsOf, type HandlerMethod } from './doors/handler-method.js';
export {
  GrpcAnswers,
  type GrpcCallback,
  type GrpcHandling,
  type GrpcServed,
} from './transports/grpc/grpc-answers.js';
export type { GrpcCallLike } from './transports/grpc/grpc-facts.js';
export { LocalSettlement } from './delivery/local-settlement.js';
export { MessageObserver } from './delivery/message-observer.js';
export {
  Settlement,
  type BrokerAnswer,
  type FailedHandling,
  type Settling,
} from './delivery/settlement.js';
export type { AmqpDeliveryLike } from './transports/amqp/amqp-facts.js';
export { SIGNAL, signalOf } from './delivery/outcome-signals.js';
export { HeaderNames } from './wire/header-names.js';
export {
  isRpcErrorBody,
  rpcErrorBody,
  statusOfRpcError,
  type RpcErrorBody,
} from './wire/rpc-error.js';
export { replyHeaders } from './wire/reply-headers.js';
export { RPC_ANSWER, STATUS, statusOf, type ErrorStatus } from './wire/status.js';
export type { HeaderValue, OutboundMessage } from './wire/outbound-message.js';
export type { BrokerAnswers, BrokerProbe } from './wire/broker-probe.js';
export { NEST_PACKET } from './wire/nest-packet.js';
export { Publisher, type PublishOutcome } from './wire/publisher.js';
export { EventSink } from './wire/event-sink.js';
