export { events, type OrderPlacedV1, type PaymentCapturedV1 } from './events';
export { grpcLoader, orderProto } from './grpc';
export * from './generated/order/v1/order';
