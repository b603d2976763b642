import { AmqpConnection, type RabbitMQConfig } from '@golevelup/nestjs-rabbitmq';

const silence = { log() {}, error() {}, warn() {}, debug() {}, verbose() {} };

/** A connected `AmqpConnection`, as golevelup's module makes it, which connects again soon. */
export async function openGolevelup(
  uri: string,
  config: Partial<RabbitMQConfig> = {},
): Promise<AmqpConnection> {
  const connection = new AmqpConnection({
    uri,
    logger: silence,
    connectionManagerOptions: { reconnectTimeInSeconds: 0.1 },
    ...config,
  });
  await connection.init();
  return connection;
}
