import { GrpcErrorsModule } from '@acme/nest-grpc-errors';
import { Module } from '@nestjs/common';
import './errors.mjs';

export default class AsyncModule {}
Module({
  imports: [GrpcErrorsModule.forRootAsync({ useFactory: () => ({ domain: 'hidden.test' }) })],
})(AsyncModule);
