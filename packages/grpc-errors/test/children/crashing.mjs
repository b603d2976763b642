// A service in a process of its own, on stock Nest or with this package, and one call of it that may end it.
import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { MessageContextModule } from '@acme/nest-message-context';
import { GrpcErrorsModule } from '@acme/nest-grpc-errors';
import { Controller, Module } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import * as microservices from '@nestjs/microservices';

const { GrpcMethod, GrpcStreamCall, RpcException, Transport } = microservices;
const { SETTING, WHAT, PORT } = process.env;
const protoPath = fileURLToPath(new URL('../support/probe.proto', import.meta.url));
const url = `127.0.0.1:${PORT}`;

class Probe {
  unary() {
    throw new RpcException({ code: 9, message: 'half \ud83d' });
  }

  passThrough() {
    throw new RpcException({ code: 9, message: 'thrown' });
  }
}
const decorate = (name, decorator) =>
  decorator(Probe.prototype, name, Object.getOwnPropertyDescriptor(Probe.prototype, name));
decorate('unary', GrpcMethod('Probe', 'Unary'));
decorate('passThrough', GrpcStreamCall('Probe', 'PassThrough'));
Controller()(Probe);

class ProbeModule {}
const { GrpcExceptionFilter } = microservices;
Module({
  imports:
    SETTING === 'ours'
      ? [MessageContextModule.forRoot(), GrpcErrorsModule.forRoot({ domain: 'probe.test' })]
      : [],
  controllers: [Probe],
  providers: SETTING === 'filter' ? [{ provide: APP_FILTER, useClass: GrpcExceptionFilter }] : [],
})(ProbeModule);

const app = await NestFactory.createMicroservice(ProbeModule, {
  transport: Transport.GRPC,
  options: { package: 'probe.v1', protoPath, url },
  logger: false,
});
await app.listen();

const { probe } = loadPackageDefinition(loadSync(protoPath));
const client = new probe.v1.Probe(url, credentials.createInsecure());
const options = { deadline: Date.now() + 1_500 };
const answered = (error) => {
  process.stdout.write(`${status[error?.code]} "${error?.details}"\n`);
  process.exit(0);
};
if (WHAT === 'pass-through') client.PassThrough(options, answered).end();
else client.Unary({ id: 'a' }, options, answered);
