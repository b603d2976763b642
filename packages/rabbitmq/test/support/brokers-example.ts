import { readFileSync } from 'node:fs';
import { MessageContextModule } from '@acme/nest-message-context';
import { connectToAny, RabbitMqModule } from '@acme/nest-rabbitmq';
import { Module } from '@nestjs/common';
import { connect } from 'amqplib';

/** In the guide, with URLs of its own where a test runs it. */
export const byTls = (urls: string[], files: { ca: string; cert: string; key: string }) => {
  // #region nodes
  const tls = {
    ca: [readFileSync(files.ca)],
    // Where the broker wants a certificate of yours.
    cert: readFileSync(files.cert),
    key: readFileSync(files.key),
  };
  const connectToBroker = connectToAny(urls, (url) => connect(url, tls));
  // #endregion
  return connectToBroker;
};

export const ofSeveral = ({ shop, billing }: { shop: string; billing: string }) => {
  // #region several
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      RabbitMqModule.forRoot({ connect: [() => connect(shop), () => connect(billing)] }),
    ],
  })
  class BrokersModule {}
  // #endregion
  return BrokersModule;
};
