import * as api from '@acme/nest-message-context';
import type {
  AmqpDeliveryLike,
  BodyCall,
  BodySlot,
  BodyStage,
  BodyStageService,
  BrokerAnswer,
  BrokerAnswers,
  BrokerProbe,
  Delivery,
  EdgeSlot,
  EdgeStage,
  EdgeStageService,
  ErrorStatus,
  HandlerKind,
  HandlerRef,
  HeaderValue,
  InboundHeaders,
  InboundMessage,
  IncomingPacket,
  MessageContextModuleOptions,
  NonRetryableOptions,
  OutboundMessage,
  PublishErrorReason,
  PublishOutcome,
  RetryLaterOptions,
  SettleDecision,
  Settling,
  SignalOptions,
  StageCall,
  StageDecorator,
  StageHandler,
  Transport,
} from '@acme/nest-message-context';
import { describe, expect, expectTypeOf, it } from 'vitest';

/** Every exported type: a type that is taken away does not compile here. */
interface Types {
  AmqpDeliveryLike: AmqpDeliveryLike;
  BodyCall: BodyCall;
  BodySlot: BodySlot;
  BodyStage: BodyStage;
  BodyStageService: BodyStageService;
  BrokerAnswer: BrokerAnswer;
  BrokerAnswers: BrokerAnswers;
  BrokerProbe: BrokerProbe;
  Delivery: Delivery;
  EdgeSlot: EdgeSlot;
  EdgeStage: EdgeStage;
  EdgeStageService: EdgeStageService;
  ErrorStatus: ErrorStatus;
  HandlerKind: HandlerKind;
  HandlerRef: HandlerRef;
  HeaderValue: HeaderValue;
  InboundHeaders: InboundHeaders;
  InboundMessage: InboundMessage;
  IncomingPacket: IncomingPacket;
  MessageContextModuleOptions: MessageContextModuleOptions;
  NonRetryableOptions: NonRetryableOptions;
  OutboundMessage: OutboundMessage;
  PublishErrorReason: PublishErrorReason;
  PublishOutcome: PublishOutcome;
  RetryLaterOptions: RetryLaterOptions;
  SettleDecision: SettleDecision;
  Settling: Settling;
  SignalOptions: SignalOptions;
  StageCall: StageCall;
  StageDecorator: StageDecorator;
  StageHandler: StageHandler;
  Transport: Transport;
}

describe('the public API', () => {
  it('is these names, and a change of them is a decision', () => {
    expect(Object.keys(api).sort()).toMatchInlineSnapshot(`
      [
        "AttemptStore",
        "BODY_SLOTS",
        "DeadLetter",
        "Discard",
        "EDGE_SLOTS",
        "EventSink",
        "GrpcAnswers",
        "HeaderNames",
        "LocalSettlement",
        "MessageContext",
        "MessageContextConfigurationError",
        "MessageContextCoreModule",
        "MessageContextError",
        "MessageContextLostError",
        "MessageContextMissingError",
        "MessageContextModule",
        "MessageObserver",
        "NEST_PACKET",
        "NonRetryableError",
        "OrderStore",
        "OutcomeSignal",
        "PlainJsonDeserializer",
        "PublishError",
        "Publisher",
        "PublisherClosedError",
        "PublisherConfigurationError",
        "RPC_ANSWER",
        "Requeue",
        "RetryLater",
        "SIGNAL",
        "STATUS",
        "Settlement",
        "StageNotInjectedError",
        "bodyStage",
        "decisionFor",
        "edgeStage",
        "golevelupConfigOf",
        "handlerKindsOf",
        "handlerMethodsOf",
        "handlerName",
        "isMessageContextError",
        "isRpcErrorBody",
        "patternsOf",
        "replyHeaders",
        "rpcErrorBody",
        "signalOf",
        "statusOf",
        "statusOfRpcError",
      ]
    `);
  });

  it('lets decorators, edge and body, stand on classes and methods', () => {
    expectTypeOf<StageDecorator>().toExtend<ClassDecorator>();
    expectTypeOf<StageDecorator>().toExtend<MethodDecorator>();
    expectTypeOf<Types[keyof Types]>().not.toBeAny();
    expect(api.BODY_SLOTS).toEqual(['order', 'attempts', 'idempotency']);
    expect(api.EDGE_SLOTS).toEqual(['deadline', 'version']);
  });

  it('names handlers as Class.method', () => {
    expect(api.handlerName({ className: 'Orders', methodName: 'place' })).toBe('Orders.place');
  });
});
